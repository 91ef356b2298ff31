"""The words of the control socket: names, arguments, defaults and bounds of every request, and what it does in the world.

A request is checked whole before anything moves. A refusal names the command, the argument, what was given and what is allowed.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from hil.bench.outlet import Fault, Side
from hil.bench.world import Refused, World

MAX_TEXT = 255
MAX_DELAY_S = 86_400.0
MAX_CURRENT_A = 500.0
MAX_VOLTAGE_V = 1_000.0
MAX_ENERGY_WH = 1e9
MAX_SPEED = 1e6

Request = dict[str, Any]
Arguments = dict[str, Any]


class _Missing(Enum):
    REQUIRED = "required"


REQUIRED = _Missing.REQUIRED


@dataclass(frozen=True)
class Argument:
    """An argument: what it may be in words, the check that gives its value (None: not allowed), and its default."""

    allowed: str
    check: Callable[[Any], Any]
    default: Any = REQUIRED


def _number(low: float, high: float, unit: str, default: Any = REQUIRED) -> Argument:
    def check(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return None
        return float(value)

    return Argument(f"a number from {low:g} to {high:,.0f}{unit}", check, default)


def _whole(what: str, default: Any = REQUIRED, among: tuple[int, ...] | None = None) -> Argument:
    def check(value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int) or (among and value not in among):
            return None
        return value

    return Argument(what, check, default)


def _flag(default: Any = REQUIRED) -> Argument:
    return Argument("true or false", lambda value: value if isinstance(value, bool) else None, default)


def _choice(kind: type[Fault] | type[Side], default: Any = REQUIRED) -> Argument:
    known = {member.value: member for member in kind}
    return Argument(f"one of {', '.join(known)}", lambda value: known.get(value) if isinstance(value, str) else None, default)


def _text() -> Argument:
    return Argument(
        f"a text of 1 to {MAX_TEXT} characters",
        lambda value: value if isinstance(value, str) and 1 <= len(value) <= MAX_TEXT else None,
    )


_CONNECTOR = _whole("the whole number of a connector")

ARGUMENTS: dict[str, dict[str, Argument]] = {
    "plug": {
        "connector": _CONNECTOR,
        "ready": _flag(True),
        "delay_s": _number(0, MAX_DELAY_S, " s", 0.1),
        "max_current_a": _number(0, MAX_CURRENT_A, " A", 32.0),
        "phases": _whole("1, 2 or 3", 3, (1, 2, 3)),
    },
    "unplug": {"connector": _CONNECTOR, "side": _choice(Side, Side.BOTH)},
    "ev": {
        "connector": _CONNECTOR,
        "ready": _flag(None),
        "max_current_a": _number(0, MAX_CURRENT_A, " A", None),
        "ventilation": _flag(None),
    },
    "tap": {
        "id_tag": _text(),
        "reader": _whole("the whole number of a reader", 1),
        "hold_s": _number(0, MAX_DELAY_S, " s", 0.3),
    },
    "meter": {
        "connector": _CONNECTOR,
        "energy_wh": _number(0, MAX_ENERGY_WH, " Wh", None),
        "voltage_v": _number(0, MAX_VOLTAGE_V, " V", None),
        "online": _flag(None),
    },
    "fault": {
        "connector": _whole("the whole number of a connector, or 0 for the station"),
        "kind": _choice(Fault),
        "active": _flag(),
    },
    "mains": {"on": _flag()},
    "speed": {"factor": _number(0, MAX_SPEED, "")},
    "state": {},
    "watch": {},
    "quit": {},
}
# Of these one is needed: the request says nothing without them.
ONE_OF = {"ev": ("ready", "max_current_a", "ventilation"), "meter": ("energy_wh", "voltage_v", "online")}


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word[:MAX_TEXT], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shown(value: Any) -> str:
    """A value as it stood in the request, cut where it is long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


def check(request: Request) -> tuple[str, Arguments]:
    """The command and its complete, checked arguments; raises Refused."""
    do = request.get("do")
    if do is None:
        raise Refused(f'"do" is missing; known are {", ".join(ARGUMENTS)}')
    if not isinstance(do, str) or do not in ARGUMENTS:
        near = _near(do, ARGUMENTS) if isinstance(do, str) else ""
        raise Refused(f"no command {shown(do)}{near or '; known are ' + ', '.join(ARGUMENTS)}")
    known = ARGUMENTS[do]
    for name in request:
        if name not in known and name not in ("id", "do"):
            takes = ", ".join(known) or "no arguments"
            raise Refused(f"{do} has no argument {shown(name)}{_near(name, known)} ({do} takes {takes})")
    values: Arguments = {}
    for name, argument in known.items():
        if name not in request:
            if argument.default is REQUIRED:
                raise Refused(f"{do} needs {name}: {argument.allowed}")
            values[name] = argument.default
            continue
        value = argument.check(request[name])
        if value is None:
            raise Refused(f"{do}: {name} must be {argument.allowed}, not {shown(request[name])}")
        values[name] = value
    if do in ONE_OF and all(name not in request for name in ONE_OF[do]):
        raise Refused(f"{do} changes nothing; give {', '.join(ONE_OF[do][:-1])} or {ONE_OF[do][-1]}")
    return do, values


def perform(world: World, do: str, values: Arguments) -> dict[str, Any]:
    """Does a checked request and gives what its answer carries besides ok; raises Refused. watch and quit are the shell's."""
    match do:
        case "state":
            return world.state()
        case "mains":
            world.mains = values["on"]
        case "speed":
            world.speed = values["factor"]
        case "plug" | "unplug" | "ev" | "tap" | "meter" | "fault":
            getattr(world, do)(**values)
    return {}
