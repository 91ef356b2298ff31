"""The part of a file that is already there, and how it is known to be a part of the same file.

Owns PATH.part and PATH.part.json beside the file that is wanted. What is not provably of the same file is thrown away. An
attempt that fails leaves both for the next one, over restarts of the station and of the machine too: SYNC_BYTES at a time are
on the disk before more is taken, and after a power cut only those count.
"""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from chargepoint.durable import sync_names
from chargepoint.shell.transfers.jobs import MIB, Job, TransferError

SYNC_BYTES = 4 * MIB  # how often the disk is flushed, and its room looked at


class Marks(Struct, frozen=True, kw_only=True):
    """What identifies the file: its address (hashed, for it may hold a password), and what the server said of it.

    boot: the boot of the machine in which it was written.
    """

    address: str = ""
    total: int | None = None
    validator: str | None = None
    boot: str = ""


class Partial:
    """The file under way. A context manager: leaves it flushed and closed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._part = Path(job.path + ".part")
        self._marks_file = Path(job.path + ".part.json")
        self._boot = _boot()
        self._address = hashlib.sha256(job.url.encode()).hexdigest()
        self.marks = self._read_marks()
        if self.marks.address != self._address:
            self._part.unlink(missing_ok=True)
            self.marks = Marks(address=self._address)
        self._part.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._file = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
        self.size = self._file.seek(0, os.SEEK_END)
        if self.marks.boot != self._boot:
            self.size -= self.size % SYNC_BYTES
        self.moved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._flush()
        finally:
            self._file.close()

    @property
    def provable(self) -> bool:
        """Whether the server can be asked to go on: there is a part, and something to know the file by."""
        return self.size > 0 and (self.marks.validator is not None or self.marks.total is not None)

    def begin(self, *, at: int, total: int | None, validator: str | None) -> None:
        """The server sends the file from byte `at` on; everything behind that is thrown away."""
        if total is not None and total > self._job.size_max:
            raise TransferError(f"the file has {total} bytes, at most {self._job.size_max} are taken", hopeless=True)
        self._need_room(max(0, (total or 0) - at))
        self._file.seek(at)
        self._file.truncate()
        self.size = at
        self.marks = Marks(address=self._address, total=total, validator=validator, boot=self._boot)
        self._marks_file.write_bytes(msgspec.json.encode(self.marks))

    def write(self, block: bytes) -> None:
        """More of the file; raises TransferError at the bounds of size and disk."""
        if self.size + len(block) > self._job.size_max:
            self.forget()
            raise TransferError(f"the file goes on beyond {self._job.size_max} bytes, more are not taken", hopeless=True)
        before = self.size // SYNC_BYTES
        try:
            rest = memoryview(block)
            while rest:
                rest = rest[self._file.write(rest) :]
            self.size += len(block)
            self.moved += len(block)
            if self.size // SYNC_BYTES != before:
                self._flush()
        except OSError as error:
            raise TransferError(f"{self._part} cannot be written: {error.strerror}") from error
        if self.size // SYNC_BYTES != before:
            self._need_room(0)

    def finish(self) -> None:
        """The file is complete: it gets its name."""
        if self.marks.total is not None and self.size != self.marks.total:
            raise TransferError(f"the server stopped after {self.size} of {self.marks.total} bytes")
        if self.size == 0:
            raise TransferError("the file is empty")
        try:
            self._flush()
            self._part.rename(self._job.path)
            sync_names(self._part.parent)
        except OSError as error:
            raise TransferError(f"{self._part} cannot be written: {error.strerror}") from error
        self._marks_file.unlink(missing_ok=True)

    def forget(self) -> None:
        """What is there is no part of the wanted file."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        self.marks = Marks(address=self._address)
        self._marks_file.unlink(missing_ok=True)

    def _flush(self) -> None:
        os.fsync(self._file.fileno())

    def _need_room(self, more: int) -> None:
        disk = os.statvfs(self._part.parent)
        free = disk.f_bavail * disk.f_frsize
        if free < more + self._job.free_min:
            needed = more + self._job.free_min
            raise TransferError(f"{self._part.parent} has {free} bytes free, and {needed} are needed: free some space there")

    def _read_marks(self) -> Marks:
        try:
            return msgspec.json.decode(self._marks_file.read_bytes(), type=Marks)
        except (OSError, msgspec.DecodeError):
            return Marks()  # an unknown part is thrown away


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def remove(path: str) -> None:
    """The file, its part and its marks, as far as they are there; raises OSError."""
    for end in ("", ".part", ".part.json"):
        Path(path + end).unlink(missing_ok=True)
