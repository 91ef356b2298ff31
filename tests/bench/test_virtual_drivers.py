"""The virtual drivers against a bench in the same process, through the ports that the station uses."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from chargepoint.facts import Card, Input, InputKind, Lights, Pattern, Pilot, PilotState, Refusal, Trouble
from chargepoint.ports import CardReader, Contactor, DriverError, Indicator, Inputs, Lock, PilotSensor
from drivers.virtual import connection as connection_module
from drivers.virtual import contactor, indicator, inputs, lock, pilot, reader
from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient

BOUND_S = 5.0
T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(BOUND_S):
        return await awaitable


async def shows(client: BenchClient, **expected: Any) -> None:
    await client.wait_for(lambda state: expected.items() <= state["connectors"]["1"].items(), BOUND_S, str(expected))


async def exhaust(facts: AsyncIterator[Any]) -> None:
    async for _ in facts:
        pass


@pytest.fixture
async def coil(bench: Bench) -> AsyncIterator[Contactor]:
    opened: Contactor = await contactor.open(contactor.Config(socket=str(bench.hardware), connector=1), {})
    yield opened
    await opened.close()


async def test_a_contactor_closes_opens_and_feeds_back(coil: Contactor, client: BenchClient) -> None:
    feedback = coil.feedback()
    assert await soon(anext(feedback)) is False
    coil.set(True)
    assert await soon(anext(feedback)) is True
    coil.set(False)
    assert await soon(anext(feedback)) is False
    assert await soon(anext(coil.feedback())) is False  # who asks anew is told how it is


async def test_opening_is_with_the_kernel_when_set_returns(directory: Path) -> None:
    path = str(directory / "hardware.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        opening = asyncio.create_task(contactor.open(contactor.Config(socket=path, connector=1), {}))
        bench_side, _ = await asyncio.to_thread(listener.accept)
        with bench_side:
            bench_side.sendall(b'{"ok": true}\n')
            opened = await soon(opening)
            bench_side.setblocking(False)
            assert bench_side.recv(4096) == b'{"part":"contactor","connector":1}\n'
            opened.set(False)  # no await between this and the next line: nothing but the call itself can have written
            assert bench_side.recv(4096) == b'{"set":"open"}\n'
        await opened.close()


async def test_closing_the_driver_opens_the_contactor_and_ends_the_feedback(coil: Contactor, client: BenchClient) -> None:
    coil.set(True)
    await shows(client, contactor="closed")
    feedback = coil.feedback()
    await soon(anext(feedback))
    await coil.close()
    await shows(client, contactor="open")
    assert [state async for state in feedback] in ([], [True], [True, False], [False])
    await coil.close()


async def test_a_pilot_tells_the_car_and_offers_current(bench: Bench, client: BenchClient) -> None:
    sensor: PilotSensor = await pilot.open(pilot.Config(socket=str(bench.hardware), connector=1), {})
    states = sensor.states()
    assert await soon(anext(states)) == Pilot(state=PilotState.A, cable_at_station=False)
    await client.do("plug", connector=1, ready=False)
    plugged = Pilot(state=PilotState.B, cable_at_station=True, cable_a=32.0)
    assert await soon(anext(states)) == plugged
    sensor.offer(10.5)
    await shows(client, offered_current_a=10.5)
    sensor.offer(None)
    await shows(client, offered_current_a=0.0)
    sensor.offer(16)
    assert await soon(anext(sensor.states())) == plugged
    await shows(client, offered_current_a=16.0)
    await sensor.close()
    await shows(client, offered_current_a=0.0)


async def test_a_lock_tells_every_command_and_a_jam(bench: Bench, client: BenchClient) -> None:
    bolt: Lock = await lock.open(lock.Config(socket=str(bench.hardware), connector=1), {})
    states = bolt.states()
    assert await soon(anext(states)) is False
    bolt.set(True)
    assert await soon(anext(states)) is True
    await client.do("fault", connector=1, kind="lock_jammed", active=True)
    bolt.set(False)
    assert await soon(anext(states)) is True
    assert await soon(anext(bolt.states())) is True
    await bolt.close()
    await shows(client, lock="locked")


async def test_a_reader_gives_every_card_once(bench: Bench, client: BenchClient) -> None:
    cards_of: CardReader = await reader.open(reader.Config(socket=str(bench.hardware), reader=1), {})
    cards = cards_of.cards()
    for id_tag in ("04A2B3C4", "04A2B3C4", "Ärzte\u2028\u0000"):
        await client.do("tap", id_tag=id_tag, hold_s=0.01)
    assert [await soon(anext(cards)) for _ in range(3)] == [
        Card(id_tag="04A2B3C4"),
        Card(id_tag="04A2B3C4"),
        Card(id_tag="Ärzte\u2028\u0000"),
    ]
    await cards_of.close()


async def test_a_lost_reader_is_an_error_and_cannot_be_opened(bench: Bench, client: BenchClient) -> None:
    config = reader.Config(socket=str(bench.hardware), reader=1)
    lost = await reader.open(config, {})
    cards = lost.cards()
    await client.do("fault", connector=1, kind="reader_lost", active=True)
    with pytest.raises(DriverError, match="virtual reader 1: the bench has closed the connection"):
        await soon(anext(cards))
    await lost.close()
    with pytest.raises(DriverError, match=r"virtual reader 1: .* refused: reader 1 is taken from the station"):
        await reader.open(config, {})
    await client.do("fault", connector=1, kind="reader_lost", active=False)
    await (await reader.open(config, {})).close()


async def test_inputs_tell_lines(bench: Bench, client: BenchClient) -> None:
    await client.do("fault", connector=2, kind="over_temperature", active=True)
    lines: Inputs = await inputs.open(inputs.Config(socket=str(bench.hardware)), {})
    changes = lines.changes()
    assert await soon(anext(changes)) == Input(connector=2, kind=InputKind.OVER_TEMPERATURE, active=True)
    await client.do("mains", on=False)
    assert await soon(anext(changes)) == Input(connector=0, kind=InputKind.MAINS_LOST, active=True)
    await lines.close()


async def test_an_indicator_shows_and_comes_back_by_itself(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicator, "AGAIN_MIN_S", 0.02)
    monkeypatch.setattr(indicator, "AGAIN_MAX_S", 0.05)
    async with running(Options(directory=directory)) as bench:
        lamp: Indicator = await indicator.open(indicator.Config(socket=str(bench.hardware), connector=1), {})
        async with BenchClient(bench.control) as client:
            lamp.adjust(Lights(intensity_percent=10))
            lamp.show(Pattern.REFUSED, Refusal.BLOCKED)
            await shows(client, indicator="refused", indicator_reason="blocked")
    lamp.show(Pattern.CHARGING)
    async with running(Options(directory=directory)) as bench, BenchClient(bench.control) as client:
        await shows(client, indicator="charging", indicator_reason=None)
        await shows(client, lights={"intensity_percent": 10, "blink_repeat": 2, "offline": False})
        lamp.show(Pattern.FAULTED, None, Trouble.TOO_HOT)
        await shows(client, indicator="faulted", indicator_reason="too_hot")
        await lamp.close()
        await shows(client, indicator="off")
        await lamp.close()


@pytest.mark.parametrize("number", range(5))
async def test_a_bench_that_ends_is_an_error_of_every_iterator_and_of_no_command(directory: Path, number: int) -> None:
    async with running(Options(directory=directory)) as bench:
        path = str(bench.hardware)
        part: Any
        match number:
            case 0:
                part = await contactor.open(contactor.Config(socket=path, connector=1), {})
                facts = part.feedback()
            case 1:
                part = await pilot.open(pilot.Config(socket=path, connector=1), {})
                facts = part.states()
            case 2:
                part = await lock.open(lock.Config(socket=path, connector=1), {})
                facts = part.states()
            case 3:
                part = await reader.open(reader.Config(socket=path, reader=1), {})
                facts = part.cards()
            case _:
                part = await inputs.open(inputs.Config(socket=path), {})
                facts = part.changes()
    with pytest.raises(
        DriverError, match=r"virtual .*: the bench has closed the connection at .*hardware\.sock; does it still run\?"
    ):
        await soon(exhaust(facts))
    for _ in range(10):
        if number in (0, 2):
            part.set(False)
        if number == 1:
            part.offer(6)
    await part.close()


async def test_no_bench_is_an_error_that_says_how_to_start_one(directory: Path) -> None:
    path = directory / "hardware.sock"
    with pytest.raises(DriverError) as error:
        await contactor.open(contactor.Config(socket=str(path), connector=1), {})
    assert str(error.value) == (
        f"virtual contactor of connector 1: no bench at {path} (No such file or directory);"
        f" start the bench with python -m hil.bench --dir {directory}"
    )


async def test_a_bench_that_does_not_answer_is_not_waited_for(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "OPEN_S", 0.05)
    path = directory / "hardware.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(DriverError, match=r"did not answer within 0.05 s; restart it"):
            await lock.open(lock.Config(socket=str(path), connector=1), {})


@pytest.mark.parametrize(
    ("module", "config", "line"),
    [
        (contactor, contactor.Config, b'{"contactor": "half"}\n'),
        (pilot, pilot.Config, b'{"pilot": "X", "cable_at_station": true, "cable_a": null, "diode_ok": true}\n'),
        (lock, lock.Config, b'["lock"]\n'),
        (lock, lock.Config, b"x" * 5000 + b"\n"),
        (contactor, contactor.Config, b"\xff\n"),
    ],
)
async def test_a_line_that_a_part_does_not_know_is_an_error(directory: Path, module: Any, config: Any, line: bytes) -> None:
    async def answer(peer: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.readline()
        writer.write(b'{"ok": true}\n' + line)

    path = str(directory / "hardware.sock")
    async with await asyncio.start_unix_server(answer, path):
        part = await module.open(config(socket=path, connector=1), {})
        with pytest.raises(DriverError, match=r"/hardware\.sock"):
            await soon(anext(part.feedback() if module is contactor else part.states()))
        await part.close()
