"""Supervision: whether contactor and vehicle do what they were told, and the faults that stay until an installer clears them
(IEC 61851-1 section 6.3.1 and annex A; OCPP 1.6 section 7.6).

Owns the finding of these faults, and their end. Refuses to command anything: outputs follow from the faults in `power`.

Rules.
1. Contacts that do not close within `closing_s` of their command, or fall open by themselves for as long, are stuck open.
   Contacts that are still closed `opening_s` after theirs are welded.
2. Current that the meter shows for LEAK_S with the coil off comes through welded contacts, or past contacts whose feedback says
   that they are open.
3. A vehicle that draws more than OVER_SHARE of its offer and OVER_A on any phase, for OVER_S in every reading, draws too much.
   The FOLLOW_S in which it must follow a new offer are part of them; where offers fall one after the other, the highest of
   these FOLLOW_S is what it is held to. The fault is the vehicle's, and lasts until it has left.
4. What is suspected is looked at every LOOK_S, however seldom the meter is read else. No reading counts that was begun before
   what it is to judge.
5. A fault that latches is stored in the step that finds it. It goes by `clear` only, and not while its cause can be seen.
"""

from msgspec import Struct

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.effects import ReadMeter
from chargepoint.core.faults import RULES, Fault
from chargepoint.core.step import Step

OVER_SHARE = 1.1
OVER_A = 0.5
OVER_S = 7.0
FOLLOW_S = 5.0  # IEC 61851-1 annex A: for a vehicle to follow a new offer
LEAK_A = 1.0  # more than the supply of a station whose meter counts that too
LEAK_S = 5.0
LOOK_S = 1.0


class Suspicion(Struct):
    """What every reading since since_s has shown. look_s: when the meter is read again."""

    fault: Fault
    since_s: float
    look_s: float

    @property
    def proven_s(self) -> float:
        """A reading that begins then is enough."""
        return self.since_s + (OVER_S if self.fault is Fault.VEHICLE_OVER_CURRENT else LEAK_S)

    def look_after(self, mono_s: float) -> None:
        self.look_s = min(mono_s + LOOK_S, self.proven_s) if self.proven_s > mono_s else mono_s + LOOK_S


class Supervision:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._suspicions: dict[int, Suspicion] = {}

    def watch(self, connector: Connector, step: Step) -> None:
        """Finds what is wrong now; before it is decided whether the contactor may be closed."""
        fault = _not_following(connector)
        if fault is not None and step.mono_s >= _due_s(connector):
            self.latch(connector, fault, step)
        suspicion = self._suspicions.get(connector.number)
        if suspicion is not None and Fault.METER_LOST in connector.faults:
            del self._suspicions[connector.number]
        elif suspicion is not None and step.mono_s >= suspicion.look_s:
            suspicion.look_after(step.mono_s)
            step.then(ReadMeter(connector.number))

    def metered(self, connector: Connector, step: Step) -> bool:
        """A new reading. True where it is more than a reading: something is suspected, or is no more."""
        fault = _suspect(connector)
        known = self._suspicions.get(connector.number)
        if fault is None:
            return self._suspicions.pop(connector.number, None) is not None
        if known is None or known.fault is not fault:
            known = self._suspicions[connector.number] = Suspicion(fault, connector.reading_began_s, step.mono_s)
            known.look_after(step.mono_s)
        elif connector.reading_began_s >= known.proven_s and not _follows(connector):
            del self._suspicions[connector.number]
            self._proven(connector, fault, step)
        return True

    def left(self, connector: Connector) -> None:
        """The vehicle is gone, and its faults with it."""
        connector.faults.discard(Fault.VEHICLE_OVER_CURRENT)

    def _proven(self, connector: Connector, fault: Fault, step: Step) -> None:
        if RULES[fault].latches:
            self.latch(connector, fault, step)
        elif fault not in connector.faults:
            connector.faults.add(fault)
            step.log("error", _amounts(connector), connector=connector.number)

    def latch(self, connector: Connector, fault: Fault, step: Step) -> None:
        """The fault is there, and stays."""
        assert RULES[fault].latches
        if fault in connector.faults:
            return
        connector.faults.add(fault)
        self._blocks.store(connector, step)
        text = f"{RULES[fault].text}. An installer must clear this: chargepoint clear-faults {connector.number}"
        step.log("error", text, connector=connector.number, event="fault_latched")

    def clear(self, connector: Connector, by: str, step: Step) -> str | None:
        """An installer has mended what was wrong. Returns why the faults stay, in words; None where they are gone."""
        latched = connector.latched
        if not latched:
            return f"connector {connector.number} has no fault that an installer must clear"
        standing = _standing(connector)
        if standing is not None:
            return f"connector {connector.number}: {standing}"
        connector.faults -= set(latched)
        self._blocks.store(connector, step)
        text = f"Faults cleared by {by}: {', '.join(latched)}."
        step.log("warning", text, connector=connector.number, event="faults_cleared")
        return None

    def deadline(self) -> float | None:
        """When contacts that do not follow have had their time, or the meter is to be looked at."""
        late = [one for one in self._blocks.connectors.values() if _not_following(one) not in (None, *one.faults)]
        times = [_due_s(one) for one in late] + [one.look_s for one in self._suspicions.values()]
        return min(times) if times else None


def out_of_step(connector: Connector) -> bool:
    """The contacts are not as they were commanded."""
    return connector.closed is not None and connector.closed != connector.commanded


def _not_following(connector: Connector) -> Fault | None:
    """What it will be, if it stays so."""
    if not out_of_step(connector):
        return None
    return Fault.CONTACTOR_WELDED if connector.closed else Fault.CONTACTOR_STUCK_OPEN


def _follows(connector: Connector) -> bool:
    """The vehicle draws what it was offered within the FOLLOW_S before the reading, if no longer."""
    assert connector.reading is not None
    recent_a = [offered_a for until_s, offered_a in connector.offers_before if connector.reading_began_s < until_s + FOLLOW_S]
    return max(connector.mains.drawn_a(connector.reading), default=0.0) <= OVER_SHARE * max(recent_a, default=0.0) + OVER_A


def _suspect(connector: Connector) -> Fault | None:
    """What a reading will have shown if the next ones show it too, and is not known yet."""
    assert connector.reading is not None
    highest_a = max(connector.mains.drawn_a(connector.reading), default=0.0)
    fault: Fault | None = None
    if connector.commanded:
        fresh, offered_a = connector.reading_began_s >= connector.commanded_s, connector.offered_a
        if fresh and offered_a is not None and highest_a > OVER_SHARE * offered_a + OVER_A:
            fault = Fault.VEHICLE_OVER_CURRENT
    elif highest_a > LEAK_A and connector.reading_began_s >= connector.commanded_s + connector.site.opening_s:
        fault = Fault.CURRENT_WHILE_OPEN if connector.closed is False else Fault.CONTACTOR_WELDED
    return None if fault in connector.faults else fault


def _amounts(connector: Connector) -> str:
    drawn_a = () if connector.reading is None else connector.mains.drawn_a(connector.reading)
    drawn = ", ".join(f"{amps:.1f}" for amps in drawn_a)
    return (
        f"The vehicle draws {drawn} A and is offered {connector.offered_a or 0.0:.1f} A: it gets no more until it is unplugged."
    )


def _due_s(connector: Connector) -> float:
    return connector.commanded_s + (connector.site.opening_s if connector.closed else connector.site.closing_s)


def _standing(connector: Connector) -> str | None:
    """The cause that can be seen still."""
    if "contactor" in connector.lost:
        return f"its contactor does not answer ({connector.lost['contactor']}); mend that first"
    if connector.closed and not connector.commanded:
        return "its contacts are still closed although the coil is off; replace the contactor first"
    current_a = 0.0 if connector.reading is None else max(connector.mains.drawn_a(connector.reading), default=0.0)
    if not connector.commanded and current_a > LEAK_A:
        return f"its meter still shows {current_a:.1f} A although the coil is off; find out how before anything else"
    return None
