"""The hands of a set-up: whatever wants devices, drivers or the settings file is done by a process of its own.

Owns how it is reached: over the service manager's socket, where each connection starts `chargepoint setup --requests` as the
station's user, or, by hand, as a process of this one's. One request a process; what it may take is bounded.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chargepoint.processes import command, environment

log = logging.getLogger(__name__)

LINE_MAX = 1024 * 1024
LIMIT_S = 250.0

Body = dict[str, Any]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoHands(Exception):
    """It could not be done; a sentence for the person at the page."""


def _nothing(text: str) -> None:
    """Nobody wants to hear of the progress."""


class Hands:
    """socket: the service manager's; None: start a process. config: the file that is to be written."""

    def __init__(self, socket: str | None, config: str) -> None:
        self._socket = socket
        self._config = config

    async def ask(self, do: str, answers: Body, progress: Callable[[str], None] = _nothing) -> Body:
        """The answer. Raises NoHands."""
        try:
            async with asyncio.timeout(LIMIT_S), self._reached() as (reader, writer):
                writer.write(json.dumps({"do": do, "answers": answers}).encode() + b"\n")
                await writer.drain()
                while line := await reader.readline():
                    told = json.loads(line)
                    if "progress" in told:
                        progress(str(told["progress"])[:200])
                    elif told.get("ok") is True:
                        return dict(told)
                    else:
                        raise NoHands(str(told.get("error") or "no, without a reason"))
        except TimeoutError:
            raise NoHands(f"no answer within {LIMIT_S:g} s") from None
        except (OSError, ValueError) as error:
            raise NoHands(str(error) or type(error).__name__) from error
        raise NoHands("it ended without an answer")

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[Streams]:
        if self._socket is not None:
            reader, writer = await asyncio.open_unix_connection(self._socket, limit=LINE_MAX)
            try:
                yield reader, writer
            finally:
                writer.close()
            return
        process = await asyncio.create_subprocess_exec(
            *command("setup", "--requests", "--config", self._config),
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_MAX,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout, process.stdin
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
