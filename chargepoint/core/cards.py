"""Cards: what a tap means, and what follows when an id tag was checked (OCPP 1.6 sections 3.4, 4.1, 4.8, 4.10, 5.11).

Owns the meaning of a card at a reader and of an accepted remote start. Refuses to know how an id is checked.

A card at a reader means, in this order:
1. the end of the session that it began (the same id), or of one of its group (the same parentIdTag, once checked);
2. the freeing of a cable that is held for it;
3. the second presentation of a card that waits for a plug: it no longer waits (transition B1 of the status table);
4. the plugged connector that waits longest for a card; the one just finished, if the card is its own or the reader has no
   other;
5. the connector that is plugged next.
From 4 on a connector that is reserved for the card goes before all others, and one kept for somebody else does not count.
A card that can mean none of these is refused without asking anybody, and the driver is shown why. Another card means nothing
to a session whose parentIdTag nobody knows.
"""

from chargepoint.core.authorization import Verdict
from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.effects import ReadMeter
from chargepoint.core.id_tags import same_id
from chargepoint.core.purposes import ByCard, ByRemote
from chargepoint.core.records import Charging, Ending, Finishing, Idle
from chargepoint.core.sessions import Sessions
from chargepoint.core.starts import Waiting
from chargepoint.core.step import Step
from chargepoint.facts import Refusal
from chargepoint.messages import ChargingProfile, Reason

ID_TAG_MAX = 20


class Cards:
    def __init__(self, blocks: Blocks, sessions: Sessions) -> None:
        self._blocks = blocks
        self._sessions = sessions

    def tapped(self, reader: int, id_tag: str, step: Step) -> str | None:
        """A card was laid on a reader. Returns why it was refused at once, if it was."""
        served = self._blocks.of_reader(reader)
        numbers = [one.number for one in served]
        if not 0 < len(id_tag) <= ID_TAG_MAX:
            self._refuse(numbers, Refusal.UNKNOWN, f"a card with an id of {len(id_tag)} characters", step)
            return f"an id tag has 1 to {ID_TAG_MAX} characters"
        if self._stops(served, id_tag, step) or self._frees(served, id_tag, step) or self._withdraws(reader, id_tag, step):
            return None
        if self._blocks.authorization.checking(id_tag, ByCard(reader)):
            return None
        if self._blocks.leaving is not None or not any(one.free or one.in_transaction for one in served):
            self._refuse(numbers, Refusal.OUT_OF_SERVICE, "out of service", step)
            return "out of service"
        if not any(self._could_mean(one, id_tag, reader) for one in served if one.free or one.in_transaction):
            kept = any(one.free for one in served)
            why, text = (Refusal.RESERVED, "reserved for somebody else") if kept else (Refusal.OCCUPIED, "no connector is free")
            self._refuse(numbers, why, text, step)
            return text
        if not self._blocks.authorization.begin(id_tag, ByCard(reader), step):
            self._refuse(numbers, Refusal.OCCUPIED, "too many cards at once", step)
            return "too many cards at once"
        self._blocks.lamps.asking([one.number for one in served if not one.in_transaction] or numbers)
        for number in numbers:
            step.then(ReadMeter(number))
        return None

    def checked(self, purpose: ByCard | ByRemote, verdict: Verdict, step: Step) -> None:
        """An id tag was checked."""
        match purpose:
            case ByCard(reader=reader):
                self._card_checked(reader, verdict, step)
            case ByRemote():
                if verdict.accepted:
                    self.remote(purpose, verdict, step)
                else:
                    step.log("info", f"A remote start was not authorised: {verdict.status} ({verdict.source}).")

    def remote(self, purpose: ByRemote, verdict: Verdict, step: Step) -> None:
        """A remote start whose id tag may charge: it waits for its plug, if that is not there yet."""
        targets = self.remote_targets(purpose.connector, verdict.id_tag, verdict.parent_id_tag)
        for one in targets if purpose.connector is not None else ():
            self._sessions.forget(one, step)
        self._wait(verdict, targets, None, step, purpose.profile)

    def remote_targets(
        self, connector: int | None, id_tag: str, parent_id_tag: str | None, *, asking: bool = False
    ) -> list[Connector]:
        """Where a remote start may begin: the connector it names, the plugged one that waits longest, or any that is free.

        asking: the id tag is still to be checked, and may turn out to be of the group that a reservation is for.
        """
        among = self._blocks.connectors.values()
        usable = [one for one in among if self._may_use(one, id_tag, parent_id_tag, None, asking=asking)]
        if connector is not None:
            return [one for one in usable if one.number == connector and one.free and not one.beginning]
        usable = self._reserved_first(usable)
        return self._plugged(usable)[:1] or self._open(usable)

    def _card_checked(self, reader: int, verdict: Verdict, step: Step) -> None:
        served = self._blocks.of_reader(reader)
        numbers = [one.number for one in served]
        if not verdict.accepted:
            self._refuse(numbers, verdict.refusal, f"{verdict.status} by {verdict.source}", step)
            return
        if self._stops_group(served, verdict, step) or self._frees_any(served, step):
            self._blocks.lamps.accepted(numbers, step)
            return
        targets = self._targets(served, verdict, reader)
        if not targets and self._targets(served, None, reader):
            self._refuse(numbers, Refusal.RESERVED, "reserved for somebody else", step)
            return
        if not targets:
            busy = any(one.in_transaction or one.beginning for one in served)
            self._refuse(numbers, Refusal.OCCUPIED if busy else Refusal.OUT_OF_SERVICE, "no connector is free", step)
            return
        self._blocks.lamps.quiet(numbers)
        self._blocks.lamps.accepted([one.number for one in targets], step)
        for one in targets if len(targets) == 1 else ():
            self._sessions.forget(one, step)
        self._wait(verdict, targets, reader, step)

    def _targets(self, served: list[Connector], verdict: Verdict | None, reader: int) -> list[Connector]:
        """Where an accepted card may begin, in order of precedence; the connector that is reserved for it goes before all.

        Without a verdict: where it might, if nothing were reserved.
        """
        id_tag = verdict.id_tag if verdict else None
        if verdict is not None:
            served = [one for one in served if self._may_use(one, verdict.id_tag, verdict.parent_id_tag, reader)]
            served = self._reserved_first(served)
        return self._plugged(served)[:1] or self._restart(served, id_tag) or self._open(served)

    def _may_use(
        self, one: Connector, id_tag: str, parent_id_tag: str | None, reader: int | None, *, asking: bool = False
    ) -> bool:
        """No reservation stands against it. asking: the parentIdTag is not known yet, and might be the reservation's."""
        if self._blocks.may_use(one, id_tag, parent_id_tag, reader):
            return True
        return asking and self._blocks.reservations.kept_for_group(one.number)

    def _could_mean(self, one: Connector, id_tag: str, reader: int) -> bool:
        """Whether a card could mean anything at this connector, whatever a check of it says."""
        if isinstance(one.session, Charging):
            return self._blocks.transactions[one.session.transaction].parent_id_tag is not None
        return not isinstance(one.session, Idle) or self._may_use(one, id_tag, None, reader, asking=True)

    def _reserved_first(self, usable: list[Connector]) -> list[Connector]:
        """Of the connectors that an id may use, those that are reserved for it in particular, if there are any."""
        return [one for one in usable if one.free and self._blocks.reservations.at(one.number) is not None] or usable

    def _wait(
        self,
        verdict: Verdict,
        targets: list[Connector],
        reader: int | None,
        step: Step,
        profile: ChargingProfile | None = None,
    ) -> None:
        if not targets:
            step.log("info", "An authorised id tag found no free connector.")
            return
        for one in self._blocks.connectors.values():
            if one.beginning:
                self._blocks.starts.keep_to(one.number)
        timeout_s = self._blocks.keys.whole("ConnectionTimeOut")
        waiting = Waiting(
            id_tag=verdict.id_tag,
            connectors=tuple(one.number for one in targets),
            since_s=step.mono_s,
            until_s=step.mono_s + timeout_s if timeout_s else None,
            parent_id_tag=verdict.parent_id_tag,
            listed=verdict.listed,
            reader=reader,
            profile=profile,
        )
        if self._blocks.starts.add(waiting):
            step.log("info", "Another authorisation that waited for a plug gave way.")

    def _stops(self, served: list[Connector], id_tag: str, step: Step) -> bool:
        """The card that began a session ends it, without asking anybody."""
        for one in served:
            session = one.session
            if isinstance(session, Charging) and same_id(self._blocks.transactions[session.transaction].id_tag, id_tag):
                self._sessions.stop(one, Reason.Local, id_tag, step)
                self._blocks.lamps.accepted([one.number], step)
                return True
        return False

    def _stops_group(self, served: list[Connector], verdict: Verdict, step: Step) -> bool:
        for one in served:
            session = one.session
            if isinstance(session, Charging):
                record = self._blocks.transactions[session.transaction]
                if same_id(record.parent_id_tag, verdict.parent_id_tag):
                    self._sessions.stop(one, Reason.Local, verdict.id_tag, step)
                    return True
        return False

    def _frees(self, served: list[Connector], id_tag: str, step: Step) -> bool:
        """The card of the session that was cut short frees its cable, whatever the Central System thinks of it."""
        for one in served:
            if isinstance(one.session, Ending | Finishing) and same_id(one.session.held_for, id_tag):
                self._sessions.release(one, step)
                return True
        return False

    def _frees_any(self, served: list[Connector], step: Step) -> bool:
        """A cable whose own card was refused is freed by any accepted one, where the reader has no other connector."""
        session = served[0].session if len(served) == 1 else None
        if isinstance(session, Finishing) and session.held_for is not None and session.reason is Reason.DeAuthorized:
            self._sessions.release(served[0], step)
            return True
        return False

    def _withdraws(self, reader: int, id_tag: str, step: Step) -> bool:
        waiting = self._blocks.starts.of(id_tag, reader)
        if waiting is None:
            return False
        self._blocks.starts.drop(waiting)
        self._blocks.lamps.quiet([one.number for one in self._blocks.of_reader(reader)])
        step.log("info", "A card that waited for a plug was shown again: it no longer waits.")
        return True

    def _plugged(self, among: list[Connector]) -> list[Connector]:
        """Connectors with a car that waits for a card, the longest waiting first."""
        waiting = [one for one in among if one.free and one.vehicle and isinstance(one.session, Idle)]
        waiting = [one for one in waiting if not (one.beginning or self._blocks.starts.holds(one.number))]
        return sorted(waiting, key=lambda one: one.plugged_s or 0.0)

    @staticmethod
    def _restart(served: list[Connector], id_tag: str | None) -> list[Connector]:
        for one in served:
            ended = one.session if one.free and one.vehicle else None
            if isinstance(ended, Finishing) and (len(served) == 1 or same_id(ended.id_tag, id_tag)):
                return [one]
        return []

    @staticmethod
    def _open(among: list[Connector]) -> list[Connector]:
        """Connectors that a car may be plugged into next; not with a cable in it that is held for somebody."""
        return [one for one in among if one.free and not one.vehicle and not _held(one)]

    def _refuse(self, numbers: list[int], why: Refusal, text: str, step: Step) -> None:
        step.log("info", f"A card was refused: {text}.", event="card_refused")
        self._blocks.lamps.quiet(numbers)
        idle = [number for number in numbers if not self._blocks.connectors[number].in_transaction]
        self._blocks.lamps.refused(idle or numbers, why, step)


def _held(connector: Connector) -> bool:
    return isinstance(connector.session, Finishing) and connector.session.held_for is not None
