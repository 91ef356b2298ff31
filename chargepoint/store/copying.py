"""A copy of the database while the service writes it, without asking anything of the service but one number.

Between two merges the file itself does not change and the log only grows, and a log that is cut off anywhere gives the state
of its last whole commit. So: file first, then log, and nothing was merged meanwhile (`unmoved`), nor was the log begun anew
(its header is what it was). Whoever calls runs in another process than the one that writes: closing a file would drop
SQLite's locks on it there.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from chargepoint.durable import sync_names
from chargepoint.store import opening, schema
from chargepoint.store.errors import StoreError, failure, refused

TRIES = 5
WAL_HEADER = 32


def copy(directory: Path, target: Path, unmoved: Callable[[], object]) -> int:
    """Copies the database of a state's folder to the file `target`, checks it, and tells the version of its tables.

    unmoved: gives the same as long as no merge was begun; asked before and after. Raises StoreError.
    """
    database = directory / opening.DATABASE
    wal = database.with_name(f"{database.name}-wal")
    beside = target.with_name(f"{target.name}-wal")
    for _ in range(TRIES):
        before, header = unmoved(), _header(wal)
        try:
            shutil.copyfile(database, target)
            beside.unlink(missing_ok=True)
            if header:
                shutil.copyfile(wal, beside)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreError(f"{target.parent}: no room for a copy of {database}: free some there") from error
            raise refused(database, "copying", error) from error
        if _header(wal) == header and unmoved() == before and (not header or _header(beside) == header):
            return settle(target)
    raise StoreError(f"{database}: it was merged again and again while it was copied: try once more")


def settle(path: Path) -> int:
    """Makes one file of a copy and its log, and checks it; the version of its tables. Raises StoreError."""
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
                raise StoreError(f"{path}: this is not a database of this program")
            verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if verdict != "ok":
                raise StoreError(f"{path}: the copy is damaged ({' '.join(verdict.split())})")
            return schema.version_of(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise failure(path, "checking the copy", error) from error


def _header(wal: Path) -> bytes:
    try:
        with open(wal, "rb") as file:
            return file.read(WAL_HEADER)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise refused(wal, "reading", error) from error


def place(directory: Path, new: Path) -> Path | None:
    """Puts a database in the place of the one that is there, which is kept aside; where. The caller holds the lock.

    The old log is merged first where it can be: between two renames a power cut must not leave a file without its log.
    """
    database = directory / opening.DATABASE
    aside: Path | None = None
    try:
        if database.exists():
            _merge(database)
            aside = _free(directory)
            os.link(database, aside)
            for end in ("-wal", "-shm", "-journal"):
                left = database.with_name(database.name + end)
                if left.exists():
                    left.rename(aside.with_name(aside.name + end))
        os.chmod(new, 0o600)
        new.replace(database)
        sync_names(directory)
    except OSError as error:
        raise refused(database, "replacing", error) from error
    return aside


def _merge(database: Path) -> None:
    try:
        connection = sqlite3.connect(database)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return  # it cannot be read: it is kept as it is, with its log beside it


def _free(directory: Path) -> Path:
    number = 1
    while (path := directory / f"{opening.DATABASE}.replaced-{number}").exists():
        number += 1
    return path
