"""A database that was filled before the station sees it: rows in its outbox, ids on its list. Written by the real store."""

from pathlib import Path
from time import monotonic, time

from chargepoint.core.effects import Commit
from chargepoint.core.records import (
    Change,
    Delivery,
    IdTagRecord,
    MeterValuesBody,
    OutboxRow,
    PutRow,
    PutTransaction,
    Sample,
    Stamp,
    StopBody,
    TransactionRecord,
)
from chargepoint.messages import AuthorizationStatus, Measurand, Reason, SampledValue, UnitOfMeasure
from chargepoint.shell.clock import kernel_boot_id
from chargepoint.store import Store, open_store
from chargepoint.store.local_list import PIECE

ROWS_A_SESSION = 100
SESSIONS_A_COMMIT = 10
LENGTH_MAX = 100_000


def id_tag(number: int) -> str:
    """The id of an entry of the list: as long as a UID of 7 bytes, spread over the whole range."""
    return f"{(number * 2_654_435_761) % (1 << 56):014X}"


def opened(state: Path) -> Store:
    return open_store(state, kernel_boot_id(), monotonic())


def fill(state: Path, rows: int = 0, listed: int = 0) -> None:
    """Sessions whose samples and end are not delivered yet, and a local list. For a folder that holds no database."""
    store = opened(state)
    try:
        boot = store.snapshot().boots[-1].boot
        put_rows(store, boot, rows)
        put_list(store, listed)
    finally:
        store.close()


def put_rows(store: Store, boot: int, rows: int) -> None:
    """So many rows into an empty outbox, in sessions of a hundred: samples of four values, and the end."""
    now = Stamp(boot, monotonic())
    offset_s = time() - now.mono_s
    changes: list[Change] = []
    for seq in range(1, rows + 1):
        key, place = 1 + (seq - 1) // ROWS_A_SESSION, (seq - 1) % ROWS_A_SESSION
        if place == 0:
            changes.append(PutTransaction(_session(key, now, offset_s)))
        last = place == ROWS_A_SESSION - 1 or seq == rows
        sample = Sample(stamp=now, values=_values(seq), offset_s=offset_s)
        body = StopBody() if last else MeterValuesBody(samples=(sample,))
        changes.append(PutRow(OutboxRow(seq=seq, transaction=key, stamp=now, offset_s=offset_s, body=body)))
        if last and (key % SESSIONS_A_COMMIT == 0 or seq == rows):
            store.commit(Commit(tuple(changes), now))
            changes.clear()


def put_list(store: Store, listed: int) -> None:
    """So many ids, all Accepted."""
    generation = store.list_generation()
    for start in range(0, listed, PIECE):
        numbers = range(start, min(start + PIECE, listed))
        store.lay_list_down(
            generation, [IdTagRecord(id_tag=id_tag(number), status=AuthorizationStatus.Accepted) for number in numbers]
        )
    if listed:
        store.enforce_list(generation, 1, LENGTH_MAX)


def _values(seq: int) -> tuple[SampledValue, ...]:
    return (
        SampledValue(value=str(1_000 + seq), measurand=Measurand.Energy_Active_Import_Register, unit=UnitOfMeasure.Wh),
        SampledValue(value="11040", measurand=Measurand.Power_Active_Import, unit=UnitOfMeasure.W),
        SampledValue(value="16", measurand=Measurand.Current_Import, unit=UnitOfMeasure.A),
        SampledValue(value="230.4", measurand=Measurand.Voltage, unit=UnitOfMeasure.V),
    )


def _session(key: int, now: Stamp, offset_s: float) -> TransactionRecord:
    """It is over; the Central System knows of its beginning."""
    return TransactionRecord(
        key=key,
        connector=1,
        id_tag="04A1B2C3D4E500",
        start=now,
        start_offset_s=offset_s,
        register_start_wh=1_000.0,
        meter_start_wh=1_000,
        register_last_wh=9_000.0,
        transaction_id=1_000_000 + key,
        start_delivery=Delivery.CONFIRMED,
        stop=now,
        stop_offset_s=offset_s,
        meter_stop_wh=9_000,
        stop_reason=Reason.Local,
        stop_delivery=Delivery.QUEUED,
    )
