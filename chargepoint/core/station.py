"""Station: the whole of it, without its box. Events and time go in, effects come out.

Owns the order in which the blocks hear of an event, and the one deadline. Refuses I/O, clocks and randomness: the same
events at the same times give the same effects. OCPP 1.6, all of section 3 to 5 that is offered.

`handle` runs in three parts: the event changes facts; then the station settles (sessions, outputs, statuses follow from the
facts); then the next CALL goes out. The effects come in the order de-energise, commit, then energise, send, show.

What follows, follows from facts and from time. A settled station stays so until a fact changes or its deadline comes: that is
why one deadline is enough, and why an event tells how much it `Touched`. One that touched no fact (most readings of a meter,
GetConfiguration) ends with the first part; one that touched only what is to be sent (an answer to Heartbeat) goes on with the
last. Both parts keep when they are due next.
"""

from typing import assert_never

from chargepoint.core import events
from chargepoint.core.blocks import Blocks
from chargepoint.core.calls import Calls
from chargepoint.core.cards import Cards
from chargepoint.core.certificates import Certificates
from chargepoint.core.charging_commands import ChargingCommands
from chargepoint.core.commands import Commands
from chargepoint.core.control import Control
from chargepoint.core.departure import Departure
from chargepoint.core.effects import Effect, SendFrame, SetPingInterval
from chargepoint.core.faults import Fault
from chargepoint.core.limits import Limits
from chargepoint.core.listing import Listing
from chargepoint.core.maintenance import Maintenance
from chargepoint.core.power import Power
from chargepoint.core.records import PutBoot, Session, Snapshot, said_s
from chargepoint.core.reports import Reports
from chargepoint.core.reserving import Reserving
from chargepoint.core.samples import Samples
from chargepoint.core.securing import Securing
from chargepoint.core.sensing import Sensing
from chargepoint.core.sessions import Sessions
from chargepoint.core.site import Site
from chargepoint.core.step import Now, Step, Touched
from chargepoint.core.supervision import Supervision
from chargepoint.core.trials import Trials
from chargepoint.core.triggers import Triggers
from chargepoint.core.unlocking import Unlocking
from chargepoint.core.watch import Watch
from chargepoint.facts import Refusal
from chargepoint.messages import BadFrame, Call, CallError, CallResult, encode_error, parse_frame

SETTLE_ROUNDS = 8


class Station:
    def __init__(self, snapshot: Snapshot, site: Site) -> None:
        blocks = self._blocks = Blocks(snapshot, site)
        self._watch = Watch(blocks)
        self._certificates = Certificates(blocks, self._watch)
        self._sessions = Sessions(blocks)
        limits = Limits(blocks)
        supervision = Supervision(blocks)
        trials = Trials(blocks)
        self._power = Power(blocks, self._sessions, limits, supervision, trials)
        self._cards = Cards(blocks, self._sessions)
        self._sensing = Sensing(blocks, self._sessions, supervision)
        self._calls = Calls(blocks, self._sessions, self._cards)
        self._samples = Samples(blocks, self._sessions, self._calls)
        self._departure = Departure(blocks, self._sessions)
        self._unlocking = Unlocking(blocks, self._sessions, self._power)
        self._reports = Reports(blocks)
        triggers = Triggers(blocks, self._samples, self._certificates)
        self._reserving = Reserving(blocks)
        self._listing = Listing(blocks)
        self._maintenance = Maintenance(blocks, self._departure, self._watch)
        self._securing = Securing(blocks, self._certificates, self._maintenance, self._watch)
        self._commands = Commands(
            blocks,
            self._sessions,
            self._cards,
            triggers,
            self._unlocking,
            self._departure,
            self._reserving,
            self._listing,
            ChargingCommands(blocks, limits),
            self._maintenance,
            self._securing,
            self._certificates,
            self._watch,
        )
        self._control = Control(
            blocks,
            self._sessions,
            self._cards,
            self._calls,
            self._commands,
            self._reports,
            supervision,
            self._departure,
            trials,
        )
        self._settle_s: float | None = None  # when it is due without any event
        self._send_s: float | None = None

    def handle(self, event: events.Event, now: Now) -> list[Effect]:
        """One event is one step; its effects, in the order in which they must be performed."""
        step = Step(now, self._blocks.clock.boot.boot)
        moved = self._blocks.clock.hear_system(step)
        touched = self._take(event, step)
        if touched is Touched.FACTS or moved or self._due(now.mono_s):
            self.follow(step)
        elif touched is Touched.CALLS:
            self._send(step)
        self._blocks.store_cycles(step)
        return step.effects()

    def follow(self, step: Step) -> None:
        """What follows from the facts as they are, at this instant. In a settled station, before its deadline: nothing."""
        self._samples.take_due(step)
        self._settle(step)
        self._settle_s = self._settle_deadline(step)
        self._send(step)

    def next_deadline(self) -> float | None:
        """When a Tick is due, in monotonic seconds; None where nothing but events can change anything."""
        if self._settle_s is None or self._send_s is None:
            return self._send_s if self._settle_s is None else self._settle_s
        return min(self._settle_s, self._send_s)

    def _due(self, mono_s: float) -> bool:
        deadline_s = self.next_deadline()
        return deadline_s is not None and mono_s >= deadline_s

    def _settle_deadline(self, step: Step) -> float | None:
        """When sessions, outputs or statuses are due that follow from the facts as they are now."""
        blocks = self._blocks
        times = [
            blocks.authorization.deadline(),
            blocks.starts.deadline(),
            blocks.lamps.deadline(),
            blocks.notifier.deadline(blocks.keys.whole("MinimumStatusDuration")),
            blocks.security_log.deadline(),
            blocks.metering.deadline(blocks.clock.now_s(step), blocks.clock.when),
            self._sessions.deadline(),
            self._power.deadline(),
            self._reports.deadline(step.mono_s),
            self._unlocking.deadline(),
            self._departure.deadline(),
            self._maintenance.deadline(),
            self._reserving.deadline(),
            self._certificates.deadline(),
            self._securing.deadline(),
        ]
        return min([time for time in times if time is not None], default=None)

    def _send(self, step: Step) -> None:
        """The next CALL goes, where there is one and its way is free."""
        self._calls.pump(step)
        self._send_s = self._calls.deadline()

    def idle(self) -> bool:
        """No session runs or ends: the store may tidy up."""
        return not any(connector.in_transaction for connector in self._blocks.connectors.values())

    def faults(self) -> dict[int, set[Fault]]:
        """What is wrong now, of the station (0) and of each connector."""
        of_station = {0: set(self._blocks.station_faults)}
        return of_station | {number: set(connector.faults) for number, connector in self._blocks.connectors.items()}

    def known_s(self, mono_s: float) -> tuple[float | None, bool]:
        """The time of day as far as it is known, be it of before this boot; whether somebody told it in this boot."""
        clock = self._blocks.clock
        return clock.peek_s(mono_s) if clock.known else said_s(clock.boot, mono_s), clock.known

    def _take(self, event: events.Event, step: Step) -> Touched:
        """The event changes facts, and tells how much else may follow from them."""
        blocks = self._blocks
        match event:
            case events.MeterRead():
                return self._sensing.meter_read(event, step)
            case events.FrameReceived(text=text):
                return self._frame(text, step)
            case events.LinkAlive():
                return Touched.CALLS if blocks.rpc.heard(step.mono_s) else Touched.NOTHING
            case events.Started():
                self._started(event, step)
            case events.StopAsked():
                self._departure.begin("stop", step)
            case events.Tick():
                self._tick(step)
            case events.LinkUp():
                blocks.rpc.link_up()
                self._securing.link_up(event)
                blocks.notifier.link_up()
                step.then(SetPingInterval(blocks.keys.whole("WebSocketPingInterval")))
            case events.LinkDown(reason=reason):
                self._link_down(reason, step)
                self._securing.link_down(event, step)
            case events.PilotSeen():
                self._sensing.pilot(event, step)
            case events.ContactorSeen(connector=number, closed=closed):
                self._power.contacts_moved(blocks.connectors[number], closed, step)
            case events.LockSeen(connector=number, locked=locked):
                self._power.lock_moved(blocks.connectors[number], locked, step)
            case events.MeterOpened():
                self._sensing.meter_opened(event)
            case events.CardSeen(reader=reader, card=card):
                self._cards.tapped(reader, card.id_tag, step)
            case events.InputSeen():
                self._sensing.input(event, step)
            case events.PartLost():
                self._sensing.part_lost(event, step)
            case events.PartBack():
                self._sensing.part_back(event, step)
                if event.part == "inputs":
                    self._power.inputs_known(step)
            case events.LookedUp():
                self._looked_up(event, step)
            case events.RowsFetched(rows=rows, total=total):
                blocks.outbox.fetched(rows, total)
            case events.DeadLetterFetched():
                self._control.dead_letter(event, step)
            case events.ListStored():
                self._listing.stored(event, step)
            case events.DownloadEnded() | events.UploadEnded() | events.InstallEnded():
                self._maintenance.ended(event, step)
            case events.VaultSeen(contents=contents):
                blocks.security.seen(contents, step)
            case events.VaultAnswered():
                self._securing.answered(event, step)
            case events.StoreTroubled(reason=reason):
                step.log("error", reason)
                blocks.station_faults.add(Fault.STORE_TROUBLED)
            case events.StoreHealed():
                step.log("info", "The store has room again.")
                blocks.station_faults.discard(Fault.STORE_TROUBLED)
            case events.ControlAsked():
                self._control.asked(event, step)
            case _:
                assert_never(event)
        return Touched.FACTS

    def _settle(self, step: Step) -> None:
        """Sessions, outputs and statuses follow from the facts; again, as long as one thing led to another."""
        self._maintenance.hold_back(step)
        for _ in range(SETTLE_ROUNDS):
            before = self._turns()
            self._withdraw_starts(step)
            self._reserving.settle(step)
            for connector in self._blocks.connectors.values():
                self._sessions.stop_for_faults(connector, step)
                self._sessions.finish_where_possible(connector, step)
                if self._sessions.begin_where_possible(connector, step):
                    self._reports.update(step)  # Preparing is gone through, even where the contactor closes in the same step
            self._power.settle(step)
            if before == self._turns():
                break
        self._maintenance.settle(step)
        self._unlocking.settle(step)
        self._reports.update(step)
        self._certificates.settle(step)
        self._securing.settle(step)
        self._watch.settle(step)
        self._departure.leave_where_possible(step)

    def _turns(self) -> list[tuple[Session, bool, bool]]:
        """What may lead to more of the same step when it changes."""
        return [(one.session, one.blocked, one.secured) for one in self._blocks.connectors.values()]

    def _withdraw_starts(self, step: Step) -> None:
        """Nobody waits for a connector that cannot be used."""
        if self._blocks.starts.empty:
            return
        for connector in self._blocks.connectors.values():
            if not connector.free:
                for _ in self._blocks.starts.withdraw(connector.number):
                    step.log("info", "An authorisation that waited for a plug lost its connector.", connector=connector.number)
                    self._blocks.lamps.refused([connector.number], Refusal.OUT_OF_SERVICE, step)

    def _started(self, event: events.Started, step: Step) -> None:
        step.change(PutBoot(self._blocks.clock.boot))
        self._power.all_open(step)
        if event.store_fault is not None:
            step.log("error", event.store_fault, event="store_fault")
            self._blocks.station_faults.add(Fault.STORE_TROUBLED)
        self._sessions.resume(step)
        self._maintenance.started(step)
        self._securing.started(step)
        self._watch.started(event.log_lost, step)

    def _tick(self, step: Step) -> None:
        blocks = self._blocks
        self._calls.tick(step)
        now_s = blocks.clock.now_s(step)
        for purpose, verdict in blocks.authorization.tick(step.mono_s, now_s):
            self._cards.checked(purpose, verdict, step)
        for waiting in blocks.starts.expired(step.mono_s):
            step.log("info", "Nobody plugged a car in time; the authorisation lapsed.")
            blocks.lamps.refused(list(waiting.connectors), Refusal.NO_VEHICLE, step)
        blocks.notifier.tick(step.mono_s, blocks.keys.whole("MinimumStatusDuration"))

    def _looked_up(self, event: events.LookedUp, step: Step) -> None:
        """The store found what is known of an id tag."""
        if self._listing.looked_up(event, step):
            return
        blocks = self._blocks
        now_s = blocks.clock.now_s(step)
        found = blocks.authorization.looked_up(event.ticket, event.listed, event.cached, blocks.online, now_s, step)
        if found is not None:
            self._cards.checked(*found, step)

    def _link_down(self, reason: str, step: Step) -> None:
        if self._blocks.rpc.up:
            step.log("warning", f"The connection is gone: {reason}")
        self._calls.link_down(step)
        self._unlocking.link_down()
        self._blocks.local_list.link_down()

    def _frame(self, text: str | bytes, step: Step) -> Touched:
        """Whatever came: an answer, a CALL, or something that is answered with a CALLERROR where it can be."""
        touched = Touched.CALLS if self._blocks.rpc.heard(step.mono_s) else Touched.NOTHING
        frame = parse_frame(text)
        if not isinstance(frame, BadFrame) and self._securing.heard(step):
            touched = Touched.FACTS
        if self._blocks.boot.silent and isinstance(frame, Call | BadFrame):
            step.log("warning", "The Central System has rejected this station: what it asks meanwhile is not answered.")
            return touched
        match frame:
            case Call():
                return max(touched, self._commands.called(frame, step))
            case CallResult() | CallError():
                outcome = self._blocks.rpc.answer(frame, step)
                return touched if outcome is None else max(touched, self._calls.ended(outcome, step))
            case BadFrame(message_id=message_id, code=code, description=description):
                step.log("warning", f"A frame could not be read: {description}")
                self._watch.invalid_message(description, step)
                if message_id is not None and code is not None:
                    step.then(SendFrame(encode_error(message_id, code, description)))
                elif message_id is not None:
                    lost = self._blocks.rpc.unreadable(message_id, description)
                    if lost is not None:
                        self._calls.ended(lost, step)
                return Touched.FACTS
            case _:
                assert_never(frame)
