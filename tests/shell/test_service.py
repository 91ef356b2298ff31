"""The station as a process: with a bench, a Central System, signals, and the exit status that the service manager sees."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli.control_client import ControlClient, Refused
from chargepoint.settings import Settings, load
from chargepoint.shell.runtime import RESET_EXIT_STATUS, STORE_EXIT_STATUS
from chargepoint.shell.service import START_FAILED, STOP_S, Service
from chargepoint.store.errors import StoreError
from hil.bench.bench import Options, running
from hil.bench.client import BenchClient
from hil.csms.server import CentralSystem
from tests.shell.fakes import until

CARD = "04A2B3C4"
IDENTITY = "CK_XXX_0001"
PATIENCE_S = 10.0

HANGS = """
import sys, time
from pathlib import Path
from chargepoint.store.store import Store
from chargepoint.settings import load
from chargepoint.shell.service import main
real = Store.commit
def commit(self, wanted):
    while Path(sys.argv[2]).exists():
        time.sleep(0.05)
    real(self, wanted)
Store.commit = commit
sys.exit(main(load(sys.argv[1])))
"""


class World:
    """Bench, Central System and a place for the station."""

    def __init__(self, directory: Path, config: Path, bench: BenchClient, central: CentralSystem) -> None:
        self.directory = directory
        self.config = config
        self.bench = bench
        self.central = central

    @asynccontextmanager
    async def station(self, *command: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The station as a process; ended at the end if it still runs."""
        words = command or ("-m", "chargepoint", "run", "--config", str(self.config))
        with (self.directory / "station.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1", **environ}
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def ended(self, process: asyncio.subprocess.Process) -> int:
        try:
            return await asyncio.wait_for(process.wait(), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"the station still runs; its log:\n{self.log()}") from None

    def log(self) -> str:
        return (self.directory / "station.log").read_text()

    def settings(self) -> Settings:
        return load(self.config)

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with ControlClient(self.settings().station.control_socket) as client:
                return client.request(do, **arguments)

        return await asyncio.to_thread(ask)

    async def booted(self) -> None:
        station = await self.central.station(IDENTITY, timeout_s=PATIENCE_S)
        await station.expect("StatusNotification", connectorId=1)

    async def charge(self) -> None:
        """A session on connector 1, its contactor closed."""
        await self.bench.do("plug", connector=1)
        await self.bench.do("tap", id_tag=CARD)
        await self.contactor("closed")

    async def contactor(self, where: str) -> None:
        await self.bench.wait_for(
            lambda state: state["connectors"]["1"]["contactor"] == where, PATIENCE_S, f"contactor {where}"
        )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        directory = Path(name)
        async with CentralSystem() as central:
            options = Options(directory=directory, connectors=1, central_system=central.url)
            async with running(options) as bench, BenchClient(bench.control) as client:
                yield World(directory, bench.config, client, central)


async def test_a_station_starts_charges_and_stops_when_asked(world: World) -> None:
    async with world.station() as process:
        await world.booted()
        await world.charge()
        status = await world.ask("status")
        assert status["connectors"]["1"]["contactor"] == "closed"
        assert status["link"]["state"] == "connected"
        assert status["store"]["fault"] is None
        process.send_signal(signal.SIGTERM)
        await world.contactor("open")
        assert await world.ended(process) == 0
    assert "CRITICAL" not in world.log()
    assert not world.central.violations


async def test_the_service_manager_is_told_of_start_life_and_end(world: World) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(world.directory / "notify"))
        manager.setblocking(False)
        told: list[bytes] = []
        asyncio.get_running_loop().add_reader(manager, lambda: told.append(manager.recv(100)))
        async with world.station(NOTIFY_SOCKET=str(world.directory / "notify"), WATCHDOG_USEC="200000") as process:
            await until(lambda: b"READY=1" in told)
            await until(lambda: told.count(b"WATCHDOG=1") >= 4)
            process.send_signal(signal.SIGINT)
            assert await world.ended(process) == 0
            await until(lambda: told[-1] == b"STOPPING=1" if told else False)
        asyncio.get_running_loop().remove_reader(manager)


@pytest.mark.section("5.14")
@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_ends_the_process_with_the_status_that_means_start_again(world: World, kind: str) -> None:
    async with world.station() as process:
        await world.booted()
        station = await world.central.station(IDENTITY)
        assert (await station.call("Reset", {"type": kind}))["status"] == "Accepted"
        assert await world.ended(process) == RESET_EXIT_STATUS


async def test_a_second_station_of_the_same_file_leaves_the_first_one_alone(world: World) -> None:
    async with world.station() as first:
        await world.booted()
        await world.charge()
        async with world.station() as second:
            assert await world.ended(second) == START_FAILED
        assert "another station listens on" in world.log()
        assert first.returncode is None
        assert (await world.ask("status"))["connectors"]["1"]["contactor"] == "closed"


async def test_a_card_that_hangs_in_a_flush_keeps_no_contactor_closed_and_no_process_alive(world: World) -> None:
    hang = world.directory / "hang"
    async with world.station("-c", HANGS, str(world.config), str(hang)) as process:
        await world.booted()
        await world.charge()
        hang.touch()
        await world.ask("status")  # still answered: it stores nothing
        await world.bench.do("tap", id_tag=CARD)  # ends the session, so something is to be stored
        await world.bench.do("ev", connector=1, ready=True)
        await world.bench.do("fault", connector=0, kind="emergency_stop", active=True)
        await world.contactor("open")
        assert STOP_S < 5.0
        process.send_signal(signal.SIGTERM)
        assert await world.ended(process) == START_FAILED
    assert "the process leaves" in world.log()


async def test_a_central_system_that_freezes_keeps_no_contactor_closed(world: World) -> None:
    async with world.station():
        await world.booted()
        await world.charge()
        world.central.known(IDENTITY).freeze()
        await world.bench.do("fault", connector=0, kind="emergency_stop", active=True)
        await world.contactor("open")
        assert (await world.ask("status"))["link"]["state"] == "connected", "it is frozen, and that is not even noticed yet"


async def test_a_meter_that_says_nothing_does_not_block_the_link(world: World) -> None:
    text = world.config.read_text()
    assert "[buses.meters]\n" in text
    world.config.write_text(text.replace("[buses.meters]\n", "[buses.meters]\ntimeout_s = 20.0\n"))
    async with world.station():
        await world.booted()
        await world.bench.do("meter", connector=1, online=False)
        until_s = time.monotonic() + 1.5  # a reading is under way for most of this, and far beyond
        while time.monotonic() < until_s:
            began_s = time.monotonic()
            await world.central.known(IDENTITY).call("GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert time.monotonic() - began_s < 5.0
            await asyncio.sleep(0.1)


async def test_a_key_that_the_central_system_sets_is_used_at_once_and_after_a_restart(world: World) -> None:
    key = "00112233445566778899AABBCCDDEEFF"
    async with world.station() as process:
        await world.booted()
        station = world.central.known(IDENTITY)
        before = station.connections
        answer = await station.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": key})
        assert answer["status"] == "Accepted"
        world.central.settings.passwords[IDENTITY] = bytes.fromhex(key)
        await station.wait_connected(after=before)
        process.kill()
        await process.wait()
        before = station.connections
        async with world.station():
            await station.wait_connected(after=before, timeout_s=PATIENCE_S)
    assert world.central.refusals == 0
    assert key not in world.log()


async def test_a_station_without_a_store_says_so_charges_nobody_and_starts_again_when_it_has_one(world: World) -> None:
    state = Path(world.settings().station.state_dir)
    (state / "station.db").mkdir(parents=True)  # what is there cannot be a database
    service = Service(world.settings(), reopen_every_s=0.05)
    serving = asyncio.create_task(service.serve())
    await world.booted()
    status = await world.ask("status")
    assert str(state) in status["store"]["fault"]
    assert status["connectors"]["1"]["status"] == "Faulted"
    await world.bench.do("plug", connector=1)
    while (await world.ask("status"))["connectors"]["1"]["pilot"] != "C":
        assert not serving.done()
    with pytest.raises(Refused, match="out of service"):
        await world.ask("present_card", id_tag=CARD, reader=1)
    assert (await world.ask("status"))["connectors"]["1"]["session"] is None
    assert (await world.bench.state())["connectors"]["1"]["contactor"] == "open"
    (state / "station.db").rmdir()
    assert await asyncio.wait_for(serving, PATIENCE_S) == RESET_EXIT_STATUS


async def test_a_commit_that_fails_ends_the_process_with_every_contactor_open(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(world.settings())
    serving = asyncio.create_task(service.serve())
    await world.booted()
    await world.charge()

    def full(commit: object) -> None:
        raise StoreError("/x/station.db: writing failed: the disk is full; free some space in /x")

    service._storeroom.store.commit = full  # type: ignore[method-assign]
    await world.bench.do("tap", id_tag=CARD)
    assert await asyncio.wait_for(serving, PATIENCE_S) == STORE_EXIT_STATUS
    await world.contactor("open")
    assert "free some space in /x" in caplog.text


async def test_a_task_of_the_shell_that_breaks_ends_the_process_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(world.settings())
    serving = asyncio.create_task(service.serve())
    await world.booted()
    await world.charge()

    async def broken() -> str:
        raise RuntimeError("a mistake of ours")

    assert service._link is not None
    monkeypatch.setattr(service._link, "_live", broken)
    world.central.cut()
    assert await asyncio.wait_for(serving, PATIENCE_S) == 70
    await world.contactor("open")


async def test_without_a_place_for_its_control_socket_the_station_charges_all_the_same(world: World) -> None:
    text = world.config.read_text()
    place = f'control_socket = "{world.config}/control.sock"'  # a file is no directory
    world.config.write_text(text.replace("[station]", f"[station]\n{place}", 1))
    async with world.station() as process:
        await world.booted()
        await world.charge()
        process.send_signal(signal.SIGTERM)
        assert await world.ended(process) == 0
    assert "no control socket" in world.log()
