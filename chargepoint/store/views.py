"""What commands list, as plain dictionaries: the same from the running service and from a file at rest."""

import sqlite3
from typing import Any

from chargepoint.core.security_events import RULES
from chargepoint.store import newest

LIST_MAX = 1_000
QUEUED_MAX = 200

_DATE = "strftime('%Y-%m-%dT%H:%M:%SZ', {offset} + {mono}, 'unixepoch')"

_LEDGER = f"""
SELECT t.key, t.connector, t.id_tag,
    {_DATE.format(offset="coalesce(t.start_offset_s, b.offset_s)", mono="t.start_mono_s")} AS started,
    {_DATE.format(offset="coalesce(t.stop_offset_s, e.offset_s)", mono="t.stop_mono_s")} AS stopped,
    CAST(coalesce(t.meter_stop_wh - t.meter_start_wh, coalesce(n.register_last_wh, t.register_last_wh) - t.register_start_wh)
        AS INTEGER) AS energy_wh,
    t.meter_start_wh, t.meter_stop_wh, t.stop_reason AS reason, t.transaction_id, t.start_delivery, t.stop_delivery
FROM transactions t LEFT JOIN boots b ON b.boot = t.start_boot LEFT JOIN boots e ON e.boot = t.stop_boot
    LEFT JOIN ({newest.REGISTERS}) n ON n.key = t.key"""
_UNCONFIRMED = f"""SELECT coalesce(sum(max(energy_wh, 0)), 0) FROM ({_LEDGER}
    WHERE t.start_delivery != 'confirmed' OR t.stop_delivery IS NULL OR t.stop_delivery != 'confirmed')"""
_NEWEST = " ORDER BY t.key DESC LIMIT ? OFFSET ?"
_ONE = " WHERE t.key = ?"

_MESSAGE = "CASE d.kind WHEN 'start' THEN 'StartTransaction' WHEN 'stop' THEN 'StopTransaction' ELSE 'MeterValues' END"

_QUEUED = f"""
SELECT d.seq, {_MESSAGE} AS message, {_DATE.format(offset="coalesce(d.offset_s, b.offset_s)", mono="d.mono_s")} AS stamp,
    d.attempts
FROM outbox d LEFT JOIN boots b ON b.boot = d.boot WHERE d.transaction_key = ? ORDER BY d.seq LIMIT ?"""

_DEAD_OF_ONE = f"""
SELECT d.seq, {_MESSAGE} AS message, {_DATE.format(offset="coalesce(d.offset_s, b.offset_s)", mono="d.mono_s")} AS stamp,
    d.attempts, d.reason
FROM dead_letters d LEFT JOIN boots b ON b.boot = d.boot WHERE d.transaction_key = ? ORDER BY d.seq LIMIT ?"""

_DEAD_LETTERS = f"""
SELECT d.seq, {_MESSAGE} AS message, d.transaction_key AS key, t.connector, t.id_tag, t.transaction_id,
    {_DATE.format(offset="coalesce(d.offset_s, b.offset_s)", mono="d.mono_s")} AS stamp, d.attempts, d.reason,
    {_DATE.format(offset="a.offset_s", mono="d.at_mono_s")} AS given_up
FROM dead_letters d LEFT JOIN transactions t ON t.key = d.transaction_key
    LEFT JOIN boots b ON b.boot = d.boot LEFT JOIN boots a ON a.boot = d.at_boot
ORDER BY d.seq LIMIT ?"""

_SECURITY_LOG = f"""
SELECT s.seq, {_DATE.format(offset="coalesce(s.offset_s, b.offset_s)", mono="s.mono_s")} AS time, s.event, s.info, s.owed
FROM security_log s LEFT JOIN boots b ON b.boot = s.boot
ORDER BY s.seq DESC LIMIT ? OFFSET ?"""


def ledger(db: sqlite3.Connection, limit: int, offset: int) -> list[dict[str, Any]]:
    """Sessions, the newest first. energy_wh of one that still runs is what its meter has counted so far.

    started and stopped are UTC, None while the time of that boot is unknown. limit: at most LIST_MAX.
    """
    return _dictionaries(db.execute(_LEDGER + _NEWEST, (_within(limit), max(offset, 0))))


def session(db: sqlite3.Connection, key: int) -> dict[str, Any] | None:
    """One session of the ledger, with `queued` and `dead`: its messages that the Central System has not confirmed, the oldest
    QUEUED_MAX of them. None where there is no such session.
    """
    found = _dictionaries(db.execute(_LEDGER + _ONE, (key,)))
    if not found:
        return None
    return {
        **found[0],
        "queued": _dictionaries(db.execute(_QUEUED, (key, QUEUED_MAX))),
        "dead": _dictionaries(db.execute(_DEAD_OF_ONE, (key, QUEUED_MAX))),
    }


def unconfirmed_wh(db: sqlite3.Connection) -> int:
    """The energy of sessions that the Central System has not confirmed to their end, running ones and dead letters included."""
    return int(db.execute(_UNCONFIRMED).fetchone()[0])


def dead_letters(db: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """Messages that spent their attempts, the oldest first. limit: at most LIST_MAX."""
    return _dictionaries(db.execute(_DEAD_LETTERS, (_within(limit),)))


def security_log(db: sqlite3.Connection, limit: int, offset: int) -> list[dict[str, Any]]:
    """Security events, the newest first. time is UTC, None while that of its boot is unknown. limit: at most LIST_MAX.

    critical: as the white paper's list has it. owed: the Central System is still to be told; told: it was, or met no good end.
    """
    found = _dictionaries(db.execute(_SECURITY_LOG, (_within(limit), max(offset, 0))))
    critical = {event.value for event, rule in RULES.items() if rule.critical}
    told = {event.value for event, rule in RULES.items() if rule.told}
    return [
        {
            **row,
            "owed": bool(row["owed"]),
            "critical": row["event"] in critical,
            "told": row["event"] in told and not row["owed"],
        }
        for row in found
    ]


def _within(limit: int) -> int:
    return max(0, min(limit, LIST_MAX))


def _dictionaries(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
