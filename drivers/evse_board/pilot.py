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

SAFE_KEYS = frozenset({"bus", "map", "unit_id"})


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """map: a name from docs/pilot.md, or the absolute path of an own file. unit_id: left out, the factory's. tethered: a fixed
    cable. cable_a: what a socket's cable is taken to carry while the board tells no rating; left out, it stays unknown.
    current_unit_a: amperes a step of the board's current (1.0, 0.1 or 0.01), where the map leaves it open.
    """

    bus: Annotated[str, Meta(min_length=1)]
    map: Annotated[str, Meta(min_length=1)]
    unit_id: Annotated[int, Meta(ge=1, le=255)] | None = None
    tethered: bool = False
    cable_a: Annotated[float, Meta(ge=CURRENT_MIN_A, le=CURRENT_MAX_A)] | None = None
    poll_s: Annotated[float, Meta(ge=0.05, le=0.5)] = POLL_S
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
    board, said = load(config.map), list[str]()
    if not board.verified:
        said.append(f"The map {board.name} ({board.manufacturer} {board.model}) is not verified: {board.why_unverified}")
    if board.cable is None and not config.tethered and config.cable_a is None:
        said.append(
            f"A board of map {board.name} tells no rating of a cable, and 13 A are offered at most through one that is "
            "unknown. Set tethered = true, or cable_a where the board itself keeps to the cable's rating."
        )
    return said


class BoardPilot:
    """See ports.PilotSensor."""

    def __init__(self, config: Config, held: Share) -> None:
        self._tethered, self._cable_a = config.tethered, config.cable_a
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
        cable_a = None
        if plugged and not self._tethered:
            rated = look.cable_a is not None and CURRENT_MIN_A <= look.cable_a <= CURRENT_MAX_A
            cable_a = look.cable_a if rated else self._cable_a
        return Pilot(state=look.state, cable_at_station=self._tethered or plugged, cable_a=cable_a, diode_ok=look.diode_ok)

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


async def make_safe(config: Config, buses: Buses) -> str:
    """Withdraws the offer: the board opens. Raises DriverError."""
    board_map = load(config.map)
    board = Board(bus_of(config.bus, buses), board_map, unit_of(board_map, config.unit_id))
    await board.give(None)
    return f"its offer is withdrawn: {board.name}"
