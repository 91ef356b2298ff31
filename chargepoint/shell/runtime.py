"""The runtime: takes an event, lets the core handle it, performs what follows, in that order and one event at a time.

Owns the step rule of the shell: the effects of a step are performed strictly in their order, so a contactor opens before the
commit and closes after it. Owns the one timer. Refuses to decide anything.

A frame that comes while nothing is under way is handled in the turn of the loop in which it comes: a task that has to be woken
first would double the loop's part of a round trip. A commit runs in the store's thread and the runtime waits for it; meanwhile
link and drivers go on, their events queue, and the reflex (see `reflex`) opens what may not stay closed. A commit that fails,
an exception in the core: every contactor opens and the process ends with a status of its own, to be started again from what is
on the disk.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, assert_never

from chargepoint.core import effects as fx
from chargepoint.core.events import (
    ControlAsked,
    DeadLetterFetched,
    Event,
    FrameReceived,
    LinkUp,
    ListStored,
    LookedUp,
    MeterRead,
    RowsFetched,
    Tick,
)
from chargepoint.core.records import IdTagRecord, OutboxRow, TransactionRecord
from chargepoint.core.step import Now
from chargepoint.facts import Lights, Pattern, Reading, Refusal, Trouble
from chargepoint.shell.clock import Clock
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.redact import shown
from chargepoint.shell.reflex import Reflex
from chargepoint.store.errors import StoreError

log = logging.getLogger(__name__)

TICK_GAP_S = 0.01  # a deadline that a Tick leaves in the past is a mistake; it must not starve the events
RESET_EXIT_STATUS = 75
STORE_EXIT_STATUS = 74
IMPOSSIBLE_EXIT_STATUS = 70
StoreEffect = fx.Commit | fx.LookUp | fx.FetchRows | fx.FetchDeadLetter
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class StationLike(Protocol):
    def handle(self, event: Event, now: Now) -> list[fx.Effect]: ...
    def next_deadline(self) -> float | None: ...
    def idle(self) -> bool: ...


class StoreroomLike(Protocol):
    async def commit(self, commit: fx.Commit) -> None: ...
    async def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]: ...
    async def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[OutboxRow, ...], int]: ...
    async def dead_letter(self, seq: int) -> tuple[OutboxRow | None, TransactionRecord | None]: ...
    async def store_list(self, effect: fx.StoreList) -> ListStored: ...


class HardwareLike(Protocol):
    """Plain calls: they return at once and never raise."""

    def set_contactor(self, connector: int, closed: bool) -> None: ...
    def offer(self, connector: int, current_a: float | None) -> None: ...
    def move_lock(self, connector: int, locked: bool) -> None: ...
    def show(self, connector: int, pattern: Pattern, refusal: Refusal | None, trouble: Trouble | None) -> None: ...
    def adjust_lights(self, lights: Lights) -> None: ...
    def read_meter(self, connector: int) -> None: ...
    def make_safe(self) -> None: ...


class MaintenanceLike(Protocol):
    """A plain call: it returns at once and never raises."""

    def perform(self, effect: fx.MaintenanceEffect) -> None: ...


class VaultLike(Protocol):
    """A plain call: it returns at once and never raises."""

    def perform(self, effect: fx.AskVault) -> None: ...


class LinkLike(Protocol):
    """Plain calls: they return at once and never raise."""

    def admit(self) -> None: ...
    def send(self, text: str) -> None: ...
    def proven(self) -> None: ...
    def probe(self) -> None: ...
    def close(self, reason: str) -> None: ...
    def set_ping_interval(self, interval_s: int) -> None: ...
    def set_key(self, authorization_key: str) -> None: ...
    def set_profile(self, profile: int) -> None: ...
    def allow_wildcards(self, allowed: bool) -> None: ...


class JournalLike(Protocol):
    """Is told of every step; plain calls that never raise."""

    def record(self, event: Event, now: Now, effects: list[fx.Effect]) -> None: ...
    def failed(self, event: Event, now: Now, error: BaseException) -> None: ...


class Audience(Protocol):
    """Who asked, and who watches."""

    def reply(self, ticket: int, body: dict[str, Any], error: str | None) -> None: ...
    def frame(self, direction: str, text: str | bytes) -> None: ...
    def reading(self, connector: int, reading: Reading) -> None: ...
    def changed(self) -> None: ...


class Runtime:
    """Runs one station until it ends. `run` returns the exit status of the process."""

    def __init__(
        self,
        *,
        station: StationLike,
        inbox: Inbox,
        reflex: Reflex,
        storeroom: StoreroomLike,
        hardware: HardwareLike,
        link: LinkLike,
        maintenance: MaintenanceLike,
        vault: VaultLike,
        audience: Audience,
        clock: Clock,
        journal: JournalLike | None = None,
        alive: Callable[[], None] = lambda: None,
        alive_every_s: float | None = None,
    ) -> None:
        self._station = station
        self._inbox = inbox
        self._reflex = reflex
        self._store = storeroom
        self._hardware = hardware
        self._link = link
        self._maintenance = maintenance
        self._vault = vault
        self._audience = audience
        self._clock = clock
        self._journal = journal
        self._alive = alive
        self._alive_every_s = alive_every_s
        self._alive_at_s = 0.0
        self._tick_not_before_s = 0.0
        self._answers: deque[Event] = deque()
        self._tasks: set[asyncio.Task[ListStored]] = set()
        self._exit_status: int | None = None
        self._armed_s: float | None = None
        self._rest: tuple[StoreEffect, Iterator[fx.Effect]] | None = None
        self._broken: BaseException | None = None
        inbox.on_event = self._act_at_once
        inbox.on_frame = self._step_at_once

    async def run(self) -> int:
        """Handles events until the core, a failure or `end` says that it is over. Leaves every contactor open."""
        try:
            while self._exit_status is None:
                event = await self._next()
                await self._finish()
                if event is not None:
                    await self.step(event)
        finally:
            self._hardware.make_safe()
            for task in self._tasks:
                task.cancel()
        return self._exit_status

    async def step(self, event: Event) -> None:
        """One event and whatever the store answers to it, to the end."""
        if self._exit_status is not None:
            return
        await self._carry_out(self._decided(event))
        if not (isinstance(event, ControlAsked) and event.do == "status"):
            self._audience.changed()

    def _step_at_once(self, frame: FrameReceived) -> bool:
        """The step of a frame that comes while `run` waits for an event, in the very turn of the loop in which the frame came;
        false where a deadline comes first. What has to wait for the store is left to `run`, as is what must end it.
        """
        deadline_s = self._station.next_deadline()
        if self._exit_status is not None or (deadline_s is not None and deadline_s <= self._clock.mono_s()):
            return False
        try:
            effects = self._decided(frame)
            asked = self._until_store(effects)
        except BaseException as error:
            self._broken = error
            self._inbox.wake()
            return True
        if asked is not None:
            self._rest = asked, effects
            self._inbox.wake()
            return True
        self._audience.changed()
        deadline_s = self._station.next_deadline()
        if deadline_s is not None and (self._armed_s is None or deadline_s < self._armed_s):
            self._inbox.wake()
        return True

    async def _finish(self) -> None:
        """What a step at once has left."""
        if self._broken is not None:
            raise self._broken
        if self._rest is not None:
            (asked, effects), self._rest = self._rest, None
            await self._ask_store(asked)
            await self._carry_out(effects)
            self._audience.changed()

    def end(self, exit_status: int) -> None:
        """Ends the run after the step that is under way."""
        if self._exit_status is None:
            self._exit_status = exit_status
            self._inbox.put(Tick())  # whoever waits for an event wakes up; it is not handled any more

    def restart(self, why: str) -> None:
        """Ends so that the service manager starts the station again."""
        log.warning("the station starts again: %s", why)
        self.end(RESET_EXIT_STATUS)

    def store_failed(self, error: Exception) -> None:
        """What is not on the disk did not happen: nothing may follow it, so the process ends and begins again from the disk."""
        self._hardware.make_safe()
        log.critical("the store failed, every contactor is open and the station starts again: %s", error)
        self.end(STORE_EXIT_STATUS)

    async def _next(self) -> Event | None:
        """The next event; a Tick when the core's deadline has come. Keeps the service manager's watchdog content."""
        if self._inbox:
            await asyncio.sleep(0)  # a full inbox must not shut out link and drivers
        now_s = self._clock.mono_s()
        if self._alive_every_s is not None and now_s >= self._alive_at_s:
            self._alive()
            self._alive_at_s = now_s + self._alive_every_s
        deadline_s = self._station.next_deadline()
        if deadline_s is not None:
            deadline_s = max(deadline_s, self._tick_not_before_s)
            if deadline_s <= now_s:
                self._tick_not_before_s = now_s + TICK_GAP_S
                return Tick()
        alive_at_s = self._alive_at_s if self._alive_every_s is not None else None
        self._armed_s = wake_s = min((at_s for at_s in (deadline_s, alive_at_s) if at_s is not None), default=None)
        return await self._inbox.take(None if wake_s is None else max(0.001, wake_s - now_s))

    async def _carry_out(self, effects: Iterator[fx.Effect]) -> None:
        """The effects of a step, then the answers of the store that they brought, each a step of its own."""
        while True:
            while (asked := self._until_store(effects)) is not None:
                await self._ask_store(asked)
            if not self._answers or self._exit_status is not None:
                return
            effects = self._decided(self._answers.popleft())

    def _until_store(self, effects: Iterator[fx.Effect]) -> StoreEffect | None:
        """Performs effects up to the next one that the store has to be asked for."""
        if self._exit_status not in (STORE_EXIT_STATUS, IMPOSSIBLE_EXIT_STATUS):
            for effect in effects:
                asked = self._perform(effect)
                if asked is not None:
                    return asked
        return None

    def _decided(self, event: Event) -> Iterator[fx.Effect]:
        """What the core makes of an event; nothing, and the end of the run, where its state is impossible."""
        if isinstance(event, LinkUp):
            self._link.admit()
        elif isinstance(event, FrameReceived):
            self._audience.frame("received", event.text)
        elif isinstance(event, MeterRead):
            self._audience.reading(event.connector, event.reading)
        now = self._clock.now()
        try:
            effects = self._station.handle(event, now)
        except Exception as error:
            # Our own state is impossible; whatever it would do next is wrong. What the disk holds is right.
            self._hardware.make_safe()
            if self._journal is not None:
                self._journal.failed(event, now, error)
            log.critical("impossible state: every contactor is open, the station starts again. %s", shown(event), exc_info=True)
            self.end(IMPOSSIBLE_EXIT_STATUS)
            return iter(())
        if self._journal is not None:
            self._journal.record(event, now, effects)
        return iter(effects)

    def _perform(self, effect: fx.Effect) -> StoreEffect | None:
        """Does it, or gives it back where the store has to be asked before the next effect."""
        match effect:
            case fx.SendFrame():  # before all others: most effects are frames
                self._perform_on_link(effect)
            case fx.OpenContactor(connector=connector):
                self._reflex.opened(connector)
                self._hardware.set_contactor(connector, False)
            case fx.Commit() | fx.LookUp() | fx.FetchRows() | fx.FetchDeadLetter():
                return effect
            case fx.CloseContactor(connector=connector, trial=trial):
                self._close_contactor(connector, trial=trial)
            case fx.OfferCurrent(connector=connector, current_a=current_a):
                self._hardware.offer(connector, current_a)
            case fx.MoveLock(connector=connector, locked=locked):
                self._hardware.move_lock(connector, locked)
            case fx.Show(connector=connector, pattern=pattern, refusal=refusal, trouble=trouble):
                self._hardware.show(connector, pattern, refusal, trouble)
            case fx.AdjustLights(lights=lights):
                self._hardware.adjust_lights(lights)
            case fx.ReadMeter(connector=connector):
                self._hardware.read_meter(connector)
            case fx.StoreList():
                self._store_list(effect)
            case fx.Reply(ticket=ticket, body=body, error=error):
                self._audience.reply(ticket, body, error)
            case fx.Log():
                _write_log(effect)
            case fx.Exit(kind=kind):
                log.info("the station ends: %s", kind.replace("_", " "))
                self.end(0 if kind == "stop" else RESET_EXIT_STATUS)
            case fx.StartDownload() | fx.Install() | fx.CheckInstall() | fx.DropImage() | fx.StartUpload() | fx.DropArchive():
                self._maintenance.perform(effect)
            case fx.AskVault():
                self._vault.perform(effect)
            case _:
                self._perform_on_link(effect)
        return None

    def _perform_on_link(self, effect: fx.LinkEffect) -> None:
        match effect:
            case fx.SendFrame(text=text):
                self._audience.frame("sent", text)
                self._link.send(text)
            case fx.LinkProven():
                self._link.proven()
            case fx.ProbeLink():
                self._link.probe()
            case fx.CloseLink(reason=reason):
                self._link.close(reason)
            case fx.SetPingInterval(interval_s=interval_s):
                self._link.set_ping_interval(interval_s)
            case fx.SetCredentials(authorization_key=authorization_key):
                self._link.set_key(authorization_key)
            case fx.SetSecurityProfile(profile=profile):
                self._link.set_profile(profile)
            case fx.AllowWildcards(allowed=allowed):
                self._link.allow_wildcards(allowed)
            case _:
                assert_never(effect)

    async def _ask_store(self, effect: StoreEffect) -> None:
        """An answer is handled before any other event."""
        try:
            match effect:
                case fx.Commit():
                    await self._store.commit(effect)
                case fx.LookUp(ticket=ticket, id_tag=id_tag):
                    listed, cached = await self._store.look_up(id_tag)
                    self._answers.append(LookedUp(ticket, listed, cached))
                case fx.FetchRows(limit=limit, without=without):
                    rows, total = await self._store.fetch_rows(limit, without)
                    self._answers.append(RowsFetched(tuple(rows), total))
                case fx.FetchDeadLetter(ticket=ticket, seq=seq):
                    self._answers.append(DeadLetterFetched(ticket, *await self._store.dead_letter(seq)))
                case _:
                    assert_never(effect)
        except StoreError as error:
            self.store_failed(error)

    def _store_list(self, effect: fx.StoreList) -> None:
        """A long list goes to the disk in pieces, beside everything else that happens."""
        task = asyncio.get_running_loop().create_task(self._store.store_list(effect))
        self._tasks.add(task)
        task.add_done_callback(self._list_stored)

    def _list_stored(self, task: asyncio.Task[ListStored]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._inbox.put(task.result())

    def _close_contactor(self, connector: int, *, trial: bool) -> None:
        if self._reflex.may_close(connector, trial=trial):
            self._reflex.closed(connector, trial=trial)
            self._hardware.set_contactor(connector, True)
        else:
            log.info("connector %d: its contactor stays open, for the pilot or a safety input changed meanwhile", connector)

    def _act_at_once(self, event: Event) -> None:
        for connector in self._reflex.see(event):
            self._hardware.set_contactor(connector, False)


def _write_log(effect: fx.Log) -> None:
    text = effect.text
    if effect.transaction is not None:
        text = f"transaction {effect.transaction}: {text}"
    if effect.connector is not None:
        text = f"connector {effect.connector}: {text}"
    named = {"connector": effect.connector, "transaction": effect.transaction, "event": effect.event}
    log.log(LEVELS[effect.level], "%s", text, extra={name: value for name, value in named.items() if value is not None})
