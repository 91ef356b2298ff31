"""Facts: what the hardware tells the station, as plain values.

Owns the value types that drivers produce and the core consumes. Knows nothing of buses, clocks or OCPP. Terms follow
IEC 61851-1 (pilot states A to F, proximity) and IEC 62053 (energy registers); every unit stands last in a name.
"""

from enum import StrEnum

from msgspec import Struct

Phases = tuple[float | None, float | None, float | None]
NO_PHASES: Phases = (None, None, None)


class Quantity(StrEnum):
    """What a meter may be able to give. A `Reading` carries `None` for every quantity that it cannot."""

    ENERGY_IMPORT = "energy_import"
    ENERGY_EXPORT = "energy_export"
    POWER = "power"
    POWER_PHASES = "power_phases"
    CURRENT = "current"
    VOLTAGE = "voltage"
    FREQUENCY = "frequency"
    POWER_FACTOR = "power_factor"
    TEMPERATURE = "temperature"
    PHASE_SEQUENCE = "phase_sequence"


class Reading(Struct, frozen=True, kw_only=True):
    """One consistent look at a meter. Energy is the cumulative register of the meter, import counted positive.

    Power is positive while the car takes energy. Phase tuples are L1, L2, L3 with None where a phase is not there.
    phase_sequence: 1 where the phases follow one another as L1, L2, L3 at the meter's terminals, -1 as L1, L3, L2.
    Every number is finite: a driver never hands on a NaN or an infinity.
    """

    energy_import_wh: float
    energy_export_wh: float | None = None
    power_w: float | None = None
    power_w_phases: Phases = NO_PHASES
    current_a: Phases = NO_PHASES
    voltage_v: Phases = NO_PHASES
    frequency_hz: float | None = None
    power_factor: float | None = None
    temperature_c: float | None = None
    phase_sequence: int | None = None


class PilotState(StrEnum):
    """Control pilot states of IEC 61851-1, table A.4.

    A: no vehicle. B: vehicle, not ready. C: ready, D: ready and asks for ventilation. E: pilot shorted or station without
    power. F: station not available. A driver that can only see a plug reports A and C.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Pilot(Struct, frozen=True, kw_only=True):
    """What the pilot and proximity contacts of a connector say.

    cable_at_station: a cable is in the socket (always true for a fixed cable). cable_a: what the cable's proximity resistor
    allows, None where unknown or fixed, 0 where no cable has such a resistor (nothing is offered). diode_ok: the negative half
    of the pilot is there (a vehicle, not a wet finger).
    """

    state: PilotState
    cable_at_station: bool
    cable_a: float | None = None
    diode_ok: bool = True


class Card(Struct, frozen=True, kw_only=True):
    """A card that has just been laid on a reader.

    id_tag: upper-case hexadecimal UID of 4, 7 or 10 bytes with leading zeros kept, or any text a reader reports; the
    station refuses what is longer than 20 characters (IdToken, OCPP 1.6 section 7.28).
    """

    id_tag: str


class InputKind(StrEnum):
    """Lines that a station may have besides pilot and contactor. Active means: the named condition holds."""

    GROUND_FAULT = "ground_fault"
    EMERGENCY_STOP = "emergency_stop"
    OVER_TEMPERATURE = "over_temperature"
    WARM = "warm"  # not yet too hot: half the current is offered
    OVER_CURRENT = "over_current"
    DOOR_OPEN = "door_open"
    MAINS_LOST = "mains_lost"
    STOP_BUTTON = "stop_button"  # the driver asks for the end of the session; no fault, and nothing that trips
    LIST_WRITE = "list_write"  # test rigs only: storing a local list fails


class Input(Struct, frozen=True, kw_only=True):
    """A line changed. connector 0 is the station as a whole."""

    connector: int
    kind: InputKind
    active: bool


class Pattern(StrEnum):
    """What the driver of a car is shown, per connector. Colours and sounds for each are the indicator driver's table."""

    AVAILABLE = "available"
    CARD_WANTED = "card_wanted"
    ASKING = "asking"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    PLUG_WANTED = "plug_wanted"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"
    STARTING = "starting"
    SETTING_UP = "setting_up"
    UPDATING = "updating"


class Refusal(StrEnum):
    """Why nobody charges now; an indicator may count it out in flashes (the order of the members, from 1).

    NO_VEHICLE: nothing was plugged in time (ConnectionTimeOut). OCCUPIED: every connector has its session.
    """

    UNKNOWN = "unknown"
    UNKNOWN_OFFLINE = "unknown_offline"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    CONCURRENT = "concurrent"
    RESERVED = "reserved"
    OUT_OF_SERVICE = "out_of_service"
    NO_VEHICLE = "no_vehicle"
    OCCUPIED = "occupied"


class Trouble(StrEnum):
    """What is wrong while FAULTED is shown, as a driver or attendant can tell it; counted out like `Refusal`."""

    GROUND_FAULT = "ground_fault"
    EMERGENCY_STOP = "emergency_stop"
    VEHICLE = "vehicle"
    OVER_CURRENT = "over_current"
    LOCK = "lock"
    CONTACTOR = "contactor"
    METER = "meter"
    TOO_HOT = "too_hot"
    STATION = "station"


class Lights(Struct, frozen=True, kw_only=True):
    """What holds for every lamp of the station.

    intensity_percent: 0 to 100 of the greatest intensity (LightIntensity, OCPP 1.6 section 9.1.11). blink_repeat: how often a
    lamp blinks when it answers (BlinkRepeat, section 9.1.4), from 0. offline: the Central System is not there, which an
    installer may be shown and a driver need not see.
    """

    intensity_percent: int = 100
    blink_repeat: int = 2
    offline: bool = False
