"""One look after the other at a pilot and its cable: what the thread of the driver does, without the thread.

Owns when which input is sampled and when too little was seen for too long. Refuses to know where voltages come from and who is
told.
"""

import logging
from collections.abc import Callable
from statistics import median

from msgspec import Struct

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import DriverError
from drivers.iec61851 import proximity
from drivers.iec61851.config import Config
from drivers.iec61851.duty import PERIOD_NS
from drivers.iec61851.sampler import Clock, Sampler
from drivers.iec61851.states import ENERGY, Burst, Seen, Tracker

log = logging.getLogger(__name__)

FAST_S = 0.02  # while energy may flow, and while something is being debounced
CAR_S = 0.05
IDLE_S = 0.1
PROXIMITY_S = 0.2
PROXIMITY_SAMPLES = 3
PROXIMITY_LOOKS = 3
DIODE_S = 0.25  # how often the low half of a well diode is looked at
SETTLE_S = 0.003  # after a new pulse: the kernel begins it with the next period
BLIND_S = 0.1  # so long without a whole burst is a pilot that is lost


class Pulse(Struct, frozen=True):
    """What is on the pilot: high for width_ns of every period (all of it: steady), since a moment of the monotonic clock."""

    width_ns: int
    since_ns: int


class Look:
    """volts: one conversion of an input of the ADC."""

    def __init__(self, config: Config, volts: Callable[[int], float], clock: Clock, where: str) -> None:
        self._config = config
        self._volts = volts
        self._clock = clock
        self._where = f"{where}, input {config.pilot_channel}"
        self._sampler = Sampler(self._pilot_v, clock, config.edge_us * 1_000)
        self._tracker = Tracker(config.levels, config.filter)
        self._cable = proximity.Watch(PROXIMITY_LOOKS)
        self._low_s = self._cable_s = float("-inf")
        self._whole_s = self._now_s()
        self._measured: PilotState | None = None

    @property
    def pause_s(self) -> float:
        """How long until the next look."""
        tracker = self._tracker
        if tracker.measured in ENERGY or not tracker.sure:
            return FAST_S
        return CAR_S if tracker.measured is PilotState.B else IDLE_S

    def once(self, pulse_now: Callable[[], Pulse]) -> Pilot | None:
        """Looks; what is to be told now, None as long as nothing is known. Raises DriverError where nothing can be."""
        self._look_at_cable()
        self._look_at_pilot(pulse_now)
        seen = self._tracker.told()
        return None if seen is None else self._pilot(seen)

    def _look_at_pilot(self, pulse_now: Callable[[], Pulse]) -> None:
        pulse = pulse_now()
        settles_s = pulse.since_ns / 1e9 + SETTLE_S - self._now_s()
        if settles_s > 0:
            self._clock.sleep(settles_s)
        burst = self._sampler.burst(pulse.width_ns, low=pulse.width_ns < PERIOD_NS and self._low_wanted())
        now_s = self._now_s()
        if burst is None or pulse_now() is not pulse:
            if now_s - self._whole_s > BLIND_S:
                raise DriverError(
                    f"{self._where}: for {now_s - self._whole_s:.1f} s no burst of samples showed a whole pulse: the computer "
                    "is too busy, or SPI too slow. Raise spi_hz, and look for what else keeps the processor."
                )
            return
        self._whole_s = now_s
        if burst.negative_v is not None:
            self._low_s = now_s
        self._tracker.see(burst)
        self._say(burst)

    def _low_wanted(self) -> bool:
        if self._tracker.measured in ENERGY and not self._tracker.sure:
            return False  # energy may have to end: nothing else is to take time now
        return not self._tracker.diode_sure or self._now_s() - self._low_s >= DIODE_S

    def _say(self, burst: Burst) -> None:
        if self._tracker.measured is not self._measured:
            self._measured = self._tracker.measured
            low = "" if burst.negative_v is None else f", low half {burst.negative_v:.2f} V"
            log.info("%s: pilot %s (%.2f V%s)", self._where, self._measured, burst.positive_v, low)
        if self._tracker.impossible >= self._config.filter.confirm_bursts:
            raise DriverError(
                f"{self._where}: the pilot shows {burst.positive_v:.1f} V, which no pilot can. Check the supply and the wires "
                "of the measuring circuit, and scale and offset_v."
            )

    def _look_at_cable(self) -> None:
        channel = self._config.proximity_channel
        if channel is None or self._now_s() - self._cable_s < PROXIMITY_S:
            return
        self._cable_s = self._now_s()
        volts = median(self._volts(channel) for _ in range(PROXIMITY_SAMPLES))
        config = self._config
        supply_v = config.reference_v if config.proximity_supply_v is None else config.proximity_supply_v
        ohms = proximity.resistance(volts, supply_v, config.proximity_pull_up_ohm)
        if self._cable.see(proximity.cable_of(ohms, single_phase=config.single_phase)):
            cable = self._cable.cable
            if cable is not None and cable.current_a == 0:
                log.warning("%s: %s", self._where, proximity.complaint(ohms))
            elif cable is not None:
                log.info("%s: %s", self._where, proximity.words(cable, ohms))

    def _pilot(self, seen: Seen) -> Pilot | None:
        if self._config.proximity_channel is None:
            return Pilot(state=seen.state, cable_at_station=True, diode_ok=seen.diode_ok)
        cable = self._cable.cable
        if cable is None:
            return None
        return Pilot(state=seen.state, cable_at_station=cable.present, cable_a=cable.current_a, diode_ok=seen.diode_ok)

    def _pilot_v(self) -> float:
        return self._volts(self._config.pilot_channel) * self._config.scale + self._config.offset_v

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
