"""The machine under the station, as its kernel tells: mounts, disks, voltage, bytes written. Only reads /proc and /sys.

Owns where these things stand and what they mean in units. Refuses to judge them. What is not there is None. root: another
place than / for tests.
"""

import os
import re
from pathlib import Path

from msgspec import Struct

SECTOR_BYTES = 512
SMALL_MAX = 65_536


class Mount(Struct, frozen=True, kw_only=True):
    """point: where. kind: of the file system. options: of the mount and of the file system. device: major:minor."""

    point: str
    kind: str
    options: frozenset[str]
    device: str


class Room(Struct, frozen=True, kw_only=True):
    free_bytes: int
    size_bytes: int


def mount_of(path: Path, root: Path = Path("/")) -> Mount | None:
    """The mount that a path lies on, by /proc/self/mountinfo (proc(5)); the longest mount point wins, the last of equals."""
    text = _text(root / "proc/self/mountinfo", 1 << 20)
    wanted = os.path.realpath(path)
    best: Mount | None = None
    for line in (text or "").splitlines():
        before, dash, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if not dash or len(left) < 6 or len(right) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left[4])
        if not (wanted == point or wanted.startswith(point.rstrip("/") + "/")):
            continue
        if best is None or len(point) >= len(best.point):
            options = frozenset([*left[5].split(","), *right[2].split(",")])
            best = Mount(point=point, kind=right[0], options=options, device=left[2])
    return best


def room_of(path: Path) -> Room | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Room(free_bytes=found.f_bavail * found.f_frsize, size_bytes=found.f_blocks * found.f_frsize)


def written_bytes_of_process(pid: int | str = "self", root: Path = Path("/")) -> int | None:
    """What a process has had written to disks (write_bytes of /proc/PID/io, less what was taken back)."""
    text = _text(root / f"proc/{pid}/io")
    found = dict(re.findall(r"^(\w+): (\d+)$", text or "", re.MULTILINE))
    if "write_bytes" not in found:
        return None
    return max(0, int(found["write_bytes"]) - int(found.get("cancelled_write_bytes", 0)))


def written_bytes_of_disk(device: str, root: Path = Path("/")) -> int | None:
    """What was written to the disk of a device (major:minor) since the machine's start: the tenth figure of its `stat`."""
    figures = (_text(root / f"sys/dev/block/{device}/stat") or "").split()
    return int(figures[6]) * SECTOR_BYTES if len(figures) >= 7 and figures[6].isdecimal() else None


def uptime_s(root: Path = Path("/")) -> float | None:
    text = (_text(root / "proc/uptime") or "").split()
    try:
        return float(text[0])
    except (IndexError, ValueError):
        return None


def worn_percent(device: str, root: Path = Path("/")) -> int | None:
    """How much of its life an eMMC has used, by its own account, in steps of 10 (JEDEC JESD84-B51 7.4.52: 1 is 0 to 10 %).

    An SD card tells nothing. device: of a disk, or of a partition on it.
    """
    place = root / f"sys/dev/block/{device}"
    for folder in (place / "device", Path(os.path.realpath(place)).parent / "device"):
        figures = [
            int(word, 16) for word in (_text(folder / "life_time") or "").split() if re.fullmatch(r"0x[0-9a-fA-F]+", word)
        ]
        if figures and max(figures) > 0:
            return min(max(figures), 11) * 10
    return None


def undervoltage(root: Path = Path("/")) -> bool | None:
    """Whether the supply's voltage is too low now, as the Raspberry Pi's firmware tells (hwmon rpi_volt, in0_lcrit_alarm)."""
    seen: bool | None = None
    for alarm in sorted(root.glob("sys/class/hwmon/hwmon*/in0_lcrit_alarm")):
        text = (_text(alarm) or "").strip()
        if text in ("0", "1"):
            seen = bool(seen) or text == "1"
    return seen


def watchdog_fed(root: Path = Path("/")) -> bool | None:
    """Whether somebody, as a rule systemd, holds a Raspberry Pi's hardware watchdog (/sys/class/watchdog, by the kernel's
    watchdog core). None: no Raspberry Pi, or a kernel that does not tell.
    """
    if not (_text(root / "proc/device-tree/model") or "").startswith("Raspberry Pi"):
        return None
    there = sorted(root.glob("sys/class/watchdog/watchdog*"))
    states = {(_text(place / "state") or "").strip() for place in there}
    if not there or states <= {"inactive"}:
        return False
    return True if "active" in states else None


def _text(path: Path, size_max: int = SMALL_MAX) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(size_max).decode("utf-8", "replace")
    except OSError:
        return None
