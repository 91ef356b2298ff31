"""Where the station's processor time goes in round trips with the Central System.

    python -m hil.perf.profiled [--trips 3000] [--what getconfiguration|trigger|start]

The station runs under cProfile, on its main thread's own processor time, so that neither the kernel's waiting nor another
program counts. `start` is from the first line of the program to the end of its first second. Told are the shares of the rooms,
then the functions that need most themselves. cProfile makes calls dearer than they are: shares, not times, are what it tells.
"""

import argparse
import asyncio
import cProfile
import pstats
import runpy
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hil.demo.processes import Child
from hil.perf.central import Central
from hil.perf.comparison import KEY
from hil.perf.rig import ROOT, rig

TOP = 25
SMALL = 0.001  # of all: what is less is not told


def profile(out: str, config: str) -> None:
    """Runs the station in this process, to its end, and writes what was seen."""
    sys.argv = ["chargepoint", "run", "--config", config]
    seen = cProfile.Profile(time.thread_time)
    try:
        seen.runcall(runpy.run_module, "chargepoint", run_name="__main__", alter_sys=True)
    finally:
        seen.dump_stats(out)


async def measure(what: str, trips: int, out: Path) -> None:
    """Lets a station under the profiler do so many round trips."""
    with Central() as central:
        async with rig(out.parent, central.url) as bench:
            command = [sys.executable, "-m", "hil.perf.profiled", "--into", str(out), str(bench.config)]
            child = await Child.start("the station", command, bench.folder / "station.log")
            try:
                await asyncio.to_thread(_trips, central, what, trips)
            finally:
                await child.end()


def _trips(central: Central, what: str, trips: int) -> None:
    central.booted()
    central.attend(1.0)
    for _ in range(0 if what == "start" else trips):
        if what == "trigger":
            central.trigger("Heartbeat")
        else:
            central.call("GetConfiguration", KEY)


def told(path: Path, trips: int) -> str:
    """Shares by room, then the functions that need most."""
    stats = pstats.Stats(str(path)).get_stats_profile()
    total_s = stats.total_tt
    rooms: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for (file, number, name), (_, _, own_s, _, _) in pstats.Stats(str(path)).stats.items():  # type: ignore[attr-defined]
        rooms[room(file, name)] += own_s
        functions[f"{room(file, name)}: {name}" + (f" ({Path(file).name}:{number})" if number else "")] += own_s
    lines = [f"{total_s:.2f} s of processor time, {1e6 * total_s / trips:.0f} µs a round trip under the profiler", ""]
    lines += [f"{100 * own_s / total_s:5.1f} %  {name}" for name, own_s in rooms.most_common() if own_s > SMALL * total_s]
    lines += ["", *(f"{100 * own_s / total_s:5.1f} %  {name}" for name, own_s in functions.most_common(TOP))]
    return "\n".join(lines)


def room(file: str, name: str) -> str:
    """Which part of the program a function belongs to."""
    if file == "~":
        kernel = any(word in name for word in ("epoll", "socket", "posix", "sqlite3"))
        return "kernel and SQLite" if kernel else "built in"
    path = Path(file)
    if path.is_relative_to(ROOT):
        return "/".join(path.relative_to(ROOT).parts[:2]).removesuffix(".py")
    for package in ("websockets", "pymodbus", "msgspec", "asyncio"):
        if package in path.parts:
            return package
    return "imports" if "importlib" in file else "standard library and others"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=("getconfiguration", "trigger", "start"), default="getconfiguration")
    parser.add_argument("--trips", type=int, default=3_000, metavar="N", help="round trips, 1 to 100000 (default 3000)")
    parser.add_argument("--into", nargs=2, metavar=("FILE", "CONFIG"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 1 <= arguments.trips <= 100_000:
        parser.error("--trips must be 1 to 100000")
    if arguments.into:
        profile(*arguments.into)
        return 0
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        out = Path(folder) / "station.profile"
        asyncio.run(measure(arguments.what, arguments.trips, out))
        print(told(out, arguments.trips))
    return 0


if __name__ == "__main__":
    sys.exit(main())
