"""The test of a residual-current device by its own test and trip lines (IEC 61851-1 section 8.5, IEC 62955).

Owns the sequence: not tripped, test on, tripped in time, test off, clear in time. Bounded by the sum of these times.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import SelfTestFailed
from drivers.gpio.pins import Pin, Pull
from drivers.gpio.wires import Output, Watch, Wire


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """output_pin starts the device's own test; trip_pin is its trip line, which [inputs] may have as a ground_fault too.

    output_active_high, trip_active_high: the level that means test, and tripped. trip_within_ms, clear_within_ms: how long the
    device may take to trip, and to be clear again.
    """

    output_pin: Pin
    trip_pin: Pin
    output_active_high: bool = True
    trip_active_high: bool = True
    trip_pull: Pull = "up"
    trip_within_ms: Annotated[int, Meta(ge=10, le=1_000)] = 300
    clear_within_ms: Annotated[int, Meta(ge=10, le=1_000)] = 300


class SelfTest:
    """Made on the event loop's thread."""

    def __init__(self, config: Config, output: Output, trip: Wire, fail: Callable[[Exception], None]) -> None:
        self._config, self._output = config, output
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._ending: asyncio.TimerHandle | None = None
        self._trip = Watch(trip, config.trip_active_high, lambda _: self._changed.set(), fail, tests=True)

    async def run(self) -> None:
        """One test; raises SelfTestFailed. While it runs the trip line means nothing to others, and when it is stopped in its
        middle not before the device had its time to be clear.
        """
        where = f"the residual-current device on GPIO{self._config.trip_pin}"
        if not await self._becomes(False, self._config.clear_within_ms):
            raise SelfTestFailed(f"{where} has tripped: find the ground fault, then reset the device")
        self._begin()
        clear = tripped = False
        try:
            self._output.set(True)
            tripped = await self._becomes(True, self._config.trip_within_ms)
            self._output.set(False)
            clear = await self._becomes(False, self._config.clear_within_ms)
        finally:
            self._output.set(False)
            self._ending = self._loop.call_later(0.0 if clear else self._config.clear_within_ms / 1_000, self._trip.end_test)
        if not tripped:
            within = f"within {self._config.trip_within_ms} ms of its test on GPIO{self._config.output_pin}"
            raise SelfTestFailed(f"{where} did not trip {within}: check its supply and wiring, or replace it")
        if not clear:
            raise SelfTestFailed(f"{where} stayed tripped after its test: reset it, and replace it if that does not help")

    def close(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._trip.end_test()
        self._trip.close()
        self._output.close()

    def _begin(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._trip.begin_test()

    async def _becomes(self, active: bool, within_ms: int) -> bool:
        try:
            async with asyncio.timeout(within_ms / 1_000):
                while self._trip.active != active:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
