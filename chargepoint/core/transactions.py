"""Transactions: the ledger's open pages, and how a billing row becomes a message (OCPP 1.6 sections 4.8, 4.7, 4.10).

Owns transaction records from their start until both their messages are delivered, and the transactionData of the running ones.
Refuses to know how rows are queued. transactionId and dates are filled in here, at the moment of sending.
"""

from collections.abc import Callable

from msgspec.structs import replace

from chargepoint.core.measurands import whole_wh
from chargepoint.core.records import (
    Delivery,
    DropStopSamples,
    MeterValuesBody,
    OutboxRow,
    PutRegister,
    PutTransaction,
    Sample,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.core.step import Step
from chargepoint.core.stop_data import StopData
from chargepoint.messages import (
    AuthorizationStatus,
    MeterValue,
    MeterValuesReq,
    Reason,
    StartTransactionReq,
    StopTransactionReq,
    to_utc,
)

NO_TRANSACTION_ID = -1  # StopTransaction of a transaction whose StartTransaction spent its attempts
CLOSED_MAX = 1_000

Offset = Callable[[Stamp], float | None]


class Transactions:
    def __init__(
        self, records: tuple[TransactionRecord, ...], stop_samples: dict[int, tuple[Sample, ...]], next_key: int, metering: str
    ) -> None:
        self._records = {record.key: record for record in records}
        self._closed = [record.key for record in records if _is_closed(record)]
        self._stop_data = {key: StopData(key, samples) for key, samples in stop_samples.items()}
        self._next_key = next_key
        self._from_zero = metering == "transaction"

    def __getitem__(self, key: int) -> TransactionRecord:
        return self._records[key]

    def open(
        self,
        connector: int,
        id_tag: str,
        register_wh: float,
        offset_s: float | None,
        step: Step,
        *,
        parent_id_tag: str | None = None,
        id_listed: bool = False,
        reservation_id: int | None = None,
    ) -> TransactionRecord:
        """A transaction begins now, at this meter register."""
        record = TransactionRecord(
            key=self._next_key,
            connector=connector,
            id_tag=id_tag,
            parent_id_tag=parent_id_tag,
            id_listed=id_listed,
            reservation_id=reservation_id,
            start=step.stamp,
            start_offset_s=offset_s,
            register_start_wh=register_wh,
            register_last_wh=register_wh,
            meter_start_wh=0 if self._from_zero else whole_wh(register_wh),
        )
        self._next_key += 1
        self._put(record, step)
        return record

    def metered(self, key: int, register_wh: float) -> TransactionRecord:
        """Takes a reading into the running transaction. A meter that fell back is counted on from where it was."""
        record = self._records[key]
        counted_wh = register_wh + record.register_shift_wh
        if counted_wh < record.register_last_wh:
            shift_wh = record.register_shift_wh + record.register_last_wh - counted_wh
            record = replace(record, register_shift_wh=shift_wh)
        else:
            record = replace(record, register_last_wh=counted_wh)
        self._records[key] = record
        return record

    def energy_wh(self, key: int) -> float:
        record = self._records[key]
        return record.register_last_wh - record.register_start_wh

    def register_offset_wh(self, key: int) -> float:
        """What is taken off the meter's register in this transaction's meter values."""
        record = self._records[key]
        base_wh = record.register_start_wh if from_zero(record) else 0.0
        return base_wh - record.register_shift_wh

    def keep(self, key: int, step: Step) -> None:
        """Stores the newest register, so that a power cut costs no energy."""
        record = self._records[key]
        step.change(PutRegister(key, record.register_last_wh, record.register_shift_wh))

    def close(
        self, key: int, reason: Reason, stop: Stamp, offset_s: float | None, id_tag: str | None, step: Step
    ) -> TransactionRecord:
        """The transaction ended, at its last register."""
        record = self._records[key]
        used_wh = max(0.0, record.register_last_wh - record.register_start_wh)
        stop_wh = whole_wh(used_wh) if from_zero(record) else max(whole_wh(record.register_last_wh), record.meter_start_wh)
        record = replace(
            record,
            stop=stop,
            stop_offset_s=offset_s,
            stop_reason=reason,
            stop_id_tag=id_tag,
            meter_stop_wh=stop_wh,
            stop_delivery=Delivery.QUEUED,
        )
        self._put(record, step)
        return record

    def add_stop_sample(self, key: int, sample: Sample, step: Step) -> None:
        """One more sample of transactionData."""
        self._stop_data.setdefault(key, StopData(key)).add(sample, step)

    def take_stop_samples(self, key: int, step: Step) -> tuple[Sample, ...]:
        """What StopTransaction carries; it is in the row from now on."""
        data = self._stop_data.pop(key, None)
        if data is None:
            return ()
        step.change(DropStopSamples(key))
        return data.samples

    def started(self, key: int, transaction_id: int, status: AuthorizationStatus, parent: str | None, step: Step) -> None:
        """StartTransaction.conf."""
        record = self._records[key]
        self._put(
            replace(
                record,
                transaction_id=transaction_id,
                id_status=status,
                parent_id_tag=parent or record.parent_id_tag,
                start_delivery=Delivery.CONFIRMED,
            ),
            step,
        )

    def start_spent(self, key: int, step: Step) -> None:
        self._put(replace(self._records[key], start_delivery=Delivery.DEAD), step)

    def stop_delivered(self, key: int, delivery: Delivery, step: Step) -> None:
        """StopTransaction met its answer, or spent its attempts: the page of the ledger is closed.

        It is kept as long as the outbox may hold a row of it (a dead letter that was replayed); at most CLOSED_MAX are.
        """
        self._put(replace(self._records[key], stop_delivery=delivery), step)
        self._closed.append(key)
        if len(self._closed) > CLOSED_MAX:
            self._records.pop(self._closed.pop(0), None)

    def forget_closed(self) -> None:
        """The outbox is empty: nobody asks for a closed page any more."""
        for key in self._closed:
            self._records.pop(key, None)
        self._closed.clear()

    def restore(self, record: TransactionRecord) -> None:
        """A record that a row from the store needs."""
        if self._records.setdefault(record.key, record) is record and _is_closed(record):
            self._closed.append(record.key)

    def request(self, row: OutboxRow) -> tuple[str, StartTransactionReq | MeterValuesReq | StopTransactionReq]:
        """The message of a row whose dates are fixed. Nothing in it lies before the start of the transaction."""
        record = self._records[row.transaction]
        assert row.offset_s is not None
        at_s = row.offset_s + row.stamp.mono_s
        since_s = at_s if record.start_offset_s is None else record.start_offset_s + record.start.mono_s
        match row.body:
            case StartBody():
                return "StartTransaction", StartTransactionReq(
                    connector_id=record.connector,
                    id_tag=record.id_tag,
                    meter_start=record.meter_start_wh,
                    reservation_id=record.reservation_id,
                    timestamp=to_utc(at_s),
                )
            case MeterValuesBody(samples=samples):
                return "MeterValues", MeterValuesReq(
                    connector_id=record.connector,
                    transaction_id=record.transaction_id,
                    meter_value=_meter_values(samples, since_s),
                )
            case StopBody(samples=samples):
                assert record.meter_stop_wh is not None
                return "StopTransaction", StopTransactionReq(
                    transaction_id=NO_TRANSACTION_ID if record.transaction_id is None else record.transaction_id,
                    id_tag=record.stop_id_tag,
                    meter_stop=record.meter_stop_wh,
                    timestamp=to_utc(max(at_s, since_s)),
                    reason=record.stop_reason,
                    transaction_data=_meter_values(samples, since_s) or None,
                )

    def dated(self, row: OutboxRow, offset_of: Offset, step: Step) -> OutboxRow | None:
        """The row with every date fixed, so that it says the same whenever it is sent again; None while the time is unknown.

        What was made while the time was unknown is dated here, at the first sending, and the ledger learns it.
        """
        offset_s = offset_of(row.stamp) if row.offset_s is None else row.offset_s
        body = row.body if isinstance(row.body, StartBody) else replace(row.body, samples=_dated(row.body.samples, offset_of))
        if offset_s is None or (not isinstance(body, StartBody) and any(one.offset_s is None for one in body.samples)):
            return None
        record = self._records[row.transaction]
        if isinstance(body, StartBody) and record.start_offset_s is None:
            self._put(replace(record, start_offset_s=offset_s), step)
        if isinstance(body, StopBody) and record.stop_offset_s is None:
            self._put(replace(record, stop_offset_s=offset_s), step)
        return row if offset_s == row.offset_s and body == row.body else replace(row, offset_s=offset_s, body=body)

    def _put(self, record: TransactionRecord, step: Step) -> None:
        self._records[record.key] = record
        step.change(PutTransaction(record))


def from_zero(record: TransactionRecord) -> bool:
    """It counts from zero, whatever `metering` of the settings says by now: its meterStart is 0 where the register was not."""
    return record.meter_start_wh == 0 and record.register_start_wh >= 1.0


def _is_closed(record: TransactionRecord) -> bool:
    return record.stop_delivery in (Delivery.CONFIRMED, Delivery.DEAD)


def _dated(samples: tuple[Sample, ...], offset_of: Offset) -> tuple[Sample, ...]:
    return tuple(one if one.offset_s is not None else replace(one, offset_s=offset_of(one.stamp)) for one in samples)


def _meter_values(samples: tuple[Sample, ...], since_s: float) -> tuple[MeterValue, ...]:
    values = []
    for sample in samples:
        assert sample.offset_s is not None
        if sample.values:
            at_s = max(sample.offset_s + sample.stamp.mono_s, since_s)
            values.append(MeterValue(timestamp=to_utc(at_s), sampled_value=sample.values))
    return tuple(values)
