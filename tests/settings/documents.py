"""A valid document to break, and a writer of TOML for what tests make of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargepoint.settings import SettingsError, load


def valid() -> dict[str, Any]:
    """A station with two connectors that has nothing wrong with it; a fresh copy every time."""
    part = {"driver": "virtual", "socket": "/run/bench/hardware.sock"}
    return {
        "station": {"identity": "CK_XXX_0001", "vendor": "ChargeKing", "model": "CK22", "state_dir": "state"},
        "central_system": {"url": "ws://cs.example.org/ocpp", "authorization_key": "00AAbb", "reconnect_min_s": 0.5},
        "buses": {"meters": {"driver": "modbus_tcp", "host": "127.0.0.1", "port": 1502}},
        "connectors": {
            str(number): {
                "cable": "socket",
                "phases": 3,
                "meter": {"driver": "modbus_meter", "bus": "meters", "map": "sdm630", "unit_id": number},
                "contactor": {**part, "connector": number},
                "pilot": {**part, "connector": number},
                "lock": {**part, "connector": number},
            }
            for number in (1, 2)
        },
        "readers": {"1": {**part, "reader": 1, "connectors": [1, 2]}},
        "inputs": dict(part),
        "configuration": {"HeartbeatInterval": 300, "LocalPreAuthorize": True},
    }


def broken(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The valid document after a change."""
    document = valid()
    change(document)
    return document


def toml(document: dict[str, Any]) -> str:
    """The document as TOML text, inner tables inline."""
    plain = [f"{json.dumps(key)} = {_value(value)}" for key, value in document.items() if not isinstance(value, dict)]
    tables = [(key, value) for key, value in document.items() if isinstance(value, dict)]
    lines = plain
    for key, table in tables:
        lines += [f"[{json.dumps(key)}]", *(f"{json.dumps(name)} = {_value(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def in_file(path: Path) -> str:
    """What the one problem of a file says behind its name."""
    with pytest.raises(SettingsError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    return str(problem).removeprefix(f"{path}: ")


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(_value(inner) for inner in value) + "]"
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
