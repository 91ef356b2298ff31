"""Measures the station, side by side with the charge point that a Python user would otherwise write.

script/bench                      everything; about eight minutes on two cores, and only worth something on a quiet machine
script/bench --only tap           one row, or several: --only tap --only fault
script/bench --quick              few repetitions, to see that it works: a minute, and no figures to trust

The last line on stdout is one JSON object with every key of the table; what could not be measured is null, and named. A whole
run draws docs/growth-*.svg and writes the table into docs/performance.md (--no-docs: it does not).
Exit status: 0 all was measured, whether or not it reached its mark; 1 something could not be measured; 2 wrong usage.
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
import traceback
from dataclasses import asdict
from pathlib import Path
from time import monotonic

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
    listing = "\n".join(f"  {row.name:10} {', '.join(mark.key for mark in row.marks)}" for row in ROWS)
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
    except (CannotMeasure, OSError) as error:
        return {}, str(error)
    except Exception as error:  # one row that breaks must not cost the others; the status and the text tell of it
        traceback.print_exc()
        return {}, f"{type(error).__name__}: {error}"
    lacking = [mark.key for mark in row.marks if mark.key not in figures]
    return figures, f"{', '.join(lacking)} did not come out" if lacking else None


async def run(given: argparse.Namespace) -> int:
    plan = Plan(given.dir, given.quick)
    rows = tuple(row for row in ROWS if not given.only or row.name in given.only)
    figures: Figures = {}
    missing: dict[str, str] = {}
    began_s = monotonic()
    for number, row in enumerate(rows, 1):
        say(f"[{number}/{len(rows)}] {row.name}: {row.about}")
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
    print(terminal(rows, figures))
    print(f"measured in {monotonic() - began_s:.0f} s{'; quick: no figures to trust' if plan.quick else ''}")
    for name, trouble in missing.items():
        print(f"not measured: {name}: {trouble}")
    if not (given.only or given.quick or given.no_docs or missing):
        page.write(ROOT / "docs", figures, curves)
        print("written: docs/performance.md, docs/growth-*.svg")
    print(line(figures, curves))
    return 1 if missing else 0


async def _curves(given: argparse.Namespace, plan: Plan, missing: dict[str, str]) -> list[growth.Growth]:
    if given.only and GROWTH not in given.only:
        return []
    say(f"{GROWTH}: how figures grow with list, outbox and connectors")
    try:
        return await growth.measure(plan, lambda what: say(f"    {what}"))
    except CannotMeasure as error:
        missing[GROWTH] = str(error)
        return []


def line(figures: Figures, curves: list[growth.Growth]) -> str:
    """The last line: every key of the table, null where it was not measured, and what was found beside them."""
    known: dict[str, object] = dict.fromkeys(KEYS)
    known |= {key: rounded(value) for key, value in figures.items()}
    if curves:
        known["growth"] = [asdict(one) for one in curves]
    return json.dumps(known, ensure_ascii=False)


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
    finally:
        shutil.rmtree(own)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that processes and folders go with us
    sys.exit(main())
