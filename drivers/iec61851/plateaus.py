"""From the samples of a burst to the two voltages of the pilot: its high and its low plateau.

Owns when samples that were taken at arbitrary moments of a 1 kHz pulse are enough, and how a plateau is read from them so that
neither an edge nor a single spike counts. Refuses to know converters and states.

The phase of the pulse is not known here, and need not be: when every arc of the period that is as wide as a plateau holds
PER_PLATEAU samples, then the plateau, wherever it lies, does.
"""

from collections.abc import Sequence
from statistics import median

from drivers.iec61851.states import Burst

PER_PLATEAU = 2
CLUSTER_V = 1.0


def covered(phases: Sequence[float], width: float) -> bool:
    """Whether every arc of `width` (a share of the period, 0 to 1) holds PER_PLATEAU of these phases (each 0 to 1)."""
    if len(phases) <= PER_PLATEAU:
        return False
    ordered = sorted(phases)
    ahead = [*ordered[PER_PLATEAU:], *(phase + 1.0 for phase in ordered[:PER_PLATEAU])]
    return max(after - before for before, after in zip(ordered, ahead, strict=True)) <= width


def high_of(volts: Sequence[float]) -> float:
    """The high plateau: the middle of all that lies near the second highest sample. At least two samples."""
    reference = sorted(volts)[-2]
    return median(volt for volt in volts if volt >= reference - CLUSTER_V)


def low_of(volts: Sequence[float]) -> float:
    """The low plateau, likewise."""
    return -high_of([-volt for volt in volts])


def steady(volts: Sequence[float]) -> Burst:
    """A pilot without PWM."""
    return Burst(median(volts))


def pulsed(volts: Sequence[float], *, low_seen: bool) -> Burst:
    """A pilot with PWM. low_seen: the samples are enough for the low plateau as well."""
    return Burst(high_of(volts), low_of(volts) if low_seen else None)
