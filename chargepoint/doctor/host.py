"""The station's file, and the machine that it runs on: disk, clock, supply and ports.

Owns what is well and what is not of each (docs/reliability.md says why of the disk). Opens no hardware. root: another place
than / for tests.
"""

import os
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chargepoint import machine
from chargepoint.doctor.finding import Finding, Level, Part, skipped, well, wrong
from chargepoint.doctor.subject import Subject
from chargepoint.shell.clock import Adjtimex
from chargepoint.shell.moment import LATEST_S, RELEASED_S
from chargepoint.withheld import withheld

MIB = 1 << 20
FREE_LEAST = 64 * MIB
BUSY_MIB_A_DAY = 2_000  # a small industrial card stands ten years of it
UPTIME_LEAST_S = 3_600.0  # less says nothing of a day
WORN_PERCENT = 90
MEMORY = frozenset({"tmpfs", "ramfs", "rootfs", "squashfs"})
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"})
DANGEROUS = frozenset({"nobarrier", "barrier=0", "data=writeback", "fsync_mode=nobarrier"})
FRUGAL = frozenset({"noatime", "relatime"})


def config(subject: Subject) -> Iterator[Finding]:
    """Every mistake of the file, then what is worth a look."""
    from chargepoint.remarks import address, settings_remarks

    for problem in subject.checked.problems:
        told = ", ".join(part for part in (f"found {problem.found}" if problem.found else "", problem.allowed) if part)
        where = " ".join(part for part in (f"[{problem.section}]" if problem.section else "", problem.key) if part)
        told += "" if problem.stops else "; the station starts without this part"
        yield wrong("config-wrong", f"{where}: {told}" if where else f"{problem.file}: {told}", fix=problem.hint)
    kept = list(withheld(subject.path, subject.settings))
    for problem in kept:
        yield wrong("config-wrong", f"{problem.file}: {problem.allowed}", fix=problem.hint)
    remarks = list(subject.checked.remarks)
    if subject.settings is not None:
        remarks += settings_remarks(subject.settings)
    for remark in remarks:
        yield wrong("config-remark", remark)
    if subject.settings is not None:
        station = subject.settings.station
        facts = {
            "identity": station.identity,
            "model": f"{station.vendor} {station.model}",
            "address": address(subject.settings),
        }
        if station.serial_number:
            facts["serial number"] = station.serial_number
        if not kept:
            yield well(Part.CONFIG, f"{subject.path} is right; the station dials {facts['address']}", **facts)


def disk(subject: Subject, root: Path = Path("/")) -> Iterator[Finding]:
    """The disk that the state lies on."""
    folder = subject.state_dir
    # Not Path.exists: it raises where somebody may not look.
    there = next((place for place in (folder, *folder.parents) if os.path.exists(place)), Path("/"))
    before = list(_folder(subject, there))
    before += _mount(there, root)
    room = machine.room_of(there)
    if room is not None and room.free_bytes < FREE_LEAST:
        before.append(wrong("disk-full", f"{there} has {room.free_bytes // MIB} MiB left of {room.size_bytes // MIB}"))
    aside = sorted(folder.glob("station.db.unreadable-*")) if os.access(folder, os.R_OK | os.X_OK) else []
    if aside:
        before.append(wrong("disk-database", f"{aside[-1]} was moved aside because it could not be read"))
    yield from before
    facts, worn = _wear(subject, there, root)
    yield from worn
    if room is not None:
        facts["free"] = f"{room.free_bytes // MIB} MiB of {room.size_bytes // MIB}"
    if not any(finding.level is Level.WRONG for finding in [*before, *worn]):
        yield well(Part.DISK, f"{folder}: {', '.join(f'{name} {value}' for name, value in facts.items())}", **facts)


def clock(subject: Subject) -> Iterator[Finding]:
    """The date, and whether anybody holds it to the truth."""
    now_s = time.time()
    date = f"{datetime.fromtimestamp(now_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if 0 <= now_s < LATEST_S else f"{now_s:.0f} s"
    if not RELEASED_S - 400 * 86_400 <= now_s < LATEST_S:
        yield wrong("clock-wrong", f"the clock says {date}, which cannot be")
    elif not Adjtimex()():
        yield wrong("clock-unsynchronised", f"the clock says {date}, and nobody synchronises it", facts={"time": date})
    else:
        yield well(Part.CLOCK, f"{date}, synchronised", time=date)


def power(_: Subject, root: Path = Path("/")) -> Iterator[Finding]:
    match machine.undervoltage(root):
        case None:
            yield skipped(Part.POWER, "this machine does not tell its supply's voltage")
        case True:
            yield wrong("power-low", "the supply's voltage is too low now: the Pi slows down, cards and readers fail")
        case False:
            yield well(Part.POWER, "the supply's voltage is well")


def watchdog(_: Subject, root: Path = Path("/")) -> Iterator[Finding]:
    match machine.watchdog_fed(root):
        case None:
            yield skipped(Part.WATCHDOG, "no Raspberry Pi, or one that does not tell of its hardware watchdog")
        case False:
            yield wrong("watchdog-off", "nobody feeds the hardware watchdog: a kernel that hangs stays as it is")
        case True:
            yield well(Part.WATCHDOG, "the hardware watchdog is fed")


def ports(subject: Subject) -> Iterator[Finding]:
    """Every serial port of this machine, and those that the file names."""
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    there = {port.device: str(port.description or "") for port in comports()}
    listed = (
        ", ".join(f"{name} ({text})" if text not in ("", "n/a") else name for name, text in sorted(there.items())) or "none"
    )
    bad = False
    for section, path in named_ports(subject.document):
        finding = port_finding(section, path, listed)
        if finding is not None:
            bad = True
            yield finding
    if not bad:
        yield well(Part.PORTS, f"serial ports: {listed}", ports=listed)


def named_ports(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The ports that buses and readers of a file name."""
    for group in ("buses", "readers"):
        tables = document.get(group)
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict) and isinstance(table.get("port"), str):
                yield f"{group}.{name}", table["port"]


def port_finding(section: str, path: str, listed: str) -> Finding | None:
    """What keeps a port from being opened, as far as it shows without opening it; None: nothing."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return wrong("port-missing", f"[{section}] port {path} is not there; there are: {listed}")
    if not stat.S_ISCHR(mode):
        return wrong("port-missing", f"[{section}] port {path} is no serial port but another kind of file; there are: {listed}")
    if not os.access(path, os.R_OK | os.W_OK):
        return wrong("port-permission", f"[{section}] port {path}: this user may not open it")
    return None


def _folder(subject: Subject, there: Path) -> Iterator[Finding]:
    folder = subject.state_dir
    if there == folder and not folder.is_dir():
        yield wrong("disk-missing", f"{folder} is no folder")
    elif subject.status is None and not os.access(there, os.W_OK | os.X_OK) and not _read_only(there):
        # access(2) also says no for a file system that is read-only: that is said by the mount.
        what = "cannot be written" if there == folder else f"is not there, and {there} cannot be written"
        yield wrong("disk-permission", f"{folder} {what} by this user")


def _read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _mount(there: Path, root: Path) -> Iterator[Finding]:
    mount = machine.mount_of(there, root)
    if mount is None:
        return
    shown = f"{there} lies on {mount.point} ({mount.kind})"
    if "ro" in mount.options:
        yield wrong("disk-read-only", f"{shown}, which is mounted read-only")
    if mount.kind in MEMORY or (mount.kind == "overlay" and _upper_in_memory(mount, root)):
        yield wrong("disk-memory", f"{shown}, which is memory: a power cut loses every session")
    if mount.kind in NETWORK:
        yield wrong("disk-network", f"{shown}, which is a network folder: the database needs a disk of this machine")
    if bad := sorted(mount.options & DANGEROUS):
        yield wrong("disk-mount", f"{shown} with {', '.join(bad)}: a power cut can damage the database")
    if mount.kind.startswith("ext") and not mount.options & FRUGAL:
        yield wrong("disk-atime", f"{shown} without noatime: reading a file writes to the card")


def _upper_in_memory(mount: machine.Mount, root: Path) -> bool:
    upper = next((option.partition("=")[2] for option in mount.options if option.startswith("upperdir=")), "")
    below = machine.mount_of(Path(upper), root) if upper and upper != mount.point else None
    return below is not None and below.kind in MEMORY


def _wear(subject: Subject, there: Path, root: Path) -> tuple[dict[str, str], list[Finding]]:
    """What is written a day, and how worn the card says it is."""
    facts: dict[str, str] = {}
    findings: list[Finding] = []
    mount = machine.mount_of(there, root)
    process = (subject.status or {}).get("process", {})
    own, up_s = process.get("written_bytes"), process.get("uptime_s")
    if isinstance(own, int) and isinstance(up_s, int | float) and up_s >= UPTIME_LEAST_S:
        facts["written a day by the station"] = f"{own / up_s * 86_400 / MIB:.0f} MiB"
    if mount is None:
        return facts, findings
    all_of_it, since_s = machine.written_bytes_of_disk(mount.device, root), machine.uptime_s(root)
    if all_of_it is not None and since_s is not None and since_s >= UPTIME_LEAST_S:
        a_day = all_of_it / since_s * 86_400 / MIB
        facts["written a day by everything"] = f"{a_day:.0f} MiB"
        if a_day > BUSY_MIB_A_DAY:
            findings.append(wrong("disk-busy", f"{a_day:.0f} MiB a day are written to the disk of {mount.point}"))
    worn = machine.worn_percent(mount.device, root)
    if worn is not None:
        facts["life used"] = f"up to {min(worn, 100)} %"
        if worn >= WORN_PERCENT:
            findings.append(
                wrong("disk-worn", f"the disk of {mount.point} says that up to {min(worn, 100)} % of its life is used")
            )
    return facts, findings
