"""What a day costs the card: bytes that the store writes, counted by the kernel, in a day that takes seconds.

    python -m hil.perf.disk_day [--hours 24] [--dir build/perf]

Two days: two connectors that charge all day (sessions of four hours, a sample of four measurands every 60 s, each delivered at
once), and an idle one. The core handles the day's events one after the other, and the real store commits to the real disk as it
does in the service; only the time between the events is left out. Counted is `write_bytes` of /proc/self/io: whole pages of
4 KiB that went to the disk, so that a commit of two pages of SQLite counts as three. In a directory in memory the kernel
counts nothing: `--dir` must lie on a disk.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, to_builtins

from chargepoint.core import effects as fx
from chargepoint.core.station import Station
from chargepoint.store import Store, open_store
from hil.perf.busy_day import BEGIN_MONO_S, Happening, Visit, happenings, site
from hil.perf.process import written_bytes

CHARGING = Visit(session_s=4 * 3600.0, reading_s=60.0, asked_s=3600.0)
IDLE = Visit(nobody_comes=True, reading_s=60.0, asked_s=3600.0)
CHECKPOINT_S = 60.0  # as often as the shell looks whether it may
MB = 1e6


class Figures(Struct, frozen=True):
    """Megabytes (of a million bytes) a day. commit_kb: bytes on the disk a commit, in thousands."""

    disk_charging_mb_day: float
    disk_idle_mb_day: float
    commits: int
    commit_kb: float


def measure(directory: Path, hours: float = 24.0) -> Figures:
    """Raises RuntimeError where the kernel counts nothing in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    charging_bytes, commits = _day(directory, happenings(hours, visit=CHARGING))
    idle_bytes, _ = _day(directory, happenings(hours, visit=IDLE))
    if charging_bytes == 0:
        raise RuntimeError(f"{directory}: nothing that is written there is counted; name a directory on a disk")
    a_day = 24.0 / hours
    return Figures(
        round(charging_bytes * a_day / MB, 2),
        round(idle_bytes * a_day / MB, 2),
        commits,
        round(charging_bytes / commits / 1_000, 1),
    )


def _day(directory: Path, day: list[Happening]) -> tuple[int, int]:
    """Bytes written and commits made from the second event on: the first opens the file and makes its tables."""
    state_dir = Path(tempfile.mkdtemp(prefix="disk-day-", dir=directory))
    store = open_store(state_dir, "busy", BEGIN_MONO_S)
    commits = 0

    def commit(effect: fx.Commit) -> None:
        nonlocal commits
        store.commit(effect)
        commits += 1

    try:
        station = Station(store.snapshot(), site())
        live(station, store, day[:1], commit)
        began_bytes, commits = written_bytes(), 0
        live(station, store, day[1:], commit)
        return written_bytes() - began_bytes, commits
    finally:
        store.close()
        shutil.rmtree(state_dir)


def live(station: Station, store: Store, day: list[Happening], commit: Callable[[fx.Commit], None]) -> None:
    """The core lives through the day, and the store merges its log when the shell would: while no session runs, once in
    CHECKPOINT_S. So but for the first sessions the log is written over, and does not grow.
    """
    unmerged, merged_s = True, 0.0  # of what the start wrote
    for event, now in day:
        for effect in station.handle(event, now):
            if isinstance(effect, fx.Commit):
                commit(effect)
                unmerged = True
        if unmerged and station.idle() and now.mono_s >= merged_s + CHECKPOINT_S:
            store.checkpoint()
            unmerged, merged_s = False, now.mono_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, metavar="H", help="of each day (default 24)")
    parser.add_argument("--dir", type=Path, default=Path("build/perf"), metavar="DIR", help="on a disk (default build/perf)")
    arguments = parser.parse_args()
    if arguments.hours <= 0:
        parser.error("--hours must be above 0")
    print(json.dumps(to_builtins(measure(arguments.dir, arguments.hours))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
