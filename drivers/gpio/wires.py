"""Lines of the header as the parts use them: an output that is read back, an input that is debounced and shared.

Owns the hop from lgpio's thread to the event loop. Opening a line belongs into `board.in_thread`, a `Watch` onto the event
loop's thread.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from chargepoint.ports import DriverError
from drivers.gpio import board
from drivers.gpio.bare import named
from drivers.gpio.pins import Pull

RELOOK_S = 0.25  # an edge that was lost on its way is made up for after so long


class Output:
    """An output line, off from the first moment. `set` and `close` may be called from any thread."""

    def __init__(self, pin: int, active_high: bool) -> None:
        """Takes the line; raises DriverError."""
        self.pin, self._active_high = pin, active_high
        factory = board.factory()
        with board.in_words(f"GPIO{pin}", pin):
            from gpiozero import OutputDevice

            self._device = OutputDevice(f"GPIO{pin}", active_high=active_high, initial_value=False, pin_factory=factory)
        try:
            self.set(False)
        except DriverError:
            self.close()
            raise

    def set(self, on: bool) -> None:
        """Drives the line and looks whether it went there (lgpio itself says nothing); raises DriverError."""
        level = on == self._active_high
        with board.in_words(f"GPIO{self.pin}", self.pin):
            if self._device.closed:
                raise DriverError(f"GPIO{self.pin} is closed already")
            self._device.value = on
            if bool(self._device.pin.state) != level:
                raise DriverError(f"GPIO{self.pin} is driven {named(level)} and does not go there: look for a short circuit")

    def close(self) -> None:
        """Off, then freed; the line keeps its level as long as the process lives."""
        if not self._device.closed:
            with contextlib.suppress(DriverError):
                self.set(False)
            self._device.close()


class Wire:
    """An input line of the chip, one for all parts that look at it."""

    _open: ClassVar[dict[int, "Wire"]] = {}
    _lock: ClassVar = threading.Lock()

    def __init__(self, pin: int, pull: Pull) -> None:
        self.pin, self.pull = pin, pull
        self.users = 0
        self.listeners: list[Callable[[], None]] = []
        self._device: Any = None

    @classmethod
    def take(cls, pin: int, pull: Pull) -> "Wire":
        """The line, opened where nobody has it yet; raises DriverError."""
        with cls._lock:
            wire = cls._open.get(pin) or Wire(pin, pull)
            if wire.pull != pull:
                raise DriverError(f"GPIO{pin} is asked for with pull {pull} and with pull {wire.pull}: give both the same")
            if not wire.users:
                wire._begin()
                cls._open[pin] = wire
            wire.users += 1
            return wire

    def give_back(self) -> None:
        with self._lock:
            self.users -= 1
            if not self.users:
                self._open.pop(self.pin, None)
                self._device.close()

    def level(self) -> bool:
        """Raises DriverError."""
        with board.in_words(f"GPIO{self.pin}", self.pin):
            return bool(self._device.pin.state)

    def wake(self) -> None:
        """Everybody looks again; from any thread."""
        for listener in tuple(self.listeners):
            listener()

    def _begin(self) -> None:
        factory = board.factory()
        with board.in_words(f"GPIO{self.pin}", self.pin):
            from gpiozero import InputDevice

            pull_up = {"up": True, "down": False, "none": None}[self.pull]
            state = True if pull_up is None else None
            self._device = InputDevice(f"GPIO{self.pin}", pull_up=pull_up, active_state=state, pin_factory=factory)
            self._device.pin.when_changed = self._edge

    def _edge(self, _ticks: object, _state: object) -> None:
        self.wake()


# Lines under a self-test: what they say is the test's business.
_tested: set[int] = set()


class Watch:
    """One part's view of an input: active or not, bounced contacts smoothed, told on the event loop.

    on_s, off_s: how long the line must say so before it counts as active, and as inactive again. tests: this view belongs to a
    self-test of the line; others hear nothing of it meanwhile.
    """

    def __init__(
        self,
        wire: Wire,
        active_high: bool,
        tell: Callable[[bool], None],
        fail: Callable[[Exception], None],
        *,
        on_s: float = 0.0,
        off_s: float = 0.0,
        tests: bool = False,
    ) -> None:
        """Looks once, tells nothing of it (`active`), and begins to watch; raises DriverError."""
        self._wire, self._active_high = wire, active_high
        self._tell, self._fail = tell, fail
        self._settle_s = {True: on_s, False: off_s}
        self._tests = tests
        self._loop = asyncio.get_running_loop()
        self._woken = False
        self._pending: asyncio.TimerHandle | None = None
        self._closed = False
        self.active = wire.level() == active_high
        wire.listeners.append(self._edge)
        self._tick_handle = self._loop.call_later(RELOOK_S, self._tick)
        self._loop.call_soon(self._look)  # what changed between the look and the listener

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wire.listeners.remove(self._edge)
            self._tick_handle.cancel()
            self._forget()
            self._wire.give_back()

    def begin_test(self) -> None:
        _tested.add(self._wire.pin)

    def end_test(self) -> None:
        _tested.discard(self._wire.pin)
        self._wire.wake()

    def _edge(self) -> None:
        """On any thread. A line that flutters wakes the loop no oftener than the loop looks."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._look)

    def _tick(self) -> None:
        self._tick_handle = self._loop.call_later(RELOOK_S, self._tick)
        self._look()

    def _look(self, settled: bool = False) -> None:
        """settled: every look since the line changed found it so, for long enough."""
        self._woken = False
        if self._closed:
            return
        try:
            active = self._wire.level() == self._active_high
        except DriverError as error:
            self._fail(error)
            return
        if active == self.active or (self._wire.pin in _tested and not self._tests):
            self._forget()
        elif settled or not self._settle_s[active]:
            self._change(active)
        elif self._pending is None:
            self._pending = self._loop.call_later(self._settle_s[active], self._look, True)

    def _change(self, active: bool) -> None:
        self._forget()
        self.active = active
        self._tell(active)

    def _forget(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
