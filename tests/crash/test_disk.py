"""Trouble with the disk: a small one that fills up, and a quota; and a plan that has both."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.crash.disk import FILLER, SMALL_BYTES, SmallDisk, set_quota
from hil.crash.plan import cycles

ROOT = Path(__file__).parents[2]

# In a process of its own: mounts of its own cannot be given back.
SMALL = """if True:
    import os, sys
    from pathlib import Path
    from hil.crash.disk import SmallDisk, own_mounts
    missing = own_mounts()
    if missing:
        sys.exit(f"no mounts of its own: {missing}")
    folder = Path(sys.argv[1])
    disk = SmallDisk(folder)
    disk.mount()
    before = os.statvfs(folder)
    disk.fill(100_000)
    try:
        (folder / "more").write_bytes(bytes(200_000))
        print("there was room")
    except OSError as error:
        print(error.strerror)
    (folder / "more").unlink()
    (folder / "station.db").write_bytes(b"changed")
    disk.unmount()
    names = sorted(file.name for file in folder.iterdir())
    print(before.f_blocks * before.f_frsize, names, (folder / "station.db").read_text())
    print(folder.is_mount(), (folder / "station.db").stat().st_mode & 0o777 == 0o600)
"""

# Appends 5,000 bytes for every line that it is told, and says how that went.
APPENDER = """if True:
    import sys
    for _ in sys.stdin:
        try:
            with open(sys.argv[1], "ab", 0) as file:
                file.write(bytes(5_000))
            print("written", flush=True)
        except OSError as error:
            print(error.strerror, flush=True)
"""


def test_a_small_disk_fills_up_and_what_was_written_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "station.db").write_bytes(b"content")
    (folder / "station.db").chmod(0o600)
    command = [sys.executable, "-c", SMALL, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    if "no mounts of its own" in done.stderr:
        pytest.skip(f"the small file system takes root: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "No space left on device"
    assert second == f"{SMALL_BYTES} ['station.db'] changed"
    assert third == "False True"
    assert os.listdir(tmp_path) == ["state"]
    assert not folder.is_mount()  # whatever happened in the other process, nothing is mounted here


def test_filling_leaves_what_was_asked_for_and_healing_gives_it_back(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path)
    free = os.statvfs(tmp_path)
    available = free.f_bavail * free.f_frsize
    disk.fill(available - (16 << 20))
    assert 0 < (tmp_path / FILLER).stat().st_size < 256 << 20
    disk.heal()
    assert os.listdir(tmp_path) == []
    disk.heal()
    disk.unmount()  # was never mounted: nothing happens


def test_a_quota_stops_a_file_from_growing_and_is_lifted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDER, str(tmp_path / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def write() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert write() == "written"
        set_quota(process.pid, 5_000)
        assert write() == "File too large"
        set_quota(process.pid, None)
        assert write() == "written"
        process.stdin.close()
    set_quota(process.pid, 5_000)  # it is gone: nothing happens


def test_the_same_seed_is_the_same_plan_and_a_long_one_has_everything() -> None:
    plan = cycles(200, 7, ("small", "quota"))
    assert plan == cycles(200, 7, ("small", "quota"))
    assert plan != cycles(200, 8, ("small", "quota"))
    assert {cycle.disk for cycle in plan} == {"", "small", "full", "quota"}
    assert {True, False} == {cycle.cut for cycle in plan} == {cycle.mischief for cycle in plan}
    assert 10 <= sum(cycle.birth for cycle in plan) <= 20
    assert not any(cycle.cut for cycle in plan if cycle.birth)
    for number, cycle in enumerate(plan):
        if cycle.disk == "small":
            assert plan[number + 1].disk == "full"


def test_without_root_the_quota_stands_in_and_without_both_the_disk_is_well() -> None:
    assert {cycle.disk for cycle in cycles(100, 1, ("quota",))} == {"", "quota"}
    assert {cycle.disk for cycle in cycles(100, 1, ())} == {""}


def test_a_short_plan_has_every_moment_after_its_births() -> None:
    moments = [cycle.moment for cycle in cycles(12, 20, ())]
    assert {"boot", "authorising", "starting", "charging", "stopping", "commit", "backlog", "leaving", "any"} <= set(moments)
