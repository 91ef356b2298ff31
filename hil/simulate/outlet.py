"""Outlet: one connector of the simulated world. Car, cable, contactor, lock and meter, with an exact energy register.

Owns the physics. Refuses to know the station: it is told what is commanded and asked what is there. Energy flows while the
contacts are closed, the car asks for it and at least 6 A are offered; a greedy car takes more than is offered. The register is
integrated at every change.
"""

from chargepoint.facts import Pilot, PilotState, Reading

VOLTS = 230.0
GREED = 1.3  # of what is offered, for a greedy car
ROLLOVER_WH = 100_000_000.0  # where a meter of five digits of kWh begins again


class Outlet:
    def __init__(self, number: int, register_wh: float, now_s: float) -> None:
        self.number = number
        self.car: str | None = None
        self.ready = False
        self.car_a = 16.0
        self.greedy = False
        self.coil = False
        self.contacts = False
        self.welded = False
        self.stuck = False
        self.over_s: float | None = None  # since when every reading has shown more than the offer allows
        self.offered_a: float | None = None
        self.withdrawn_s = float("-inf")  # since when nothing is offered
        self.locked = False
        self.jammed = False  # the lock stays where it is
        self.lock_silent = False  # and does not say so
        self.meter_silent = False
        self.register_wh = register_wh
        self.energy_wh = 0.0  # all that ever flowed; never jumps
        self.told_wh = 0.0  # of it, what the newest reading has in it
        self._since_s = now_s

    @property
    def drawn_a(self) -> float:
        """On each phase."""
        offered_a = self.offered_a or 0.0
        if not (self.contacts and self.ready and self.car is not None and offered_a >= 6.0):
            return 0.0
        return GREED * offered_a if self.greedy else min(self.car_a, offered_a)

    @property
    def power_w(self) -> float:
        return 3 * VOLTS * self.drawn_a

    def move(self) -> bool:
        """The contacts follow the coil as far as they can. True where they moved."""
        before, self.contacts = self.contacts, (self.coil and not self.stuck) or (self.contacts and self.welded)
        return self.contacts != before

    def advance(self, now_s: float) -> None:
        """Counts what flowed since the last change; call it before every one."""
        flowed_wh = self.power_w * (now_s - self._since_s) / 3600
        self.energy_wh += flowed_wh
        self.register_wh += flowed_wh
        if self.register_wh >= ROLLOVER_WH:
            self.register_wh -= ROLLOVER_WH
        self._since_s = now_s

    def pilot(self) -> Pilot:
        state = PilotState.A if self.car is None else PilotState.C if self.ready else PilotState.B
        return Pilot(state=state, cable_at_station=self.car is not None, cable_a=32.0)

    def reading(self) -> Reading:
        amps = self.drawn_a
        return Reading(
            energy_import_wh=self.register_wh,
            power_w=self.power_w,
            current_a=(amps, amps, amps),
            voltage_v=(VOLTS, VOLTS, VOLTS),
        )

    def dark(self) -> None:
        """The station is gone: nobody holds the coil and the pilot. The lock stays."""
        self.coil = False
        self.offered_a = self.over_s = None
        self.move()
