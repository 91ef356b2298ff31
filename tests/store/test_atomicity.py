"""A step is on the disk whole or not at all."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from chargepoint.core.records import (
    CacheId,
    Charging,
    ConnectorRecord,
    DropRow,
    IdTagRecord,
    PutConnector,
    PutKey,
    PutRow,
    PutTransaction,
)
from chargepoint.messages import AuthorizationStatus
from chargepoint.store import Store, StoreError
from tests.store.making import commit, killed_after, opened, row, running, step, whole_steps


def test_a_change_that_fails_in_the_middle_leaves_nothing(store: Store, state_dir: Path) -> None:
    commit(store, *step(1))
    not_a_number = replace(running(2), register_start_wh=float("nan"))
    with pytest.raises(StoreError, match=r"station\.db: writing failed .*register_start_wh"):
        commit(store, PutKey("a", "b"), DropRow(2), PutRow(row(9)), PutTransaction(not_a_number), PutKey("c", "d"))
    assert store.fetch_rows(9)[1] == 2
    commit(store, CacheId(IdTagRecord(id_tag="A", status=AuthorizationStatus.Accepted)))
    store.close()
    store = opened(state_dir)
    assert whole_steps(store) == 1
    assert store.snapshot().keys == {}
    store.close()


def test_a_mistake_of_the_program_leaves_nothing_either(store: Store) -> None:
    with pytest.raises(OverflowError):
        commit(store, PutRow(row(1)), PutTransaction(replace(running(1), transaction_id=2**63)))
    assert store.fetch_rows(9) == ((), 0)
    commit(store, PutConnector(ConnectorRecord(number=1, session=Charging(transaction=1))))


def test_what_was_told_is_there_after_kill_9(state_dir: Path) -> None:
    seeded = random.Random(20)
    told = 0
    for _ in range(8):
        told = killed_after(state_dir, seeded.randint(1, 60))
        if seeded.random() < 0.5:
            store = opened(state_dir)
            assert store.findings == ()
            assert told <= whole_steps(store) <= told + 1
            store.close()
    store = opened(state_dir)
    assert told <= whole_steps(store) <= told + 1
    assert store.snapshot().run >= 9
    store.close()


@pytest.mark.parametrize("tail", ["cut", "garbage", "zeros"])
def test_a_log_that_ends_anywhere_gives_the_steps_before(state_dir: Path, tail: str) -> None:
    """What a power cut leaves: the log is whole up to some byte."""
    writing = opened(state_dir)
    for number in range(1, 21):
        commit(writing, *step(number))
        if number in (7, 14):
            writing.checkpoint()  # the log begins anew, over the old one
    log = state_dir / "station.db-wal"
    whole = log.read_bytes()
    kept = {name: (state_dir / name).read_bytes() for name in ("station.db", "station.lock")}
    seeded = random.Random(f"log {tail}")
    seen = set()
    for number in range(25):
        copy = state_dir.with_name(f"copy-{number}")
        copy.mkdir()
        for name, content in kept.items():
            (copy / name).write_bytes(content)
        end = seeded.randrange(len(whole))
        lost = {"cut": b"", "garbage": seeded.randbytes(len(whole) - end), "zeros": bytes(len(whole) - end)}[tail]
        (copy / log.name).write_bytes(whole[:end] + lost)
        store = opened(copy)
        assert store.findings == ()
        seen.add(whole_steps(store))
        store.close()
    writing.close()
    assert len(seen) > 3
    assert 14 <= min(seen) <= max(seen) <= 20
