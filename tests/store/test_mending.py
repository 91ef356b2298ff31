"""A file whose parts do not fit together: nothing billable is lost, nothing keeps the station from starting, and it is told."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from chargepoint.core.faults import Fault
from chargepoint.core.records import (
    Charging,
    ConnectorRecord,
    DeadLetter,
    Finishing,
    Idle,
    PutConnector,
    PutDeadLetter,
    PutRow,
    PutTransaction,
)
from chargepoint.store import Store, StoreError
from tests.store.conftest import Restart
from tests.store.making import commit, opened, row, running, step, whole_steps


def test_a_whole_file_is_left_as_it_is(store: Store, restart: Restart) -> None:
    commit(store, *step(1))
    store, _ = restart()
    assert store.findings == ()
    assert whole_steps(store) == 1


def test_a_message_without_its_session_is_a_dead_letter_and_the_others_go_on(store: Store, restart: Restart) -> None:
    commit(store, *step(1), PutRow(row(9, transaction=77)))
    store, snapshot = restart()
    assert store.findings == (f"{store.path}: message 9: its session 77 is not there; it is among the dead letters as 9",)
    assert (snapshot.queued, snapshot.dead_letters, snapshot.next_seq) == (2, 1, 10)
    assert store.dead_letter(9) == row(9, transaction=77)
    assert store.dead_letters()[0]["reason"] == "its session 77 is not there"
    store, _ = restart()
    assert store.findings == ()


def test_a_dead_letter_that_is_there_already_is_not_replaced(store: Store, restart: Restart) -> None:
    commit(store, *step(1))
    commit(store, PutDeadLetter(DeadLetter(row=row(3), reason="spent", at=row(3).stamp)), PutRow(row(3, transaction=77)))
    store, snapshot = restart()
    assert store.findings == (f"{store.path}: message 3: its session 77 is not there; it is among the dead letters as 4",)
    assert snapshot.dead_letters == 2
    assert store.dead_letter(3) == row(3)
    assert store.dead_letter(4) is not None


@pytest.mark.parametrize("session", [Charging(transaction=5), Finishing(transaction=5, id_tag="A")])
def test_a_connector_without_its_session_begins_without_one(
    store: Store, restart: Restart, session: Charging | Finishing
) -> None:
    record = ConnectorRecord(number=2, operative=False, session=session, latched=(Fault.CONTACTOR_WELDED,), cycles=7)
    commit(store, PutConnector(record))
    store, snapshot = restart()
    assert snapshot.connectors == (replace(record, session=Idle()),)
    assert store.findings == (f"{store.path}: connector 2 was in session 5, which is not there: it begins without one",)


def test_a_connector_whose_key_is_another_s_gets_its_own_back(store: Store, restart: Restart) -> None:
    commit(store, *step(1), PutTransaction(running(8)))
    store._db.execute("UPDATE connectors SET transaction_key = 8")
    store, snapshot = restart()
    assert [record.key for record in snapshot.transactions] == [1]
    assert store.findings == ()


@pytest.mark.parametrize("table", ["boots SET last_mono_s", "boots SET offset_s", "transactions SET start_mono_s"])
def test_a_time_that_cannot_be_is_told_and_not_reckoned_with(state_dir: Path, table: str) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, *step(1))
    store._db.execute(f"UPDATE {table} = 1e300")
    store.close()
    store = opened(state_dir, kernel_boot_id="another")
    with pytest.raises(StoreError, match=r"a record cannot be understood .*keep station\.db .*move that file elsewhere"):
        store.snapshot()
    store.close()


def test_a_message_of_an_impossible_time_is_a_dead_letter(store: Store, restart: Restart) -> None:
    commit(store, *step(1))
    store._db.execute("UPDATE outbox SET mono_s = 1e300 WHERE seq = 2")
    store, _ = restart()
    assert [one.seq for one in store.fetch_rows(9)[0]] == [3]
    assert "row 2 of the outbox cannot be understood" in store.findings[0]
