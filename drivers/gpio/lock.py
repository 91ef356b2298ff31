"""Lock of a socket on GPIO: a motor that is driven for a moment in each direction, or a bolt that is held by one output.

Owns the pulse, the look at the feedback, and few tries. Refuses to know when to lock. The station asks three times, a second
apart, before it calls the lock jammed: tries and pauses of this driver lie within that second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from chargepoint.ports import Buses, DriverError
from drivers.gpio import bare, board, pins
from drivers.gpio.pins import Pin, Pull
from drivers.gpio.stream import Stream
from drivers.gpio.wires import Output, Watch, Wire

BOUNCE_S = 0.005
SETTLE_S = 0.05  # from the end of the pulse to the look at the feedback
STATION_TRIES_EVERY_S = 1.0
CLOSE_S = 1.0
SAFE_KEYS = frozenset({"lock_pin", "unlock_pin", "active_high", "on_failure", "pulse_ms"})
RELEASE_MS_MAX = 500  # what a safe state within a second leaves for the motor


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """lock_pin drives the motor into the locked position, unlock_pin back. Without unlock_pin, lock_pin holds the bolt as long
    as it is on. active_high: the level that drives.

    pulse_ms: how long the motor is driven, or the bolt needs. tries, pause_ms: for one command. feedback_pin: the bolt's
    contact, feedback_locked its level while locked; left out, the bolt is taken to be where it was driven. on_failure: what the
    safe state does with a locked plug once the station's process is gone and the contactor is open: "keep" it, or "release" it.
    """

    lock_pin: Pin
    unlock_pin: Pin | None = None
    active_high: bool = True
    pulse_ms: Annotated[int, Meta(ge=20, le=2_000)] = 300
    tries: Annotated[int, Meta(ge=1, le=5)] = 2
    pause_ms: Annotated[int, Meta(ge=0, le=2_000)] = 200
    feedback_pin: Pin | None = None
    feedback_locked: Literal["low", "high"] = "low"
    feedback_pull: Pull = "up"
    on_failure: Literal["keep", "release"] = "keep"

    def __post_init__(self) -> None:
        named = (("lock_pin", self.lock_pin), ("unlock_pin", self.unlock_pin), ("feedback_pin", self.feedback_pin))
        pins.check((key, pin) for key, pin in named if pin is not None)
        if self.on_failure == "release" and self.unlock_pin is not None and self.pulse_ms > RELEASE_MS_MAX:
            raise ValueError(
                f'pulse_ms: at most {RELEASE_MS_MAX} with on_failure = "release", which has a second for everything'
            )


def claims(config: Config) -> tuple[str, ...]:
    return tuple(f"GPIO{pin}" for pin in (config.lock_pin, config.unlock_pin, config.feedback_pin) if pin is not None)


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    all_pins = (config.lock_pin, config.unlock_pin, config.feedback_pin)
    said = pins.special(pin for pin in all_pins if pin is not None)
    said += pins.before_the_station_runs(config.lock_pin, config.active_high, "the lock")
    if config.unlock_pin is not None:
        said += pins.before_the_station_runs(config.unlock_pin, config.active_high, "the lock")
    if config.feedback_pin is None:
        said.append("There is no feedback_pin: a jammed bolt is not noticed.")
    whole_s = (config.tries * (config.pulse_ms / 1_000 + SETTLE_S)) + (config.tries - 1) * config.pause_ms / 1_000
    if whole_s > STATION_TRIES_EVERY_S:
        said.append(
            f"All tries of one command take {whole_s:.1f} s, and the station asks again after 1 s: take fewer, or shorter ones."
        )
    return said


class GpioLock:
    """See ports.Lock."""

    def __init__(self, config: Config, lines: "_Lines") -> None:
        self._config, self._lines = config, lines
        self._told: Stream[bool] = Stream()
        self._driven = False
        self._wanted: bool | None = None
        self._moving: asyncio.Task[None] | None = None
        self._closed = False
        self._feedback: Watch | None = None
        if lines.feedback is not None:
            locked_high = config.feedback_locked == "high"
            self._feedback = Watch(lines.feedback, locked_high, self._seen, self._told.fail, on_s=BOUNCE_S, off_s=BOUNCE_S)
        self._told.put(self._locked)

    def set(self, locked: bool) -> None:
        """A command that is being carried out already goes on."""
        if self._closed or (self._moving is not None and self._wanted is locked):
            return
        if self._moving is not None:
            self._moving.cancel()
        self._wanted = locked
        self._moving = asyncio.get_running_loop().create_task(self._move(locked), name=f"lock on GPIO{self._config.lock_pin}")
        self._moving.add_done_callback(self._moved)

    async def states(self) -> AsyncIterator[bool]:
        async for locked in self._told.facts():
            yield locked

    async def close(self) -> None:
        """The motor at rest; a bolt that is held lets go."""
        if self._closed:
            return
        self._closed = True
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait({self._moving}, timeout=CLOSE_S)
        if self._feedback is not None:
            self._feedback.close()
        self._lines.lock.close()
        if self._lines.unlock is not None:
            self._lines.unlock.close()
        self._told.end()

    @property
    def _locked(self) -> bool:
        return self._feedback.active if self._feedback is not None else self._driven

    def _seen(self, locked: bool) -> None:
        """The bolt moved; while it is driven, the end of the command tells where it is."""
        if self._moving is None:
            self._told.put(locked)

    async def _move(self, locked: bool) -> None:
        for number in range(self._config.tries):
            if number:
                await asyncio.sleep(self._config.pause_ms / 1_000)
            await self._drive(locked)
            await asyncio.sleep(SETTLE_S)
            self._driven = locked
            if self._locked is locked:
                return

    async def _drive(self, locked: bool) -> None:
        towards, away = (self._lines.lock, self._lines.unlock) if locked else (self._lines.unlock, self._lines.lock)
        if away is not None:
            away.set(False)
        try:
            if towards is not None:
                towards.set(True)
            await asyncio.sleep(self._config.pulse_ms / 1_000)
        finally:
            if towards is not None and self._lines.unlock is not None:
                towards.set(False)

    def _moved(self, moving: asyncio.Task[None]) -> None:
        if moving.cancelled() or moving is not self._moving:
            return
        self._moving = None
        error = moving.exception()
        if error is not None:
            self._told.fail(error if isinstance(error, Exception) else DriverError(str(error)))
        else:
            self._told.put(self._locked)


class _Lines(NamedTuple):
    lock: Output
    unlock: Output | None
    feedback: Wire | None

    @classmethod
    def take(cls, config: Config) -> "_Lines":
        """Raises DriverError, and then holds nothing."""
        with contextlib.ExitStack() as undo:
            lock = Output(config.lock_pin, config.active_high)
            undo.callback(lock.close)
            unlock = feedback = None
            if config.unlock_pin is not None:
                unlock = Output(config.unlock_pin, config.active_high)
                undo.callback(unlock.close)
            if config.feedback_pin is not None:
                feedback = Wire.take(config.feedback_pin, config.feedback_pull)
            undo.pop_all()
            return cls(lock, unlock, feedback)

    def give_back(self) -> None:
        self.lock.close()
        if self.unlock is not None:
            self.unlock.close()
        if self.feedback is not None:
            self.feedback.give_back()


async def open(config: Config, buses: Buses) -> GpioLock:
    """Takes the lines, the motor at rest; raises DriverError."""
    return GpioLock(config, await board.in_thread(lambda: _Lines.take(config), _Lines.give_back))


async def make_safe(config: Config, buses: Buses) -> str:
    """The motor at rest, and the plug kept or released as on_failure says; raises DriverError."""
    off = not config.active_high
    if config.on_failure == "keep" and config.unlock_pin is None:
        return "its bolt is left as it is"
    with contextlib.ExitStack() as lines:
        lines.enter_context(bare.Line(config.lock_pin, off))
        if config.unlock_pin is None:
            return "its bolt is let go"
        unlock = lines.enter_context(bare.Line(config.unlock_pin, off))
        if config.on_failure == "keep":
            return "its motor is at rest; the plug is kept"
        unlock.set(not off)
        try:
            await asyncio.sleep(config.pulse_ms / 1_000)
        finally:
            unlock.set(off)
        return f"its motor was driven to unlock for {config.pulse_ms} ms"
