"""Contactor on GPIO: a coil, its feedback contact, and the test of the residual-current device before each closing.

Owns the pause between switchings and the test. Refuses to judge contacts that do not follow: that is the station's matter
(closing_s, opening_s of the connector). Opening waits for nothing and may be commanded from any thread. IEC 61851-1 section
6.3.1, IEC 60947-4-1 annex F (mirror contacts).
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

from chargepoint.ports import Buses, DriverError
from drivers.gpio import bare, board, pins
from drivers.gpio.pins import SHARED, Pin, Pull
from drivers.gpio.self_test import Config as SelfTestConfig
from drivers.gpio.self_test import SelfTest
from drivers.gpio.stream import Stream
from drivers.gpio.wires import Output, Watch, Wire

BOUNCE_S = 0.005
CLOSE_S = 1.0
SAFE_KEYS = frozenset({"pin", "active_high"})


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """pin: the GPIO number of the coil's driver; active_high: the level that pulls the coil.

    feedback_pin: an auxiliary contact; left out, the contacts are taken to have moved closing_ms and opening_ms after the coil.
    feedback: "auxiliary" is made while the main contacts are closed, "mirror" while they are open. feedback_made: the level of
    the pin while the feedback contact is made. min_pause_s: the least time from opening to closing again. self_test: of a
    residual-current device, before each closing.
    """

    pin: Pin
    active_high: bool = True
    feedback_pin: Pin | None = None
    feedback: Literal["mirror", "auxiliary"] = "mirror"
    feedback_made: Literal["low", "high"] = "low"
    feedback_pull: Pull = "up"
    closing_ms: Annotated[int, Meta(ge=1, le=1_000)] = 100
    opening_ms: Annotated[int, Meta(ge=1, le=1_000)] = 100
    min_pause_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    self_test: SelfTestConfig | None = None

    def __post_init__(self) -> None:
        pins.check(self._pins())

    def _pins(self) -> list[tuple[str, int]]:
        named = [("pin", self.pin)]
        if self.feedback_pin is not None:
            named.append(("feedback_pin", self.feedback_pin))
        if self.self_test is not None:
            named += [("self_test", self.self_test.output_pin), ("self_test", self.self_test.trip_pin)]
        return named

    @property
    def closed_high(self) -> bool:
        """The level of the feedback pin while the main contacts are closed."""
        return (self.feedback_made == "high") == (self.feedback == "auxiliary")


def claims(config: Config) -> tuple[str, ...]:
    """The trip line may be an input of the station as well: it is one device. Another contactor's test would hide its trips."""
    test = config.self_test
    own = (config.pin, *([config.feedback_pin] if config.feedback_pin is not None else []))
    if test is None:
        return tuple(f"GPIO{pin}" for pin in own)
    tested = (f"GPIO{test.output_pin}", f"GPIO{test.trip_pin}{SHARED}", f"the test of GPIO{test.trip_pin}")
    return (*(f"GPIO{pin}" for pin in own), *tested)


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    said = pins.before_the_station_runs(config.pin, config.active_high, "the contactor")
    said += pins.special(pin for _, pin in config._pins())
    if config.feedback_pin is None:
        said.append("There is no feedback_pin: welded contacts are found only by the current that the meter still sees.")
    return said


class GpioContactor:
    """See ports.Contactor."""

    def __init__(self, config: Config, lines: "_Lines") -> None:
        self._config = config
        self._coil = lines.coil
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._switching = threading.Lock()
        self._wanted = self._on = self._closed = False
        self._told: Stream[bool] = Stream()
        self._moving: asyncio.Task[None] | None = None
        self._moves_to_close = False
        self._opened_s = self._loop.time()  # what was before is not known: the pause counts from here
        self._feedback: Watch | None = None
        self._test: SelfTest | None = None
        if lines.feedback is not None:
            high, told = config.closed_high, self._told
            self._feedback = Watch(lines.feedback, high, told.put, told.fail, on_s=BOUNCE_S, off_s=BOUNCE_S)
        if config.self_test is not None and lines.test is not None and lines.trip is not None:
            self._test = SelfTest(config.self_test, lines.test, lines.trip, self._told.fail)
        self._told.put(self._feedback is not None and self._feedback.active)

    def set(self, closed: bool) -> None:
        """Raises DriverError where the line does not go there. Any thread may open; only the event loop's may close."""
        if closed:
            if not self._wanted and not self._closed:
                self._wanted = True
                self._move(self._closing(), closes=True)
            return
        with self._switching:
            was_on, self._on, self._wanted = self._on, False, False
            self._coil.set(False)
        if threading.get_ident() == self._thread:
            self._opened(was_on)
        else:
            self._loop.call_soon_threadsafe(self._opened, was_on)

    async def feedback(self) -> AsyncIterator[bool]:
        async for closed in self._told.facts():
            yield closed

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self.set(False)
        finally:
            if self._moving is not None:
                self._moving.cancel()
                await asyncio.wait({self._moving}, timeout=CLOSE_S)
            if self._feedback is not None:
                self._feedback.close()
            if self._test is not None:
                self._test.close()
            self._coil.close()
            self._told.end()

    def _opened(self, was_on: bool) -> None:
        if was_on:
            self._opened_s = self._loop.time()
        if was_on and self._feedback is None:
            self._move(self._tell_later(False, self._config.opening_ms))
        elif self._moves_to_close and not self._wanted and self._moving is not None:
            self._moving.cancel()

    async def _closing(self) -> None:
        await asyncio.sleep(self._opened_s + self._config.min_pause_s - self._loop.time())
        if self._test is not None:
            await self._test.run()
        with self._switching:
            if not self._wanted:
                return
            self._on = True
            self._coil.set(True)
        if self._feedback is None:
            await self._tell_later(True, self._config.closing_ms)

    async def _tell_later(self, closed: bool, after_ms: int) -> None:
        await asyncio.sleep(after_ms / 1_000)
        self._told.put(closed)

    def _move(self, motion: Coroutine[Any, Any, None], closes: bool = False) -> None:
        if self._moving is not None:
            self._moving.cancel()
        self._moves_to_close = closes
        self._moving = self._loop.create_task(motion, name=f"contactor on GPIO{self._config.pin}")
        self._moving.add_done_callback(self._moved)

    def _moved(self, moving: asyncio.Task[None]) -> None:
        if not moving.cancelled() and (error := moving.exception()) is not None:
            self._told.fail(error if isinstance(error, Exception) else DriverError(str(error)))


class _Lines(NamedTuple):
    coil: Output
    feedback: Wire | None
    test: Output | None
    trip: Wire | None

    @classmethod
    def take(cls, config: Config) -> "_Lines":
        """The coil first, and off; raises DriverError, and then holds nothing."""
        with contextlib.ExitStack() as undo:
            coil = Output(config.pin, config.active_high)
            undo.callback(coil.close)
            feedback = test = trip = None
            if config.feedback_pin is not None:
                feedback = Wire.take(config.feedback_pin, config.feedback_pull)
                undo.callback(feedback.give_back)
            if config.self_test is not None:
                test = Output(config.self_test.output_pin, config.self_test.output_active_high)
                undo.callback(test.close)
                trip = Wire.take(config.self_test.trip_pin, config.self_test.trip_pull)
            undo.pop_all()
            return cls(coil, feedback, test, trip)

    def give_back(self) -> None:
        for wire in (self.feedback, self.trip):
            if wire is not None:
                wire.give_back()
        for output in (self.coil, self.test):
            if output is not None:
                output.close()


async def open(config: Config, buses: Buses) -> GpioContactor:
    """Takes the lines; raises DriverError."""
    lines = await board.in_thread(lambda: _Lines.take(config), _Lines.give_back)
    return GpioContactor(config, lines)


async def make_safe(config: Config, buses: Buses) -> str:
    """The coil off, by whoever it was left on; raises DriverError."""
    level = not config.active_high
    with bare.Line(config.pin, level):
        return f"its coil is off: GPIO{config.pin} is {bare.named(level)}"
