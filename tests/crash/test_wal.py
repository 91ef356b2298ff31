"""The log as the published format has it, against SQLite and against the store: cut anywhere, both say the same."""

import os
import random
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargepoint.core.records import DropRow, PutTransaction
from chargepoint.store import Store
from chargepoint.store.schema import STEPS, bring_up_to_date
from hil.crash import wal
from hil.crash.autopsy import DATABASE, LOG, cut_log, examine
from hil.crash.writes import Watch, kill_at_write
from tests.store.making import commit, delivered, opened, step, writer

COMMITS = 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "state")
    store.snapshot()
    for number in range(1, COMMITS + 1):
        commit(store, *step(number))
    yield store
    store.close()


@pytest.fixture
def dead(store: Store, tmp_path: Path) -> Path:
    """What the store has on the disk while it still lives: what a kill would leave."""
    folder = tmp_path / "dead"
    folder.mkdir()
    for name in (DATABASE, LOG):
        (folder / name).write_bytes((store.path.parent / name).read_bytes())
    return folder


def content(folder: Path) -> tuple[bytes, bytes]:
    return (folder / DATABASE).read_bytes(), (folder / LOG).read_bytes()


def by_sqlite(folder: Path, base: bytes, log: bytes) -> wal.Tables:
    folder.mkdir()
    (folder / "a.db").write_bytes(base)
    (folder / "a.db-wal").write_bytes(log)
    db = sqlite3.connect(folder / "a.db")
    try:
        return wal.contents(db)
    finally:
        db.close()


def test_every_step_is_a_commit_and_each_image_holds_one_more(dead: Path) -> None:
    base, raw = content(dead)
    log = wal.read(raw)
    assert not log.torn
    transactions = [len(wal.records(wal.tables(wal.image(base, raw, log, count)), "transactions")) for count in range(1, 32)]
    assert len(log.commits) == COMMITS + 1  # the first counts the run
    assert transactions == list(range(COMMITS + 1))


def test_a_log_cut_anywhere_holds_what_sqlite_finds_in_it(dead: Path, tmp_path: Path) -> None:
    base, raw = content(dead)
    log = wal.read(raw)
    seeded = random.Random(4)
    seen = set()
    for number in range(60):
        length = seeded.choice((seeded.randrange(len(raw)), seeded.randrange(120)))
        kept = wal.whole_commits(log, length)
        seen.add(kept)
        expected = wal.tables(wal.image(base, raw, log, kept))
        assert by_sqlite(tmp_path / str(number), base, raw[:length]) == expected, length
        assert wal.read(raw[:length]).commits == log.commits[:kept]
    assert len(seen) > 10


def test_a_frame_without_its_commit_is_torn_and_counts_for_nothing(dead: Path) -> None:
    base, raw = content(dead)
    log = wal.read(raw)
    whole, _ = log.commits[4]
    cut = wal.read(raw[: log.offset(whole + 1)])
    assert cut.torn
    assert len(cut.commits) == 5
    assert wal.image(base, raw[: log.offset(whole + 1)], cut, 5) == wal.image(base, raw, log, 5)


@pytest.mark.parametrize("place", [3, 40, 32 + 24 + 100])
def test_what_is_not_sound_ends_the_log(dead: Path, place: int) -> None:
    _, raw = content(dead)
    broken = bytearray(raw)
    broken[place] ^= 1
    assert wal.read(bytes(broken)).commits == ()
    assert wal.read(raw[:31]).commits == ()
    assert wal.read(b"").size == 0


def test_checksums_over_big_endian_words_are_understood() -> None:
    page = bytes(range(256)) * 2
    head = struct.pack(">6I", wal.MAGIC_LITTLE + 1, 3_007_000, 512, 0, 7, 8)
    sums = wal._checksum(">", head, (0, 0))
    frame = struct.pack(">2I", 1, 1)
    after = wal._checksum(">", page, wal._checksum(">", frame, sums))
    raw = head + struct.pack(">2I", *sums) + frame + struct.pack(">4I", 7, 8, *after) + page
    assert wal.read(raw).commits == ((1, 1),)


def test_what_is_merged_already_is_not_cut(store: Store, tmp_path: Path) -> None:
    store.checkpoint()
    folder = store.path.parent
    base, raw = content(folder)
    log = wal.read(raw)
    assert len(log.commits) == wal.commits_to_keep(base, raw, log) == COMMITS + 1
    assert cut_log(folder, tmp_path / "scratch", random.Random(1)) is None
    commit(store, *step(COMMITS + 1))  # begins the log anew
    base, raw = content(folder)
    log = wal.read(raw)
    assert len(log.commits) == 1
    assert wal.commits_to_keep(base, raw, log) == 0


def test_a_merge_that_was_under_way_keeps_its_commits(dead: Path) -> None:
    base, raw = content(dead)
    log = wal.read(raw)
    page = min(log.pages)
    merged = bytearray(base.ljust(page * log.page_bytes, b"\0"))
    number = max(number for number, other in enumerate(log.pages) if other == page)
    start = log.offset(number) + wal.FRAME_HEADER
    merged[(page - 1) * log.page_bytes : page * log.page_bytes] = raw[start : start + log.page_bytes]
    assert wal.commits_to_keep(bytes(merged), raw, log) == len(log.commits)


def test_the_store_is_what_its_log_says_and_a_store_that_is_not_is_found(dead: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    found = examine(dead, scratch)
    assert (found.problem, found.commits, found.torn) == (None, COMMITS + 1, False)
    assert not scratch.exists()
    (dead / LOG).write_bytes(b"")
    (dead / DATABASE).write_bytes(b"not a database" * 1_000)
    assert "could not be read" in str(examine(dead, scratch).problem) or "the store cannot" in str(
        examine(dead, scratch).problem
    )
    (dead / "station.db.unreadable-1").touch()
    assert examine(dead, scratch).problem == "the station moved its database aside: station.db.unreadable-1"


@pytest.mark.parametrize("steps", range(len(STEPS)))
def test_a_store_whose_tables_were_being_made_is_finished_when_it_is_opened(tmp_path: Path, steps: int) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    db = sqlite3.connect(dead / "a.db", isolation_level=None)
    for pragma in ("locking_mode = EXCLUSIVE", "page_size = 4096", "journal_mode = WAL"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    bring_up_to_date(db, STEPS[:steps])
    for name, made in ((DATABASE, dead / "a.db"), (LOG, dead / "a.db-wal")):
        (dead / name).write_bytes(made.read_bytes() if made.exists() else b"")
    db.close()
    assert examine(dead, tmp_path / "scratch").problem is None


def test_a_cut_tells_exactly_what_it_took(dead: Path, tmp_path: Path) -> None:
    _, raw = content(dead)
    log = wal.read(raw)
    seeded = random.Random(5)
    lost = set()
    for _ in range(12):
        (dead / LOG).write_bytes(raw)
        cut = cut_log(dead, tmp_path / "scratch", seeded)
        assert cut is not None
        assert cut.problem is None
        kept = wal.whole_commits(log, os.path.getsize(dead / LOG))
        assert cut.commits_lost == len(log.commits) - kept >= 1
        steps = max(0, kept - 1)
        assert [one.key for one in cut.gone] == list(range(steps + 1, COMMITS + 1))
        assert [one.key for one in cut.repeated] == list(range(1, steps + 1))  # all messages still wait
        assert cut.reopened == []
        lost.add(cut.commits_lost)
    assert len(lost) > 3


def test_a_session_that_was_closed_is_open_again_after_a_cut(store: Store, tmp_path: Path) -> None:
    folder = store.path.parent
    closed_at = wal.read(content(folder)[1]).commits[-1][0]
    commit(store, PutTransaction(delivered(7)), DropRow(14), DropRow(15))
    base, raw = content(folder)
    log = wal.read(raw)
    assert log.commits[-2][0] == closed_at
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / DATABASE).write_bytes(base)
    (dead / LOG).write_bytes(raw)
    near_the_end = next(seed for seed in range(99) if _cuts_last(seed, dead, raw, tmp_path / "scratch"))
    (dead / LOG).write_bytes(raw)
    cut = cut_log(dead, tmp_path / "scratch", random.Random(near_the_end))
    assert cut is not None
    assert [one.key for one in cut.reopened] == [7]
    assert 7 in [one.key for one in cut.repeated]
    assert cut.gone == []


def _cuts_last(seed: int, dead: Path, raw: bytes, scratch: Path) -> bool:
    (dead / LOG).write_bytes(raw)
    cut = cut_log(dead, scratch, random.Random(seed))
    return cut is not None and cut.commits_lost == 1


def test_a_writer_is_killed_at_the_write_that_was_named(tmp_path: Path) -> None:
    with writer(tmp_path / "state") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert kill_at_write(tmp_path / "state" / LOG, process.pid, 5, within_s=5.0)
        assert process.wait(5.0) == -9
    assert examine(tmp_path / "state", tmp_path / "scratch").problem is None


def test_nobody_is_killed_for_a_file_that_is_not_written(tmp_path: Path) -> None:
    assert not kill_at_write(tmp_path / "none", os.getpid(), 1, within_s=0.1)
    (tmp_path / "quiet").touch()
    assert not kill_at_write(tmp_path / "quiet", os.getpid(), 1, within_s=0.1)
    with pytest.raises(FileNotFoundError):
        Watch(tmp_path / "none")
