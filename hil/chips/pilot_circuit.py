"""The control pilot as a circuit: a generator behind 1 kohm, a cable, a car with its diode and resistors (IEC 61851-1 annex A).

Owns what voltage stands on the pilot at an instant, what the station's front end makes of it, and what a car reads from the
duty. Refuses to know the station: the pulse is read from the folder that the station's PWM driver writes.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

PERIOD_S = 0.001
SOURCE_V = 12.0
SOURCE_OHM = 1_000.0
DIODE_V = 0.7
R_PRESENT_OHM = 2_740.0  # always there: the car is plugged
R_CHARGE_OHM = 1_300.0  # beside it with S2 closed: ready, no ventilation
R_VENTILATE_OHM = 270.0  # the same of a car that wants ventilation
CABLE_OHM = {13.0: 1_500.0, 20.0: 680.0, 32.0: 220.0, 63.0: 100.0}  # by what a cable carries, IEC 61851-1 table B.2


class PilotFault(StrEnum):
    SHORT = "short"  # pilot to earth
    NO_DIODE = "no_diode"
    BROKEN_SOURCE = "broken_source"  # the positive supply of the generator is gone


@dataclass(kw_only=True)
class PilotCar:
    """A car at the pilot. ready: S2 is closed."""

    ready: bool = False
    ventilation: bool = False

    @property
    def ohm(self) -> float:
        if not self.ready:
            return R_PRESENT_OHM
        beside = R_VENTILATE_OHM if self.ventilation else R_CHARGE_OHM
        return 1 / (1 / R_PRESENT_OHM + 1 / beside)


class PwmFolder:
    """A folder like that of a PWM chip in sysfs, with one channel that is exported already."""

    def __init__(self, chip: Path, channel: int = 0, *, period_ns: int = 0, duty_ns: int = 0, enable: int = 0) -> None:
        self.chip = chip
        self.folder = chip / f"pwm{channel}"
        self.folder.mkdir(parents=True)
        for name, value in {"period": period_ns, "duty_cycle": duty_ns, "enable": enable, "polarity": "normal"}.items():
            (self.folder / name).write_text(f"{value}\n")
        self._share = 0.0

    def number(self, name: str) -> int:
        return int((self.folder / name).read_text())

    @property
    def high_share(self) -> float:
        """The part of the period in which the pin is high: 0 (never, or off) to 1 (always)."""
        try:
            period_ns, duty_ns, enable = (self.number(name) for name in ("period", "duty_cycle", "enable"))
        except ValueError:
            return self._share  # a file that is just being written
        inversed = (self.folder / "polarity").read_text().strip() == "inversed"
        active = duty_ns / period_ns if enable and period_ns else 0.0
        self._share = 1.0 - active if inversed else active
        return self._share


@dataclass(kw_only=True)
class PilotCircuit:
    """high_share: of the period in which the generator stands at +12 V. settle_s: the time constant of cable and source."""

    high_share: Callable[[], float]
    clock_s: Callable[[], float] = time.monotonic
    car: PilotCar | None = None
    faults: set[PilotFault] = field(default_factory=set)
    settle_s: float = 2e-6
    noise_v: float = 0.0
    spike_share: float = 0.0
    spike_v: float = 8.0
    rng: random.Random = field(default_factory=lambda: random.Random(61_851))

    def volts(self) -> float:
        """The pilot against earth at this instant."""
        share = self.high_share()
        phase_s = self.clock_s() % PERIOD_S
        high, low = self._level(True), self._level(False)
        if share >= 1.0 or share <= 0.0:
            volts = high if share >= 1.0 else low
        elif phase_s < share * PERIOD_S:
            volts = high + (low - high) * math.exp(-phase_s / self.settle_s)
        else:
            volts = low + (high - low) * math.exp(-(phase_s - share * PERIOD_S) / self.settle_s)
        if self.noise_v:
            volts += self.rng.gauss(0.0, self.noise_v)
        if self.spike_share and self.rng.random() < self.spike_share:
            volts += self.rng.choice((-1, 1)) * self.spike_v
        return volts

    def _level(self, high: bool) -> float:
        source_v = SOURCE_V if high else -SOURCE_V
        if high and PilotFault.BROKEN_SOURCE in self.faults:
            source_v = -SOURCE_V
        if PilotFault.SHORT in self.faults:
            return 0.0
        if self.car is None:
            return source_v
        drop_v = 0.0 if PilotFault.NO_DIODE in self.faults else DIODE_V
        if drop_v and source_v <= drop_v:
            return source_v  # the diode blocks: nothing loads the source
        return drop_v + (source_v - drop_v) * self.car.ohm / (self.car.ohm + SOURCE_OHM)


@dataclass(kw_only=True)
class FrontEnd:
    """What stands between pilot, proximity and the ADC: the pilot is divided and lifted, proximity hangs on a pull-up."""

    circuit: PilotCircuit
    scale: float = 9.145
    offset_v: float = -15.23
    reference_v: float = 3.3
    pull_up_ohm: float = 1_000.0
    proximity_ohm: float = math.inf

    def volts(self, channel: int) -> float:
        """Input 0 is the pilot, input 1 proximity; the others are earthed."""
        if channel == 0:
            return min(max((self.circuit.volts() - self.offset_v) / self.scale, 0.0), self.reference_v)
        if channel == 1:
            share = 1.0 if math.isinf(self.proximity_ohm) else self.proximity_ohm / (self.proximity_ohm + self.pull_up_ohm)
            return self.reference_v * share
        return 0.0


def current_read(duty: float) -> float | None:
    """What a car may take by this duty (0 to 1), IEC 61851-1 table A.8; None: nothing, or only by digital communication."""
    percent = duty * 100.0
    if percent < 8.0 or percent > 97.0:
        return None
    if percent < 10.0:
        return 6.0
    if percent <= 85.0:
        return percent * 0.6
    return min((percent - 64.0) * 2.5, 80.0)
