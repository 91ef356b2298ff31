"""Reading the store while the service is stopped: nothing is written, repaired or merged.

`path` is the station's state directory. A running service is asked through its control socket instead; here its lock makes
for a StoreError that says so.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, Struct

from chargepoint.core.security_records import SecurityRecord
from chargepoint.store import opening, rows, schema, views
from chargepoint.store.errors import NoStore, StoreError, failure


def ledger(path: Path, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
    """Sessions, the newest first (see `views.ledger`)."""
    with _opened(path) as (database, db), _named(database):
        return views.ledger(db, limit, offset)


def dead_letters(path: Path, limit: int = views.LIST_MAX) -> list[dict[str, Any]]:
    """Messages that spent their attempts, the oldest first (see `views.dead_letters`)."""
    with _opened(path) as (database, db), _named(database):
        return views.dead_letters(db, limit)


def security_log(path: Path, limit: int = views.LIST_MAX, offset: int = 0) -> list[dict[str, Any]]:
    """Security events, the newest first (see `views.security_log`)."""
    with _opened(path) as (database, db), _named(database):
        return views.security_log(db, limit, offset)


class Credentials(Struct, frozen=True):
    """How the station proves itself, where that was changed since its first start; empty and 0 where it was not.

    security: the record that tells whether the settings' key is newer. wildcards: AllowCentralSystemTLSWildcards; None where
    the settings' value counts.
    """

    authorization_key: str = ""
    security_profile: int = 0
    security: SecurityRecord = SecurityRecord()
    wildcards: bool | None = None


def credentials(path: Path) -> Credentials:
    """AuthorizationKey and the highest security profile that was set or has reached the Central System.

    Raises NoStore where there is no database, StoreError where it cannot be read.
    """
    with _opened(path) as (database, db), _named(database):
        given = dict(db.execute("SELECT name, value FROM configuration").fetchall())
        record = db.execute("SELECT record FROM maintenance WHERE name = 'security'").fetchone()
    try:
        security = rows.security_record(None if record is None else record[0])
    except MsgspecError as error:
        raise StoreError(f"{database}: its record of security cannot be understood ({error})") from error
    wildcards = given.get("AllowCentralSystemTLSWildcards")
    return Credentials(
        authorization_key=str(given.get("AuthorizationKey", "")),
        security_profile=max(security.wanted or 0, security.proven),
        security=security,
        wildcards=None if wildcards is None else wildcards == "true",
    )


def sessions_in(database: Path) -> int:
    """How many sessions the ledger of a copy holds."""
    with _named(database), closing(opening.read_only(database)) as db:
        return int(db.execute("SELECT count(*) FROM transactions").fetchone()[0])


def in_use(path: Path) -> bool:
    """Whether a running service has the store open."""
    try:
        descriptor = os.open(path / opening.LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    database = directory / opening.DATABASE
    with held(directory):
        try:
            there = database.stat().st_size > 0
        except FileNotFoundError:
            there = False
        except OSError as error:
            raise StoreError(f"{database}: {error.strerror}: run the command as the service's user, or with sudo") from error
        if not there:
            raise NoStore(f"{database}: there is none: check state_dir in the settings, or start the service once")
        if not os.access(database, os.R_OK):
            raise StoreError(f"{database}: Permission denied: run the command as the service's user, or with sudo")
        with _named(database):
            db = opening.read_only(database)
        try:
            with _named(database):
                _expect_known(database, schema.version_of(db))
            yield database, db
        finally:
            db.close()


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keeps a service from starting meanwhile. A copy of the files without its lock file is read without one."""
    path = directory / opening.LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}: run the command as the service's user, or with sudo") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"{path}: the service runs: ask it through its control socket, or stop it first") from error
    finally:
        os.close(descriptor)


@contextmanager
def _named(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise failure(database, "reading", error) from error


def _expect_known(database: Path, version: int) -> None:
    if version != len(schema.STEPS):
        known = len(schema.STEPS)
        raise StoreError(
            f"{database}: it has version {version} of the tables, and this program reads {known}: "
            + ("start the service once" if version < known else "install the newer program again")
        )
