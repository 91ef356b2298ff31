"""World: a station's core in virtual time, with its hardware, its store and its Central System.

A story builds a World, lets things happen (`plug`, `tap`, `call`, `cut_power`, `advance`) and looks at what came of it
(`expect_call`, `status`, `contactor`). Everything that the station asks for is done at once unless a story says otherwise;
what must hold in every story is checked at every step (`invariants`).
"""

import heapq
import itertools
import json
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, assert_never

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.power import SETTLE_S
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.core.vault_records import VaultAnswer, VaultRequest
from chargepoint.facts import Lights
from chargepoint.messages import Call, CallError, CallResult
from tests.core import invariants
from tests.core.central_system import After, Answer, CentralSystem, Cut, Payload, Refuse, Silence
from tests.core.hands import Hands
from tests.core.looking import Sent
from tests.core.plant import Plant
from tests.core.sites import site_of

BEGIN_WALL_S = 1_767_614_400.0  # 2026-01-05T12:00:00Z
UNLIMITED_TICKS = 100_000


class World(Hands):
    """One station and all that surrounds it.

    keys: first values of OCPP keys. online: connected and accepted from the start. wall: the system clock is synchronised.
    draws_w: what a car takes while the contacts are closed. lag_s: how long contactors, locks and meters take to answer.
    poll_s: how often the meters are read, 0: only when asked. reconnect_s: how long the shell takes to connect again when the
    connection went, None: never. more: see `site_of`.
    """

    def __init__(
        self,
        connectors: int = 1,
        *,
        keys: dict[str, Any] | None = None,
        online: bool = True,
        wall: bool = False,
        draws_w: float = 0.0,
        lag_s: float = 0.0,
        poll_s: float = 0.0,
        reconnect_s: float | None = None,
        started: bool = True,
        **more: Any,
    ) -> None:
        self.site = site_of(connectors, first_keys={name: _text(value) for name, value in (keys or {}).items()}, **more)
        plants = (
            Plant(one.number, tethered=one.tethered, has_lock=one.has_lock, energy_wh=1000.0 * one.number)
            for one in self.site.connectors
        )
        super().__init__({plant.number: plant for plant in plants})
        self.csms = CentralSystem(lambda: self.wall_s)
        self.wall = wall
        self.draws_w = draws_w
        self.lag_s = lag_s
        self.poll_s = poll_s
        self.reconnect_s = reconnect_s
        self.passed_s = 0.0
        self.up = False
        self.exited: str | None = None
        self.answers: dict[str, Payload | Refuse] = {}
        self.replies: dict[int, tuple[dict[str, Any], str | None]] = {}
        self.maintenance: list[fx.MaintenanceEffect] = []
        self.profile = 0  # of the link
        self.asked_vault: list[fx.AskVault] = []
        self.vault: Callable[[VaultRequest], VaultAnswer] | None = None  # None: a story answers by itself
        self.updates: list[fx.StoreList] = []
        self.lights: Lights | None = None
        self.slow_store = False  # updates of the local list wait for `store_lists`
        self._boot_number = 1
        self._connections = 0
        self._counter = itertools.count(1)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._pending: deque[ev.Event] = deque()
        self._stepping = False
        self.wire = invariants.Wire(self.site.call_timeout_s)
        if started:
            self.mono_s, self.passed_s = self.mono_s - SETTLE_S, -SETTLE_S
            self.start()
            self.advance(SETTLE_S)  # a story begins with a station that is ready
            if online:
                self.connect()

    # --- the process -------------------------------------------------------------------------------------------------

    def start(self, *, parts: bool = True, store_fault: str | None = None) -> None:
        """The process starts; parts: every driver opens at once and tells how things are."""
        self.exited = None
        self.station = Station(self.store.snapshot(f"boot-{self._boot_number}", self.mono_s), self.site)
        self.seen = invariants.Seen()
        self.patience = invariants.Patience()
        self.deliver(ev.Started(store_fault))
        self._poll()
        if parts:
            self.open_parts()

    def open_parts(self) -> None:
        """Every driver opens and tells how things are."""
        for plant in self.plants.values():
            if not plant.silent_feedback:
                self.deliver(ev.ContactorSeen(plant.number, plant.closed))
            self.deliver(ev.PilotSeen(plant.number, plant.pilot))
            if plant.has_lock:
                self.deliver(ev.LockSeen(plant.number, plant.locked))
            self.open_meter(plant.number)
        for connector, kind in sorted(self.inputs):
            self.input(kind, connector)

    def kill(self) -> None:
        """The process dies (kill -9): contactors fall open, the connection ends, nothing else is done."""
        self._queue.clear()
        self._pending.clear()
        self.updates.clear()
        self.up = False
        self.wire.gone()
        self.hazards = {number: set() for number in self.hazards}
        for plant in self.plants.values():
            plant.darken()

    def abandon(self) -> None:
        """The process died in the middle of a step."""
        self._stepping = False
        self.kill()

    def restart(self, *, online: bool = True, parts: bool = True) -> None:
        """The process runs again, in the same boot of the machine."""
        self.kill()
        self.pass_time(2.0)
        self._come_up(online, parts)

    def cut_power(self, off_s: float = 60.0, *, online: bool = True, parts: bool = True) -> None:
        """The mains goes and comes back: a new boot of the machine, whose monotonic clock begins anew."""
        self.kill()
        self.pass_time(off_s)
        self._boot_number += 1
        self.mono_s = 5.0
        self._come_up(online, parts)

    def _come_up(self, online: bool, parts: bool) -> None:
        self.start(parts=parts)
        if online:
            self.connect()
        self.advance(SETTLE_S)

    # --- time --------------------------------------------------------------------------------------------------------

    @property
    def wall_s(self) -> float:
        """The true time of day."""
        return BEGIN_WALL_S + self.passed_s

    def now(self) -> Now:
        return Now(self.mono_s, self.wall_s if self.wall else None)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Something of the world happens after so many seconds of this process' life."""
        heapq.heappush(self._queue, (self.mono_s + seconds, next(self._counter), act))

    def advance(self, seconds: float) -> None:
        """Time passes; everything that falls due on the way happens at its time."""
        target_s = self.mono_s + seconds
        for _ in range(UNLIMITED_TICKS):
            deadline_s = None if self.exited else self.station.next_deadline()
            queued_s = self._queue[0][0] if self._queue else None
            due_s = min((at_s for at_s in (deadline_s, queued_s) if at_s is not None), default=None)
            if due_s is None or due_s > target_s:
                self.pass_time(target_s - self.mono_s)
                return
            self.pass_time(max(0.0, due_s - self.mono_s))
            if queued_s is not None and queued_s <= self.mono_s:
                heapq.heappop(self._queue)[2]()
            else:
                self.tick()
        raise AssertionError(f"more than {UNLIMITED_TICKS} deadlines in {seconds} s")

    def tick(self) -> None:
        """The deadline has come; it must not stay in the past."""
        self.deliver(ev.Tick())
        after_s = None if self.exited else self.station.next_deadline()
        assert after_s is None or after_s > self.mono_s, f"after the Tick at {self.mono_s} s the deadline is still {after_s} s"

    def pass_time(self, seconds: float) -> None:
        """Nothing but time and energy flow."""
        assert seconds >= 0.0, "time does not go back"
        for plant in self.plants.values():
            plant.draw(self.draws_w)
            plant.energy_wh += plant.power_w * seconds / 3600
        self.mono_s += seconds
        self.passed_s += seconds

    # --- the connection ----------------------------------------------------------------------------------------------

    def connect(self) -> None:
        assert not self.up, "connected already"
        self.up = True
        self._connections += 1
        self.deliver(ev.LinkUp("ws://cs.example.org/CP1", self.profile))

    def disconnect(self, reason: str = "the cable was pulled") -> None:
        self.up = False
        self.wire.gone()
        self.deliver(ev.LinkDown(reason, self.profile))

    def receive(self, text: str | bytes) -> None:
        """Any frame of the Central System."""
        self.deliver(ev.FrameReceived(text))

    def ask(self, action: str, payload: Payload | None = None, message_id: str | None = None) -> str:
        """A CALL of the Central System; its answer lies in `answers[id]` when it has come."""
        message_id = message_id or f"cs-{next(self._counter)}"
        self.wire.asked(message_id, action)
        self.receive(json.dumps([2, message_id, action, payload or {}]))
        return message_id

    def call(self, action: str, payload: Payload | None = None, **fields: Any) -> Payload:
        """A CALL that is answered at once with a confirmation; returns its payload."""
        answer = self.answers.get(self.ask(action, {**(payload or {}), **fields}))
        assert isinstance(answer, dict), f"{action} was answered with {answer}"
        return answer

    def refused(self, action: str, payload: Payload | None = None) -> str:
        """A CALL that is answered at once with a CALLERROR; returns its code."""
        answer = self.answers.get(self.ask(action, payload))
        assert isinstance(answer, Refuse), f"{action} was answered with {answer}"
        return answer.code

    def configure(self, key: str, value: Any) -> None:
        """ChangeConfiguration, which must be accepted."""
        assert self.call("ChangeConfiguration", key=key, value=_text(value)) == {"status": "Accepted"}

    def control(self, do: str, **arguments: Any) -> tuple[dict[str, Any], str | None]:
        """A request of the control socket that is answered at once: body and error."""
        ticket = next(self._counter)
        self.deliver(ev.ControlAsked(ticket, do, arguments))
        return self.replies[ticket]

    def store_lists(self, failure: str | None = None) -> None:
        """The store takes the updates of the local list that it was given, or fails to."""
        while self.updates:
            update = self.updates.pop(0)
            wrong = failure or self.store.store_list(update)
            self.deliver(ev.ListStored(update.version, len(self.store.listed), wrong))

    # --- one step ----------------------------------------------------------------------------------------------------

    def deliver(self, event: ev.Event) -> None:
        """An event and all that follows from it at once, to the end."""
        self._pending.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._pending:
                self._step(self._pending.popleft())
        finally:
            self._stepping = False

    def _step(self, event: ev.Event) -> None:
        if self.exited:
            return
        effects = self.station.handle(event, self.now())
        self.effects.extend(effects)
        invariants.step_is_whole(self.station, effects, self.now())
        at_once: list[ev.Event] = []
        for effect in effects:
            self._perform(effect, at_once)
        self._pending.extendleft(reversed(at_once))
        for plant in self.plants.values():
            if plant.coil:
                invariants.contactor_may_be_closed(self, plant.number)
        invariants.offers_are_possible(self)
        self.seen.look(effects, self.mono_s)
        if not self._pending:
            self.patience.look(self)

    def _perform(self, effect: fx.Effect, at_once: list[ev.Event]) -> None:
        """at_once: what the store answers, before any other event."""
        match effect:
            case fx.Commit():
                self.store.commit(effect)
            case fx.LookUp(ticket=ticket, id_tag=id_tag):
                at_once.append(ev.LookedUp(ticket, *self.store.look_up(id_tag)))
            case fx.FetchRows(limit=limit, without=without):
                at_once.append(ev.RowsFetched(*self.store.fetch_rows(limit, without)))
            case fx.FetchDeadLetter(ticket=ticket, seq=seq):
                at_once.append(ev.DeadLetterFetched(ticket, *self.store.dead_letter(seq)))
            case fx.StoreList():
                self.updates.append(effect)
                if not self.slow_store:
                    self.store_lists()
            case fx.SendFrame(text=text):
                self._sent(text)
            case fx.CloseLink(reason=reason):
                self._break(reason)
            case fx.Reply(ticket=ticket, body=body, error=error):
                self.replies[ticket] = (body, error)
            case fx.Exit(kind=kind):
                self.exited = kind
            case fx.AdjustLights(lights=lights):
                self.lights = lights
            case fx.Log():
                self.logs.append(effect)
            case fx.StartDownload() | fx.Install() | fx.CheckInstall() | fx.DropImage() | fx.StartUpload() | fx.DropArchive():
                self.maintenance.append(effect)
            case fx.SetSecurityProfile(profile=profile):
                if self.up and profile != self.profile:
                    self._break("another security profile")
                self.profile = profile
            case fx.AskVault():
                self.asked_vault.append(effect)
                if self.vault is not None:
                    self._pending.append(ev.VaultAnswered(effect.key, self.vault(effect.request)))
            case fx.LinkProven() | fx.ProbeLink() | fx.SetPingInterval() | fx.SetCredentials() | fx.AllowWildcards():
                pass
            case _:
                self._act(effect)

    def _act(
        self,
        effect: fx.OpenContactor | fx.CloseContactor | fx.OfferCurrent | fx.MoveLock | fx.Show | fx.ReadMeter,
    ) -> None:
        plant = self.plants[effect.connector]
        match effect:
            case fx.OpenContactor() | fx.CloseContactor():
                plant.trial = isinstance(effect, fx.CloseContactor) and effect.trial
                if plant.drive(isinstance(effect, fx.CloseContactor)):
                    self._soon(partial(ev.ContactorSeen, plant.number, plant.closed))
            case fx.OfferCurrent(current_a=current_a):
                if current_a is None and plant.offered_a is not None:
                    plant.withdrawn_s = self.mono_s
                plant.offered_a = current_a
                plant.draw(self.draws_w)
            case fx.MoveLock(locked=locked):
                plant.locked = plant.locked if plant.jammed else locked
                if not plant.lock_silent:
                    self._soon(lambda: ev.LockSeen(plant.number, plant.locked))  # as it is then: it may have slipped
            case fx.Show(pattern=pattern, refusal=refusal, trouble=trouble):
                plant.shown = (pattern, refusal, trouble)
            case fx.ReadMeter():
                if not plant.meter_deaf:
                    began_s = self.mono_s
                    self._soon(lambda: None if plant.meter_deaf else ev.MeterRead(plant.number, plant.reading(), began_s))
            case _:
                assert_never(effect)

    def _soon(self, answer: Callable[[], ev.Event | None]) -> None:
        """What a part answers, after its lag, unless it is lost by then."""

        def tell() -> None:
            event = answer()
            if event is not None:
                self.deliver(event)

        if self.lag_s:
            self.later(self.lag_s, tell)
        else:
            tell()

    def _poll(self) -> None:
        if self.poll_s:
            for number in self.plants:
                self.read_meter(number)
            self.later(self.poll_s, self._poll)

    def _sent(self, text: str) -> None:
        assert self.up, f"sent without a connection: {text}"
        frame = self.wire.sent(text, self.mono_s)
        match frame:
            case Call():
                payload = json.loads(bytes(frame.payload))
                self.story_call(Sent(self.passed_s, frame.action, payload, frame.message_id), self._connections)
                self._answer(frame.message_id, self.csms.answer(frame.action, payload))
            case CallResult():
                self.answers[frame.message_id] = json.loads(bytes(frame.payload))
            case CallError():
                self.answers[frame.message_id] = Refuse(frame.code, frame.description)

    def _answer(self, message_id: str, answer: Answer) -> None:
        match answer:
            case After(seconds=seconds, answer=inner):
                connection = self._connections
                self.later(seconds, lambda: self._answer(message_id, inner) if self._connections == connection else None)
            case Silence():
                pass
            case Cut():
                self._break("cut instead of an answer")
            case Refuse(code=code, description=description):
                self._reply(message_id, json.dumps([4, message_id, code, description, {}]))
            case _:
                self._reply(message_id, json.dumps([3, message_id, answer]))

    def _break(self, reason: str) -> None:
        """The connection ends before anything else happens."""
        self.up = False
        self.wire.gone()
        self._pending.appendleft(ev.LinkDown(reason, self.profile))
        if self.reconnect_s is not None:
            self.later(self.reconnect_s, lambda: None if self.up else self.connect())

    def _reply(self, message_id: str, text: str) -> None:
        if self.up:
            self.wire.answered(message_id)
            self.deliver(ev.FrameReceived(text))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
