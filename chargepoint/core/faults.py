"""Faults: what can be wrong, what the Central System is told of it, and what it does to a session (OCPP 1.6 section 7.6).

Owns one line per kind of fault. Refuses to know how a fault is found. The fault's own name goes out as vendorErrorCode. Section
4.9 forbids EVCommunicationError beside Faulted, so a pilot that makes charging impossible is an OtherError.
"""

from enum import StrEnum

from msgspec import Struct

from chargepoint.facts import Trouble
from chargepoint.messages import ChargePointErrorCode, Reason

Code = ChargePointErrorCode


class Fault(StrEnum):
    GROUND_FAULT = "ground_fault"
    EMERGENCY_STOP = "emergency_stop"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_STUCK_OPEN = "contactor_stuck_open"
    CURRENT_WHILE_OPEN = "current_while_open"
    SELF_TEST_FAILED = "self_test_failed"
    LOCK_JAMMED = "lock_jammed"
    PILOT_SHORT = "pilot_short"
    PILOT_DIODE = "pilot_diode"
    PILOT_OUT = "pilot_out"
    OVER_TEMPERATURE = "over_temperature"
    OVER_CURRENT = "over_current"
    VEHICLE_OVER_CURRENT = "vehicle_over_current"
    DOOR_OPEN = "door_open"
    MAINS_LOST = "mains_lost"
    METER_LOST = "meter_lost"
    READER_LOST = "reader_lost"
    VENTILATION_MISSING = "ventilation_missing"
    WARM = "warm"
    PART_LOST = "part_lost"
    STORE_TROUBLED = "store_troubled"
    LOCAL_LIST_CONFLICT = "local_list_conflict"


class Rule(Struct, frozen=True, kw_only=True):
    """blocks: no energy while it lasts, and the status is Faulted. ends: the reason with which it ends a running session at
    once; None: the session is only interrupted (or, where it does not block, not touched). text: at most 50 characters (info).
    latches: it stays, over restarts and power cuts, until an installer clears it (`clear_faults`).
    """

    code: ChargePointErrorCode
    text: str
    blocks: bool = True
    ends: Reason | None = Reason.Other
    latches: bool = False


RULES: dict[Fault, Rule] = {
    Fault.GROUND_FAULT: Rule(code=Code.GroundFailure, text="Ground fault: RCD tripped"),
    Fault.EMERGENCY_STOP: Rule(code=Code.OtherError, text="Emergency stop pressed", ends=Reason.EmergencyStop),
    Fault.CONTACTOR_WELDED: Rule(code=Code.PowerSwitchFailure, text="Contactor welded: does not open", latches=True),
    Fault.CONTACTOR_STUCK_OPEN: Rule(code=Code.PowerSwitchFailure, text="Contactor does not close", latches=True),
    Fault.CURRENT_WHILE_OPEN: Rule(
        code=Code.PowerSwitchFailure, text="Current flows although the contactor is open", latches=True
    ),
    Fault.SELF_TEST_FAILED: Rule(code=Code.GroundFailure, text="RCD self test failed", latches=True),
    Fault.LOCK_JAMMED: Rule(code=Code.ConnectorLockFailure, text="Socket lock does not move", ends=None),
    Fault.PILOT_SHORT: Rule(code=Code.OtherError, text="Control pilot shorted"),
    Fault.PILOT_DIODE: Rule(code=Code.OtherError, text="Control pilot without diode: no vehicle"),
    Fault.PILOT_OUT: Rule(code=Code.OtherError, text="Control pilot says: station not available"),
    Fault.OVER_TEMPERATURE: Rule(code=Code.HighTemperature, text="Too hot"),
    Fault.OVER_CURRENT: Rule(code=Code.OverCurrentFailure, text="Over-current protection tripped"),
    Fault.VEHICLE_OVER_CURRENT: Rule(code=Code.OverCurrentFailure, text="Vehicle draws more than offered"),
    Fault.DOOR_OPEN: Rule(code=Code.OtherError, text="Station door open"),
    Fault.MAINS_LOST: Rule(code=Code.UnderVoltage, text="Mains voltage lost", ends=Reason.PowerLoss),
    Fault.METER_LOST: Rule(code=Code.PowerMeterFailure, text="Energy meter does not answer", ends=None),
    Fault.READER_LOST: Rule(code=Code.ReaderFailure, text="Card reader does not answer", blocks=False, ends=None),
    Fault.VENTILATION_MISSING: Rule(
        code=Code.OtherError, text="Vehicle needs ventilation: there is none", blocks=False, ends=None
    ),
    Fault.WARM: Rule(code=Code.HighTemperature, text="Warm: less current is offered", blocks=False, ends=None),
    Fault.PART_LOST: Rule(code=Code.InternalError, text="A part of the station does not answer"),
    Fault.STORE_TROUBLED: Rule(code=Code.InternalError, text="Station cannot store sessions: disk"),
    Fault.LOCAL_LIST_CONFLICT: Rule(
        code=Code.LocalListConflict, text="Local list contradicts the Central System", blocks=False, ends=None
    ),
}

TROUBLES: dict[Fault, Trouble] = {
    Fault.GROUND_FAULT: Trouble.GROUND_FAULT,
    Fault.EMERGENCY_STOP: Trouble.EMERGENCY_STOP,
    Fault.CONTACTOR_WELDED: Trouble.CONTACTOR,
    Fault.CONTACTOR_STUCK_OPEN: Trouble.CONTACTOR,
    Fault.CURRENT_WHILE_OPEN: Trouble.CONTACTOR,
    Fault.SELF_TEST_FAILED: Trouble.GROUND_FAULT,
    Fault.LOCK_JAMMED: Trouble.LOCK,
    Fault.PILOT_SHORT: Trouble.VEHICLE,
    Fault.PILOT_DIODE: Trouble.VEHICLE,
    Fault.PILOT_OUT: Trouble.VEHICLE,
    Fault.OVER_TEMPERATURE: Trouble.TOO_HOT,
    Fault.OVER_CURRENT: Trouble.OVER_CURRENT,
    Fault.VEHICLE_OVER_CURRENT: Trouble.OVER_CURRENT,
    Fault.METER_LOST: Trouble.METER,
}


def trouble_of(faults: frozenset[Fault] | set[Fault]) -> Trouble:
    """What a lamp counts out; STATION is whatever only the operator can do something about."""
    fault = worst(faults)
    return Trouble.STATION if fault is None else TROUBLES.get(fault, Trouble.STATION)


def worst(faults: frozenset[Fault] | set[Fault]) -> Fault | None:
    """The fault that is reported where several are active: blocking ones first, then in the order of the table."""
    return min(faults, key=lambda fault: (not RULES[fault].blocks, list(Fault).index(fault)), default=None)


def blocking(faults: frozenset[Fault] | set[Fault]) -> bool:
    return bool(faults) and any(RULES[fault].blocks for fault in faults)
