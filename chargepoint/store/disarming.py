"""Takes the harm out of a database that comes from a backup: nothing of it may be told to the Central System a second time.

What waited in the outbox when the backup was made may have been delivered since: it becomes dead letters, which are never lost
and never sent by themselves; a person replays those that the Central System does not have. A session that ran is closed at its
last register and becomes a dead letter too. Firmware and diagnostics that were under way are forgotten.
"""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.core.effects import Commit
from chargepoint.core.maintenance_records import DiagnosticsRecord, FirmwareRecord, PutDiagnostics, PutFirmware
from chargepoint.core.measurands import whole_wh
from chargepoint.core.records import (
    Change,
    Charging,
    DeadLetter,
    Delivery,
    DropStopSamples,
    Ending,
    Idle,
    OutboxRow,
    PutConnector,
    PutDeadLetter,
    PutTransaction,
    Snapshot,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.core.transactions import from_zero
from chargepoint.messages import Reason
from chargepoint.store.store import Store, open_store

PIECE = 100


class Disarmed(Struct, frozen=True):
    """messages: how many became dead letters. sessions: those that were closed because they ran."""

    messages: int
    sessions: int


def disarm(directory: Path, kernel_boot_id: str, mono_s: float, made: str) -> Disarmed:
    """Disarms the database of a folder that nobody else uses. made: when the backup was, for the letters' reason.

    Raises StoreError.
    """
    store = open_store(directory, kernel_boot_id, mono_s)
    try:
        snapshot = store.snapshot()
        now = Stamp(snapshot.boots[-1].boot, mono_s)
        reason = f"from the backup of {made}: it may have been delivered since"
        store.commit(Commit((PutFirmware(FirmwareRecord()), PutDiagnostics(DiagnosticsRecord())), now))
        messages = _bury_outbox(store, now, reason)
        sessions = _close_sessions(store, snapshot, now, reason)
        return Disarmed(messages + sessions, sessions)
    finally:
        store.close()


def _bury_outbox(store: Store, now: Stamp, reason: str) -> int:
    buried = 0
    while rows := store.fetch_rows(PIECE)[0]:
        changes: list[Change] = []
        records: dict[int, TransactionRecord] = {}
        for row in rows:
            changes.append(PutDeadLetter(DeadLetter(row=row, reason=reason, at=now)))
            record = records.get(row.transaction) or store.transaction(row.transaction)
            if record is not None:
                records[row.transaction] = _marked(record, row)
        store.commit(Commit((*changes, *map(PutTransaction, records.values())), now))
        buried += len(rows)
    return buried


def _marked(record: TransactionRecord, row: OutboxRow) -> TransactionRecord:
    match row.body:
        case StartBody():
            return replace(record, start_delivery=Delivery.DEAD)
        case StopBody():
            return replace(record, stop_delivery=Delivery.DEAD)
        case _:
            return record


def _close_sessions(store: Store, snapshot: Snapshot, now: Stamp, reason: str) -> int:
    """What ran is closed; every connector begins without a session."""
    seq = snapshot.next_seq
    closed = 0
    for connector in snapshot.connectors:
        changes: list[Change] = []
        session = connector.session
        if isinstance(session, Charging | Ending):
            record = store.transaction(session.transaction)
            if record is not None and record.stop is None:
                newest = next((one for one in snapshot.transactions if one.key == record.key), record)
                stop = session.stop if isinstance(session, Ending) else _last_instant(snapshot, record, now)
                why = session.reason if isinstance(session, Ending) else Reason.PowerLoss
                row = OutboxRow(seq=seq, transaction=record.key, stamp=stop, body=StopBody())
                changes += [
                    DropStopSamples(record.key),
                    PutTransaction(_stopped(newest, record, stop, why)),
                    PutDeadLetter(DeadLetter(row=row, reason=reason, at=now)),
                ]
                seq += 1
                closed += 1
        if not isinstance(session, Idle):
            changes.append(PutConnector(replace(connector, session=Idle())))
        if changes:
            store.commit(Commit(tuple(changes), now))
    return closed


def _stopped(newest: TransactionRecord, marked: TransactionRecord, stop: Stamp, why: Reason) -> TransactionRecord:
    """At the last register that the backup knows."""
    used_wh = max(0.0, newest.register_last_wh - newest.register_start_wh)
    stop_wh = whole_wh(used_wh) if from_zero(newest) else max(whole_wh(newest.register_last_wh), newest.meter_start_wh)
    return replace(
        newest,
        start_delivery=marked.start_delivery,
        stop=stop,
        stop_reason=why,
        meter_stop_wh=stop_wh,
        stop_delivery=Delivery.DEAD,
    )


def _last_instant(snapshot: Snapshot, record: TransactionRecord, now: Stamp) -> Stamp:
    """The newest instant that the backup knows of an earlier boot; now, where the session began in this one."""
    earlier = [boot for boot in snapshot.boots if record.start.boot <= boot.boot < now.boot]
    if not earlier:
        return now
    mono_s = earlier[-1].last_mono_s
    return Stamp(earlier[-1].boot, max(mono_s, record.start.mono_s) if earlier[-1].boot == record.start.boot else mono_s)
