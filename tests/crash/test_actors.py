"""Who acts in a crash run: the service manager, the weather, the Central System's mischief."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.bench.bench import Options, running
from hil.bench.client import BenchClient
from hil.crash.mischief import ATTEMPTS, Mischief
from hil.crash.operator import REQUESTS
from hil.crash.people import People
from hil.crash.station import AGAIN_S, StationProcess
from hil.crash.weather import KINDS, Weather
from hil.crash.witness import Draw, Meters
from hil.csms import CentralSystem
from hil.csms.schemas import check
from hil.proxy import CLEAR, Proxy, Way
from tests.demo.running import short_folder, until

# Ends with the statuses in the file, one a start; when none is left it stays until it is told to end.
PROGRAM = """if True:
    import pathlib, signal, sys
    file = pathlib.Path(sys.argv[-1])
    first, _, rest = file.read_text().partition(" ")
    file.write_text(rest)
    if first:
        sys.exit(int(first))
    signal.sigwait({signal.SIGTERM})
"""


class Service:
    """A station's process that ends as it is told, and what was thought of it."""

    def __init__(self, folder: Path, ends: str) -> None:
        (folder / "ends").write_text(ends)
        self.trouble: list[str] = []
        self.process = StationProcess((sys.executable, "-c", PROGRAM), folder / "ends", folder / "logs", self.trouble.append)


async def started(folder: Path, ends: str, *, disk_failing: bool = False) -> Service:
    """Runs until its last start."""
    service = Service(folder, ends)
    service.process.disk_failing = disk_failing
    await service.process.start()
    await until(lambda: service.process.starts == len(ends.split()) + 1, "the last start")
    return service


async def test_a_station_that_asks_to_be_started_again_is(tmp_path: Path) -> None:
    service = await started(tmp_path, "75 75")
    assert service.trouble == []
    assert await service.process.kill()
    assert service.process.starts == 3
    await asyncio.sleep(2 * AGAIN_S)
    assert not service.process.running  # a kill is nothing that the service manager answers


async def test_a_station_that_ends_otherwise_is_started_again_and_reported(tmp_path: Path) -> None:
    service = await started(tmp_path, "70 74")
    assert [text[:46] for text in service.trouble] == [
        "the station ended by itself with status 70, se",
        "the station ended by itself with status 74, se",
    ]
    await service.process.kill()


async def test_a_store_that_fails_is_no_surprise_while_the_disk_does(tmp_path: Path) -> None:
    service = await started(tmp_path, "74", disk_failing=True)
    assert service.trouble == []
    await service.process.kill()


async def test_a_process_that_was_stopped_was_not_killed(tmp_path: Path) -> None:
    service = await started(tmp_path, "")
    pid = await service.process.expose()
    assert pid is not None
    assert await service.process.stop() in (0, -15)
    assert not await service.process.kill()
    assert await service.process.expose() is None


# The network


@pytest.fixture
def proxy() -> Proxy:
    return Proxy("127.0.0.1", 1)


def test_every_weather_does_what_it_is_called_and_fair_weather_undoes_it(proxy: Proxy) -> None:
    weather = Weather(proxy, random.Random(1))
    seen: dict[str, tuple[bool, Way, Way]] = {}
    for kind in KINDS:
        weather.hold(kind)
        seen[kind] = (proxy.refuse, proxy.up, proxy.down)
        weather.hold("fair")
        assert (proxy.refuse, proxy.up, proxy.down) == (False, CLEAR, CLEAR)
    assert seen["away"][0]
    assert seen["frozen"][1].frozen
    assert seen["frozen"][2].frozen
    assert (seen["deaf"][1].swallow, seen["deaf"][2].swallow) == (True, False)
    assert (seen["mute"][1].swallow, seen["mute"][2].swallow) == (False, True)
    assert seen["far"][1].latency_s > 0
    assert seen["thin"][1].bytes_per_s is not None


async def test_weather_that_is_held_stays_and_changes_again_when_it_is_released(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {name: type(kind)(kind.weight, (0.001, 0.002), kind.begin) for name, kind in KINDS.items()}
    monkeypatch.setattr("hil.crash.weather.KINDS", quick)
    weather = Weather(proxy, random.Random(2))
    weather.hold("frozen")
    weather.start()
    await asyncio.sleep(0.1)
    assert weather.seen == {"frozen": 1}
    weather.release()
    await until(lambda: len(weather.seen) == len(KINDS), "every weather")
    await weather.leave()
    assert weather.now == "fair"


# The Central System


def hear(cs: CentralSystem, number: int, **payload: Any) -> None:
    cs.office.tell(
        cs.office.frame("A", 1, "in", "call", action="StopTransaction", message_id=str(number), payload=payload or {"x": 1})
    )


def planned(cs: CentralSystem, brew: Callable[[], None]) -> int:
    """The most times that one message could suffer by what is brewed."""
    most = 0
    for _ in range(200):
        brew()
        most = max([most, *(rule["left"] for rule in cs.rules.listing())])
    return most


def test_no_message_can_spend_its_attempts_by_mischief() -> None:
    cs = CentralSystem()
    mischief = Mischief(cs, random.Random(3))
    assert planned(cs, mischief.brew) == 3
    for number in range(ATTEMPTS - 2):
        hear(cs, number)
    assert planned(cs, mischief.brew) == 1
    hear(cs, 99)
    assert planned(cs, mischief.brew) == 0
    assert mischief.unanswered() == ATTEMPTS - 1
    cs.office.tell(cs.office.frame("A", 1, "out", "result", action="StopTransaction", message_id="99"))
    assert planned(cs, mischief.brew) == 1
    mischief.end()
    assert cs.rules.listing() == []


def test_everything_that_the_operator_asks_is_valid() -> None:
    seeded = random.Random(4)
    for action, payload in REQUESTS * 20:
        assert [str(problem) for problem in check(action, payload(seeded), "req") if problem.grave] == [], action


# People and meters


@asynccontextmanager
async def bench() -> AsyncIterator[BenchClient]:
    with short_folder() as folder:
        async with running(Options(directory=folder, readers="each")) as made, BenchClient(made.control) as client:
            yield client


async def test_people_plug_and_leave() -> None:
    async with bench() as client:
        people = People(1, client, CentralSystem(), "A", random.Random(5))
        people.start()
        await client.wait_for(lambda state: bool(state["connectors"]["1"]["plugged"]), 10)
        await people.leave()
        assert not (await client.state())["connectors"]["1"]["plugged"]
        assert people.acts["plug"] >= 1


async def test_energy_is_noted_when_a_contactor_has_opened() -> None:
    with short_folder() as folder:
        async with running(Options(directory=folder)) as made, BenchClient(made.control) as client:
            meters = Meters(client)
            assert await meters.start() == {1: 12_345}
            await client.do("speed", factor=100_000)
            await client.do("plug", connector=1, delay_s=0)
            reader, writer = await asyncio.open_unix_connection(str(made.hardware))
            writer.write(b'{"part": "pilot", "connector": 1}\n')
            await reader.readline()
            writer.write(b'{"offer_a": 16}\n')
            _, coil = await asyncio.open_unix_connection(str(made.hardware))
            coil.write(b'{"part": "contactor", "connector": 1}\n{"set": "closed"}\n')
            state = await client.wait_for(lambda state: state["connectors"]["1"]["energy_wh"] > 13_000, 5)
            assert state["connectors"]["1"]["contactor"] == "closed"
            coil.close()
            await until(lambda: len(meters.draws) == 1, "the draw")
            last_wh = (await client.state())["connectors"]["1"]["energy_wh"]
            assert meters.draws == [Draw(1, 12_345, last_wh)]
            assert (meters.closings, meters.broken()) == (1, None)
            await meters.stop()
            writer.close()
