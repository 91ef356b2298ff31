"""Lines of the header as the parts use them: an output that is read back, an input that is debounced and shared.

An output is gpiozero's device; an input is the kernel's own line, whose edges wake the event loop. Both are reserved with
gpiozero, so that one pin cannot be both. Opening a line belongs into `board.in_thread`, a `Watch` onto the event loop's thread.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import ClassVar

from chargepoint.ports import DriverError
from drivers.gpio import bare, board
from drivers.gpio.bare import named
from drivers.gpio.pins import Pull

RELOOK_S = 1.0  # a chip that is gone is noticed after so long, and an edge that was lost made up for
FLUTTER_S = 0.01  # a line that flutters faster than it is read is let be for so long, and looked at then


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
        """Takes the line; raises DriverError."""
        self.pin, self.pull = pin, pull
        self.users = 0
        self._listeners: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._again: asyncio.TimerHandle | None = None
        self._broken: DriverError | None = None
        self._factory = board.factory()
        with board.in_words(f"GPIO{pin}", pin):
            self._factory.reserve_pins(self, f"GPIO{pin}")
        try:
            self._line = bare.InputLine(pin, pull)
        except BaseException:
            self._factory.release_pins(self, f"GPIO{pin}")
            raise

    def _conflicts_with(self, other: object) -> bool:
        """gpiozero's question about two that want one pin."""
        return True

    @classmethod
    def take(cls, pin: int, pull: Pull) -> "Wire":
        """The line, opened where nobody has it yet; raises DriverError."""
        with cls._lock:
            wire = cls._open.get(pin)
            if wire is None:
                wire = cls._open[pin] = Wire(pin, pull)
            if wire.pull != pull:
                raise DriverError(f"GPIO{pin} is asked for with pull {pull} and with pull {wire.pull}: give both the same")
            wire.users += 1
            return wire

    def give_back(self) -> None:
        with self._lock:
            self.users -= 1
            if not self.users:
                self._open.pop(self.pin, None)
                self._factory.release_pins(self, f"GPIO{self.pin}")
                self._line.close()

    def level(self) -> bool:
        """Raises DriverError."""
        if self._broken is not None:
            raise DriverError(str(self._broken))
        return self._line.level()

    def wake(self) -> None:
        """Everybody looks again."""
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Called on the event loop after every edge, and now and then."""
        self._listeners.append(listener)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._hear()

    def unlisten(self, listener: Callable[[], None]) -> None:
        self._listeners.remove(listener)
        if not self._listeners:
            self._deafen()
            self._loop = None

    def _hear(self) -> None:
        assert self._loop is not None
        self._loop.add_reader(self._line.fd, self._edge)
        self._again = self._loop.call_later(RELOOK_S, self._relook)

    def _deafen(self) -> None:
        assert self._loop is not None
        self._loop.remove_reader(self._line.fd)
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _edge(self) -> None:
        try:
            edges = self._line.edges()
        except DriverError as error:
            self._broken = error
            self._deafen()
        else:
            if edges >= bare.EVENTS_MAX and self._loop is not None:
                self._deafen()
                self._again = self._loop.call_later(FLUTTER_S, self._relook)
        self.wake()

    def _relook(self) -> None:
        self._deafen()
        self._hear()
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
        """Looks once, tells nothing of it (`active`), and begins to watch. A line that cannot be read fails the part."""
        self._wire, self._active_high = wire, active_high
        self._tell, self._fail = tell, fail
        self._settle_s = {True: on_s, False: off_s}
        self._tests = tests
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | None = None
        self._closed = self.active = False
        try:
            self.active = wire.level() == active_high
        except DriverError as error:
            fail(error)
        wire.listen(self._look)  # an edge since the look is an event that waits to be read

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wire.unlisten(self._look)
            self._forget()
            self._wire.give_back()

    def begin_test(self) -> None:
        _tested.add(self._wire.pin)

    def end_test(self) -> None:
        _tested.discard(self._wire.pin)
        self._wire.wake()

    def _look(self, settled: bool = False) -> None:
        """settled: every look since the line changed found it so, for long enough."""
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
