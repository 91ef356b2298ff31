"""A full disk loses nothing that was told, ends running sessions, and says what to do."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargepoint.core.records import DropRow, PutRow
from chargepoint.store import StoreError
from chargepoint.store.space import MIB, RESERVE_BYTES, Space
from tests.store.making import commit, opened, step, values_row, whole_steps, writer

DISK_BYTES = 12 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root: run the tests as root once")
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here: apt-get install mount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "chargepoint-test", str(path)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path, name: str = "filler") -> Path:
    """Takes all that is free."""
    filler = disk / name
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    descriptor = os.open(filler, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, free)
    os.close(descriptor)
    return filler


def commit_until(failing: Callable[[int], bool], first: int) -> int:
    number = first
    while not failing(number):
        number += 1
        assert number < 20_000, "the disk never filled"
    return number


def test_the_reserve_carries_the_last_words_of_a_full_disk(disk: Path) -> None:
    store = opened(disk / "state")
    assert whole_steps(store) == 0
    assert store.room() is None
    filler = fill(disk)
    assert "bytes free" in str(store.room())
    assert store._space.reserve.stat().st_size == RESERVE_BYTES

    def gives_way(number: int) -> bool:
        commit(store, *step(number))
        return not store._space.reserve.exists()

    last = commit_until(gives_way, 1)
    said = store.room()
    assert said is not None
    assert str(disk / "state") in said
    assert "free some space" in said
    for number in range(last + 1, last + 20):
        commit(store, *step(number))

    filler.unlink()
    assert store.room() is None, "room again, and the reserve with it"
    assert store._space.reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert whole_steps(store) == last + 19
    store.close()


def test_a_disk_that_stays_full_stops_the_store_and_keeps_what_was_told(disk: Path) -> None:
    store = opened(disk / "state")
    assert whole_steps(store) == 0
    filler = fill(disk)

    said = ""

    def fails(number: int) -> bool:
        nonlocal said
        try:
            commit(store, *step(number))
        except StoreError as error:
            said = str(error)
        return bool(said)

    failed = commit_until(fails, 1)
    assert failed > 1_000, "the reserve holds the data of many commits, not their log"
    assert "station.db: writing failed" in said
    assert f"free some space in {disk / 'state'}" in said
    assert store.fetch_rows(1)[1] == 2 * (failed - 1)
    store.close()

    filler.unlink()
    store = opened(disk / "state")
    assert store.findings == ()
    assert whole_steps(store) == failed - 1
    commit(store, *step(failed))
    store.close()


def test_a_full_disk_at_the_start_still_opens_what_is_there(disk: Path) -> None:
    store = opened(disk / "state")
    assert whole_steps(store) == 0
    commit(store, *step(1))
    store.close()
    fill(disk)
    store = opened(disk / "state")
    assert whole_steps(store) == 1
    assert store.room() is not None
    store.close()


def test_no_room_for_a_first_database_is_told(disk: Path) -> None:
    (disk / "state").mkdir()
    fill(disk)
    with pytest.raises(StoreError, match=r"disk is full|No space left"):
        opened(disk / "state")


def test_a_merge_without_room_loses_nothing(disk: Path) -> None:
    store = opened(disk / "state")
    assert whole_steps(store) == 0
    for number in range(1, 400):
        commit(store, *step(number))
    filler = fill(disk)
    store._space.give_way()
    rest = fill(disk, name="rest")
    store.checkpoint()
    assert "merging the log failed" in str(store._merge_trouble)
    assert store.room() is not None
    rest.unlink()
    filler.unlink()
    store.checkpoint()
    assert store.room() is None
    assert whole_steps(store) == 399
    store.close()


def test_a_limit_on_the_size_of_files_stops_the_store_and_keeps_what_was_told(state_dir: Path) -> None:
    """What works without root: the log may not grow, so the disk refuses in the middle of a commit."""
    opened(state_dir).close()
    with writer(state_dir, str(200_000)) as process:
        assert process.stdout is not None
        told = [int(line) for line in process.stdout]
        assert process.wait(timeout=20) == 3
    store = opened(state_dir)
    assert store.findings == ()
    assert len(told) > 10
    assert whole_steps(store) == told[-1]
    store.close()


def test_trouble_ends_only_when_there_is_clearly_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space(tmp_path)
    here = os.statvfs(tmp_path)

    def free(mib: float) -> str | None:
        values = list(here)
        values[4] = int(mib * MIB / here.f_frsize)
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
            return space.trouble()

    assert "7340032 are needed" in str(free(6.5)), "no room for the reserve yet"
    assert not space.reserve.exists()
    assert free(7.5) is None
    assert space.reserve.exists()
    assert free(4.1) is None
    assert "5242880 are needed" in str(free(3.9))
    assert free(4.5) is not None
    assert free(5.5) is None


def test_a_disk_turned_read_only_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = list(os.statvfs(tmp_path))
    values[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert "read-only" in str(Space(tmp_path).trouble())


def test_a_reserve_that_is_a_hole_or_too_short_is_made_anew(tmp_path: Path) -> None:
    reserve = tmp_path / "reserve"
    with reserve.open("wb") as hole:
        hole.truncate(RESERVE_BYTES)
    space = Space(tmp_path)
    assert space.trouble() is None
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert space.give_way()
    assert not space.give_way()


def test_rows_are_still_dropped_on_a_full_disk(disk: Path) -> None:
    """Delivery goes on: every answer frees a row."""
    store = opened(disk / "state")
    assert whole_steps(store) == 0
    commit(store, *(PutRow(values_row(seq)) for seq in range(1, 2001)))
    store.checkpoint()
    fill(disk)
    for seq in range(1, 2001):
        commit(store, DropRow(seq))
        if seq % 200 == 0:
            store.checkpoint()
    assert store.fetch_rows(1) == ((), 0)
    store.close()
