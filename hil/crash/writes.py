"""Seeing a file being written, write by write (inotify), and killing the writer between two of them."""

import ctypes
import os
import select
import signal
import time
from pathlib import Path

IN_MODIFY = 0x2
LOOK_S = 0.05
ROOM = 4_096


class Watch:
    """One file, from its making until `close`. Raises OSError where it cannot be watched."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_CLOEXEC)
        if self._descriptor < 0 or libc.inotify_add_watch(self._descriptor, os.fsencode(path), IN_MODIFY) < 0:
            number = ctypes.get_errno()
            if self._descriptor >= 0:
                os.close(self._descriptor)
            raise OSError(number, os.strerror(number), str(path))

    def close(self) -> None:
        os.close(self._descriptor)

    def written(self, until_s: float) -> bool:
        """Waits for writes (the kernel tells of several at once as one); False at the time, on the monotonic clock."""
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], min(left_s, LOOK_S))[0]:
                os.read(self._descriptor, ROOM)
                return True
        return False


def kill_at_write(path: Path, pid: int, writes: int, within_s: float) -> bool:
    """SIGKILL at the file's write number `writes` from now; False where so many did not come in time.

    Runs in a thread of its own: from a write to the kill it takes some ten microseconds, a commit takes some hundred.
    """
    until_s = time.monotonic() + within_s
    try:
        watch = Watch(path)
    except OSError:
        return False
    try:
        for _ in range(writes):
            if not watch.written(until_s):
                return False
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        watch.close()
    return True
