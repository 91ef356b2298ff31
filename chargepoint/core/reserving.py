"""Reserving: ReserveNow and CancelReservation, and the end of what can be kept no longer (OCPP 1.6 sections 5.1, 5.13).

Owns the answer by the state of the connector, and Rejected where no reservations are taken: without the Reservation profile.
Refuses to keep reservations (`reservation`).
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.faults import Fault, blocking
from chargepoint.core.records import Idle, ReservationRecord
from chargepoint.core.step import Step
from chargepoint.messages import (
    CancelReservationConf,
    CancelReservationReq,
    CancelReservationStatus,
    ReservationStatus,
    ReserveNowConf,
    ReserveNowReq,
    from_utc,
)


class Reserving:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def reserve(self, req: ReserveNowReq, _: str, step: Step) -> ReserveNowConf:
        status = self._status(req, step)
        if status is ReservationStatus.Accepted:
            record = ReservationRecord(
                reservation_id=req.reservation_id,
                connector=req.connector_id,
                id_tag=req.id_tag,
                parent_id_tag=req.parent_id_tag,
                expiry_s=from_utc(req.expiry_date),
            )
            self._blocks.reservations.put(record, step)
            self._turn_away(record, step)
        return ReserveNowConf(status=status)

    def cancel(self, req: CancelReservationReq, _: str, step: Step) -> CancelReservationConf:
        known = self._blocks.reservations.drop(req.reservation_id, step)
        return CancelReservationConf(status=CancelReservationStatus.Accepted if known else CancelReservationStatus.Rejected)

    def settle(self, step: Step) -> None:
        """Expired reservations end, and those whose connector became Faulted or Unavailable."""
        reservations = self._blocks.reservations
        if reservations.empty:
            return
        among = self._blocks.connectors.values() if self._offered() else ()
        usable = [one.number for one in among if one.operative and not _faulted(one)]
        for record in [*reservations.expired(self._blocks.clock.now_s(step)), *reservations.void(usable)]:
            if reservations.drop(record.reservation_id, step):
                step.log("info", f"Reservation {record.reservation_id} ended.", connector=record.connector or None)
        self._make_room(step)

    def deadline(self) -> float | None:
        """When the next reservation expires, in monotonic seconds; None while the time of day is unknown."""
        expiry_s = self._blocks.reservations.next_expiry_s()
        return None if expiry_s is None else self._blocks.clock.when(expiry_s)

    def _status(self, req: ReserveNowReq, step: Step) -> ReservationStatus:
        blocks = self._blocks
        now_s = blocks.clock.now_s(step)
        if not self._offered() or not req.id_tag or blocks.leaving is not None:
            return ReservationStatus.Rejected
        if now_s is None or from_utc(req.expiry_date) <= now_s:
            return ReservationStatus.Rejected
        if req.connector_id == 0:
            if not blocks.keys.boolean("ReserveConnectorZeroSupported"):
                return ReservationStatus.Rejected
            return self._of(list(blocks.connectors.values()), req)
        connector = blocks.connectors.get(req.connector_id)
        return ReservationStatus.Rejected if connector is None else self._of([connector], req)

    def _offered(self) -> bool:
        return "Reservation" in self._blocks.keys.members("SupportedFeatureProfiles")

    def _of(self, among: list[Connector], req: ReserveNowReq) -> ReservationStatus:
        """The best that any of the connectors can offer."""
        if all(one.blocked for one in among):
            return ReservationStatus.Faulted
        usable = [one for one in among if one.operative and one.pending != "inoperative" and not (one.blocked or one.held_back)]
        if not usable:
            return ReservationStatus.Unavailable
        reservations = self._blocks.reservations
        vacant = [one.number for one in self._blocks.connectors.values() if one.free and self._vacant(one)]
        claims = [one for one in self._blocks.claims(self._blocks.starts.waiting()) if len(one.connectors) > 1]
        spare = reservations.spare(vacant, len(claims), but=req.reservation_id)
        if req.connector_id == 0:
            return ReservationStatus.Accepted if spare > 0 else ReservationStatus.Occupied
        taken = req.connector_id not in vacant or reservations.others_at(req.connector_id, req.reservation_id)
        return ReservationStatus.Occupied if taken or spare <= 0 else ReservationStatus.Accepted

    def _vacant(self, connector: Connector) -> bool:
        """Nobody uses the connector or is about to."""
        return isinstance(connector.session, Idle) and not connector.plugged and not self._blocks.starts.holds(connector.number)

    def _turn_away(self, record: ReservationRecord, step: Step) -> None:
        """Whoever waits for this connector among others, and is not the holder, waits for the others only."""
        for waiting in self._blocks.claims(self._blocks.starts.waiting()):
            if record.connector in waiting.connectors:
                self._blocks.starts.narrow(waiting, record.connector)
                step.log("info", "An authorisation that waits for a plug lost a connector.", connector=record.connector)

    def _make_room(self, step: Step) -> None:
        """Fewer connectors than were promised can be used: who came last waits no longer, for a reservation came before."""
        blocks = self._blocks
        if not blocks.reservations.of_station():
            return
        claims = blocks.claims(blocks.starts.waiting())
        while claims and blocks.reservations.spare(blocks.idle(), len(claims)) < 0:
            blocks.starts.drop(claims.pop())
            step.log("info", "An authorisation that waited for a plug gave way to a reservation.")


def _faulted(connector: Connector) -> bool:
    """Mains that fail end no reservation: it is there again after the power cut."""
    return blocking(connector.all_faults - {Fault.MAINS_LOST})
