"""Measures the station, side by side with the charge point that a Python user would otherwise write.

script/bench                      everything; about eight minutes on two cores, and only worth something on a quiet machine
script/bench --only tap           one row, or several: --only tap --only fault
script/bench --quick              few repetitions, to see that it works: a minute, and no figures to trust

What is under way is told on stderr. Stdout has the figures with their marks, what was measured beside them and how they grow;
its last line is one JSON object with the keys below, null for what was not measured. A whole run draws docs/growth-*.svg and
writes the table into docs/performance.md (--no-docs: it does not).
Exit status: 0 all was measured, whether or not it reached its mark; 1 something could not be measured or written, and is
named; 2 wrong usage; 130 stopped by Ctrl-C or SIGTERM. No fixed port is used; processes and files of a run go with it.
"""

import argparse
import asyncio
import compileall
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from time import monotonic

from chargepoint.store.errors import StoreError
from hil.bench.client import BenchError
from hil.demo.processes import DemoError
from hil.perf import growth, page
from hil.perf.arithmetic import rounded
from hil.perf.process import CannotMeasure, needs_disk
from hil.perf.rig import ROOT
from hil.perf.row import Figures, Plan, Row
from hil.perf.table import KEYS, ROWS, shown, terminal, verdict

DISK = ROOT / "build" / "perf"
GROWTH = "curves"
NAMES = (*(row.name for row in ROWS), GROWTH)


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    listing = "\n".join(
        f"  {row.name:10} {', '.join(mark.key for mark in row.marks if mark.last_line) or row.about}" for row in ROWS
    )
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description=__doc__,
        epilog=f"rows:\n{listing}\n  {GROWTH:10} how figures grow with list, outbox and connectors",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--only", action="append", choices=NAMES, metavar="ROW", help="this row only; repeatable")
    parser.add_argument("--quick", action="store_true", help="few repetitions; the figures are worth nothing")
    parser.add_argument("--dir", type=Path, default=DISK, metavar="DIR", help="on the disk to measure (default build/perf)")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/ as it is")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measured(row: Row, plan: Plan) -> tuple[Figures, str | None]:
    """The row's figures, and why there are none of them."""
    try:
        figures = await row.measure(plan)
    except Exception as error:  # one row that breaks must not cost the others; the status and the text tell of it
        return {}, _words(error)
    lacking = [mark.key for mark in row.marks if mark.key not in figures]
    return figures, f"{', '.join(lacking)} did not come out" if lacking else None


async def run(given: argparse.Namespace) -> int:
    _end_at_signals()
    plan = Plan(given.dir, given.quick)
    rows = tuple(row for row in ROWS if not given.only or row.name in given.only)
    figures: Figures = {}
    missing: dict[str, str] = {}
    began_s = monotonic()
    for number, row in enumerate(rows, 1):
        say(f"[{number}/{len(rows)}] {row.name}: {row.about}{'' if plan.quick else f' (about {row.seconds} s)'}")
        row_s = monotonic()
        got, trouble = await measured(row, plan)
        figures |= got
        if trouble is not None:
            missing[row.name] = trouble
            say(f"    NOT MEASURED: {trouble}")
        for mark in row.marks:
            if mark.key in got:
                say(f"    {mark.key} {shown(got[mark.key], mark.unit)} (mark {mark}): {verdict(mark, got)}")
        say(f"    {monotonic() - row_s:.0f} s")
    curves = await _curves(given, plan, missing)
    for about, value in page.beside(figures):
        print(f"{about}: {value}")
    for one in curves:
        for curve in one.curves:
            points = ", ".join(f"{shown(size)}: {shown(value)}" for size, value in curve.points)
            print(f"{curve.what} ({curve.unit}) by {one.over}: {points}")
    print(terminal(rows, figures))
    print(f"measured in {monotonic() - began_s:.0f} s{'; quick: no figures to trust' if plan.quick else ''}")
    if not (given.only or given.quick or given.no_docs or missing):
        try:
            page.write(ROOT / "docs", figures, curves)
            print("written: docs/performance.md, docs/growth-*.svg")
        except (OSError, ValueError) as error:
            missing["docs"] = str(error)
    for name, trouble in missing.items():
        print(f"{'not written' if name == 'docs' else 'not measured'}: {name}: {trouble}")
    print(line(figures))
    return 1 if missing else 0


async def _curves(given: argparse.Namespace, plan: Plan, missing: dict[str, str]) -> list[growth.Growth]:
    if given.only and GROWTH not in given.only:
        return []
    say(f"{GROWTH}: how figures grow with list, outbox and connectors{'' if plan.quick else ' (about 110 s)'}")
    try:
        return await growth.measure(plan, lambda what: say(f"    {what}"))
    except Exception as error:  # nor may it cost the rows
        missing[GROWTH] = _words(error)
        return []


def _words(error: Exception) -> str:
    """What went wrong; where it is a mistake of the bench itself, with the way there on stderr."""
    if isinstance(error, CannotMeasure | BenchError | DemoError | StoreError | OSError):
        return str(error)
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"


def line(figures: Figures) -> str:
    """The last line: every key of the table, null where it was not measured."""
    return json.dumps({key: rounded(figures[key]) if key in figures else None for key in KEYS})


def _end_at_signals() -> None:
    """Ctrl-C and SIGTERM: processes and folders go with us, which takes a while and is told."""
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        say("script/bench: stopping; what was started is ended, within half a minute")
        task.cancel()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)


def _compile() -> None:
    """Byte code, as an installed program has it: without it every start of the station would compile a hundred files."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some machines set it
    for folder in ("chargepoint", "drivers", "hil"):
        compileall.compile_dir(ROOT / folder, quiet=2)


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)
    _compile()
    try:
        given.dir.mkdir(parents=True, exist_ok=True)
        needs_disk(given.dir)
        own = Path(tempfile.mkdtemp(prefix="run-", dir=given.dir))
    except (CannotMeasure, OSError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        return 1
    given.dir = own.absolute()
    try:
        return asyncio.run(run(given))
    except (asyncio.CancelledError, KeyboardInterrupt):
        say("script/bench: stopped; nothing is left of this run")
        return 130
    finally:
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
