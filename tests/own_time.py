"""An event loop in a time of its own: the time that it computed and the time that it meant to wait.

Where a driver and what it talks to are on one loop, their time-outs of hundredths of a second are true only while the machine
lets the process run. Beside other tests it does not, and an answer that was nobody's fault would be late. In this loop's time
the machine's other work takes none. Real time is never less: what is to take its time at least may be held against any clock.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any


class _Selector(selectors.DefaultSelector):
    waited_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began_s = time.monotonic()
        found = super().select(timeout)
        waited_s = time.monotonic() - began_s
        self.waited_s += waited_s if timeout is None else min(waited_s, max(timeout, 0.0))
        return found


class OwnTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._own = _Selector()
        self._began_s, self._computed_s = time.monotonic(), time.thread_time()
        super().__init__(self._own)

    def time(self) -> float:
        return self._began_s + self._own.waited_s + time.thread_time() - self._computed_s


def factories(*_: Any) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """For `pytest_asyncio_loop_factories` of a folder."""
    return {"own time": OwnTimeLoop}
