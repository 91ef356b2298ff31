"""A database that cannot be read is kept byte for byte, and the station begins anew."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chargepoint.core.records import DeadLetter, PutDeadLetter, PutRow
from chargepoint.store import StoreError
from chargepoint.store.opening import ASIDE_MAX
from tests.store.making import commit, killed_after, opened, row, step, values_row, whole_steps

Harm = Callable[[Path], None]


def write_at(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def no_database(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def header(path: Path) -> None:
    write_at(path, 0, random.Random(1).randbytes(100))


def header_past_the_magic(path: Path) -> None:
    write_at(path, 16, random.Random(2).randbytes(84))


def pages(path: Path) -> None:
    size = path.stat().st_size
    write_at(path, size // 2, random.Random(3).randbytes(size // 2))


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])


def one_byte(path: Path) -> None:
    path.write_bytes(b"S")


def another_programs(path: Path) -> None:
    other = path.with_name("songs.db")
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE songs (title TEXT)")
    db.commit()
    db.close()
    other.replace(path)  # made elsewhere: SQLite itself would throw the log away


def impossible_version(path: Path) -> None:
    write_at(path, 60, (0x7FFF0000).to_bytes(4, "big"))


HARMS = [no_database, header, header_past_the_magic, pages, truncated, one_byte, another_programs, impossible_version]


@pytest.mark.parametrize("with_log", [False, True], ids=["alone", "with its log"])
@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_damaged_database_is_moved_aside_whole(state_dir: Path, harm: Harm, with_log: bool) -> None:
    database, log = state_dir / "station.db", state_dir / "station.db-wal"
    if with_log:
        killed_after(state_dir, 20)
        # Pages that are in the log would heal those of the file, so the log is a later one's: no commits, bytes to keep.
        opened(state_dir).close()
        log.write_bytes(random.Random(4).randbytes(5000))
    else:
        store = opened(state_dir)
        store.snapshot()
        commit(store, *(change for number in range(1, 60) for change in step(number)))
        store.close()
        assert not log.exists()
    harm(database)
    kept = {path.name: path.read_bytes() for path in (database, log) if path.exists()}

    store = opened(state_dir)
    aside = state_dir / "station.db.unreadable-1"
    assert len(store.findings) == 1
    assert f"{database} could not be read (" in store.findings[0]
    assert f"kept as {aside}" in store.findings[0]
    assert aside.read_bytes() == kept["station.db"]
    if with_log:
        assert aside.with_name(f"{aside.name}-wal").read_bytes() == kept["station.db-wal"]
    assert whole_steps(store) == 0
    commit(store, *step(1))
    store.close()
    store = opened(state_dir)
    assert (store.findings, whole_steps(store)) == ((), 1)
    store.close()


def test_a_first_page_that_was_destroyed_during_a_merge_is_healed_by_the_log(state_dir: Path) -> None:
    """Power went while the log was merged, and the card destroyed the page that it was writing: the log has it still."""
    store = opened(state_dir)
    store.snapshot()
    commit(store, *(change for number in range(1, 60) for change in step(number)))  # the file grows, so its first page changes
    log = (state_dir / "station.db-wal").read_bytes()
    store.close()
    (state_dir / "station.db-wal").write_bytes(log)
    write_at(state_dir / "station.db", 0, random.Random(5).randbytes(4096))

    store = opened(state_dir)
    assert store.findings == ()
    assert whole_steps(store) == 59
    store.close()


def test_a_second_damaged_database_does_not_replace_the_first(state_dir: Path) -> None:
    state_dir.mkdir()
    for text in ("first", "second", "third"):
        (state_dir / "station.db").write_text(text)
        store = opened(state_dir)
        assert len(store.findings) == 1
        store.close()
    kept = [(state_dir / f"station.db.unreadable-{n}").read_text() for n in (1, 2, 3)]
    assert kept == ["first", "second", "third"]


def test_a_disk_that_damages_one_database_after_the_other_fills_up_with_no_more_of_them(state_dir: Path) -> None:
    """Nothing is thrown away, for sessions may wait in it; so it has to end."""
    state_dir.mkdir()
    for number in range(ASIDE_MAX):
        (state_dir / "station.db").write_text(f"damaged {number}")
        opened(state_dir).close()
    (state_dir / "station.db").write_text("the last")
    before = {path.name: path.stat().st_size for path in state_dir.iterdir()}
    for _ in range(50):
        with pytest.raises(StoreError, match=r"10 earlier ones are kept .* move these files elsewhere to begin anew"):
            opened(state_dir)
    assert {path.name: path.stat().st_size for path in state_dir.iterdir()} == before
    (state_dir / "station.db.unreadable-3").rename(state_dir.parent / "kept")
    opened(state_dir).close()
    assert (state_dir / "station.db.unreadable-3").read_text() == "the last"


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "missing"])
def test_a_log_without_its_database_is_kept(state_dir: Path, empty: bool) -> None:
    """SQLite itself would delete it."""
    killed_after(state_dir, 3)
    log = (state_dir / "station.db-wal").read_bytes()
    (state_dir / "station.db").unlink()
    if empty:
        (state_dir / "station.db").touch()
    store = opened(state_dir)
    assert "its log is there" in store.findings[0]
    assert (state_dir / "station.db.unreadable-1-wal").read_bytes() == log
    store.close()


def test_an_empty_file_is_a_new_database(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "station.db").touch()
    store = opened(state_dir)
    assert (store.findings, whole_steps(store)) == ((), 0)
    store.close()


def test_a_creation_that_was_cut_short_is_rolled_back(state_dir: Path) -> None:
    """A hot journal: what is left when power goes while the first pages are written."""
    donor = state_dir.with_name("donor.db")
    db = sqlite3.connect(donor, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("PRAGMA page_size = 4096")
    db.execute("VACUUM")
    db.execute("BEGIN")
    db.execute("CREATE TABLE t (a)")
    db.executemany("INSERT INTO t VALUES (?)", [(bytes(3000),)] * 50)
    state_dir.mkdir()
    for end in ("", "-journal"):
        (state_dir / f"station.db{end}").write_bytes(donor.with_name(donor.name + end).read_bytes())
    assert (state_dir / "station.db-journal").stat().st_size > 0
    db.execute("ROLLBACK")
    db.close()
    store = opened(state_dir)
    assert (store.findings, whole_steps(store)) == ((), 0)
    store.close()


def test_damage_that_shows_while_running_is_looked_for_at_the_next_start(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *(PutRow(values_row(seq)) for seq in range(1, 12_001)))
    store.checkpoint()
    size = store.path.stat().st_size
    write_at(store.path, 8 * 4096, random.Random(5).randbytes(size - 8 * 4096))
    with pytest.raises(StoreError, match=r"station\.db: reading the outbox failed .*: the file is damaged; the next start"):
        store.fetch_rows(100_000)
    assert (state_dir / "station.db.suspect").exists()
    store.close()
    store = opened(state_dir)
    assert len(store.findings) == 1
    assert not (state_dir / "station.db.suspect").exists()
    store.close()


def test_a_suspect_database_gets_the_long_check(state_dir: Path) -> None:
    """An index that lacks a row passes the quick check; the long one compares."""
    store = opened(state_dir)
    store.snapshot()
    commit(store, *step(1))
    commit(store, PutDeadLetter(DeadLetter(row=row(2), reason="no", at=row(2).stamp)))
    store.close()
    db = sqlite3.connect(state_dir / "station.db", isolation_level=None)
    db.execute("PRAGMA writable_schema = ON")
    index = db.execute("SELECT * FROM sqlite_schema WHERE name = 'dead_letters_by_transaction'").fetchone()
    db.execute("DELETE FROM sqlite_schema WHERE name = 'dead_letters_by_transaction'")
    db.execute("PRAGMA schema_version = 900")
    db.close()
    db = sqlite3.connect(state_dir / "station.db", isolation_level=None)
    db.execute("DELETE FROM dead_letters WHERE seq = 2")
    db.execute("PRAGMA writable_schema = ON")
    db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", index)
    db.execute("PRAGMA schema_version = 901")
    db.close()

    store = opened(state_dir)
    assert store.findings == ()
    store.close()
    (state_dir / "station.db.suspect").touch()
    store = opened(state_dir)
    assert "dead_letters_by_transaction" in store.findings[0]
    store.close()


def test_a_row_that_cannot_be_understood_does_not_hold_up_the_others(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *(PutRow(row(seq)) for seq in (1, 2, 3)))
    store._db.execute("UPDATE outbox SET body = x'7b22747970' WHERE seq = 1")
    assert store.fetch_rows(2) == ((row(2), row(3)), 2)
    assert "row 1 of the outbox cannot be understood" in store.findings[0]
    assert [letter["seq"] for letter in store.dead_letters()] == [1]
    assert store.dead_letter(1) is None
    assert store._db.execute("SELECT body FROM dead_letters").fetchone() == (b'{"typ',)
    commit(store, PutDeadLetter(DeadLetter(row=row(2), reason="no", at=row(2).stamp)))
    assert store.fetch_rows(2) == ((row(3),), 1)
    store.close()


def test_what_a_damaged_record_holds_does_nothing_to_a_terminal(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *step(1))
    store._db.execute(r"""UPDATE connectors SET session = CAST('{"type": "\u202e\u001b[31m"}' AS BLOB)""")
    with pytest.raises(StoreError) as refused:
        store.snapshot()
    assert str(refused.value).isprintable()
    assert r"\u202e" in str(refused.value)
    store.close()


def test_a_record_that_cannot_be_understood_is_told_and_kept(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *step(1))
    store._db.execute("UPDATE connectors SET session = x'7b7d'")
    with pytest.raises(StoreError, match=r"station\.db: a record cannot be understood"):
        store.snapshot()
    store.close()
    assert not list(state_dir.glob("*unreadable*"))


def test_a_page_of_the_ledger_that_cannot_be_understood_is_as_good_as_none(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *step(1))
    store._db.execute("UPDATE transactions SET start_delivery = 'by pigeon'")
    assert store.transaction(1) is None
    assert "transaction 1 cannot be understood" in store.findings[0]
    store.close()


def test_a_cache_entry_that_cannot_be_understood_is_as_good_as_none(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    store._db.execute("INSERT INTO id_cache VALUES (1, 'ab', 'AB', 'Rusty', NULL, NULL)")
    assert store.look_up("AB") == (None, None)
    assert store.look_up("ab") == (None, None)
    assert len(store.findings) == 1
    assert "id tag 'AB'" in store.findings[0]
    store.close()
