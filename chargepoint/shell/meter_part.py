"""A meter, read again and again (OCPP 1.6 section 3.16 asks for its values whenever they are due).

Owns the rhythm: the next reading begins one poll interval after the last one ended, or at once when the core asks; a single
reading that fails is not yet a lost meter.
"""

import asyncio
import time
from collections import Counter

from chargepoint.core.events import MeterOpened, MeterRead
from chargepoint.facts import Quantity
from chargepoint.ports import Meter
from chargepoint.shell.part import Part, Report, bounded

FAILURES_MAX = 3
FAILING_MAX_S = 5.0
OPEN_S = 30.0
HANG_S = 20.0  # a reading waits its turn where 32 meters share one slow line
RETRY_S = 1.0


KINDS = {"NoAnswer": "no_answer", "Refused": "refused", "LineLost": "line_lost", "Dropped": "line_lost", "TimeoutError": "hung"}


def kind_of(error: Exception) -> str:
    """One of few words for what a reading failed of."""
    return KINDS.get(type(error).__name__, "other")


class Poll:
    """The readings of one connector's meter. errors: readings that failed, by the kind of their error."""

    def __init__(self, connector: int, poll_s: float, report: Report) -> None:
        self._connector = connector
        self._poll_s = poll_s
        self._report = report
        self._hurry = asyncio.Event()
        self._quantities: frozenset[Quantity] | None = None
        self.errors: Counter[str] = Counter()

    def hurry(self) -> None:
        """A reading that begins after this call, as soon as it can be had."""
        self._hurry.set()

    async def use(self, part: Part[Meter], meter: Meter) -> None:
        """Reads until the meter counts as lost: `FAILURES_MAX` failures in a row, or failing for `FAILING_MAX_S`, or a reading
        that hangs for `HANG_S`."""
        if meter.quantities != self._quantities:
            self._quantities = meter.quantities
            await self._report(MeterOpened(self._connector, meter.quantities))
        failures, good_s = 0, time.monotonic()
        while True:
            self._hurry.clear()
            began_s = time.monotonic()
            try:
                reading = await bounded(meter.read(), HANG_S, f"{part}: no reading")
            except Exception as error:
                self.errors[kind_of(error)] += 1
                failures += 1
                if failures >= FAILURES_MAX or time.monotonic() - good_s >= FAILING_MAX_S:
                    raise
                await self._wait(min(self._poll_s, RETRY_S))
                continue
            failures, good_s = 0, time.monotonic()
            await part.works()
            await self._report(MeterRead(self._connector, reading, began_s))
            await self._wait(self._poll_s)
            good_s = time.monotonic()  # the pause is no silence of the meter's

    async def _wait(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()
        except TimeoutError:
            return
