"""Target: the database that the station goes on with."""

import json
import random
import sqlite3
import tempfile
from pathlib import Path

from chargepoint.store import StoreError, open_store
from hil.disk.life import small_reserve
from hil.fuzz import mutation
from hil.fuzz.reviving import Revived
from hil.fuzz.stored import database
from hil.fuzz.target import PLACE, in_words


class Databases:
    """A database with harms in it is refused or moved aside in words, or a station goes on with it and does not stumble over
    what it finds. The first input is the file, nothing for one that is whole; each other is an SQL statement; what the tables
    do not allow is passed over.
    """

    name = "databases"

    def case(self, rng: random.Random) -> list[bytes]:
        content = database()
        if rng.random() < 0.3:
            return [mutation.bytes_of(rng, content, rng.randint(1, 5))]
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder:
            path = Path(folder) / "station.db"
            path.write_bytes(content)
            db = sqlite3.connect(path)
            try:
                statements = [_harm(rng, db) for _ in range(rng.choice((1, 1, 2, 4)))]
            finally:
                db.close()
        return [b"", *(statement.encode("utf-8", "replace") for statement in statements)]

    def run(self, inputs: list[bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder, small_reserve():
            path = Path(folder) / "state" / "station.db"
            path.parent.mkdir()
            path.write_bytes((inputs[0] if inputs else b"") or database())
            _apply(path, [statement.decode("utf-8", "replace") for statement in inputs[1:]])
            try:
                store = open_store(path.parent, "another-boot", 5.0)
            except StoreError as error:
                in_words(error, str(path))
                return
            try:
                Revived(store).live()
            except StoreError as error:
                in_words(error, str(path))
            finally:
                store.close()
            for finding in store.findings:
                assert str(path) in finding


def _harm(rng: random.Random, db: sqlite3.Connection) -> str:
    """A statement that changes, doubles or removes something."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    filled = [name for name in tables if db.execute(f"SELECT 1 FROM {name}").fetchone()]
    table = rng.choice(filled)
    columns = [(row[1], row[2]) for row in db.execute(f"PRAGMA table_info({table})")]
    column, kind = rng.choice(columns)
    count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    where = f"WHERE rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {rng.randrange(count)})"
    if "rowid" not in _options(db, table):
        where = f"WHERE {columns[0][0]} = (SELECT {columns[0][0]} FROM {table} LIMIT 1 OFFSET {rng.randrange(count)})"
    if rng.random() < 0.25:
        return f"DELETE FROM {table} {where}"
    match kind:
        case "INTEGER":
            new = str(rng.choice((0, 1, -1, 2, 7, 2**31, 2**62, -(2**62))))
        case "REAL":
            new = str(rng.choice((0.0, -1.0, 1e300, -1e300, 1e18, 4.5, 9e999)))
        case "BLOB":
            new = f"CAST({_quoted(_json_harm(rng, db, table, column))} AS BLOB)"
        case _:
            new = _quoted(rng.choice(("", "x", "Accepted", "confirmed", "start", "HeartbeatInterval", "-1", "y" * 600)))
    if rng.random() < 0.1:
        new = "NULL"
    return f"UPDATE OR IGNORE {table} SET {column} = {new} {where}"


def _options(db: sqlite3.Connection, table: str) -> str:
    sql = str(db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])
    return "" if "WITHOUT ROWID" in sql else "rowid"


def _json_harm(rng: random.Random, db: sqlite3.Connection, table: str, column: str) -> str:
    contents = [content for (content,) in db.execute(f"SELECT {column} FROM {table}")]
    value = json.loads(rng.choice(contents) or "null")
    return mutation.json_text(rng, value, rng.randint(0, 2)).replace("\x00", "")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _apply(path: Path, statements: list[str]) -> None:
    if not statements:
        return
    db = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            try:
                db.execute(statement)
            except sqlite3.Error:
                continue  # the tables do not allow it, or a case that was made smaller says nothing
    finally:
        db.close()
