"""The control socket: whom it serves, whom it refuses, and that no client holds the station up."""

import asyncio
import json
import logging
import os
import pwd
import socket
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.core.events import ControlAsked
from chargepoint.shell import control as controls
from chargepoint.shell.control import BEHIND_MAX, CLIENTS_MAX, LINE_MAX, Control, SocketInUse
from chargepoint.shell.inbox import Inbox
from chargepoint.store.errors import StoreError
from tests.shell.fakes import until


class Station:
    """The control socket with a core that answers every request with what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.inbox = Inbox()
        self.control = Control(
            self.path,
            self.inbox,
            lambda: {"link": {"state": "up", "since_s": next(self.ticks)}},
            self.ledger,
            self.letters,
            self.ledger,
        )
        self.ticks = iter(range(1_000_000))
        self.answers: dict[str, Any] = {}
        self.asked: list[ControlAsked] = []
        self.listed: list[tuple[int, ...]] = []
        self.store_error: str | None = None
        self.status: dict[str, Any] = {"connectors": {"1": {"status": "Available"}}}

    async def ledger(self, limit: int, offset: int) -> list[dict[str, Any]]:
        if self.store_error:
            raise StoreError(self.store_error)
        self.listed.append((limit, offset))
        return [{"key": 1}]

    async def letters(self, limit: int) -> list[dict[str, Any]]:
        self.listed.append((limit,))
        return []

    async def run(self) -> None:
        while True:
            event = await self.inbox.take(None)
            assert isinstance(event, ControlAsked)
            self.asked.append(event)
            if event.do == "status":
                self.control.reply(event.ticket, self.status, None)
            elif event.do == "refuse":
                self.control.reply(event.ticket, {}, "not now: a session runs")
            elif event.do != "silence":
                self.control.reply(event.ticket, {"got": event.arguments}, None)


def is_there(path: str) -> bool:
    return os.path.exists(path)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        assert line.endswith(b"\n"), f"the connection ended with {line!r}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, **request: Any) -> dict[str, Any]:
        self.writer.write(json.dumps(request).encode() + b"\n")
        return await self.line()

    async def say(self, raw: bytes) -> dict[str, Any]:
        self.writer.write(raw)
        return await self.line()

    async def ends(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 5) == b""


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    here = Station(tmp_path / "run" / "control.sock")
    await here.control.open()
    core = asyncio.create_task(here.run())
    yield here
    await here.control.close()
    core.cancel()


@pytest.fixture
async def connect(station: Station) -> AsyncIterator[Any]:
    clients: list[Client] = []

    async def one() -> Client:
        client = Client(*await asyncio.open_unix_connection(station.path))
        clients.append(client)
        return client

    yield one
    for client in clients:
        client.writer.close()


async def test_a_request_reaches_the_core_and_its_answer_the_client(station: Station, connect: Any) -> None:
    client = await connect()
    answer = await client.ask(id=7, do="present_card", id_tag="04A2B3C4", reader=1)
    assert answer == {"got": {"id_tag": "04A2B3C4", "reader": 1}, "ok": True, "id": 7}
    assert await client.ask(id="x", do="refuse") == {"ok": False, "error": "not now: a session runs", "id": "x"}


async def test_who_clears_a_fault_is_whom_the_kernel_names(station: Station, connect: Any) -> None:
    client, name = await connect(), pwd.getpwuid(os.getuid()).pw_name
    assert (await client.ask(id=1, do="clear_faults", connector=1))["got"] == {"connector": 1, "by": name}
    answer = await client.ask(id=2, do="clear_faults", connector=1, by="anna")
    assert answer["got"]["by"] == f"anna, as {name}"


async def test_status_is_the_cores_with_what_the_shell_knows(station: Station, connect: Any) -> None:
    answer = await (await connect()).ask(id=1, do="status")
    assert answer["connectors"] == {"1": {"status": "Available"}}
    assert answer["link"]["state"] == "up"


async def test_lists_come_from_the_store_with_their_bounds(station: Station, connect: Any) -> None:
    client = await connect()
    assert (await client.ask(id=1, do="ledger"))["sessions"] == [{"key": 1}]
    await client.ask(id=2, do="ledger", limit=500, offset=1_000)
    assert (await client.ask(id=3, do="dead_letters"))["dead_letters"] == []
    assert station.listed == [(50, 0), (500, 1_000), (1_000,)]
    for wrong in ({"limit": -1}, {"limit": 1_001}, {"limit": "9"}, {"offset": True}, {"offset": 1.5}):
        answer = await client.ask(id=4, do="ledger", **wrong)
        assert answer["ok"] is False
        assert next(iter(wrong)) in answer["error"]
    station.store_error = "/x/station.db: reading failed"
    assert (await client.ask(id=5, do="ledger"))["error"] == "/x/station.db: reading failed"
    assert len(station.asked) == 0


async def test_requests_of_one_line_after_the_other_are_answered_in_order(station: Station, connect: Any) -> None:
    client = await connect()
    client.writer.write(b"".join(json.dumps({"id": number, "do": "x"}).encode() + b"\n" for number in range(50)))
    assert [(await client.line())["id"] for _ in range(50)] == list(range(50))


async def test_a_core_that_says_nothing_is_told_and_the_connection_goes_on(
    station: Station, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "ASK_S", 0.02)
    client = await connect()
    answer = await client.ask(id=1, do="silence")
    assert "no answer to 'silence'" in answer["error"]
    station.control.reply(station.asked[-1].ticket, {"late": True}, None)
    assert (await client.ask(id=2, do="x"))["ok"] is True


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"hello\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"do": 3}\n',
        b'{"do": ""}\n',
        b'{"do": "status", "id": {"a": 1}}\n',
        b'{"do": "' + b"x" * 200 + b'"}\n',
        b'{"do": "status", "id": "' + b"9" * 200 + b'"}\n',
        b'{"do": "st\xff\xfeatus"}\n',
        b'{"do": "\\ud800"}\n',
        b"[" * 30_000 + b"\n",
        b'{"a":' * 8_000 + b"1" + b"}" * 8_000 + b"\n",
    ],
)
async def test_what_is_no_request_is_answered_with_an_error_and_the_connection_goes_on(
    station: Station, connect: Any, raw: bytes
) -> None:
    client = await connect()
    answer = await client.say(raw)
    assert answer["ok"] is False
    assert answer["error"]
    assert (await client.ask(id=2, do="status"))["ok"] is True


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=60).filter(lambda raw: b"\n" not in raw), max_size=5))
def test_no_bytes_break_the_socket(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    async def talk() -> None:
        station = Station(tmp_path_factory.mktemp("c", numbered=True) / "s")
        await station.control.open()
        core = asyncio.create_task(station.run())
        client = Client(*await asyncio.open_unix_connection(station.path))
        for line in lines:
            assert "ok" in await client.say(line + b"\n")
        assert (await client.ask(id=1, do="status"))["ok"] is True
        client.writer.close()
        await station.control.close()
        core.cancel()

    asyncio.run(talk())


async def test_a_line_beyond_the_bound_ends_that_client_only(station: Station, connect: Any) -> None:
    loud, calm = await connect(), await connect()
    answer = await loud.say(b"x" * (LINE_MAX + 100) + b"\n")
    assert str(LINE_MAX) in answer["error"]
    assert await loud.ends()
    assert (await calm.ask(id=1, do="status"))["ok"] is True


async def test_a_client_that_goes_in_the_middle_of_a_line_leaves_nothing(station: Station, connect: Any) -> None:
    client = await connect()
    client.writer.write(b'{"do": "sta')
    client.writer.close()
    await until(lambda: not station.control._clients)
    assert station.asked == []


async def test_clients_beyond_the_bound_are_told_so(station: Station, connect: Any) -> None:
    clients = [await connect() for _ in range(CLIENTS_MAX)]
    for client in clients:
        await client.ask(id=1, do="x")
    late = await connect()
    assert str(CLIENTS_MAX) in (await late.line())["error"]
    assert await late.ends()
    clients[0].writer.close()
    await until(lambda: len(station.control._clients) == CLIENTS_MAX - 1)
    assert (await (await connect()).ask(id=1, do="x"))["ok"] is True


async def test_an_idle_client_is_closed_and_a_watcher_is_not(
    station: Station, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "IDLE_S", 0.05)
    idle, watcher = await connect(), await connect()
    await watcher.ask(id=1, do="watch")
    await idle.ask(id=1, do="x")
    assert await idle.ends()
    assert (await watcher.line())["event"] == "status"
    assert (await watcher.ask(id=2, do="x"))["id"] == 2


async def test_a_watcher_hears_of_status_frames_and_log(station: Station, connect: Any) -> None:
    client = await connect()
    assert await client.ask(id=1, do="watch") == {"ok": True, "id": 1}
    first = await client.line()
    assert (first["event"], first["connectors"]["1"]["status"]) == ("status", "Available")
    station.control.frame("sent", '[2,"1","Heartbeat",{}]')
    frame = await client.line()
    assert frame.pop("at_s") == pytest.approx(time.time(), abs=60)
    assert frame == {"event": "frame", "seq": 1, "direction": "sent", "text": '[2,"1","Heartbeat",{}]'}
    logging.getLogger("chargepoint.shell.x").warning("the %s", "lamp")
    assert await client.line() == {"event": "log", "level": "warning", "text": "the lamp"}
    station.status = {"connectors": {"1": {"status": "Charging"}}}
    station.control.changed()
    assert (await client.line())["connectors"]["1"]["status"] == "Charging"


async def test_a_status_that_did_not_change_is_not_told_again(station: Station, connect: Any) -> None:
    client = await connect()
    await client.ask(id=1, do="watch")
    await client.line()
    asked = len(station.asked)
    station.control.changed()
    await until(lambda: len(station.asked) > asked)
    station.control.frame("sent", "marker")
    assert (await client.line())["event"] == "frame"


async def test_many_changes_are_few_statuses(station: Station, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "STATUS_EVERY_S", 0.05)
    client = await connect()
    await client.ask(id=1, do="watch")
    for number in range(200):
        station.status = {"connectors": {"1": {"number": number}}}
        station.control.changed()
        await asyncio.sleep(0)
    last: dict[str, Any] = {}
    while last.get("connectors") != {"1": {"number": 199}}:
        last = await client.line()
    assert len(station.asked) < 10


async def test_secrets_do_not_reach_a_watcher(station: Station, connect: Any) -> None:
    client = await connect()
    await client.ask(id=1, do="watch")
    await client.line()
    station.control.frame("received", '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"5EC2E7"}]')
    shown = await client.line()
    assert "ChangeConfiguration" in shown["text"]
    assert "5EC2E7" not in shown["text"]


async def test_a_watcher_that_does_not_read_is_dropped_and_nobody_waits(station: Station, connect: Any) -> None:
    stuck, quick = await connect(), await connect()
    await stuck.ask(id=1, do="watch")
    stuck.writer.transport.pause_reading()
    text = "f" * 8_000
    for _ in range(2 * BEHIND_MAX // 8_000 + 40):
        station.control.frame("sent", text)
    await until(lambda: not station.control.watched)
    assert (await quick.ask(id=1, do="status"))["ok"] is True


async def test_the_socket_is_for_its_group_and_goes_with_the_station(station: Station) -> None:
    assert stat.S_IMODE(os.stat(station.path).st_mode) == 0o660
    await station.control.close()
    assert not is_there(station.path)


async def test_the_socket_of_a_dead_process_is_replaced(station: Station, tmp_path: Path) -> None:
    path = tmp_path / "old.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    second = Station(path)
    await second.control.open()
    core = asyncio.create_task(second.run())
    client = Client(*await asyncio.open_unix_connection(str(path)))
    assert (await client.ask(id=1, do="status"))["ok"] is True
    client.writer.close()
    await second.control.close()
    core.cancel()


async def test_the_socket_of_a_living_station_is_left_to_it(station: Station, connect: Any) -> None:
    with pytest.raises(SocketInUse, match="another station"):
        await Station(Path(station.path)).control.open()
    assert (await (await connect()).ask(id=1, do="status"))["ok"] is True


async def test_a_file_in_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("keep me")
    with pytest.raises(OSError, match="not a socket"):
        await Station(path).control.open()
    assert path.read_text() == "keep me"


async def test_a_path_that_is_too_long_for_a_socket_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        await Station(tmp_path / ("d" * 120)).control.open()
