"""A board that two parts of a connector use, each opened and closed by itself: the first finds it, the last lets it go."""

import asyncio

from chargepoint.ports import Buses, DriverError
from drivers.evse_board import BoardMap, load
from drivers.evse_board.board import Board
from drivers.modbus.bus import Bus


class Share:
    """One part's hold on a board."""

    def __init__(self, bus: Bus, key: tuple[str, int], board: Board) -> None:
        self.board = board
        self._bus = bus
        self._key = key
        self._held = True

    async def let_go(self) -> None:
        """Returns when the board does what its logic wants without this part; the last one withdraws the offer."""
        if not self._held:
            return
        self._held = False
        holders = _holders(self._bus, self._key)
        holders.count[self.board] -= 1
        if holders.count[self.board] == 0:
            del holders.count[self.board]
            # One that took the place of a lost board is not to be disturbed.
            await self.board.stop(withdraw=not holders.count)
        else:
            self.board.changed()
            await self.board.obeys()


class _Holders:
    """Kept in the bus' memory. More than one board is in it only while a lost one is still held."""

    def __init__(self) -> None:
        self.opening = asyncio.Lock()
        self.count: dict[Board, int] = {}


def _holders(bus: Bus, key: tuple[str, int]) -> _Holders:
    holders = bus.memory.setdefault(key, _Holders())
    assert isinstance(holders, _Holders)
    return holders


async def share(bus_name: str, map_name: str, unit_id: int | None, buses: Buses) -> Share:
    """The board, found and offering nothing if nobody held it; raises DriverError."""
    bus = bus_of(bus_name, buses)
    board_map = load(map_name)
    unit = unit_of(board_map, unit_id)
    key = ("evse_board", unit)
    holders = _holders(bus, key)
    async with holders.opening:
        board = next((board for board in holders.count if not board.lost), None)
        if board is None:
            board = Board(bus, board_map, unit)
            await board.start()
            holders.count[board] = 0
        elif board.map.name != board_map.name:
            raise DriverError(f"{board.name}: pilot and contactor name two maps for it, {board.map.name} and {board_map.name}")
        holders.count[board] += 1
    return Share(bus, key, board)


def bus_of(name: str, buses: Buses) -> Bus:
    """The opened bus of a name; DriverError where it is not there or is none for Modbus."""
    bus = buses.get(name)
    if bus is None:
        there = ", ".join(sorted(buses)) or "none"
        raise DriverError(f'bus "{name}" is not open; there are: {there}. Check [buses] in the configuration.')
    if not isinstance(bus, Bus):
        raise DriverError(f'bus "{name}" is no Modbus bus. Name one whose driver is modbus_rtu or modbus_tcp.')
    return bus


def unit_of(board_map: BoardMap, unit_id: int | None) -> int:
    return board_map.unit_id if unit_id is None else unit_id
