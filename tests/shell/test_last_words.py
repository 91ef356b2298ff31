"""The end of the process: nothing is left that would speak, or wait, when nobody listens any more."""

import asyncio
import io
import json
import logging
import tempfile
import time
from pathlib import Path

import pytest

from chargepoint.core.events import ControlAsked
from chargepoint.shell import log
from chargepoint.shell.control import Control
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.log import ThreadedHandler


async def nothing(*_: int) -> list[object]:
    return []


@pytest.mark.parametrize("asks", [False, True])
async def test_closing_the_control_socket_leaves_no_task(asks: bool) -> None:
    """A connected client, or one whose question the core never answers: a task left over is destroyed by the closing loop."""
    with tempfile.TemporaryDirectory(prefix="c-") as name:
        inbox = Inbox()
        control = Control(str(Path(name) / "s"), inbox, dict, nothing, nothing, nothing)
        await control.open()
        before = asyncio.all_tasks()
        reader, writer = await asyncio.open_unix_connection(Path(name) / "s")
        writer.write(json.dumps({"id": 1, "do": "status" if asks else "ledger"}).encode() + b"\n")
        if asks:
            assert isinstance(await inbox.take(None), ControlAsked)
        else:
            assert await reader.readline()
        assert len(asyncio.all_tasks() - before) == 1
        async with asyncio.timeout(2):
            await control.close()
        assert asyncio.all_tasks() - before == set()
        assert await reader.read() == b""
        writer.close()


def test_a_log_that_was_closed_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = ThreadedHandler(io.StringIO())
    handler.close()
    handler.emit(logging.LogRecord("late", logging.ERROR, "", 0, "too late", (), None))
    monkeypatch.setattr(log, "FLUSH_S", 60.0)
    began_s = time.monotonic()
    handler.flush()
    assert time.monotonic() - began_s < 30
