"""One part of the hardware, kept open: opened, used, closed when it fails, opened again with backoff.

Owns how a failure becomes one PartLost and the way back one PartBack, and that a driver which hangs is given up. Refuses to
know what the part is. Whatever a driver raises is the part's failure and never the station's.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from chargepoint.core.events import Event, PartBack, PartLost
from chargepoint.ports import DriverError, Port, SelfTestFailed

log = logging.getLogger(__name__)

T = TypeVar("T")
P = TypeVar("P", bound=Port)
Report = Callable[[Event], Awaitable[None]]

OPEN_S = 10.0
CLOSE_S = 2.0
BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 10.0
LIFE_PROVES_S = 10.0


class LeftOut(DriverError):
    """The settings of the part are wrong: it is not opened, however often it is tried."""


class Part(Generic[P]):
    """A part and the task that keeps it open.

    name and number: as in PartLost. use(port): brings the part's facts until it fails; it calls `works` when the part has shown
    that it works. prepare(port): the plain calls that put a part that was just opened into its state. patience_s: how long
    after `start` it may fail to open before that is told, for a part that boots as slowly as the station does. open_s:
    the longest time for opening. announce: it is told by a PartBack when it works for the first time, too.
    """

    def __init__(
        self,
        name: str,
        number: int,
        open_port: Callable[[], Coroutine[Any, Any, P]],
        use: Callable[["Part[P]", P], Coroutine[Any, Any, None]],
        report: Report,
        prepare: Callable[[P], None] = lambda port: None,
        patience_s: float = 0.0,
        open_s: float | None = None,
        announce: bool = False,
    ) -> None:
        self.name, self.number = name, number
        self.port: P | None = None
        self._open, self._use, self._prepare = open_port, use, prepare
        self._report = report
        self._lost = self._self_test_told = False
        self._announce = announce
        self._failed: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._backoff_s = BACKOFF_MIN_S
        self._mistake = ""
        self.trouble = ""
        self._patience_s = patience_s
        self._open_s = open_s if open_s is not None else OPEN_S
        self._patient_until_s = 0.0

    def start(self) -> None:
        self._patient_until_s = asyncio.get_running_loop().time() + self._patience_s
        self.task = asyncio.get_running_loop().create_task(self._run(), name=f"{self.name} {self.number}")

    async def stop(self) -> None:
        """Closes the part; takes at most about `CLOSE_S`."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=CLOSE_S + 0.5)

    def command(self, act: Callable[[P], None]) -> bool:
        """A plain call on the part; one that raises is a failed part. False: there is no open part to call."""
        if self.port is None:
            return False
        try:
            act(self.port)
        except Exception as error:
            self.fail(error)
            return False
        return True

    async def works(self) -> None:
        """The part has shown that it works."""
        self._patient_until_s = 0.0
        self.trouble = ""
        if self._lost or self._announce:
            self._lost = self._self_test_told = self._announce = False
            await self._report(PartBack(self.name, self.number))

    def health(self) -> dict[str, Any]:
        """For diagnostics. trouble: why it failed last, empty since it works again."""
        return {"part": self.name, "number": self.number, "open": self.port is not None, "trouble": self.trouble}

    def __str__(self) -> str:
        return f"{self.name} {self.number}" if self.number else self.name

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._live()
            except Exception as error:
                await self._tell_lost(error)
            if loop.time() - began_s >= LIFE_PROVES_S:
                self._backoff_s = BACKOFF_MIN_S
            await asyncio.sleep(self._backoff_s)
            self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)

    async def _live(self) -> None:
        """From open until it has failed and is closed; raises what opening raises."""
        port = await bounded(self._open(), self._open_s, f"{self}: the driver does not open it")
        self._failed = asyncio.get_running_loop().create_future()
        self.port = port
        use = asyncio.ensure_future(self._use(self, port))
        try:
            if self.command(self._prepare):
                await asyncio.wait({use, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            for outcome in (self._failed, use):
                if outcome.done():
                    outcome.result()
            raise DriverError(f"{self}: the driver has stopped reporting")
        except Exception as error:
            # Told while it closes: closing takes up to CLOSE_S, and telling may wait for room. The contactor waits for neither.
            self._let_go(use)
            await asyncio.gather(self._tell_lost(error), self._close(port))
        except asyncio.CancelledError:
            self._let_go(use)
            await self._close(port)
            raise

    def _let_go(self, use: asyncio.Future[None]) -> None:
        """No command reaches the port any more."""
        self.port = None
        if self._failed is not None:
            _consume(self._failed)
        abandon(use)

    async def _close(self, port: P) -> None:
        with contextlib.suppress(DriverError):
            await bounded(_closing(port), CLOSE_S, f"{self}: the driver does not close it")

    def fail(self, error: Exception) -> None:
        """The part has failed, whatever its driver says."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _tell_lost(self, error: Exception) -> None:
        if isinstance(error, DriverError | TimeoutError | OSError):
            why = str(error) or type(error).__name__
        else:
            why = f"{self}: the driver broke ({type(error).__name__}: {error})"
            if why != self._mistake:
                log.error("%s: a mistake in its driver", self, exc_info=error)
            self._mistake = why
        log.debug("%s does not work: %s", self, why)
        self.trouble = why
        self_test = isinstance(error, SelfTestFailed) and not self._self_test_told
        impatient = isinstance(error, LeftOut) or asyncio.get_running_loop().time() >= self._patient_until_s
        if self_test or (not self._lost and impatient):
            self._lost = True
            self._self_test_told = self._self_test_told or self_test
            await self._report(PartLost(self.name, self.number, why, self_test))


async def bring(part: Part[Any], states: AsyncIterator[T], event_of: Callable[[T], Event], report: Report) -> None:
    """Reports every state that a driver tells, until it fails or stops."""
    async for state in states:
        await part.works()
        await report(event_of(state))


async def bounded(work: Coroutine[Any, Any, T], limit_s: float, what: str) -> T:
    """The outcome of a driver's coroutine; DriverError after limit_s. One that ignores its cancellation is left behind."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        abandon(task)
        raise
    if not done:
        abandon(task)
        raise DriverError(f"{what} within {limit_s:g} s")
    return task.result()


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancels without waiting; whatever becomes of it is of no interest any more."""
    task.cancel()
    task.add_done_callback(_consume)


def _consume(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
    elif not task.cancelled():
        task.exception()


async def _closing(port: Port) -> None:
    try:
        await port.close()
    except Exception as error:
        log.warning("a part did not close in order: %s", error)
