"""The newest: what nearly every commit changes, kept in row 0 of the outbox.

Owns the newest instant that was stored, and the registers that running transactions have reached since their records were
written. SQLite writes whole pages of 4 KiB, so what decides how long a card lives is how many of them a commit touches. Beside
the oldest rows of the outbox this costs none of its own: a sample that is appended and the row that goes with its answer change
one page each, and neither the boots nor the transactions.

`fold` takes it into boots and transactions at the start of a run: what reads these finds them whole. Until then the newest
counts (`REGISTERS`).
"""

import sqlite3
from typing import Annotated

import msgspec
from msgspec import Meta

from chargepoint.core.records import BootRecord, Stamp

KIND = "newest"

REGISTERS = """SELECT CAST(key AS INTEGER) AS key, json_extract(value, '$[0]') AS register_last_wh FROM json_each(
    (SELECT iif(json_valid(CAST(body AS TEXT)), CAST(body AS TEXT), '{}') FROM outbox WHERE seq = 0))"""
"""The registers of running transactions as a table, for whoever lists them."""

_BEGIN = """INSERT OR REPLACE INTO outbox (seq, transaction_key, kind, boot, mono_s, attempts, body)
    VALUES (0, 0, ?, ?, ?, 0, ?)"""

Wh = Annotated[float, Meta(ge=-1e13, le=1e13)]
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[int, tuple[Wh, Wh]])


def fold(db: sqlite3.Connection) -> list[str]:
    """Takes what the last run left into boots and transactions. A sentence for each thing that cannot be understood."""
    row = db.execute("SELECT boot, mono_s, body FROM outbox WHERE seq = 0").fetchone()
    if row is None:
        return []
    mended = []
    try:
        now = msgspec.convert(row[:2], Stamp)
        db.execute("UPDATE boots SET last_mono_s = max(last_mono_s, ?) WHERE boot = ?", (now.mono_s, now.boot))
    except msgspec.MsgspecError as error:
        mended.append(f"the newest instant cannot be understood ({error}): an older one counts")
    try:
        registers = _decoder.decode(row[2])
    except msgspec.MsgspecError as error:
        return [*mended, f"the newest registers cannot be understood ({error}): older ones count"]
    for key, register in registers.items():
        _write(db, key, register)
    return mended


def begin(db: sqlite3.Connection, boot: BootRecord) -> None:
    """A run begins, in this boot; what was there was folded."""
    db.execute(_BEGIN, (KIND, boot.boot, boot.last_mono_s, b"{}"))


def note(db: sqlite3.Connection, now: Stamp) -> None:
    """Nothing newer than this was stored; instants only grow."""
    noted = db.execute("UPDATE outbox SET mono_s = max(mono_s, ?) WHERE seq = 0 AND boot = ?", (now.mono_s, now.boot))
    if not noted.rowcount:
        db.execute("UPDATE boots SET last_mono_s = max(last_mono_s, ?) WHERE boot = ?", (now.mono_s, now.boot))


def put_register(db: sqlite3.Connection, key: int, last_wh: float, shift_wh: float) -> None:
    """How far a running transaction has come."""
    registers = _registers(db)
    if registers is None:
        _write(db, key, (last_wh, shift_wh))
    else:
        registers[key] = (last_wh, shift_wh)
        _store(db, registers)


def forget_register(db: sqlite3.Connection, key: int) -> None:
    """The transaction's record was written: what it says is the newest."""
    registers = _registers(db)
    if registers and registers.pop(key, None) is not None:
        _store(db, registers)


def _registers(db: sqlite3.Connection) -> dict[int, tuple[float, float]] | None:
    """None where no run has begun. What cannot be understood is begun anew."""
    row = db.execute("SELECT body FROM outbox WHERE seq = 0").fetchone()
    if row is None:
        return None
    try:
        return _decoder.decode(row[0])
    except msgspec.MsgspecError:
        return {}


def _store(db: sqlite3.Connection, registers: dict[int, tuple[float, float]]) -> None:
    db.execute("UPDATE outbox SET body = ? WHERE seq = 0", (_encoder.encode(registers),))


def _write(db: sqlite3.Connection, key: int, register: tuple[float, float]) -> None:
    db.execute("UPDATE transactions SET register_last_wh = ?, register_shift_wh = ? WHERE key = ?", (*register, key))
