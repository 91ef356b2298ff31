"""Trouble: what goes wrong around the station, at random moments: meters fall silent or begin again, safety lines trip,
contactors weld or stick until an installer comes, locks jam for a while.

Owns when and what. Refuses to cut the power: that is the box's (`simulation`).
"""

import random
from collections.abc import Callable

from msgspec import Struct

from chargepoint.core import events as ev
from chargepoint.facts import Input, InputKind
from hil.simulate.outlet import ROLLOVER_WH, Outlet
from hil.simulate.timeline import DAY_S, Action, Timeline

UNSEEN_WH = 2 * 22_080.0 / 6  # what may flow between the last reading before a register begins again and the first after it
LINES = (InputKind.GROUND_FAULT, InputKind.EMERGENCY_STOP, InputKind.OVER_TEMPERATURE, InputKind.MAINS_LOST)


class Weather(Struct, frozen=True, kw_only=True):
    """How often, a day, things go wrong around the station."""

    power_cuts: float = 0.5
    process_kills: float = 0.2
    meter_silences: float = 0.3
    meter_falls: float = 0.02
    faults: float = 0.3
    broken_contactors: float = 0.1
    jammed_locks: float = 3.0
    visits: float = 3.0
    lies: float = 0.03  # the share of power cuts before which the card only said that it had stored
    has_clock: float = 0.5  # the share of boots after which the system's clock becomes right by itself


class Trouble:
    """feed(event) tells the station. slack_wh: how much energy the meters themselves have hidden, per connector. active: lines
    that have tripped, connector 0 for the station's.
    """

    def __init__(
        self, timeline: Timeline, rng: random.Random, weather: Weather, outlets: list[Outlet], feed: Callable[[ev.Event], None]
    ) -> None:
        self._timeline = timeline
        self._rng = rng
        self._outlets = outlets
        self._feed = feed
        self._over = False
        self.active: set[tuple[int, InputKind]] = set()
        self.slack_wh = {outlet.number: 0.0 for outlet in outlets}
        self.again(weather.meter_silences / DAY_S, self._silence)
        self.again(weather.meter_falls / DAY_S, self._fall)
        self.again(weather.faults / DAY_S, self._fault)
        self.again(weather.broken_contactors / DAY_S, self._break)
        self.again(weather.jammed_locks / DAY_S, self._jam)

    def again(self, rate: float, action: Action) -> None:
        """Until everything heals, at random moments, `rate` a second on average."""
        if rate <= 0:
            return

        def act() -> None:
            if not self._over:
                action()
                self._timeline.after(self._rng.expovariate(rate), act)

        self._timeline.after(self._rng.expovariate(rate), act)

    def heal(self) -> None:
        self._over = True
        for outlet in self._outlets:
            self._meter_back(outlet)
            self._mend(outlet)
            self._loose(outlet)

    def tell(self) -> None:
        """A process has started: its drivers tell which lines are active."""
        for number, kind in sorted(self.active):
            self._feed(ev.InputSeen(Input(connector=number, kind=kind, active=True)))

    def _silence(self) -> None:
        outlet = self._rng.choice(self._outlets)
        if outlet.meter_silent:
            return
        outlet.meter_silent = True
        self._feed(ev.PartLost("meter", outlet.number, "no answer"))
        self._timeline.after(self._rng.uniform(5, 1_800), lambda: self._meter_back(outlet))

    def _meter_back(self, outlet: Outlet) -> None:
        if outlet.meter_silent:
            outlet.meter_silent = False
            self._feed(ev.PartBack("meter", outlet.number))

    def _fall(self) -> None:
        """The register begins again: a roll-over or a new meter. What flowed since the last reading is not to be known."""
        outlet = self._rng.choice(self._outlets)
        outlet.advance(self._timeline.now_s)
        idle = outlet.car is None and not outlet.contacts  # a register that leaps up in a session is what the meter then says
        outlet.register_wh = self._rng.choice([0.0, ROLLOVER_WH - 500.0]) if idle else 0.0
        self.slack_wh[outlet.number] += UNSEEN_WH

    def _fault(self) -> None:
        kind = self._rng.choice(LINES)
        number = self._rng.choice([0, *self.slack_wh])
        self._line(number, kind, True)
        self._timeline.after(self._rng.uniform(1, 600), lambda: self._line(number, kind, False))

    def _break(self) -> None:
        """It shows when the contactor is used next; the installer comes within a day."""
        outlet = self._rng.choice(self._outlets)
        if self._rng.random() < 0.5:
            outlet.welded = True
        else:
            outlet.stuck = True
        self._timeline.after(self._rng.uniform(0.1, 1.0) * DAY_S, lambda: self._mend(outlet))

    def _mend(self, outlet: Outlet) -> None:
        """An installer replaces the contactor and clears the fault; again where the station was without power."""
        outlet.advance(self._timeline.now_s)
        outlet.welded = outlet.stuck = False
        if outlet.move():
            self._feed(ev.ContactorSeen(outlet.number, outlet.contacts))
        clear = ev.ControlAsked(0, "clear_faults", {"connector": outlet.number, "by": "installer"})
        for hours in (0.01, 3, 6):
            self._timeline.after(hours * 3600, lambda: self._feed(clear))

    def _jam(self) -> None:
        """Where it is, which shows when the lock is to move next; or it slips open first."""
        outlet = self._rng.choice(self._outlets)
        if outlet.locked and self._rng.random() < 0.5:
            outlet.locked = False
            self._feed(ev.LockSeen(outlet.number, False))
        outlet.jammed, outlet.lock_silent = True, self._rng.random() < 0.5
        # Tried every 5 s as long as it lasts: half an hour tells what a night would, and costs a month of chance no second.
        self._timeline.after(self._rng.choice([1.5, 600.0, 1_800.0]), lambda: self._loose(outlet))

    def _loose(self, outlet: Outlet) -> None:
        outlet.jammed = outlet.lock_silent = False

    def _line(self, number: int, kind: InputKind, active: bool) -> None:
        (self.active.add if active else self.active.discard)((number, kind))
        self._feed(ev.InputSeen(Input(connector=number, kind=kind, active=active)))
