"""A client of a bench for tests and the demo.

    async with BenchClient(path) as bench:
        await bench.do("plug", connector=1)
        await bench.wait_for(lambda state: state["connectors"]["1"]["contactor"] == "closed", timeout_s=5)

A request is answered or fails within `ANSWER_S`; change lines are kept up to `CHANGES_MAX`, the oldest go first.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import msgspec

ANSWER_S = 10.0
CHANGES_MAX = 10_000
LINE_MAX = 1 << 20
# The meters' registers grow without a change line: while current flows the state is looked at this often.
ENERGY_LOOK_S = 0.05

State = dict[str, Any]
Change = dict[str, Any]


class BenchError(Exception):
    """The bench refused, went away or did not answer; the text is the bench's own where it has one."""


class BenchClient:
    """One connection to a bench's control socket; usable from one event loop, by any number of tasks."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES_MAX)
        self._seen = 0
        self._news = asyncio.Condition()
        self._watching = False
        self._ended: BenchError | None = None

    async def __aenter__(self) -> Self:
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LINE_MAX)
        except OSError as error:
            raise BenchError(f"no bench at {self._path}: {error}; start one with python -m hil.bench --dir DIR") from error
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.wait({self._task})
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request and gives its answer; raises BenchError where it is refused or none comes."""
        if self._ended is not None:
            raise self._ended
        self._number += 1
        number = self._number
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answered
        try:
            self._writer.write(msgspec.json.encode({"id": number, "do": do, **arguments}) + b"\n")
            async with asyncio.timeout(ANSWER_S):
                answer = await answered
        except TimeoutError as error:
            raise BenchError(f"the bench did not answer {do} within {ANSWER_S:g} s") from error
        finally:
            del self._answers[number]
        if not answer["ok"]:
            raise BenchError(answer["error"])
        return answer

    async def state(self) -> State:
        return await self.do("state")

    async def watch(self) -> AsyncIterator[Change]:
        """Every change from the return of this call on, until the bench ends (BenchError)."""
        await self._start_watching()
        return self._changes_since(self._seen)

    async def _changes_since(self, seen: int) -> AsyncIterator[Change]:
        while True:
            await self._changed(seen, None)
            fresh = min(self._seen - seen, len(self._changes))
            lines = list(self._changes)[len(self._changes) - fresh :]
            seen = self._seen
            for line in lines:
                yield line

    async def wait_for(self, predicate: Callable[[State], bool], timeout_s: float, what: str = "") -> State:
        """The first state that the predicate takes; raises BenchError with the last state after `timeout_s`."""
        state: State = {}
        try:
            async with asyncio.timeout(timeout_s):
                await self._start_watching()
                while True:
                    seen = self._seen
                    state = await self.state()
                    if predicate(state):
                        return state
                    await self._changed(seen, ENERGY_LOOK_S if state["power_w"] > 0 else None)
        except TimeoutError as error:
            last = msgspec.json.encode(state).decode()
            raise BenchError(
                f"{what or 'what was waited for'} did not come within {timeout_s:g} s; the last state was {last}"
            ) from error

    async def _changed(self, seen: int, look_s: float | None) -> None:
        """Returns when a line has come since `seen`, or after `look_s`; raises BenchError where none can come any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(look_s), self._news:
                await self._news.wait_for(lambda: self._seen > seen or self._ended is not None)
        if self._ended is not None and self._seen == seen:
            raise self._ended

    async def _start_watching(self) -> None:
        if not self._watching:
            self._watching = True
            await self.do("watch")

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                await self._take(msgspec.json.decode(line))
            await self._end("the bench has closed the connection")
        except (OSError, ValueError) as error:
            await self._end(f"the bench's connection broke: {error}")

    async def _take(self, message: dict[str, Any]) -> None:
        if "at" in message:
            async with self._news:
                self._changes.append(message)
                self._seen += 1
                self._news.notify_all()
            return
        number = message.get("id")
        if number is None:
            await self._end(f"the bench says: {message.get('error')}")
        elif number in self._answers and not self._answers[number].done():
            self._answers[number].set_result(message)

    async def _end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = BenchError(reason)
        for answered in self._answers.values():
            if not answered.done():
                answered.set_exception(self._ended)
        async with self._news:
            self._news.notify_all()
