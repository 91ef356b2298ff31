"""Every change comes back as it was put, after a restart too."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chargepoint.core.faults import Fault
from chargepoint.core.records import (
    BootRecord,
    CacheId,
    Charging,
    ClearIdCache,
    ConnectorRecord,
    DeadLetter,
    Delivery,
    DropRow,
    DropStopSamples,
    Ending,
    Finishing,
    Idle,
    IdTagRecord,
    OutboxRow,
    PutBoot,
    PutConnector,
    PutDeadLetter,
    PutKey,
    PutRow,
    PutStopSample,
    PutTransaction,
    ReplayDeadLetter,
    Session,
    Snapshot,
    Stamp,
    StopBody,
    TransactionRecord,
)
from chargepoint.messages import AuthorizationStatus, Reason
from chargepoint.store import Store, StoreError, rows
from tests.store.conftest import Restart
from tests.store.making import commit, delivered, opened, row, running, sample, values_row


def test_a_new_store_knows_its_boot_and_nothing_else(state_dir: Path) -> None:
    store = opened(state_dir, "kernel", 12.5)
    snapshot = store.snapshot()
    store.close()
    boot = BootRecord(boot=1, kernel_boot_id="kernel", first_mono_s=12.5, last_mono_s=12.5)
    assert snapshot == Snapshot(run=1, boots=(boot,), keys={}, stop_samples={})
    assert store.findings == ()


def test_each_start_counts_a_run_and_stays_in_the_machine_boot(restart: Restart) -> None:
    assert [restart()[1].run for _ in range(3)] == [2, 3, 4]
    _, snapshot = restart()
    assert [boot.boot for boot in snapshot.boots] == [1]


def test_another_machine_boot_is_appended(store: Store, state_dir: Path) -> None:
    first = BootRecord(boot=1, kernel_boot_id="one", first_mono_s=10, last_mono_s=10, offset_s=1_700_000_000.0)
    commit(store, PutBoot(first), now=Stamp(1, 60.0))
    store.close()
    store = opened(state_dir, "two", 3.0)
    boots = store.snapshot().boots
    store.close()
    assert boots == (
        replace(first, last_mono_s=60.0),
        BootRecord(boot=2, kernel_boot_id="two", first_mono_s=3, last_mono_s=3, floor_s=1_700_000_060.0),
    )


def test_a_commit_carries_the_newest_instant_of_its_boot_and_never_turns_it_back(store: Store, restart: Restart) -> None:
    commit(store, now=Stamp(1, 33.0))
    commit(store, now=Stamp(1, 22.0))
    assert restart()[1].boots[0].last_mono_s == 33.0


def test_keys_are_kept_and_replaced(store: Store, restart: Restart) -> None:
    commit(store, PutKey("HeartbeatInterval", "60"), PutKey("ConnectionTimeOut", "30"), PutKey("HeartbeatInterval", "90"))
    assert restart()[1].keys == {"ConnectionTimeOut": "30", "HeartbeatInterval": "90"}


@pytest.mark.parametrize(
    "session",
    [
        Idle(),
        Charging(transaction=1, invalid=True),
        Ending(transaction=1, reason=Reason.PowerLoss, stop=Stamp(1, 5.25), id_tag="AB"),
        Finishing(transaction=1, id_tag="AB", held_for="CD"),
    ],
    ids=lambda session: type(session).__name__,
)
def test_connectors_carry_their_sessions(store: Store, restart: Restart, session: Session) -> None:
    records = (
        ConnectorRecord(number=0, operative=False),
        ConnectorRecord(number=2, pending="inoperative", session=session),
    )
    commit(store, *map(PutConnector, records), PutTransaction(running(1, 2)))
    snapshot = restart()[1]
    assert snapshot.connectors == records
    assert snapshot.transactions == (() if session == Idle() else (running(1, 2),))


def test_latched_faults_and_cycles_come_back(store: Store, restart: Restart) -> None:
    record = ConnectorRecord(number=1, latched=(Fault.CONTACTOR_WELDED, Fault.SELF_TEST_FAILED), cycles=123_456)
    commit(store, PutConnector(record))
    assert restart()[1].connectors == (record,)


def test_a_latched_fault_whose_name_was_damaged_still_keeps_the_connector_out_of_use(store: Store, restart: Restart) -> None:
    commit(store, PutConnector(ConnectorRecord(number=1, latched=(Fault.CONTACTOR_STUCK_OPEN,))))
    store._db.execute("UPDATE connectors SET latched = 'contactor_stuck_opem'")
    assert restart()[1].connectors[0].latched == (Fault.CONTACTOR_WELDED,)


def test_only_transactions_that_somebody_needs_are_in_the_snapshot(store: Store, restart: Restart) -> None:
    commit(store, *(PutTransaction(delivered(key)) for key in range(1, 8)))
    commit(store, PutRow(row(1, 3)), PutConnector(ConnectorRecord(number=1, session=Charging(transaction=5))))
    store, snapshot = restart()
    assert [record.key for record in snapshot.transactions] == [3, 5]
    assert snapshot.next_transaction == 8
    assert store.transaction(6) == delivered(6)
    assert store.transaction(8) is None


def test_rows_come_in_order_and_are_brought_up_to_date_in_place(store: Store, restart: Restart) -> None:
    stop = OutboxRow(seq=3, transaction=2, stamp=Stamp(1, 3.0), body=StopBody(samples=(sample(1), sample(2))))
    commit(store, *(PutTransaction(running(key)) for key in (1, 2)))
    commit(store, PutRow(row(1)), PutRow(values_row(2)), PutRow(stop), PutRow(row(4)))
    tried = replace(values_row(2), attempts=2, offset_s=1_700_000_000.5)
    commit(store, PutRow(tried), DropRow(1), DropRow(77))
    assert store.fetch_rows(2) == ((tried, stop), 3)
    assert store.fetch_rows(9, without=(2,)) == ((tried, row(4)), 3)
    store, snapshot = restart()
    assert (snapshot.queued, snapshot.next_seq) == (3, 5)
    assert store.fetch_rows(9) == ((tried, stop, row(4)), 3)


def test_a_dead_letter_leaves_the_outbox_and_comes_back_by_replay(store: Store, restart: Restart) -> None:
    commit(store, PutTransaction(delivered(1)), PutRow(values_row(1)), PutRow(row(2)))
    spent = replace(values_row(1), attempts=3)
    commit(store, PutDeadLetter(DeadLetter(row=spent, reason="InternalError: no", at=Stamp(1, 19.0))))
    store, snapshot = restart()
    assert (snapshot.dead_letters, snapshot.queued, snapshot.next_seq) == (1, 1, 3)
    assert store.dead_letter(1) == spent
    assert store.dead_letter(2) is None

    again = replace(spent, seq=3, attempts=0)
    commit(store, ReplayDeadLetter(1, again))
    store, snapshot = restart()
    assert (snapshot.dead_letters, snapshot.queued, snapshot.next_seq) == (0, 2, 4)
    assert store.fetch_rows(9) == ((row(2), again), 2)
    with pytest.raises(StoreError, match="no dead letter 1 to replay"):
        commit(store, ReplayDeadLetter(1, replace(again, seq=4)))
    assert store.fetch_rows(9)[1] == 2


def test_the_number_of_a_dead_letter_is_not_given_to_a_new_row(store: Store, restart: Restart) -> None:
    commit(store, PutRow(row(8)))
    commit(store, PutDeadLetter(DeadLetter(row=row(8), reason="", at=Stamp(1, 1.0))))
    assert restart()[1].next_seq == 9


def test_stop_samples_are_kept_thinned_and_dropped(store: Store, restart: Restart) -> None:
    commit(store, *(PutTransaction(running(key)) for key in (1, 2)))
    commit(store, *(PutConnector(ConnectorRecord(number=n, session=Charging(transaction=n))) for n in (1, 2)))
    commit(store, *(PutStopSample(1, sample(n)) for n in range(5)), PutStopSample(2, sample(9)))
    store, snapshot = restart()
    assert snapshot.stop_samples == {1: tuple(sample(n) for n in range(5)), 2: (sample(9),)}
    commit(store, DropStopSamples(1), *(PutStopSample(1, sample(n)) for n in (0, 2, 4)), PutStopSample(1, sample(5)))
    store, snapshot = restart()
    assert snapshot.stop_samples == {1: (sample(0), sample(2), sample(4), sample(5)), 2: (sample(9),)}
    commit(store, DropStopSamples(1))
    assert restart()[1].stop_samples == {2: (sample(9),)}


def test_the_cache_is_found_in_any_case_and_cleared_alone(store: Store, restart: Restart) -> None:
    blocked = IdTagRecord(id_tag="Ab1", status=AuthorizationStatus.Blocked, parent_id_tag="P", expiry_s=1_700_000_000.0)
    accepted = IdTagRecord(id_tag="AB1", status=AuthorizationStatus.Accepted)
    commit(store, CacheId(blocked), PutTransaction(running(1)), PutRow(row(1)), PutKey("a", "b"))
    assert store.look_up("aB1") == (None, blocked)
    commit(store, CacheId(accepted))
    assert restart()[0].look_up("aB1") == (None, accepted)
    store, _ = restart()
    commit(store, ClearIdCache())
    store, snapshot = restart()
    assert store.look_up("AB1") == (None, None)
    assert (snapshot.queued, snapshot.keys) == (1, {"a": "b"})


def test_the_local_list_is_told_apart_from_the_cache(store: Store) -> None:
    listed = IdTagRecord(id_tag="AB", status=AuthorizationStatus.Expired, parent_id_tag="P", expiry_s=5.0)
    store.change_list([listed], [], 1, 10)
    assert store.look_up("Ab") == (listed, None)
    commit(store, ClearIdCache())
    assert store.look_up("Ab") == (listed, None)


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
stamps = st.builds(Stamp, boot=st.integers(1, 2**31), mono_s=st.floats(0, 1e10))
offsets = st.none() | st.floats(-1e10, 1e11)
texts = st.text(max_size=20).filter(lambda text: text.isprintable())
transaction_fields = {
    "key": st.integers(1, 2**53),
    "connector": st.integers(1, 32),
    "id_tag": texts,
    "start": stamps,
    "start_offset_s": offsets,
    "register_start_wh": finite,
    "meter_start_wh": st.integers(0, 2**53),
    "parent_id_tag": st.none() | texts,
    "id_listed": st.booleans(),
    "reservation_id": st.none() | st.integers(-(2**31), 2**31),
    "register_last_wh": finite,
    "register_shift_wh": finite,
    "transaction_id": st.none() | st.integers(-(2**63), 2**63 - 1),
    "id_status": st.none() | st.sampled_from(AuthorizationStatus),
    "start_delivery": st.sampled_from(Delivery),
    "stop": st.none() | stamps,
    "stop_offset_s": offsets,
    "meter_stop_wh": st.none() | st.integers(0, 2**53),
    "stop_reason": st.none() | st.sampled_from(Reason),
    "stop_id_tag": st.none() | texts,
    "stop_delivery": st.none() | st.sampled_from(Delivery),
}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=st.builds(TransactionRecord, **transaction_fields))
def test_any_transaction_comes_back(store: Store, record: TransactionRecord) -> None:
    commit(store, PutTransaction(record))
    assert store.transaction(record.key) == record


def test_no_field_of_a_record_is_forgotten() -> None:
    """A field that is new in a record needs a column, and its place in the test above."""
    assert set(TransactionRecord.__struct_fields__) == set(transaction_fields)
    stored = {name for column in rows.TRANSACTION_COLUMNS for name in (column, column.removesuffix("_boot"))}
    assert set(TransactionRecord.__struct_fields__) <= stored
    assert BootRecord.__struct_fields__ == rows.BOOT_COLUMNS
    assert IdTagRecord.__struct_fields__ == rows.ID_TAG_COLUMNS
    assert set(OutboxRow.__struct_fields__) == {"seq", "transaction", "stamp", "body", "offset_s", "attempts"}
    assert set(ConnectorRecord.__struct_fields__) == {"number", "operative", "pending", "session", "latched", "cycles"}
    assert set(DeadLetter.__struct_fields__) == {"row", "reason", "at"}
