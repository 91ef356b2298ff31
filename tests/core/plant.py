"""The hardware of a story: one connector's pilot, contactor, lock, meter and lamp, that obey or fail as they are told."""

from chargepoint.facts import Pattern, Pilot, PilotState, Quantity, Reading, Refusal, Trouble

ENERGY = (PilotState.C, PilotState.D)
QUANTITIES = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER, Quantity.CURRENT, Quantity.VOLTAGE})


class Plant:
    """The truth at one connector. Flags make parts fail: a welded or stuck contactor, a jammed or silent lock, a deaf meter,
    a feedback contact that is not there.

    coil: what was commanded; closed: the contacts. offered_a: None where no energy is offered, since withdrawn_s. stubborn: the
    car does not care what is offered.
    """

    def __init__(self, number: int, *, tethered: bool, has_lock: bool, energy_wh: float) -> None:
        self.number = number
        self.tethered = tethered
        self.has_lock = has_lock and not tethered
        self.pilot = Pilot(state=PilotState.A, cable_at_station=tethered)
        self.coil = False
        self.closed = False
        self.locked = False
        self.offered_a: float | None = None
        self.energy_wh = energy_wh
        self.withdrawn_s = float("-inf")
        self.stubborn = False
        self.power_w = 0.0
        self.shown: tuple[Pattern, Refusal | None, Trouble | None] | None = None
        self.welded = False
        self.stuck_open = False
        self.silent_feedback = False
        self.jammed = False
        self.lock_silent = False
        self.meter_deaf = False
        self.trial = False  # an installer's test holds the coil
        self.quantities: frozenset[Quantity] = QUANTITIES

    def drive(self, closed: bool) -> bool:
        """The coil is set; True where the contacts moved."""
        self.coil = closed
        before = self.closed
        self.closed = (closed and not self.stuck_open) or (self.closed and self.welded)
        return self.closed != before and not self.silent_feedback

    def draw(self, power_w: float) -> None:
        """The car takes this much where it can."""
        flows = self.closed and self.pilot.state in ENERGY and (self.offered_a is not None or self.stubborn)
        self.power_w = power_w if flows else 0.0

    def reading(self) -> Reading:
        volts, amps = (230.0, 230.0, 230.0), round(self.power_w / 690, 3)
        return Reading(energy_import_wh=self.energy_wh, power_w=self.power_w, current_a=(amps, amps, amps), voltage_v=volts)

    def darken(self) -> None:
        """The process is gone: nobody holds the coil or the pilot's offer. A lock stays as it is."""
        self.drive(False)
        self.offered_a = None
        self.shown = None
