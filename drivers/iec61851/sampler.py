"""One burst of samples of the pilot: taken, spread over the period of the pulse, and read as two voltages.

Owns the loop around the converter: how many samples, how they are kept from falling on the same phases again and again. Times
come from outside, so that a test can bring its own.
"""

from collections.abc import Callable
from statistics import median

from msgspec import Struct

from drivers.iec61851.duty import PERIOD_NS
from drivers.iec61851.plateaus import covered, pulsed, steady
from drivers.iec61851.states import Burst

STEADY_SAMPLES = 3
SAMPLES_MAX = 240
LOOK_EVERY = 4  # samples between two looks whether they are enough
GOLDEN = 0.618034
FIRST_TAKEN_NS = 90_000  # a guess, until the first burst has shown how long a conversion takes
MARGIN = 1.06
EDGE_SHARE_MAX = 0.8


class Clock(Struct, frozen=True):
    """monotonic_ns and sleep (seconds), as `time` has them."""

    monotonic_ns: Callable[[], int]
    sleep: Callable[[float], None]


class Sampler:
    """volts: one conversion of the pilot, as a voltage of the pilot. edge_ns: how long the front end takes to settle."""

    def __init__(self, volts: Callable[[], float], clock: Clock, edge_ns: int) -> None:
        self._volts = volts
        self._clock = clock
        self._edge_ns = edge_ns
        self._taken_ns = FIRST_TAKEN_NS

    def burst(self, pulse_ns: int, *, low: bool) -> Burst | None:
        """What the pilot shows while it is high for pulse_ns of every period; low: the low plateau is wanted as well.

        None where the processor was too busy for a burst that surely holds the high plateau. Raises what a conversion raises.
        """
        if pulse_ns >= PERIOD_NS:
            return steady([self._volts() for _ in range(STEADY_SAMPLES)])
        high_share = self._plateau(pulse_ns)
        low_share = self._plateau(PERIOD_NS - pulse_ns)
        wanted_share = min(high_share, low_share) if low else high_share
        volts, phases = self._take(wanted_share)
        return pulsed(volts, low_seen=covered(phases, low_share)) if covered(phases, high_share) else None

    def _plateau(self, width_ns: int) -> float:
        return max(width_ns - self._edge_ns, width_ns * (1 - EDGE_SHARE_MAX)) / PERIOD_NS

    def _take(self, width: float) -> tuple[list[float], list[float]]:
        """Samples, and the phases of those whose phase is known, until every arc of `width` holds enough; SAMPLES_MAX at
        most.
        """
        volts: list[float] = []
        phases: list[float] = []
        taken: list[int] = []
        step_ns = self._step_ns()
        due_ns = began_ns = self._clock.monotonic_ns()
        while len(volts) < SAMPLES_MAX and not (len(phases) % LOOK_EVERY == 0 and covered(phases, width)):
            while (before_ns := self._clock.monotonic_ns()) < due_ns:
                pass  # a few us: a sleep would take longer
            volts.append(self._volts())
            after_ns = self._clock.monotonic_ns()
            taken.append(after_ns - before_ns)
            # A sample during which the process was put aside was taken at an unknown moment: it counts for no phase.
            if taken[-1] < PERIOD_NS // 2:
                phases.append(((before_ns + after_ns) // 2 - began_ns) % PERIOD_NS / PERIOD_NS)
            due_ns += step_ns * max(1, -((due_ns - after_ns) // step_ns))
        self._taken_ns = round(median(taken))
        return volts, phases

    def _step_ns(self) -> int:
        """From one sample to the next: as soon as a conversion allows, and so that every turn through the period falls between
        the phases of the turns before (one n-th of it, with the golden ratio in what is left over).
        """
        turns = PERIOD_NS / (self._taken_ns * MARGIN)
        return round(PERIOD_NS / (max(int(turns - GOLDEN), 1) + GOLDEN))
