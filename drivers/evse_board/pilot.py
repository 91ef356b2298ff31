"""Pilot driver `evse_board`: what an EVSE controller board sees of the car, and what it offers."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import Buses
from drivers.evse_board import UNITS_A, load
from drivers.evse_board.board import CURRENT_MAX_A, CURRENT_MIN_A, POLL_S, Board
from drivers.evse_board.logic import Look
from drivers.evse_board.sharing import Share, bus_of, share, unit_of


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """map: a name from docs/pilot.md, or the absolute path of an own file. unit_id: left out, the factory's. tethered: a fixed
    cable. current_unit_a: amperes a step of the board's current (1.0, 0.1 or 0.01), where the map leaves it open.
    """

    bus: Annotated[str, Meta(min_length=1)]
    map: Annotated[str, Meta(min_length=1)]
    unit_id: Annotated[int, Meta(ge=1, le=255)] | None = None
    tethered: bool = False
    poll_s: Annotated[float, Meta(ge=0.05, le=2)] = POLL_S
    current_unit_a: float | None = None

    def __post_init__(self) -> None:
        known = load(self.map).current.unit_a
        if known is None and self.current_unit_a not in UNITS_A:
            raise ValueError(f"current_unit_a must be 1.0, 0.1 or 0.01: boards of map {self.map} differ, see its own pages")
        if known is not None and self.current_unit_a is not None:
            raise ValueError(f"current_unit_a is not for map {self.map}, which knows it")


def claims(config: Config) -> tuple[str, ...]:
    return (f"bus {config.bus} unit {unit_of(load(config.map), config.unit_id)} pilot",)


def remarks(config: Config) -> list[str]:
    """Sentences for an installer about a configuration that is valid."""
    board = load(config.map)
    if board.verified:
        return []
    return [
        f"The map {board.name} ({board.manufacturer} {board.model}) is not verified: {board.why_unverified} Watch a charge."
    ]


class BoardPilot:
    """See ports.PilotSensor."""

    def __init__(self, config: Config, held: Share) -> None:
        self._tethered = config.tethered
        self._held = held
        self._board: Board = held.board

    def offer(self, current_a: float | None) -> None:
        """6 to 80 A, or None; written by the next request to the board. ValueError for anything else."""
        if current_a is not None and not CURRENT_MIN_A <= current_a <= CURRENT_MAX_A:
            raise ValueError(f"{current_a} A cannot be offered on a pilot: 6 to 80 A can")
        self._board.logic.offer(current_a)
        self._board.changed()

    async def states(self) -> AsyncIterator[Pilot]:
        async with aclosing(self._board.looks(self._pilot)) as pilots:
            async for pilot in pilots:
                yield pilot

    def _pilot(self, look: Look) -> Pilot:
        plugged = look.state is not PilotState.A
        limit_a = look.cable_a if plugged and not self._tethered else None
        if limit_a is not None and not CURRENT_MIN_A <= limit_a <= CURRENT_MAX_A:
            limit_a = None  # the board knows no rating; it keeps the limit by itself
        return Pilot(state=look.state, cable_at_station=self._tethered or plugged, cable_a=limit_a, diode_ok=look.diode_ok)

    async def close(self) -> None:
        self._board.logic.offer(None)
        await self._held.let_go()


async def open(config: Config, buses: Buses) -> BoardPilot:
    """The board, found and offering nothing; raises DriverError."""
    held = await share(config.bus, config.map, config.unit_id, buses)
    try:
        if config.current_unit_a is not None:
            held.board.use_unit(config.current_unit_a)
    except BaseException:
        await held.let_go()
        raise
    held.board.poll_s = config.poll_s
    return BoardPilot(config, held)


async def make_safe(config: Config, buses: Buses) -> None:
    """Withdraws the offer: the board opens. Raises DriverError."""
    board_map = load(config.map)
    await Board(bus_of(config.bus, buses), board_map, unit_of(board_map, config.unit_id)).give(None)
