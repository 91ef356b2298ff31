"""Mending: what leads nowhere in a file whose parts do not fit together (a card that lied, a bit that flipped).

Owns two rules. A message whose session is not there goes to the dead letters, where a person can look at it: it must neither be
lost nor keep the others from going. A connector whose session is not there begins without one. Runs inside the transaction of
a start, before anything is gathered; in a file that is whole it changes nothing.
"""

import sqlite3

from msgspec.structs import replace

from chargepoint.core.records import BootRecord, Idle
from chargepoint.store import rows

_ORPHANS = """SELECT seq, transaction_key FROM outbox
    WHERE seq > 0 AND transaction_key NOT IN (SELECT key FROM transactions) ORDER BY seq"""
_FREE_SEQ = "SELECT 1 + max(seq) FROM (SELECT seq FROM outbox UNION ALL SELECT seq FROM dead_letters)"
_BURY = f"""INSERT INTO dead_letters
    SELECT :place, {", ".join(rows.OUTBOX_COLUMNS[1:])}, :reason, :boot, :mono_s FROM outbox WHERE seq = :seq"""
_PUT_SESSION = "UPDATE connectors SET transaction_key = ?, session = ? WHERE number = ?"
_CONNECTORS = rows.select((*rows.CONNECTOR_RECORD_COLUMNS, "transaction_key"), "connectors")


def mend(db: sqlite3.Connection, now: BootRecord) -> list[str]:
    """What was mended, a sentence each. Raises msgspec.MsgspecError where a session cannot be understood."""
    return [*_messages(db, now), *_connectors(db)]


def _messages(db: sqlite3.Connection, now: BootRecord) -> list[str]:
    mended = []
    for seq, key in db.execute(_ORPHANS).fetchall():
        taken = db.execute("SELECT 1 FROM dead_letters WHERE seq = ?", (seq,)).fetchone()
        place = db.execute(_FREE_SEQ).fetchone()[0] if taken else seq
        reason = f"its session {key} is not there"
        values = {"seq": seq, "place": place, "reason": reason, "boot": now.boot, "mono_s": now.last_mono_s}
        db.execute(_BURY, values)
        db.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
        mended.append(f"message {seq}: {reason}; it is among the dead letters as {place}")
    return mended


def _connectors(db: sqlite3.Connection) -> list[str]:
    mended: list[str] = []
    for *row, column in db.execute(_CONNECTORS).fetchall():
        record = rows.connector_record(*row)
        key = rows.session_key(record.session)
        there = key is None or db.execute("SELECT 1 FROM transactions WHERE key = ?", (key,)).fetchone() is not None
        if there and key == column:
            continue
        right = record if there else replace(record, session=Idle())
        db.execute(_PUT_SESSION, (rows.session_key(right.session), rows.session_value(right.session), record.number))
        if not there:
            mended.append(f"connector {record.number} was in session {key}, which is not there: it begins without one")
    return mended
