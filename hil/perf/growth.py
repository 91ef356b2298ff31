"""What grows with what: the length of the local list, of the outbox, and the number of connectors."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hil.perf import lists, queue
from hil.perf.arithmetic import median
from hil.perf.central import Central
from hil.perf.fill import fill
from hil.perf.load import percent
from hil.perf.process import rss_mb
from hil.perf.rig import Reports, Rig, attended, rig
from hil.perf.row import Plan
from hil.perf.sessions import several_taps

SIZES = (10, 100, 1_000, 10_000, 100_000)
CONNECTORS = (1, 2, 4, 8, 16, 32)
KEYS = {"MeterValueSampleInterval": "60"}


@dataclass(frozen=True)
class Curve:
    """One figure over a size. points: (size, value)."""

    what: str
    unit: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Growth:
    """What one size does to several figures; `over` is what grows."""

    name: str
    title: str
    over: str
    curves: tuple[Curve, ...]


async def measure(plan: Plan, say: Callable[[str], None]) -> list[Growth]:
    """All three. say: is told what is under way."""
    sizes = SIZES[:2] if plan.quick else SIZES
    numbers = CONNECTORS[:2] if plan.quick else CONNECTORS
    return [await _list(plan, sizes, say), await _queue(plan, sizes, say), await _connectors(plan, numbers, say)]


async def _list(plan: Plan, sizes: tuple[int, ...], say: Callable[[str], None]) -> Growth:
    look_up, memory = [], []
    for size in sizes:
        say(f"a local list of {size}")
        look_up.append((size, await asyncio.to_thread(lists.microseconds, plan.disk, size, 5)))
        memory.append((size, await _memory(plan.disk, size)))
    curves = (Curve("look-up", "µs", tuple(look_up)), Curve("resident memory", "MB", tuple(memory)))
    return Growth("list", "The local list grows", "entries on the local list", curves)


async def _memory(disk: Path, listed: int) -> float:
    with Central() as central:
        async with rig(disk, central.url, setup=lambda state: fill(state, listed=listed)) as bench, bench.station() as station:
            await asyncio.to_thread(central.booted)
            await asyncio.to_thread(central.attend, 2.0)
            return rss_mb(station.pid)


async def _queue(plan: Plan, sizes: tuple[int, ...], say: Callable[[str], None]) -> Growth:
    fetch, row, memory = [], [], []
    for size in sizes:
        say(f"an outbox of {size}")
        fetch.append((size, await asyncio.to_thread(queue.fetch_us, plan.disk, size)))
        through = await queue.delivery(plan.disk, size, 200)
        row.append((size, median(through.gaps_ms)))
        memory.append((size, through.rss_mb))
    curves = (
        Curve("the oldest rows found", "µs", tuple(fetch)),
        Curve("a row delivered", "ms", tuple(row)),
        Curve("resident memory", "MB", tuple(memory)),
    )
    return Growth("queue", "The outbox grows", "rows in the outbox", curves)


async def _connectors(plan: Plan, numbers: tuple[int, ...], say: Callable[[str], None]) -> Growth:
    tap, cpu, memory = [], [], []
    for number in numbers:
        say(f"{number} connector{'s' if number > 1 else ''}")
        with Central() as central:
            async with rig(plan.disk, central.url, number, KEYS) as bench, bench.station() as station:
                await asyncio.to_thread(central.welcome)
                async with attended(central) as reports:
                    await _all_charge(bench, reports, tuple(range(2, number + 1)))
                    taps_ms = await several_taps(bench, reports, (1,), 3 if plan.quick else 15)
                    tap.append((number, median([closed_ms for closed_ms, _ in taps_ms])))
                    await _all_charge(bench, reports, (1,))
                    cpu.append((number, await percent(station.pid, 2.0 if plan.quick else 8.0, settle_s=1.0)))
                    memory.append((number, rss_mb(station.pid)))
    curves = (
        Curve("tap to contactor", "ms", tuple(tap)),
        Curve("processor, all charging", "% of a core", tuple(cpu)),
        Curve("resident memory", "MB", tuple(memory)),
    )
    return Growth("connectors", "A station with more connectors", "connectors", curves)


async def _all_charge(bench: Rig, reports: Reports, connectors: tuple[int, ...]) -> None:
    for connector in connectors:
        await reports.until(connector, "status", ["Available"], 0.0)
        await bench.waiting(connector, reports)
        await bench.tap(connector)
