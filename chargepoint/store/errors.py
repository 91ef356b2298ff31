"""What can go wrong with the file that the station keeps, in words for the person who stands before it."""

import sqlite3
from pathlib import Path

_NEXT_STEPS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space in {directory}",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; the next start checks it and moves it aside",
    sqlite3.SQLITE_NOTADB: "the file is no database; the next start moves it aside",
    sqlite3.SQLITE_READONLY: "it cannot be written; mount the disk read-write and let the service's user write to {directory}",
    sqlite3.SQLITE_BUSY: "another program has it open; close that program",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; let the service's user read and write {directory}",
    sqlite3.SQLITE_PERM: "it cannot be opened; let the service's user read and write {directory}",
    sqlite3.SQLITE_IOERR: "the disk does not do what it is asked; look at the kernel's log and replace the card",
}
KEEP = "keep station.db for the makers, sessions may wait in it; to begin anew, stop the service and move that file elsewhere"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
_WITHOUT_ROOM = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}


class StoreError(Exception):
    """The store cannot do its work; the text names the file, what was seen and what to do next."""


class NoStore(StoreError):
    """There is no store yet: no station has run with this state."""


def failure(path: Path, doing: str, error: sqlite3.Error) -> StoreError:
    """The error of `doing` something with the database at `path`, with the next step for a person."""
    next_step = _NEXT_STEPS.get(code_of(error) & 0xFF, "see the program's log")
    return StoreError(f"{path}: {doing} failed ({error}): {next_step.format(directory=path.parent)}")


def refused(path: Path, doing: str, error: OSError) -> StoreError:
    """The error of `doing` something with a file or directory, before SQLite comes into it."""
    if isinstance(error, PermissionError):
        next_step = "run the command as the service's user, or with sudo; that user must be allowed to read and write there"
    else:
        next_step = "give the service's user a disk with room that it may write to"
    return StoreError(f"{path}: {doing} failed ({error.strerror}): {next_step}")


def is_damage(error: sqlite3.Error) -> bool:
    """The content cannot be read: no database, a damaged one, or a sector that is lost."""
    return code_of(error) & 0xFF in _DAMAGED or code_of(error) in _UNREADABLE


def is_lack_of_room(error: sqlite3.Error) -> bool:
    """A write found no room. SQLite tells a quota and a late refusal (at fsync) as errors of the disk."""
    return code_of(error) & 0xFF == sqlite3.SQLITE_FULL or code_of(error) in _WITHOUT_ROOM


def code_of(error: sqlite3.Error) -> int:
    """SQLite's extended result code; errors of Python's own checks have none."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code if isinstance(code, int) else 0
