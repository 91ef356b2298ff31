"""`python -m hil.layers`: the command line of script/hil."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from msgspec import to_builtins

from hil.bench.client import BenchError
from hil.kernel import missing
from hil.layers import figures
from hil.layers.account import Account, differences
from hil.layers.play import Play, StoryFailed
from hil.layers.stage import Layer, Stage, stage
from hil.layers.stories import ALL, STORIES, central_system

COUNT_MAX = 1_000
LOG_SHOWN = 20

DESCRIPTION = """\
Plays the same stories on a station of virtual drivers and on a station of real ones: real gpiozero, lgpio, spidev and Modbus
RTU in a real process, over an emulated kernel. The bench's world stands behind both. What the Central System heard, what
contactor, lock and pilot did and what the lamps showed is compared; then the real stack is timed.
"""
EPILOG = """\
stories:
{stories}

The last line is one JSON object. exit status: 0 no difference, and every time within its limit; 1 a story failed, layers
differ, or a time is over its limit; 2 wrong usage, or this machine cannot.

examples:
  script/hil                                    everything, two to three minutes
  script/hil --story charge --count 0           one story on both layers, no benchmark
  script/hil --story killed --layer real -v     one layer alone, with what the Central System heard
"""


def main() -> int:
    arguments = _arguments(sys.argv[1:])
    layers = list(Layer) if arguments.layer == "both" else [Layer(arguments.layer)]
    if Layer.REAL in layers and (lacking := missing("gpiozero", "lgpio", "spidev")):
        print(f"hil: no real stack on this machine: {lacking}; --layer virtual needs none of it", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(arguments, layers))
    except KeyboardInterrupt:
        return 130


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    stories = "\n".join(f"  {name:10} {(story.__doc__ or '').strip()}" for name, story in STORIES.items())
    parser = argparse.ArgumentParser(
        prog="script/hil",
        description=DESCRIPTION,
        epilog=EPILOG.format(stories=stories),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--story", action="append", choices=sorted(STORIES), metavar="NAME", help=f"may be repeated (default {', '.join(ALL)})"
    )
    parser.add_argument("--layer", choices=("virtual", "real", "both"), default="both", help="default both")
    parser.add_argument(
        "--count", type=int, default=10, metavar="N", help="taps and facts of the benchmark, 0 to 1000 (default 10; 0: none)"
    )
    parser.add_argument("--idle", type=float, default=10.0, metavar="S", help="how long it is idle (default 10)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every account")
    arguments = parser.parse_args(given)
    if not 0 <= arguments.count <= COUNT_MAX:
        parser.error(f"--count must be 0 to {COUNT_MAX}")
    if not 0.5 <= arguments.idle <= 3_600:
        parser.error("--idle must be 0.5 to 3600 s")
    return arguments


async def _run(arguments: argparse.Namespace, layers: list[Layer]) -> int:
    began_s = time.monotonic()
    names = list(dict.fromkeys(arguments.story or ALL))
    failed, different = 0, 0
    for name in names:
        accounts = [await _played(name, layer, arguments.verbose) for layer in layers]
        failed += accounts.count(None)
        if len(layers) == 2 and all(accounts):
            different += _compared(name, accounts)
    summary: dict[str, Any] = {"stories": len(names), "failed": failed, "differences": different}
    over: list[str] = []
    if arguments.count and Layer.REAL in layers:
        print(f"benchmark: {arguments.idle:g} s idle, {arguments.count} taps, {arguments.count} times each fact", flush=True)
        measured = await figures.measure(arguments.count, arguments.idle)
        over = measured.over
        summary |= to_builtins(measured)
        summary["over"] = over
        for name in over:
            print(f"benchmark: {name} is over its limit", flush=True)
    summary["seconds"] = round(time.monotonic() - began_s, 1)
    print(json.dumps(summary), flush=True)
    return 1 if failed or different or over else 0


async def _played(name: str, layer: Layer, verbose: bool) -> Account | None:
    """The account of one story on one layer; None where it failed, which has been told."""
    began_s = time.monotonic()
    async with stage(layer, settings=central_system()) as made:
        try:
            await STORIES[name](Play(made))
        except (StoryFailed, BenchError, TimeoutError, ConnectionError) as error:
            _told(name, layer, made, error)
            return None
        account = made.closing()
        notes = [str(note) for note in (*made.system.violations, *made.system.complaints)]
    for note in notes:
        print(f"{name} on {layer}: the Central System complains: {note}")
    print(f"{name} on {layer}: {len(account.heard)} messages in {time.monotonic() - began_s:.1f} s", flush=True)
    if verbose:
        for what in ("heard", "moved", "offered", "noted"):
            for line in getattr(account, what):
                print(f"  {what}: {line}")
    return None if notes else account


def _told(name: str, layer: Layer, made: Stage, error: Exception) -> None:
    print(f"{name} on {layer}: FAILED: {error or type(error).__name__}")
    log = made.log.read_text(encoding="utf-8", errors="replace").splitlines() if made.log.exists() else []
    for line in log[-LOG_SHOWN:]:
        print(f"  station: {line}")
    for line in made.closing().heard[-LOG_SHOWN:]:
        print(f"  {line}")
    sys.stdout.flush()


def _compared(name: str, accounts: list[Account | None]) -> int:
    """How many of what is compared differ; each has been told."""
    virtual, real = accounts
    assert virtual is not None
    assert real is not None
    lines = differences(virtual, real)
    for line in lines:
        print(f"  {line}")
    count = sum(not line.startswith(" ") for line in lines)
    print(f"{name}: {f'{count} DIFFERENCES' if count else 'the same on both layers'}", flush=True)
    return count


if __name__ == "__main__":
    sys.exit(main())
