"""Sensing: what the facts of the hardware mean for sessions and faults (IEC 61851-1 annex A; OCPP 1.6 sections 4.9, 9.1).

Owns the step from a driver's fact to the connector's facts, its faults and the end of a session. Refuses to command anything:
outputs follow from the facts in `power`.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.effects import ReadMeter
from chargepoint.core.events import InputSeen, MeterOpened, MeterRead, PartBack, PartLost, PilotSeen
from chargepoint.core.faults import Fault
from chargepoint.core.records import Charging, Ending
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step, Touched
from chargepoint.core.supervision import Supervision
from chargepoint.facts import Input, InputKind, Pilot, PilotState
from chargepoint.messages import Reason

INPUT_FAULTS = {
    InputKind.GROUND_FAULT: Fault.GROUND_FAULT,
    InputKind.EMERGENCY_STOP: Fault.EMERGENCY_STOP,
    InputKind.OVER_TEMPERATURE: Fault.OVER_TEMPERATURE,
    InputKind.WARM: Fault.WARM,
    InputKind.OVER_CURRENT: Fault.OVER_CURRENT,
    InputKind.DOOR_OPEN: Fault.DOOR_OPEN,
    InputKind.MAINS_LOST: Fault.MAINS_LOST,
}
CONNECTORS_OWN = ("meter", "contactor", "pilot", "lock")  # without these it does not charge


class Sensing:
    def __init__(self, blocks: Blocks, sessions: Sessions, supervision: Supervision) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._supervision = supervision
        self._pressed: set[int] = set()  # stop buttons that are held down, by their connectors

    def pilot(self, event: PilotSeen, step: Step) -> None:
        connector = self._blocks.connectors[event.connector]
        before, connector.pilot = connector.pilot, event.pilot
        self._flag(connector, Fault.PILOT_SHORT, event.pilot.state is PilotState.E)
        self._flag(connector, Fault.PILOT_OUT, event.pilot.state is PilotState.F)
        self._flag(connector, Fault.VENTILATION_MISSING, connector.lacks_ventilation)
        self._flag(connector, Fault.PILOT_DIODE, connector.vehicle and not event.pilot.diode_ok)
        if connector.vehicle and (before is None or not _vehicle(before)):
            self._arrived(connector, step)
        elif event.pilot.state is PilotState.A:
            self._left(connector, step)

    def meter_opened(self, event: MeterOpened) -> None:
        self._blocks.connectors[event.connector].quantities = event.quantities
        self._blocks.keys.meter_gives(event.quantities)

    def meter_read(self, event: MeterRead, step: Step) -> Touched:
        """Touches nothing where nobody waited for this reading: until something else happens, only the next sample tells it."""
        connector = self._blocks.connectors[event.connector]
        connector.reading = event.reading
        connector.reading_began_s = event.began_s
        for remark in connector.wiring.judge(event.reading, closed=connector.closed is True):
            step.log("warning", remark, connector=connector.number)
        session = connector.session
        moved = connector.mains.read(event.reading, charging=isinstance(session, Charging))
        self._sessions.metered(connector)
        suspect = self._supervision.metered(connector, step)
        if moved or suspect or Fault.METER_LOST in connector.faults:
            connector.faults.discard(Fault.METER_LOST)
            return Touched.FACTS
        return Touched.FACTS if self._awaited(connector) else Touched.NOTHING

    def _awaited(self, connector: Connector) -> bool:
        """Something may follow from a reading for being the newest one."""
        session = connector.session
        if connector.withdrawn_s is not None:
            return True  # the car may have stopped drawing
        if isinstance(session, Charging):
            return session.invalid  # who was refused is held to MaxEnergyOnInvalidId
        if isinstance(session, Ending):
            return True  # it may be the last one
        return not self._blocks.starts.empty or self._blocks.site.free_vend

    def input(self, event: InputSeen, step: Step) -> None:
        if event.input.kind is InputKind.LIST_WRITE:
            self._blocks.local_list.broken = event.input.active
        elif event.input.kind is InputKind.STOP_BUTTON:
            self._stop_button(event.input, step)
        fault = INPUT_FAULTS.get(event.input.kind)
        if fault is None:
            return
        connector = self._blocks.connectors.get(event.input.connector)
        faults = self._blocks.station_faults if connector is None else connector.faults
        (faults.add if event.input.active else faults.discard)(fault)
        if fault is Fault.MAINS_LOST and event.input.active:
            self._sessions.mains_lost(step)

    def _stop_button(self, button: Input, step: Step) -> None:
        """Its press ends the session of its connector, that of the station all of them; it begins none."""
        if not button.active:
            self._pressed.discard(button.connector)
        elif button.connector not in self._pressed:
            self._pressed.add(button.connector)
            for connector in self._blocks.connectors.values():
                if button.connector in (0, connector.number):
                    self._sessions.stop(connector, Reason.Local, None, step)
                    self._sessions.let_go(connector, step)

    def part_lost(self, event: PartLost, step: Step) -> None:
        """A driver failed; what cannot be seen any more counts as what is safe."""
        many = event.part == "inputs"
        step.log("error", f"The {_name(event)} {'are' if many else 'is'} lost: {event.why}", event="part_lost")
        if event.part not in CONNECTORS_OWN:
            self._blocks.lost[_name(event)] = event.why
        if event.part == "reader":
            self._blocks.lost_readers.add(event.number)
            self._reader_faults()
        elif event.part == "inputs":
            self._blocks.station_faults.add(Fault.PART_LOST)
        elif event.part in CONNECTORS_OWN:
            connector = self._blocks.connectors[event.number]
            connector.lost[event.part] = event.why
            connector.faults.add(Fault.METER_LOST if event.part == "meter" else Fault.PART_LOST)
            if event.part == "contactor":
                connector.closed = None
                if event.self_test:
                    self._supervision.latch(connector, Fault.SELF_TEST_FAILED, step)
            if event.part == "lock":
                connector.locked = connector.lock_wanted = None
                connector.lock_retry_s = None

    def part_back(self, event: PartBack, step: Step) -> None:
        lost = self._blocks.lost if event.part not in CONNECTORS_OWN else self._blocks.connectors[event.number].lost
        if lost.pop(_name(event) if event.part not in CONNECTORS_OWN else event.part, None) is not None:
            works = "work" if event.part == "inputs" else "works"
            step.log("info", f"The {_name(event)} {works} again.", event="part_back")
        if event.part == "reader":
            self._blocks.lost_readers.discard(event.number)
            self._reader_faults()
        elif event.part == "inputs":
            self._forget_inputs()
        elif event.part in CONNECTORS_OWN:
            connector = self._blocks.connectors[event.number]
            if event.part == "meter":
                step.then(ReadMeter(event.number))  # the fault goes with the first reading
            elif not connector.lost.keys() - {"meter"}:
                connector.faults.discard(Fault.PART_LOST)
            if event.part in ("contactor", "pilot"):
                # A driver opens its part in the safe state: what was commanded before no longer holds.
                if connector.commanded and event.part == "pilot":
                    step.open_contactor(event.number)  # that one was not opened anew
                connector.commanded = False
                connector.commanded_s = step.mono_s
                connector.offered_a = connector.withdrawn_s = None

    def _forget_inputs(self) -> None:
        """The inputs work again and tell every active line anew: what they said before they were lost no longer counts."""
        for faults in (self._blocks.station_faults, *(one.faults for one in self._blocks.connectors.values())):
            faults -= set(INPUT_FAULTS.values())
        self._blocks.station_faults.discard(Fault.PART_LOST)
        self._blocks.local_list.broken = False
        self._pressed.clear()

    def _arrived(self, connector: Connector, step: Step) -> None:
        connector.plugged_s = step.mono_s
        step.then(ReadMeter(connector.number))

    def _left(self, connector: Connector, step: Step) -> None:
        """Pilot A: the car went away (section 9.1.23, StopTransactionOnEVSideDisconnect)."""
        connector.left_s = step.mono_s
        self._supervision.left(connector)
        if not isinstance(connector.session, Charging):
            return
        if self._blocks.keys.boolean("StopTransactionOnEVSideDisconnect"):
            self._sessions.stop(connector, Reason.EVDisconnected, None, step)

    def _reader_faults(self) -> None:
        """A reader of one connector is that connector's fault, a shared one the station's."""
        self._blocks.station_faults.discard(Fault.READER_LOST)
        for connector in self._blocks.connectors.values():
            connector.faults.discard(Fault.READER_LOST)
        for reader in self._blocks.lost_readers:
            served = self._blocks.of_reader(reader)
            (served[0].faults if len(served) == 1 else self._blocks.station_faults).add(Fault.READER_LOST)

    @staticmethod
    def _flag(connector: Connector, fault: Fault, active: bool) -> None:
        (connector.faults.add if active else connector.faults.discard)(fault)


def _name(event: PartLost | PartBack) -> str:
    return event.part if event.part == "inputs" else f"{event.part} {event.number}"


def _vehicle(pilot: Pilot) -> bool:
    return pilot.state in (PilotState.B, PilotState.C, PilotState.D)
