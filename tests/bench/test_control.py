"""The control socket: answers, watch lines, bad lines, many and slow clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hil.bench.bench import Bench
from hil.bench.client import BenchClient, BenchError
from hil.bench.control import CLIENTS_MAX, ControlClient

BOUND_S = 5.0


class Raw:
    """A peer that sends bytes and reads lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *requests: Any) -> None:
        for request in requests:
            self.writer.write(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")

    async def line(self) -> dict[str, Any]:
        async with asyncio.timeout(BOUND_S):
            line: dict[str, Any] = json.loads(await self.reader.readline())
            return line

    async def ask(self, request: Any) -> dict[str, Any]:
        self.send(request)
        return await self.line()


@asynccontextmanager
async def raw(path: Any) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def test_answers_carry_the_id_of_their_request(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        assert await peer.ask({"id": 7, "do": "plug", "connector": 1}) == {"id": 7, "ok": True}
        assert await peer.ask({"id": "x", "do": "mains", "on": True}) == {"id": "x", "ok": True}
        assert await peer.ask({"do": "mains", "on": True}) == {"id": None, "ok": True}
        assert await peer.ask({"id": 8, "do": "plug", "connector": 3}) == {
            "id": 8,
            "ok": False,
            "error": "no connector 3; there are 1 and 2",
        }


async def test_the_state_has_its_shape_without_a_station(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        state = await peer.ask({"id": 9, "do": "state"})
    connector = state.pop("connectors")["1"]
    assert state == {
        "id": 9,
        "ok": True,
        "station": "disconnected",
        "mains": True,
        "speed": 1.0,
        "power_w": 0.0,
        "faults": [],
        "cards": {"1": None},
    }
    assert connector == {
        "pilot": "A",
        "plugged": False,
        "cable_at_station": False,
        "offered_current_a": 0.0,
        "drawn_current_a": 0.0,
        "phases": 3,
        "contactor": "open",
        "lock": "unlocked",
        "energy_wh": 12345,
        "power_w": 0.0,
        "indicator": "off",
        "indicator_reason": None,
        "lights": {"intensity_percent": 100, "blink_repeat": 2, "offline": False},
        "faults": [],
        "meter_online": True,
    }


async def test_a_watcher_gets_its_answer_first_and_then_a_line_a_change(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        assert await peer.ask({"id": 1, "do": "watch"}) == {"id": 1, "ok": True}
        peer.send({"id": 2, "do": "plug", "connector": 1, "delay_s": 0})
        assert await peer.line() == {"id": 2, "ok": True}
        lines = [await peer.line() for _ in range(4)]
        at = [line.pop("at") for line in lines]
    assert lines == [
        {"connector": 1, "pilot": "B"},
        {"connector": 1, "plugged": True},
        {"connector": 1, "cable_at_station": True},
        {"connector": 1, "pilot": "C"},
    ]
    assert at == sorted(at)
    assert at[-1] <= asyncio.get_running_loop().time()


async def test_a_deadline_is_told_without_anybody_asking(bench: Bench) -> None:
    async with raw(bench.control) as watcher, raw(bench.control) as peer:
        await watcher.ask({"id": 1, "do": "watch"})
        await peer.ask({"id": 1, "do": "tap", "id_tag": "04AA", "hold_s": 0.05})
        laid, away = await watcher.line(), await watcher.line()
    assert (laid["reader"], laid["card"], away["card"]) == (1, "04AA", None)
    assert away["at"] - laid["at"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello\n", "not a line of JSON"),
        (b'{"do": "state"\n', "not a line of JSON"),
        (b"\xff\xfe\n", "not a line of JSON"),
        (b"[" * 20_000 + b"\n", "not a line of JSON"),
        (b'["state"]\n', 'a request is a JSON object such as {"id": 1, "do": "state"}, not ["state"]'),
        (b'{"id": [1], "do": "state"}\n', "id must be a number or a text, not [1]"),
        (b'{"do": "state", "pad": "' + b"x" * 70_000 + b'"}\n', "a request is at most 65536 bytes long"),
        (b"x" * 300_000 + b"\n", "a request is at most 65536 bytes long"),
    ],
)
async def test_a_bad_line_is_answered_and_the_connection_stays(bench: Bench, line: bytes, error: str) -> None:
    async with raw(bench.control) as peer:
        answer = await peer.ask(line)
        assert (answer["id"], answer["ok"]) == (None, False)
        assert error in answer["error"]
        assert (await peer.ask({"id": 2, "do": "state"}))["ok"]


async def test_lines_may_come_in_pieces_and_in_heaps(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        peer.send(b'{"id": 1, "do"')
        await asyncio.sleep(0)
        peer.send(b': "mains", "on": false}\r\n\n{"id": 2, "do": "mains", "on": true}\n')
        assert [(await peer.line())["id"], (await peer.line())["id"]] == [1, 2]


async def test_clients_are_many_and_bounded(bench: Bench) -> None:
    peers = [await asyncio.open_unix_connection(bench.control) for _ in range(CLIENTS_MAX)]
    try:
        for _, writer in peers:
            writer.write(b'{"id": 1, "do": "state"}\n')
        for reader, _ in peers:
            assert json.loads(await reader.readline())["ok"]
        async with raw(bench.control) as peer:
            assert (await peer.line())["error"] == "there are 256 clients already; close one"
            assert await peer.reader.read() == b""
        assert len(bench.rig.clients) == CLIENTS_MAX
    finally:
        for _, writer in peers:
            writer.close()


async def test_a_slow_watcher_is_dropped_with_a_reason_and_holds_nobody_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ControlClient, "pending_max", 10_000)
    async with raw(bench.control) as slow:
        await slow.ask({"id": 1, "do": "watch"})
        (watcher,) = bench.rig.watchers
        for turn in range(20_000):
            bench.world.mains = bool(turn % 2)
            bench.rig.publish()
            if watcher.ended:
                break
        assert watcher.ended
        async with BenchClient(bench.control) as other:
            assert (await other.state())["ok"]
        async with asyncio.timeout(BOUND_S):
            last = json.loads((await slow.reader.read()).splitlines()[-1])
        assert last["error"].startswith("too slow: ")
        assert bench.rig.watchers == set()
    assert "control client dropped: too slow" in capsys.readouterr().err


async def test_a_client_that_goes_in_the_middle_leaves_nothing_behind(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        await peer.ask({"id": 1, "do": "watch"})
        peer.send(b'{"id": 2, "do": "pl')
        (connection,) = bench.rig.clients
    async with asyncio.timeout(BOUND_S):
        await connection.gone.wait()
    assert (bench.rig.clients, bench.rig.watchers) == (set(), set())


async def test_quit_is_answered_and_ends_the_bench(bench: Bench) -> None:
    async with raw(bench.control) as peer:
        assert await peer.ask({"id": 1, "do": "quit"}) == {"id": 1, "ok": True}
        async with asyncio.timeout(BOUND_S):
            await bench.stopped()


async def test_the_client_raises_the_benchs_own_words(client: BenchClient) -> None:
    with pytest.raises(BenchError, match="no car is plugged at connector 2; plug one first"):
        await client.do("ev", connector=2, ready=True)


async def test_the_client_waits_for_a_state_and_says_what_did_not_come(client: BenchClient) -> None:
    await client.do("plug", connector=1, delay_s=0.02)
    state = await client.wait_for(lambda state: state["connectors"]["1"]["pilot"] == "C", timeout_s=BOUND_S)
    assert state["connectors"]["1"]["plugged"]
    with pytest.raises(BenchError, match=r"a miracle did not come within 0.05 s; the last state was \{.*\"pilot\":\"C\""):
        await client.wait_for(lambda state: False, timeout_s=0.05, what="a miracle")


async def test_the_client_watches(client: BenchClient) -> None:
    changes = await client.watch()
    await client.do("mains", on=False)
    await client.do("mains", on=True)
    async with asyncio.timeout(BOUND_S):
        assert [(await anext(changes))["mains"], (await anext(changes))["mains"]] == [False, True]


async def test_the_client_tells_that_the_bench_has_gone(bench: Bench) -> None:
    async with BenchClient(bench.control) as client:
        await client.state()
        for connection in bench.rig.clients:
            connection.end()
        with pytest.raises(BenchError, match=r"^the bench('s connection broke| has closed the connection)"):
            await client.wait_for(lambda state: False, timeout_s=BOUND_S)
    with pytest.raises(BenchError, match=r"no bench at .*nowhere.sock: .*; start one with python -m hil.bench --dir DIR"):
        async with BenchClient("nowhere.sock"):
            pass
