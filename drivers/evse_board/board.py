"""One board: read again and again, and written whenever it does not offer what it is to offer.

Owns the requests to the board. A fault of the bus never becomes a state: it ends the board, and with it both of its parts.
Refuses to know what a station wants (`logic`), and who uses the board (`sharing`).
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from itertools import groupby
from typing import Any, TypeVar

from chargepoint.facts import PilotState
from chargepoint.ports import DriverError
from drivers.evse_board import BoardMap, Flag
from drivers.evse_board.logic import ENERGY, Logic, Look
from drivers.iec61851.offers import Offers
from drivers.modbus.bus import Bus

log = logging.getLogger(__name__)

T = TypeVar("T")
Words = Mapping[tuple[int, int], int]  # (function, address) -> what stands there

CURRENT_MIN_A = 6.0
CURRENT_MAX_A = 80.0
BLOCK_MAX = 16
HOLE_MAX = 4
POLL_S = 0.2
SILENT_S = 0.8  # a station takes a contactor that follows no order for 1 s for a broken one: before that, the board is lost
DISOBEYS_MAX = 3  # looks in a row that show more, or something else than nothing, after a write


class Board:
    """A board at `unit` of a bus, with its `logic`. `changed` is to be called after the logic was told something."""

    def __init__(self, bus: Bus, board_map: BoardMap, unit: int) -> None:
        self.map = board_map
        self.name = f"{bus.where}, unit {unit} ({board_map.name})"
        self.logic = Logic()
        self.poll_s = POLL_S
        self._bus = bus
        self._unit = unit
        self._unit_a = board_map.current.unit_a
        self._requests = requests(board_map)
        self._offers = Offers()
        self._look: Look | None = None
        self._steps = 0  # what the register of the current holds
        self._written_a: float | None = None
        self._disobeys = 0
        self._error: DriverError | None = None
        self._news = asyncio.Condition()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._answered_s = float("-inf")
        self._answers = True

    @property
    def lost(self) -> bool:
        return self._error is not None

    async def start(self) -> None:
        """Finds the board, withdraws what it offers, and goes on reading it; raises DriverError."""
        if (fine := self.map.current.fine) is not None:
            (word,) = await self._ask(fine.function, fine.address, 1)
            if word >> fine.bit & 1:
                self._unit_a = 0.01
        self._see(await self._read())
        await self.give(None)
        self._see(await self._read())  # what is told first is how it is after that
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"board {self.name}")

    async def stop(self, *, withdraw: bool) -> None:
        """Ends; what the bus fails at on the way is logged. A board that does not answer is left alone: its loss is not to be
        told late, and it is told to offer nothing as soon as it is found again.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        if withdraw and self._answers:
            try:
                await self.give(None)
            except DriverError as error:
                log.warning("%s: the offer could not be withdrawn at the end: %s", self.name, error)

    def use_unit(self, unit_a: float) -> None:
        """What the configuration says of the current's step; raises DriverError where the register speaks against it."""
        now_a = self._steps * unit_a
        if self._steps and not CURRENT_MIN_A - 1 <= now_a <= CURRENT_MAX_A:
            raise DriverError(
                f"{self.name}: the register of the current holds {self._steps}, which would be {now_a:g} A with "
                f"current_unit_a = {unit_a:g}. Look at the board's own pages, and set current_unit_a to 1.0 or 0.1."
            )
        self._unit_a = unit_a

    def changed(self) -> None:
        """The board is looked after at once."""
        self._wake.set()

    async def looks(self, of: Callable[[Look], T]) -> AsyncGenerator[T, None]:
        """What `of` makes of a look, first as it is, then whenever that changes; raises DriverError when the board is lost."""
        told: list[T] = []
        while True:
            async with self._news:
                while self._error is None and (self._look is None or [of(self._look)] == told):
                    await self._news.wait()
                if self._error is not None:
                    raise DriverError(str(self._error))
                assert self._look is not None
                told = [of(self._look)]
            yield told[0]

    async def obeys(self) -> None:
        """Returns when what the logic wants is written, or the board is lost."""
        async with self._news:
            while not self.lost and self._wanted_a() != self._written_a:
                await self._news.wait()

    async def give(self, current_a: float | None) -> None:
        """Writes what the board is to offer, without a look at what it does; raises DriverError. Charging is allowed last."""
        current, enable = self.map.current, self.map.enable
        if current_a is None and enable is not None:
            await self._write(5, enable.address, 0)
        else:
            await self._write(current.write_function, current.address, 0 if current_a is None else self._in_steps(current_a))
            if enable is not None:
                await self._write(5, enable.address, 1)
        self._written_a = current_a

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                look = await self._read()
                async with self._news:
                    self._see(look)
                    self._news.notify_all()
                if not await self._obey():
                    await self._pause()
        except DriverError as error:
            await self._fail(error)
        except Exception as error:
            log.exception("%s: the driver of the board broke", self.name)
            await self._fail(DriverError(f"{self.name}: the driver of the board broke: {error!r}"))

    async def _obey(self) -> bool:
        """Writes where the board offers another current than it is to; whether it did. Less it may offer: a thin cable."""
        assert self._look is not None
        wanted_a, given_a = self._wanted_a(), self._look.given_a
        too_much = given_a is not None and (wanted_a is None or given_a > wanted_a)
        none_at_all = wanted_a is not None and given_a is None
        if wanted_a == self._written_a and not too_much and not none_at_all:
            self._disobeys = 0
            return False
        self._disobeys = self._disobeys + 1 if wanted_a == self._written_a else 0
        if self._disobeys > DISOBEYS_MAX:
            raise DriverError(
                f"{self.name}: the board was told to offer {_amperes(wanted_a)} and offers {_amperes(given_a)}. Is it set to "
                "be controlled by Modbus, and by nothing else?"
            )
        await self.give(wanted_a)
        return True

    def _wanted_a(self) -> float | None:
        """What the board is to offer now, in whole steps of it."""
        now_s = asyncio.get_running_loop().time()
        current_a = self._offers.want(self.logic.wanted_a(now_s), now_s)
        if current_a is None or self._unit_a is None:
            return None
        return self._in_steps(current_a) * self._unit_a

    def _in_steps(self, current_a: float) -> int:
        assert self._unit_a is not None, "the pilot's configuration names it before anything is offered"
        return math.floor(current_a / self._unit_a + 1e-6)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self.poll_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _fail(self, error: DriverError) -> None:
        async with self._news:
            self._error = error
            self._news.notify_all()

    def _see(self, look: Look) -> None:
        self.logic.see(look.state, asyncio.get_running_loop().time())
        if self._look is None or look.state is not self._look.state:
            log.info("%s: pilot %s", self.name, look.state)
        self._look = look

    async def _read(self) -> Look:
        board, words = self.map, dict[tuple[int, int], int]()
        for function, address, count in self._requests:
            answer = await self._ask(function, address, count)
            words |= {(function, address + offset): word for offset, word in enumerate(answer)}
        state = self._state_in(words[(board.state.function, board.state.address)])
        if (off := board.unavailable) is not None and words[(off.function, off.address)] == off.value:
            state = PilotState.F
        self._steps = words[(3, board.current.address)]
        allowed = bool(self._steps) if board.enable is None else bool(words[(1, board.enable.address)])
        return Look(
            state=state,
            closed=allowed and state in ENERGY if board.relay is None else _flag(words, board.relay),
            given_a=self._steps * (self._unit_a or 1.0) if allowed else None,
            diode_ok=board.no_diode is None or not _flag(words, board.no_diode),
            cable_a=None if board.cable is None else float(words[(board.cable.function, board.cable.address)]),
        )

    def _state_in(self, word: int) -> PilotState:
        described = self.map.state
        if described.kind == "number":
            found = described.values.get(str(word))
        else:
            letter = chr(word & 0xFF if described.kind == "low_byte" else word >> 8)
            found = PilotState.__members__.get(letter)
        if found is None:
            raise DriverError(f"{self.name}: register {described.address} holds 0x{word:04X}, no state. Is it this board?")
        return found

    async def _ask(self, function: int, address: int, count: int) -> list[int]:
        return await self._in_time(lambda: self._bus.read(self._unit, function, address, count))

    async def _write(self, function: int, address: int, value: int) -> None:
        await self._in_time(lambda: self._bus.write(self._unit, function, address, [value]))

    async def _in_time(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """A request's outcome; DriverError where the board, once found, gives no answer for SILENT_S."""
        await self._breathe()
        self._answers = False
        patience_s = None if self._task is None else self._answered_s + SILENT_S - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(patience_s):
                outcome = await request()
        except TimeoutError:
            raise DriverError(
                f"{self.name}: no answer for {SILENT_S:g} s. Check its supply and the wires; if a single request that goes "
                "wrong takes the bus that long, set its timeout_s to 0.1 and latency_max_s to 0.2."
            ) from None
        self._answered_s, self._answers = asyncio.get_running_loop().time(), True
        return outcome

    async def _breathe(self) -> None:
        """The board's own pause between an answer and the next request."""
        wait_s = self._answered_s + self.map.gap_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)


def requests(board_map: BoardMap) -> tuple[tuple[int, int, int], ...]:
    """(function, address, count) of the reads that one look takes: neighbours share one."""
    single = (board_map.state, board_map.relay, board_map.no_diode, board_map.unavailable, board_map.cable)
    wanted = {(part.function, part.address) for part in single if part is not None} | {(3, board_map.current.address)}
    if board_map.enable is not None:
        wanted.add((1, board_map.enable.address))
    found: list[tuple[int, int, int]] = []
    for function, group in groupby(sorted(wanted), key=lambda one: one[0]):
        for _, address in group:
            if found and found[-1][0] == function:
                _, first, count = found[-1]
                if address - (first + count) <= HOLE_MAX and address - first < BLOCK_MAX:
                    found[-1] = (function, first, address - first + 1)
                    continue
            found.append((function, address, 1))
    return tuple(found)


def _flag(words: Words, flag: Flag) -> bool:
    return bool(words[(flag.function, flag.address)] >> flag.bit & 1)


def _amperes(current_a: float | None) -> str:
    return "nothing" if current_a is None else f"{current_a:g} A"
