"""The schema, as numbered steps that only go forward.

Step N brings a database of version N - 1 to version N and is never edited once it has shipped: a change is a new step at the
end. `PRAGMA user_version` holds the number and changes in the step's own transaction; it is the only record of it, so that an
up-to-date database is known by four bytes of its header. sqlite-utils (70 ms and 4 MB) is imported only where tables that hold
something are changed: a new file takes its steps as plain SQL.

Typed columns hold what commands ask for; JSON in BLOB columns holds what only the core reads.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x43504F54  # tells the file from another program's database; "CPOT" in a hex dump
VERSION_MAX = 9_999  # a higher number in the header is damage, not a newer program


Tables: TypeAlias = "Database | sqlite3.Connection"  # what a step uses must be there in both: `execute`
Step = Callable[[Tables], None]


def _step_1(db: Tables) -> None:
    """Everything that one whole charge needs."""
    for statement in _TABLES_1:
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


_TABLES_1 = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE boots (
        boot INTEGER PRIMARY KEY, kernel_boot_id TEXT NOT NULL, first_mono_s REAL NOT NULL, last_mono_s REAL NOT NULL,
        offset_s REAL, floor_s REAL) STRICT""",
    "CREATE TABLE configuration (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE connectors (
        number INTEGER PRIMARY KEY, operative INTEGER NOT NULL, pending TEXT, transaction_key INTEGER,
        session BLOB NOT NULL) STRICT""",
    """CREATE TABLE transactions (
        key INTEGER PRIMARY KEY, connector INTEGER NOT NULL, id_tag TEXT NOT NULL, parent_id_tag TEXT,
        id_listed INTEGER NOT NULL, reservation_id INTEGER, start_boot INTEGER NOT NULL, start_mono_s REAL NOT NULL,
        start_offset_s REAL, register_start_wh REAL NOT NULL, meter_start_wh INTEGER NOT NULL, register_last_wh REAL NOT NULL,
        register_shift_wh REAL NOT NULL, transaction_id INTEGER, id_status TEXT, start_delivery TEXT NOT NULL,
        stop_boot INTEGER, stop_mono_s REAL, stop_offset_s REAL, meter_stop_wh INTEGER, stop_reason TEXT, stop_id_tag TEXT,
        stop_delivery TEXT) STRICT""",
    """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY, transaction_key INTEGER NOT NULL, kind TEXT NOT NULL, boot INTEGER NOT NULL,
        mono_s REAL NOT NULL, offset_s REAL, attempts INTEGER NOT NULL, body BLOB NOT NULL) STRICT""",
    "CREATE INDEX outbox_by_transaction ON outbox (transaction_key)",
    """CREATE TABLE dead_letters (
        seq INTEGER PRIMARY KEY, transaction_key INTEGER NOT NULL, kind TEXT NOT NULL, boot INTEGER NOT NULL,
        mono_s REAL NOT NULL, offset_s REAL, attempts INTEGER NOT NULL, body BLOB NOT NULL, reason TEXT NOT NULL,
        at_boot INTEGER NOT NULL, at_mono_s REAL NOT NULL) STRICT""",
    "CREATE INDEX dead_letters_by_transaction ON dead_letters (transaction_key)",
    """CREATE TABLE stop_samples (
        transaction_key INTEGER NOT NULL, number INTEGER NOT NULL, sample BLOB NOT NULL,
        PRIMARY KEY (transaction_key, number)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE id_cache (
        age INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, id_tag TEXT NOT NULL, status TEXT NOT NULL, parent_id_tag TEXT,
        expiry_s REAL) STRICT""",
    """CREATE TABLE local_list (
        key TEXT PRIMARY KEY, id_tag TEXT NOT NULL, status TEXT NOT NULL, parent_id_tag TEXT,
        expiry_s REAL) STRICT, WITHOUT ROWID""",
)


def _step_2(db: Tables) -> None:
    """Reservations, and a local list of which the next generation can be laid down beside the one in force."""
    for statement in _TABLES_2:
        db.execute(statement)


_TABLES_2 = (
    "DROP TABLE local_list",
    """CREATE TABLE local_list (
        generation INTEGER NOT NULL, key TEXT NOT NULL, id_tag TEXT NOT NULL, status TEXT NOT NULL, parent_id_tag TEXT,
        expiry_s REAL, PRIMARY KEY (generation, key)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reservations (
        reservation_id INTEGER PRIMARY KEY, connector INTEGER NOT NULL, id_tag TEXT NOT NULL, parent_id_tag TEXT,
        expiry_s REAL NOT NULL) STRICT""",
)


def _step_3(db: Tables) -> None:
    """Charging profiles."""
    db.execute(
        """CREATE TABLE charging_profiles (
            charging_profile_id INTEGER PRIMARY KEY, connector INTEGER NOT NULL, purpose TEXT NOT NULL,
            stack_level INTEGER NOT NULL, record BLOB NOT NULL) STRICT"""
    )


def _step_4(db: Tables) -> None:
    """Where firmware updates and uploads of diagnostics have come to."""
    db.execute("CREATE TABLE maintenance (name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID")


def _step_5(db: Tables) -> None:
    """Faults that an installer must clear, by their names with spaces between; how often each contactor was closed."""
    db.execute("ALTER TABLE connectors ADD COLUMN latched TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE connectors ADD COLUMN cycles INTEGER NOT NULL DEFAULT 0")


def _step_6(db: Tables) -> None:
    """A commit touches fewer pages: of the outbox only rows of transactions that were delivered before (dead letters that are
    replayed) are found by their transaction, and row 0 holds what nearly every commit changes (see `newest`).
    """
    db.execute("DROP INDEX outbox_by_transaction")
    db.execute("ALTER TABLE outbox ADD COLUMN late INTEGER NOT NULL DEFAULT 0")
    db.execute("UPDATE outbox SET late = 1")
    db.execute("CREATE INDEX outbox_late ON outbox (transaction_key) WHERE late = 1")


def _step_7(db: Tables) -> None:
    """The security log."""
    for statement in _TABLES_7:
        db.execute(statement)


_TABLES_7 = (
    """CREATE TABLE security_log (
        seq INTEGER PRIMARY KEY, event TEXT NOT NULL, boot INTEGER NOT NULL, mono_s REAL NOT NULL, offset_s REAL,
        info TEXT NOT NULL, owed INTEGER NOT NULL) STRICT""",
    "CREATE INDEX security_log_by_event ON security_log (event, seq)",
    "CREATE INDEX security_log_owed ON security_log (seq) WHERE owed",
)


STEPS: tuple[Step, ...] = (_step_1, _step_2, _step_3, _step_4, _step_5, _step_6, _step_7)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def bring_up_to_date(connection: sqlite3.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Takes every step that is due, each in one transaction; a step that fails leaves the version before it."""
    version = version_of(connection)
    if version >= len(steps):
        return
    db, atomic = _plain(connection) if version == 0 else _with_tools(connection)
    for number, step in enumerate(steps[version:], start=version + 1):
        with atomic():
            step(db)
            connection.execute(f"PRAGMA user_version = {number}")


def _plain(connection: sqlite3.Connection) -> tuple[Tables, Callable[[], AbstractContextManager[object]]]:
    @contextmanager
    def atomic() -> Iterator[None]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    return connection, atomic


def _with_tools(connection: sqlite3.Connection) -> tuple[Tables, Callable[[], AbstractContextManager[object]]]:
    from sqlite_utils import Database

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    return database, database.atomic
