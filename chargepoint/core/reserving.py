"""Reserving: ReserveNow and CancelReservation, and the end of what can be kept no longer (OCPP 1.6 sections 5.2, 5.13).

Owns the answer by the state of the connector. Refuses to keep reservations (`reservation`).
"""

from collections.abc import Iterable

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
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
        usable = [one.number for one in self._blocks.connectors.values() if one.operative and not one.blocked]
        for record in [*reservations.expired(self._blocks.clock.now_s(step)), *reservations.void(usable)]:
            if reservations.drop(record.reservation_id, step):
                step.log("info", f"Reservation {record.reservation_id} ended.", connector=record.connector or None)

    def deadline(self, mono_s: float) -> float | None:
        """When the next reservation expires, in monotonic seconds; None while the time of day is unknown."""
        expiry_s = self._blocks.reservations.next_expiry_s()
        now_s = self._blocks.clock.peek_s(mono_s)
        return None if expiry_s is None or now_s is None else mono_s + max(0.0, expiry_s - now_s)

    def _status(self, req: ReserveNowReq, step: Step) -> ReservationStatus:
        blocks = self._blocks
        now_s = blocks.clock.now_s(step)
        if now_s is None or from_utc(req.expiry_date) <= now_s or not req.id_tag or blocks.leaving is not None:
            return ReservationStatus.Rejected
        if req.connector_id == 0:
            if not blocks.keys.boolean("ReserveConnectorZeroSupported"):
                return ReservationStatus.Rejected
            return self._of(list(blocks.connectors.values()), req)
        connector = blocks.connectors.get(req.connector_id)
        return ReservationStatus.Rejected if connector is None else self._of([connector], req)

    def _of(self, among: list[Connector], req: ReserveNowReq) -> ReservationStatus:
        """The best that any of the connectors can offer."""
        if all(one.blocked for one in among):
            return ReservationStatus.Faulted
        usable = [one for one in among if one.operative and one.pending != "inoperative" and not one.blocked]
        if not usable:
            return ReservationStatus.Unavailable
        reservations = self._blocks.reservations
        free = [one for one in usable if self._vacant(one) and not reservations.others_at(one.number, req.reservation_id)]
        if req.connector_id == 0:
            kept = sum(record.reservation_id != req.reservation_id for record in reservations.of_station())
            free = free[kept:]
        return ReservationStatus.Accepted if free else ReservationStatus.Occupied

    def _vacant(self, connector: Connector) -> bool:
        """Nobody uses the connector or is about to."""
        return isinstance(connector.session, Idle) and not connector.plugged and not self._blocks.starts.holds(connector.number)

    def _turn_away(self, record: ReservationRecord, step: Step) -> None:
        """Whoever waited for this connector among others waits for the others only."""
        numbers: Iterable[int] = (record.connector,) if record.connector else ()
        for number in numbers:
            for _ in self._blocks.starts.withdraw(number):
                step.log("info", "An authorisation that waited for a plug lost its connector.", connector=number)
