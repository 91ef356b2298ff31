"""Settings rules: what ties the parts of the station's file together, beyond the type of each value.

Owns numbering, names that refer to one another, addresses and paths. Works on the raw document, so that a file with a wrong
type in one place still hears of everything else that is wrong with it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from chargepoint.settings_places import control_socket
from chargepoint.tables import Checker, key_text, nearest, shown

NUMBER_MAX = 32
SOCKET_PATH_MAX = 107  # bytes of sun_path in unix(7), less the closing zero
CONNECTOR_PARTS = ("meter", "contactor", "pilot", "lock", "indicator")
LISTED_MAX = 12
CLOSING_S = 2.0  # of a connector that does not say
LABEL_MAX = 63  # RFC 1035, section 2.3.4
SWITCHING_S = 0.5  # for the contacts themselves
FILES = ("central_system_root", "manufacturer_root", "client_certificate", "client_key")


def homes(settings: type[Struct]) -> dict[str, str]:
    """Which fixed section a key belongs to, for keys that only one section knows."""
    found: dict[str, list[str]] = {}
    for section in structs.fields(settings):
        if isinstance(section.type, type) and issubclass(section.type, Struct):
            for inner in structs.fields(section.type):
                found.setdefault(inner.encode_name, []).append(section.encode_name)
    return {key: sections[0] for key, sections in found.items() if len(sections) == 1}


def check(checker: Checker, document: Mapping[str, Any], base: Path) -> None:
    """Every rule that needs more than one value, or more than the type of one."""
    station, central_system = _table(document, "station"), _table(document, "central_system")
    _check_texts(checker, document)
    _check_central_system(checker, station, central_system)
    _check_socket_path(checker, station, base)
    _check_files(checker, _table(document, "security"), base)
    buses = document.get("buses", {})
    if isinstance(buses, dict):
        for name, table in buses.items():
            if isinstance(table, dict):
                check_part(checker, f"buses.{key_text(name)}", table)
    for section in ("inputs", "installer"):
        if isinstance(part := document.get(section), dict):
            check_part(checker, section, part)
    if isinstance(connectors := document.get("connectors"), dict):
        _check_numbering(checker, connectors)
        for name, table in connectors.items():
            if isinstance(table, dict):
                _check_connector(checker, f"connectors.{key_text(name)}", table, buses if isinstance(buses, dict) else {})


def is_number(name: str) -> bool:
    """True for "1" to "32" as one writes a number."""
    return name.isascii() and name.isdecimal() and not name.startswith("0") and len(name) <= 2 and int(name) <= NUMBER_MAX


def check_part(checker: Checker, section: str, table: Mapping[str, Any]) -> None:
    """A part's table names its driver; the rest is between the driver and `registry`."""
    driver = table.get("driver")
    if not isinstance(driver, str) or not driver:
        near = nearest("driver", table) if driver is None else None
        hint = f"is {key_text(near)} meant to be driver?" if near else 'example: driver = "virtual"'
        checker.add(section, "driver", shown(driver), "must be the name of a driver", hint)


def check_serves(checker: Checker, section: str, serves: object, numbers: list[int]) -> None:
    """The connectors that a reader serves: at least one, each of them there, none twice."""
    known = ", ".join(str(number) for number in numbers[:LISTED_MAX]) or "none"
    if not isinstance(serves, list):
        checker.add(section, "connectors", shown(serves), "must be a list of connector numbers", "example: connectors = [1, 2]")
        return
    if not serves and numbers:
        checker.add(section, "connectors", shown(serves), "must name a connector", "leave it out to serve all of them")
    for at, number in enumerate(serves):
        if isinstance(number, bool) or not isinstance(number, int) or number not in numbers:
            checker.add(section, "connectors", shown(number), f"must be connectors of this file: {known}")
        elif number in serves[:at]:
            checker.add(section, "connectors", f"{number} twice", "each connector must be named once")


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name)
    return table if isinstance(table, dict) else {}


def _check_texts(checker: Checker, document: Mapping[str, Any]) -> None:
    for section in ("station", "central_system", "security"):
        for key, value in _table(document, section).items():
            if isinstance(value, str) and not value.isprintable():
                checker.add(section, key, "" if "key" in key else shown(value), "must be one line of printable characters")


def _check_central_system(checker: Checker, station: Mapping[str, Any], table: Mapping[str, Any]) -> None:
    url, identity = table.get("url"), station.get("identity")
    if isinstance(url, str) and url.isprintable():
        check_url(checker, url)
    has_key = any(table.get(f"authorization_key{home}") for home in ("", "_file", "_credential"))
    if isinstance(identity, str) and ":" in identity and has_key:
        allowed = 'must not contain ":" where an authorization_key is used (HTTP Basic ends the user name there)'
        checker.add("station", "identity", shown(identity), allowed)
    least, most = table.get("reconnect_min_s", 1.0), table.get("reconnect_max_s", 120.0)
    if _is_amount(least) and _is_amount(most) and least > most:
        key = "reconnect_min_s" if "reconnect_min_s" in table else "reconnect_max_s"
        checker.add("central_system", key, f"{least:g} to {most:g}", "reconnect_min_s must not be above reconnect_max_s")


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e9


def check_url(checker: Checker, url: str) -> None:
    """What a Central System's address must be beyond its form."""
    section, key = "central_system", "url"
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError as error:
        checker.add(section, key, shown(url), f"must be an address: {error}", "example: ws://cs.example.org:8080/ocpp")
        return
    if not url.lower().startswith(("ws://", "wss://")):
        return  # said by the type already
    if "@" in split.netloc:
        scheme, after = split.scheme, split.netloc.rpartition("@")[2]
        hint = "give the password as authorization_key; the identity is the user name"
        checker.add(section, key, shown(f"{scheme}://***@{after}{split.path}"), "must not contain a user or password", hint)
    elif not host or port == 0:
        checker.add(
            section, key, shown(url), "must name a host and, if any, a port of 1 to 65535", "ws://cs.example.org:8080/ocpp"
        )
    elif ":" not in host and any(not 0 < len(label.encode()) <= LABEL_MAX for label in host.rstrip(".").split(".")):
        allowed = f"must name a host: between its dots stand 1 to {LABEL_MAX} letters, digits and -"
        checker.add(section, key, shown(url), allowed, "ws://cs.example.org/ocpp")
    if split.query or split.fragment or url.endswith(("?", "#")):
        sign = "?" if "?" in url else "#"  # what follows may be a token
        kept = f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}{sign}..."
        checker.add(section, key, shown(kept), "must end with the path: no ? or #", "the station appends /IDENTITY to it")


def _check_socket_path(checker: Checker, station: Mapping[str, Any], base: Path) -> None:
    path = control_socket(station, base)
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        key = "control_socket" if station.get("control_socket") else "state_dir"
        found = f"a socket path of {len(os.fsencode(path))} bytes"
        hint = "set control_socket to a short path" if key == "state_dir" else "example: /run/chargepoint/control.sock"
        checker.add("station", key, found, f"must be at most {SOCKET_PATH_MAX} bytes, the system allows no more", hint)


def _check_files(checker: Checker, security: Mapping[str, Any], base: Path) -> None:
    for key, value in security.items():
        if key not in FILES or not isinstance(value, str) or not value.isprintable():
            continue
        try:
            there = value != "" and (base / value).stat() is not None and not (base / value).is_dir()
        except PermissionError:
            continue  # the service's user may well be allowed what this one is not
        except OSError:
            there = False
        if not there:
            checker.add("security", key, shown(value), "must be a file that is there", f"looked for it in {base}")


def _check_numbering(checker: Checker, connectors: Mapping[str, Any]) -> None:
    if not connectors:
        checker.add("connectors", None, "nothing", "must hold at least one connector", "example: [connectors.1]")
    for name in connectors:
        if not is_number(name):
            allowed = f"connectors must be numbered 1 to {NUMBER_MAX}"
            checker.add("connectors", name, shown(name), allowed, "example: [connectors.1]")
    numbers = {int(name) for name in connectors if is_number(name)}
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - numbers)
    if missing:
        found = ", ".join(str(number) for number in sorted(numbers)[:LISTED_MAX])
        checker.add(
            "connectors", str(missing[0]), "nothing", f"must be there: connectors are numbered without a gap; there are {found}"
        )


def _check_connector(checker: Checker, section: str, table: Mapping[str, Any], buses: Mapping[str, Any]) -> None:
    for kind in CONNECTOR_PARTS:
        if isinstance(part := table.get(kind), dict):
            check_part(checker, f"{section}.{kind}", part)
    if table.get("cable") == "tethered" and "lock" in table:
        hint = 'remove it, or set cable = "socket"'
        checker.add(section, "lock", "a lock", "a tethered cable has none", hint)
    _check_pause(checker, section, table)
    meter = table.get("meter")
    if isinstance(meter, dict) and "bus" in meter and meter["bus"] not in list(buses):
        hint = _bus_hint(meter["bus"], buses)
        checker.add(f"{section}.meter", "bus", shown(meter["bus"]), "must be one of the [buses] tables", hint)


def _check_pause(checker: Checker, section: str, table: Mapping[str, Any]) -> None:
    """A contactor that still pauses when it should have closed would be taken for a broken one."""
    contactor, closing_s = table.get("contactor"), table.get("closing_s", CLOSING_S)
    pause_s = contactor.get("min_pause_s", 0) if isinstance(contactor, dict) else 0
    if _is_amount(pause_s) and _is_amount(closing_s) and closing_s < pause_s + SWITCHING_S:
        allowed = f"must be at least {pause_s + SWITCHING_S:g}: {SWITCHING_S:g} more than min_pause_s of its contactor"
        checker.add(section, "closing_s", f"{closing_s:g}", allowed, "the contactor waits so long before it closes again")


def _bus_hint(name: object, names: Iterable[str]) -> str:
    known = list(names)
    if isinstance(name, str) and (near := nearest(name, known)) is not None:
        return f"did you mean {key_text(near)}?"
    return (
        f"there are {', '.join(key_text(bus) for bus in known[:LISTED_MAX])}" if known else "there is no [buses.NAME] table yet"
    )
