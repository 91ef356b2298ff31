"""Pilot driver `plug_contacts`: a station without a control pilot, which only knows whether something is plugged.

A plug counts as a car that asks (state C), an empty outlet as state A. There is no wire over which a current could be offered:
what the car takes is decided by the box in its own cable (mode 2 of IEC 61851-1) and by the fuse.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import Buses
from drivers.gpio import board, pins
from drivers.gpio.pins import Pin, Pull
from drivers.gpio.stream import Stream
from drivers.gpio.wires import Watch, Wire


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """pin: the contact behind the outlet; plugged: the level of the pin while something is plugged. plug_ms: how long it must
    say so. unplug_ms: how long it must say the opposite before the plug counts as gone; the contactor opens after it. cable_a:
    what plug and outlet carry, 6 to 80 A.
    """

    pin: Pin
    plugged: Literal["low", "high"] = "low"
    pull: Pull = "up"
    plug_ms: Annotated[int, Meta(ge=0, le=5_000)] = 300
    unplug_ms: Annotated[int, Meta(ge=0, le=50)] = 10
    cable_a: Annotated[float, Meta(ge=6, le=80)] = 16.0

    def __post_init__(self) -> None:
        pins.check([("pin", self.pin)])


def claims(config: Config) -> tuple[str, ...]:
    return (f"GPIO{config.pin}",)


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    said = pins.special([config.pin])
    if config.pull != {"low": "up", "high": "down"}[config.plugged]:
        said.append("A broken wire of the plug's contact would count as a plug: better a normally open contact to ground.")
    said.append(
        "Without a control pilot no car is told how much it may take: below what it takes anyway, limits and charging profiles "
        "only switch it off."
    )
    return said


class PlugContacts:
    """See ports.PilotSensor."""

    def __init__(self, config: Config, wire: Wire) -> None:
        self._cable_a = config.cable_a
        self._told: Stream[Pilot] = Stream()
        self._watch = Watch(
            wire,
            config.plugged == "high",
            lambda plugged: self._told.put(self._pilot(plugged)),
            self._told.fail,
            on_s=config.plug_ms / 1_000,
            off_s=config.unplug_ms / 1_000,
        )
        self._told.put(self._pilot(self._watch.active))

    def offer(self, current_a: float | None) -> None:
        """Nothing: see the module."""

    async def states(self) -> AsyncIterator[Pilot]:
        async for pilot in self._told.facts():
            yield pilot

    async def close(self) -> None:
        self._watch.close()
        self._told.end()

    def _pilot(self, plugged: bool) -> Pilot:
        state = PilotState.C if plugged else PilotState.A
        return Pilot(state=state, cable_at_station=plugged, cable_a=self._cable_a if plugged else None)


async def open(config: Config, buses: Buses) -> PlugContacts:
    """Takes the line; raises DriverError."""
    return PlugContacts(config, await board.in_thread(lambda: Wire.take(config.pin, config.pull), Wire.give_back))
