"""Pilot driver `iec61851`: the control pilot made by the kernel's PWM and measured through an ADC, and the cable's proximity.

Owns the thread that looks, how often it looks, and what becomes of what it sees. The decisions are in the pure modules of this
package. IEC 61851-1 annexes A and B; docs/pilot.md has the circuit, the calibration and what software can promise.

A state that ends energy is told within 50 ms: two bursts, 20 ms apart. A car that comes is told within 0.3 s.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator

from chargepoint.facts import Pilot
from chargepoint.ports import Buses, DriverError
from drivers.gpio.board import in_thread
from drivers.iec61851.adc import Adc, open_adc
from drivers.iec61851.config import Config, claims, remarks
from drivers.iec61851.duty import PERIOD_NS, pulse_ns
from drivers.iec61851.look import Look, Pulse
from drivers.iec61851.offers import Offers
from drivers.iec61851.pwm import Pwm
from drivers.iec61851.sampler import Clock

__all__ = ["SAFE_KEYS", "Config", "claims", "make_safe", "open", "remarks"]

log = logging.getLogger(__name__)

SAFE_KEYS = frozenset({"pwm_chip", "pwm_channel", "inverted"})
PENDING_MAX = 100
CLOSE_S = 1.0
HANGS_S = 0.5  # a look takes a tenth of it at most, and its pause a fifth


class Iec61851Pilot:
    """See ports.PilotSensor."""

    def __init__(self, config: Config, adc: Adc, pwm: Pwm) -> None:
        self._config = config
        self._adc = adc
        self._pwm = pwm
        self._loop = asyncio.get_running_loop()
        self._offers = Offers()
        self._later: asyncio.TimerHandle | None = None
        self._pulse = Pulse(PERIOD_NS, time.monotonic_ns())
        self._told: asyncio.Queue[Pilot | DriverError] = asyncio.Queue(PENDING_MAX + 1)
        self._last: Pilot | None = None
        self._ending = threading.Event()
        self._looked_s = time.monotonic()
        self._look = Look(config, adc.volts, Clock(time.monotonic_ns, time.sleep), adc.where)
        self._thread = threading.Thread(target=self._watch, name=f"pilot {adc.where}", daemon=True)
        self._thread.start()

    def offer(self, current_a: float | None) -> None:
        """6 to 80 A, or None. Less is on the pilot at once, more as `offers` says. Raises DriverError where the PWM fails."""
        if not self._ending.is_set():
            self._show(self._offers.want(current_a, self._loop.time()))

    def _show(self, current_a: float | None) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if (due_s := self._offers.due_s()) is not None:
            self._later = self._loop.call_at(due_s, self._show_later)
        wanted_ns = pulse_ns(current_a)
        if wanted_ns != self._pulse.width_ns:
            self._pwm.pulse(wanted_ns)
            # In this order: a burst that the change fell into finds another pulse after it than before, and counts for nothing.
            self._pulse = Pulse(wanted_ns, time.monotonic_ns())

    def _show_later(self) -> None:
        self._later = None
        try:
            self._show(self._offers.at(self._loop.time()))
        except DriverError as error:
            self._tell(error)

    async def states(self) -> AsyncIterator[Pilot]:
        if self._last is not None:
            yield self._last
        while True:
            told = await self._next()
            if isinstance(told, DriverError):
                raise told
            self._last = told
            yield told

    async def _next(self) -> Pilot | DriverError:
        """What comes next from the thread; raises DriverError where it hangs in a transfer."""
        while True:
            try:
                async with asyncio.timeout(HANGS_S / 2):
                    return await self._told.get()
            except TimeoutError:
                if self._hangs:
                    raise DriverError(
                        f"{self._adc.where}: a transfer has not come back for {HANGS_S:g} s: look for what holds the "
                        "bus or the computer."
                    ) from None

    @property
    def _hangs(self) -> bool:
        return self._thread.is_alive() and time.monotonic() - self._looked_s > HANGS_S

    async def close(self) -> None:
        """Steady pilot, nothing offered; the PWM goes on so."""
        if self._ending.is_set():
            return
        self._ending.set()
        if self._later is not None:
            self._later.cancel()
        try:
            self._pwm.steady()
        finally:
            if not self._hangs:  # its loss is not to be told late
                await asyncio.to_thread(self._thread.join, CLOSE_S)
            self._adc.close()

    # What follows runs in the thread.

    def _watch(self) -> None:
        last: Pilot | None = None
        try:
            while not self._ending.wait(self._look.pause_s):
                self._looked_s = time.monotonic()
                if (pilot := self._look.once(lambda: self._pulse)) is not None and pilot != last:
                    last = pilot
                    self._hand_over(pilot)
        except DriverError as error:
            self._hand_over(error)
        except Exception as error:
            log.exception("the thread of the pilot broke")
            self._hand_over(DriverError(f"{self._adc.where}: the pilot driver broke: {error!r}"))

    def _hand_over(self, told: Pilot | DriverError) -> None:
        if not self._ending.is_set():
            self._loop.call_soon_threadsafe(self._tell, told)

    def _tell(self, told: Pilot | DriverError) -> None:
        if self._told.qsize() < PENDING_MAX:
            self._told.put_nowait(told)
        elif not self._told.full():
            self._told.put_nowait(DriverError(f"{self._adc.where}: {PENDING_MAX} changes of the pilot wait; nobody takes them"))


async def open(config: Config, buses: Buses) -> Iec61851Pilot:
    """The pilot, steady and with an ADC that answers; raises DriverError."""
    pwm = _pwm_of(config)
    await asyncio.to_thread(pwm.open)

    def take() -> Adc:
        adc = open_adc(config.spi_bus, config.spi_device, config.spi_hz, config.reference_v)
        try:
            adc.volts(config.pilot_channel)
        except BaseException:
            adc.close()
            raise
        return adc

    return Iec61851Pilot(config, await in_thread(take, Adc.close), pwm)


async def make_safe(config: Config, buses: Buses) -> str:
    """Withdraws the offer, whoever made it; raises DriverError."""
    pwm = _pwm_of(config)
    await asyncio.to_thread(pwm.open)
    return f"its pilot is steady: {pwm.where}"


def _pwm_of(config: Config) -> Pwm:
    return Pwm(config.pwm_chip, config.pwm_channel, PERIOD_NS, inverted=config.inverted)
