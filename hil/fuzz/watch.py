"""Watch: a case that does not come to its end is ended."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

LOOK_EVERY_S = 0.25


class Hung(BaseException):
    """It took too long. No Exception: nothing that is fuzzed may catch it."""


class Watch:
    """Raises Hung in the main thread, in the middle of whatever it does, when a case took more than `case_s`.

    A thread looks at the clock: ITIMER_REAL is taken (chargepoint.journal.replay), and a case may wait without using the
    processor.
    """

    def __init__(self, case_s: float) -> None:
        self._case_s = case_s
        self._until_s: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGUSR1, self._ring)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._before)

    @contextmanager
    def case(self) -> Iterator[None]:
        self._until_s = time.monotonic() + self._case_s
        try:
            yield
        finally:
            self._until_s = None

    def _late(self) -> bool:
        until_s = self._until_s
        return until_s is not None and time.monotonic() > until_s

    def _look(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not self._over.wait(LOOK_EVERY_S):
            if self._late():
                signal.pthread_kill(main, signal.SIGUSR1)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._late():  # it may have ended between the look and the bell
            self._until_s = None
            raise Hung(f"it did not end within {self._case_s:g} s")
