"""A client for control sockets: JSON, one object a line, over a Unix socket; answers carry the `id` of their request.

Serves the test Central System's and the station's. Lines without an open request go to `heard`.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Body = dict[str, Any]
LINE_MAX = 64 << 20  # books of a long demo come in one line
ANSWER_S = 5.0


class SocketError(Exception):
    """Nobody listens, or the connection broke, or no answer came in time."""


class Refused(Exception):
    """The other side said no; the text is its own."""


class LineClient:
    """One connection. Use `open`, then `ask`; `close` at the end."""

    def __init__(self, path: Path, name: str, heard: Callable[[Body], None] | None = None) -> None:
        self._path = path
        self._name = name
        self._heard = heard
        self._number = 0
        self._open: dict[int, asyncio.Future[Body]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects; raises SocketError."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LINE_MAX)
        except OSError as error:
            raise SocketError(f"{self._name} does not listen on {self._path}: {error.strerror or error}") from error
        self._task = asyncio.create_task(self._read(reader))

    @property
    def connected(self) -> bool:
        return self._task is not None and not self._task.done()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def ask(self, do: str, *, answer_s: float = ANSWER_S, **arguments: Any) -> Body:
        """The answer to one request; raises Refused, or SocketError where none comes within `answer_s`."""
        if self._writer is None or not self.connected:
            raise SocketError(f"the connection to {self._name} is closed")
        self._number += 1
        number = self._number
        answered = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
            async with asyncio.timeout(answer_s):
                answer: Body = await answered
        except TimeoutError:
            raise SocketError(f"{self._name} did not answer {do!r} within {answer_s:g} s") from None
        finally:
            del self._open[number]
        if not answer.get("ok"):
            raise Refused(str(answer.get("error", "refused without a reason")))
        return answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        reason = f"{self._name} has closed the connection"
        try:
            while line := await reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError) as error:
            reason = f"the connection to {self._name} broke: {error}"
        finally:
            for answered in self._open.values():
                if not answered.done():
                    answered.set_exception(SocketError(reason))

    def _take(self, message: Body) -> None:
        answered = self._open.get(message.get("id", 0))
        if answered is not None and not answered.done():
            answered.set_result(message)
        elif "id" not in message and self._heard is not None:
            self._heard(message)
