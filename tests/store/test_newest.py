"""What nearly every commit changes: it costs one page, and a start finds it where it belongs."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from chargepoint.core.effects import Commit
from chargepoint.core.records import Change, DropRow, PutRegister, PutRow, PutTransaction, Stamp
from chargepoint.store import Store, schema
from tests.store.making import KERNEL_BOOT_ID, delivered, opened, row, running, step, values_row

FRAME_BYTES = 4096 + 24


def at(store: Store, mono_s: float, *changes: Change) -> int:
    """Commits at an instant; how many pages were written for it."""
    before = written_bytes()
    store.commit(Commit(changes, Stamp(1, mono_s)))
    return (written_bytes() - before) // FRAME_BYTES


def written_bytes() -> int:
    """What this thread has handed to the system so far."""
    io = dict(line.split(": ") for line in Path("/proc/thread-self/io").read_text(encoding="ascii").splitlines())
    return int(io["wchar"])


def again(store: Store, state_dir: Path) -> Store:
    store.close()
    return opened(state_dir)


def test_a_sample_costs_one_page_and_its_answer_another(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    at(store, 20.0, *step(1))
    at(store, 21.0, DropRow(2), DropRow(3))
    for seq in range(4, 40):
        assert at(store, 20.0 + seq, PutRegister(1, 1000.0 + seq, 0.0), PutRow(values_row(seq))) == 1
        assert at(store, 20.5 + seq, DropRow(seq)) == 1
    store.close()


def test_a_start_finds_the_newest_instant_and_the_newest_registers(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    at(store, 20.0, PutTransaction(running(1)), PutTransaction(running(2)), PutRow(row(1, 1)), PutRow(row(2, 2)))
    at(store, 30.0, PutRegister(1, 1500.25, 7.5))
    at(store, 40.0, PutRegister(2, 2500.125, 0.0))
    at(store, 35.0, DropRow(9))
    store = again(store, state_dir)
    snapshot = store.snapshot()
    assert snapshot.boots[0].last_mono_s == 40.0
    first, second = snapshot.transactions
    assert (first.register_last_wh, first.register_shift_wh) == (1500.25, 7.5)
    assert (second.register_last_wh, second.register_shift_wh) == (2500.125, 0.0)
    assert replace(first, register_last_wh=running(1).register_last_wh, register_shift_wh=0.0) == running(1)
    assert store.findings == ()
    assert again(store, state_dir).snapshot().transactions == (first, second), "once more, and nothing new"


def test_the_record_that_was_written_last_counts(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    at(store, 20.0, PutTransaction(running(1)), PutRow(row(1, 1)), PutRegister(1, 1200.0, 0.0))
    at(store, 21.0, PutTransaction(replace(running(1), register_last_wh=1300.0)))
    store = again(store, state_dir)
    assert store.snapshot().transactions[0].register_last_wh == 1300.0
    store.close()


def test_the_ledger_shows_what_a_running_session_has_used_by_now(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    at(store, 20.0, PutTransaction(replace(running(1), register_start_wh=1000.0, register_last_wh=1000.0)))
    at(store, 30.0, PutRegister(1, 1234.9, 0.0))
    assert store.ledger()[0]["energy_wh"] == 234
    store.close()


def test_nothing_of_it_is_taken_for_a_message(state_dir: Path) -> None:
    store = opened(state_dir)
    assert store.snapshot().queued == 0
    at(store, 20.0, PutTransaction(running(1)), PutRegister(1, 1200.0, 0.0))
    assert store.fetch_rows(10) == ((), 0)
    assert store.fetch_rows(10, without=(5,)) == ((), 0)
    store = again(store, state_dir)
    snapshot = store.snapshot()
    assert (snapshot.queued, snapshot.next_seq, snapshot.transactions) == (0, 1, ())
    store.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("body = x'7b227d'", "registers"),
        ("body = CAST('{\"1\":[1e300,0]}' AS BLOB)", "registers"),
        ("mono_s = 1e300", "instant"),
    ],
)
def test_what_cannot_be_understood_costs_no_more_than_itself(state_dir: Path, damage: str, words: str) -> None:
    store = opened(state_dir)
    store.snapshot()
    at(store, 20.0, *step(1), PutRegister(1, 1500.0, 0.0))
    store._db.execute(f"UPDATE outbox SET {damage} WHERE seq = 0")
    assert store.ledger()[0]["key"] == 1
    at(store, 22.0, *step(2))
    store = again(store, state_dir)
    snapshot = store.snapshot()
    assert [record.key for record in snapshot.transactions] == [1, 2]
    assert any(words in finding for finding in store.findings) or words == "registers"
    at(store, 30.0, PutRegister(2, 1700.0, 0.0))
    store = again(store, state_dir)
    assert store.snapshot().transactions[1].register_last_wh == 1700.0
    assert store.findings == ()
    store.close()


def test_what_waited_in_an_older_file_is_still_found_by_its_transaction(state_dir: Path) -> None:
    state_dir.mkdir()
    db = sqlite3.connect(state_dir / "station.db", isolation_level=None)
    schema.bring_up_to_date(db, schema.STEPS[:5])
    db.execute("INSERT INTO boots VALUES (1, ?, 5, 50, 1700000000, NULL)", (KERNEL_BOOT_ID,))
    db.execute("INSERT INTO outbox VALUES (1, 7, 'start', 1, 20, 1700000000, 0, x'7b2274797065223a227374617274227d')")
    db.close()
    store = opened(state_dir)
    at(store, 60.0, PutTransaction(delivered(7)))
    assert store._db.execute("SELECT seq, late FROM outbox WHERE seq > 0").fetchall() == [(1, 1)]
    assert store.snapshot().queued == 1
    store.close()
