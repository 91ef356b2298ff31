"""The start of a run: count it, find the machine boot it is in, mend, drop what nobody needs, gather the snapshot."""

import sqlite3
from collections.abc import Iterable

from msgspec import json

from chargepoint.core.records import BootRecord, PutBoot, Sample, Snapshot, next_boot
from chargepoint.store import changes, local_list, mending, newest, rows

BOOTS_KEPT = 64
SEQ_MAX = 2**53  # a number of the security log beyond it is damage

_COUNT_RUN = """INSERT INTO meta (name, value) VALUES ('run', 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"""

# The outbox may be long: it is gone through once for its transactions, and ?1 holds them.
_WAITING = "SELECT transaction_key, count(*) FROM outbox WHERE seq > 0 GROUP BY transaction_key"
_NEEDED = """SELECT value FROM json_each(?1)
    UNION SELECT transaction_key FROM connectors WHERE transaction_key IS NOT NULL"""

# A stamp may be as old as the start of its transaction, so boots are needed from the oldest start on.
_OLDEST_NEEDED = f"""SELECT min(start_boot) FROM transactions
    WHERE key IN ({_NEEDED} UNION SELECT transaction_key FROM dead_letters)"""

_DATE_OLD_ENDS = tuple(
    f"""UPDATE transactions SET {end}_offset_s = (SELECT offset_s FROM boots WHERE boot = transactions.{end}_boot)
    WHERE {end}_offset_s IS NULL AND {end}_boot < ?"""
    for end in ("start", "stop")
)

_TRANSACTIONS = f"{rows.select(rows.TRANSACTION_COLUMNS, 'transactions')} WHERE key IN ({_NEEDED}) ORDER BY key"
_CONNECTORS = f"{rows.select(rows.CONNECTOR_RECORD_COLUMNS, 'connectors')} ORDER BY number"
_BOOTS = f"{rows.select(rows.BOOT_COLUMNS, 'boots')} ORDER BY boot"
_SAMPLES = """SELECT transaction_key, sample FROM stop_samples
    WHERE transaction_key IN (SELECT transaction_key FROM connectors) ORDER BY transaction_key, number"""
_RESERVATIONS = f"{rows.select(rows.RESERVATION_COLUMNS, 'reservations')} ORDER BY reservation_id"
_PROFILES = "SELECT record FROM charging_profiles ORDER BY charging_profile_id"
_OWED_EVENTS = f"{rows.select(rows.SECURITY_LOG_COLUMNS, 'security_log')} WHERE owed ORDER BY seq"
_DATE_OLD_EVENTS = """UPDATE security_log SET offset_s = (SELECT offset_s FROM boots WHERE boot = security_log.boot)
    WHERE offset_s IS NULL AND boot < ?"""
_FORGET_OLD = changes.FORGET_TRANSACTION.format(which="<= ?")


def begin_run(db: sqlite3.Connection, kernel_boot_id: str, mono_s: float) -> tuple[Snapshot, list[str]]:
    """The snapshot, and what had to be mended for it. Runs inside a transaction of the caller."""
    run = db.execute(_COUNT_RUN).fetchall()[0][0]
    mended = newest.fold(db)
    waiting = dict(db.execute(_WAITING).fetchall())
    boots = _boots(db, kernel_boot_id, mono_s, _json(waiting))
    if moved := mending.mend(db, boots[-1]):
        mended += moved
        waiting = dict(db.execute(_WAITING).fetchall())
    newest.begin(db, boots[-1])
    last_key = _number(db, "SELECT coalesce(max(key), 0) FROM transactions")
    db.execute(_FORGET_OLD, (last_key - changes.LEDGER_MAX,))
    maintenance = dict(db.execute("SELECT name, record FROM maintenance"))
    snapshot = Snapshot(
        run=run,
        boots=boots,
        keys=dict(db.execute("SELECT name, value FROM configuration ORDER BY name")),
        connectors=tuple(rows.connector_record(*row) for row in db.execute(_CONNECTORS)),
        transactions=tuple(rows.transaction_record(row) for row in db.execute(_TRANSACTIONS, (_json(waiting),))),
        stop_samples=_samples(db),
        queued=sum(waiting.values()),
        next_seq=1 + max(_number(db, f"SELECT coalesce(max(seq), 0) FROM {table}") for table in ("outbox", "dead_letters")),
        next_transaction=last_key + 1,
        dead_letters=_number(db, "SELECT count(*) FROM dead_letters"),
        reservations=tuple(rows.reservation_record(row) for row in db.execute(_RESERVATIONS)),
        firmware=rows.firmware_record(maintenance.get("firmware")),
        diagnostics=rows.diagnostics_record(maintenance.get("diagnostics")),
        security=rows.security_record(maintenance.get("security")),
        owed_events=tuple(record for record in map(rows.security_event_record, db.execute(_OWED_EVENTS)) if record),
        next_event_seq=1 + _number(db, f"SELECT coalesce(max(seq), 0) FROM security_log WHERE seq < {SEQ_MAX}"),
        profiles=tuple(rows.profile_record(record) for (record,) in db.execute(_PROFILES)),
        list_version=local_list.number(db, local_list.VERSION),
        list_length=local_list.number(db, local_list.LENGTH),
    )
    return snapshot, mended


def _boots(db: sqlite3.Connection, kernel_boot_id: str, mono_s: float, waiting: str) -> tuple[BootRecord, ...]:
    """The newest boots and all that a transaction may still need. What is dropped has dated its transactions first."""
    earlier = tuple(rows.boot_record(row) for row in db.execute(_BOOTS))
    now = next_boot(earlier, kernel_boot_id, mono_s)
    known = [boot for boot in earlier if boot.boot != now.boot] + [now]
    changes.make(db, PutBoot(now))
    oldest = known[-BOOTS_KEPT:][0].boot
    needed = db.execute(_OLDEST_NEEDED, (waiting,)).fetchone()[0]
    first = oldest if needed is None else min(oldest, needed)
    if known[0].boot < first:
        for statement in (*_DATE_OLD_ENDS, _DATE_OLD_EVENTS):
            db.execute(statement, (first,))
        db.execute("DELETE FROM boots WHERE boot < ?", (first,))
    return tuple(boot for boot in known if boot.boot >= first)


def _samples(db: sqlite3.Connection) -> dict[int, tuple[Sample, ...]]:
    samples: dict[int, list[Sample]] = {}
    for key, sample in db.execute(_SAMPLES):
        samples.setdefault(key, []).append(rows.sample_record(sample))
    return {key: tuple(taken) for key, taken in samples.items()}


def _json(keys: Iterable[int]) -> str:
    return json.encode(list(keys)).decode()


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
