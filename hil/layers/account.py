"""Accounts: what the Central System heard and the world saw of one story on one layer, and where two of them differ.

Owns what is left out of a comparison because no two runs share it: times, ids, and what a meter's register has counted by then
(the stories hold bills against the meter). All else is compared line by line.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.csms import Frame
from hil.layers import eye
from hil.layers.eye import Meant, Run

TIMES = frozenset({"timestamp", "currentTime", "validFrom", "validTo", "startSchedule", "expiryDate"})
IDS = frozenset({"transactionId"})
REGISTERS = frozenset({"meterStart", "meterStop"})
ENERGY = "Energy.Active.Import.Register"


@dataclass
class Life:
    """From one start of the station to its end: what the lamps were to show (virtual layer), or what was seen of them."""

    meant: list[Meant] = field(default_factory=list)
    seen: list[Run] = field(default_factory=list)


@dataclass
class Account:
    """heard: by the Central System. moved: contactor and lock. offered: on the pilot. noted: what the story itself found."""

    heard: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)


def heard(frames: Iterable[Frame]) -> list[str]:
    """Messages of both sides in their order, one a line. Links that come and go are told as such."""
    numbers: dict[object, int] = {}
    lines = []
    for frame in frames:
        if frame.kind == "link":
            lines.append(f"-- {frame.payload.get('event', '')}")
            continue
        arrow = {"in": "->", "out": "<-", "-": "--"}[frame.direction]
        told = json.dumps(_plain(frame.payload, numbers), ensure_ascii=False)
        kind = "" if frame.kind == "call" else frame.kind
        lines.append(" ".join(part for part in (arrow, frame.action, kind, told, frame.code, frame.description) if part))
    return lines


def _plain(value: Any, numbers: dict[object, int], name: str = "") -> Any:
    """Without what no two runs share."""
    if name in TIMES:
        return "(time)"
    if name in IDS:
        return f"({name} {numbers.setdefault(value, len(numbers) + 1)})"
    if name in REGISTERS:
        return "(register)"
    if isinstance(value, dict):
        if name == "sampledValue" and value.get("measurand", ENERGY) == ENERGY:
            value = {**value, "value": "(register)"}
        elif name == "sampledValue":
            value = {**value, "value": _rounded(value.get("value"))}
        return {key: _plain(inner, numbers, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, numbers, name) for inner in value]
    return value


def _rounded(text: object) -> object:
    try:
        return f"{float(str(text)):.0f}"
    except ValueError:
        return text


def differences(virtual: Account, real: Account) -> list[str]:
    """Where the two layers differ, in lines for a reader; empty: nowhere. Each block of lines begins with what it is of."""
    channels: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
        "what the Central System heard": (virtual.heard, real.heard),
        "contactor and lock": (virtual.moved, real.moved),
        "what the pilot offered": (virtual.offered, real.offered),
        "what the story found": (virtual.noted, real.noted),
    }
    lines: list[str] = []
    for name, (first, second) in channels.items():
        if list(first) != list(second):
            lines.append(f"{name}: - on virtual drivers, + on the real stack")
            lines += [f"  {line}" for line in list(difflib.unified_diff(first, second, n=2, lineterm=""))[2:]]
    if len(virtual.lives) != len(real.lives):
        lines.append(f"lamps: {len(virtual.lives)} starts on virtual drivers, {len(real.lives)} on the real stack")
    for number, (one, other) in enumerate(zip(virtual.lives, real.lives, strict=False), 1):
        if complaint := eye.unlike(other.seen, one.meant):
            lines.append(f"lamps of start {number}: {complaint}")
    return lines
