"""A stopped station's store with sessions and dead letters in it, as the commands find it."""

from pathlib import Path

from msgspec import structs

from chargepoint.core.effects import Commit
from chargepoint.core.records import (
    Change,
    DeadLetter,
    Delivery,
    OutboxRow,
    PutDeadLetter,
    PutRow,
    PutTransaction,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.messages import Reason
from chargepoint.store import open_store

EPOCH_S = 1_763_000_000.0  # 2025-11-13T02:13:20Z


def session(key: int, *, id_tag: str = "04A2B3C4", dated: bool = True) -> TransactionRecord:
    """A session of one minute and 5 kWh, begun `key` hours after EPOCH_S."""
    began_s = key * 3600.0
    return TransactionRecord(
        key=key,
        connector=1,
        id_tag=id_tag,
        start=Stamp(1, began_s),
        start_offset_s=EPOCH_S if dated else None,
        register_start_wh=1000.0,
        meter_start_wh=1000,
        register_last_wh=6000.0,
        transaction_id=100 + key,
        start_delivery=Delivery.CONFIRMED,
        stop=Stamp(1, began_s + 60),
        stop_offset_s=EPOCH_S if dated else None,
        meter_stop_wh=6000,
        stop_reason=Reason.Local,
        stop_delivery=Delivery.CONFIRMED,
    )


def keep(state_dir: Path, *changes: Change) -> None:
    """Writes the changes as a service would, and stops."""
    store = open_store(state_dir, "5f0b8a9e-0000-4000-8000-000000000001", 1.0)
    try:
        store.snapshot()
        store.commit(Commit(changes, Stamp(1, 2.0)))
    finally:
        store.close()


def keep_sessions(state_dir: Path, *sessions: TransactionRecord) -> None:
    keep(state_dir, *(PutTransaction(record) for record in sessions))


def keep_dead_letters(state_dir: Path) -> None:
    """Session 1 whose StartTransaction (row 1) and StopTransaction (row 2) died, and row 3 of session 2 that still waits."""
    dead = structs.replace(session(1), start_delivery=Delivery.DEAD, stop_delivery=Delivery.DEAD)
    letters = (
        OutboxRow(seq=1, transaction=1, stamp=Stamp(1, 3600.0), body=StartBody(), offset_s=EPOCH_S, attempts=3),
        OutboxRow(seq=2, transaction=1, stamp=Stamp(1, 3660.0), body=StopBody(), offset_s=EPOCH_S, attempts=3),
    )
    waiting = OutboxRow(seq=3, transaction=2, stamp=Stamp(1, 7200.0), body=StartBody())
    keep(
        state_dir,
        *(PutTransaction(record) for record in (dead, session(2))),
        *(PutRow(row) for row in (*letters, waiting)),
        *(PutDeadLetter(DeadLetter(row=row, reason="CALLERROR InternalError", at=Stamp(1, 3700.0))) for row in letters),
    )
