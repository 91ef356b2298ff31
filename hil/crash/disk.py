"""The disk under the station: now and then a small file system that fills up, or a quota.

A small file system is a tmpfs, mounted for this process and its children alone (a mount namespace of their own), so nothing
of it is left behind whatever happens. It takes root; a quota (RLIMIT_FSIZE) takes nothing.
"""

import ctypes
import os
import resource
import shutil
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000
MNT_DETACH = 2
SMALL_BYTES = 12 << 20
FILLER = "filler"


def own_mounts() -> str | None:
    """Gives this process mounts of its own; why not, where it cannot. Call it before any thread is started."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        return "this is not Linux"
    if libc.unshare(CLONE_NEWNS) != 0:
        return os.strerror(ctypes.get_errno())
    if libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
        return os.strerror(ctypes.get_errno())
    return None


class SmallDisk:
    """A folder that is moved onto a small file system and back. Nobody may use it meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.mounted = False

    def mount(self) -> None:
        """The folder's content comes along. Raises OSError."""
        beside = self._folder.with_name(f"{self._folder.name}.large")
        _copy(self._folder, beside)
        options = f"size={SMALL_BYTES},mode=0700".encode()
        if self._libc.mount(b"none", os.fsencode(self._folder), b"tmpfs", 0, options) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self._folder))
        self.mounted = True
        _copy(beside, self._folder)
        shutil.rmtree(beside)

    def unmount(self) -> None:
        """Back onto the large disk, with what is there now."""
        if not self.mounted:
            return
        self.heal()
        beside = self._folder.with_name(f"{self._folder.name}.small")
        _copy(self._folder, beside)
        if self._libc.umount2(os.fsencode(self._folder), MNT_DETACH) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self._folder))
        self.mounted = False
        for old in self._folder.iterdir():
            old.unlink()
        _copy(beside, self._folder)
        shutil.rmtree(beside)

    def fill(self, left_bytes: int) -> None:
        """Takes all room but so much."""
        disk = os.statvfs(self._folder)
        take = disk.f_bavail * disk.f_frsize - left_bytes
        if take > 0:
            with (self._folder / FILLER).open("ab") as file:
                os.posix_fallocate(file.fileno(), file.tell(), take)

    def heal(self) -> None:
        """Gives the room back."""
        (self._folder / FILLER).unlink(missing_ok=True)


def set_quota(pid: int, bytes_max: int | None) -> None:
    """No file of the process may grow beyond so much; None lifts it. A process that is gone needs none."""
    with suppress(ProcessLookupError):
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        soft = hard if bytes_max is None else bytes_max
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def _copy(source: Path, target: Path) -> None:
    """Regular files only: a socket belongs to a process."""
    target.mkdir(mode=0o700, exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copy2(file, target / file.name)
