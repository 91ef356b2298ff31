"""The hardware socket line by line (docs/hardware-socket.md)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hil.bench import hardware
from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient
from tests.bench.test_control import BOUND_S, Raw, raw

CONTACTOR = {"part": "contactor", "connector": 1}
PILOT = {"part": "pilot", "connector": 1}
LOCK = {"part": "lock", "connector": 1}
INDICATOR = {"part": "indicator", "connector": 1}
READER = {"part": "reader", "reader": 1}
OK = {"ok": True}


async def greet(peer: Raw, hello: Any) -> None:
    assert await peer.ask(hello) == OK


async def connector_state(client: BenchClient, **expected: Any) -> None:
    """Waits until connector 1 is as expected."""
    await client.wait_for(lambda state: expected.items() <= state["connectors"]["1"].items(), BOUND_S, str(expected))


async def test_a_contactor_tells_its_contact_first_and_then_every_change(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, CONTACTOR)
        assert await peer.line() == {"contactor": "open"}
        assert await peer.ask({"set": "closed"}) == {"contactor": "closed"}
        await client.do("fault", connector=1, kind="contactor_welded", active=True)
        peer.send({"set": "open"})
        await client.do("fault", connector=1, kind="contactor_welded", active=False)
        assert await peer.line() == {"contactor": "open"}


@pytest.mark.parametrize("hello", [CONTACTOR, PILOT])
async def test_a_connection_that_ends_lets_go_of_coil_and_offer(bench: Bench, client: BenchClient, hello: Any) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, hello)
        await peer.line()
        peer.send({"set": "closed"} if hello is CONTACTOR else {"offer_a": 13.5})
        held = {"contactor": "closed"} if hello is CONTACTOR else {"offered_current_a": 13.5}
        await connector_state(client, **held)
        assert (await client.state())["station"] == "connected"
    await connector_state(client, contactor="open", offered_current_a=0.0)
    assert (await client.state())["station"] == "disconnected"


async def test_closing_the_sending_half_is_an_end_too(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, CONTACTOR)
        peer.send({"set": "closed"})
        await connector_state(client, contactor="closed")
        peer.writer.write_eof()
        await connector_state(client, contactor="open")


async def test_the_pilot_tells_car_cable_and_diode(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, PILOT)
        base = {"pilot": "A", "cable_at_station": False, "cable_a": None, "diode_ok": True}
        assert await peer.line() == base
        await client.do("plug", connector=1, delay_s=0)
        plugged = {**base, "pilot": "B", "cable_at_station": True, "cable_a": 32.0}
        assert [await peer.line(), await peer.line()] == [plugged, {**plugged, "pilot": "C"}]
        await client.do("fault", connector=1, kind="pilot_diode", active=True)
        assert await peer.line() == {**plugged, "pilot": "C", "diode_ok": False}
        peer.send({"offer_a": None})
        await client.do("unplug", connector=1, side="ev")
        assert await peer.line() == {**plugged, "pilot": "A", "diode_ok": False}


async def test_the_lock_answers_every_command_moved_or_not(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, LOCK)
        assert await peer.line() == {"lock": "unlocked"}
        assert await peer.ask({"set": "locked"}) == {"lock": "locked"}
        assert await peer.ask({"set": "locked"}) == {"lock": "locked"}
        await client.do("fault", connector=1, kind="lock_jammed", active=True)
        assert await peer.ask({"set": "unlocked"}) == {"lock": "locked"}
    await client.wait_for(lambda state: state["station"] == "disconnected", BOUND_S)
    await connector_state(client, lock="locked")


async def test_the_indicator_shows_until_it_is_gone(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, INDICATOR)
        peer.send({"show": "charging"})
        await connector_state(client, indicator="charging")
        peer.send({"show": "refused", "refusal": "blocked"})
        await connector_state(client, indicator="refused", indicator_reason="blocked")
        peer.send({"show": "faulted", "trouble": "vehicle"})
        await connector_state(client, indicator="faulted", indicator_reason="vehicle")
        peer.send({"adjust": {"intensity_percent": 40, "blink_repeat": 5, "offline": True}})
        await connector_state(client, lights={"intensity_percent": 40, "blink_repeat": 5, "offline": True})
    await connector_state(client, indicator="off", indicator_reason=None)


async def test_an_indicator_that_is_told_nothing_is_refused(bench: Bench) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, INDICATOR)
        peer.send({"refusal": "blocked"})
        assert "either show or adjust" in (await peer.line())["error"]


async def test_the_reader_tells_cards_laid_on_and_taken_away(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, READER)
        await client.do("tap", id_tag="04A2B3C4", hold_s=0.01)
        await client.do("tap", id_tag="04A2B3C4", hold_s=0.01)
        assert [await peer.line() for _ in range(4)] == [{"card": "04A2B3C4"}, {"card": None}] * 2


async def test_a_lost_reader_is_closed_and_refused_until_it_is_back(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, READER)
        await client.do("fault", connector=0, kind="reader_lost", active=True)
        assert await peer.reader.read() == b""
    async with raw(bench.hardware) as peer:
        answer = await peer.ask(READER)
        assert (answer["ok"], "reader 1 is taken from the station (reader_lost)" in answer["error"]) == (False, True)
        assert await peer.reader.read() == b""
    await client.do("tap", id_tag="04A2B3C4", hold_s=60)
    await client.do("fault", connector=0, kind="reader_lost", active=False)
    async with raw(bench.hardware) as peer:
        await greet(peer, READER)
        assert await peer.line() == {"card": "04A2B3C4"}


async def test_inputs_are_told_as_they_are_and_as_they_change(bench: Bench, client: BenchClient) -> None:
    await client.do("fault", connector=2, kind="ground_fault", active=True)
    await client.do("mains", on=False)
    async with raw(bench.hardware) as peer:
        await greet(peer, {"part": "inputs"})
        assert await peer.line() == {"input": "mains_lost", "connector": 0, "active": True}
        assert await peer.line() == {"input": "ground_fault", "connector": 2, "active": True}
        await client.do("mains", on=True)
        await client.do("fault", connector=0, kind="emergency_stop", active=True)
        assert await peer.line() == {"input": "mains_lost", "connector": 0, "active": False}
        assert await peer.line() == {"input": "emergency_stop", "connector": 0, "active": True}


async def test_a_second_connection_takes_a_part_over_and_finds_it_let_go(bench: Bench, client: BenchClient) -> None:
    async with raw(bench.hardware) as first, raw(bench.hardware) as second:
        await greet(first, CONTACTOR)
        assert await first.line() == {"contactor": "open"}
        assert await first.ask({"set": "closed"}) == {"contactor": "closed"}
        await greet(second, CONTACTOR)
        assert await second.line() == {"contactor": "open"}
        assert await first.reader.read() == b""
        assert await second.ask({"set": "closed"}) == {"contactor": "closed"}
    await client.wait_for(lambda state: state["station"] == "disconnected", BOUND_S)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ({"part": "horn", "connector": 1}, "horn"),
        ({"part": "contactor"}, 'a contactor says where: {"part": "contactor", "connector": 1}'),
        ({"part": "contactor", "connector": 3}, "no connector 3; there are 1 and 2"),
        ({"part": "contactor", "connector": 1, "reader": 1}, "a contactor is named by its connector alone"),
        ({"part": "reader"}, 'a reader says which: {"part": "reader", "reader": 1}'),
        ({"part": "reader", "reader": 2}, "no reader 2"),
        ({"part": "inputs", "connector": 1}, "inputs"),
        ({"part": "pilot", "connector": "1"}, "Expected `int | null`, got `str`"),
        (b"hello\n", "JSON is malformed"),
        (b"x" * 5000 + b"\n", "a line is at most 4096 bytes long"),
    ],
)
async def test_a_hello_that_is_refused(bench: Bench, line: Any, error: str) -> None:
    async with raw(bench.hardware) as peer:
        answer = await peer.ask(line)
        assert answer["ok"] is False
        assert error in answer["error"]
        assert await peer.reader.read() == b""


@pytest.mark.parametrize(
    ("hello", "line"),
    [
        (CONTACTOR, {"set": "half"}),
        (CONTACTOR, {"offer_a": 16}),
        (PILOT, {"offer_a": 5}),
        (PILOT, {"offer_a": 81}),
        (PILOT, {}),
        (LOCK, {"set": "closed"}),
        (INDICATOR, {"show": "disco"}),
        (READER, {"set": "closed"}),
        ({"part": "inputs"}, {"set": "closed"}),
        (CONTACTOR, b"\xff\n"),
        (CONTACTOR, b"[" * 4000 + b"\n"),
    ],
)
async def test_a_command_that_is_none_ends_the_connection_with_a_reason(bench: Bench, hello: Any, line: Any) -> None:
    async with raw(bench.hardware) as peer:
        await greet(peer, hello)
        peer.send(line)
        async with asyncio.timeout(BOUND_S):
            rest = await peer.reader.read()
        assert b'"ok":false' in rest.splitlines()[-1]


async def test_who_does_not_say_what_it_is_is_not_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "HELLO_S", 0.05)
    async with raw(bench.hardware) as peer:
        assert "no part was named within" in (await peer.line())["error"]
        assert await peer.reader.read() == b""


async def test_a_fixed_cable_has_no_lock_to_connect_to(directory: Path) -> None:
    async with running(Options(directory=directory, tethered=True)) as bench, raw(bench.hardware) as peer:
        assert "connector 1 has a fixed cable and no lock" in (await peer.ask(LOCK))["error"]
