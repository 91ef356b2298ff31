"""The station as the page knows it: one connection to the control socket, for requests and for news.

Owns that connection: it is opened when somebody looks, opened again when the service was restarted, and closed when nobody has
looked for a while. What a request waits for is bounded; the station never waits for the page. Refuses to show anything.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

LINE_MAX = 8 * 1024 * 1024
ANSWER_S = 8.0
SLOW_S = 60.0  # a check of settings starts a process
AGAIN_S = 0.5

Body = dict[str, Any]
Listener = Callable[[Body], None]


class Away(Exception):
    """The service cannot be asked; the text says why."""


class Refused(Exception):
    """The service says no, in its own words."""


class Station:
    """path: the control socket. listener: gets every event of `watch`, and {"event": "away", "why": ...}."""

    def __init__(self, path: str, listener: Listener) -> None:
        self._path = path
        self._listener = listener
        self._number = 0
        self._open: dict[int, asyncio.Future[Body]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._watching: asyncio.Task[None] | None = None
        self._there = asyncio.Event()
        self.why = "starting"

    @property
    def there(self) -> bool:
        return self._there.is_set()

    def watch(self) -> None:
        """From now on there is a connection whenever there can be."""
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._keep(), name="station")

    async def leave(self) -> None:
        """Nobody looks any more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None

    async def ask(self, do: str, /, **arguments: Any) -> Body:
        """The answer to a request. Raises Refused or Away."""
        self.watch()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._first_try()
                if self._writer is None:
                    raise Away(self.why)
                return await self._asked(self._writer, do, arguments)
        except TimeoutError:
            raise Away("no answer") from None

    async def ask_slowly(self, do: str, /, **arguments: Any) -> Body:
        """The same over a connection of its own, for what takes so long that others must not wait behind it."""
        try:
            async with asyncio.timeout(SLOW_S):
                reader, writer = await asyncio.open_unix_connection(self._path, limit=LINE_MAX)
                try:
                    writer.write(json.dumps({"id": 0, "do": do, **arguments}).encode() + b"\n")
                    await writer.drain()
                    return _answer(json.loads(await reader.readline()))
                finally:
                    writer.close()
        except TimeoutError:
            raise Away("no answer") from None
        except (OSError, ValueError) as error:
            raise Away(_why(error)) from None

    async def _first_try(self) -> None:
        """A connection that is being made is waited for, but not one that cannot be made."""
        if not self.there and self.why == "starting":
            waiting = asyncio.ensure_future(self._there.wait())
            await asyncio.wait({waiting}, timeout=1.0)
            waiting.cancel()

    async def _asked(self, writer: asyncio.StreamWriter, do: str, arguments: Body) -> Body:
        self._number += 1
        number = self._number
        answered: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._open[number] = answered
        try:
            writer.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
            return _answer(await answered)
        except OSError as error:
            raise Away(_why(error)) from None
        finally:
            self._open.pop(number, None)

    async def _keep(self) -> None:
        try:
            while True:
                try:
                    await self._live()
                    self._gone("ended")
                except (OSError, ValueError) as error:
                    self._gone(_why(error))
                await asyncio.sleep(AGAIN_S)
        finally:
            self._gone("starting")

    async def _live(self) -> None:
        reader, self._writer = await asyncio.open_unix_connection(self._path, limit=LINE_MAX)
        try:
            self._writer.write(b'{"id": 0, "do": "watch"}\n')
            self._there.set()
            while line := await reader.readline():
                self._heard(json.loads(line))
        finally:
            self._writer.close()

    def _heard(self, message: Body) -> None:
        if "event" in message:
            self._listener(message)
        elif (waiting := self._open.get(message.get("id") or 0)) is not None and not waiting.done():
            waiting.set_result(message)

    def _gone(self, why: str) -> None:
        self.why = why
        self._writer = None
        self._there.clear()
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Away(why))
        self._listener({"event": "away", "why": why})


def _answer(answer: Body) -> Body:
    if answer.get("ok") is not True:
        raise Refused(str(answer.get("error") or "no, without a reason"))
    return answer


def _why(error: Exception) -> str:
    """In one word, for `live`: absent, forbidden, or what the system says."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError() | NotADirectoryError():
            return "absent"
        case PermissionError():
            return "forbidden"
        case _:
            return str(error) or type(error).__name__
