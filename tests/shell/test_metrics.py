"""Metrics: the names that were promised, in a form that a strict reader takes, from a server that nobody can hold up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import structs

from chargepoint.core import effects as fx
from chargepoint.core.events import Event, FrameReceived, LinkUp, Tick
from chargepoint.core.records import OutboxRow, PutRow, PutTransaction, Stamp, StopBody
from chargepoint.core.step import Now
from chargepoint.facts import Pattern, Refusal
from chargepoint.messages import Reason
from chargepoint.shell import metrics
from chargepoint.shell.meter_part import kind_of
from chargepoint.shell.metrics import Counters, Metrics
from drivers.modbus.bus import NoAnswer
from tests.cli.stores import session
from tests.shell.exposition import Family, parsed
from tests.shell.fakes import until

PROMISED = {
    "build_info",
    "connector_status",
    "energy_import_joules_total",
    "power_watts",
    "current_amperes",
    "voltage_volts",
    "offered_current_amperes",
    "sessions_total",
    "authorizations_total",
    "ocpp_connected",
    "ocpp_reconnects_total",
    "ocpp_call_seconds",
    "ocpp_queue_messages",
    "ocpp_queue_age_seconds",
    "unconfirmed_energy_joules",
    "faults_total",
    "meter_errors_total",
    "contactor_cycles_total",
    "clock_synchronized",
    "disk_written_bytes_total",
}
STATUS: dict[str, Any] = {
    "link": {"state": "connected"},
    "queue": {"messages": 3, "oldest_s": 42},
    "process": {"version": '1.0 "x"\\'},
    "connectors": {
        "1": {
            "status": "Charging",
            "energy_wh": 1_000,
            "power_w": -0.5,
            "offered_current_a": 16.0,
            "cycles": 7,
            "current_a": [16.0, None, 15.5],
            "voltage_v": [230.0, 231.0, None],
        },
        "2": {"status": "Available", "energy_wh": None, "power_w": None, "current_a": [None, None, None]},
    },
}


class Silent:
    """A recorder that remembers how much it was told."""

    told = failures = 0

    def record(self, event: Event, now: Now, effects: list[fx.Effect]) -> None:
        self.told += 1

    def failed(self, event: Event, now: Now, error: BaseException) -> None:
        self.failures += 1


class Rig:
    def __init__(self) -> None:
        self.wrong: dict[int, set[str]] = {0: set()}
        self.status: Any = STATUS
        self.recorder = Silent()
        self.counters = Counters(self.recorder, lambda: self.wrong)
        self.metrics = Metrics(self.counters, self._status, self._unconfirmed, lambda: {1: {"no_answer": 2}}, lambda: True)

    def step(self, event: Event, *effects: fx.Effect, at_s: float = 0.0) -> None:
        self.counters.record(event, Now(at_s), list(effects))

    async def read(self) -> dict[str, Family]:
        found = parsed(await self.metrics.text())
        return {name.removeprefix("chargepoint_"): family for name, family in found.items()}

    async def _status(self) -> Any:
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    async def _unconfirmed(self) -> int:
        return 5_000


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_every_metric_that_was_promised_is_there_and_reads_strictly(rig: Rig) -> None:
    found = await rig.read()
    assert set(found) >= PROMISED
    assert found["build_info"].value(version='1.0 \\"x\\"\\\\') == 1
    assert found["connector_status"].value(connector="1", status="Charging") == 1
    assert found["connector_status"].value(connector="1", status="Available") == 0
    assert len(found["connector_status"].samples) == 18
    assert found["energy_import_joules_total"].value(connector="1") == 3_600_000
    assert found["power_watts"].value(connector="1") == -0.5
    assert {label["phase"] for label in found["current_amperes"].labels()} == {"L1", "L3"}
    assert found["voltage_volts"].value(connector="1", phase="L2") == 231
    assert found["unconfirmed_energy_joules"].value() == 18_000_000
    assert found["ocpp_queue_age_seconds"].value() == 42
    assert found["meter_errors_total"].value(meter="1", kind="no_answer") == 2
    assert found["contactor_cycles_total"].value(connector="1") == 7


async def test_steps_are_counted_and_handed_on(rig: Rig) -> None:
    rig.step(LinkUp("ws://x", 0))
    rig.step(Tick(), fx.SendFrame('[2,"a1","Heartbeat",{}]'), at_s=10.0)
    rig.step(FrameReceived('[3,"a1",{"currentTime":"x"}]'), at_s=10.25)
    rig.step(FrameReceived('[2,"a1","Reset",{}]'))
    rig.step(FrameReceived('[3,"never asked",{}]'))
    rig.step(FrameReceived(b"\xff\xfe"))
    rig.step(LinkUp("ws://x", 0))
    rig.step(Tick(), fx.Show(1, Pattern.ACCEPTED), fx.Show(2, Pattern.ACCEPTED))
    rig.step(Tick(), fx.Show(1, Pattern.REFUSED, Refusal.BLOCKED))
    rig.step(Tick(), fx.Show(1, Pattern.REFUSED, Refusal.NO_VEHICLE))
    found = await rig.read()
    assert found["ocpp_call_seconds"].value("_count", action="Heartbeat") == 1
    assert found["ocpp_call_seconds"].value("_sum", action="Heartbeat") == 0.25
    assert found["ocpp_reconnects_total"].value() == 1
    assert found["authorizations_total"].labels() == [{"result": "accepted"}, {"result": "blocked"}]
    assert found["authorizations_total"].value(result="accepted") == 1
    assert rig.recorder.told == 10
    rig.counters.failed(Tick(), Now(0.0), ValueError())
    assert rig.recorder.failures == 1


async def test_a_session_is_counted_once_by_its_reason(rig: Rig) -> None:
    record = structs.replace(session(7), stop_reason=Reason.EVDisconnected)
    row = OutboxRow(seq=1, transaction=7, stamp=Stamp(1, 1.0), body=StopBody())
    rig.step(Tick(), fx.Commit((PutTransaction(record), PutRow(row)), Stamp(1, 1.0)))
    rig.step(Tick(), fx.Commit((PutTransaction(record),), Stamp(1, 1.0)))
    assert (await rig.read())["sessions_total"].samples == {("", (("reason", "EVDisconnected"),)): 1.0}


async def test_a_fault_counts_when_it_comes_up_not_while_it_stays(rig: Rig) -> None:
    for wrong in ({"door_open"}, {"door_open"}, set[str](), {"door_open"}):
        rig.wrong = {0: set(), 1: wrong}
        rig.step(Tick())
    assert (await rig.read())["faults_total"].value(code="door_open") == 2


def test_errors_of_meters_have_few_names() -> None:
    assert kind_of(NoAnswer("x")) == "no_answer"
    assert kind_of(TimeoutError()) == "hung"
    assert kind_of(type("Strange" * 100, (Exception,), {})()) == "other"


# The server


@asynccontextmanager
async def served(rig: Rig) -> AsyncIterator[int]:
    task = asyncio.create_task(rig.metrics.serve("127.0.0.1:0"))
    try:
        await until(lambda: rig.metrics.port != 0, "the server listens")
        yield rig.metrics.port
    finally:
        task.cancel()
        await asyncio.wait({task})


async def asked(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_it_answers_as_http_says(rig: Rig) -> None:
    async with served(rig) as port:
        answer = await asked(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"text/plain; version=0.0.4" in head
        assert f"Content-Length: {len(body)}".encode() in head
        assert parsed(body.decode())
        empty = await asked(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        assert empty.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"hello\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"\xff\x00\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 10_000, b"431"),
    ],
)
async def test_whatever_else_comes_is_refused_in_words(rig: Rig, request_: bytes, status: bytes) -> None:
    async with served(rig) as port:
        assert (await asked(port, request_)).split(b" ")[1] == status


async def test_slow_and_many_clients_hold_nobody_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REQUEST_S", 0.2)
    monkeypatch.setattr(metrics, "CLIENTS_MAX", 2)
    async with served(rig) as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await until(lambda: len(rig.metrics._clients) == 2, "both are there")
        assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n")).split(b" ")[1] == b"503"
        assert await slow[0][0].read() == b""
        await until(lambda: not rig.metrics._clients, "both are gone")
        assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n")).split(b" ")[1] == b"200"
        for _, writer in slow:
            writer.close()


@pytest.mark.parametrize(("low", "told"), [(True, 1), (False, 0), (None, None)])
async def test_a_supply_that_is_too_low_shows_where_the_machine_tells_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, low: bool | None, told: int | None
) -> None:
    monkeypatch.setattr("chargepoint.shell.metrics.undervoltage", lambda: low)
    found = await rig.read()
    assert (found["undervoltage"].value() if "undervoltage" in found else None) == told


async def test_a_station_that_cannot_tell_is_no_silent_client(rig: Rig) -> None:
    rig.status = RuntimeError("busy")
    async with served(rig) as port:
        assert (await asked(port, b"GET /metrics HTTP/1.1\r\n\r\n")).split(b" ")[1] == b"503"


async def test_an_address_that_is_taken_is_told_and_the_station_goes_on(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    async with served(rig) as port:
        await rig.metrics.serve(f"127.0.0.1:{port}")
    assert "change [metrics] listen" in caplog.text
