"""What grows, and what happens at its bound. Costs are counted in steps of SQLite's machine, not in seconds."""

import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from chargepoint.core.records import (
    BootRecord,
    CacheId,
    Charging,
    ConnectorRecord,
    DeadLetter,
    Delivery,
    DropRow,
    Finishing,
    IdTagRecord,
    PutBoot,
    PutConnector,
    PutDeadLetter,
    PutRow,
    PutStopSample,
    PutTransaction,
    Stamp,
)
from chargepoint.messages import AuthorizationStatus
from chargepoint.store import Store, changes, starting
from chargepoint.store import store as store_module
from hil.disk.life import small_reserve
from tests.store.making import commit, delivered, opened, row, running, sample, values_row

MANY = 100_000


def accepted(id_tag: str) -> IdTagRecord:
    return IdTagRecord(id_tag=id_tag, status=AuthorizationStatus.Accepted)


def steps_of(store: Store, work: Callable[[], object]) -> int:
    """How many instructions SQLite ran for `work`."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    store._db.set_progress_handler(count, 1)
    try:
        work()
    finally:
        store._db.set_progress_handler(None, 0)
    return steps


def costs(store: Store) -> dict[str, int]:
    """The cost of what happens all day; each leaves the tables as long as it found them."""
    seq = store.fetch_rows(1)[0][0].seq if store.fetch_rows(1)[1] else 1
    commit(store, PutRow(row(seq, 1)))
    return {
        "fetch": steps_of(store, lambda: store.fetch_rows(10, without=(99,))),
        "update": steps_of(store, lambda: commit(store, PutRow(replace(row(seq, 1), attempts=1)))),
        "add": steps_of(store, lambda: commit(store, PutRow(row(10 * MANY, 1)))),
        "drop": steps_of(store, lambda: commit(store, DropRow(10 * MANY))),
        "transaction": steps_of(store, lambda: commit(store, PutTransaction(running(1)))),
        "sample": steps_of(store, lambda: commit(store, PutStopSample(1, sample(1)))),
        "look up": steps_of(store, lambda: store.look_up("no such tag")),
    }


def fill_local_list(store: Store) -> None:
    store.lay_list_down(1, [accepted(f"T{number}") for number in range(MANY)])
    store.enforce_list(1, 1, MANY)


def test_nothing_that_happens_all_day_costs_more_with_long_tables(store: Store) -> None:
    commit(store, *(PutRow(row(seq)) for seq in range(1, 31)), PutTransaction(running(1)))
    before = costs(store)
    commit(store, *(PutRow(row(seq, 2 + seq // 50)) for seq in range(31, MANY + 31)))
    commit(store, *(PutTransaction(delivered(key)) for key in range(2, 20_002)))
    commit(store, *(PutStopSample(1, sample(seq, 1)) for seq in range(2_000)))
    fill_local_list(store)
    after = costs(store)
    assert all(after[name] <= before[name] + 10 for name in before), (before, after)
    assert max(after.values()) < 400, after


@pytest.mark.parametrize("query", [store_module._ROWS, store_module._LISTED, store_module._CACHED, store_module._DEAD_LETTER])
def test_no_query_of_the_day_sorts_or_scans_by_another_order(store: Store, query: str) -> None:
    plan = " ".join(row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {query}", (1,)))
    assert "TEMP B-TREE" not in plan
    assert "SEARCH" in plan or query is store_module._ROWS


def test_the_cache_forgets_the_id_that_was_not_brought_up_to_date_for_longest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(store, *(CacheId(accepted(f"T{n}")) for n in range(changes.CACHE_MAX)))
    commit(store, CacheId(accepted("t0")))
    assert store.look_up("T1")[1] == accepted("T1"), "looking is not bringing up to date"
    commit(store, CacheId(accepted("NEW")))
    assert [store.look_up(tag)[1] is not None for tag in ("T0", "T1", "T2", "NEW")] == [True, False, True, True]
    assert store._db.execute("SELECT count(*) FROM id_cache").fetchone() == (changes.CACHE_MAX,)


def test_looking_up_writes_nothing(store: Store) -> None:
    commit(store, CacheId(accepted("A")))
    before = store._db.total_changes
    assert store.look_up("a")[1] is not None
    assert store._db.total_changes == before


@pytest.fixture
def short_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LEDGER_MAX", 10)


def keys(store: Store) -> list[int]:
    return sorted(entry["key"] for entry in store.ledger(limit=1_000))


def put(store: Store, *numbers: int) -> None:
    for number in numbers:
        commit(store, PutTransaction(running(number)))
        commit(store, PutTransaction(delivered(number)))


@pytest.mark.usefixtures("short_ledger")
def test_the_ledger_keeps_the_newest_transactions(store: Store) -> None:
    put(store, *range(1, 31))
    assert keys(store) == list(range(21, 31))


@pytest.mark.usefixtures("short_ledger")
def test_the_ledger_keeps_what_is_not_delivered_or_still_needed(store: Store, state_dir: Path) -> None:
    put(store, *range(1, 9))
    commit(store, PutTransaction(replace(delivered(2), stop_delivery=Delivery.QUEUED)))
    commit(store, PutTransaction(replace(delivered(3), start_delivery=Delivery.DEAD)))
    commit(store, PutRow(row(1, 4)), PutRow(row(2, 5)))
    commit(store, PutDeadLetter(DeadLetter(row=row(2, 5), reason="", at=Stamp(1, 1.0))))
    commit(store, PutConnector(ConnectorRecord(number=1, session=Finishing(transaction=6, id_tag="A"))))
    commit(store, PutTransaction(running(7)))
    put(store, *range(9, 31))
    assert keys(store) == [2, 3, 4, 5, 6, 7, *range(21, 31)]

    commit(store, PutTransaction(delivered(2)), DropRow(1), PutTransaction(delivered(7)))
    store.close()
    store = opened(state_dir)
    store.snapshot()
    assert keys(store) == [3, 5, 6, *range(21, 31)], "what was delivered late goes at the next start"
    store.close()


def boot(number: int, offset_s: float | None = None) -> BootRecord:
    return BootRecord(boot=number, kernel_boot_id=f"k{number}", first_mono_s=1, last_mono_s=50, offset_s=offset_s)


def test_boots_that_nobody_needs_are_dropped_after_they_dated_their_transactions(store: Store, state_dir: Path) -> None:
    commit(store, *(PutBoot(boot(number, 1_700_000_000.0)) for number in range(1, 201)))
    commit(store, PutTransaction(running(1)), PutTransaction(replace(running(2), start=Stamp(100, 5.0))), PutRow(row(1, 2)))
    store.close()
    store = opened(state_dir, "new", 5.0)
    assert [boot.boot for boot in store.snapshot().boots] == list(range(100, 202))
    first = store.transaction(1)
    assert first is not None
    assert first.start_offset_s == 1_700_000_000.0
    commit(store, DropRow(1), now=Stamp(201, 6.0))
    store.close()
    store = opened(state_dir, "new", 7.0)
    assert [boot.boot for boot in store.snapshot().boots] == list(range(202 - starting.BOOTS_KEPT, 202))
    assert [entry["started"] for entry in store.ledger()] == ["2023-11-14T22:13:25Z", "2023-11-14T22:13:31Z"]
    store.close()


def test_a_boot_is_kept_for_a_dead_letter_and_a_session(store: Store, state_dir: Path) -> None:
    commit(store, *(PutBoot(boot(number)) for number in range(1, 201)))
    commit(
        store,
        PutTransaction(replace(running(1), start=Stamp(90, 5.0))),
        PutTransaction(replace(running(2), start=Stamp(80, 5.0))),
    )
    commit(store, PutConnector(ConnectorRecord(number=1, session=Charging(transaction=1))))
    commit(store, PutRow(row(1, 2)))
    commit(store, PutDeadLetter(DeadLetter(row=row(1, 2), reason="", at=Stamp(200, 1.0))))
    store.close()
    store = opened(state_dir, "new", 5.0)
    assert store.snapshot().boots[0].boot == 80
    store.close()


def test_the_log_is_merged_when_asked_and_written_over(store: Store) -> None:
    for seq in range(1, 61):
        commit(store, PutRow(values_row(seq)))
    whole = store._wal_bytes()
    before = store.path.stat().st_size
    store.checkpoint()
    assert store.path.stat().st_size > before
    for seq in range(1, 61):
        commit(store, DropRow(seq))
        store.checkpoint()
    assert store._wal_bytes() == whole
    read_only_calls = store._db.total_changes
    store.checkpoint()
    assert store._db.total_changes == read_only_calls


def test_the_log_is_merged_at_its_bound_whoever_asks_or_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "WAL_MAX_BYTES", 2 << 20)
    store.checkpoint()
    sizes = []
    for seq in range(1, 700):
        commit(store, PutRow(values_row(seq)), PutTransaction(running(seq)))
        sizes.append(store._wal_bytes())
    assert max(sizes) <= (2 << 20) + (64 << 10)
    assert sum(later < earlier for earlier, later in pairwise(sizes)) >= 2
    assert store.room() is None


def test_the_reserve_is_made_at_the_start(store: Store, state_dir: Path) -> None:
    assert (state_dir / "reserve").stat().st_blocks * 512 >= 2 << 20


def test_hundreds_of_starts_in_the_middle_of_a_session_leave_the_files_as_they_were() -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder, small_reserve():
        directory = Path(folder) / "state"
        store = opened(directory)
        store.snapshot()
        charging = ConnectorRecord(number=1, session=Charging(transaction=1))
        commit(store, PutTransaction(running(1)), PutRow(row(1, 1)), PutConnector(charging))
        store.close()
        sizes = []
        for number in range(300):
            store = opened(directory, mono_s=100.0 + number)
            snapshot = store.snapshot()
            store.close()
            sizes.append({path.name: path.stat().st_size for path in directory.iterdir()})
        assert sizes[-1] == sizes[0]
        assert (snapshot.run, len(snapshot.boots)) == (301, 1)
        assert snapshot.connectors == (charging,)
