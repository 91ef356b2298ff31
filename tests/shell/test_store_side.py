"""What the shell does with a real store: lists in pieces, housekeeping, and the station that has none."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chargepoint.core.effects import Commit, StoreList
from chargepoint.core.events import ListStored, StoreHealed, StoreTroubled
from chargepoint.core.records import PutKey, Stamp
from chargepoint.messages import AuthorizationData, AuthorizationStatus, IdTagInfo
from chargepoint.shell import storeroom as storerooms
from chargepoint.shell.housekeeping import keep_house, reopen
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.storeroom import NoStore, StoreLike, Storeroom
from chargepoint.store import StoreError, open_store
from tests.shell.fakes import until


def entries(count: int, prefix: str = "T") -> tuple[AuthorizationData, ...]:
    info = IdTagInfo(status=AuthorizationStatus.Accepted)
    return tuple(AuthorizationData(id_tag=f"{prefix}{number}", id_tag_info=info) for number in range(count))


def a_list(*given: AuthorizationData, version: int = 1, full: bool = True, longest: int = 9_999) -> StoreList:
    return StoreList(full=full, version=version, length_max=longest, entries=given)


class FakeRuntime:
    def __init__(self) -> None:
        self.failed: Exception | None = None
        self.restarted = ""

    def store_failed(self, error: Exception) -> None:
        self.failed = error

    def restart(self, why: str) -> None:
        self.restarted = why


@pytest.fixture
async def storeroom(tmp_path: Path) -> AsyncIterator[Storeroom]:
    with ThreadPoolExecutor(max_workers=1) as thread:
        room = Storeroom(thread, open_store(tmp_path / "state", "boot-1", 1.0))
        await room.call(room.store.snapshot)
        yield room
        await room.call(room.store.close)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.mark.section("5.15")
async def test_a_list_is_stored_and_told(storeroom: Storeroom) -> None:
    assert await storeroom.store_list(a_list(*entries(1_200))) == ListStored(1, 1_200)
    listed, _ = await storeroom.look_up("t1199")
    assert listed is not None
    changed = a_list(*entries(2, "N"), AuthorizationData(id_tag="T0"), version=2, full=False)
    assert await storeroom.store_list(changed) == ListStored(2, 1_201)
    assert (await storeroom.look_up("T0"))[0] is None


@pytest.mark.section("5.15")
async def test_a_list_that_is_too_long_fails_in_words_and_the_old_one_stays(storeroom: Storeroom) -> None:
    await storeroom.store_list(a_list(*entries(3)))
    answer = await storeroom.store_list(a_list(*entries(20, "X"), version=2, longest=10))
    assert "LocalAuthListMaxLength is 10" in (answer.failure or "")
    assert (await storeroom.look_up("T2"))[0] is not None


@pytest.mark.section("5.15")
@pytest.mark.parametrize("full", [True, False])
async def test_a_list_in_which_an_id_stands_twice_fails_and_the_old_one_stays(storeroom: Storeroom, full: bool) -> None:
    await storeroom.store_list(a_list(*entries(3)))
    answer = await storeroom.store_list(a_list(*entries(2, "X"), *entries(1, "x"), version=2, full=full))
    assert answer == ListStored(2, 0, "'x0' stands twice in it")
    assert [(await storeroom.look_up(one))[0] is not None for one in ("T2", "X0")] == [True, False]


@pytest.mark.section("5.15")
@pytest.mark.parametrize("full", [True, False])
async def test_a_list_at_which_the_store_comes_to_grief_fails_in_words_and_the_next_one_is_taken(
    storeroom: Storeroom, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    await storeroom.store_list(a_list(*entries(3)))

    def grief(*_: object) -> int:
        raise MemoryError("no memory for it")

    with monkeypatch.context() as patched:
        patched.setattr(storeroom.store, "enforce_list" if full else "change_list", grief)
        answer = await storeroom.store_list(a_list(*entries(2, "X"), version=2, full=full))
    assert answer == ListStored(2, 0, "MemoryError: no memory for it")
    assert [(await storeroom.look_up(one))[0] is not None for one in ("T2", "X0")] == [True, False]
    assert await storeroom.store_list(a_list(*entries(2, "Y"), version=3)) == ListStored(3, 2)
    assert (await storeroom.look_up("X0"))[0] is None


async def test_commits_go_between_the_pieces_of_a_list(storeroom: Storeroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storerooms, "PIECE", 10)
    storing = asyncio.create_task(storeroom.store_list(a_list(*entries(2_000))))
    for number in range(5):
        await storeroom.commit(Commit((PutKey("HeartbeatInterval", str(number)),), Stamp(1, 2.0)))
    assert not storing.done(), "five commits were served while the list was still being written"
    assert await storing == ListStored(1, 2_000)


@pytest.mark.parametrize("error", [StoreError("the card does not write any more"), MemoryError()])
async def test_a_sweep_that_fails_does_not_undo_a_list_that_is_in_force(
    storeroom: Storeroom, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sweeps = iter([False])

    def sweep() -> bool:
        for left in sweeps:
            return left
        raise error

    monkeypatch.setattr(storeroom.store, "sweep_list", sweep)
    assert await storeroom.store_list(a_list(*entries(3))) == ListStored(1, 3)
    assert (await storeroom.look_up("T2"))[0] is not None


async def test_without_a_store_a_list_fails_and_nothing_else_does() -> None:
    with ThreadPoolExecutor(max_workers=1) as thread:
        room = Storeroom(thread, NoStore("boot-1", 5.0))
        snapshot = await room.call(room.store.snapshot)
        assert snapshot.boots[-1].kernel_boot_id == "boot-1"
        await room.commit(Commit((PutKey("A", "b"),), Stamp(1, 2.0)))
        assert await room.look_up("X") == (None, None)
        assert await room.fetch_rows(5, ()) == ((), 0)
        assert await room.dead_letter(1) == (None, None)
        assert await room.ledger(5, 0) == await room.dead_letters(5) == []
        assert (await room.store_list(a_list(*entries(1)))).failure


class Troubled(NoStore):
    """A store whose room comes and goes, and which counts its checkpoints."""

    def __init__(self) -> None:
        super().__init__("boot-1", 1.0)
        self.trouble: str | None = None
        self.checkpoints = 0
        self.error: str | None = None

    def room(self) -> str | None:
        if self.error is not None:
            raise StoreError(self.error)
        return self.trouble

    def checkpoint(self) -> None:
        self.checkpoints += 1


@pytest.fixture
async def troubled() -> AsyncIterator[tuple[Troubled, Storeroom]]:
    with ThreadPoolExecutor(max_workers=1) as thread:
        store = Troubled()
        yield store, Storeroom(thread, store)


async def test_trouble_with_room_is_told_once_and_so_is_its_end(troubled: tuple[Troubled, Storeroom], inbox: Inbox) -> None:
    store, room = troubled
    store.trouble = "/var has 12 bytes free"
    keeping = asyncio.create_task(keep_house(room, inbox, FakeRuntime(), lambda: True, room_every_s=0.005))
    assert await inbox.take(5) == StoreTroubled("/var has 12 bytes free")
    store.trouble = "/var has 11 bytes free"
    assert await inbox.take(0.05) is None
    store.trouble = None
    assert await inbox.take(5) == StoreHealed()
    store.findings = ("row 7 cannot be understood",)
    keeping.cancel()


async def test_what_the_store_finds_is_logged_once(
    troubled: tuple[Troubled, Storeroom], inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    store, room = troubled
    keeping = asyncio.create_task(keep_house(room, inbox, FakeRuntime(), lambda: True, room_every_s=0.005))
    store.findings = ("row 7 cannot be understood",)
    await until(lambda: "row 7" in caplog.text)
    store.findings += ("row 9 neither",)
    await until(lambda: "row 9" in caplog.text)
    assert caplog.text.count("row 7") == 1
    keeping.cancel()


async def test_checkpoints_need_an_idle_station_something_written_and_time(
    troubled: tuple[Troubled, Storeroom], inbox: Inbox
) -> None:
    store, room = troubled
    idle = False
    keeping = asyncio.create_task(
        keep_house(room, inbox, FakeRuntime(), lambda: idle, room_every_s=0.002, checkpoint_every_s=0.02)
    )
    await room.commit(Commit((PutKey("A", "b"),), Stamp(1, 2.0)))
    await asyncio.sleep(0.05)
    assert store.checkpoints == 0, "a session runs"
    idle = True
    await until(lambda: store.checkpoints == 1)
    await asyncio.sleep(0.05)
    assert store.checkpoints == 1, "nothing was written since"
    await room.commit(Commit((PutKey("A", "c"),), Stamp(1, 3.0)))
    await until(lambda: store.checkpoints == 2)
    keeping.cancel()


async def test_a_store_that_fails_in_its_housekeeping_ends_the_process(
    troubled: tuple[Troubled, Storeroom], inbox: Inbox
) -> None:
    store, room = troubled
    store.error = "/var/x/station.db: the disk is gone"
    runtime = FakeRuntime()
    await asyncio.wait_for(keep_house(room, inbox, runtime, lambda: True), 5)
    assert str(runtime.failed) == "/var/x/station.db: the disk is gone"


async def test_a_store_that_can_be_opened_again_restarts_an_idle_station(troubled: tuple[Troubled, Storeroom]) -> None:
    store, room = troubled
    runtime, tries, idle = FakeRuntime(), 0, False

    def open_again() -> StoreLike:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreError("still read-only")
        return store

    reopening = asyncio.create_task(
        reopen(room, open_again, lambda store: store.snapshot(), runtime, lambda: idle, every_s=0.002)
    )
    await until(lambda: tries > 5)
    assert runtime.restarted == ""
    idle = True
    await asyncio.wait_for(reopening, 5)
    assert "opened again" in runtime.restarted
