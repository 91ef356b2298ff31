"""What the kernel counts of a process: memory, processor time, bytes written; and whether a directory lies on a disk."""

import os
from pathlib import Path

CLOCK_TICKS_S = os.sysconf("SC_CLK_TCK")
PAGE = bytes(4096)


class CannotMeasure(Exception):
    """The figure cannot be had on this machine, or something did not happen; the text says what."""


def rss_mb(pid: int) -> float:
    """Resident memory (VmRSS) of a process in megabytes of a million bytes."""
    return 1024 * _status_kb(pid, "VmRSS") / 1e6


def _status_kb(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise CannotMeasure(f"/proc/{pid}/status has no {name}")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, user and system, all its threads: fields 14 and 15 of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_S


def written_bytes() -> int:
    """What this process has caused to be written to disks so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def needs_disk(directory: Path) -> None:
    """Raises CannotMeasure where the kernel counts nothing that is written in the directory: it lies in memory."""
    path = directory / f".probe-{os.getpid()}"
    before = written_bytes()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, PAGE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink()
    if written_bytes() == before:
        raise CannotMeasure(f"{directory} lies in memory, where a commit costs nothing: name a directory on a disk with --dir")
