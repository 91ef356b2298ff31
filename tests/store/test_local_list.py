"""The local list changes as a whole or not at all, in pieces that hold nothing else up."""

from functools import partial

import pytest

from chargepoint.core.records import DropReservation, IdTagRecord, PutReservation, ReservationRecord
from chargepoint.messages import AuthorizationStatus
from chargepoint.store import Store
from chargepoint.store.local_list import PIECE, TooLong
from tests.store.conftest import Restart
from tests.store.making import commit


def entry(id_tag: str, parent: str | None = None) -> IdTagRecord:
    return IdTagRecord(id_tag=id_tag, status=AuthorizationStatus.Accepted, parent_id_tag=parent)


def replace_list(store: Store, records: list[IdTagRecord], version: int, length_max: int = 100_000) -> int:
    generation = store.list_generation()
    while store.sweep_list():
        pass
    for start in range(0, len(records), PIECE):
        store.lay_list_down(generation, records[start : start + PIECE])
    return store.enforce_list(generation, version, length_max)


def listed(store: Store, id_tag: str) -> IdTagRecord | None:
    return store.look_up(id_tag)[0]


@pytest.mark.section("5.15")
def test_a_full_update_replaces_the_list_and_survives(store: Store, restart: Restart) -> None:
    assert replace_list(store, [entry(f"A{number}") for number in range(1_234)], 1) == 1_234
    assert replace_list(store, [entry("B1", "GROUP"), entry("b1")], 2) == 1
    store, snapshot = restart()
    assert (snapshot.list_version, snapshot.list_length) == (2, 1)
    assert listed(store, "A7") is None
    assert listed(store, "B1") == entry("b1"), "of two entries of the same id the later one counts"
    while store.sweep_list():
        pass
    assert store._db.execute("SELECT count(*) FROM local_list").fetchone() == (1,)


@pytest.mark.section("5.15")
def test_a_list_that_is_being_laid_down_is_not_seen_and_not_kept(store: Store, restart: Restart) -> None:
    replace_list(store, [entry("OLD")], 1)
    store.lay_list_down(store.list_generation(), [entry("NEW")])
    assert listed(store, "NEW") is None
    store, snapshot = restart()
    assert (listed(store, "NEW"), listed(store, "OLD"), snapshot.list_version) == (None, entry("OLD"), 1)
    replace_list(store, [entry("OTHER")], 2)
    assert listed(store, "NEW") is None, "what a power cut left must not come into force with the next list"


@pytest.mark.section("5.15")
def test_a_differential_update_is_one_commit(store: Store, restart: Restart) -> None:
    replace_list(store, [entry("A"), entry("B")], 1)
    assert store.change_list([entry("C"), entry("a", "GROUP")], ["b", "unknown"], 2, 10) == 2
    store, snapshot = restart()
    assert [listed(store, one) for one in "ABC"] == [entry("a", "GROUP"), None, entry("C")]
    assert (snapshot.list_version, snapshot.list_length) == (2, 2)


@pytest.mark.section("5.15")
@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_an_update_of_any_length_is_kept_to_the_last_entry(store: Store, count: int) -> None:
    records = [IdTagRecord(id_tag=f"A{n}", status=AuthorizationStatus.Accepted, expiry_s=1e9 + n / 7) for n in range(count)]
    assert store.change_list([*records, entry("OTHER")], [], 1, 1_000) == count + 1
    assert [listed(store, record.id_tag) for record in records] == records
    assert store.change_list([], [f'no "{count}', *(record.id_tag for record in records)], 2, 1_000) == 1
    assert listed(store, "OTHER") == entry("OTHER")


@pytest.mark.section("5.15")
def test_an_id_with_a_nul_in_it_is_deleted_and_no_other(store: Store) -> None:
    records = [entry("A"), entry("A\0B"), entry("\0"), entry("ÄÖ😀")]
    store.change_list(records, [], 1, 10)
    assert store.change_list([], ["A\0B", "A\0C", "\0", "äö😀"], 2, 10) == 1
    assert [listed(store, record.id_tag) for record in records] == [entry("A"), None, None, None]


@pytest.mark.section("9.2")
@pytest.mark.parametrize("full", [True, False])
def test_a_list_that_would_become_too_long_leaves_the_old_one(store: Store, full: bool) -> None:
    replace_list(store, [entry("A")], 1)
    update = (
        partial(replace_list, store, [entry(one) for one in "XYZ"], 2, 2)
        if full
        else partial(store.change_list, [entry("B"), entry("C")], [], 2, 2)
    )
    with pytest.raises(TooLong, match="it would have 3 entries, and LocalAuthListMaxLength is 2"):
        update()
    assert (listed(store, "A"), listed(store, "B"), listed(store, "X")) == (entry("A"), None, None)


@pytest.mark.section("5.13")
def test_reservations_survive(store: Store, restart: Restart) -> None:
    first = ReservationRecord(reservation_id=7, connector=0, id_tag="A", expiry_s=5.5)
    second = ReservationRecord(reservation_id=-1, connector=2, id_tag="B", expiry_s=6.0, parent_id_tag="G")
    commit(store, PutReservation(first), PutReservation(second))
    store, snapshot = restart()
    assert snapshot.reservations == (second, first)
    commit(store, DropReservation(7))
    assert restart()[1].reservations == (second,)
