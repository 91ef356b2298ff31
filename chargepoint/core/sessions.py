"""Sessions: from an authorised plug to a stored StopTransaction (OCPP 1.6 sections 3.6, 3.7, 4.8, 4.10, 9.1).

Owns the course of a session: Idle → Charging → Ending → Finishing → Idle, and what is written at each turn. Refuses to know how
somebody was authorised and when a contactor may close.

Rules.
1. A session begins when somebody is authorised, a car is there, the cable is locked where there is a lock, and the meter was
   read since (or FIRST_S later with the last reading); its StartTransaction is stored in the same step. Until then nothing is
   stored: a lock that fails, a car that leaves and a power cut leave no transaction behind.
2. It ends in two steps: the decision is stored at once (Ending), the StopTransaction when the meter was read after the contacts
   opened, or FINAL_S later with the last reading. A power cut between the two loses nothing. `power` opens them: at once, or
   when the car has stopped drawing.
3. Whatever ran when the process died is closed with PowerLoss at the register that is true after the start, or goes on if the
   setting says so; at a connector that is no longer in the settings it is closed with the last register that was stored.
"""

from msgspec.structs import replace

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.effects import ReadMeter
from chargepoint.core.faults import RULES, Fault, worst
from chargepoint.core.measurands import Offer, parse_members, sample_values
from chargepoint.core.records import (
    Charging,
    Ending,
    Finishing,
    Idle,
    MeterValuesBody,
    PutConnector,
    Sample,
    Stamp,
    StartBody,
    StopBody,
)
from chargepoint.core.starts import Waiting
from chargepoint.core.step import Step
from chargepoint.facts import Refusal
from chargepoint.messages import ReadingContext, Reason

FIRST_S = 2.0  # for the reading with which a session begins
BEGINNING_S = 6.0  # no authorisation lapses while its cable is locked and the meter read, which end sooner
WIND_DOWN_S = 6.0  # for a car to stop drawing when nothing is offered any more (IEC 61851-1 annex A)
FINAL_S = 3.0  # for the reading after the contacts opened
FINAL_WITHOUT_METER_S = 10.0  # where the meter was silent already
FINAL_AFTER_START_S = 30.0  # after a start of the process, drivers must be opened first


class Sessions:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._first_s: dict[int, float] = {}
        self._final_s: dict[int, float] = {}

    def resume(self, step: Step) -> None:
        """After a start: what ran is closed or goes on; what was ending still ends."""
        blocks = self._blocks
        for connector in blocks.connectors.values():
            match connector.session:
                case Charging(transaction=key) if blocks.site.after_power_loss == "resume":
                    connector.session_began_s = step.mono_s
                    connector.begun = True
                    blocks.metering.begin(connector.number, step.mono_s)
                    step.log("info", "The session goes on after the power cut.", connector=connector.number, transaction=key)
                case Charging(transaction=key):
                    self._end(connector, key, Reason.PowerLoss, None, step)
                    self._final_s[connector.number] = step.mono_s + FINAL_AFTER_START_S
                case Ending():
                    self._final_s[connector.number] = step.mono_s + FINAL_AFTER_START_S
                case Idle() | Finishing():
                    pass
        self._close_absent(step)
        running = (one.session for one in blocks.connectors.values())
        blocks.profiles.keep_transactions({one.transaction for one in running if isinstance(one, Charging)}, step)

    def _close_absent(self, step: Step) -> None:
        """What ran at connectors that the settings no longer have: no meter of theirs is ever read again."""
        blocks = self._blocks
        for connector in blocks.absent:
            session = connector.session
            if isinstance(session, Charging):
                now = blocks.clock.offset_s(step)
                session = Ending(transaction=session.transaction, reason=Reason.PowerLoss, stop=step.stamp, offset_s=now)
            if not isinstance(session, Ending):
                continue
            key = session.transaction
            offset_s = blocks.clock.offset_of(session.stop) if session.offset_s is None else session.offset_s
            samples = blocks.transactions.take_stop_samples(key, step)
            blocks.transactions.close(key, session.reason, session.stop, offset_s, session.id_tag, step)
            blocks.outbox.add(key, StopBody(samples=samples), offset_s, step, session.stop)
            step.change(PutConnector(replace(connector, session=Idle())))
            text = "The settings no longer have this connector: its session ends at the last register that was stored."
            step.log("warning", text, connector=connector.number, transaction=key, event="session_ends")

    def begin_where_possible(self, connector: Connector, step: Step) -> bool:
        """Somebody waits, a car is there: the session begins. True where it did."""
        if not connector.beginning:
            self._turn_away(connector, step)
        waiting = self._who_begins(connector)
        if waiting is None or connector.reading is None:  # no cable is locked before the meter has said anything at all
            connector.beginning = False
            self._first_s.pop(connector.number, None)
            return False
        if not connector.beginning:
            waiting = self._blocks.starts.prolong(waiting, step.mono_s + BEGINNING_S)
        connector.beginning = True
        read = self._read_since(connector, max(waiting.since_s, connector.plugged_s or 0.0), step)
        if not (read and connector.secured):
            return False
        connector.beginning = connector.let_go = False
        if waiting in self._blocks.starts.waiting():
            self._blocks.starts.drop(waiting)
        self._begin(connector, waiting, connector.reading.energy_import_wh, step)
        return True

    def let_go(self, connector: Connector, step: Step) -> None:
        """Somebody wants the cable, or no session: what is about to begin does not, nor does it for whoever else waits here."""
        if not connector.beginning:
            return
        connector.let_go = True
        starts = self._blocks.starts
        waiting = starts.first(connector.number)
        if waiting is not None:
            starts.drop(waiting)
            starts.withdraw(connector.number)
            self._blocks.lamps.quiet([connector.number])
            step.log("info", "An authorisation whose session was about to begin was let go.", connector=connector.number)

    def _turn_away(self, connector: Connector, step: Step) -> None:
        """A car that comes while somebody is about to begin at another connector is not theirs: should that fail, they must not
        pay for a stranger.
        """
        starts = self._blocks.starts
        if not connector.vehicle or starts.empty:
            return
        for other in self._blocks.connectors.values():
            first = starts.first(other.number) if other.beginning and other is not connector else None
            if first is not None and connector.number in first.connectors:
                starts.narrow(first, connector.number)
                text = "An authorisation that begins elsewhere does not wait for this car."
                step.log("info", text, connector=connector.number)

    def _who_begins(self, connector: Connector) -> Waiting | None:
        """Who waits longest for this connector, if a session can begin there; where energy is free, whoever is plugged."""
        if not isinstance(connector.session, Idle) or not connector.vehicle or not connector.free or self._blocks.leaving:
            return None
        site = self._blocks.site
        first = self._blocks.starts.first(connector.number)
        if first is not None or not site.free_vend or connector.let_go:
            return first
        if not self._blocks.may_use(connector, site.free_vend_id_tag, None):
            return None
        return Waiting(id_tag=site.free_vend_id_tag, connectors=(connector.number,), since_s=0.0, until_s=None)

    def _read_since(self, connector: Connector, since_s: float, step: Step) -> bool:
        """Whether the meter was read since then, or was given its time for it: meterStart is the register as it is now."""
        until_s = since_s + FIRST_S
        if connector.reading_began_s >= since_s or step.mono_s >= until_s:
            self._first_s.pop(connector.number, None)
            return True
        if self._first_s.get(connector.number) != until_s:
            self._first_s[connector.number] = until_s
            step.then(ReadMeter(connector.number))
        return False

    def stop(self, connector: Connector, reason: Reason, id_tag: str | None, step: Step) -> None:
        """Ends the running session; its StopTransaction follows when the meter was read."""
        if isinstance(connector.session, Charging):
            self._end(connector, connector.session.transaction, reason, id_tag, step)
            self._await_reading(connector, step.mono_s + (WIND_DOWN_S if connector.commanded else 0.0))

    def opening(self, connector: Connector, step: Step) -> None:
        """The contactor is commanded open: the last reading of a session that ends is taken from now on."""
        if isinstance(connector.session, Ending):
            self._await_reading(connector, step.mono_s)
            if connector.closed is None:
                step.then(ReadMeter(connector.number))  # no feedback will ask for it

    def _await_reading(self, connector: Connector, open_s: float) -> None:
        """The reading after open_s, when the contacts are open, ends the session."""
        meter_silent = Fault.METER_LOST in connector.all_faults
        self._final_s[connector.number] = open_s + (FINAL_WITHOUT_METER_S if meter_silent else FINAL_S)

    def stop_for_faults(self, connector: Connector, step: Step) -> None:
        """A fault that ends sessions does so at once. Lost mains do not, where sessions go on after a power cut."""
        if not isinstance(connector.session, Charging) or not connector.all_faults:
            return
        kept = {Fault.MAINS_LOST} if self._blocks.site.after_power_loss == "resume" else set()
        ending = {fault for fault in connector.all_faults - kept if RULES[fault].ends is not None}
        fault = worst(ending)
        if fault is not None:
            reason = RULES[fault].ends
            assert reason is not None
            step.log("warning", f"{RULES[fault].text}: the session ends.", connector=connector.number)
            self.stop(connector, reason, None, step)

    def mains_lost(self, step: Step) -> None:
        """The dark is near: the newest registers are stored."""
        for connector in self._blocks.connectors.values():
            if isinstance(connector.session, Charging):
                self._blocks.transactions.keep(connector.session.transaction, step)

    def finish_where_possible(self, connector: Connector, step: Step) -> None:
        """The last reading is there, or not to be had: the StopTransaction is stored."""
        session = connector.session
        if isinstance(session, Finishing) and not connector.plugged and connector.pilot is not None:
            self._set(connector, Idle(), step)
        if not isinstance(session, Ending):
            return
        open_s = connector.commanded_s if connector.closed is None else connector.opened_s
        read_since_s = max(session.stop.mono_s if session.stop.boot == step.stamp.boot else 0.0, open_s)
        fresh = connector.reading is not None and connector.reading_began_s >= read_since_s and not connector.energised
        late = step.mono_s >= self._final_s.get(connector.number, 0.0)
        if fresh or late:
            if not fresh:
                step.log("warning", "The meter gave no last reading; the one before is billed.", connector=connector.number)
            self._close(connector, session, step)

    def finish_now(self, step: Step) -> None:
        """The process ends: open sessions are closed with the last reading."""
        for connector in self._blocks.connectors.values():
            if isinstance(connector.session, Ending):
                self._close(connector, connector.session, step)

    def deadline(self) -> float | None:
        times = [self._final_s[number] for number, one in self._blocks.connectors.items() if isinstance(one.session, Ending)]
        times += self._first_s.values()
        return min(times) if times else None

    def metered(self, connector: Connector) -> None:
        """A new reading of the meter belongs to the session that runs or ends."""
        session = connector.session
        if isinstance(session, (Charging, Ending)) and connector.reading is not None:
            self._blocks.transactions.metered(session.transaction, connector.reading.energy_import_wh)

    def not_accepted(self, key: int, why: Refusal, step: Step) -> None:
        """StartTransaction.conf did not accept the id tag (section 9.1.24, StopTransactionOnInvalidId)."""
        for connector in self._blocks.connectors.values():
            session = connector.session
            if isinstance(session, Charging) and session.transaction == key:
                text = "The Central System does not accept the id tag."
                step.log("warning", text, connector=connector.number, transaction=key)
                self._blocks.lamps.refused([connector.number], why, step)
                if self._blocks.keys.boolean("StopTransactionOnInvalidId"):
                    self.stop(connector, Reason.DeAuthorized, None, step)
                else:
                    self._set(connector, replace(session, invalid=True), step)

    def may_charge(self, connector: Connector) -> bool:
        """Whether the station itself wants to give energy: not beyond MaxEnergyOnInvalidId to an id that was refused."""
        session = connector.session
        if not isinstance(session, Charging):
            return False
        if not session.invalid:
            return True
        return self._blocks.transactions.energy_wh(session.transaction) < self._blocks.keys.whole("MaxEnergyOnInvalidId")

    def held(self, connector: Connector) -> bool:
        """Whether the cable of an ending session stays locked until its owner's card (or its owner) frees it."""
        return isinstance(connector.session, Ending | Finishing) and connector.session.held_for is not None

    def release(self, connector: Connector, step: Step) -> None:
        """The cable of an ended session may go."""
        if isinstance(connector.session, Ending | Finishing) and connector.session.held_for is not None:
            self._set(connector, replace(connector.session, held_for=None), step)

    def forget(self, connector: Connector, step: Step) -> None:
        """A new session is to begin with the cable of the ended one."""
        if isinstance(connector.session, Finishing):
            self._set(connector, Idle(), step)

    def sample(self, connector: Connector, list_key: str, stop_key: str, context: ReadingContext, step: Step) -> None:
        """A sample of the running transaction for MeterValues and for StopTransaction's transactionData."""
        session = connector.session
        if not isinstance(session, Charging):
            return
        key = session.transaction
        sample = self.take(connector, list_key, context, step)
        if sample is not None:
            body = MeterValuesBody(samples=(sample,))
            self._blocks.outbox.add(key, body, sample.offset_s, step)
            self._blocks.transactions.keep(key, step)
        stop_sample = self.take(connector, stop_key, context, step)
        if stop_sample is not None:
            self._blocks.transactions.add_stop_sample(key, stop_sample, step)

    def take(
        self,
        connector: Connector,
        list_key: str,
        context: ReadingContext,
        step: Step,
        at: tuple[Stamp, float | None] | None = None,
    ) -> Sample | None:
        """The values that a list of measurands wants; None where the list is empty or the meter silent. at: stamp and offset
        of the instant that they stand for; left out: now.
        """
        blocks = self._blocks
        members = parse_members(blocks.keys.text(list_key))
        if not members or connector.reading is None or Fault.METER_LOST in connector.faults:
            return None
        session = connector.session
        offered_a = offset_wh = 0.0
        if isinstance(session, Charging | Ending):
            offered_a = connector.offered_a or 0.0
            offset_wh = blocks.transactions.register_offset_wh(session.transaction)
        values = sample_values(
            members,
            connector.reading,
            Offer(offered_a, connector.site.phases),
            context,
            energy_kwh=blocks.site.energy_unit == "kWh",
            register_offset_wh=offset_wh,
        )
        stamp, offset_s = at or (step.stamp, blocks.clock.offset_s(step))
        return Sample(stamp=stamp, values=values, offset_s=offset_s) if values else None

    def _begin(self, connector: Connector, waiting: Waiting, register_wh: float, step: Step) -> None:
        blocks = self._blocks
        offset_s = blocks.clock.offset_s(step)
        record = blocks.transactions.open(
            connector.number,
            waiting.id_tag,
            register_wh,
            offset_s,
            step,
            parent_id_tag=waiting.parent_id_tag,
            id_listed=waiting.listed,
            reservation_id=self._use_reservation(connector, waiting, step),
        )
        blocks.outbox.add(record.key, StartBody(), offset_s, step)
        connector.session_began_s = step.mono_s
        connector.mains.session_begins()
        if waiting.profile is not None:
            blocks.profiles.install(connector.number, waiting.profile, record.key, blocks.clock.boot.offset_s, step)
        connector.begun = False
        connector.allowed = True
        self._set(connector, Charging(transaction=record.key), step)
        blocks.metering.begin(connector.number, step.mono_s)
        begin = self.take(connector, "StopTxnSampledData", ReadingContext.Transaction_Begin, step)
        if begin is not None:
            blocks.transactions.add_stop_sample(record.key, begin, step)
        text = f"A session begins at {record.meter_start_wh} Wh."
        step.log("info", text, connector=connector.number, transaction=record.key, event="session_begins")

    def _use_reservation(self, connector: Connector, waiting: Waiting, step: Step) -> int | None:
        """The holder of a reservation uses it up (section 5.13)."""
        reservations = self._blocks.reservations
        record = reservations.held_by(connector.number, waiting.id_tag, waiting.parent_id_tag)
        if record is None:
            return None
        reservations.drop(record.reservation_id, step)
        return record.reservation_id

    def _end(self, connector: Connector, key: int, reason: Reason, id_tag: str | None, step: Step) -> None:
        offset_s = self._blocks.clock.offset_s(step)
        held_for = self._blocks.transactions[key].id_tag if self._holds(reason) else None
        ending = Ending(transaction=key, reason=reason, stop=step.stamp, offset_s=offset_s, id_tag=id_tag, held_for=held_for)
        self._set(connector, ending, step)
        connector.reading_began_s = float("-inf")  # what was read before the end is not the last reading
        self._blocks.transactions.keep(key, step)
        self._blocks.profiles.transaction_ended(key, step)
        self._blocks.metering.end(connector.number)
        step.then(ReadMeter(connector.number))

    def _close(self, connector: Connector, session: Ending, step: Step) -> None:
        blocks = self._blocks
        key = session.transaction
        offset_s = blocks.clock.offset_of(session.stop) if session.offset_s is None else session.offset_s
        at = (session.stop, offset_s)
        end = self.take(connector, "StopTxnSampledData", ReadingContext.Transaction_End, step, at)
        samples = blocks.transactions.take_stop_samples(key, step) + (() if end is None else (end,))
        record = blocks.transactions.close(key, session.reason, session.stop, offset_s, session.id_tag, step)
        blocks.outbox.add(key, StopBody(samples=samples), offset_s, step, session.stop)
        self._final_s.pop(connector.number, None)
        there = (connector.plugged or connector.pilot is None) and not _came_since(connector, session, step)
        left = Finishing(transaction=key, id_tag=record.id_tag, held_for=session.held_for, reason=session.reason)
        self._set(connector, left if there else Idle(), step)
        used_wh = (record.meter_stop_wh or 0) - record.meter_start_wh
        text = f"The session ended ({session.reason}): {used_wh} Wh."
        step.log("info", text, connector=connector.number, transaction=key, event="session_ends")
        self._apply_pending(connector, step)

    def _apply_pending(self, connector: Connector, step: Step) -> None:
        """ChangeAvailability that waited for the transaction's end (section 5.2)."""
        if connector.pending is not None:
            connector.operative = connector.pending == "operative"
            connector.pending = None
            self._blocks.store(connector, step)

    def _holds(self, reason: Reason) -> bool:
        if reason is Reason.EVDisconnected:
            return not self._blocks.keys.boolean("UnlockConnectorOnEVSideDisconnect")
        return reason is Reason.DeAuthorized

    def _set(self, connector: Connector, session: Idle | Charging | Ending | Finishing, step: Step) -> None:
        connector.session = session
        self._blocks.store(connector, step)


def _came_since(connector: Connector, session: Ending, step: Step) -> bool:
    """The car at the connector was plugged after the end of the session, and finds a connector that is free."""
    if not connector.vehicle or connector.left_s is None or session.held_for is not None:
        return False
    return session.stop.boot == step.stamp.boot and connector.left_s >= session.stop.mono_s
