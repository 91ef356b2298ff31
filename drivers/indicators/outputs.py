"""What can shine or sound: RGB lamps, single lamps, strips and buzzers. One class each, all of them told frames.

Owns how a colour is made of what is there. Knows nothing of patterns and time. What blocks runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from chargepoint.ports import DriverError
from drivers.indicators import Colour
from drivers.indicators.rendering import Frame
from drivers.indicators.strip import Encoding, encoded

PALETTE: Mapping[Colour, tuple[float, float, float]] = {
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "amber": (1.0, 0.4, 0.0),
    "yellow": (1.0, 0.75, 0.0),
    "purple": (0.6, 0.0, 1.0),
}

# For every colour the lamps that may show it, the best first; red is kept for what is wrong as long as there is another.
STAND_INS: Mapping[Colour, tuple[tuple[Colour, ...], ...]] = {
    "white": (("white",), ("red", "green", "blue"), ("green",), ("blue",), ("yellow",), ("amber",), ("red",)),
    "red": (("red",), ("amber",), ("yellow",), ("white",), ("blue",), ("green",)),
    "green": (("green",), ("blue",), ("white",), ("yellow",), ("amber",), ("red",)),
    "blue": (("blue",), ("white",), ("green",), ("yellow",), ("amber",), ("red",)),
    "amber": (("amber",), ("yellow",), ("red", "green"), ("white",), ("blue",), ("green",), ("red",)),
    "yellow": (("yellow",), ("amber",), ("red", "green"), ("white",), ("blue",), ("green",), ("red",)),
    "purple": (("purple",), ("red", "blue"), ("blue",), ("white",), ("yellow",), ("amber",), ("green",), ("red",)),
}


class Line(Protocol):
    """A pin that can be dimmed. value: 0 to 1."""

    value: float

    def close(self) -> None: ...


class ToneLine(Line, Protocol):
    """A pin that sounds: its frequency is that of the tone."""

    frequency: int


class Output(Protocol):
    def put(self, frame: Frame) -> None:
        """Shows it at once; raises DriverError where the lamp does not work."""

    async def close(self) -> None:
        """Dark and silent."""


def stand_ins(colour: Colour, there: set[Colour]) -> tuple[Colour, ...]:
    """The lamps that show a colour where only these are there (one at least)."""
    return next(lamps for lamps in STAND_INS[colour] if there.issuperset(lamps))


def _dimmed(level: float) -> float:
    """A pin is dimmed in steps of 1 %; what is not dark stays so."""
    return max(level, 0.01) if level else 0.0


class RgbLamp:
    """Three lines, one for each colour."""

    def __init__(self, red: Line, green: Line, blue: Line) -> None:
        self._lines = (red, green, blue)
        self._level: tuple[float, ...] = ()

    def put(self, frame: Frame) -> None:
        level = tuple(_dimmed(frame.level * part) for part in PALETTE[frame.colour])
        if level == self._level:
            return
        self._level = level
        for line, value in zip(self._lines, level, strict=True):
            line.value = value

    async def close(self) -> None:
        for line in self._lines:
            line.value = 0
            line.close()


class SingleLamps:
    """One line for each colour that there is. dim: False for lamps that are on or off (behind a relay)."""

    def __init__(self, lines: Mapping[Colour, Line], dim: bool) -> None:
        self._lines = lines
        self._dim = dim
        self._values: dict[Colour, float] = {}

    def put(self, frame: Frame) -> None:
        used = stand_ins(frame.colour, set(self._lines))
        level = _dimmed(frame.level) if self._dim else float(frame.lit)
        values = {colour: level if colour in used else 0.0 for colour in self._lines}
        for colour, value in values.items():
            if self._values.get(colour) != value:
                self._lines[colour].value = value
        self._values = values

    async def close(self) -> None:
        for line in self._lines.values():
            line.value = 0
            line.close()


class Buzzer:
    """passive: the line makes the tone. Active: it only switches a buzzer that has its own."""

    def __init__(self, line: ToneLine, passive: bool) -> None:
        self._line = line
        self._passive = passive
        self._tone_hz = 0

    def put(self, frame: Frame) -> None:
        if frame.tone_hz == self._tone_hz:
            return
        self._tone_hz = frame.tone_hz
        if not frame.tone_hz:
            self._line.value = 0
        elif self._passive:
            self._line.frequency = frame.tone_hz
            self._line.value = 0.5
        else:
            self._line.value = 1

    async def close(self) -> None:
        self._line.value = 0
        self._line.close()


class Strip:
    """All the lamps of a strip in one colour. send: hands bytes to the bus, and blocks meanwhile."""

    def __init__(
        self, lamps: int, order: str, encoding: Encoding, send: Callable[[bytes], object], close: Callable[[], None]
    ) -> None:
        self._lamps, self._order, self._encoding = lamps, order, encoding
        self._send, self._close = send, close
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="strip")
        self._wanted: tuple[int, int, int] | None = None
        self._sent: tuple[int, int, int] | None = None
        self._sending: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None

    def put(self, frame: Frame) -> None:
        """Only the newest colour is sent, when the one before it is through."""
        red, green, blue = (round(255 * frame.level * part) for part in PALETTE[frame.colour])
        self._wanted = (red, green, blue)
        if self._failure is not None:
            raise DriverError(f"the strip takes no data: {self._failure}. Is the SPI bus enabled?") from self._failure
        self._next()

    async def close(self) -> None:
        self._wanted = (0, 0, 0)
        self._next()
        while self._sending is not None:
            await asyncio.wait({self._sending})
            await asyncio.sleep(0)  # for its callback, which may begin the last one
        self._thread.shutdown(wait=False)
        self._close()

    def _next(self) -> None:
        if self._sending is not None or self._wanted is None or self._wanted == self._sent or self._failure is not None:
            return
        self._sent = self._wanted
        data = encoded([self._wanted] * self._lamps, self._order, self._encoding)
        self._sending = asyncio.get_running_loop().run_in_executor(self._thread, self._transfer, data)
        self._sending.add_done_callback(self._through)

    def _transfer(self, data: bytes) -> None:
        self._send(data)

    def _through(self, sending: asyncio.Future[None]) -> None:
        self._sending = None
        self._failure = sending.exception()
        self._next()
