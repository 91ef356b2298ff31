"""QuickLoop: an event loop whose time is its own: it jumps to the next timer whenever nothing else is to be done.

Sockets between two ends in the same loop are real, and quick: what was written to one lies in the other before time moves on.
Nothing may run in a thread, for its time would be another one.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from typing import Any

BEGIN_S = 1_000.0


class Stuck(Exception):
    """Everybody waits, and nothing is left that could ever happen."""


class _Jumping(selectors.DefaultSelector):
    now_s = BEGIN_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise Stuck("everybody waits, and nothing is left that could ever happen")
        self.now_s += timeout
        return []


class QuickLoop(asyncio.SelectorEventLoop):
    """accept: takes the other end of every connection that somebody makes to a host."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        self.accept: Callable[[socket.socket], Coroutine[Any, Any, None]] | None = None
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    async def create_connection(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Any host is the one that `accept` plays. No name is looked up, and nothing leaves the process."""
        if self.accept is None:
            raise ConnectionRefusedError("nobody listens")
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        await self.accept(theirs)
        return await super().create_connection(protocol_factory, sock=ours)


def run(work: Callable[[QuickLoop], Coroutine[Any, Any, None]], limit_s: float) -> None:
    """Runs it to its end, which must come within limit_s of the loop's time. Raises what it raises, and AssertionError where a
    task or a callback failed unheard.
    """
    loop = QuickLoop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        loop.run_until_complete(_bounded(work(loop), limit_s))
    finally:
        _end(loop)
    for context in complaints:
        if isinstance(context.get("exception"), asyncio.CancelledError):
            continue  # Python 3.11's streams complain of a server's task that was cancelled
        raise AssertionError(f"failed unheard: {context['message']}") from context.get("exception")


async def _bounded(work: Coroutine[Any, Any, None], limit_s: float) -> None:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=limit_s)
    assert done, f"it was not done after {limit_s:g} s of its own time"
    task.result()


def _end(loop: QuickLoop) -> None:
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=5.0))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
