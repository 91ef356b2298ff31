"""Steps: what a connector offered to its car and when, as the bench saw it, held against a schedule. Pure but for `watched`.

A schedule is a composite as the station tells it (OCPP 1.6 section 7.13). Below 6 A no car can charge: nothing is offered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

from hil.demo.stage import Stage

CHARGE_A_MIN = 6.0
LATE_S = 1.0
EARLY_S = 0.1  # between clocks of two processes


class Step(NamedTuple):
    """at_s: seconds since 1970. current_a: what is offered from then on."""

    at_s: float
    current_a: float


@asynccontextmanager
async def watched(stage: Stage, number: int) -> AsyncIterator[list[Step]]:
    """Every change of a connector's offer while the block runs."""
    steps: list[Step] = []
    changes = await stage.bench.watch()
    epoch_s = time.time() - time.monotonic()

    async def note() -> None:
        async for change in changes:
            if change.get("connector") == number and "offered_current_a" in change:
                steps.append(Step(epoch_s + change["at"], change["offered_current_a"]))

    noting = asyncio.create_task(note())
    try:
        yield steps
    finally:
        noting.cancel()
        await asyncio.wait({noting})


def expected(composite: dict[str, Any]) -> list[Step]:
    """GetCompositeSchedule.conf as offers, without what changes nothing."""
    start_s = datetime.fromisoformat(composite["scheduleStart"]).timestamp()
    steps: list[Step] = []
    for period in composite["chargingSchedule"]["chargingSchedulePeriod"]:
        current_a = period["limit"] if period["limit"] >= CHARGE_A_MIN else 0.0
        if not steps or steps[-1].current_a != current_a:
            steps.append(Step(start_s + period["startPeriod"], current_a))
    return steps


def differences(wanted: Sequence[Step], seen: Sequence[Step]) -> list[str]:
    """Where offers are not as they should be, in words: another current, or more than LATE_S after its time."""
    if [step.current_a for step in wanted] != [step.current_a for step in seen]:
        return [f"{told(wanted)} was to be offered, {told(seen)} was seen"]
    late = zip(wanted, seen, strict=True)
    return [
        f"{now.current_a:g} A came {now.at_s - due.at_s:+.2f} s after its time"
        for due, now in late
        if not -EARLY_S <= now.at_s - due.at_s <= LATE_S
    ]


def told(steps: Sequence[Step]) -> str:
    """`16, 0, 10 A`."""
    return f"{', '.join(f'{step.current_a:g}' for step in steps)} A" if steps else "nothing"
