"""From a fact to an open contactor, through the whole station: real process, real drivers, emulated kernel.

    python -m hil.perf.fact_to_open [--count 50]

Each time the station charges: its coil is pulled. Then a line changes in the emulated kernel, and the time until the coil's
line falls is taken on one clock. `emergency_stop` and `ground_fault` are lines of [inputs], with the driver's own millisecond
against spikes; `pilot` is a car that is unplugged, seen by the ADC through the driver's filter (IEC 61851-1 allows 100 ms).
Then the fault goes, the car is plugged anew and the station closes again; `closing` is the time from the plug, filters and
self-test included. All of it is only worth something on a machine that has nothing else to do.

The last line is one JSON object; the exit status is 1 where a p99 is over its limit.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from math import ceil
from statistics import median
from time import monotonic

from msgspec import Struct, to_builtins

from hil.kernel import missing
from hil.kernel.box import Box, box
from hil.kernel.child import Child

LINE_LIMIT_MS = 20.0
PILOT_LIMIT_MS = 100.0
CLOSING_LIMIT_MS = 3_000.0
WAIT_S = 15.0


class Spread(Struct, frozen=True, kw_only=True):
    """Milliseconds over `count` times, and what p99 must stay under."""

    count: int
    median_ms: float
    p99_ms: float
    max_ms: float
    limit_ms: float


class Figures(Struct, frozen=True, kw_only=True):
    emergency_stop: Spread
    ground_fault: Spread
    pilot: Spread
    closing: Spread

    @property
    def within(self) -> bool:
        return all(one.p99_ms < one.limit_ms for one in (self.emergency_stop, self.ground_fault, self.pilot, self.closing))


async def measure(count: int = 50) -> Figures:
    """Takes about 2 s for each of count."""
    async with box() as station:
        with station.start() as process:
            return await asyncio.to_thread(_figures, station, process, count)


def _figures(station: Box, process: Child, count: int) -> Figures:
    facts: dict[str, Callable[[], float]] = {
        "emergency_stop": lambda: station.emergency(True),
        "ground_fault": lambda: station.trip(True),
        "pilot": lambda: _unplugged(station),
    }
    late_ms: dict[str, list[float]] = {name: [] for name in facts}
    closing_ms: list[float] = []
    _available(process)
    _plugged(station)
    for _ in range(count):
        for name, fact in facts.items():
            began_s = fact()
            late_ms[name].append(1_000 * (station.opened(WAIT_S) - began_s))
            station.emergency(False)
            station.trip(False)
            station.unplug()
            _available(process)
            closing_ms.append(_plugged(station))
    lines = {name: spread(times, PILOT_LIMIT_MS if name == "pilot" else LINE_LIMIT_MS) for name, times in late_ms.items()}
    return Figures(closing=spread(closing_ms, CLOSING_LIMIT_MS), **lines)


def _available(process: Child) -> None:
    """Until the station has seen that no car is there."""
    while not process.line(WAIT_S).endswith("Now Available."):
        pass


def _unplugged(station: Box) -> float:
    began_s = monotonic()
    station.unplug()
    return began_s


def _plugged(station: Box) -> float:
    """Plugs a car that is ready; milliseconds until the coil is pulled."""
    began_s = monotonic()
    station.plug(ready=True)
    return 1_000 * (station.closed(WAIT_S) - began_s)


def spread(times_ms: list[float], limit_ms: float) -> Spread:
    """Of one or more times."""
    times_ms = sorted(times_ms)
    return Spread(
        count=len(times_ms),
        median_ms=round(median(times_ms), 2),
        p99_ms=round(times_ms[ceil(0.99 * len(times_ms)) - 1], 2),
        max_ms=round(times_ms[-1], 2),
        limit_ms=limit_ms,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50, metavar="N", help="of each fact, 1 to 1000 (default 50)")
    arguments = parser.parse_args()
    if not 1 <= arguments.count <= 1_000:
        parser.error("--count must be 1 to 1000")
    if lacking := missing("gpiozero", "lgpio", "spidev"):
        parser.error(f"this machine cannot: {lacking}")
    figures = asyncio.run(measure(arguments.count))
    print(json.dumps(to_builtins(figures)))
    return 0 if figures.within else 1


if __name__ == "__main__":
    sys.exit(main())
