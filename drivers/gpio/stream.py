"""What a part has to tell, from callbacks to the iterator that its port promises. All of it on the event loop's thread."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from chargepoint.ports import DriverError

T = TypeVar("T")
WAITING_MAX = 256


class Stream(Generic[T]):
    """A queue that ends with a failure. At `WAITING_MAX` facts that nobody takes it fails: what it told would be old."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._error: Exception | None = None
        self._ended = False
        self._news = asyncio.Event()

    def put(self, fact: T) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self.fail(DriverError(f"{WAITING_MAX} changes wait to be taken: look for a line that flutters"))
            return
        self._waiting.append(fact)
        self._news.set()

    def fail(self, error: Exception) -> None:
        """The first failure counts."""
        self._error = self._error or error
        self._news.set()

    def end(self) -> None:
        """No more facts, and no failure."""
        self._ended = True
        self._news.set()

    async def facts(self) -> AsyncIterator[T]:
        """Every fact in its order; a failure is raised before facts that still wait, which no longer count."""
        while True:
            self._news.clear()
            while self._waiting and self._error is None:
                yield self._waiting.popleft()
            if self._error is not None:
                raise self._error
            if self._ended:
                return
            if not self._news.is_set():
                await self._news.wait()
