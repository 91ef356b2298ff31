"""Schedule: the arithmetic of charging profiles (OCPP 1.6 sections 3.13, 5.7, 5.16, 7.9 to 7.14).

Owns what a stack of profiles allows at a second, until when, and the composite of several. Refuses to know where profiles come
from, what time it is, and what is done with the answer: the pilot's offer and GetCompositeSchedule ask the same functions.

Time is whole seconds on one line; what has a fraction of a second (a startSchedule, a transaction's start) counts from the
beginning of that second. Rules.
1. A schedule speaks from its start, for its duration, while its profile is valid; validFrom is included, validTo is not.
2. Recurring: it begins anew every day or week from its start on, and is silent before; what is longer than that is not
   executed.
3. Of a stack the first profile that speaks counts; a silent one lets the next speak; where all are silent there is no limit.
4. minChargingRate is no limit: it is handed on for whoever shares current.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from math import floor, inf
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.messages import ChargingProfile, ChargingProfileKindType, ChargingRateUnitType, RecurrencyKindType, from_utc

FOREVER = 2**62  # later than every date that a message can carry, in seconds
PHASES = 3  # numberPhases where it is left out (section 7.14)
PERIODS_MAX = 1_000  # of a composite: about 40 kB on the wire
STEPS_MAX = 4_000  # borders that one composite looks at, whether they show or not
LOOKS_MAX = 16_000  # the same, times the connectors that are looked at
EVERY_S = {RecurrencyKindType.Daily: 86_400, RecurrencyKindType.Weekly: 604_800}

A, W = ChargingRateUnitType.A, ChargingRateUnitType.W


class Limit(Struct, frozen=True, kw_only=True):
    """What one period allows. rate: amperes per phase, or watts; least: minChargingRate, in the same unit."""

    rate: float
    unit: ChargingRateUnitType
    phases: int = PHASES
    least: float = 0.0


class Plan(Struct, frozen=True, kw_only=True):
    """A profile made ready. Seconds on the line of time; start_s: None until it is known when
    charging started, where the plan is relative to that. every_s 0: once."""

    from_s: int = -FOREVER
    to_s: int = FOREVER
    start_s: int | None = None
    relative: bool = True
    every_s: int = 0
    length_s: int = FOREVER
    begins_s: tuple[int, ...] = (0,)
    limits: tuple[Limit, ...]

    @property
    def timeless(self) -> bool:
        """It can be followed without knowing the time of day."""
        return self.relative and self.from_s == -FOREVER and self.to_s == FOREVER

    def look(self, at_s: int) -> tuple[Limit | None, int]:
        """The limit at a second, None where the plan is silent; and the next second at which that may be different."""
        assert self.start_s is not None, "anchor it first"
        if at_s < self.from_s:
            return None, self.from_s
        if at_s >= self.to_s:
            return None, FOREVER
        into_s = at_s - self.start_s
        if into_s < 0:
            return None, self.start_s
        if self.every_s:
            into_s %= self.every_s
        origin_s = at_s - into_s
        if into_s >= self.length_s:
            return None, origin_s + self.every_s if self.every_s else FOREVER
        index = bisect_right(self.begins_s, into_s)
        ends_s = min(self.length_s, self.begins_s[index]) if index < len(self.begins_s) else self.length_s
        return self.limits[index - 1], min(origin_s + ends_s, self.to_s)

    def lowest(self) -> tuple[Limit, ...]:
        """The lowest limit for each number of phases that occurs."""
        found: dict[int, Limit] = {}
        for limit in self.limits:
            if limit.phases not in found or limit.rate < found[limit.phases].rate:
                found[limit.phases] = limit
        return tuple(found.values())


def plan_of(profile: ChargingProfile) -> Plan:
    """A profile made ready. The profile must have passed `profiles.refusal`."""
    schedule = profile.charging_schedule
    recurring = profile.charging_profile_kind is ChargingProfileKindType.Recurring
    every_s = EVERY_S[profile.recurrency_kind] if recurring and profile.recurrency_kind is not None else 0
    fixed = None if profile.charging_profile_kind is ChargingProfileKindType.Relative else schedule.start_schedule
    length_s = FOREVER if schedule.duration is None else schedule.duration
    periods = schedule.charging_schedule_period
    return Plan(
        from_s=-FOREVER if profile.valid_from is None else floor(from_utc(profile.valid_from)),
        to_s=FOREVER if profile.valid_to is None else floor(from_utc(profile.valid_to)),
        start_s=None if fixed is None else floor(from_utc(fixed)),
        relative=fixed is None,
        every_s=every_s,
        length_s=min(length_s, every_s) if every_s else length_s,
        begins_s=tuple(period.start_period for period in periods),
        limits=tuple(
            Limit(
                rate=period.limit,
                unit=schedule.charging_rate_unit,
                phases=period.number_phases or PHASES,
                least=schedule.min_charging_rate or 0.0,
            )
            for period in periods
        ),
    )


def anchored(plan: Plan, base_s: int) -> Plan:
    """The plan with a start: its own, or the start of charging."""
    return replace(plan, start_s=base_s) if plan.relative else plan


T = TypeVar("T")


class Course(ABC, Generic[T]):
    """Something that has an answer for every second. It remembers the last one, which holds until the next border."""

    _from_s = _until_s = 0
    _answer: T

    def at(self, at_s: int) -> tuple[T, int]:
        """The answer for a second, and a later second before which it stays the same."""
        if not self._from_s <= at_s < self._until_s:
            self._answer, self._until_s = self._look(at_s)
            self._from_s = at_s
        return self._answer, self._until_s

    @abstractmethod
    def _look(self, at_s: int) -> tuple[T, int]: ...


class Stack(Course[tuple[Limit, ...]]):
    """Plans in order of precedence, each with a start. The answer is what limits: nothing, or one limit."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans

    def _look(self, at_s: int) -> tuple[tuple[Limit, ...], int]:
        until_s = FOREVER
        for plan in self._plans:
            limit, change_s = plan.look(at_s)
            until_s = min(until_s, change_s)
            if limit is not None:
                return (limit,), until_s
        return (), until_s


class Blind(Stack):
    """A stack while the time of day is unknown: every plan that depends on it counts with its lowest limit, beside the first
    plan that speaks without it. Never more than the profiles could mean, at the price of charging less than they do."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        super().__init__([plan for plan in plans if plan.timeless])
        self._lowest = tuple(limit for plan in plans if not plan.timeless for limit in plan.lowest())

    def _look(self, at_s: int) -> tuple[tuple[Limit, ...], int]:
        found, until_s = super()._look(at_s)
        return (*found, *self._lowest), until_s


class Supply(Struct, frozen=True, kw_only=True):
    """What amperes mean in watts at a connector. phases: wired; drawn: phases that the car was seen to draw from."""

    voltage_v: float = 230.0
    phases: int = PHASES
    drawn: int = 0

    def phases_of(self, limit: Limit) -> int:
        """numberPhases, at most those wired, at least those in use: a limit in watts holds whatever the car does."""
        return max(min(limit.phases, self.phases), self.drawn)

    def rate(self, limit: Limit, unit: ChargingRateUnitType) -> float:
        """The limit in amperes per phase or in watts."""
        return self.convert(limit.rate, limit, unit)

    def least_a(self, limit: Limit) -> float:
        """minChargingRate in amperes."""
        return self.convert(limit.least, limit, A)

    def convert(self, rate: float, limit: Limit, unit: ChargingRateUnitType) -> float:
        if limit.unit is unit:
            return rate
        watts_per_ampere = self.voltage_v * self.phases_of(limit)
        return rate / watts_per_ampere if unit is A else rate * watts_per_ampere


Rate = tuple[float, int]  # amperes per phase or watts, and the number of phases that they are for


class Cap(Course[Rate]):
    """What fuse, cable and wires allow, always. current_a: per phase."""

    def __init__(self, current_a: float, supply: Supply, unit: ChargingRateUnitType) -> None:
        limit = Limit(rate=current_a, unit=A, phases=supply.phases)
        self._rate = (supply.rate(limit, unit), supply.phases)

    def _look(self, at_s: int) -> tuple[Rate, int]:
        return self._rate, FOREVER


class Limited(Course[Rate]):
    """What a stack allows, in one unit; without end where it is silent."""

    def __init__(self, stack: Stack, supply: Supply, unit: ChargingRateUnitType) -> None:
        self._stack = stack
        self._supply = supply
        self._unit = unit

    def is_of(self, stack: Stack, supply: Supply) -> bool:
        """It is of these very ones, so that its last answer still holds."""
        return self._stack is stack and self._supply is supply

    def _look(self, at_s: int) -> tuple[Rate, int]:
        limits, until_s = self._stack.at(at_s)
        rates = ((self._supply.rate(limit, self._unit), self._supply.phases_of(limit)) for limit in limits)
        return min(rates, default=(inf, self._supply.phases)), until_s


class Shared(Course[Rate]):
    """What a stack allows the whole station, as one connector sees it: the station's amperes on the connector's phases."""

    def __init__(self, stack: Stack, station: Supply, supply: Supply, unit: ChargingRateUnitType) -> None:
        self._course = Limited(stack, station, A)
        self._supply = supply
        self._unit = unit

    def _look(self, at_s: int) -> tuple[Rate, int]:
        (current_a, phases), until_s = self._course.at(at_s)
        phases = min(phases, self._supply.phases)
        rate = current_a if self._unit is A else current_a * self._supply.voltage_v * phases
        return (rate, phases), until_s


class Lowest(Course[Rate]):
    """The lowest of several courses counts (section 3.13.3)."""

    def __init__(self, *courses: Course[Rate]) -> None:
        self._courses = courses

    def _look(self, at_s: int) -> tuple[Rate, int]:
        found = [course.at(at_s) for course in self._courses]
        return min(rate for rate, _ in found), min(until_s for _, until_s in found)


class Total(Course[Rate]):
    """Several courses together, at least one."""

    def __init__(self, *courses: Course[Rate]) -> None:
        self._courses = courses

    def _look(self, at_s: int) -> tuple[Rate, int]:
        found = [course.at(at_s) for course in self._courses]
        rates = [rate for rate, _ in found]
        return (sum(rate for rate, _ in rates), max(phases for _, phases in rates)), min(until_s for _, until_s in found)


class Period(Struct, frozen=True):
    """From start_s seconds after the composite's start."""

    start_s: int
    rate: float
    phases: int


def composite(course: Course[Rate], start_s: int, duration_s: int, connectors: int = 1) -> tuple[list[Period], int]:
    """The course from start_s on, neighbours that are equal as one period, and how many seconds it covers.

    That is duration_s, or less where PERIODS_MAX, STEPS_MAX or LOOKS_MAX is met: what is told is exact, and the caller sees
    where it ends. connectors: how many the course adds up.
    """
    periods: list[Period] = []
    at_s, end_s = start_s, start_s + duration_s
    for _ in range(min(STEPS_MAX, LOOKS_MAX // connectors)):
        (rate, phases), until_s = course.at(at_s)
        rate = tenths(rate)
        if not periods or (periods[-1].rate, periods[-1].phases) != (rate, phases):
            if len(periods) == PERIODS_MAX:
                break
            periods.append(Period(at_s - start_s, rate, phases))
        assert until_s > at_s
        at_s = min(until_s, end_s)
        if at_s == end_s:
            break
    return periods, at_s - start_s


def tenths(rate: float) -> float:
    """One digit after the point, as a limit has it (section 7.14), and never more than it was."""
    return floor(rate * 10 + 1e-6) / 10
