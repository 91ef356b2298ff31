"""Inputs on GPIO: the lines of a station besides pilot and contactor, told at once when they become active.

Owns what a line means and how it is smoothed. Several lines may mean the same (two emergency stops): it holds as long as one of
them says so. A line is wired so that a broken wire counts as active: a normally closed contact
to ground, the pin pulled up, active high; `remarks` names the lines that are not.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chargepoint.facts import Input, InputKind
from chargepoint.ports import Buses
from drivers.gpio import board, pins
from drivers.gpio.pins import SHARED, Pin, Pull
from drivers.gpio.stream import Stream
from drivers.gpio.wires import Watch, Wire

LINES_MAX = 26
ASKS = frozenset({InputKind.STOP_BUTTON})  # nothing is lost with its wire


class Line(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """kind: what it means that the line is active. active: the level of the pin then. connector: 0 is the whole station.

    spike_ms: what is active for a shorter time is not told. debounce_ms: how long it must be inactive to count as that.
    """

    kind: InputKind
    pin: Pin
    connector: Annotated[int, Meta(ge=0, le=32)] = 0
    active: Literal["high", "low"] = "high"
    pull: Pull = "up"
    spike_ms: Annotated[int, Meta(ge=0, le=10)] = 1
    debounce_ms: Annotated[int, Meta(ge=0, le=5_000)] = 20


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """lines: each under a name of its own, [inputs.lines.NAME]."""

    lines: Annotated[dict[str, Line], Meta(min_length=1, max_length=LINES_MAX)]

    def __post_init__(self) -> None:
        pins.check((f"lines.{name}.pin", line.pin) for name, line in self.lines.items())
        for name, line in self.lines.items():
            if line.kind is InputKind.LIST_WRITE:
                raise ValueError(f"lines.{name}.kind: list_write is for test rigs, no line of a station")


def claims(config: Config) -> tuple[str, ...]:
    """The trip line of a residual-current device may belong to a contactor's self-test as well."""
    return tuple(f"GPIO{line.pin}{SHARED if line.kind is InputKind.GROUND_FAULT else ''}" for line in config.lines.values())


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    said = pins.special(line.pin for line in config.lines.values())
    for name, line in config.lines.items():
        if line.kind not in ASKS and line.pull != {"high": "up", "low": "down"}[line.active]:
            said.append(
                f"A broken wire of {name} ({line.kind}) would not be noticed: better a normally closed contact to ground, "
                'with pull = "up" and active = "high".'
            )
    return said


class GpioInputs:
    """See ports.Inputs."""

    def __init__(self, config: Config, wires: list[Wire]) -> None:
        self._told: Stream[Input] = Stream()
        self._watches: list[Watch] = []
        self._active: Counter[tuple[int, InputKind]] = Counter()
        for line, wire in zip(config.lines.values(), wires, strict=True):
            watch = Watch(
                wire,
                line.active == "high",
                self._teller(line),
                self._told.fail,
                on_s=line.spike_ms / 1_000,
                off_s=line.debounce_ms / 1_000,
            )
            self._watches.append(watch)
            if watch.active:
                self._say(line, True)

    async def changes(self) -> AsyncIterator[Input]:
        async for change in self._told.facts():
            yield change

    async def close(self) -> None:
        for watch in self._watches:
            watch.close()
        self._told.end()

    def _teller(self, line: Line) -> Callable[[bool], None]:
        return lambda active: self._say(line, active)

    def _say(self, line: Line, active: bool) -> None:
        meaning = (line.connector, line.kind)
        held = self._active[meaning] > 0
        self._active[meaning] += 1 if active else -1
        if held != (self._active[meaning] > 0):
            self._told.put(Input(connector=line.connector, kind=line.kind, active=active))


async def open(config: Config, buses: Buses) -> GpioInputs:
    """Takes the lines; raises DriverError."""

    def take() -> list[Wire]:
        wires: list[Wire] = []
        try:
            for line in config.lines.values():
                wires.append(Wire.take(line.pin, line.pull))
        except BaseException:
            _give_back(wires)
            raise
        return wires

    return GpioInputs(config, await board.in_thread(take, _give_back))


def _give_back(wires: list[Wire]) -> None:
    for wire in wires:
        wire.give_back()
