"""The core alone: how many events a second it handles, with nothing around it.

    python -m hil.perf.core_events [--hours 2] [--rounds 5] [--connectors 2]

Measured is what the shell does with a core for every event: `handle`, a look at every effect, `next_deadline`. No store, no
link. The events are those of `busy_day`, made beforehand; each round is a new core that lives through the same day, and the
median round counts, by the processor time of this process, from which another program takes little. By kind: what an event
costs on the average, in microseconds, its share of the day.
"""

import argparse
import json
import sys
from statistics import median
from time import perf_counter_ns, process_time_ns

from msgspec import Struct, to_builtins

from hil.perf.busy_day import Happening, happenings, station


class Kind(Struct, frozen=True):
    """One kind of event. share: of all events, in percent."""

    events: int
    share: float
    us: float


class Figures(Struct, frozen=True):
    """core_events_s: events a second in the median round; best and worst round beside it."""

    core_events_s: int
    best_s: int
    worst_s: int
    events: int
    kinds: dict[str, Kind]


def measure(hours: float = 2.0, rounds: int = 5, connectors: int = 2) -> Figures:
    """Lives through the day so many times."""
    day = happenings(hours, connectors)
    rates = sorted(_round(day, connectors) for _ in range(rounds))
    return Figures(int(median(rates)), int(rates[-1]), int(rates[0]), len(day), _by_kind(day, connectors))


def _round(day: list[Happening], connectors: int) -> float:
    core = station(connectors)
    effects = 0
    began_ns = process_time_ns()
    for event, now in day:
        for _ in core.handle(event, now):
            effects += 1
        core.next_deadline()
    took_ns = process_time_ns() - began_ns
    assert effects > 0, "a day on which nothing happened"
    return len(day) * 1e9 / took_ns


def _by_kind(day: list[Happening], connectors: int) -> dict[str, Kind]:
    """One more round, with a look at the clock for every event: a little slower, so only the proportions count."""
    core = station(connectors)
    spent: dict[str, list[int]] = {}
    for event, now in day:
        began_ns = perf_counter_ns()
        core.handle(event, now)
        core.next_deadline()
        spent.setdefault(type(event).__name__, []).append(perf_counter_ns() - began_ns)
    order = sorted(spent, key=lambda name: -len(spent[name]))
    return {
        name: Kind(
            len(spent[name]), round(100 * len(spent[name]) / len(day), 2), round(sum(spent[name]) / len(spent[name]) / 1e3, 1)
        )
        for name in order
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, metavar="H", help="of the busy day (default 2)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="the median counts (default 5)")
    parser.add_argument("--connectors", type=int, default=2, metavar="N", help="1 to 32 (default 2)")
    arguments = parser.parse_args()
    if arguments.hours <= 0 or arguments.rounds < 1 or not 1 <= arguments.connectors <= 32:
        parser.error("--hours and --rounds must be above 0, --connectors 1 to 32")
    print(json.dumps(to_builtins(measure(arguments.hours, arguments.rounds, arguments.connectors))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
