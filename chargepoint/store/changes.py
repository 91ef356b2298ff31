"""Changes of a step as statements. Runs inside the transaction that `Store` opens; never begins or ends one.

Every statement finds its rows by a key, so that its cost does not grow with the tables.
"""

import sqlite3
from typing import assert_never

from chargepoint.core.maintenance_records import PutDiagnostics, PutFirmware
from chargepoint.core.records import (
    CacheId,
    Change,
    ClearIdCache,
    Delivery,
    DropProfile,
    DropReservation,
    DropRow,
    DropStopSamples,
    IdTagRecord,
    OutboxRow,
    PutBoot,
    PutConnector,
    PutDeadLetter,
    PutKey,
    PutProfile,
    PutRegister,
    PutReservation,
    PutRow,
    PutStopSample,
    PutTransaction,
    ReplayDeadLetter,
    TransactionRecord,
)
from chargepoint.core.security_records import PutSecurity, PutSecurityEvent, SecurityEventRecord
from chargepoint.store import newest, rows
from chargepoint.store.errors import StoreError

CACHE_MAX = 10_000
LEDGER_MAX = 20_000
SECURITY_EVENTS_MAX = 250  # of one kind: a flood of one pushes out none of another

_PUT_BOOT = rows.replace(rows.BOOT_COLUMNS, "boots")
_PUT_TRANSACTION = rows.replace(rows.TRANSACTION_COLUMNS, "transactions")
_PUT_CONNECTOR = rows.replace(rows.CONNECTOR_COLUMNS, "connectors")
_DELIVERED = f"start_delivery = '{Delivery.CONFIRMED}' AND stop_delivery = '{Delivery.CONFIRMED}'"
_ADD_ROW = f"""INSERT OR IGNORE INTO outbox ({", ".join(rows.OUTBOX_COLUMNS)}, late)
    VALUES ({", ".join("?" * len(rows.OUTBOX_COLUMNS))}, EXISTS (SELECT 1 FROM transactions WHERE key = ?2 AND {_DELIVERED}))"""
_UPDATE_ROW = f"UPDATE outbox SET {', '.join(f'{name} = ?' for name in rows.OUTBOX_COLUMNS)} WHERE seq = ?"
_PUT_DEAD_LETTER = rows.replace((*rows.OUTBOX_COLUMNS, "reason", "at_boot", "at_mono_s"), "dead_letters")
_PUT_RESERVATION = rows.replace(rows.RESERVATION_COLUMNS, "reservations")
_PUT_PROFILE = rows.replace(rows.PROFILE_COLUMNS, "charging_profiles")
_PUT_MAINTENANCE = rows.replace(("name", "record"), "maintenance")
_PUT_EVENT = rows.replace(rows.SECURITY_LOG_COLUMNS, "security_log")
_PUT_CACHE = rows.replace(("key", *rows.ID_TAG_COLUMNS), "id_cache")

_TRIM_EVENTS = f"""DELETE FROM security_log WHERE event = ?1 AND NOT owed AND seq <= (
    SELECT seq FROM security_log WHERE event = ?1 ORDER BY seq DESC LIMIT 1 OFFSET {SECURITY_EVENTS_MAX})"""

_EVICT = f"""DELETE FROM id_cache WHERE age = (SELECT min(age) FROM id_cache)
    AND (SELECT count(*) FROM id_cache) > {CACHE_MAX}"""

_ADD_SAMPLE = """INSERT INTO stop_samples (transaction_key, number, sample)
    SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM stop_samples WHERE transaction_key = ?1"""

FORGET_TRANSACTION = f"""DELETE FROM transactions WHERE key {{which}}
    AND {_DELIVERED}
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE late = 1 AND transaction_key = transactions.key)
    AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE transaction_key = transactions.key)
    AND NOT EXISTS (SELECT 1 FROM connectors WHERE transaction_key = transactions.key)"""
_FORGET_ONE = FORGET_TRANSACTION.format(which="= ?")


def key_of(id_tag: str) -> str:
    """What id tags are compared by: they are the same in any case (CiString20Type)."""
    return id_tag.casefold()


def make(db: sqlite3.Connection, change: Change) -> int:
    """Makes one change. Returns by how many rows the outbox grew."""
    match change:
        case PutRow(row):
            return _put_row(db, row)
        case DropRow(seq):
            return -_delete(db, "outbox", seq)
        case PutDeadLetter(letter):
            reason = (letter.reason, letter.at.boot, letter.at.mono_s)
            db.execute(_PUT_DEAD_LETTER, (*rows.outbox_values(letter.row), *reason))
            return -_delete(db, "outbox", letter.row.seq)
        case ReplayDeadLetter(old_seq, row):
            if not _delete(db, "dead_letters", old_seq):
                raise StoreError(f"there is no dead letter {old_seq} to replay: list the dead letters again")
            return _put_row(db, row)
        case PutTransaction(transaction):
            _put_transaction(db, transaction)
        case PutRegister(key, last_wh, shift_wh):
            newest.put_register(db, key, last_wh, shift_wh)
        case PutConnector(connector):
            db.execute(_PUT_CONNECTOR, rows.connector_values(connector))
        case PutBoot(boot):
            db.execute(_PUT_BOOT, rows.boot_values(boot))
        case PutKey(name, value):
            db.execute("INSERT OR REPLACE INTO configuration (name, value) VALUES (?, ?)", (name, value))
        case PutStopSample(key, sample):
            db.execute(_ADD_SAMPLE, (key, rows.sample_value(sample)))
        case DropStopSamples(key):
            db.execute("DELETE FROM stop_samples WHERE transaction_key = ?", (key,))
        case PutReservation(reservation):
            db.execute(_PUT_RESERVATION, rows.reservation_values(reservation))
        case DropReservation(reservation_id):
            db.execute("DELETE FROM reservations WHERE reservation_id = ?", (reservation_id,))
        case PutProfile(profile):
            db.execute(_PUT_PROFILE, rows.profile_values(profile))
        case DropProfile(profile_id):
            db.execute("DELETE FROM charging_profiles WHERE charging_profile_id = ?", (profile_id,))
        case PutFirmware(record):
            db.execute(_PUT_MAINTENANCE, ("firmware", rows.maintenance_value(record)))
        case PutDiagnostics(record):
            db.execute(_PUT_MAINTENANCE, ("diagnostics", rows.maintenance_value(record)))
        case PutSecurity(record):
            db.execute(_PUT_MAINTENANCE, ("security", rows.maintenance_value(record)))
        case PutSecurityEvent(event):
            _put_event(db, event)
        case CacheId(id_tag):
            _cache(db, id_tag)
        case ClearIdCache():
            db.execute("DELETE FROM id_cache")
        case _:
            assert_never(change)
    return 0


def _put_row(db: sqlite3.Connection, row: OutboxRow) -> int:
    values = rows.outbox_values(row)
    if db.execute(_ADD_ROW, values).rowcount:
        return 1
    db.execute(_UPDATE_ROW, (*values, row.seq))
    return 0


def _delete(db: sqlite3.Connection, table: str, seq: int) -> int:
    return db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,)).rowcount


def _put_transaction(db: sqlite3.Connection, record: TransactionRecord) -> None:
    """Each new transaction pushes out the one LEDGER_MAX before it, unless that one still waits for its delivery."""
    db.execute(_PUT_TRANSACTION, rows.transaction_values(record))
    newest.forget_register(db, record.key)
    if record.stop is None and record.key > LEDGER_MAX:
        db.execute(_FORGET_ONE, (record.key - LEDGER_MAX,))


def _put_event(db: sqlite3.Connection, record: SecurityEventRecord) -> None:
    db.execute(_PUT_EVENT, rows.security_event_values(record))
    db.execute(_TRIM_EVENTS, (record.event,))


def _cache(db: sqlite3.Connection, record: IdTagRecord) -> None:
    """REPLACE gives the entry a new age, so the lowest age is the entry that was not brought up to date for longest."""
    db.execute(_PUT_CACHE, (key_of(record.id_tag), *rows.id_tag_values(record)))
    db.execute(_EVICT)
