"""Calls: what the station sends of its own accord, in which order, and what the answers mean (OCPP 1.6 sections 3.8, 4).

Owns the order of precedence for the one CALL that may be under way. Refuses to know frames and time-outs (`rpc`).

Order: BootNotification; then, once accepted: authorisations (a driver stands there), what a TriggerMessage asked, statuses
(those of a transaction after its StartTransaction or StopTransaction, where that is about to go), notices of firmware and logs,
billing rows and security events by turns (neither starves the other), other meter values, data transfers, heartbeats. Before it
is accepted only what a TriggerMessage or an ExtendedTriggerMessage asked.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from chargepoint.core.authorization import refusal_of
from chargepoint.core.blocks import Blocks
from chargepoint.core.cards import Cards
from chargepoint.core.effects import LinkProven, Reply
from chargepoint.core.keys import HEARTBEAT_MAX_S
from chargepoint.core.notifier import AFTER_TRANSACTION, OF_TRANSACTION, Pending
from chargepoint.core.purposes import (
    CallPurpose,
    ForAuthorize,
    ForBoot,
    ForCertificate,
    ForData,
    ForHeartbeat,
    ForLive,
    ForNotice,
    ForRow,
    ForSecurityEvent,
    ForStatus,
)
from chargepoint.core.records import Delivery, Ending, Idle, OutboxRow, StartBody, StopBody
from chargepoint.core.rpc import Outcome
from chargepoint.core.sessions import Sessions
from chargepoint.core.site import boot_request
from chargepoint.core.step import Step, Touched
from chargepoint.core.telling import Message, Telling
from chargepoint.messages import (
    AuthorizationStatus,
    AuthorizeConf,
    AuthorizeReq,
    BootNotificationConf,
    ChargePointStatus,
    DataTransferConf,
    DataTransferReq,
    HeartbeatConf,
    HeartbeatReq,
    IdTagInfo,
    MeterValuesReq,
    StartTransactionConf,
    StatusNotificationReq,
    StopTransactionConf,
    from_utc,
    to_utc,
)

LIVE_MAX = 64
DATA_MAX = 16

Taker = Callable[[int, Step], MeterValuesReq | None]


class Calls:
    def __init__(self, blocks: Blocks, sessions: Sessions, cards: Cards) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._cards = cards
        self.take_triggered: Taker = lambda number, step: None  # samples put their own here
        self._live: deque[MeterValuesReq] = deque(maxlen=LIVE_MAX)
        self._live_asked: deque[int] = deque(maxlen=LIVE_MAX)
        self._data: deque[tuple[int, DataTransferReq]] = deque()
        self._telling = Telling(blocks)
        self._event_next = True  # of events and billing rows, where both wait

    def live(self, request: MeterValuesReq) -> None:
        """Meter values that are worth nothing later; the oldest go where too many wait."""
        self._live.append(request)

    def live_asked(self, number: int) -> None:
        """TriggerMessage(MeterValues) of a connector: the values are taken when their turn comes."""
        self._live_asked.append(number)

    def data_transfer(self, ticket: int, request: DataTransferReq) -> bool:
        """A DataTransfer for the control socket; False where too many wait."""
        if len(self._data) >= DATA_MAX:
            return False
        self._data.append((ticket, request))
        return True

    def link_down(self, step: Step) -> None:
        outcome = self._blocks.rpc.link_down()
        if outcome is not None:
            self.ended(outcome, step)
        self._offline(step)

    def tick(self, step: Step) -> None:
        outcome = self._blocks.rpc.tick(step)
        if outcome is not None:
            self.ended(outcome, step)
            if not self._blocks.rpc.up:
                self._offline(step)

    def pump(self, step: Step) -> None:
        """Sends the next CALL if none is under way."""
        boot, rpc = self._blocks.boot, self._blocks.rpc
        if not rpc.free:
            return
        if boot.due(step.mono_s):
            boot.triggered = False
            self._call("BootNotification", boot_request(self._blocks.site), ForBoot(), step)
            return
        if boot.silent:
            return
        for attempt in IN_ORDER if boot.accepted else ASKED:
            attempt(self, step)
            if rpc.in_flight is not None:
                return

    def ended(self, outcome: Outcome[CallPurpose], step: Step) -> Touched:
        """A CALL met its answer, or never will. How much that touched: the way is free for the next CALL at least."""
        if outcome.late:
            return self._ended_late(outcome, step)
        match outcome.purpose:
            case ForHeartbeat():
                conf = outcome.conf
                moved = isinstance(conf, HeartbeatConf) and self._hear_time(conf.current_time, outcome.waited_s, step)
                return Touched.FACTS if moved else Touched.CALLS
            case ForStatus():
                if outcome.kind in ("answered", "error"):
                    self._blocks.notifier.confirmed()
                else:
                    self._blocks.notifier.failed(step.mono_s)
                return Touched.CALLS if self._blocks.leaving is None else Touched.FACTS  # it may have been the last one owed
            case ForLive():
                return Touched.CALLS  # worth nothing later
            case ForBoot():
                self._boot_ended(outcome, step)
            case ForAuthorize(ticket=ticket, id_tag=id_tag):
                self._authorize_ended(ticket, id_tag, outcome, step)
            case ForRow():
                self._row_ended(outcome, step)
            case ForData(ticket=ticket):
                self._data_ended(ticket, outcome, step)
            case ForNotice() | ForSecurityEvent() | ForCertificate():
                self._telling.ended(outcome, step)
        return Touched.FACTS

    def deadline(self) -> float | None:
        """When a CALL is due, or the one under way has had its time."""
        blocks = self._blocks
        boot, signing = blocks.boot, blocks.signing
        times = [blocks.rpc.deadline(), blocks.notifier.send_deadline()]
        if blocks.rpc.free:
            times.append(boot.deadline(blocks.keys.whole("HeartbeatInterval")))
            if boot.accepted:
                times += blocks.outbox.deadline(), blocks.security_log.send_deadline()
            if (boot.accepted or signing.asked) and not boot.silent:
                times.append(signing.send_deadline())
        return min([time for time in times if time is not None], default=None)

    def _free(self) -> bool:
        return self._blocks.rpc.free

    def _offline(self, step: Step) -> None:
        """Without a connection: history is not told later, drivers are served by the rules for being offline."""
        self._blocks.notifier.link_down()
        self._blocks.boot.heartbeat_triggered = False
        self._live.clear()
        self._live_asked.clear()
        self._telling.link_down()
        for ticket, _ in self._data:
            step.then(Reply(ticket, {}, "the Central System is not connected"))
        self._data.clear()
        for purpose, verdict in self._blocks.authorization.offline(self._blocks.clock.now_s(step)):
            self._cards.checked(purpose, verdict, step)

    def _call(self, action: str, request: object, purpose: CallPurpose, step: Step) -> None:
        self._blocks.rpc.call(action, request, purpose, step)
        self._blocks.boot.sent(step.mono_s, asks_time=isinstance(purpose, ForBoot | ForHeartbeat))

    def _boot_ended(self, outcome: Outcome[CallPurpose], step: Step) -> None:
        blocks = self._blocks
        if outcome.kind == "lost":
            return
        if not isinstance(outcome.conf, BootNotificationConf):
            blocks.boot.failed(outcome.text, step)
            return
        conf = outcome.conf
        self._hear_time(conf.current_time, outcome.waited_s, step)
        newly = blocks.boot.answered(conf, step)
        if not blocks.boot.accepted:
            return
        if conf.interval > 0:
            blocks.keys.follow("HeartbeatInterval", str(min(conf.interval, HEARTBEAT_MAX_S)), step)
        step.then(LinkProven())
        if newly:
            step.log("info", "The Central System accepted the station.", event="accepted")
            blocks.notifier.tell_all()

    def _hear_time(self, current_time: datetime, waited_s: float, step: Step) -> bool:
        return self._blocks.clock.hear_central_system(from_utc(current_time), step, waited_s)

    def _authorize_ended(self, ticket: int, id_tag: str, outcome: Outcome[CallPurpose], step: Step) -> None:
        authorization = self._blocks.authorization
        if isinstance(outcome.conf, AuthorizeConf):
            self._said(id_tag, outcome.conf.id_tag_info, step)
            found = authorization.answered(ticket, outcome.conf.id_tag_info)
        else:
            found = authorization.give_up(ticket, self._blocks.clock.now_s(step))
        if found is not None:
            self._cards.checked(*found, step)

    def _said(self, id_tag: str, info: IdTagInfo, step: Step) -> None:
        """Every IdTagInfo is for the cache, unless the id is on the local list (section 3.5.3)."""
        if not self._blocks.local_list.hold_against(id_tag, info, step):
            self._blocks.authorization.learn(id_tag, info, step)

    def _row_ended(self, outcome: Outcome[CallPurpose], step: Step) -> None:
        blocks = self._blocks
        if outcome.kind == "lost":
            blocks.outbox.cut()
            return
        if outcome.kind == "answered":
            self._row_answered(blocks.outbox.confirmed(step), outcome.conf, step)
        else:
            attempts = blocks.keys.whole("TransactionMessageAttempts")
            spent = blocks.outbox.failed(outcome.text, attempts, blocks.keys.whole("TransactionMessageRetryInterval"), step)
            step.log("warning", f"A billing message met no good answer: {outcome.text}")
            if spent is not None:
                self._row_spent(spent, step)
        self._forget_closed()

    def _ended_late(self, outcome: Outcome[CallPurpose], step: Step) -> Touched:
        """Only a billing message has a use for an answer after the time-out: sent once more, it might be booked twice."""
        row = self._blocks.outbox.answered_late(outcome.purpose.seq, step) if isinstance(outcome.purpose, ForRow) else None
        if row is None:
            step.log("warning", "An answer that came after its time was dropped: nobody waits for it any more.")
            return Touched.NOTHING
        step.log("info", "The answer to a billing message came after its time; it is not sent again.")
        self._row_answered(row, outcome.conf, step)
        self._forget_closed()
        return Touched.FACTS

    def _forget_closed(self) -> None:
        if self._blocks.outbox.queued == 0:
            self._blocks.transactions.forget_closed()

    def _row_answered(self, row: OutboxRow, conf: object, step: Step) -> None:
        blocks = self._blocks
        record = blocks.transactions[row.transaction]
        if isinstance(conf, StartTransactionConf):
            info = conf.id_tag_info
            blocks.transactions.started(record.key, conf.transaction_id, info.status, info.parent_id_tag, step)
            self._said(record.id_tag, info, step)
            if info.status is not AuthorizationStatus.Accepted:
                self._sessions.not_accepted(record.key, refusal_of(info.status), step)
        elif isinstance(conf, StopTransactionConf):
            if conf.id_tag_info is not None and record.stop_id_tag is not None:
                self._said(record.stop_id_tag, conf.id_tag_info, step)
            blocks.transactions.stop_delivered(record.key, Delivery.CONFIRMED, step)

    def _row_spent(self, row: OutboxRow, step: Step) -> None:
        text = "A billing message spent its attempts; see 'chargepoint dead-letters'."
        step.log("error", text, transaction=row.transaction, event="dead_letter")
        if isinstance(row.body, StartBody):
            self._blocks.transactions.start_spent(row.transaction, step)
        elif isinstance(row.body, StopBody):
            self._blocks.transactions.stop_delivered(row.transaction, Delivery.DEAD, step)

    def _data_ended(self, ticket: int, outcome: Outcome[CallPurpose], step: Step) -> None:
        if isinstance(outcome.conf, DataTransferConf):
            step.then(Reply(ticket, {"status": outcome.conf.status, "data": outcome.conf.data}))
        else:
            step.then(Reply(ticket, {}, outcome.text))

    def _heartbeat_asked(self, step: Step) -> None:
        if self._blocks.boot.heartbeat_triggered:
            self._blocks.boot.heartbeat_triggered = False
            self._call("Heartbeat", HeartbeatReq(), ForHeartbeat(), step)

    def _status_asked(self, step: Step) -> None:
        triggered = self._blocks.notifier.next_triggered()
        if triggered is not None:
            self._send_status(*triggered, step)

    def _notice(self, step: Step) -> None:
        self._tell(self._telling.notice(), step)

    def _notice_asked(self, step: Step) -> None:
        self._tell(self._telling.notice_asked(), step)

    def _sign(self, step: Step) -> None:
        self._tell(self._telling.signing_request(step), step)

    def _tell(self, message: Message | None, step: Step) -> bool:
        if message is not None:
            self._call(message.action, message.request, message.purpose, step)
        return message is not None

    def _authorize(self, step: Step) -> None:
        check = self._blocks.authorization.to_ask()
        if check is not None:
            check.sent = True
            self._call("Authorize", AuthorizeReq(id_tag=check.id_tag), ForAuthorize(check.ticket, check.id_tag), step)

    def _status(self, step: Step) -> None:
        owed = self._blocks.notifier.next(lambda number, status: self._follows(number, status, step))
        if owed is not None:
            self._send_status(*owed, step)

    def _follows(self, number: int, status: ChargePointStatus, step: Step) -> bool:
        """Whether the status follows from a start or an end that is about to go: with a date, behind no long backlog, and to a
        Central System that does not go away whenever it sees one.
        """
        blocks = self._blocks
        connector = blocks.connectors.get(number)
        if connector is None or blocks.clock.now_s(step) is None or not blocks.outbox.flows:
            return False
        session = connector.session
        if not isinstance(session, Idle) and status in OF_TRANSACTION and blocks.outbox.starts_next(session.transaction):
            return True
        if status not in AFTER_TRANSACTION:
            return False
        if isinstance(session, Ending) and not blocks.outbox.queued:
            # The meter is being read. Who knows nothing of the connector is not kept waiting.
            return blocks.notifier.told(number)
        row = blocks.outbox.next_row(step)
        fresh = row is not None and not row.attempts and isinstance(row.body, StopBody)
        return row is not None and fresh and blocks.transactions[row.transaction].connector == number

    def _send_status(self, number: int, pending: Pending, step: Step) -> None:
        offset_s = self._blocks.clock.offset_s(step)
        report = pending.report
        request = StatusNotificationReq(
            connector_id=number,
            error_code=report.error_code,
            info=report.info,
            status=report.status,
            timestamp=None if offset_s is None else to_utc(offset_s + pending.mono_s),
            vendor_id=self._blocks.site.vendor if report.vendor_error_code else None,
            vendor_error_code=report.vendor_error_code,
        )
        self._blocks.notifier.sent(number, pending)
        self._call("StatusNotification", request, ForStatus(), step)

    def _event_or_row(self, step: Step) -> None:
        """A security event, then a billing row, and so on; whichever waits alone goes alone."""
        first, second = (self._event, self._row) if self._event_next else (self._row, self._event)
        first(step)
        if self._free():
            second(step)

    def _event(self, step: Step) -> None:
        if self._tell(self._telling.event(step), step):
            self._event_next = False

    def _row(self, step: Step) -> None:
        if self._blocks.leaving is not None and not self._blocks.leaving.delivers:
            return
        row = self._blocks.outbox.next_row(step)
        if row is None or self._after_unlock(row):
            return
        dated = self._blocks.transactions.dated(row, self._blocks.clock.offset_of, step)
        if dated is None:
            return  # the time is unknown: nothing without a date leaves
        action, request = self._blocks.transactions.request(dated)
        self._blocks.outbox.sending(row, dated, step)
        self._call(action, request, ForRow(row.seq), step)
        self._event_next = True

    def _after_unlock(self, row: OutboxRow) -> bool:
        """A transaction that UnlockConnector ended is told after the answer to it, which waits for the lock, bounded."""
        connector = self._blocks.connectors.get(self._blocks.transactions[row.transaction].connector)
        return isinstance(row.body, StopBody) and connector is not None and connector.unlock_owed

    def _live_values(self, step: Step) -> None:
        while self._live and self._free():
            self._call("MeterValues", self._live.popleft(), ForLive(), step)

    def _live_values_asked(self, step: Step) -> None:
        while self._live_asked and self._free():
            request = self.take_triggered(self._live_asked.popleft(), step)
            if request is not None:
                self._call("MeterValues", request, ForLive(), step)

    def _data_out(self, step: Step) -> None:
        if self._data:
            ticket, request = self._data.popleft()
            self._call("DataTransfer", request, ForData(ticket), step)

    def _heartbeat(self, step: Step) -> None:
        if self._blocks.boot.heartbeat_due(step.mono_s, self._blocks.keys.whole("HeartbeatInterval")):
            self._call("Heartbeat", HeartbeatReq(), ForHeartbeat(), step)


ASKED = (Calls._heartbeat_asked, Calls._status_asked, Calls._live_values_asked, Calls._notice_asked, Calls._sign)
IN_ORDER = (
    Calls._authorize,
    *ASKED,
    Calls._status,
    Calls._notice,
    Calls._event_or_row,
    Calls._live_values,
    Calls._data_out,
    Calls._heartbeat,
)
