"""`script/deb --try`: builds the packages and tries every one of them in a root of its own.

For each target: installs the package in a Debian that has nothing, asks its version, imports every module that is in it, checks
the examples, runs a station, upgrades, lets a downgrade be refused, removes, purges. Under systemd where the processor is this
host's; for another one under qemu, without systemd. Then, once, kills everything at chosen steps within dpkg and looks whether
the next boot comes back with the database untouched.

Needs root, mmdebstrap, and for arm64 elsewhere qemu-user-static; a target that this host cannot try is skipped by name, with
what to install. The roots are kept, the first time takes some minutes and the network.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from distribution.__main__ import source_date_s
from distribution.targets import ALL, Target, named
from distribution.wheels import CannotFetch
from hil.machine import Unavailable
from hil.packages.cuts import Cuts
from hil.packages.debs import Debs, built, native
from hil.packages.story import Broken, Life

CUTS = 12


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # machines end with it
    epoch_s = source_date_s()
    verdicts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            debs = [built(target, Path(folder) / target.name, epoch_s) for target in arguments.target or ALL]
        except CannotFetch as error:
            print(f"script/deb --try: {error}", file=sys.stderr)
            return 1
        for one in debs:
            verdicts[one.target.name] = _verdict(one.target.name, Life, one)
        mine = next((one for one in debs if native(one.target)), None)
        if arguments.cuts and mine is not None:
            verdicts[f"power cuts, {mine.target.name}"] = _verdict(
                mine.target.name, lambda debs, say: Cuts(debs, say, arguments.cuts), mine
            )
    print()
    for name, verdict in verdicts.items():
        print(f"{name:28} {verdict}")
    return 1 if any(verdict.startswith("BROKEN") for verdict in verdicts.values()) else 0


def _verdict(name: str, trial: Callable[..., Life | Cuts], debs: Debs) -> str:
    def say(step: str, seen: str, took_s: float) -> None:
        print(f"{name}: {step} ({took_s:.1f} s): {seen}", flush=True)

    try:
        trial(debs, say).play()
    except Unavailable as error:
        return f"skipped: {error}"
    except Broken as error:
        return f"BROKEN: {error}"
    return "ok"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/deb --try", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    names = ", ".join(target.name for target in ALL)
    parser.add_argument(
        "--target", action="append", type=_target, metavar="NAME", help=f"only this one; again for more: {names}"
    )
    parser.add_argument(
        "--cuts",
        type=int,
        default=CUTS,
        metavar="N",
        help=f"power cuts in each of two installations, 0 or from 2 (default {CUTS})",
    )
    arguments = parser.parse_args()
    if arguments.cuts < 0 or arguments.cuts == 1:
        parser.error("--cuts: 0, or 2 and more")
    return arguments


def _target(name: str) -> Target:
    try:
        return named(name)
    except KeyError as error:
        raise argparse.ArgumentTypeError(str(error.args[0])) from None


if __name__ == "__main__":
    sys.exit(main())
