"""Target: lines of the control socket, through a real socket to the real server and a core behind it."""

import asyncio
import json
import random
import tempfile
from typing import Any

from chargepoint.core.events import ControlAsked
from chargepoint.shell import control
from chargepoint.shell.control import LINE_MAX, Control
from chargepoint.shell.inbox import Inbox
from chargepoint.store import StoreError
from hil.fuzz import corpus, mutation, quick_loop
from hil.fuzz.frames import BY_NUMBER
from hil.fuzz.quick_loop import QuickLoop
from hil.fuzz.target import PLACE
from tests.core.harness import World
from tests.core.sieges import STATES

LIMIT_S = 600.0
ANSWER_S = control.ASK_S + 1.0
TAKES_LONG = b"~"  # stands for so many letters that no line may be as long


class ControlSocket:
    """Every line gets one line of JSON: refused in words, or done, with the id that it came with; the station goes on. The
    first input is the number of the state that the station is in; each other is written as it is.
    """

    name = "control"

    def case(self, rng: random.Random) -> list[bytes]:
        inputs = [rng.choice(list(BY_NUMBER))]
        for _ in range(rng.randint(1, 8)):
            request = {**rng.choice(corpus.REQUESTS), "id": rng.choice((1, "a", None, 2**70, 0.5))}
            line = mutation.json_text(rng, request, rng.choice((0, 1, 1, 2))).encode("utf-8", "surrogatepass")
            if rng.random() < 0.1:
                line = mutation.bytes_of(rng, line, rng.randint(1, 3))
            inputs.append(TAKES_LONG if rng.random() < 0.01 else line + b"\n" * (rng.random() > 0.02))
        return inputs

    def run(self, inputs: list[bytes]) -> None:
        world = BY_NUMBER.get(inputs[0] if inputs else b"", STATES[0])()
        written = b"".join(b"x" * (LINE_MAX + 10) if item == TAKES_LONG else item for item in inputs[1:])

        async def work(loop: QuickLoop) -> None:
            with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder:
                await _Conversation(world).hold(f"{folder}/control.sock", written)

        quick_loop.run(work, LIMIT_S)
        world.advance(40)
        assert world.exited or world.control("status")[1] is None


class _Conversation:
    """A server with a core, and a client that says everything at once and then reads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inbox = Inbox()
        self._control: Control | None = None
        self._unanswered: dict[int, int] = {}

    async def hold(self, path: str, written: bytes) -> None:
        served = self._control = Control(path, self._inbox, dict, _sessions, _letters, _security_log, _journal)
        await served.open()
        core = asyncio.create_task(self._core())
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=16 << 20)
            writer.write(written)
            writer.write_eof()
            lines = await self._read(reader)
            writer.close()
        finally:
            core.cancel()
            await served.close()
        _judge(written, lines)

    async def _read(self, reader: asyncio.StreamReader) -> list[bytes]:
        lines: list[bytes] = []
        while True:
            async with asyncio.timeout(ANSWER_S):
                line = await reader.readline()
            if not line:
                return lines
            lines.append(line)

    async def _core(self) -> None:
        while True:
            event = await self._inbox.take(1.0)
            if isinstance(event, ControlAsked) and not self._world.exited:
                self._world.deliver(event)
                self._unanswered[event.ticket] = event.ticket
            elif event is None:
                self._world.advance(1.0)
            self._reply()

    def _reply(self) -> None:
        assert self._control is not None
        for ticket in [ticket for ticket in self._unanswered if ticket in self._world.replies]:
            body, error = self._world.replies[ticket]
            self._control.reply(ticket, body, error)
            del self._unanswered[ticket]


def _judge(written: bytes, lines: list[bytes]) -> None:
    """One answer a line, in the order of asking; a line that is too long is the last."""
    answers = [json.loads(line) for line in lines]
    answers = [answer for answer in answers if "event" not in answer]
    asked = written.split(b"\n")
    asked = asked if asked[-1] else asked[:-1]
    long = next((at for at, line in enumerate(asked) if len(line) >= LINE_MAX), None)
    expected = len(asked) if long is None else long + 1
    assert len(answers) == expected, f"{expected} lines were asked, {len(answers)} answered: {lines}"
    for line, answer in zip(asked, answers, strict=False):
        assert answer["ok"] in (True, False)
        if not answer["ok"]:
            assert answer["error"]
        given = _id(line)
        assert answer.get("id") in (given, None), f"{line!r} was answered with {answer}"
        if answer["ok"]:
            assert answer["id"] == given, f"{line!r} was answered with {answer}"


def _id(line: bytes) -> Any:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return request.get("id") if isinstance(request, dict) else None


async def _sessions(limit: int, offset: int) -> list[dict[str, Any]]:
    return [{"transaction": offset}][:limit]


async def _letters(limit: int) -> list[dict[str, Any]]:
    raise StoreError("the disk is gone")


async def _security_log(limit: int, offset: int) -> list[dict[str, Any]]:
    return [{"seq": offset}][:limit]


async def _journal(arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments.get("content") is not True:
        raise OSError("no room")
    return {"content": "", "bytes": 0, "events": 0}
