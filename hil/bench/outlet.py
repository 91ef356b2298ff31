"""One connector of the bench's world: car, cable, contactor, lock, lamp, energy meter, and what is broken on it.

Owns the physics of IEC 61851-1 mode 3 as far as a station can see it. Knows no time and no sockets: energy is added for an
interval that is given, and every electrical value follows from what is plugged, commanded and broken at the moment.
"""

import math
import struct
from dataclasses import dataclass, field
from enum import StrEnum

from chargepoint.facts import Lights, Pilot, PilotState

CABLE_A = 32.0
LEAST_OFFER_A = 6.0
OVER_CURRENT_FACTOR = 1.25
MAINS_V = 230.0
PHASES = 3
LAMP_OFF = "off"


class Fault(StrEnum):
    """What can be broken; the names are the `kind` of the bench's `fault` command."""

    GROUND_FAULT = "ground_fault"
    EMERGENCY_STOP = "emergency_stop"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_STUCK_OPEN = "contactor_stuck_open"
    LOCK_JAMMED = "lock_jammed"
    PILOT_SHORT = "pilot_short"
    PILOT_DIODE = "pilot_diode"
    OVER_TEMPERATURE = "over_temperature"
    OVER_CURRENT = "over_current"
    READER_LOST = "reader_lost"
    METER_LOST = "meter_lost"
    DOOR_OPEN = "door_open"
    LIST_WRITE = "list_write"


class Side(StrEnum):
    """Where a cable is pulled."""

    BOTH = "both"
    EV = "ev"
    STATION = "station"


@dataclass(kw_only=True)
class Car:
    """A car at the end of the cable. `ready` is what it shows on the pilot: True asks for power (C, or D with ventilation)."""

    ready: bool
    max_current_a: float
    phases: int
    ventilation: bool = False


def _float32(value: float) -> float:
    return float(struct.unpack(">f", struct.pack(">f", value))[0])


def register_kwh(energy_wh: float) -> float:
    """What the meter's float32 register holds: whole Wh, in kWh, never below the whole Wh that were counted.

    Rounded to the nearest, a float32 would lie below the whole Wh half of the time, and a station that cuts off the fraction
    would read 1 Wh less than one that rounds. Above 8,192 kWh a step of the register is about 1 Wh, as on the real meter.
    """
    whole_wh = math.floor(energy_wh)
    value = _float32(whole_wh / 1000)
    if value * 1000 < whole_wh:
        bits = struct.unpack(">I", struct.pack(">f", value))[0]
        value = float(struct.unpack(">f", struct.pack(">I", bits + 1))[0])
    return value


@dataclass(kw_only=True)
class Outlet:
    """A connector and all that hangs on it. Currents are per phase. The lock is None where the cable is fixed."""

    number: int
    tethered: bool
    energy_wh: float
    voltage_v: float = MAINS_V
    meter_online: bool = True
    car: Car | None = None
    wakes_s: float | None = None
    cable_in_socket: bool = False
    coil: bool = False
    contacts: bool = False
    offer_a: float | None = None
    locked: bool | None = None
    lamp: str = LAMP_OFF
    lamp_reason: str | None = None
    lamp_shows: int = 0  # a pattern that is shown again begins anew
    lights: Lights = field(default_factory=Lights)
    faults: set[Fault] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.locked = None if self.tethered else False

    @property
    def cable_at_station(self) -> bool:
        return self.tethered or self.cable_in_socket

    @property
    def pilot_state(self) -> PilotState:
        if Fault.PILOT_SHORT in self.faults:
            return PilotState.E
        if self.car is None:
            return PilotState.A
        if not self.car.ready:
            return PilotState.B
        return PilotState.D if self.car.ventilation else PilotState.C

    @property
    def pilot(self) -> Pilot:
        """What the pilot and proximity contacts tell the station."""
        return Pilot(
            state=self.pilot_state,
            cable_at_station=self.cable_at_station,
            cable_a=CABLE_A if self.cable_in_socket and not self.tethered else None,
            diode_ok=Fault.PILOT_DIODE not in self.faults,
        )

    @property
    def drawn_current_a(self) -> float:
        """What the car takes on each of its phases: nothing unless contacts, pilot and offer all allow it."""
        if self.car is None or not self.contacts or self.pilot_state not in (PilotState.C, PilotState.D):
            return 0.0
        if self.offer_a is None or self.offer_a < LEAST_OFFER_A:
            return 0.0
        drawn_a = min(self.offer_a, self.car.max_current_a)
        if not self.tethered:
            drawn_a = min(drawn_a, CABLE_A)
        if Fault.OVER_CURRENT in self.faults and drawn_a > 0:
            return self.offer_a * OVER_CURRENT_FACTOR
        return drawn_a

    @property
    def phases(self) -> int:
        """Phases that the car uses; without a car, those of the connector."""
        return self.car.phases if self.car is not None else PHASES

    @property
    def power_w(self) -> float:
        return self.voltage_v * self.phases * self.drawn_current_a

    @property
    def register_wh(self) -> int:
        """The meter's register in whole Wh, as a reader of the register gets it."""
        return math.floor(register_kwh(self.energy_wh) * 1000)

    @property
    def meter_answers(self) -> bool:
        return self.meter_online and Fault.METER_LOST not in self.faults

    def count(self, hours: float) -> None:
        """Adds the energy of an interval in which nothing changed."""
        self.energy_wh += self.power_w * hours

    def move_contacts(self) -> None:
        """Lets the contacts follow the coil as far as the faults let them."""
        if Fault.CONTACTOR_WELDED in self.faults and self.contacts:
            return
        self.contacts = self.coil and Fault.CONTACTOR_STUCK_OPEN not in self.faults

    def command_lock(self, locked: bool) -> None:
        """Drives the lock's motor; a jammed one stays where it is."""
        if not self.tethered and Fault.LOCK_JAMMED not in self.faults:
            self.locked = locked
