"""Limits: what every connector may offer at this instant, and what it will be allowed (OCPP 1.6 sections 3.13, 5.7).

Owns the joining of charging profiles, the time of day, transactions, fuses and cables. Refuses to know who sets a profile and
what is done with a limit: `power` shares and offers it, GetCompositeSchedule tells it.

Rules.
1. At a connector the lowest of these counts: its transaction's profiles, the station's, fuse, cable, the station's fuse.
2. A ChargePointMaxProfile and the station's fuse bound the sum of all connectors; `power` shares that sum fairly.
3. GetCompositeSchedule of a connector tells what it is allowed, alone at the station: how the sum will be shared is not known
   beforehand. One that is idle is told as if it began to charge now. Connector 0 is the sum of what all connectors are allowed,
   bounded by what the station is.
4. While the time of day is unknown, profiles that depend on it count with their lowest limit, and a composite cannot be told.
"""

from math import floor

from msgspec import Struct

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.current import OFFER_MIN_A
from chargepoint.core.records import Charging, ProfileRecord, Stamp
from chargepoint.core.schedule import (
    FOREVER,
    A,
    Blind,
    Cap,
    Course,
    Limited,
    Lowest,
    Period,
    Plan,
    Rate,
    Shared,
    Stack,
    Supply,
    Total,
    anchored,
    composite,
    tenths,
)
from chargepoint.messages import ChargingRateUnitType

LATE_S = 0.001  # a deadline lies this much after its border, so that the border has surely passed when it comes


class Line(Struct, frozen=True):
    """The line of time: whole seconds since 1970 where the time of day is known, else of the monotonic clock."""

    offset_s: float
    known: bool

    def second(self, mono_s: float) -> int:
        return floor(self.offset_s + mono_s)


class Allowed(Struct, frozen=True):
    """What a connector may offer. least_a: a share below this is not worth while (minChargingRate, where the limit itself is
    not lower; at least 6 A).
    """

    current_a: float
    least_a: float


class Held(Struct, frozen=True):
    """What was found for a connector, and what it holds for: this stack, supply and cable, from one second to another."""

    allowed: Allowed
    stack: Stack
    supply: Supply
    cable_a: float
    from_s: int
    until_s: int


class Told(Struct, frozen=True):
    """A composite schedule. start_s: seconds since 1970; duration_s: what it covers."""

    start_s: int
    duration_s: int
    periods: list[Period]


class Limits:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._stacks: dict[int, tuple[tuple[int, Line, int | None], Stack]] = {}
        self._station_key: tuple[int, Line] | None = None
        self._station_stack = Stack([])
        self._border_s: int | None = None
        self._held: dict[int, Held] = {}
        self._known_line = Line(0.0, False)
        self._supplies: list[Supply] = []
        self._joint_supply = Supply()
        self._joint = Limited(self._station_stack, self._joint_supply, A)

    def of_connectors(self, connectors: list[Connector], mono_s: float) -> dict[int, Allowed]:
        """What each connector may offer by itself, in the order given."""
        line = self._line()
        self._border_s = None
        return {one.number: self._of_connector(one, line, mono_s) for one in connectors}

    def of_station(self, mono_s: float) -> float:
        """What all connectors together may offer, in amperes. Ask after `of_connectors`: both arm the deadline."""
        line = self._line()
        stack, supply = self._station(line), self._station_supply()
        if not self._joint.is_of(stack, supply):
            self._joint = Limited(stack, supply, A)
        (current_a, _), until_s = self._joint.at(line.second(mono_s))
        self._arm(until_s)
        station_a = self._blocks.site.current_a_max
        return min(station_a, tenths(current_a)) if current_a < station_a else station_a

    def deadline(self) -> float | None:
        """When what was asked for last may be different, in monotonic seconds."""
        return None if self._border_s is None else self._border_s - self._line().offset_s + LATE_S

    def told(self, number: int, duration_s: int, unit: ChargingRateUnitType, mono_s: float) -> Told | None:
        """The composite schedule of a connector or, as number 0, of the station, from the second that runs on."""
        line = self._line()
        if not line.known:
            return None
        now_s = line.second(mono_s)
        course = self._course_of_station(unit, line, now_s) if number == 0 else self._course_of(number, unit, line, now_s)
        periods, covered_s = composite(course, now_s, duration_s, len(self._blocks.connectors) if number == 0 else 1)
        return Told(now_s, covered_s, periods)

    def _of_connector(self, connector: Connector, line: Line, mono_s: float) -> Allowed:
        now_s = line.second(mono_s)
        stack, supply, cable_a = self._stack(connector, line, now_s), connector.mains.supply, connector.cable_a()
        held = self._held.get(connector.number)
        same = held is not None and held.stack is stack and held.supply is supply and held.cable_a == cable_a
        if held is None or not same or not held.from_s <= now_s < held.until_s:
            held = self._held[connector.number] = _held(stack, supply, cable_a, now_s)
        self._arm(held.until_s)
        return held.allowed

    def _arm(self, until_s: int) -> None:
        if until_s < FOREVER and (self._border_s is None or until_s < self._border_s):
            self._border_s = until_s

    def _course_of(self, number: int, unit: ChargingRateUnitType, line: Line, now_s: int) -> Course[Rate]:
        connector = self._blocks.connectors[number]
        supply = connector.mains.supply
        return Lowest(
            self._own_course(connector, unit, line, now_s),
            Shared(self._station(line), self._station_supply(), supply, unit),
            Cap(self._blocks.site.current_a_max, supply, unit),
        )

    def _course_of_station(self, unit: ChargingRateUnitType, line: Line, now_s: int) -> Course[Rate]:
        supply = self._station_supply()
        return Lowest(
            Total(*(self._own_course(one, unit, line, now_s) for one in self._blocks.connectors.values())),
            Limited(self._station(line), supply, unit),
            Cap(self._blocks.site.current_a_max, supply, unit),
        )

    def _own_course(self, connector: Connector, unit: ChargingRateUnitType, line: Line, now_s: int) -> Course[Rate]:
        supply = connector.mains.supply
        return Lowest(Limited(self._stack(connector, line, now_s), supply, unit), Cap(connector.cable_a(), supply, unit))

    def _line(self) -> Line:
        offset_s = self._blocks.clock.boot.offset_s
        line = self._known_line
        if (offset_s or 0.0) != line.offset_s or (offset_s is not None) != line.known:
            line = self._known_line = Line(offset_s or 0.0, offset_s is not None)
        return line

    def _station_supply(self) -> Supply:
        """Of the highest voltage and the most phases: watts become the fewest amperes."""
        supplies = [one.mains.supply for one in self._blocks.connectors.values()]
        if supplies != self._supplies:
            self._supplies = supplies
            self._joint_supply = Supply(
                voltage_v=max(one.voltage_v for one in supplies),
                phases=max(one.phases for one in supplies),
                drawn=max(one.drawn for one in supplies),
            )
        return self._joint_supply

    def _station(self, line: Line) -> Stack:
        profiles = self._blocks.profiles
        key = (profiles.version, line)
        if key != self._station_key:
            found = [(plan, self._installed_s(record, line)) for plan, record in profiles.of_station()]
            self._station_key, self._station_stack = key, _stack_of(found, line)
        return self._station_stack

    def _stack(self, connector: Connector, line: Line, now_s: int) -> Stack:
        profiles, session = self._blocks.profiles, connector.session
        transaction = session.transaction if isinstance(session, Charging) else None
        key = (profiles.version, line, transaction)
        kept = self._stacks.get(connector.number)
        if kept is not None and kept[0] == key and transaction is not None:
            return kept[1]
        base_s = now_s if transaction is None else self._began_s(connector, transaction, line)
        stack = _stack_of([(plan, base_s) for plan in profiles.of_connector(connector.number, transaction)], line)
        self._stacks[connector.number] = (key, stack)
        return stack

    def _began_s(self, connector: Connector, transaction: int, line: Line) -> int:
        """The second in which the transaction started; in another boot of unknown date, that in which it was resumed."""
        record = self._blocks.transactions[transaction]
        return self._second_of(record.start, record.start_offset_s, connector.session_began_s, line)

    def _installed_s(self, record: ProfileRecord, line: Line) -> int:
        return self._second_of(record.installed, record.offset_s, self._blocks.clock.boot.first_mono_s, line)

    def _second_of(self, stamp: Stamp, offset_s: float | None, instead_s: float, line: Line) -> int:
        """An instant on the line of time. instead_s: what stands for it where its boot has no place on the line."""
        clock = self._blocks.clock
        if stamp.boot == clock.boot.boot:
            return line.second(stamp.mono_s)
        dated_s = offset_s if offset_s is not None else clock.offset_of(stamp)
        return line.second(instead_s) if dated_s is None or not line.known else floor(dated_s + stamp.mono_s)


def _held(stack: Stack, supply: Supply, cable_a: float, now_s: int) -> Held:
    (current_a, _), until_s = Limited(stack, supply, A).at(now_s)
    current_a = min(cable_a, tenths(current_a)) if current_a < cable_a else cable_a
    limits, _ = stack.at(now_s)
    wanted_a = max((supply.least_a(limit) for limit in limits), default=0.0)
    allowed = Allowed(current_a, max(OFFER_MIN_A, wanted_a) if wanted_a <= current_a else OFFER_MIN_A)
    return Held(allowed, stack, supply, cable_a, now_s, until_s)


def _stack_of(plans: list[tuple[Plan, int]], line: Line) -> Stack:
    ready = [anchored(plan, base_s) for plan, base_s in plans]
    return Stack(ready) if line.known else Blind(ready)
