"""The two clocks of a station: one that only runs forward, and one that is a date.

Owns the question whether the system's date can be trusted. Refuses to correct it: what `currentTime` of the Central System
means for stamps is the core's.
"""

import contextlib
import ctypes
import time
from collections.abc import Callable
from typing import Any, Protocol

from chargepoint.core.step import Now

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
STA_UNSYNC = 0x0040
ASK_EVERY_S = 1.0  # for a date that is no longer held, or is held from now on, without having been set
SET_S = 0.001  # a date that was set has jumped against the monotonic clock, which is slewed as it is and never set
FIRST_CREDIBLE_S = 1_700_000_000.0  # the end of 2023: a date before this project existed is no date


class Clock(Protocol):
    def mono_s(self) -> float:
        """Seconds that only grow; one zero for all processes between two boots of the machine."""

    def now(self) -> Now:
        """Both clocks at this instant; wall_s is None while nobody has set the date."""


class SystemClock:
    """The machine's clocks. CLOCK_MONOTONIC counts from the machine's boot, so it runs on over a restart of the process.

    Whether the date is held is asked once a second and whenever the date was set, not at every event: a question to the kernel
    costs more than both clocks together.
    """

    def __init__(self, synchronised: Callable[[], bool] | None = None) -> None:
        self._ask = synchronised if synchronised is not None else Adjtimex()
        self._synchronised = False
        self._offset_s = self._asked_s = float("-inf")  # of the last question

    def mono_s(self) -> float:
        return time.monotonic()

    def now(self) -> Now:
        mono_s, wall_s = time.monotonic(), time.time()
        offset_s = wall_s - mono_s
        if mono_s - self._asked_s >= ASK_EVERY_S or abs(offset_s - self._offset_s) >= SET_S:
            self._asked_s, self._offset_s = mono_s, offset_s
            self._synchronised = self._ask()
        return Now(mono_s, wall_s if self._synchronised and wall_s >= FIRST_CREDIBLE_S else None)


class Adjtimex:
    """Asks the kernel whether NTP (or whoever sets the clock) holds it synchronised; False where the kernel cannot be asked."""

    _STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)  # modes (padded), offset, freq, maxerror, esterror; then int status
    _ROOM = 512  # struct timex has 208 bytes on 64-bit kernels and less on 32-bit ones

    def __init__(self) -> None:
        self._ask: Callable[[Any], int] | None = None
        with contextlib.suppress(OSError, AttributeError):
            self._ask = ctypes.CDLL(None, use_errno=True).adjtimex

    def __call__(self) -> bool:
        if self._ask is None:
            return False
        timex = ctypes.create_string_buffer(self._ROOM)  # modes 0: read only, needs no privilege
        state = self._ask(timex)
        status = ctypes.c_int.from_buffer(timex, self._STATUS_OFFSET).value
        return 0 <= state < TIME_ERROR and not status & STA_UNSYNC


def kernel_boot_id() -> str:
    """The id that the kernel gave to this boot of the machine; raises OSError where there is none."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()
