"""What goes into a bundle for support, asked of a running service or read while it is stopped; and no secret with it.

Owns the second look for secrets. The first is that of whoever writes: settings by the names of their keys, frames and log by
the service. Here every text is searched once more for the very words that are secrets of this station (shell/blanking).
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chargepoint.core.control import blanked
from chargepoint.doctor.examination import examine, verdict
from chargepoint.doctor.finding import Ask, AskError, Finding, Level
from chargepoint.doctor.subject import Subject
from chargepoint.settings import masked, redacted
from chargepoint.shell.blanking import blanker, secrets_in, secrets_of
from chargepoint.shell.diagnostics import Known
from chargepoint.shell.journals import kept
from chargepoint.shell.redact import BLANK
from chargepoint.store import StoreError, reading
from chargepoint.tables import Problem

UNITS = "chargepoint*"
PAGE = 1_000
LEDGER_MAX = 5_000
LOG_LINES = 5_000
FILE_MAX = 4_096
RECORDING_MAX = 8 << 20

Table = list[dict[str, Any]]


async def gathered(subject: Subject, ask: Ask | None, *, doctor: bool) -> Known:
    """Everything that a bundle holds. ask: None where no service listens. doctor: his examination too, which takes a while."""
    wrong = [] if subject.settings else subject.checked.problems[:1]
    missing = [f"no settings: {one}" for one in wrong]
    status, keys, log = dict(subject.status or {}), Table(), list[str]()
    if ask is None or subject.silence:  # one that is silent is not asked five times more
        missing.append(f"{subject.silence or 'the service does not run'}: no status, no OCPP keys, no lines of its own")
        sessions, letters, events = _stopped(subject.state_dir, missing)
    else:
        keys = (await _asked("the OCPP keys", ask("get_settings", names=[]), {}, missing)).get("keys", [])
        log = (await _asked("the log", ask("log", limit=LOG_LINES), {}, missing)).get("lines", [])
        sessions = await _pages("sessions", lambda at: ask("ledger", limit=PAGE, offset=at), missing)
        letters = (await _asked("dead letters", ask("dead_letters"), {}, missing)).get("dead_letters", [])
        events = await _pages("events", lambda at: ask("security_log", limit=PAGE, offset=at), missing)
    findings = [finding async for finding in examine(subject)] if doctor else []
    return Known(
        station=_identity(subject),
        status=status,
        health=subject.health,
        configuration={
            "settings": _settings(subject),
            "problems": [str(one) for one in subject.checked.problems],
            "keys": keys,
        },
        firmware_version=_version(subject),
        ledger=sessions,
        dead_letters=letters,
        security_log=events,
        log=log,
        missing=tuple(missing),
        findings=_told(findings) if doctor else None,
        units=UNITS,
        blank=blanker(words(subject), _identity(subject)),
    )


async def recording(subject: Subject, ask: Ask | None) -> bytes:
    """The newest events: the running service's, or the newest file that a stopped one has left. Empty where there are none."""
    if ask is not None:
        try:
            return base64.b64decode(str((await ask("journal", content=True)).get("content", "")), validate=True)
        except (AskError, binascii.Error):
            return b""
    files = kept(subject.state_dir)
    try:
        return files[-1][1].read_bytes() if files and files[-1][1].stat().st_size <= RECORDING_MAX else b""
    except OSError:
        return b""


def _stopped(state_dir: Path, missing: list[str]) -> tuple[Table, Table, Table]:
    try:
        return (
            _all(lambda at: reading.ledger(state_dir, PAGE, at)),
            reading.dead_letters(state_dir, PAGE),
            _all(lambda at: reading.security_log(state_dir, PAGE, at)),
        )
    except StoreError as error:
        missing.append(f"no sessions, dead letters and security events: {error}")
        return [], [], []


def _all(page: Callable[[int], Table]) -> Table:
    rows: Table = []
    while len(rows) < LEDGER_MAX:
        found = page(len(rows))
        rows += found
        if len(found) < PAGE:
            break
    return rows


async def _pages(name: str, page: Callable[[int], Awaitable[dict[str, Any]]], missing: list[str]) -> Table:
    rows: Table = []
    while len(rows) < LEDGER_MAX:
        found = (await _asked(name, page(len(rows)), {}, missing)).get(name, [])
        rows += found
        if len(found) < PAGE:
            break
    return rows


async def _asked(what: str, answer: Awaitable[dict[str, Any]], otherwise: dict[str, Any], missing: list[str]) -> dict[str, Any]:
    try:
        return await answer
    except AskError as error:
        missing.append(f"{what}: {error}"[:300])
        return otherwise


def _identity(subject: Subject) -> str:
    station = subject.document.get("station")
    found = station.get("identity") if isinstance(station, dict) else None
    return str(found) if isinstance(found, str) and found else "station"


def _version(subject: Subject) -> str:
    settings = subject.settings
    return (
        str((subject.status or {}).get("firmware_version") or (settings.station.firmware_version if settings else ""))
        or "not given"
    )


def _settings(subject: Subject) -> dict[str, Any]:
    """As they hold; of a file that is wrong, as they stand there without what is wrong: a secret may be where none belongs."""
    if subject.settings is not None:
        return redacted(subject.settings)
    shown: dict[str, Any] = masked(subject.document)
    for problem in subject.checked.problems:
        _drop(shown, problem)
    return shown


def _drop(document: dict[str, Any], problem: Problem) -> None:
    """Blanks what a problem is about: one value, or a whole table."""
    path = [name.strip('"') for name in (*problem.section.split("."), problem.key) if name]
    place: Any = document
    for name in path[:-1]:
        if not isinstance(place, dict) or name not in place:
            return
        place = place[name]
    if path and isinstance(place, dict) and path[-1] in place:
        place[path[-1]] = BLANK


def _told(findings: list[Finding]) -> dict[str, Any]:
    from msgspec import to_builtins

    shown: Table = [to_builtins(finding) for finding in findings]
    for one in shown:
        if card := one["facts"].get("card"):
            one["facts"]["card"] = blanked(card)
            one["text"] = one["text"].replace(card, blanked(card))
    return {
        "ok": not any(finding.level is Level.WRONG for finding in findings),
        "verdict": verdict(findings),
        "findings": shown,
    }


# Secrets


def words(subject: Subject) -> frozenset[str]:
    """Every secret of the station that can be known here."""
    found = set(secrets_in(subject.document))
    settings = subject.settings
    if settings is not None:
        found |= secrets_of(settings)
    central = subject.document.get("central_system")
    named = central.get("authorization_key_file") if isinstance(central, dict) else None
    if isinstance(named, str):
        found.add(_content(subject.path.absolute().parent / named))
    if not subject.running:
        try:
            found.add(reading.credentials(subject.state_dir).authorization_key)
        except StoreError:
            found.discard("")  # no store, or none that this user may read: then nothing of it goes into the bundle either
    return frozenset(found - {""})


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_MAX).decode("utf-8", "replace").strip()
    except OSError:
        return ""
