"""The lookout: a thread that looks for cards on a port that blocks, and hands them to the event loop.

Owns the thread's life and its errors. Refuses to know what is looked at.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Protocol, Self

from chargepoint.facts import Card
from chargepoint.ports import DriverError

CLOSE_S = 1.5
WAITING_MAX = 16


class Watch(Protocol):
    """What the thread does. Every method is called in it; any may raise DriverError or OSError, `close` none."""

    def look(self) -> Card | None:
        """One look, within a fraction of a second."""

    def pause_s(self) -> float:
        """How long to wait until the next look."""

    def close(self) -> None: ...


class Lookout:
    """A card reader (`chargepoint.ports.CardReader`). what: how it is named in errors."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Card | Exception] = asyncio.Queue(WAITING_MAX)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._stop = threading.Event()

    @classmethod
    async def open(cls, what: str, open_watch: Callable[[], Watch]) -> Self:
        """Opens the watch in its thread; raises what open_watch raises. Cancelled, it leaves nothing open."""
        lookout = cls(what)
        # A daemon: a port that hangs must not keep the process.
        threading.Thread(target=lookout._run, args=(open_watch,), name=what, daemon=True).start()
        try:
            await lookout._opened
        except BaseException:
            lookout._stop.set()
            raise
        return lookout

    async def cards(self) -> AsyncIterator[Card]:
        while True:
            seen = await self._queue.get()
            if isinstance(seen, Exception):
                if self._stop.is_set():
                    return
                raise seen
            yield seen

    async def close(self) -> None:
        """Ends the thread and closes the watch; gives up after `CLOSE_S`."""
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._ended.wait()

    def _run(self, open_watch: Callable[[], Watch]) -> None:
        try:
            watch = open_watch()
        except Exception as error:  # whatever it is, it is the opener's to hear
            self._tell(self._fail_opening, error)
            return
        self._tell(self._succeed)
        end = self._watch(watch)
        watch.close()
        self._tell(self._end, end)

    def _watch(self, watch: Watch) -> Exception:
        try:
            while not self._stop.wait(watch.pause_s()):
                card = watch.look()
                if card is not None:
                    self._tell(self._put, card)
        except Exception as error:  # raised where the cards are fetched: a lost part with a reason, not a thread that is gone
            return error
        return DriverError(f"{self._what}: closed")

    def _tell(self, act: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(act, *values)

    def _succeed(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _fail_opening(self, error: Exception) -> None:
        self._ended.set()
        if not self._opened.done():
            self._opened.set_exception(error)

    def _put(self, seen: Card | Exception) -> None:
        """Where nobody fetches cards, the oldest is dropped: a tap of long ago must not start anything."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(seen)

    def _end(self, error: Exception) -> None:
        self._ended.set()
        self._put(error)
