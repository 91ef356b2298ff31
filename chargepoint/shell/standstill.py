"""The standstill: what opens contactors while the event loop does not turn.

Owns a thread that looks whether the loop still turns. Everything that opens a contactor in this process comes through the loop;
a log that nobody takes or a library that blocks can hold it, and the service manager's watchdog takes its time. Where a
contactor is closed meanwhile, it is opened from here. Refuses to know why the loop stood. IEC 61851-1 section 6.3.1.5.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

STANDS_S = 2.0
BEAT_S = 0.5


class Standstill:
    """closed: whether any contactor may be. make_safe: opens all of them, from any thread. over: told on the loop how long it
    stood, when it turns again; nothing of what was commanded holds then.
    """

    def __init__(
        self,
        closed: Callable[[], bool],
        make_safe: Callable[[], None],
        over: Callable[[float], None],
        *,
        stands_s: float = STANDS_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._closed, self._make_safe, self._over = closed, make_safe, over
        self._stands_s, self._beat_s = stands_s, beat_s
        self._turned_s = 0.0
        self._opened = False
        self._ended = threading.Event()

    async def watch(self) -> None:
        """Until it is cancelled."""
        self._turned_s = time.monotonic()
        threading.Thread(target=self._look, name="standstill", daemon=True).start()
        try:
            while True:
                await asyncio.sleep(self._beat_s)
                stood_s, self._turned_s = time.monotonic() - self._turned_s, time.monotonic()
                if self._opened:
                    self._opened = False
                    log.critical("the station stood still for %.1f s: its contactors were opened meanwhile", stood_s)
                    self._over(stood_s)
        finally:
            self._ended.set()

    def _look(self) -> None:
        """The thread. It says nothing: the log may be what stands still."""
        while not self._ended.wait(self._beat_s):
            if time.monotonic() - self._turned_s > self._stands_s and not self._opened and self._closed():
                self._opened = True
                self._make_safe()
