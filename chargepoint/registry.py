"""Registry: from a driver's name in the configuration to its module and its checked Config.

Owns which drivers there are: those of this project by a table, those of others through entry points in the groups
`chargepoint.drivers.KIND`, looked up only for a name that the table does not have. A module is imported when a configuration
names it, never before. Opens nothing.

A driver module exports a frozen Struct `Config` (its table in the file without `driver`) and the coroutine `open`:
`await open(config, buses)` (for a bus, `buses` is empty). It may export `remarks(config)`: sentences that an installer should
read although the configuration is valid; `claims(config)`: what of the machine it takes for itself (see `claims`); and the
coroutine `make_safe(config, buses)`: brings a part whose process is gone into its safe state (see `failsafe`).
"""

import importlib
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.claims import Claim, clashes, spi_remarks
from chargepoint.settings import CheckConfiguration, Settings, parse, read_document, with_secrets
from chargepoint.tables import Checker, Problem, SettingsError, converted, key_text, nearest, printable, shown

ENTRY_POINT_GROUP = "chargepoint.drivers."


class Kind(StrEnum):
    """What a driver may be for; the names are those of the configuration's keys."""

    BUS = "bus"
    METER = "meter"
    CONTACTOR = "contactor"
    PILOT = "pilot"
    LOCK = "lock"
    INDICATOR = "indicator"
    READER = "reader"
    INPUTS = "inputs"
    INSTALLER = "installer"


OWN: Mapping[Kind, Mapping[str, str]] = {
    Kind.BUS: {"modbus_rtu": "drivers.modbus_rtu", "modbus_tcp": "drivers.modbus_tcp"},
    Kind.METER: {"modbus_meter": "drivers.modbus_meter"},
    Kind.CONTACTOR: {
        "evse_board": "drivers.evse_board.contactor",
        "gpio": "drivers.gpio.contactor",
        "virtual": "drivers.virtual.contactor",
    },
    Kind.PILOT: {
        "evse_board": "drivers.evse_board.pilot",
        "iec61851": "drivers.iec61851.pilot",
        "plug_contacts": "drivers.gpio.plug_contacts",
        "virtual": "drivers.virtual.pilot",
    },
    Kind.LOCK: {"gpio": "drivers.gpio.lock", "virtual": "drivers.virtual.lock"},
    Kind.INDICATOR: {"lights": "drivers.lights", "virtual": "drivers.virtual.indicator"},
    Kind.READER: {
        "keyboard": "drivers.keyboard",
        "mfrc522": "drivers.mfrc522",
        "pn532": "drivers.pn532",
        "virtual": "drivers.virtual.reader",
    },
    Kind.INPUTS: {"gpio": "drivers.gpio.inputs", "virtual": "drivers.virtual.inputs"},
    Kind.INSTALLER: {
        "deb": "drivers.deb_installer",
        "dry_run": "drivers.dry_run_installer",
        "virtual": "drivers.virtual.installer",
    },
}


class Driver(NamedTuple):
    """A driver's module and the checked Config for one part."""

    module: ModuleType
    config: Struct


class CheckedFile(NamedTuple):
    """What a check of a whole file found. settings is None where there is a problem. refused: of a station that starts, the
    sections of parts that must not be opened, and why; the rest of it runs.
    """

    settings: Settings | None
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    refused: Mapping[str, str] = MappingProxyType({})


class Place(NamedTuple):
    """A part of the configuration: its kind, where its table stands and the table itself."""

    kind: Kind
    section: str
    part: Mapping[str, Any]


def config_of(kind: str, part: Mapping[str, Any], *, file: str = "settings", section: str = "") -> Driver:
    """The driver that a part's table names, and its Config; raises SettingsError with every problem of the table.

    kind is a member of `Kind` or its text; file and section only say in the problems where the table stands.
    """
    checker = Checker(file)
    driver = _checked(checker, Kind(kind), part, section or kind)
    if driver is None:
        raise SettingsError(checker.problems)
    return driver


def check_file(
    path: str | Path, check_configuration: CheckConfiguration | None = None, *, starting: bool = False
) -> CheckedFile:
    """The whole of a station's file, its drivers' tables and the secrets that it names included; nothing is raised.

    starting: the station is about to run, so that what only the service is given must be there. A part whose table is wrong is
    refused then, and the rest runs; of two parts that claim one thing both are, for nobody knows which of them is meant.
    """
    file = str(path)
    try:
        document = read_document(path)
    except SettingsError as error:
        return CheckedFile(None, error.problems, ())
    folder = Path(path).absolute().parent
    settings, problems = None, list[Problem]()
    try:
        settings = parse(document, file=file, folder=folder, check_configuration=check_configuration)
    except SettingsError as error:
        problems += error.problems
    checker = Checker(file)
    remarks: list[str] = []
    if settings is not None:
        settings, secret_problems, secret_remarks = with_secrets(settings, file, os.environ, starting=starting)
        problems += secret_problems
        remarks += secret_remarks
        if document["central_system"].get("authorization_key") and os.stat(path).st_mode & 0o007:
            remarks.append(f"[central_system] {file} holds the authorization_key and anybody may read it; chmod 640 it")
    claims: list[Claim] = []
    refused: dict[str, str] = {}
    for place in places(document):
        part = Checker(file)
        driver = _checked(part, place.kind, place.part, place.section)
        if starting and part.problems and place.kind is not Kind.INSTALLER:
            refused[place.section] = "; ".join(str(problem) for problem in part.problems)
        else:
            checker.problems += [replace(problem, stops=place.kind is Kind.INSTALLER) for problem in part.problems]
        if driver is not None:
            remarks += [f"[{place.section}] {remark}" for remark in _told(driver, place.section, "remarks", remarks)]
            claims += [Claim(place.section, resource) for resource in _told(driver, place.section, "claims", remarks)]
    for clash in clashes(claims):
        if starting:
            refused[clash.first.section] = f"{clash.both} is claimed by [{clash.second.section}] too: give one of them another"
            refused[clash.second.section] = f"{clash.both} is claimed by [{clash.first.section}] too: give one of them another"
        else:
            hint = f"[{clash.first.section}] has it already; give one of them another"
            section, said = clash.second.section, "can serve one part only"
            checker.problems.append(Problem(file=file, section=section, found=clash.both, allowed=said, hint=hint, stops=False))
    problems += checker.problems
    remarks += spi_remarks(claims)
    return CheckedFile(None if problems else settings, tuple(problems), tuple(remarks), refused)


def places(document: Mapping[str, Any]) -> Iterator[Place]:
    """Every part of a decoded file that names a driver, buses first. What is no table is left to `settings`."""
    for name, part in _tables(document, "buses"):
        yield from _place(Kind.BUS, f"buses.{key_text(name)}", part)
    for name, connector in _tables(document, "connectors"):
        for kind in (Kind.METER, Kind.CONTACTOR, Kind.PILOT, Kind.LOCK, Kind.INDICATOR):
            yield from _place(kind, f"connectors.{key_text(name)}.{kind}", connector.get(kind.value))
    for name, reader in _tables(document, "readers"):
        driver_keys = {key: value for key, value in reader.items() if key != "connectors"}
        yield from _place(Kind.READER, f"readers.{key_text(name)}", driver_keys)
    yield from _place(Kind.INPUTS, "inputs", document.get("inputs"))
    yield from _place(Kind.INSTALLER, "installer", document.get("installer"))


def module_of(kind: Kind, name: object) -> ModuleType | None:
    """The module of a driver; None where there is none, or it cannot be loaded."""
    return _module(Checker("settings"), kind, name, kind)


def known_drivers(kind: Kind) -> list[str]:
    """The names that a configuration may use for a kind, own ones first."""
    from importlib import metadata  # a fourteenth of a second on a small machine, and most stations have own drivers only

    foreign = (point.name for point in metadata.entry_points(group=ENTRY_POINT_GROUP + kind))
    return list(dict.fromkeys([*OWN[kind], *foreign]))


def _tables(document: Mapping[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = document.get(name)
    for key, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict):
            yield key, table


def _place(kind: Kind, section: str, part: object) -> Iterator[Place]:
    if isinstance(part, dict) and isinstance(driver := part.get("driver"), str) and driver:
        yield Place(kind, section, part)


def _checked(checker: Checker, kind: Kind, part: Mapping[str, Any], section: str) -> Driver | None:
    before = len(checker.problems)
    module = _module(checker, kind, part.get("driver"), section)
    if module is None:
        return None
    table = {key: value for key, value in part.items() if key != "driver"}
    checker.table(section, table, module.Config)
    if len(checker.problems) > before:
        return None
    config = converted(checker, section, table, module.Config)
    return None if config is None else Driver(module, config)


def _told(driver: Driver, section: str, what: Literal["remarks", "claims"], remarks: list[str]) -> list[str]:
    """What a driver's function tells of its Config, where it has that function; that it fails is worth a remark."""
    function = getattr(driver.module, what, None)
    if function is None:
        return []
    try:
        return [printable(str(text), 1_000) for text in function(driver.config)]
    except Exception as error:  # foreign code
        said = f"its driver could not tell its {what}: {type(error).__name__}: {printable(str(error), 300)}"
        remarks.append(f"[{section}] {said}")
        return []


def _module(checker: Checker, kind: Kind, name: object, section: str) -> ModuleType | None:
    if not isinstance(name, str) or (name not in OWN[kind] and name not in known_drivers(kind)):
        known = known_drivers(kind)
        near = nearest(name, known) if isinstance(name, str) else None
        hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
        checker.add(section, "driver", shown(name), f"must be a driver for {_article(kind)}", hint)
        return None
    try:
        module = _imported(kind, name)
    except Exception as error:  # foreign code runs here: whatever it raises is a problem of the installation, told as such
        hint = f"{type(error).__name__}: {printable(str(error), 300)}"
        checker.add(section, "driver", shown(name), "is installed, but cannot be loaded", hint)
        return None
    config = getattr(module, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Struct)) or not callable(getattr(module, "open", None)):
        checker.add(section, "driver", shown(name), f"is no driver: {module.__name__} must export Config and open")
        return None
    return module


def _imported(kind: Kind, name: str) -> ModuleType:
    if name in OWN[kind]:
        return importlib.import_module(OWN[kind][name])
    from importlib import metadata

    (point,) = list(metadata.entry_points(group=ENTRY_POINT_GROUP + kind, name=name))[:1]
    module = point.load()
    if not isinstance(module, ModuleType):
        raise TypeError(f"entry point {point.value} names no module")
    return module


def _article(kind: Kind) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" if kind is not Kind.INPUTS else "inputs"
