"""The last resort: a process that was told to end does end.

Owns one thread that looks at the clock. Whatever hangs (a flush of the card, a name server, the event loop itself), contactors
are opened and the process leaves when the time is up. A daemon thread and os._exit, for a thread that hangs would keep the
interpreter.
"""

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class LastResort:
    """Armed at most once; the first time counts."""

    def __init__(self, make_safe: Callable[[], None], leave: Callable[[int], None] = os._exit) -> None:
        self._make_safe = make_safe
        self._leave = leave
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def arm(self, after_s: float, exit_status: int) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(after_s, self._go, (after_s, exit_status))
                self._timer.daemon = True
                self._timer.start()

    def disarm(self) -> None:
        """Everything has ended in time."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()

    def _go(self, after_s: float, exit_status: int) -> None:
        try:
            self._make_safe()
        finally:
            log.critical("the end took more than %g s: contactors are opened and the process leaves", after_s)
            for handler in logging.getLogger().handlers:
                handler.flush()
            self._leave(exit_status)
