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
FIRST_CREDIBLE_S = 1_700_000_000.0  # the end of 2023: a date before this project existed is no date


class Clock(Protocol):
    def mono_s(self) -> float:
        """Seconds that only grow; one zero for all processes between two boots of the machine."""

    def now(self) -> Now:
        """Both clocks at this instant; wall_s is None while nobody has set the date."""


class SystemClock:
    """The machine's clocks. CLOCK_MONOTONIC counts from the machine's boot, so it runs on over a restart of the process."""

    def __init__(self, synchronised: Callable[[], bool] | None = None) -> None:
        self._synchronised = synchronised if synchronised is not None else Adjtimex()

    def mono_s(self) -> float:
        return time.monotonic()

    def now(self) -> Now:
        mono_s, wall_s = time.monotonic(), time.time()
        return Now(mono_s, wall_s if wall_s >= FIRST_CREDIBLE_S and self._synchronised() else None)


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
