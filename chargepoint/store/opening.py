"""From a directory to one checked, locked, up-to-date connection.

The order matters: take the lock, look at the database without the power to write, move it aside where it cannot be read, and
only then open it for writing. Closing a writing connection merges its log into the file, so a damaged database is never
opened by one: it is kept byte for byte.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from chargepoint.durable import sync_names
from chargepoint.store import schema
from chargepoint.store.errors import StoreError, code_of, failure, is_damage, is_lack_of_room, refused
from chargepoint.store.space import Space

DATABASE = "station.db"
LOCK = "station.lock"
SUSPECT = "station.db.suspect"  # its presence asks the next start for the long check
BUSY_S = 0.25
ASIDE_MAX = 10  # databases moved aside; with so many the disk is not to be trusted with another one
PAGE_BYTES = 4096  # the file system's block: a write that is cut short hurts no neighbour

_MAGIC = b"SQLite format 3\0"
_PRAGMAS = (
    # Before the first access: the index of the log then lies in memory, not in a mapped file, and no other program can write
    # or checkpoint beside us (SQLite before 3.51.3 can corrupt the file when two connections do).
    "PRAGMA locking_mode = EXCLUSIVE",
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -1024",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
)


class _Damaged(Exception):
    """The database cannot be read; the text says how that showed."""


def make_directory(directory: Path) -> None:
    """0700: it names cards and their holders' sessions."""
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, mode=0o700)
            sync_names(directory.parent)
    except OSError as error:
        raise refused(directory, "making the directory", error) from error


def lock(directory: Path) -> int:
    """The lock that lets one process write; released when the descriptor is closed, also by the process's end."""
    path = directory / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(path, "opening", error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{path}: another chargepoint process uses {directory}: stop it first") from error
    return descriptor


def connect(directory: Path, space: Space) -> tuple[sqlite3.Connection, tuple[str, ...]]:
    """The writing connection, and what a person must be told of the way to it. The caller holds the lock."""
    path = directory / DATABASE
    findings = _check(path)
    try:
        return _open(path), findings
    except sqlite3.Error as error:
        if not (is_lack_of_room(error) and space.give_way()):
            raise failure(path, "opening", error) from error
    try:
        return _open(path), findings
    except sqlite3.Error as error:
        raise failure(path, "opening", error) from error


def suspect(directory: Path) -> None:
    """Asks the next start for the check that also compares indexes with their tables."""
    (directory / SUSPECT).touch(mode=0o600)


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint. Raises sqlite3.Error where there is no database.

    Without a log beside it the file is taken as it is (immutable), and nothing is created next to it. The caller makes sure
    that nobody writes meanwhile.
    """
    mode = (
        "mode=ro" if _size(_beside(path, "-wal")) or path.with_name(f"{path.name}-journal").exists() else "mode=ro&immutable=1"
    )
    uri = f"file:{quote(str(path.absolute()))}?{mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)


def _open(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise refused(path, "opening", error) from error
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma).fetchall()
        if schema.version_of(connection) > len(schema.STEPS):
            raise _too_new(path, schema.version_of(connection))
        schema.bring_up_to_date(connection)
    except BaseException:
        connection.close()
        raise
    sync_names(path.parent)
    return connection


def _check(path: Path) -> tuple[str, ...]:
    """Moves a database aside that cannot be read. Raises StoreError for one that can, but not by this program."""
    marker = path.with_name(SUSPECT)
    thorough = marker.exists()
    try:
        _look(path, thorough)
    except _Damaged as damage:
        moved = _move_aside(path)
        findings: tuple[str, ...] = (f"{path} could not be read ({damage}): it is kept as {moved}, and {path} begins anew",)
    except sqlite3.Error as error:
        raise failure(path, "checking", error) from error
    except OSError as error:
        raise refused(path, "checking", error) from error
    else:
        findings = ()
    if thorough:
        try:
            marker.unlink()
        except OSError as error:
            raise refused(marker, "removing", error) from error
    return findings


def _look(path: Path, thorough: bool) -> None:
    if not _size(path):
        if _size(_beside(path, "-wal")):
            raise _Damaged("it is empty or missing, but its log is there")
        return
    # Beside a log or a journal the first page may be half written: what counts is the copy in there, which SQLite looks at.
    healed = _beside(path, "-journal").exists() or (_size(_beside(path, "-wal")) and _size(path) >= PAGE_BYTES)
    if not healed:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise _Damaged("it is no SQLite database")
    shm = _beside(path, "-shm")
    had_shm = shm.exists()
    connection = read_only(path)
    try:
        _examine(connection, path, "integrity_check" if thorough else "quick_check")
    except UnicodeDecodeError as error:  # SQLite's own complaint of a damaged schema quotes it
        raise _Damaged("its schema is no text") from error
    except sqlite3.DatabaseError as error:
        if code_of(error) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return  # power was cut while the file was made: opening it for writing rolls that back
        if is_damage(error):
            raise _Damaged(str(error)) from error
        raise
    finally:
        connection.close()
        if not had_shm:
            shm.unlink(missing_ok=True)


def _examine(connection: sqlite3.Connection, path: Path, check: str) -> None:
    version = schema.version_of(connection)
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not ours and not (empty and version == 0):
        raise _Damaged("it is not a database of this program")
    if not 0 <= version <= schema.VERSION_MAX:
        raise _Damaged(f"it claims version {version}")
    if version > len(schema.STEPS):
        raise _too_new(path, version)
    verdict = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
    if verdict != "ok":
        raise _Damaged(" ".join(verdict.split()))


def _too_new(path: Path, version: int) -> StoreError:
    return StoreError(
        f"{path}: it has version {version} of the tables, and this program knows up to {len(schema.STEPS)}: "
        "install the newer program again; the file is untouched"
    )


def _move_aside(path: Path) -> Path:
    """Renames database and log together, under the first number that is free; StoreError where there are ASIDE_MAX."""
    number = 1
    while any(_beside(_aside(path, number), end).exists() for end in ("", "-wal", "-shm", "-journal")):
        number += 1
    if number > ASIDE_MAX:
        raise StoreError(
            f"{path} cannot be read, and {ASIDE_MAX} earlier ones are kept beside it already ({path.name}.unreadable-N): the "
            "disk is failing. Replace it, or move these files elsewhere to begin anew; keep them, sessions may wait in them"
        )
    target = _aside(path, number)
    try:
        for end in ("", "-wal", "-shm", "-journal"):
            if _beside(path, end).exists():
                _beside(path, end).rename(_beside(target, end))
        sync_names(path.parent)
    except OSError as error:
        raise refused(path, f"moving it aside to {target.name}", error) from error
    return target


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.unreadable-{number}")


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
