"""What must hold after every step of every story, whatever it is about."""

from typing import TYPE_CHECKING

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import records as rec
from chargepoint.core.connector import CABLE_UNKNOWN_A
from chargepoint.core.sessions import BEGINNING_S, FINAL_WITHOUT_METER_S, WIND_DOWN_S
from chargepoint.core.station import Station
from chargepoint.core.step import Now, Step
from chargepoint.core.unlocking import ANSWER_S
from chargepoint.facts import PilotState
from chargepoint.messages import (
    ACTIONS,
    Call,
    CallError,
    CallResult,
    ChargePointStatus,
    decode_conf,
    decode_req,
    parse_frame,
)
from tests.core import transitions

if TYPE_CHECKING:
    from tests.core.harness import World

EXACT_S = 1e-4  # of deadlines: those that come from dates are found anew a little differently
LATE_S = 0.002  # a deadline lies a little behind its instant, so that the instant has surely come
ENERGY = (PilotState.C, PilotState.D)
STATUS_WAITS_S = WIND_DOWN_S + FINAL_WITHOUT_METER_S + ANSWER_S
BLOCKING_PARTS = ("meter", "contactor", "pilot", "lock", "inputs")


def effects_are_in_order(effects: list[fx.Effect]) -> None:
    """De-energise, commit, then everything else."""

    def rank(effect: fx.Effect) -> int:
        return 0 if isinstance(effect, fx.OpenContactor) else 1 if isinstance(effect, fx.Commit) else 2

    ranks = [rank(effect) for effect in effects]
    assert ranks == sorted(ranks), f"out of order: {effects}"
    assert ranks.count(1) <= 1, f"more than one commit: {effects}"


def step_is_whole(station: Station, effects: list[fx.Effect], now: Now) -> None:
    """What a step leads to is in order, and it led to everything that there was to lead to."""
    effects_are_in_order(effects)
    if not any(isinstance(effect, fx.Exit) for effect in effects):
        nothing_is_left_over(station, now)


def nothing_is_left_over(station: Station, now: Now) -> None:
    """Before its deadline nothing more follows from the facts, and the deadline is right: so an event that changes none may be
    passed over.
    """
    deadline_s = station.next_deadline()
    if deadline_s is None or now.mono_s < deadline_s - LATE_S:
        step = Step(now, station._blocks.clock.boot.boot)
        station.follow(step)
        assert not step.effects(), f"the station had not settled: {step.effects()}"
        found_s = station.next_deadline()
        assert found_s == (None if deadline_s is None else pytest.approx(deadline_s, abs=EXACT_S)), "kept for too long"


def contactor_may_be_closed(world: "World", number: int) -> None:
    """Energy only in a stored session, with the car asking for it, a locked cable and nothing wrong."""
    plant = world.plants[number]
    where = f"connector {number} is closed at {world.mono_s} s"
    wrong = world.hazards[number] | world.hazards[0]
    if plant.trial:
        assert plant.pilot.state is PilotState.A, f"{where} by a trial, with a car"
        assert plant.offered_a is None, f"{where} by a trial, and offers current"
        assert not wrong, f"{where} by a trial although {wrong}"
        return
    session = world.store.session(number)
    assert isinstance(session, rec.Charging | rec.Ending), f"{where} without a stored session"
    assert plant.pilot.state in ENERGY, f"{where} in pilot state {plant.pilot.state}"
    assert plant.pilot.diode_ok, f"{where} without a vehicle's diode"
    if plant.offered_a is None or isinstance(session, rec.Ending):
        late_s = world.mono_s - plant.withdrawn_s - WIND_DOWN_S
        assert late_s <= LATE_S, f"{where} without an offer on the pilot, {late_s:.3f} s too long"
    assert not wrong, f"{where} although {wrong}"
    assert plant.locked or not plant.has_lock, f"{where} with an unlocked cable"


def offers_are_possible(world: "World") -> None:
    offers = {number: plant.offered_a for number, plant in world.plants.items() if plant.offered_a is not None}
    for one in world.site.connectors:
        offered_a = offers.get(one.number)
        rated_a = world.plants[one.number].pilot.cable_a
        cable_a = 80.0 if one.tethered else CABLE_UNKNOWN_A if rated_a is None else rated_a
        if offered_a is not None:
            assert 6.0 <= offered_a <= min(one.current_a_max, cable_a), f"connector {one.number} offers {offered_a} A"
    assert sum(offers.values()) <= world.site.current_a_max + 1e-9, f"the station's fuse: {offers}"


class Seen:
    """Every status that a run of the process went through, told or not: each may follow the one before."""

    def __init__(self) -> None:
        self.statuses: dict[int, list[ChargePointStatus]] = {}

    def look(self, effects: list[fx.Effect], mono_s: float) -> None:
        """The station logs every status; `Now Faulted: GroundFailure (...)`."""
        for log in effects:
            if isinstance(log, fx.Log) and log.connector is not None and log.text.startswith("Now "):
                status = ChargePointStatus(log.text.split()[1].rstrip(":."))
                seen = self.statuses.setdefault(log.connector, [])
                if seen and not transitions.allowed(seen[-1], status):
                    raise AssertionError(f"connector {log.connector}: {seen[-1]} and then {status} at {mono_s} s")
                seen.append(status)


class Patience:
    """Since when something has been about to happen that must not be waited for for ever."""

    def __init__(self) -> None:
        self._since_s: dict[tuple[str, int], tuple[object, float]] = {}

    def look(self, world: "World") -> None:
        blocks = world.station._blocks
        for number, connector in blocks.connectors.items():
            about = True if connector.beginning else None
            self._bounded("a session is about to begin", number, about, BEGINNING_S, world.mono_s)
        idle = world.up and not world.exited and blocks.rpc.free and blocks.boot.accepted
        idle = idle and blocks.notifier.send_deadline() is None and blocks.leaving is None
        for number, line in blocks.notifier._lines.items():
            owed = line.queue[0] if idle and line.queue else None
            self._bounded("a status waits for a billing message", number, owed, STATUS_WAITS_S, world.mono_s)

    def _bounded(self, what: str, number: int, thing: object, bound_s: float, mono_s: float) -> None:
        before = self._since_s.pop((what, number), None)
        if thing is None:
            return
        since_s = before[1] if before is not None and before[0] == thing else mono_s
        assert mono_s <= since_s + bound_s + LATE_S, f"connector {number}: {what}, and has been since {since_s} s: {mono_s} s"
        self._since_s[what, number] = (thing, since_s)


class Wire:
    """Both directions of the connection: what is under way, and whether every word on it is OCPP."""

    def __init__(self, call_timeout_s: float) -> None:
        self._timeout_s = call_timeout_s
        self._ids: set[str] = set()
        self._ours: tuple[str, str, float] | None = None
        self._theirs: dict[str, str] = {}

    def sent(self, text: str, mono_s: float) -> Call | CallResult | CallError:
        """A frame of the station."""
        frame = parse_frame(text)
        match frame:
            case Call():
                decode_req(ACTIONS[frame.action], frame.payload)
                assert frame.message_id not in self._ids, f"message id {frame.message_id} was used before"
                self._ids.add(frame.message_id)
                if self._ours is not None:
                    _, action, since_s = self._ours
                    assert mono_s >= since_s + self._timeout_s, f"{frame.action} while {action} waits for its answer"
                self._ours = (frame.message_id, frame.action, mono_s)
            case CallResult():
                action = self._theirs.pop(frame.message_id)
                _, leniences = decode_conf(ACTIONS[action], frame.payload)
                assert not leniences, f"{action}.conf is not strict: {leniences}"
            case CallError():
                self._theirs.pop(frame.message_id, None)
            case _:
                raise AssertionError(f"the station sent no OCPP: {text}")
        return frame

    def answered(self, message_id: str) -> None:
        """The Central System answers; the station may call again."""
        if self._ours is not None and self._ours[0] == message_id:
            self._ours = None

    def asked(self, message_id: str, action: str) -> None:
        self._theirs[message_id] = action

    def owes(self, message_id: str) -> bool:
        """Whether the station still owes the answer to a CALL."""
        return message_id in self._theirs

    def gone(self) -> None:
        self._ours = None
        self._theirs.clear()
