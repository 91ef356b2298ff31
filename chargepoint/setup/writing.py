"""Writes a station's file: checked as a whole first, then whole or not at all, readable by its owner and the service only.

What was there stays beside it as FILE.old.
"""

import grp
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chargepoint.durable import anew, sync_names
from chargepoint.registry import check_file
from chargepoint.tables import Problem

SERVICE_GROUP = "chargepoint"
SYSTEM = Path("/etc/chargepoint")


class Refused(Exception):
    """The file would not be right, or cannot be written. problems: what is wrong with it."""

    def __init__(self, text: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(text)
        self.problems = problems


def check(path: Path, text: str) -> None:
    """Whether `write` would take it; nothing stays of the attempt. Raises Refused."""
    with _checked(path, text):
        pass


@contextmanager
def _checked(path: Path, text: str) -> Iterator[Path]:
    """A file beside the one that is meant, right and on the disk. Raises Refused."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.toml")
    try:
        _put(beside, text)
        try:
            problems = tuple(_renamed(problem, path) for problem in check_file(beside).problems)
            if problems:
                raise Refused("the station would not run as it should, so nothing was written", problems)
            yield beside
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        hint = "run it with sudo" if isinstance(error, PermissionError) else "name another place with --config"
        raise Refused(f"{path} cannot be written: {error.strerror or error}; {hint}") from error


def write(path: Path, text: str) -> Path | None:
    """Replaces the file; where the old one is kept now, None where there was none. Raises Refused, and nothing has changed."""
    old = path.with_name(f"{path.name}.old")
    kept = None
    with _checked(path, text) as beside:
        _owned_as(beside, path)
        if path.exists():
            _keep(path, old)
            kept = old
        beside.replace(path)
        sync_names(path.parent)
    return kept


def _put(path: Path, text: str) -> None:
    with os.fdopen(anew(path), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _keep(path: Path, old: Path) -> None:
    old.unlink(missing_ok=True)
    try:
        os.link(path, old)
    except PermissionError:  # somebody else's file, which the kernel lets nobody link to who may not write it
        _put(old, path.read_text(encoding="utf-8", errors="replace"))


def _owned_as(beside: Path, path: Path) -> None:
    """As the file that is replaced, others left out; a new one in the system's folder is for the service's group too."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.absolute().parent == SYSTEM and (group := _group()) is not None:
            if beside.stat().st_gid != group:
                os.chown(beside, -1, group, follow_symlinks=False)
            os.chmod(beside, 0o640)
        return
    if os.geteuid() == 0:
        os.chown(beside, found.st_uid, found.st_gid, follow_symlinks=False)
    os.chmod(beside, (found.st_mode & 0o640) | 0o600)


def _group() -> int | None:
    try:
        return grp.getgrnam(SERVICE_GROUP).gr_gid
    except KeyError:
        return None


def _renamed(problem: Problem, path: Path) -> Problem:
    from msgspec.structs import replace

    return replace(problem, file=str(path))
