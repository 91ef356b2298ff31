"""Room on the disk: how much is left, and a reserve for the last words of a full one.

The reserve is a file of RESERVE_BYTES that holds nothing. When a commit finds the disk full, the reserve goes and the commit
has its room: running sessions can be ended and booked while `trouble` keeps new ones from beginning. On a disk of a few MiB
everything is smaller: the reserve at most a sixth of it, and a quarter that is free is no trouble.
"""

import os
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20
RESERVE_BYTES = 2 * MIB
LEAST_BYTES = 4 * MIB  # less than this free is trouble
AGAIN_BYTES = 5 * MIB  # and trouble ends only here, so that it does not flicker
RESERVE_PART, LEAST_PART, AGAIN_PART = 6, 4, 3  # of a small disk: a sixth, a quarter, a third


class Space:
    """One directory and its reserve."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.reserve = directory / "reserve"
        self._reserve_bytes = RESERVE_BYTES
        with suppress(OSError):  # a directory that cannot be looked at is told by `trouble`
            self._reserve_bytes = _at_most(RESERVE_BYTES, RESERVE_PART, os.statvfs(directory))
        self.has_reserve = self._is_reserve_whole()
        self._low = False

    def give_way(self) -> bool:
        """Frees the reserve. False where there is none, or where it cannot be removed."""
        try:
            self.reserve.unlink()
        except OSError:
            return False
        finally:
            self.has_reserve = False
        return True

    def trouble(self) -> str | None:
        """Why hardly anything more can be kept, None where there is room. Makes the reserve anew once there is plenty."""
        try:
            disk = os.statvfs(self._directory)
        except OSError as error:
            return f"{self._directory} cannot be looked at ({error.strerror}): check the disk"
        if disk.f_flag & os.ST_RDONLY:
            return f"{self._directory} is mounted read-only: check the disk, then mount it read-write"
        free = disk.f_bavail * disk.f_frsize
        least_bytes, again_bytes = _at_most(LEAST_BYTES, LEAST_PART, disk), _at_most(AGAIN_BYTES, AGAIN_PART, disk)
        if not self.has_reserve and free >= again_bytes + self._reserve_bytes:
            self.has_reserve = self._make_reserve()
            free -= self._reserve_bytes
        self._low = not self.has_reserve or free < (again_bytes if self._low else least_bytes)
        if not self._low:
            return None
        needed = again_bytes if self.has_reserve else again_bytes + self._reserve_bytes
        return f"{self._directory} has {free} bytes free, and {needed} are needed: free some space on its disk"

    def _is_reserve_whole(self) -> bool:
        try:
            there = self.reserve.stat()
        except OSError:
            return False
        return there.st_size >= self._reserve_bytes and there.st_blocks * 512 >= self._reserve_bytes

    def _make_reserve(self) -> bool:
        """Whole or not at all; blocks that are really taken, not a hole."""
        try:
            descriptor = os.open(self.reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self._reserve_bytes)
        except OSError:
            self.give_way()
            return False
        finally:
            os.close(descriptor)
        return True


def _at_most(most_bytes: int, part: int, disk: os.statvfs_result) -> int:
    """The usual size, or on a small disk its part, in whole pages."""
    return min(most_bytes, disk.f_blocks * disk.f_frsize // part // 4096 * 4096)
