"""Power: when a contactor is closed, what the pilot offers, when the lock holds (IEC 61851-1 annex A; OCPP 1.6 section 3.6).

Owns the outputs of every connector, derived from its facts after each event, and the supervision of the lock (`supervision` has
that of the contactor). Refuses to know why a session runs. When in doubt the contactor is open.

Rules.
1. A contactor is closed only in a running session that the station allows, with no blocking fault, the car asking for power
   (pilot C or D, diode seen), the cable locked where there is a lock, and at least 6 A offered.
   When nothing is offered any more (a limit, the session's end by card, button or remote), the car has WIND_DOWN_S to stop
   drawing: the contacts open when it leaves pilot C, when the meter shows no current, or then. Whatever else ends rule 1 opens
   them at once. Without a car, an installer's trial closes them for a moment (`trials`).
2. The offer is the connector's share of what the station may give, within its own limits (`limits`, `current`). Below 6 A no
   car charges: it is suspended, and goes on as `pauses` says.
3. No contactor closes before the inputs of a station that has some are known, and for SETTLE_S after that and after a start:
   what is wrong is told meanwhile.
4. A lock that does not move is tried LOCK_TRIES times, a second apart; then it is a fault, and is tried on more slowly. A cable
   that could not be locked for a session to begin is let go instead, and its fault stays until it has left.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.current import OFFER_MIN_A, share
from chargepoint.core.effects import CloseContactor, MoveLock, OfferCurrent, ReadMeter
from chargepoint.core.faults import Fault
from chargepoint.core.limits import Limits
from chargepoint.core.pauses import Pauses
from chargepoint.core.records import Charging, Ending
from chargepoint.core.sessions import WIND_DOWN_S, Sessions
from chargepoint.core.step import Step
from chargepoint.core.supervision import Supervision, out_of_step
from chargepoint.core.trials import Trials
from chargepoint.messages import Reason

GENTLE = (Reason.Local, Reason.Remote, Reason.DeAuthorized)  # with these reasons nothing is in a hurry
IDLE_A = 1.0  # a car that draws less than this on every phase has stopped
SETTLE_S = 1.0  # after a start, and when the inputs come back: for the lines that are active to be told
LOCK_TRIES = 3
LOCK_RETRY_S = 1.0
LOCK_SLOW_S = 5.0


class Power:
    def __init__(self, blocks: Blocks, sessions: Sessions, limits: Limits, supervision: Supervision, trials: Trials) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._limits = limits
        self._supervision = supervision
        self._trials = trials
        self._pauses = Pauses()
        self._rest_until_s: float | None = None
        self._held_until_s: float | None = None
        self._inputs_known = not blocks.site.has_inputs

    def settle(self, step: Step) -> None:
        """Brings every output in line with the facts."""
        if self._held_until_s is not None and step.mono_s >= self._held_until_s:
            self._held_until_s = None
        offers = self._offers(step)
        # What falls is told before what rises: the sum is within the station's limit at every instant.
        order = sorted(self._blocks.connectors.values(), key=lambda one: offers.get(one.number, 0.0) > (one.offered_a or 0.0))
        for connector in order:
            offered_a = offers.get(connector.number, 0.0)
            connector.allowed = offered_a >= OFFER_MIN_A
            self._forget_cable(connector)
            self._supervision.watch(connector, step)
            self._offer(connector, offered_a, step)
            self._contactor(connector, step)
            self._lock(connector, step)
            connector.begun = connector.begun or connector.commanded or not connector.allowed

    def all_open(self, step: Step) -> None:
        """The process starts or ends: nothing is energised, whatever was commanded before."""
        for connector in self._blocks.connectors.values():
            step.open_contactor(connector.number)
            connector.commanded = False
            connector.commanded_s = step.mono_s
            connector.withdrawn_s = None
        self.hold(step)

    def hold(self, step: Step) -> None:
        """Nothing is energised before the station knows what is wrong."""
        self._held_until_s = step.mono_s + SETTLE_S

    def inputs_known(self, step: Step) -> None:
        """The inputs work, and tell every line that is active."""
        self._inputs_known = True
        self.hold(step)

    def hurry(self, connector: Connector) -> None:
        """Somebody waits for the cable: what still winds down opens now."""
        connector.withdrawn_s = None

    def deadline(self) -> float | None:
        times = [one.lock_retry_s for one in self._blocks.connectors.values() if one.lock_retry_s is not None]
        others = (
            self._supervision.deadline(),
            self._trials.deadline(),
            self._limits.deadline(),
            self._rest_until_s,
            self._held_until_s,
        )
        times += [time for time in others if time is not None]
        waits = [one.withdrawn_s for one in self._blocks.connectors.values() if one.withdrawn_s is not None]
        times += [since_s + WIND_DOWN_S for since_s in waits]
        return min(times, default=None)

    def contacts_moved(self, connector: Connector, closed: bool, step: Step) -> None:
        """The feedback contact changed."""
        if connector.closed is not closed:
            connector.closed = closed
            self._trials.moved(connector, closed, step)
            if not closed:
                connector.opened_s = step.mono_s
                step.then(ReadMeter(connector.number))  # the last reading of a session is one with open contacts
            if out_of_step(connector):
                connector.commanded_s = step.mono_s

    def lock_moved(self, connector: Connector, locked: bool, step: Step) -> None:
        """The lock told where it is: after a command, or by itself."""
        connector.locked = locked
        if connector.lock_wanted is None or locked is connector.lock_wanted:
            connector.lock_tries = 0
            connector.lock_retry_s = None
            if not connector.let_go:
                connector.faults.discard(Fault.LOCK_JAMMED)
            return
        if connector.lock_retry_s is None:
            connector.lock_retry_s = step.mono_s + (LOCK_RETRY_S if connector.lock_tries <= LOCK_TRIES else LOCK_SLOW_S)

    def move_lock(self, connector: Connector, locked: bool, step: Step) -> None:
        """Commands the lock, even if it should be there already."""
        connector.lock_wanted = locked
        connector.lock_tries += 1
        connector.lock_retry_s = step.mono_s + (LOCK_RETRY_S if connector.lock_tries <= LOCK_TRIES else LOCK_SLOW_S)
        step.then(MoveLock(connector.number, locked))

    def _offers(self, step: Step) -> dict[int, float]:
        """What each connector in a session may offer: its own limits, and its share of the station's."""
        charging = [one for one in self._blocks.connectors.values() if self._wants_share(one)]
        charging.sort(key=lambda one: one.session_began_s)
        allowed = self._limits.of_connectors(charging, step.mono_s)
        station_a = self._limits.of_station(step.mono_s)
        usable = [one.number for one in charging if allowed[one.number].current_a >= OFFER_MIN_A]
        usable = [number for number in usable if not self._pauses.rests(number, step.mono_s)]
        limits_a = {number: allowed[number].current_a for number in usable}
        offers = share(limits_a, station_a, {number: allowed[number].least_a for number in usable})
        self._note_pauses(charging, offers, step)
        return offers

    def _note_pauses(self, charging: list[Connector], offers: dict[int, float], step: Step) -> None:
        for connector in self._blocks.connectors.values():
            if not isinstance(connector.session, Charging):
                self._pauses.forget(connector.number)
        for connector in charging:
            offered_a = offers.get(connector.number, 0.0)
            if connector.offered_a is not None and offered_a < OFFER_MIN_A:
                self._pauses.suspended(connector.number, step.mono_s)
        self._rest_until_s = self._pauses.deadline(step.mono_s)

    def _wants_share(self, connector: Connector) -> bool:
        return isinstance(connector.session, Charging) and not connector.blocked and self._sessions.may_charge(connector)

    def _may_close(self, connector: Connector) -> bool:
        return (
            isinstance(connector.session, Charging)
            and not connector.blocked
            and connector.wants_power
            and connector.allowed
            and connector.lock_ready
            and self._blocks.leaving is None
        )

    def _contactor(self, connector: Connector, step: Step) -> None:
        trial = self._trials.closes(connector, step)
        close = (self._may_close(connector) or trial) and self._held_until_s is None and self._inputs_known
        if close == connector.commanded or (not close and self._winds_down(connector, step)):
            return
        connector.commanded = close
        connector.commanded_s = step.mono_s
        connector.withdrawn_s = None
        if close:
            connector.cycles += 1
            step.then(CloseContactor(connector.number, trial))
        else:
            step.open_contactor(connector.number)
            self._sessions.opening(connector, step)

    def _winds_down(self, connector: Connector, step: Step) -> bool:
        """Nothing is offered any more, and the car has time still to stop drawing: contacts that open without load last."""
        since_s = connector.withdrawn_s
        if since_s is None or not self._may_wind_down(connector) or step.mono_s >= since_s + WIND_DOWN_S:
            return False
        if connector.closed is False:
            return False  # there are contacts that open by themselves when nothing is offered
        if connector.reading is None or connector.reading_began_s < since_s:
            return True
        drawn_a = connector.mains.drawn_a(connector.reading)
        return not drawn_a or max(drawn_a) > IDLE_A

    def _may_wind_down(self, connector: Connector) -> bool:
        session = connector.session
        gentle = isinstance(session, Charging) or (isinstance(session, Ending) and session.reason in GENTLE)
        safe = not connector.blocked and connector.wants_power and connector.lock_ready
        return gentle and safe and self._blocks.leaving is None and self._held_until_s is None

    def _offer(self, connector: Connector, offered_a: float, step: Step) -> None:
        wanted = offered_a if connector.allowed and isinstance(connector.session, Charging) and not connector.blocked else None
        if wanted != connector.offered_a:
            if connector.offered_a is not None:
                connector.offers_before.append((step.mono_s, connector.offered_a))
            connector.offered_a = wanted
            connector.withdrawn_s = step.mono_s if wanted is None and connector.commanded else None
            step.then(OfferCurrent(connector.number, wanted))
            if connector.withdrawn_s is not None and self._may_wind_down(connector):
                step.then(ReadMeter(connector.number))

    @staticmethod
    def _forget_cable(connector: Connector) -> None:
        """The cable that was let go has left: the next one finds a connector like any other."""
        if connector.let_go and connector.pilot is not None and not connector.plugged:
            connector.let_go = False
            if connector.lock_retry_s is None:
                connector.faults.discard(Fault.LOCK_JAMMED)

    def _lock(self, connector: Connector, step: Step) -> None:
        if not connector.site.has_lock or connector.site.tethered:
            return
        if connector.locked is None and not connector.beginning:
            connector.lock_wanted = connector.lock_retry_s = None  # it has not told yet where it is
            return
        wanted = self._lock_wanted(connector)
        if wanted is not connector.lock_wanted:
            connector.lock_tries = 0
            if connector.lock_wanted is None and connector.locked is wanted:
                connector.lock_wanted = wanted
            else:
                self.move_lock(connector, wanted, step)
        elif connector.lock_retry_s is not None and step.mono_s >= connector.lock_retry_s:
            if connector.lock_tries >= LOCK_TRIES and Fault.LOCK_JAMMED not in connector.faults:
                step.log("error", "The socket lock does not move.", connector=connector.number)
                connector.faults.add(Fault.LOCK_JAMMED)
                if connector.beginning:
                    connector.let_go = True  # nobody begins here with this fault: the next round of the step frees the cable
                    return
            self.move_lock(connector, wanted, step)

    def _lock_wanted(self, connector: Connector) -> bool:
        live = connector.plugged and connector.energised
        return live or connector.beginning or isinstance(connector.session, Charging) or self._sessions.held(connector)
