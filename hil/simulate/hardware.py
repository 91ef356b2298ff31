"""Hardware: the drivers' side of the outlets. Commands take their time, and their outcomes come back as facts.

Owns delays and polls. Facts of a process that has died meanwhile reach nobody.
"""

from collections.abc import Callable

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.supervision import OVER_A, OVER_SHARE
from chargepoint.facts import Quantity
from hil.simulate.outlet import Outlet
from hil.simulate.timeline import Timeline

POLL_S = 60.0
METER_S = 0.05
CONTACTOR_S = 0.03
LOCK_S = 0.2
QUANTITIES = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER, Quantity.CURRENT, Quantity.VOLTAGE})

Command = fx.OpenContactor | fx.CloseContactor | fx.OfferCurrent | fx.MoveLock | fx.ReadMeter


class Hardware:
    """feed(event) tells the station that runs now; mono_s() is its clock."""

    def __init__(
        self, timeline: Timeline, outlets: list[Outlet], feed: Callable[[ev.Event], None], mono_s: Callable[[], float]
    ) -> None:
        self._timeline = timeline
        self._outlets = {outlet.number: outlet for outlet in outlets}
        self._feed = feed
        self._mono_s = mono_s
        self._life = 0

    def power_up(self) -> None:
        """A process starts: drivers open their parts and tell what is there."""
        self._life += 1
        for outlet in self._outlets.values():
            self._feed(ev.MeterOpened(outlet.number, QUANTITIES))
            self._feed(ev.PilotSeen(outlet.number, outlet.pilot()))
            self._feed(ev.ContactorSeen(outlet.number, outlet.contacts))
            self._feed(ev.LockSeen(outlet.number, outlet.locked))
            self._poll(outlet, self._life)

    def power_down(self) -> None:
        """Nobody holds a coil any more."""
        self._life += 1
        for outlet in self._outlets.values():
            outlet.advance(self._timeline.now_s)
            outlet.dark()

    def perform(self, command: Command) -> None:
        outlet = self._outlets[command.connector]
        match command:
            case fx.OpenContactor():
                self._drive(outlet, False)
            case fx.CloseContactor():
                self._drive(outlet, True)
            case fx.OfferCurrent(current_a=current_a):
                outlet.advance(self._timeline.now_s)
                if current_a is None and outlet.offered_a is not None:
                    outlet.withdrawn_s = self._timeline.now_s
                outlet.offered_a = current_a
            case fx.MoveLock(locked=locked):
                self._move_lock(outlet, locked)
            case fx.ReadMeter():
                self._read_meter(outlet)

    def _fact(self, delay_s: float, event: ev.Event) -> None:
        life = self._life
        self._timeline.after(delay_s, lambda: self._feed(event) if life == self._life else None)

    def _poll(self, outlet: Outlet, life: int) -> None:
        if life == self._life:
            self._read_meter(outlet)
            self._timeline.after(POLL_S if outlet.coil else 10 * POLL_S, lambda: self._poll(outlet, life))

    def _read_meter(self, outlet: Outlet) -> None:
        if not outlet.meter_silent:
            outlet.advance(self._timeline.now_s)
            outlet.told_wh = outlet.energy_wh
            over = outlet.coil and outlet.offered_a is not None and outlet.drawn_a > OVER_SHARE * outlet.offered_a + OVER_A
            outlet.over_s = (outlet.over_s or self._timeline.now_s) if over else None
            self._fact(METER_S, ev.MeterRead(outlet.number, outlet.reading(), self._mono_s()))

    def _drive(self, outlet: Outlet, closed: bool) -> None:
        outlet.advance(self._timeline.now_s)
        if outlet.coil != closed:
            outlet.coil, outlet.over_s = closed, None
            if outlet.move():
                self._fact(CONTACTOR_S, ev.ContactorSeen(outlet.number, outlet.contacts))

    def _move_lock(self, outlet: Outlet, locked: bool) -> None:
        life = self._life

        def moved() -> None:
            outlet.locked = outlet.locked if outlet.jammed else locked
            if life == self._life and not outlet.lock_silent:
                self._feed(ev.LockSeen(outlet.number, outlet.locked))

        self._timeline.after(LOCK_S, moved)
