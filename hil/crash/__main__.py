"""`python -m hil.crash`: the command line."""

import argparse
import asyncio
import json
import os
import random
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hil.crash.disk import own_mounts
from hil.crash.house import new_folder
from hil.crash.plan import Disk
from hil.crash.run import Options, Tally, play
from hil.crash.station import COMMAND
from hil.demo.processes import DemoError
from hil.signals import until_signalled

KILLS_MAX = 100_000

DESCRIPTION = """\
Kills a working station with SIGKILL, again and again, at moments of chance: while it boots, authorises, charges, writes to
its disk, delivers what waited. Around it the network is cut, frozen, half-open and slow, the Central System loses answers,
the disk is full, and the log of the database is cut at a random byte. In the end everything heals, and the books must
balance: every Wh that the meters counted is booked exactly once, every session has one start and one stop.
"""
EPILOG = """\
exit status: 0 the books balance; 1 they do not; 2 wrong usage, or it could not start
The last line is one JSON object. A run with the same seed has the same plan; real processes do not repeat themselves exactly.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"crash: {message}; see --help\n")


def _whole(low: int, high: int) -> Any:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high:,}, not {text!r}")
        return int(text)

    return read


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="script/crash",
        allow_abbrev=False,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--kills", type=_whole(1, KILLS_MAX), default=200, metavar="N", help="how many (default 200)")
    made.add_argument("--seed", type=_whole(0, 10**18), metavar="N", help="what chance does (default: another one each time)")
    made.add_argument("--no-cuts", action="store_true", help="leave the log of the database alone: then nothing is excused")
    made.add_argument("--no-disk", action="store_true", help="no trouble with the disk")
    made.add_argument(
        "--after-power-loss", choices=("stop", "resume"), default="stop", help="the station's setting (default stop)"
    )
    made.add_argument("--dir", type=Path, metavar="DIR", help="run in this folder, new or empty, and leave it there")
    made.add_argument("--keep", action="store_true", help="leave the folder there (it is, where something was wrong)")
    made.add_argument(
        "--station", metavar="COMMAND", help="what to kill, with --config FILE behind it (default: this project's station)"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs; returns the exit status."""
    asked = parser()
    given = asked.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    disks, missing = _disks(given.no_disk)
    folder = _folder(asked, given.dir)
    options = Options(
        kills=given.kills,
        seed=seed,
        folder=folder,
        command=tuple(shlex.split(given.station)) if given.station else COMMAND,
        disks=disks,
        cuts=not given.no_cuts,
        after_power_loss=given.after_power_loss,
    )
    _tell(f"{given.kills} kills, seed {seed}, in {folder}")
    if missing:
        _tell(f"skipped: the small file system ({missing}); a quota stands in for it")
    code = 2
    try:
        code = asyncio.run(until_signalled(_run(options)))
    except DemoError as error:
        print(f"crash: {error}", file=sys.stderr)
    finally:
        if code == 0 and not given.keep and given.dir is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"crash: logs and database are in {folder}", file=sys.stderr)
    return code


async def _run(options: Options) -> int:
    verdict, tally, run = await play(options, _tell)
    for text in run.reasons():
        _tell(f"excused: {text}")
    _tell(f"killed: {_counts(tally.moments)}; weather: {_counts(run.weather_seen())}; contactors closed {tally.closings} times")
    for text in (*tally.trouble, *verdict.problems):
        _tell(f"WRONG: {text}")
    wrong = _wrong(tally, len(verdict.problems))
    if wrong:
        again = f"--kills {options.kills} --seed {options.seed} --after-power-loss {options.after_power_loss}"
        _tell(f"again: script/crash {again}")
    print(json.dumps(run.figures(verdict)), flush=True)
    return 1 if wrong else 0


def _wrong(tally: Tally, problems: int) -> bool:
    return bool(tally.trouble or problems)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items(), key=lambda one: -one[1]))


def _disks(none: bool) -> tuple[tuple[Disk, ...], str | None]:
    """Which trouble with the disk can be had, and why not the small file system."""
    if none:
        return (), None
    missing = "it takes root" if os.geteuid() != 0 else own_mounts()
    return ("quota",) if missing else ("small", "quota"), missing


def _folder(asked: argparse.ArgumentParser, wanted: Path | None) -> Path:
    if wanted is None:
        return new_folder()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            asked.error(f"--dir {wanted} is not empty")
    except OSError as error:
        asked.error(f"--dir {wanted}: {error.strerror}")
    return wanted.absolute()


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
