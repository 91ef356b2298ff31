"""Records as rows of tables, and back. Raises msgspec.MsgspecError where a row does not hold what the record allows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chargepoint.core.faults import Fault
from chargepoint.core.maintenance_records import DiagnosticsRecord, FirmwareRecord
from chargepoint.core.records import (
    Body,
    BootRecord,
    Charging,
    ConnectorRecord,
    Ending,
    Finishing,
    IdTagRecord,
    OffsetS,
    OutboxRow,
    ProfileRecord,
    ReservationRecord,
    Sample,
    Session,
    Stamp,
    TransactionRecord,
)
from chargepoint.core.security_records import SecurityEventRecord, SecurityRecord

Row = Sequence[Any]
Values = tuple[str | int | float | bytes | None, ...]

BOOT_COLUMNS = ("boot", "kernel_boot_id", "first_mono_s", "last_mono_s", "offset_s", "floor_s")
ID_TAG_COLUMNS = ("id_tag", "status", "parent_id_tag", "expiry_s")
CONNECTOR_RECORD_COLUMNS = ("number", "operative", "pending", "session", "latched", "cycles")
CONNECTOR_COLUMNS = (*CONNECTOR_RECORD_COLUMNS, "transaction_key")
RESERVATION_COLUMNS = ("reservation_id", "connector", "id_tag", "parent_id_tag", "expiry_s")
PROFILE_COLUMNS = ("charging_profile_id", "connector", "purpose", "stack_level", "record")
SECURITY_LOG_COLUMNS = ("seq", "event", "boot", "mono_s", "offset_s", "info", "owed")
OUTBOX_COLUMNS = ("seq", "transaction_key", "kind", "boot", "mono_s", "offset_s", "attempts", "body")
ROW_COLUMNS = tuple(name for name in OUTBOX_COLUMNS if name != "kind")  # what an OutboxRow is read from
TRANSACTION_COLUMNS = (
    "key",
    "connector",
    "id_tag",
    "parent_id_tag",
    "id_listed",
    "reservation_id",
    "start_boot",
    "start_mono_s",
    "start_offset_s",
    "register_start_wh",
    "meter_start_wh",
    "register_last_wh",
    "register_shift_wh",
    "transaction_id",
    "id_status",
    "start_delivery",
    "stop_boot",
    "stop_mono_s",
    "stop_offset_s",
    "meter_stop_wh",
    "stop_reason",
    "stop_id_tag",
    "stop_delivery",
)

_encoder = msgspec.json.Encoder()
_body_decoder = msgspec.json.Decoder(Body)
_session_decoder = msgspec.json.Decoder(Session)
_sample_decoder = msgspec.json.Decoder(Sample)
_profile_decoder = msgspec.json.Decoder(ProfileRecord)
_security_decoder = msgspec.json.Decoder(SecurityRecord)
_firmware_decoder = msgspec.json.Decoder(FirmwareRecord)
_diagnostics_decoder = msgspec.json.Decoder(DiagnosticsRecord)


def boot_values(record: BootRecord) -> Values:
    return msgspec.structs.astuple(record)


def boot_record(row: Row) -> BootRecord:
    return msgspec.convert(dict(zip(BOOT_COLUMNS, row, strict=True)), BootRecord)


def id_tag_values(record: IdTagRecord) -> Values:
    return (record.id_tag, record.status.value, record.parent_id_tag, record.expiry_s)


def id_tag_record(row: Row) -> IdTagRecord:
    return msgspec.convert(dict(zip(ID_TAG_COLUMNS, row, strict=True)), IdTagRecord)


def reservation_values(record: ReservationRecord) -> Values:
    return tuple(getattr(record, column) for column in RESERVATION_COLUMNS)


def reservation_record(row: Row) -> ReservationRecord:
    return msgspec.convert(dict(zip(RESERVATION_COLUMNS, row, strict=True)), ReservationRecord)


def transaction_values(record: TransactionRecord) -> Values:
    fields = msgspec.to_builtins(record)
    fields["start_boot"], fields["start_mono_s"] = fields.pop("start")
    fields["stop_boot"], fields["stop_mono_s"] = fields.pop("stop") or (None, None)
    return tuple(fields[column] for column in TRANSACTION_COLUMNS)


def transaction_record(row: Row) -> TransactionRecord:
    fields = dict(zip(TRANSACTION_COLUMNS, row, strict=True))
    fields["id_listed"] = bool(fields["id_listed"])
    fields["start"] = (fields.pop("start_boot"), fields.pop("start_mono_s"))
    stop = (fields.pop("stop_boot"), fields.pop("stop_mono_s"))
    fields["stop"] = None if stop[0] is None else stop
    return msgspec.convert(fields, TransactionRecord)


def outbox_values(row: OutboxRow) -> Values:
    kind = str(row.body.__struct_config__.tag)
    body = _encoder.encode(row.body)
    return (row.seq, row.transaction, kind, row.stamp.boot, row.stamp.mono_s, row.offset_s, row.attempts, body)


def outbox_row(row: Row) -> OutboxRow:
    seq, transaction, boot, mono_s, offset_s, attempts, body = row
    return OutboxRow(
        seq=seq,
        transaction=transaction,
        stamp=msgspec.convert((boot, mono_s), Stamp),
        body=_body_decoder.decode(body),
        offset_s=None if offset_s is None else msgspec.convert(offset_s, OffsetS),
        attempts=attempts,
    )


def connector_values(record: ConnectorRecord) -> Values:
    """As CONNECTOR_COLUMNS: the record, and the transaction that its session is about."""
    session, latched = record.session, " ".join(record.latched)
    fields = (record.number, int(record.operative), record.pending, session_value(session), latched, record.cycles)
    return (*fields, session_key(session))


def session_value(session: Session) -> bytes:
    return _encoder.encode(session)


def session_key(session: Session) -> int | None:
    """The transaction that a session is about."""
    return session.transaction if isinstance(session, Charging | Ending | Finishing) else None


def connector_record(
    number: int, operative: int, pending: str | None, session: bytes, latched: str, cycles: int
) -> ConnectorRecord:
    fields = {"number": number, "operative": bool(operative), "pending": pending, "session": _session_decoder.decode(session)}
    return msgspec.convert({**fields, "latched": _latched(latched), "cycles": cycles}, ConnectorRecord)


def _latched(names: str) -> tuple[Fault, ...]:
    """A name that is not known (a bit has flipped) is a fault that was there: the connector stays out of use."""
    known = set(Fault)
    return tuple(Fault(name) if name in known else Fault.CONTACTOR_WELDED for name in names.split())


def sample_value(sample: Sample) -> bytes:
    return _encoder.encode(sample)


def sample_record(value: bytes) -> Sample:
    return _sample_decoder.decode(value)


def profile_values(record: ProfileRecord) -> Values:
    profile = record.profile
    purpose = profile.charging_profile_purpose.value
    return (profile.charging_profile_id, record.connector, purpose, profile.stack_level, _encoder.encode(record))


def profile_record(value: bytes) -> ProfileRecord:
    return _profile_decoder.decode(value)


def maintenance_value(record: FirmwareRecord | DiagnosticsRecord | SecurityRecord) -> bytes:
    return _encoder.encode(record)


def firmware_record(value: bytes | None) -> FirmwareRecord:
    """Nothing is under way where nothing is stored, or what is cannot be understood (a bit has flipped): no station may stand
    still for that.
    """
    try:
        return FirmwareRecord() if value is None else _firmware_decoder.decode(value)
    except msgspec.MsgspecError:
        return FirmwareRecord()


def diagnostics_record(value: bytes | None) -> DiagnosticsRecord:
    """As for firmware."""
    try:
        return DiagnosticsRecord() if value is None else _diagnostics_decoder.decode(value)
    except msgspec.MsgspecError:
        return DiagnosticsRecord()


def security_record(value: bytes | None) -> SecurityRecord:
    """As for firmware: then the settings' profile counts."""
    try:
        return SecurityRecord() if value is None else _security_decoder.decode(value)
    except msgspec.MsgspecError:
        return SecurityRecord()


def security_event_values(record: SecurityEventRecord) -> Values:
    return (*(getattr(record, column) for column in SECURITY_LOG_COLUMNS[:-1]), int(record.owed))


def security_event_record(row: Row) -> SecurityEventRecord | None:
    """None where it cannot be understood (a bit has flipped): it stays in the log for people, and nobody is told."""
    fields = dict(zip(SECURITY_LOG_COLUMNS, row, strict=True))
    try:
        return msgspec.convert({**fields, "owed": bool(fields["owed"])}, SecurityEventRecord)
    except msgspec.MsgspecError:
        return None


def select(columns: tuple[str, ...], table: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"


def replace(columns: tuple[str, ...], table: str, count: int = 1) -> str:
    """The statement that puts `count` rows, one after the other, each in the place of the one with its key, if there is one."""
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)}"
