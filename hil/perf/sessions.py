"""From a tap to the contactor's command, and from a fault to it, at the hardware socket of the bench.

Both instants are taken by the bench's process on one clock, when the card or the fault is told to the station and when the
command has come back; what the bench itself needs to tell and to hear is part of the figure.
"""

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from time import monotonic
from typing import Any

from hil.perf.arithmetic import median, percentile
from hil.perf.central import Central
from hil.perf.fill import LENGTH_MAX, fill, id_tag
from hil.perf.process import CannotMeasure
from hil.perf.rig import Reports, Rig, card, central_system, rig
from hil.perf.row import Figures, Plan

ENTRIES_A_MESSAGE = 10_000  # SendLocalListMaxLength
UPDATE_S = 120.0
LOAD_CONNECTORS = 8
LOAD_S = 60.0


async def taps(plan: Plan) -> Figures:
    """Two connectors, a card that the cache knows, the car plugged and ready. The session's record is on the disk before the
    contactor is commanded; the meter is read once more in between. The medians of three rounds of 200 taps.
    """
    async with central_system() as (url, reports), rig(plan.disk, url) as bench, bench.station():
        each = 2 if plan.quick else 100
        rounds = [await several_taps(bench, reports, (1, 2), each) for _ in range(1 if plan.quick else 3)]

    def of(percent: float, at: int) -> float:
        return median([percentile([one[at] for one in taps_ms], percent) for taps_ms in rounds])

    return {
        "tap_p50_ms": of(50, 0),
        "tap_p99_ms": of(99, 0),
        "tap_max_ms": max(closed_ms for taps_ms in rounds for closed_ms, _ in taps_ms),
        "tap_light_p50_ms": of(50, 1),
        "tap_light_p99_ms": of(99, 1),
    }


async def several_taps(bench: Rig, reports: Reports, connectors: tuple[int, ...], count: int) -> list[tuple[float, float]]:
    """So many taps at each connector, in turns; the first one, for which the Central System is asked, is not among them."""
    for connector in connectors:
        await reports.until(connector, "status", ["Available"], 0.0)
    took_ms = []
    for number in range(count + 1):
        for connector in connectors:
            await bench.waiting(connector, reports)
            since_s = monotonic()
            tap_ms = await bench.tap(connector)
            await reports.until(connector, "status", ["Charging"], since_s)
            if number:
                took_ms.append(tap_ms)
            await bench.unplug(connector, reports)
    return took_ms


async def faults(plan: Plan) -> Figures:
    """Ground faults at eight connectors that charge, at any moment while a long outbox is delivered and a long local list is
    replaced over and over, in messages of 10,000 entries, half of the time. Until the rows are through, or LOAD_S.
    """
    rows, listed = (300, 2_000) if plan.quick else (10_000, LENGTH_MAX)
    async with AsyncExitStack() as stack:
        central = stack.enter_context(Central())
        bench = await stack.enter_async_context(
            rig(plan.disk, central.url, LOAD_CONNECTORS, setup=lambda state: fill(state, rows, listed))
        )
        await stack.enter_async_context(bench.station())
        load = await stack.enter_async_context(_loaded(central, rows, listed))
        late_ms = await _until_over(bench, load)
    return {
        "fault_open_p99_ms": percentile(late_ms, 99),
        "fault_open_p50_ms": median(late_ms),
        "fault_open_max_ms": max(late_ms),
        "fault_open_count": len(late_ms),
        "fault_open_rows": load.rows,
        "fault_open_list_updates": load.updates,
    }


class Load:
    """What keeps the station busy. over: the rows that waited are through and the list was replaced, or it took too long.

    rows, updates: delivered, and messages of the list stored, so far.
    """

    def __init__(self, reports: Reports) -> None:
        self.reports = reports
        self.over = threading.Event()
        self.ended = threading.Event()
        self.rows = 0
        self.updates = 0


@asynccontextmanager
async def _loaded(central: Central, rows: int, listed: int) -> AsyncIterator[Load]:
    """The Central System takes rows and sends the list, in a thread of its own, until the block ends."""
    load = Load(Reports())
    central.heard = load.reports.heard
    task = asyncio.create_task(asyncio.to_thread(_keep_busy, central, load, rows, _list_messages(listed)))
    try:
        yield load
    finally:
        load.ended.set()
        await task


def _keep_busy(central: Central, load: Load, rows: int, messages: list[dict[str, Any]]) -> None:
    central.booted()
    late_s = monotonic() + (LOAD_S if rows > 1_000 else 5.0)
    for version, message in enumerate(cycle(messages), 2):
        began_s = monotonic()
        answer = central.call("SendLocalList", {**message, "listVersion": version}, UPDATE_S)
        if answer.get("status") != "Accepted":
            raise CannotMeasure(f"SendLocalList was answered {answer}")
        load.updates += 1
        central.attend(monotonic() - began_s)
        load.rows = central.seen["MeterValues"] + central.seen["StopTransaction"]
        if monotonic() > late_s or (load.rows >= rows and load.updates >= len(messages)):
            load.over.set()
        if load.ended.is_set():
            return


def _list_messages(listed: int) -> list[dict[str, Any]]:
    """A list with other entries than the one in force: a Full update and as many Differential ones as it takes."""
    entries = [{"idTag": id_tag(LENGTH_MAX + number), "idTagInfo": {"status": "Accepted"}} for number in range(listed)]
    entries[:LOAD_CONNECTORS] = [
        {"idTag": card(number), "idTagInfo": {"status": "Accepted"}} for number in range(1, LOAD_CONNECTORS + 1)
    ]
    pieces = [entries[start : start + ENTRIES_A_MESSAGE] for start in range(0, listed, ENTRIES_A_MESSAGE)]
    return [
        {"updateType": "Differential" if number else "Full", "localAuthorizationList": piece}
        for number, piece in enumerate(pieces)
    ]


async def _until_over(bench: Rig, load: Load) -> list[float]:
    late_ms: list[float] = []
    rng = random.Random(1)
    try:
        async with asyncio.TaskGroup() as group:
            for connector in range(1, LOAD_CONNECTORS + 1):
                group.create_task(_trips(bench, load, connector, rng, late_ms))
    except ExceptionGroup as group_of:
        raise group_of.exceptions[0] from None
    return late_ms


async def _trips(bench: Rig, load: Load, connector: int, rng: random.Random, late_ms: list[float]) -> None:
    """A car is plugged and charges, trips, and comes anew, until everything is delivered."""
    await load.reports.until(connector, "status", ["Available"], 0.0)
    while not load.over.is_set() or not late_ms:
        await bench.waiting(connector, load.reports)
        since_s = monotonic()
        await bench.tap(connector)
        await load.reports.until(connector, "status", ["Charging"], since_s)
        await asyncio.sleep(rng.uniform(0.0, 0.2))  # any moment of the load
        since_s = monotonic()
        await bench.bench.do("fault", connector=connector, kind="ground_fault", active=True)
        tripped_s = await bench.hardware.until(connector, "faults", [("ground_fault",)], since_s)
        opened_s = await bench.hardware.until(connector, "contactor", ["open"], since_s)
        late_ms.append(1_000 * (opened_s - tripped_s))
        await load.reports.until(connector, "status", ["Faulted"], since_s)
        since_s = monotonic()
        await bench.bench.do("unplug", connector=connector)
        await bench.bench.do("fault", connector=connector, kind="ground_fault", active=False)
        await load.reports.until(connector, "status", ["Available"], since_s)
