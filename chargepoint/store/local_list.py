"""The local list in the store: generations of which one is in force (OCPP 1.6 section 5.15).

Owns the table `local_list` and the three numbers in `meta` that say which generation, version and length it has. A Full
update lays a new generation down in pieces, beside whatever else is stored meanwhile; one small commit then puts it in force.
A Differential one changes the generation in force in one commit. What a power cut leaves of an unfinished generation is
never looked at and goes with the next update. Runs inside transactions that `Store` opens.

Many entries go into one statement. SQLite works without the interpreter's lock, but takes and gives it around every statement:
entry by entry, the event loop waits whenever it wants the lock back, and a fault with it.
"""

import sqlite3
from collections.abc import Sequence

from chargepoint.core.records import IdTagRecord
from chargepoint.store import rows

PIECE = 500  # entries laid down or swept away in one transaction: a few milliseconds, on a slow card too
GENERATION, VERSION, LENGTH = "list_generation", "list_version", "list_length"

_COLUMNS = ("generation", "key", *rows.ID_TAG_COLUMNS)
_AT_ONCE = 100  # entries in a statement; 600 of the 999 values that an old SQLite takes
_PUT = rows.replace(_COLUMNS, "local_list")
_PUT_AT_ONCE = rows.replace(_COLUMNS, "local_list", _AT_ONCE)
_TAKE_AWAY = "DELETE FROM local_list WHERE generation = ? AND key IN ({})"
_IN_FORCE = f"coalesce((SELECT value FROM meta WHERE name = '{GENERATION}'), 0)"
LISTED = f"{rows.select(rows.ID_TAG_COLUMNS, 'local_list')} WHERE generation = {_IN_FORCE} AND key = ?"

_SWEEP = f"""DELETE FROM local_list WHERE (generation, key) IN (
    SELECT generation, key FROM local_list WHERE generation < {_IN_FORCE} OR generation > {_IN_FORCE} LIMIT {PIECE})"""


class TooLong(Exception):
    """The list would become longer than it may."""


def number(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def lay_down(db: sqlite3.Connection, generation: int, entries: Sequence[tuple[str, IdTagRecord]]) -> None:
    """Some entries, with their keys, of a generation. Of two with the same key the later one stays."""
    whole = len(entries) - len(entries) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):
        piece = entries[start : start + _AT_ONCE]
        db.execute(_PUT_AT_ONCE, [value for entry in piece for value in _values(generation, *entry)])
    db.executemany(_PUT, (_values(generation, *entry) for entry in entries[whole:]))


def take_away(db: sqlite3.Connection, generation: int, keys: Sequence[str]) -> None:
    for start in range(0, len(keys), _AT_ONCE):
        piece = keys[start : start + _AT_ONCE]  # each a value of its own: SQLite's JSON ends a text at a NUL
        db.execute(_TAKE_AWAY.format(", ".join("?" * len(piece))), (generation, *piece))


def _values(generation: int, key: str, record: IdTagRecord) -> rows.Values:
    return (generation, key, *rows.id_tag_values(record))


def put_in_force(db: sqlite3.Connection, generation: int, version: int, length_max: int) -> int:
    """This generation is the list from now on. Returns its length; raises TooLong, and then the transaction must be undone."""
    length = int(db.execute("SELECT count(*) FROM local_list WHERE generation = ?", (generation,)).fetchone()[0])
    if length > length_max:
        raise TooLong(f"it would have {length} entries, and LocalAuthListMaxLength is {length_max}")
    numbers = ((GENERATION, generation), (VERSION, version), (LENGTH, length))
    db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", numbers)
    return length


def sweep(db: sqlite3.Connection) -> int:
    """Takes a piece of what is not in force away; returns how many entries that were. 0: nothing is left."""
    return db.execute(_SWEEP).rowcount
