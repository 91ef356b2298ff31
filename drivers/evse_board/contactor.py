"""Contactor driver `evse_board`: the relay of an EVSE controller board, which the board closes and opens by itself.

It closes for a car that asks while a current is offered; this driver sees to it that no current is offered where the station
does not want it closed (`logic`). Opening takes a request on the bus: what must open faster belongs into the coil's supply.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses
from drivers.evse_board import load
from drivers.evse_board.board import Board
from drivers.evse_board.sharing import Share, bus_of, share, unit_of

SAFE_KEYS = frozenset({"bus", "map", "unit_id"})


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """bus, map, unit_id: those of the connector's pilot."""

    bus: Annotated[str, Meta(min_length=1)]
    map: Annotated[str, Meta(min_length=1)]
    unit_id: Annotated[int, Meta(ge=1, le=255)] | None = None

    def __post_init__(self) -> None:
        load(self.map)


def claims(config: Config) -> tuple[str, ...]:
    return (f"bus {config.bus} unit {unit_of(load(config.map), config.unit_id)} contactor",)


def remarks(config: Config) -> list[str]:
    """Sentences for an installer about a configuration that is valid."""
    board = load(config.map)
    said = [
        f"A board of map {board.name} is not known to open when its bus is cut: it goes on with the last current until the car "
        "stops. Put a contactor of the station's own in front of it, or accept that."
    ]
    if board.relay is None:
        said.append(f"A board of map {board.name} does not tell whether its relay is closed: a welded one is not seen.")
    return said


class BoardContactor:
    """See ports.Contactor."""

    def __init__(self, held: Share) -> None:
        self._held = held
        self._board: Board = held.board

    def set(self, closed: bool) -> None:
        """Written by the next request to the board."""
        self._board.logic.command(closed)
        self._board.changed()

    async def feedback(self) -> AsyncIterator[bool]:
        async with aclosing(self._board.looks(lambda look: look.closed)) as states:
            async for closed in states:
                yield closed

    async def close(self) -> None:
        self._board.logic.command(False)
        await self._held.let_go()


async def open(config: Config, buses: Buses) -> BoardContactor:
    """The board, found; from now on it closes only by order. Raises DriverError."""
    held = await share(config.bus, config.map, config.unit_id, buses)
    held.board.logic.has_contactor = True
    return BoardContactor(held)


async def make_safe(config: Config, buses: Buses) -> str:
    """Withdraws the offer: the board opens. Raises DriverError."""
    board_map = load(config.map)
    board = Board(bus_of(config.bus, buses), board_map, unit_of(board_map, config.unit_id))
    await board.give(None)
    return f"its board is told to offer nothing, and opens: {board.name}"
