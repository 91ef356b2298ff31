"""Reservation: which connectors are kept for whom, and until when (OCPP 1.6 sections 3.10, 3.11, 5.1, 5.13).

Owns the reservations and their end. Refuses to know the state of connectors: whoever asks says which are free.

Rules.
1. The same reservationId replaces; another one finds its connector Occupied.
2. A reservation ends when its holder begins a session, when it expires, when it is cancelled, and when its connector becomes
   Faulted or Unavailable (for connector 0: the last connector that could be used).
3. A holder is whoever shows the reserved idTag, or an id whose parentIdTag is the reservation's. The parentIdTag of an id that
   could begin only so is looked up or asked for, also for a remote start that is not checked otherwise.
4. Connector 0: as many connectors are kept free as there are such reservations, whichever they are. Authorisations that wait
   for a plug count as connectors in use.
5. While the time of day is unknown nothing expires.
"""

from collections.abc import Iterable

from chargepoint.core.id_tags import same_id
from chargepoint.core.records import DropReservation, PutReservation, ReservationRecord
from chargepoint.core.step import Step


class Reservations:
    def __init__(self, records: tuple[ReservationRecord, ...]) -> None:
        self._records = {record.reservation_id: record for record in records}

    @property
    def empty(self) -> bool:
        return not self._records

    def put(self, record: ReservationRecord, step: Step) -> None:
        self._records[record.reservation_id] = record
        step.change(PutReservation(record))

    def drop(self, reservation_id: int, step: Step) -> bool:
        """Ends a reservation; False where there is none of that number."""
        if self._records.pop(reservation_id, None) is None:
            return False
        step.change(DropReservation(reservation_id))
        return True

    def at(self, connector: int) -> ReservationRecord | None:
        """The reservation of this connector in particular."""
        return next((record for record in self._records.values() if record.connector == connector), None)

    def of_station(self) -> list[ReservationRecord]:
        """The reservations of connector 0."""
        return [record for record in self._records.values() if record.connector == 0]

    def others_at(self, connector: int, reservation_id: int) -> bool:
        """The connector is kept by a reservation of another number."""
        record = self.at(connector)
        return record is not None and record.reservation_id != reservation_id

    def held_by(self, connector: int, id_tag: str, parent_id_tag: str | None) -> ReservationRecord | None:
        """The reservation that this id may use on the connector: the connector's own, else one of connector 0."""
        own = self.at(connector)
        if own is not None:
            return own if _holder(own, id_tag, parent_id_tag) else None
        return next((record for record in self.of_station() if _holder(record, id_tag, parent_id_tag)), None)

    def spare(self, free: Iterable[int], claims: int, but: int | None = None) -> int:
        """How many of the free connectors nobody has a word on; below 0: too few for all who have one.

        claims: authorisations that wait for a plug without a reservation. but: the number of a reservation that is left out.
        """
        records = [record for record in self._records.values() if record.reservation_id != but]
        reserved = {record.connector for record in records}
        unreserved = sum(number not in reserved for number in free)
        return unreserved - claims - sum(record.connector == 0 for record in records)

    def may_use(self, connector: int, id_tag: str, parent_id_tag: str | None, others: Iterable[int], claims: int) -> bool:
        """Whether this id may begin here. others: all other connectors that could be used now; claims: see `spare`."""
        if self.held_by(connector, id_tag, parent_id_tag) is not None:
            return True
        if self.at(connector) is not None:
            return False
        return not self.of_station() or self.spare(others, claims) >= 0

    def kept_for_group(self, connector: int) -> bool:
        """A parentIdTag, once it is known, could make anybody a holder here."""
        own = self.at(connector)
        return any(record.parent_id_tag is not None for record in ([own] if own else self.of_station()))

    def expired(self, now_s: float | None) -> list[ReservationRecord]:
        if now_s is None:
            return []
        return [record for record in self._records.values() if now_s >= record.expiry_s]

    def void(self, usable: Iterable[int]) -> list[ReservationRecord]:
        """Reservations whose connector can no longer be used. usable: connectors neither Faulted nor Unavailable."""
        numbers = set(usable)
        return [
            record
            for record in self._records.values()
            if (record.connector not in numbers if record.connector else not numbers)
        ]

    def next_expiry_s(self) -> float | None:
        """Seconds since 1970 UTC."""
        return min((record.expiry_s for record in self._records.values()), default=None)


def _holder(record: ReservationRecord, id_tag: str, parent_id_tag: str | None) -> bool:
    return same_id(record.id_tag, id_tag) or same_id(record.parent_id_tag, parent_id_tag)
