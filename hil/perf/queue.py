"""The outbox: what a row costs to append, to find and to deliver, and whether that grows with how many wait."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns, sleep

from chargepoint.core import effects as fx
from chargepoint.core.outbox import WINDOW_ROWS
from chargepoint.core.records import PutRow
from chargepoint.core.station import Station
from chargepoint.store import open_store
from hil.perf.arithmetic import median, percentile
from hil.perf.busy_day import BEGIN_MONO_S, Visit, happenings, site
from hil.perf.central import Central
from hil.perf.disk_day import live
from hil.perf.fill import fill, opened
from hil.perf.process import rss_mb
from hil.perf.rig import rig
from hil.perf.row import Figures, Plan

FEW, MANY = 100, 100_000
TRIP_S = 0.05  # a round trip over a mobile network
FETCHES = 200
APPEND_ROUNDS = 9
IN_TURN = Visit(session_s=1_700.0, pause_s=1_900.0, reading_s=60.0, asked_s=3600.0)
STARTED_S = 1.0


async def append(plan: Plan) -> Figures:
    """Milliseconds of the commits that append a row, synchronous=FULL, as core and store make them while one car after the
    other charges, the log merged in between as the service does it: the medians of nine rounds, each a ninth of those hours.
    """
    took_ms = await asyncio.to_thread(_appends, plan.disk, 2.0 if plan.quick else 32.0)
    size = max(1, len(took_ms) // (1 if plan.quick else APPEND_ROUNDS))
    rounds = [took_ms[at : at + size] for at in range(0, len(took_ms) - size + 1, size)]
    p50_ms, p99_ms = (median([percentile(one, percent) for one in rounds]) for percent in (50, 99))
    return {"outbox_append_p99_ms": p99_ms, "outbox_append_p50_ms": p50_ms}


def _appends(disk: Path, hours: float) -> list[float]:
    state = Path(tempfile.mkdtemp(prefix="append-", dir=disk))
    store = open_store(state, "busy", BEGIN_MONO_S)
    took_ms = []

    def commit(effect: fx.Commit) -> None:
        began_ns = perf_counter_ns()
        store.commit(effect)
        if any(isinstance(change, PutRow) for change in effect.changes):
            took_ms.append((perf_counter_ns() - began_ns) / 1e6)

    try:
        live(Station(store.snapshot(), site()), store, happenings(hours, visit=IN_TURN), commit)
    finally:
        store.close()
        shutil.rmtree(state)
    return took_ms


async def growth(plan: Plan) -> Figures:
    """100,000 rows against 100: the store's look for the oldest, and what a row costs from its arrival to the next one's. The
    worse of the two ratios counts.
    """
    many = 1_000 if plan.quick else MANY
    found_us = {rows: await asyncio.to_thread(fetch_us, plan.disk, rows) for rows in (FEW, many)}
    rounds_ms: dict[int, list[float]] = {FEW: [], many: []}
    for number in range(1 if plan.quick else 3):
        for rows in (FEW, many) if number % 2 else (many, FEW):
            rounds_ms[rows].append(median((await delivery(plan.disk, rows, FEW)).gaps_ms))
    row_ms = {rows: median(rounds) for rows, rounds in rounds_ms.items()}
    found, delivered = found_us[many] / found_us[FEW], row_ms[many] / row_ms[FEW]
    return {
        "outbox_growth_ratio": max(found, delivered),
        "outbox_fetch_ratio": found,
        "outbox_delivery_ratio": delivered,
        "outbox_row_ms": row_ms[FEW],
        "outbox_many_row_ms": row_ms[many],
    }


async def link(plan: Plan) -> Figures:
    """Rows over a link with a round trip of 50 ms: how much longer than that each one takes."""
    rows = 20 if plan.quick else 200
    trip_ms = 1_000 * TRIP_S
    row_ms = median((await delivery(plan.disk, rows + 1, rows, TRIP_S)).gaps_ms)
    return {"delivery_rtt_ratio": row_ms / trip_ms, "delivery_beyond_ms": row_ms - trip_ms}


def fetch_us(disk: Path, rows: int) -> float:
    """Microseconds of the store's answer to the outbox's wish for its oldest rows: the median."""
    state = Path(tempfile.mkdtemp(prefix="fetch-", dir=disk))
    try:
        fill(state, rows)
        store = opened(state)
        try:
            store.snapshot()
            took_ns = []
            for _ in range(FETCHES):
                began_ns = perf_counter_ns()
                store.fetch_rows(WINDOW_ROWS)
                took_ns.append(perf_counter_ns() - began_ns)
            return median(took_ns) / 1_000
        finally:
            store.close()
    finally:
        shutil.rmtree(state)


@dataclass(frozen=True)
class Delivery:
    """gaps_ms: from each row's arrival to the next one's. rss_mb: of the station, afterwards."""

    gaps_ms: list[float]
    rss_mb: float


async def delivery(disk: Path, queued: int, rows: int, trip_s: float = 0.0) -> Delivery:
    """A station finds so many rows in its outbox at its start, and delivers some of them, not all, to a Central System."""
    with Central(trip_s) as central:
        async with rig(disk, central.url, setup=lambda state: fill(state, queued)) as bench, bench.station() as station:
            return await asyncio.to_thread(_delivered, central, station.pid, min(rows, queued) - 1)


def _delivered(central: Central, pid: int, rows: int) -> Delivery:
    central.booted()
    arrivals: list[float] = []

    def heard(action: str, payload: object) -> None:
        if action in ("MeterValues", "StopTransaction"):
            arrivals.append(central.arrivals[action])
            if len(arrivals) == 1:
                sleep(STARTED_S)  # the first row waits for its answer until the station's start is over

    central.heard = heard
    central.serve(lambda: len(arrivals) > rows)
    gaps_ms = [1_000 * (after - before) for before, after in pairwise(arrivals[1:])]
    return Delivery(gaps_ms, rss_mb(pid))
