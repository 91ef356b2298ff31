"""Processor time of a station that waits and of one that charges, by /proc/PID/stat."""

import asyncio
from time import monotonic

from hil.perf.process import cpu_s
from hil.perf.rig import central_system, rig
from hil.perf.row import Figures, Plan

SETTLE_S = 5.0


async def processor(plan: Plan) -> Figures:
    """Two stations at once over the same minute, each with two connectors, meters read every second, on a Central System of its
    own: one where nobody comes, and one with two cars that charge, sampled every 60 s. Percent of one core.
    """
    for_s = 3.0 if plan.quick else 60.0
    idle, charging = await asyncio.gather(_percent(plan, for_s, cars=False), _percent(plan, for_s, cars=True))
    return {"cpu_idle_percent": idle, "cpu_charging_percent": charging}


async def _percent(plan: Plan, for_s: float, *, cars: bool) -> float:
    async with central_system() as (url, reports), rig(plan.disk, url) as bench, bench.station() as station:
        for connector in (1, 2):
            await reports.until(connector, "status", ["Available"], 0.0)
            if cars:
                await bench.waiting(connector, reports)
                await bench.tap(connector)
        return await percent(station.pid, for_s)


async def percent(pid: int, for_s: float, settle_s: float = SETTLE_S) -> float:
    """Of one core, once the process has settled."""
    await asyncio.sleep(settle_s)
    began_s, spent_s = monotonic(), cpu_s(pid)
    await asyncio.sleep(for_s)
    return 100 * (cpu_s(pid) - spent_s) / (monotonic() - began_s)
