"""Durable: files and names that are on the disk when a call returns, whatever happens to the power afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync_names(folder: Path) -> None:
    """What was made, renamed or taken away in the folder is on the disk after this. Blocks; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def anew(path: Path, mode: int = 0o600) -> int:
    """A descriptor for a new file. Whatever had its name is gone, a link too: who may write in the folder shall not choose
    what is written over in another. Blocks; raises OSError.
    """
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Takes what the file shall hold, for its owner only. It gets its name when all of it is on the disk; where that fails
    nothing is left of it. Blocks; raises OSError.
    """
    beside = path.with_name(path.name + ".new")
    try:
        with os.fdopen(anew(beside), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_names(path.parent)
