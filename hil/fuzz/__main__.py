"""`python -m hil.fuzz`: the command line."""

import argparse
import json
import logging
import random
import resource
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from msgspec import Struct

from hil.fuzz import cases
from hil.fuzz.cases import BadFile, Failure
from hil.fuzz.progress import Progress
from hil.fuzz.target import Target
from hil.fuzz.targets import ALL, BY_NAME
from hil.fuzz.watch import Watch

FAILURES_MAX = 10
MEMORY_MAX = 3 << 30
FOLDER = Path("build/fuzz")

DESCRIPTION = """\
Throws what nobody would send at every place that takes something from outside: frames of a Central System, lines of the control
socket, settings files, databases, bytes of meters and of the virtual hardware, recordings. Each case is made out of the seed
and a number. A case that fails is made smaller and written to build/fuzz, with the command that runs it again.
"""
EPILOG = f"""\
targets: {", ".join(BY_NAME)}
exit status: 0 nothing failed; 1 something did; 2 wrong usage
The last line is one JSON object. After {FAILURES_MAX} failures of different kinds it ends before its time.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"fuzz: {message}; see --help\n")


class Count(Struct):
    """What was spent on a target."""

    cases: int = 0
    seconds: float = 0.0


class Fuzzing:
    """One run over some targets."""

    def __init__(self, targets: Sequence[Target], seed: int, folder: Path) -> None:
        self.counts = {target.name: Count() for target in targets}
        self.failures: list[Failure] = []
        self.repeated = 0
        self._targets = targets
        self._seed = seed
        self._folder = folder
        self._known: set[tuple[str, str, str]] = set()

    def run(self, seconds: float, cases_max: int | None, watch: Watch, progress: Progress) -> None:
        """Until the time is up, every target had its cases, or too much has failed. The time is the same for each target."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s and len(self.failures) < FAILURES_MAX:
            waiting = [each for each in self._targets if cases_max is None or self.counts[each.name].cases < cases_max]
            if not waiting:
                return
            self._one(min(waiting, key=lambda target: self.counts[target.name].seconds), watch)
            progress.show({name: (count.cases, count.seconds) for name, count in self.counts.items()}, len(self.failures))

    def figures(self, seconds: float) -> dict[str, Any]:
        return {
            "seed": self._seed,
            "cases": sum(count.cases for count in self.counts.values()),
            "seconds": round(seconds, 1),
            "targets": {name: count.cases for name, count in self.counts.items()},
            "failures": len(self.failures),
            "repeated": self.repeated,
        }

    def _one(self, target: Target, watch: Watch) -> None:
        count = self.counts[target.name]
        began_s = time.monotonic()
        seed = f"{self._seed}.{count.cases}"
        failure = cases.attempt(target, cases.make(target, seed), seed, watch)
        count.cases += 1
        count.seconds += time.monotonic() - began_s
        if failure is not None and failure.kind in self._known:
            self.repeated += 1
        elif failure is not None:
            self._known.add(failure.kind)
            failure = cases.shrunk(target, failure, watch)
            self.failures.append(failure)
            path = cases.write(failure, self._folder)
            print(f"\nFAILED {failure.words()}\n  again: script/fuzz --replay {shlex.quote(str(path))}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs; returns the exit status."""
    asked = _parser()
    given = asked.parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # what the product logs on the way is not of interest
    if given.replay is not None:
        return _replay(asked, given.replay)
    unknown = [name for name in given.target if name not in BY_NAME]
    if unknown:
        asked.error(f"there is no target {unknown[0]!r}; there are: {', '.join(BY_NAME)}")
    targets = [BY_NAME[name] for name in dict.fromkeys(given.target)] or list(ALL)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    fuzzing = Fuzzing(targets, seed, given.dir)
    began_s = time.monotonic()
    with Watch(cases.CASE_S) as watch, Progress(sys.stderr, given.minutes * 60) as progress:
        try:
            fuzzing.run(given.minutes * 60, given.cases, watch, progress)
        except KeyboardInterrupt:
            progress.clear()
            print("ended before its time", file=sys.stderr)
    for name, count in fuzzing.counts.items():
        print(f"{name:16} {count.cases:9,} cases  {count.cases / max(count.seconds, 1e-9):8,.0f}/s")
    print(json.dumps(fuzzing.figures(time.monotonic() - began_s)), flush=True)
    return 1 if fuzzing.failures else 0


def _replay(asked: argparse.ArgumentParser, path: Path) -> int:
    try:
        written = cases.read(path)
        target = BY_NAME[written.target]
    except BadFile as error:
        asked.error(str(error))
    except KeyError:
        asked.error(f"{path} is for a target that is not there any more")
    with Watch(cases.CASE_S) as watch:
        failure = cases.attempt(target, written.inputs, written.seed, watch)
    if failure is None:
        print(f"does not fail any more: {written.words()}")
        return 0
    print(failure.trace, file=sys.stderr)
    same = failure.kind == written.kind
    print(f"fails {'the same way' if same else 'in another way'}: {failure.words()}")
    return 1


def _parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="script/fuzz",
        allow_abbrev=False,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--minutes", type=_minutes, default=1.0, metavar="N", help="how long (default 1)")
    made.add_argument("--seed", type=_whole, metavar="S", help="what chance does (default: another one each time)")
    made.add_argument("--target", nargs="+", default=[], metavar="NAME", help="these only (default: all)")
    made.add_argument("--cases", type=_whole, metavar="N", help="not more than N cases for each target")
    made.add_argument("--dir", type=Path, default=FOLDER, metavar="DIR", help="where failing cases go (default build/fuzz)")
    made.add_argument("--replay", type=Path, metavar="FILE", help="run the case of this file once more, and nothing else")
    return made


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 1_000_000:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return minutes


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}")
    return int(text)


if __name__ == "__main__":
    # What eats memory without end must end as a failure, not with the machine.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, resource.getrlimit(resource.RLIMIT_AS)[1]))
    sys.exit(main())
