"""Connector: the facts of one connector, and the status that follows from them (OCPP 1.6 sections 4.9, 7.7).

Owns what pilot, contactor, lock and meter said last, what was commanded, and availability. Refuses to decide when a session
begins or ends. ChargePointStatus is not kept anywhere: `status_of` derives it from the facts.
"""

from collections import deque
from typing import Literal

from msgspec import Struct

from chargepoint.core.faults import RULES, Fault, blocking
from chargepoint.core.mains import Mains
from chargepoint.core.records import Charging, ConnectorRecord, Ending, Finishing, Idle, Session
from chargepoint.core.site import ConnectorSite
from chargepoint.core.wiring import Wiring
from chargepoint.facts import Pilot, PilotState, Quantity, Reading
from chargepoint.messages import ChargePointStatus

READY_GRACE_S = 3.0  # after a session's start car and lock have this long before it counts as suspended
OFFER_MIN_A = 6.0  # IEC 61851-1: below 6 A a car cannot charge
CABLE_UNKNOWN_A = 13.0  # IEC 61851-1 annex B: the least that a cable's coding resistor stands for
OFFERS_KEPT = 16  # a limit changes once a second at most, and a vehicle follows within 5 s
WARM_SHARE = 0.5  # of its greatest current is offered where a connector is warm

VEHICLE = (PilotState.B, PilotState.C, PilotState.D)
WANTS_POWER = (PilotState.C, PilotState.D)


class Facts(Struct, frozen=True, kw_only=True):
    """What a status follows from. plugged: a cable is in the socket or a car on it; wants_power: pilot C or D;
    authorised: somebody may plug here next; allowed: the station would give energy; closed: contactor commanded closed;
    begun: the session is past Preparing, where it never returns to; reserved: for somebody who is not here yet.
    """

    session: Literal["idle", "charging", "ending", "finishing"] = "idle"
    faulted: bool = False
    operative: bool = True
    plugged: bool = False
    wants_power: bool = False
    authorised: bool = False
    allowed: bool = True
    closed: bool = False
    begun: bool = True
    reserved: bool = False


def status_of(facts: Facts) -> ChargePointStatus:
    """The one place where a connector's status comes from. Faulted lies over everything."""
    if facts.faulted:
        return ChargePointStatus.Faulted
    if facts.session == "charging":
        return _charging(facts)
    if facts.session == "ending":
        return ChargePointStatus.Finishing
    if not facts.operative:
        return ChargePointStatus.Unavailable
    if facts.session == "finishing" and not facts.authorised:
        return ChargePointStatus.Finishing
    if facts.authorised:
        return ChargePointStatus.Preparing
    if facts.reserved:
        return ChargePointStatus.Reserved
    return ChargePointStatus.Preparing if facts.plugged else ChargePointStatus.Available


def _charging(facts: Facts) -> ChargePointStatus:
    if not facts.allowed:
        return ChargePointStatus.SuspendedEVSE
    if facts.closed:
        return ChargePointStatus.Charging
    if not facts.begun:
        return ChargePointStatus.Preparing
    return ChargePointStatus.SuspendedEVSE if facts.wants_power else ChargePointStatus.SuspendedEV


class Connector:
    """Facts of one connector; `station_faults` are those of the whole station."""

    def __init__(self, site: ConnectorSite, record: ConnectorRecord, station_faults: set[Fault]) -> None:
        self.site = site
        self.number = site.number
        self.operative = record.operative
        self.pending = record.pending
        self.held_back = False  # firmware is to be installed: no new session
        self.session: Session = record.session
        self.pilot: Pilot | None = None
        self.plugged_s: float | None = None
        self.left_s: float | None = None
        self.closed: bool | None = None
        self.opened_s = 0.0
        self.commanded = False
        self.commanded_s = 0.0
        self.withdrawn_s: float | None = None  # since when nothing is offered, while the contacts are closed
        self.locked: bool | None = None
        self.lock_wanted: bool | None = None
        self.lock_tries = 0
        self.lock_retry_s: float | None = None
        self.beginning = False  # somebody may charge, the car is there: the cable is being locked, the meter read
        self.let_go = False  # until the cable has left or a session began: none begins by itself, a lock that failed is a fault
        self.unlock_owed = False  # an UnlockConnector of it is not answered yet
        self.reading: Reading | None = None
        self.reading_began_s = 0.0
        self.mains = Mains(site.phases)
        self.wiring = Wiring(site.phases, site.phase_rotation)
        self.quantities: frozenset[Quantity] = frozenset()
        self.faults: set[Fault] = set(record.latched)
        self.cycles = self.cycles_stored = record.cycles
        self.lost: dict[str, str] = {}  # parts that do not work, and why
        self._station_faults = station_faults
        self.session_began_s = 0.0
        self.begun = False
        self.offered_a: float | None = None
        self.offers_before: deque[tuple[float, float]] = deque(maxlen=OFFERS_KEPT)  # until when, and how much
        self.allowed = True

    def record(self) -> ConnectorRecord:
        return ConnectorRecord(
            number=self.number,
            operative=self.operative,
            pending=self.pending,
            session=self.session,
            latched=self.latched,
            cycles=self.cycles,
        )

    @property
    def latched(self) -> tuple[Fault, ...]:
        """The faults that an installer must clear."""
        return tuple(sorted(fault for fault in self.faults if RULES[fault].latches))

    @property
    def all_faults(self) -> set[Fault]:
        return self.faults | self._station_faults

    @property
    def blocked(self) -> bool:
        return bool(self.faults or self._station_faults) and (blocking(self.faults) or blocking(self._station_faults))

    @property
    def vehicle(self) -> bool:
        """A car is on the pilot."""
        return self.pilot is not None and self.pilot.state in VEHICLE

    @property
    def plugged(self) -> bool:
        """A car is there, or a detachable cable in the socket."""
        return self.vehicle or (not self.site.tethered and self.pilot is not None and self.pilot.cable_at_station)

    @property
    def asks(self) -> bool:
        """The car asks for power."""
        return self.pilot is not None and self.pilot.state in WANTS_POWER and self.pilot.diode_ok

    @property
    def wants_power(self) -> bool:
        """The car asks for power that it may have: where it asks for ventilation (D), there is some."""
        return self.asks and not self.lacks_ventilation

    @property
    def lacks_ventilation(self) -> bool:
        """The car asks for ventilation (pilot D), and there is none."""
        return self.pilot is not None and self.pilot.state is PilotState.D and not self.site.ventilation

    @property
    def in_transaction(self) -> bool:
        return isinstance(self.session, (Charging, Ending))

    @property
    def free(self) -> bool:
        """A new session could begin here once a car and a driver come."""
        usable = self.operative and not self.held_back and self.pending != "inoperative"
        return usable and not self.blocked and not self.in_transaction

    @property
    def lock_ready(self) -> bool:
        """The cable cannot be pulled under load."""
        return not self.site.has_lock or self.site.tethered or self.locked is True

    @property
    def secured(self) -> bool:
        """The lock was told to hold the cable, and says that it does; what it said on its way elsewhere does not count."""
        if not self.site.has_lock or self.site.tethered:
            return True
        return self.locked is True and self.lock_wanted is True and self.lock_retry_s is None

    @property
    def energised(self) -> bool:
        return self.commanded or self.closed is True

    @property
    def grace_until_s(self) -> float:
        return self.session_began_s + READY_GRACE_S

    def cable_a(self) -> float:
        """What fuse, cable and socket allow together; less where it is warm. In a session a cable that is not seen is one whose
        rating is not known yet, or not any more.
        """
        site_a, pilot = self.site.current_a_max, self.pilot
        if Fault.WARM in self.faults or Fault.WARM in self._station_faults:
            site_a = max(OFFER_MIN_A, site_a * WARM_SHARE)
        if self.site.tethered or not (self.plugged or self.in_transaction):
            return site_a
        return min(site_a, CABLE_UNKNOWN_A if pilot is None or pilot.cable_a is None else pilot.cable_a)

    def facts(self, *, faulted: bool, authorised: bool, mono_s: float, reserved: bool = False) -> Facts:
        return Facts(
            session=_session_word(self.session),
            faulted=faulted,
            operative=self.operative and not self.held_back,
            plugged=self.plugged,
            wants_power=self.asks,
            authorised=authorised,
            allowed=self.allowed,
            closed=self.commanded,
            begun=self.begun or mono_s >= self.grace_until_s,
            reserved=reserved,
        )


def _session_word(session: Session) -> Literal["idle", "charging", "ending", "finishing"]:
    match session:
        case Idle():
            return "idle"
        case Charging():
            return "charging"
        case Ending():
            return "ending"
        case Finishing():
            return "finishing"
