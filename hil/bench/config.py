"""The station's file that a bench writes: a complete configuration whose hardware is the bench's.

Owns names and first values; `chargepoint.settings` says which settings are text, so that `--config-set station.identity=007`
stays a text. What the settings allow is for the station to judge: a bench may be asked for a wrong file on purpose.
"""

import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Any

import msgspec

from chargepoint import settings
from hil.bench import toml

SOCKET_PATH_MAX = 107
CURRENT_A_MAX = 32.0
RATE_MAX_W = 1e12  # on the bench energy may flow a million times faster than the clock
IDENTITY = "CK_XXX_0001"
CENTRAL_SYSTEM = "ws://127.0.0.1:9000/ocpp"

Document = dict[str, Any]


class ConfigError(Exception):
    """The bench cannot be set up as asked; one line of text names the argument and what it should be."""


def station(
    directory: Path, *, connectors: int, identity: str, central_system: str, tethered: bool, reader_each: bool
) -> Document:
    """The file without [buses] and without anybody's own wishes."""
    hardware = str(directory / "hardware.sock")
    state = directory / "state"
    document: Document = {
        "station": {
            "identity": identity,
            "vendor": "ChargeKing",
            "model": "CK22",
            "serial_number": "BENCH-0001",
            "firmware_version": "1.0.0",
            "state_dir": str(state),
            "current_a_max": CURRENT_A_MAX * connectors,
            "offline_behaviour": "cache",
        },
        "central_system": {"url": central_system, "reconnect_min_s": 0.2, "reconnect_max_s": 5.0},
        "buses": {},
        "connectors": {str(n): _connector(n, hardware, tethered) for n in range(1, connectors + 1)},
        "readers": {},
        "inputs": {"driver": "virtual", "socket": hardware},
        "installer": {"driver": "virtual", "state_dir": str(state)},
        "configuration": {},
    }
    # The station's own socket would not fit into a Unix address where the bench's just do: it moves up beside them.
    if len(os.fsencode(state / "control.sock")) > SOCKET_PATH_MAX:
        document["station"]["control_socket"] = str(directory / "control.sock")
    for n in range(1, connectors + 1 if reader_each else 2):
        reader: Document = {"driver": "virtual", "socket": hardware, "reader": n}
        document["readers"][str(n)] = {**reader, "connectors": [n]} if reader_each else reader
    return document


def _connector(number: int, hardware: str, tethered: bool) -> Document:
    def part() -> Document:
        return {"driver": "virtual", "socket": hardware, "connector": number}

    connector: Document = {
        "cable": "tethered" if tethered else "socket",
        "current_a_max": CURRENT_A_MAX,
        "phases": 3,
        "ventilation": True,
        "meter_poll_s": 0.5,
        "meter": {
            "driver": "modbus_meter",
            "bus": "meters",
            "map": "sdm630",
            "unit_id": number,
            "energy_rate_max_w": RATE_MAX_W,
        },
        "contactor": part(),
        "pilot": part(),
    }
    return {**connector, **({} if tethered else {"lock": part()}), "indicator": part()}


def tcp_bus(port: int) -> Document:
    return {"driver": "modbus_tcp", "host": "127.0.0.1", "port": port}


def rtu_bus(port: str, baud: int) -> Document:
    return {"driver": "modbus_rtu", "port": port, "baud": baud, "parity": "N", "stop_bits": 1}


def split(argument: str, option: str) -> tuple[str, str]:
    """KEY=VALUE in two; raises ConfigError."""
    name, equals, text = argument.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{option} {argument!r} is not of the form KEY=VALUE")
    return readable(name.strip(), option), readable(text, option)


def readable(text: str, option: str) -> str:
    """The text itself; raises ConfigError where it came as bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{option} {text!r} is not UTF-8") from error
    return text


def apply(document: Document, argument: str) -> None:
    """Puts one `--config-set dotted.key=VALUE` into the document; raises ConfigError."""
    name, text = split(argument, "--config-set")
    path = name.split(".")
    if len(path) < 2 or not all(path):
        raise ConfigError(f"--config-set {argument!r}: the name must be a table and a key, such as station.identity")
    table = document
    for depth, step in enumerate(path[:-1], start=1):
        table = table.setdefault(step, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--config-set {argument!r}: {'.'.join(path[:depth])} is a value and holds no keys")
    table[path[-1]] = literal(text, as_text=is_text(path))


def settle_reconnect(document: Document, arguments: list[str]) -> None:
    """Keeps the bench's own reconnect time on the right side of one that was asked for alone."""
    table = document["central_system"]
    given = {argument.partition("=")[0].strip() for argument in arguments}
    least, most = table.get("reconnect_min_s"), table.get("reconnect_max_s")
    if not isinstance(least, int | float) or not isinstance(most, int | float) or least <= most:
        return
    if "central_system.reconnect_max_s" not in given:
        table["reconnect_max_s"] = least
    elif "central_system.reconnect_min_s" not in given:
        table["reconnect_min_s"] = most


def literal(text: str, *, as_text: bool) -> Any:
    """VALUE as a TOML literal if it is one, else as the text that it is; `as_text`: only a quoted text is a literal."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = parsed.pop("value", text)
    if parsed or not isinstance(value, str if as_text else str | bool | int | float | list | dict) or _has_dates(value):
        return text
    return value


def _has_dates(value: Any) -> bool:
    match value:
        case list():
            return any(map(_has_dates, value))
        case dict():
            return any(map(_has_dates, value.values()))
        case _:
            return not isinstance(value, str | bool | int | float)


def is_text(path: list[str]) -> bool:
    """True where the settings know the key and it takes nothing but text."""
    kind: Any = settings.Settings
    for step in path:
        kind = _inside(kind, step)
    return _only_text(kind)


def _inside(kind: Any, step: str) -> Any:
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return typing.get_type_hints(kind, include_extras=True).get(step, object)
    if typing.get_origin(kind) is dict:
        return typing.get_args(kind)[1]
    return object


def _only_text(kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _only_text(inner[0])
    if origin is typing.Literal:
        return all(isinstance(value, str) for value in inner)
    if origin in (typing.Union, types.UnionType):
        return all(one is types.NoneType or _only_text(one) for one in inner)
    return kind is str


def write(path: Path, document: Document) -> None:
    """Writes the file whole or not at all; raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write("# Written by the bench at every start: changes made here are lost.\n")
        file.write(toml.document(document))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
