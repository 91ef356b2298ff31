"""Remarks: what is valid in a configuration, but worth an installer's look."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from chargepoint.core.step import Now
from chargepoint.settings import Connector, Settings
from chargepoint.shell.address import AddressError, address_of, ends_with, station_url
from chargepoint.shell.moment import moment
from chargepoint.shell.tls import Trust
from chargepoint.shell.vault.places import places_of

MOUNTS = Path("/proc/self/mountinfo")
USUAL = r"[A-Za-z0-9_.:*+@|=-]+"
PART_NAMES = ("meter", "contactor", "pilot", "lock")


def address(settings: Settings) -> str:
    """The address that the station dials: its identity appended, and wss where the security profile demands TLS."""
    return station_url(address_of(settings))


def settings_remarks(settings: Settings) -> list[str]:
    """Sentences about the settings themselves; those of drivers come from the drivers."""
    return [*_link(settings), *_connectors(settings), *_virtual(settings), *_memory(settings), *_metrics(settings)]


def _link(settings: Settings) -> Iterator[str]:
    system, identity = settings.central_system, settings.station.identity
    section = "[central_system]"
    if not re.fullmatch(USUAL, identity):
        yield f'[station] identity "{identity}" has a blank or sign that many Central Systems refuse; compare it with theirs'
    if ends_with(system.url, identity):
        yield f"{section} url ends with the identity already, and the station appends it once more: take it out of url"
    encrypted = address(settings).startswith("wss://")
    if system.authorization_key and not encrypted:
        yield f"{section} authorization_key travels unencrypted over ws://; use wss:// where the Central System has it"
    credential = system.authorization_key_credential
    if system.security_profile in (1, 2) and not (system.authorization_key or credential):
        yield f"{section} security_profile {system.security_profile} needs an authorization_key; there is none to begin with"
    if encrypted:
        trust = Trust(places_of(settings), lambda: moment(Now(0.0), None, False))
        try:
            trust.context(system.security_profile)
        except AddressError as error:
            yield str(error)


def _connectors(settings: Settings) -> Iterator[str]:
    seen: list[tuple[str, str, object]] = []
    for name, connector in settings.connectors.items():
        section = f"[connectors.{name}]"
        if connector.cable == "socket" and connector.lock is None:
            yield f"{section} is a socket without a lock: a cable can be pulled while charging"
        if connector.current_a_max > settings.station.current_a_max:
            limit = f"{settings.station.current_a_max:g} A"
            yield f"{section} current_a_max {connector.current_a_max:g} A is above the station's own, which caps it at {limit}"
        for part, table in _parts(connector):
            twin = next((where for where, kind, other in seen if kind == part and other == table), None)
            if twin is not None:
                yield f"{section} {part} is the very same as that of {twin}; is this a copy that was not finished?"
            seen.append((section, part, table))


def _parts(connector: Connector) -> Iterator[tuple[str, object]]:
    for part in PART_NAMES:
        table = getattr(connector, part)
        if table is not None:
            yield part, table


def _virtual(settings: Settings) -> Iterator[str]:
    tables = [table for connector in settings.connectors.values() for _, table in _parts(connector)]
    count = sum(1 for table in tables if isinstance(table, dict) and table["driver"] == "virtual")
    if count:
        yield f"{count} parts of connectors use the virtual driver: they belong to a test bench and move no hardware"


def _memory(settings: Settings) -> Iterator[str]:
    """Only what is meant to stay: a trial's state may well lie in /tmp or /run."""
    state_dir = Path(settings.station.state_dir)
    with contextlib.suppress(OSError):
        if state_dir.is_relative_to("/var") and in_memory(state_dir, MOUNTS.read_text()):
            lost = "every session and setting is lost with the power (docs/sd-card.md)"
            yield f"[station] state_dir {state_dir} lies in memory: {lost}"


def in_memory(path: Path, mounts: str) -> bool:
    """Whether a file system in memory, or an overlay that writes to one, holds a path. mounts: as in /proc/self/mountinfo."""
    held = [line.split() for line in mounts.splitlines()]
    best: list[str] = []
    for words in held:
        if path.is_relative_to(words[4]) and (not best or len(words[4]) >= len(best[4])):
            best = words
    if not best:
        return False
    kind, _, options = best[best.index("-") + 1 :]
    upper = next((option.partition("=")[2] for option in options.split(",") if option.startswith("upperdir=")), "")
    return kind in ("tmpfs", "ramfs") or (kind == "overlay" and upper != "" and in_memory(Path(upper), _without(best, held)))


def _without(one: list[str], held: list[list[str]]) -> str:
    return "\n".join(" ".join(words) for words in held if words is not one)


def _metrics(settings: Settings) -> Iterator[str]:
    listen = "" if settings.metrics is None else settings.metrics.listen
    if listen and not listen.startswith(("127.", "[::1]:", "localhost:")):
        yield f"[metrics] listen {listen} shows energy and states to whoever reaches it; there is no password"
