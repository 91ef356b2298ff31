"""Target: lines of the hardware socket, to the real virtual drivers over a real socket; what they make of it goes to a core."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from typing import Any

from chargepoint.core import events as ev
from chargepoint.facts import Card, Input, Pattern, Pilot
from chargepoint.ports import DriverError
from drivers.virtual import contactor, indicator, inputs, lock, pilot, reader
from hil.fuzz import corpus, mutation, quick_loop
from hil.fuzz.quick_loop import QuickLoop
from hil.fuzz.target import PLACE, in_words
from tests.core.harness import World

LIMIT_S = 60.0
PAUSE_S = 0.05
WELCOME = b'{"ok": true}\n'
PARTS = tuple(part.encode() for part in corpus.HARDWARE)


class HardwareSocket:
    """A driver yields facts of its kind and then raises DriverError, whatever the bench says; and a station that is told these
    facts keeps to its rules. The first input is the part, the second the bench's answer to its hello; the others come one by
    one.
    """

    name = "hardware"

    def case(self, rng: random.Random) -> list[bytes]:
        part = rng.choice(PARTS)
        welcome = WELCOME if rng.random() < 0.9 else mutation.bytes_of(rng, WELCOME, rng.randint(1, 3))
        known = corpus.HARDWARE[part.decode()] or ({"ok": True},)
        said = []
        for _ in range(rng.randint(1, 12)):
            harms = rng.choice((0, 0, 1, 2))
            line = mutation.json_text(rng, rng.choice(known), harms).encode("utf-8", "replace").replace(b"\n", b" ") + b"\n"
            said.append(mutation.bytes_of(rng, line) if rng.random() < 0.1 else line)
        return [part, welcome, *said]

    def run(self, inputs: list[bytes]) -> None:
        part, welcome, *said = [*inputs[:2], *(PARTS[0], WELCOME)[len(inputs) :], *inputs[2:]]
        if part not in PARTS:
            return
        facts: list[Any] = []

        async def work(loop: QuickLoop) -> None:
            with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder:
                socket = f"{folder}/hardware.sock"
                bench = _Bench(welcome, said)
                server = await asyncio.start_unix_server(bench.serve, socket)
                try:
                    await _use(part.decode(), socket, facts, bench.done)
                finally:
                    await bench.done.wait()
                    server.close()

        quick_loop.run(work, LIMIT_S)
        assert len(facts) <= b"".join(said).count(b"\n"), f"{len(facts)} facts of {said}"
        _tell(part.decode(), facts)


class _Bench:
    """Says what it was given to say to the first that comes, and nothing to others."""

    def __init__(self, welcome: bytes, said: list[bytes]) -> None:
        self._said = [welcome, *said]
        self.done = asyncio.Event()

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said, self._said = self._said, []
        for chunk in said:
            writer.write(chunk)
            await asyncio.sleep(PAUSE_S)
        writer.close()
        self.done.set()


async def _use(part: str, socket: str, facts: list[Any], done: asyncio.Event) -> None:
    """Opens the part's driver, has it do its work, takes what it tells, closes it. Only a DriverError may come of it."""
    port: Any = None
    try:
        match part:
            case "contactor":
                port = await contactor.open(contactor.Config(socket=socket, connector=1), {})
                port.set(True)
                await _take(port.feedback(), bool, facts)
            case "pilot":
                port = await pilot.open(pilot.Config(socket=socket, connector=1), {})
                port.offer(16.0)
                await _take(port.states(), Pilot, facts)
            case "lock":
                port = await lock.open(lock.Config(socket=socket, connector=1), {})
                port.set(True)
                await _take(port.states(), bool, facts)
            case "reader":
                port = await reader.open(reader.Config(socket=socket, reader=1), {})
                await _take(port.cards(), Card, facts)
            case "inputs":
                port = await inputs.open(inputs.Config(socket=socket), {})
                await _take(port.changes(), Input, facts)
            case _:  # it tells nothing, and comes back by itself
                port = await indicator.open(indicator.Config(socket=socket, connector=1), {})
                port.show(Pattern.CHARGING)
                await done.wait()
                port.show(Pattern.FAULTED)
                await asyncio.sleep(1.0)
    except DriverError as error:
        in_words(error, part)
    finally:
        if port is not None:
            await port.close()
            await port.close()


async def _take(told: AsyncIterator[Any], kind: type, facts: list[Any]) -> None:
    """Until the driver fails, which it must: the bench closes in the end."""
    async for fact in told:
        assert isinstance(fact, kind), fact
        facts.append(fact)
    raise AssertionError("the bench is gone, and the driver does not say so")


def _tell(part: str, facts: list[Any]) -> None:
    """A station in the middle of a charge is told."""
    world = World(2, keys={"MeterValueSampleInterval": 10}, draws_w=3_680.0, reconnect_s=2.0)
    world.plug(1)
    world.tap()
    for fact in facts:
        match part:
            case "contactor":
                world.deliver(ev.ContactorSeen(1, fact))
            case "pilot":
                world.plants[1].pilot = fact
                world.deliver(ev.PilotSeen(1, fact))
            case "lock":
                world.slip_lock(1, fact)
            case "reader":
                world.deliver(ev.CardSeen(1, fact))
            case _ if fact.connector in world.hazards:
                world.input(fact.kind, fact.connector, active=fact.active)
        world.advance(0.5)
    world.advance(60.0)
    assert world.control("status")[1] is None
    world.advance(1.0)
    world.cut_power()
    assert world.control("status")[1] is None
