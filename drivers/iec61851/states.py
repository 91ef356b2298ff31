"""From the voltages of the pilot to its state, IEC 61851-1 tables A.3 and A.4: bands, hysteresis, debouncing, the diode.

Owns what the plateau voltages of one burst after the other mean. Refuses to know clocks, converters and currents: everything
that can be tuned is in `Levels` and `Filter`.

Rules.
1. A voltage within `tolerance_v` of a nominal one is that state. Between two such bands the present state holds if it is one of
   the two; else it is the higher one, which asks for less. Beyond `impossible_v` no pilot can be: such a burst counts as E.
2. A state is believed after `confirm_bursts` equal bursts. C and D are left after `leave_bursts` that show neither, whatever
   else they show.
3. The diode of the car: with PWM on and a car there, the negative half stands at -12 V. `diode_bursts` equal verdicts decide.
4. C and D are told only for a car whose diode was seen since it was plugged: until then it is told as B. A steady pilot cannot
   show a diode, and takes away none that was seen.
"""

from itertools import pairwise
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.facts import PilotState

VEHICLE = frozenset({PilotState.B, PilotState.C, PilotState.D})
ENERGY = frozenset({PilotState.C, PilotState.D})

Volts = Annotated[float, Meta(ge=-15, le=15)]
Bursts = Annotated[int, Meta(ge=1, le=50)]


class Levels(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Nominal voltages at the station's end of the pilot. diode_slack_v: how far above its band a negative half may rise that
    was well before."""

    a_v: Volts = 12.0
    b_v: Volts = 9.0
    c_v: Volts = 6.0
    d_v: Volts = 3.0
    e_v: Volts = 0.0
    f_v: Volts = -12.0
    tolerance_v: Annotated[float, Meta(gt=0, le=3)] = 1.0
    diode_slack_v: Annotated[float, Meta(ge=0, le=3)] = 0.5
    impossible_v: Annotated[float, Meta(gt=12, le=20)] = 14.0

    def __post_init__(self) -> None:
        volts = [volt for _, volt in self.nominal()]
        steps = [higher - lower for higher, lower in pairwise(volts)]
        if min(steps) <= 2 * self.tolerance_v:
            raise ValueError("the levels must fall from a_v to f_v, each by more than twice tolerance_v")

    def nominal(self) -> tuple[tuple[PilotState, float], ...]:
        """Every state with its voltage, from the highest to the lowest."""
        volts = (self.a_v, self.b_v, self.c_v, self.d_v, self.e_v, self.f_v)
        return tuple(zip(PilotState, volts, strict=True))


class Filter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many bursts in a row it takes, see the rules of this module. Leaving C or D within 100 ms hangs on leave_bursts."""

    confirm_bursts: Bursts = 3
    leave_bursts: Annotated[int, Meta(ge=1, le=3)] = 2
    diode_bursts: Bursts = 3


class Burst(Struct, frozen=True):
    """What one burst of samples showed, in volts. negative_v: None where there was no PWM, or not looked at."""

    positive_v: float
    negative_v: float | None = None


class Seen(Struct, frozen=True):
    """What is told of the pilot."""

    state: PilotState
    diode_ok: bool


def state_of(voltage_v: float, present: PilotState | None, levels: Levels) -> PilotState | None:
    """The state that a plateau voltage shows where `present` was before; None: no pilot has such a voltage."""
    if not abs(voltage_v) <= levels.impossible_v:
        return None
    nominal = levels.nominal()
    for state, volt in nominal:
        if abs(voltage_v - volt) <= levels.tolerance_v:
            return state
    if voltage_v > nominal[0][1]:
        return nominal[0][0]
    if voltage_v < nominal[-1][1]:
        return nominal[-1][0]
    neighbours = next((upper, lower) for (upper, high), (lower, low) in pairwise(nominal) if low < voltage_v < high)
    return present if present in neighbours else neighbours[0]


class Tracker:
    """The state of one pilot over time. `impossible` counts the bursts in a row that no pilot can show."""

    def __init__(self, levels: Levels, filter: Filter) -> None:
        self._levels = levels
        self._filter = filter
        self._present: PilotState | None = None
        self._candidate: PilotState | None = None
        self._same = 0
        self._away = 0
        self._diode: bool | None = None
        self._verdict: bool | None = None
        self._verdicts = 0
        self.impossible = 0

    @property
    def measured(self) -> PilotState | None:
        """The state that the voltages show, debounced; None before the first one is believed."""
        return self._present

    @property
    def sure(self) -> bool:
        """Nothing is being debounced."""
        return self._present is not None and self._candidate is None

    @property
    def diode_sure(self) -> bool:
        """The diode was seen, and nothing speaks against it."""
        return self._diode is True and self._verdict is True

    def see(self, burst: Burst) -> Seen | None:
        """Takes one burst; what is to be told, None as long as nothing is believed."""
        found = state_of(burst.positive_v, self._present, self._levels)
        self.impossible = self.impossible + 1 if found is None else 0
        self._debounce(PilotState.E if found is None else found)
        if self._present not in VEHICLE:
            self._diode = self._verdict = None
        elif burst.negative_v is not None:
            self._judge_diode(burst.negative_v)
        return self.told()

    def told(self) -> Seen | None:
        if self._present is None:
            return None
        state = PilotState.B if self._present in ENERGY and self._diode is None else self._present
        return Seen(state, self._diode is not False)

    def _debounce(self, found: PilotState) -> None:
        leaves = self._present in ENERGY and found not in ENERGY
        self._away = self._away + 1 if leaves else 0
        if found == self._present:
            self._candidate, self._same = None, 0
            return
        self._same = self._same + 1 if found == self._candidate else 1
        self._candidate = found
        if self._same >= self._filter.confirm_bursts or self._away >= self._filter.leave_bursts:
            self._present, self._candidate, self._same, self._away = found, None, 0, 0

    def _judge_diode(self, negative_v: float) -> None:
        slack_v = self._levels.diode_slack_v if self._diode else 0.0
        verdict = abs(negative_v - self._levels.f_v) <= self._levels.tolerance_v + slack_v
        self._verdicts = self._verdicts + 1 if verdict is self._verdict else 1
        self._verdict = verdict
        if self._verdicts >= self._filter.diode_bursts:
            self._diode = verdict
