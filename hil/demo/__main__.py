"""`python -m hil.demo`: the command line, and the one way out for signals and errors."""

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hil.demo.acts import CORE
from hil.demo.evening import play_evening
from hil.demo.keys import KEYS
from hil.demo.live import show_live
from hil.demo.play import Act
from hil.demo.processes import DemoError
from hil.demo.profile_acts import PROFILES
from hil.demo.stage import Options
from hil.demo.style import make_tolerant
from hil.signals import until_signalled

CONNECTORS_MAX = 9  # keys 1 to 9
SPEED_MAX = 3_600.0

DESCRIPTION = """\
A charging station at work, without hardware: starts a bench (cars, cables, meters, cards), a test Central System and the
station itself as three processes and shows the charge as it happens, with the OCPP conversation; the first lines name the
station's page for a browser, where cars and cards can be clicked. Everything is gone afterwards.
"""
EPILOG = """\
keys of the live view:
{keys}

exit status: 0 well; 1 with --auto: a step failed, or books and meters differ; 2 wrong usage, or it could not start

examples:
  script/demo                                the live view
  script/demo --auto                         an evening in half a minute, ends with books against meters
  script/demo --auto --acts card,power       the first act (boot) and these two
  script/demo --auto --profiles              list, reservation, charging profile, firmware, diagnostics: 20 seconds
  script/demo --connectors 4 --meter rtu     four connectors, meters on a serial line
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"demo: {message}; see --help\n")


def _connectors(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 1 and 1 <= int(text) <= CONNECTORS_MAX):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {CONNECTORS_MAX}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {SPEED_MAX:g}, not {text!r}")
    return value


def _acts(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _names(acts: Sequence[Act]) -> list[str]:
    """The acts that can be chosen: the first is always played."""
    return [act.name for act in acts[1:]]


def _chosen(asked: _Parser, given: argparse.Namespace) -> list[Act]:
    """The acts of the evening that is asked for."""
    acts = PROFILES if given.profiles else CORE
    if unknown := [name for name in given.acts or () if name not in _names(acts)]:
        asked.error(f"argument --acts: no act {unknown[0]!r}; there are {', '.join(_names(acts))}")
    return [act for act in acts if given.acts is None or act.name in (acts[0].name, *given.acts)]


def _command(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no command: {error}") from None
    if not words:
        raise argparse.ArgumentTypeError("must be a command, not an empty text")
    first = os.path.abspath(words[0]) if os.sep in words[0] else words[0]  # it will run in another folder
    return (first, *words[1:])


def parser() -> _Parser:
    keys = "\n".join(f"  {key.label:5} {key.help}" for key in KEYS)
    made = _Parser(
        prog="script/demo",
        allow_abbrev=False,
        description=DESCRIPTION,
        epilog=EPILOG.format(keys=keys),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--auto", action="store_true", help="play one evening without a key, then compare books and meters")
    made.add_argument(
        "--profiles",
        action="store_true",
        help="with --auto: instead, play local list, reservation, charging profile, firmware and diagnostics",
    )
    made.add_argument(
        "--acts",
        type=_acts,
        metavar="NAMES",
        help=f"with --auto: only these acts, of {','.join(_names(CORE))}, or with --profiles of {','.join(_names(PROFILES))}"
        " (default: all)",
    )
    made.add_argument(
        "--connectors", type=_connectors, default=2, metavar="N", help=f"1 to {CONNECTORS_MAX} connectors (default 2)"
    )
    made.add_argument(
        "--speed", type=_speed, default=60.0, metavar="N", help="energy flows N times faster than the clock (default 60)"
    )
    made.add_argument("--meter", choices=("tcp", "rtu"), default="tcp", help="how the meters are reached (default tcp)")
    made.add_argument("--tethered", action="store_true", help="fixed cables instead of sockets with a lock")
    made.add_argument(
        "--dir", type=Path, metavar="DIR", help="run in this folder, new or empty, and leave it there (logs, database)"
    )
    made.add_argument("--keep", action="store_true", help="leave the temporary folder there and say where it is")
    made.add_argument(
        "--station",
        type=_command,
        metavar="COMMAND",
        help="start this as the station, with --config FILE behind it (default: this project's `chargepoint run`)",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays or shows; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        make_tolerant(stream)
    asked = parser()
    given = asked.parse_args(arguments)
    if given.acts and not given.auto:
        asked.error("--acts goes with --auto")
    if given.profiles and not given.auto:
        asked.error("--profiles goes with --auto")
    acts = _chosen(asked, given)
    options = Options(
        connectors=given.connectors,
        speed=given.speed,
        meter=given.meter,
        tethered=given.tethered,
        directory=given.dir,
        keep=given.keep,
        station=given.station,
    )
    try:
        if given.auto:
            code = asyncio.run(until_signalled(play_evening(options, acts, programme=given.profiles)))
        else:
            code = asyncio.run(until_signalled(show_live(options)))
        sys.stdout.flush()
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
