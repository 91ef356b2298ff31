"""Disk, clock, supply and ports, by what a kernel tells: here one that is written down."""

import time
from pathlib import Path
from typing import Any

import pytest

from chargepoint import machine
from chargepoint.doctor import host
from chargepoint.doctor.finding import Finding, Level, Part
from chargepoint.doctor.subject import Subject, subject_of
from tests.doctor.subjects import codes, looked, the, written


class Kernel:
    """A root folder with the files that are asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def mounts(self, *lines: str) -> None:
        self.put("proc/self/mountinfo", "".join(f"{line}\n" for line in lines))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path / "kernel")
    kernel.mounts("20 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw,data=ordered")
    kernel.put("proc/uptime", "86400.00 1.0\n")
    kernel.put("sys/dev/block/179:2/stat", "1 0 8 0 2 0 204800 0 0 0 0\n")
    return kernel


async def station(folder: Path) -> Subject:
    (folder / "state").mkdir(exist_ok=True)
    return await subject_of(written(folder))


async def disk(folder: Path, kernel: Kernel) -> list[Finding]:
    return list(host.disk(await station(folder), kernel.root))


async def test_a_disk_that_is_well_tells_what_is_written_a_day(tmp_path: Path, kernel: Kernel) -> None:
    (finding,) = await disk(tmp_path, kernel)
    assert finding.level is Level.OK
    assert finding.facts["written a day by everything"] == "100 MiB"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("20 1 179:2 / / ro,noatime - ext4 /dev/root ro", "disk-read-only"),
        ("20 1 179:2 / / rw,noatime - ext4 /dev/root rw,nobarrier", "disk-mount"),
        ("20 1 179:2 / / rw,noatime - ext4 /dev/root rw,data=writeback", "disk-mount"),
        ("20 1 179:2 / / rw,noatime - f2fs /dev/root rw,fsync_mode=nobarrier", "disk-mount"),
        ("20 1 179:2 / / rw - ext4 /dev/root rw,strictatime", "disk-atime"),
        ("20 1 0:20 / / rw - tmpfs tmpfs rw", "disk-memory"),
        ("20 1 0:20 / / rw - nfs4 server:/x rw", "disk-network"),
    ],
)
async def test_a_mount_that_cannot_be_trusted(tmp_path: Path, kernel: Kernel, line: str, code: str) -> None:
    kernel.mounts(line)
    the(await disk(tmp_path, kernel), code)


async def test_an_overlay_counts_as_what_its_writings_lie_on(tmp_path: Path, kernel: Kernel) -> None:
    overlay = "20 1 0:25 / / rw,noatime - overlay overlay rw,lowerdir=/low,upperdir=/media/up,workdir=/media/w"
    kernel.mounts(overlay, "21 1 0:26 / /media rw - tmpfs tmpfs rw")
    assert "disk-memory" in codes(await disk(tmp_path, kernel))
    kernel.mounts(overlay, "21 1 179:3 / /media rw - ext4 /dev/x rw")
    assert "disk-memory" not in codes(await disk(tmp_path, kernel))


async def test_the_deepest_mount_counts_and_spaces_in_its_name_are_read(tmp_path: Path, kernel: Kernel) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    name = str(folder).replace(" ", "\\040")
    kernel.mounts(
        "20 1 179:2 / / rw,noatime - ext4 /dev/root rw", f"21 20 0:9 / {name} rw - tmpfs tmpfs rw", "nonsense", "1 2 - x"
    )
    assert "disk-memory" in codes(await disk(folder, kernel))


async def test_a_card_that_is_nearly_worn_out_or_much_written(tmp_path: Path, kernel: Kernel) -> None:
    kernel.put("sys/dev/block/179:2/stat", "1 0 8 0 2 0 20480000 0 0 0 0\n")
    kernel.put("sys/dev/block/179:2/device/life_time", "0x03 0x0a\n")
    findings = await disk(tmp_path, kernel)
    assert codes(findings) == ["disk-busy", "disk-worn"]
    assert "100 %" in the(findings, "disk-worn").text


async def test_a_full_disk_and_a_database_that_was_set_aside(
    tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "room_of", lambda _: machine.Room(free_bytes=5 << 20, size_bytes=100 << 20))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "station.db.unreadable-1").touch()
    findings = await disk(tmp_path, kernel)
    assert codes(findings) == ["disk-full", "disk-database"]
    assert "5 MiB left of 100" in the(findings, "disk-full").text


async def test_a_state_that_is_a_file_or_may_not_be_written(
    tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").touch()
    subject = await subject_of(written(tmp_path))
    assert codes(host.disk(subject, kernel.root)) == ["disk-missing"]
    (tmp_path / "state").unlink()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "may" in (found := the(host.disk(subject, kernel.root), "disk-permission")).text or found.text.endswith(
        "by this user"
    )


async def test_what_the_service_has_written_is_told_as_a_day(tmp_path: Path, kernel: Kernel) -> None:
    subject = await station(tmp_path)
    subject.status = {"process": {"written_bytes": 47 << 20, "uptime_s": 43_200.0}}
    facts = next(finding.facts for finding in host.disk(subject, kernel.root) if finding.level is Level.OK)
    assert facts["written a day by the station"] == "94 MiB"


@pytest.mark.parametrize(
    ("now_s", "synchronised", "code"),
    [
        (0.0, False, "clock-wrong"),
        (5e9, True, "clock-wrong"),
        (1_793_500_000.0, False, "clock-unsynchronised"),
        (1_793_500_000.0, True, ""),
    ],
)
async def test_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now_s: float, synchronised: bool, code: str) -> None:
    subject = await station(tmp_path)
    monkeypatch.setattr(time, "time", lambda: now_s)
    monkeypatch.setattr("chargepoint.shell.clock.Adjtimex.__call__", lambda _: synchronised)
    (finding,) = host.clock(subject)
    assert finding.code == code


@pytest.mark.parametrize(("text", "code"), [("0\n", ""), ("1\n", "power-low"), ("?", ""), (None, "")])
async def test_the_supply(tmp_path: Path, kernel: Kernel, text: str | None, code: str) -> None:
    if text is not None:
        kernel.put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", text)
    (finding,) = host.power(await station(tmp_path), kernel.root)
    assert finding.code == code
    assert finding.level is (Level.WRONG if code else Level.OK if text == "0\n" else Level.SKIPPED)


@pytest.mark.parametrize(
    ("model", "states", "code", "level"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4\0", ["active\n"], "", Level.OK),
        ("Raspberry Pi 4 Model B Rev 1.4\0", ["inactive\n"], "watchdog-off", Level.REMARK),
        ("Raspberry Pi 5 Model B Rev 1.0\0", [], "watchdog-off", Level.REMARK),
        ("Raspberry Pi 5 Model B Rev 1.0\0", ["inactive\n", "active\n"], "", Level.OK),
        ("Raspberry Pi 5 Model B Rev 1.0\0", [None], "", Level.SKIPPED),
        ("Orange Pi\0", ["inactive\n"], "", Level.SKIPPED),
        (None, ["inactive\n"], "", Level.SKIPPED),
    ],
)
async def test_the_hardware_watchdog(
    tmp_path: Path, kernel: Kernel, model: str | None, states: list[str | None], code: str, level: Level
) -> None:
    if model is not None:
        kernel.put("proc/device-tree/model", model)
    for number, state in enumerate(states):
        kernel.put(f"sys/class/watchdog/watchdog{number}/{'identity' if state is None else 'state'}", state or "x")
    (finding,) = host.watchdog(await station(tmp_path), kernel.root)
    assert (finding.code, finding.level) == (code, level)


async def test_ports_that_the_file_names_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").touch()

    def change(document: dict[str, Any]) -> None:
        document["buses"]["meters"] = {"driver": "modbus_rtu", "port": str(tmp_path / "none")}
        document["buses"]["more"] = {"driver": "modbus_rtu", "port": str(tmp_path / "plain")}
        document["readers"]["1"] = {"driver": "pn532", "port": "/dev/null"}

    path = written(tmp_path, change)
    findings = await looked(path, Part.PORTS)
    assert codes(findings) == ["port-missing", "port-missing"]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert codes(await looked(path, Part.PORTS)) == ["port-missing", "port-missing", "port-permission"]


def test_bytes_written_by_a_process_are_less_what_was_taken_back(kernel: Kernel) -> None:
    assert machine.written_bytes_of_process(root=kernel.root) is None
    kernel.put("proc/self/io", "rchar: 1\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n")
    assert machine.written_bytes_of_process(root=kernel.root) == 4_096
    kernel.put("proc/self/io", "write_bytes: 1\ncancelled_write_bytes: 4096\n")
    assert machine.written_bytes_of_process(root=kernel.root) == 0
