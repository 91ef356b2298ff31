"""An archive of diagnostics: what somebody far away must know of the station, without its secrets.

Owns what is in it and how large it may become. Members, in the order in which they get their share of the room: `status.json`
(the control socket's status), `health.json` (every part: open, or lost and why), `configuration.json` (the settings file with
secrets blanked, the OCPP keys that may be read), `versions.json`, `security.csv` (the security log), `ledger.csv` and
`dead_letters.csv` (id tags blanked), `log.txt` (the newest lines of this process), `journal.txt` (the unit's, where journalctl
has them), and `manifest.json`, which says what is in it, what was cut and what is missing. A bundle for support
(`chargepoint support`) has `doctor.json` beside. startTime and stopTime hold for ledger, log and journal. Everything is text;
together they have at most `bytes_max` before they are packed.
"""

import csv
import io
import json
import os
import platform
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from chargepoint.core.control import blanked
from chargepoint.durable import whole
from chargepoint.shell.recent import stamp
from chargepoint.shell.redact import without_secrets

JOURNAL_LINES = 50_000
JOURNAL_S = 20.0
MANIFEST_BYTES = 24_576
LIBRARIES = ("chargepoint", "msgspec", "websockets", "pymodbus", "pyserial", "sqlite-utils", "urllib3", "asyncssh")
CUT = "\n(cut here: the archive has no more room)\n"

Table = list[dict[str, Any]]

HOLDS = {
    "status.json": "what the station does at this moment",
    "health.json": "every part: open, or lost and why",
    "configuration.json": "settings and OCPP keys, secrets blanked",
    "doctor.json": "what the doctor found",
    "versions.json": "programs, libraries, machine",
    "security.csv": "the security log",
    "ledger.csv": "sessions, card numbers blanked",
    "dead_letters.csv": "what the Central System never took",
    "log.txt": "the service's newest lines",
    "journal.txt": "the same from the system's journal, over restarts",
    "recording.jsonl.gz": "the newest events, for a replay; card numbers are in it",
    "manifest.json": "this list, and what is missing",
}
"""What a member is, in a few words."""


class Member(Struct, frozen=True):
    """One file of an archive."""

    name: str
    data: bytes


class Known(Struct, frozen=True, kw_only=True):
    """What the station knows at this moment. start_s, stop_s: the time that is asked for, seconds since 1970 UTC.

    missing: what could not be had, a sentence each. findings: the doctor's, None where he was not asked. units: whose lines of
    the system's journal are wanted, None for this process's own unit. blank: takes secrets out of a text, once more.
    """

    station: str
    status: dict[str, Any]
    health: Table
    configuration: dict[str, Any]
    firmware_version: str
    ledger: Table
    dead_letters: Table
    security_log: Table
    log: Sequence[str]
    missing: tuple[str, ...] = ()
    start_s: float | None = None
    stop_s: float | None = None
    findings: dict[str, Any] | None = None
    units: str | None = None
    blank: Callable[[str], str] = without_secrets


def build(path: Path, known: Known, bytes_max: int) -> None:
    """Writes the archive, whole or not at all. Blocks; raises OSError."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with whole(path) as file:
        pack(file, path.name.removesuffix(".tar.gz"), members(known, bytes_max))


def pack(file: IO[bytes], folder: str, found: Sequence[Member]) -> None:
    """Writes members as a tar into the file, all in one folder. Blocks; raises OSError."""
    now_s = int(time.time())
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
        for member in found:
            entry = tarfile.TarInfo(f"{folder}/{member.name}")
            entry.size, entry.mtime, entry.mode = len(member.data), now_s, 0o600
            archive.addfile(entry, io.BytesIO(member.data))


def members(known: Known, bytes_max: int, recording: bytes = b"") -> list[Member]:
    """What goes into an archive, secrets blanked, at most bytes_max of it, without the recording. Blocks: asks the journal."""
    remarks = list(known.missing)
    found: list[Member] = []
    left = bytes_max - MANIFEST_BYTES

    def add(name: str, text: str) -> None:
        nonlocal left
        data = known.blank(text).encode("utf-8", "replace")
        if len(data) > left:
            remarks.append(f"{name} was cut from {len(data)} to {left} bytes")
            data = (data[: max(0, left - len(CUT))] + CUT.encode())[:left]
        left -= len(data)
        found.append(Member(name, data))

    add("status.json", _json(known.status))
    add("health.json", _json(known.health))
    add("configuration.json", _json(known.configuration))
    if known.findings is not None:
        add("doctor.json", _json(known.findings))
    add("versions.json", _json(versions(known.firmware_version)))
    add("security.csv", _csv(_of_time(known.security_log, known.start_s, known.stop_s)))
    add("ledger.csv", _csv([row for row in known.ledger if _in_time(row, known.start_s, known.stop_s)]))
    add("dead_letters.csv", _csv(known.dead_letters))
    add("log.txt", "".join(f"{line}\n" for line in known.log))
    lines, missing = journal(known.start_s, known.stop_s, max(0, left), known.units)
    remarks += [missing] if missing else []
    add("journal.txt", lines)
    left += MANIFEST_BYTES
    period = [None if at_s is None else stamp(at_s) for at_s in (known.start_s, known.stop_s)]
    found += [Member("recording.jsonl.gz", recording)] if recording else []
    manifest = {
        "station": known.station,
        "made": stamp(time.time()),
        "from": period[0],
        "to": period[1],
        "members": [{"name": one.name, "bytes": len(one.data), "holds": HOLDS[one.name]} for one in found],
        "remarks": [remark[:300] for remark in remarks[:50]],
    }
    add("manifest.json", _json(manifest))
    return found


def write_security_log(path: Path, lines: Table, start_s: float | None, stop_s: float | None) -> None:
    """The security log of a time as one file of its own. Blocks; raises OSError."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with whole(path) as file:
        file.write((_csv(_of_time(lines, start_s, stop_s)) or "seq,time,event,info,owed,critical,told\n").encode())


def _of_time(lines: Table, start_s: float | None, stop_s: float | None) -> Table:
    """The oldest first; one without a date is always of interest."""

    def within(at: str | None) -> bool:
        before = start_s is not None and at is not None and at < stamp(start_s)
        after = stop_s is not None and at is not None and at > stamp(stop_s)
        return not (before or after)

    return [line for line in reversed(lines) if within(line.get("time"))]


def versions(firmware_version: str) -> dict[str, Any]:
    """What runs, and on what."""
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            libraries[name] = "not installed"
    return {
        "firmware": firmware_version,
        "machine": _text("/proc/device-tree/model") or platform.machine(),
        "system": _os_name(),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "libraries": libraries,
        "up_s": round(time.clock_gettime(time.CLOCK_BOOTTIME)),
        "load": list(os.getloadavg()),
        "memory": _memory(),
    }


def journal(start_s: float | None, stop_s: float | None, bytes_max: int, units: str | None = None) -> tuple[str, str]:
    """The newest lines of our unit (or of `units`, a pattern) in the system's journal; and why there are none, if so."""
    unit = units or _unit()
    if unit is None:
        return "", "journal.txt is empty: the process is not a unit of systemd"
    if shutil.which("journalctl") is None:
        return "", "journal.txt is empty: there is no journalctl"
    command = [
        "journalctl",
        f"--unit={unit}",
        "--output=short-iso-precise",
        "--no-pager",
        "--quiet",
        f"--lines={JOURNAL_LINES}",
    ]
    command += [f"--since=@{start_s:.0f}"] if start_s is not None else []
    command += [f"--until=@{stop_s:.0f}"] if stop_s is not None else []
    try:
        done = subprocess.run(command, capture_output=True, timeout=JOURNAL_S, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"journal.txt is empty: {error}"[:300]
    text = without_secrets(done.stdout.decode("utf-8", "replace"))
    if len(text) > bytes_max:
        text = text[-bytes_max:].partition("\n")[2]  # the newest lines are worth more
    return text, "" if text else f"journal.txt is empty: {done.stderr.decode('utf-8', 'replace').strip()[:200] or 'no lines'}"


def _unit() -> str | None:
    """The unit of systemd that this process belongs to."""
    group = _text("/proc/self/cgroup").rpartition("/")[2]
    return group if group.endswith(".service") and "INVOCATION_ID" in os.environ else None


def _in_time(row: dict[str, Any], start_s: float | None, stop_s: float | None) -> bool:
    """The session ran in that time; one without a date is always of interest."""
    begun, ended = row.get("started"), row.get("stopped")
    too_old = start_s is not None and isinstance(ended, str) and ended < stamp(start_s)
    too_new = stop_s is not None and isinstance(begun, str) and begun > stamp(stop_s)
    return not (too_old or too_new)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def _csv(rows: Table) -> str:
    """Rows as CSV, id tags blanked: a card's number opens every station that trusts it."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        row = {**row, **({"id_tag": blanked(str(row["id_tag"]))} if row.get("id_tag") else {})}
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is led by an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.system()


def _memory() -> str:
    return next(
        (line.split(":")[1].strip() for line in _text("/proc/self/status").splitlines() if line.startswith("VmRSS")), ""
    )
