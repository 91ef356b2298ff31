"""From a file that is there to the answers that a set-up starts from, and from changed answers to changes of the file."""

from collections.abc import Mapping
from typing import Any

from msgspec import ValidationError, convert, structs

from chargepoint.setup import pieces
from chargepoint.setup.answers import Answers, MeterAnswer, Pins, Reader
from chargepoint.setup.editing import Path

PLACES = ("device", "port", "socket")
SCALARS: Mapping[str, Path] = {
    "identity": ("station", "identity"),
    "serial_number": ("station", "serial_number"),
    "current_a_max": ("station", "current_a_max"),
    "url": ("central_system", "url"),
}
PIN_PATHS: Mapping[str, Path] = {
    "contactor": ("connectors", "1", "contactor", "pin"),
    "contactor_feedback": ("connectors", "1", "contactor", "feedback_pin"),
    "lock": ("connectors", "1", "lock", "lock_pin"),
    "unlock": ("connectors", "1", "lock", "unlock_pin"),
    "lock_feedback": ("connectors", "1", "lock", "feedback_pin"),
    "emergency_stop": ("inputs", "lines", "mushroom", "pin"),
    "rcd_trip": ("inputs", "lines", "rcd", "pin"),
    "reader_reset": ("readers", "1", "reset_gpio"),
    "red": ("connectors", "1", "indicator", "rgb", "red"),
    "green": ("connectors", "1", "indicator", "rgb", "green"),
    "blue": ("connectors", "1", "indicator", "rgb", "blue"),
}


def answers_from(document: Mapping[str, Any]) -> dict[str, Any]:
    """As many answers as a file gives; what is wrong or strange in it is left out."""
    found: dict[str, Any] = {}
    wanted = {field.name: field.type for field in structs.fields(Answers)}
    places = {
        **SCALARS,
        "vendor": ("station", "vendor"),
        "model": ("station", "model"),
        "authorization_key": ("central_system", "authorization_key"),
        "authorization_key_credential": ("central_system", "authorization_key_credential"),
        "central_system_root": ("security", "central_system_root"),
        "phases": ("connectors", "1", "phases"),
        "page": ("panel", "listen"),
    }
    for name, path in places.items():
        if (seen := at(document, path)) is not None and _fits(seen, wanted[name]):
            found[name] = seen
    found["kind"] = kind_of(document)
    if meters := _meters(document):
        found["meters"] = meters
    found["reader"] = _reader(document)
    found["pins"] = structs.replace(Pins(), **_pins(document))
    return found


def changes_between(document: Mapping[str, Any], before: Answers, after: Answers) -> dict[Path, Any]:
    """What must become another value in the file: only what the answers changed."""
    changes: dict[Path, Any] = {}
    for name, path in SCALARS.items():
        if getattr(before, name) != getattr(after, name):
            changes[path] = getattr(after, name)
    if (before.authorization_key, before.url) != (after.authorization_key, after.url):
        if after.authorization_key != before.authorization_key:
            changes["central_system", "authorization_key"] = after.authorization_key or None
            for other in ("authorization_key_file", "authorization_key_credential"):
                if at(document, ("central_system", other)) is not None:
                    changes["central_system", other] = None
        profile = pieces.key_table(after)["security_profile"]
        if profile > int(at(document, ("central_system", "security_profile")) or 0):
            changes["central_system", "security_profile"] = profile
    if before.meters != after.meters:
        for name, table in pieces.bus_of(after).items():
            if at(document, ("buses", name)) != table:
                changes["buses", name] = table
        for number in range(1, len(after.meters) + 1):
            changes["connectors", str(number), "meter"] = pieces.meter_table(after, number)
    if before.reader != after.reader:
        changes["readers", "1"] = after.reader.part(after.pins)
    for name, path in PIN_PATHS.items():
        if getattr(before.pins, name) != getattr(after.pins, name) and at(document, path) is not None:
            changes[path] = getattr(after.pins, name)
    return changes


def same_shape(before: Answers, after: Answers) -> bool:
    """Whether the file that is there can become the new one value by value."""
    return before.kind == after.kind and len(before.meters) == len(after.meters)


def at(document: Mapping[str, Any], path: Path) -> Any:
    found: Any = document
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def kind_of(document: Mapping[str, Any]) -> str:
    match at(document, ("connectors", "1", "pilot", "driver")):
        case "virtual":
            return "simulated"
        case "evse_board":
            return "board"
        case _:
            return "tethered" if at(document, ("connectors", "1", "cable")) == "tethered" else "socket"


def _meters(document: Mapping[str, Any]) -> tuple[MeterAnswer, ...]:
    found = []
    connectors = document.get("connectors")
    for number in range(1, len(connectors) + 1 if isinstance(connectors, dict) else 1):
        meter = at(document, ("connectors", str(number), "meter"))
        if not isinstance(meter, dict) or meter.get("driver") != "modbus_meter":
            return ()
        bus = at(document, ("buses", str(meter.get("bus"))))
        line = dict(bus) if isinstance(bus, dict) else {}
        if line.get("driver") == "modbus_tcp":
            line["tcp_port"] = line.pop("port", 502)
        names = {field.name for field in structs.fields(MeterAnswer)}
        try:
            found.append(convert({key: item for key, item in {**line, **meter}.items() if key in names}, MeterAnswer))
        except ValidationError:
            return ()
    return tuple(found)


def _reader(document: Mapping[str, Any]) -> Reader:
    part = at(document, ("readers", "1"))
    if not isinstance(part, dict):
        return Reader(driver="none", place="")
    place = next((part[name] for name in PLACES if isinstance(part.get(name), str)), "/dev/spidev0.0")
    try:
        return convert({"driver": part.get("driver"), "place": place}, Reader)
    except ValidationError:
        return Reader()


def _pins(document: Mapping[str, Any]) -> dict[str, int]:
    found = {name: at(document, path) for name, path in PIN_PATHS.items()}
    return {name: pin for name, pin in found.items() if type(pin) is int and 0 <= pin <= 27}


def _fits(seen: object, kind: Any) -> bool:
    try:
        convert(seen, kind)
    except ValidationError:
        return False
    return True
