"""A process that dies at its start, again and again: contactors stay open, words say what to do, nothing piles up."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chargepoint.core.blocks import Blocks
from chargepoint.core.records import Charging, ConnectorRecord, PutConnector, PutTransaction, Snapshot
from chargepoint.core.sensing import Sensing
from chargepoint.core.sessions import Sessions
from chargepoint.shell.journals import KEPT_MAX
from chargepoint.shell.runtime import IMPOSSIBLE_EXIT_STATUS, RESET_EXIT_STATUS
from chargepoint.shell.service import Service
from chargepoint.store import Store, StoreError, open_store
from tests.shell.fakes import until
from tests.shell.test_service import PATIENCE_S, World
from tests.shell.test_service import world as world
from tests.store.making import commit, running


def names(world: World) -> list[str]:
    """What lies in the state directory, but for the numbers of journals and what a process that runs has there."""
    there = set(os.listdir(world.settings().station.state_dir)) - {"control.sock", "station.db-wal"}
    return sorted("journal" if name.startswith("journal-") else name for name in there)


async def closings(world: World) -> AsyncIterator[object]:
    """Every closing of a contactor, from now on."""
    async for change in await world.bench.watch():
        if change.get("contactor") == "closed":
            yield change


def charging(world: World) -> Path:
    """The store of a station that was killed in the middle of a session."""
    state = Path(world.settings().station.state_dir)
    store = open_store(state, "another-boot", 1.0)
    store.snapshot()
    commit(store, PutTransaction(running(1)), PutConnector(ConnectorRecord(number=1, session=Charging(transaction=1))))
    store.close()
    return state


async def test_records_that_no_station_can_begin_with_are_no_endless_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state = charging(world)
    tries = itertools.count(1)
    tried = 0

    def resume(self: Sessions, step: object) -> None:
        nonlocal tried
        blocks: Blocks = self._blocks
        if any(isinstance(connector.session, Charging) for connector in blocks.connectors.values()):
            tried = next(tries)
            raise AssertionError("a session that cannot be")

    monkeypatch.setattr(Sessions, "resume", resume)
    service = Service(world.settings(), reopen_every_s=0.01)
    serving = asyncio.create_task(service.serve())
    await world.booted()
    await world.bench.do("plug", connector=1)
    status = await world.ask("status")
    assert status["connectors"]["1"]["status"] == "Faulted"
    fault = status["store"]["fault"]
    assert fault.startswith(
        f"{state}: the station cannot begin with the records there (AssertionError: a session that cannot be)"
    )
    assert "keep station.db for the makers" in fault
    assert "stop the service and move that file elsewhere" in fault
    assert caplog.text.count("Traceback") == 1
    await until(lambda: tried >= 5)  # it looks again, and does not start again for nothing
    assert not serving.done()
    assert (await world.bench.state())["connectors"]["1"]["contactor"] == "open"
    assert caplog.text.count("Traceback") == 1
    assert names(world) == ["reserve", "station.db", "station.lock"]
    monkeypatch.undo()  # a newer program
    assert await asyncio.wait_for(serving, PATIENCE_S) == RESET_EXIT_STATUS


async def test_a_store_that_neither_reads_nor_closes_is_no_endless_loop_either(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed = Store.close

    def reads(self: Store) -> Snapshot:
        raise StoreError(f"{self.path}: reading failed: the card is gone")

    def closes(self: Store) -> None:
        closed(self)
        raise StoreError(f"{self.path}: closing failed: the card is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "snapshot", reads)
        broken.setattr(Store, "close", closes)
        serving = asyncio.create_task(Service(world.settings(), reopen_every_s=0.01).serve())
        await world.booted()
        assert "reading failed: the card is gone" in (await world.ask("status"))["store"]["fault"]
        assert "the store did not close in order" in caplog.text
        assert not serving.done()
    assert await asyncio.wait_for(serving, PATIENCE_S) == RESET_EXIT_STATUS


async def test_a_station_that_dies_soon_after_every_start_closes_no_contactor_and_leaves_no_heap_of_files(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    charging(world)
    seen: list[object] = []

    async def watch() -> None:
        async for change in closings(world):
            seen.append(change)

    watching = asyncio.create_task(watch())
    await world.bench.do("plug", connector=1)

    def broken(self: Sensing, *_: object) -> None:
        raise AssertionError("a pilot that cannot be")

    monkeypatch.setattr(Sensing, "pilot", broken)
    found = []
    for _ in range(KEPT_MAX + 3):
        serving = asyncio.create_task(Service(world.settings()).serve())
        assert await asyncio.wait_for(serving, PATIENCE_S) == IMPOSSIBLE_EXIT_STATUS
        found.append(names(world))
    watching.cancel()
    assert seen == []
    assert found[-1] == ["journal"] * KEPT_MAX + ["reserve", "station.db", "station.lock"]
    assert found[-1] == found[-2] == found[-3]
    assert "impossible state: every contactor is open" in caplog.text
    assert "send it to the makers" in caplog.text
