"""Stored: a database with something in every table: a session that runs, one that ended offline, messages waiting and dead."""

import tempfile
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from chargepoint.core.effects import Commit
from chargepoint.core.maintenance_records import (
    DiagnosticsOrder,
    DiagnosticsRecord,
    FirmwareOrder,
    FirmwareRecord,
    PutDiagnostics,
    PutFirmware,
    Uploading,
    Waiting,
)
from chargepoint.core.records import (
    CacheId,
    Change,
    Charging,
    ConnectorRecord,
    DeadLetter,
    Delivery,
    Finishing,
    IdTagRecord,
    MeterValuesBody,
    OutboxRow,
    ProfileRecord,
    PutBoot,
    PutConnector,
    PutDeadLetter,
    PutKey,
    PutProfile,
    PutReservation,
    PutRow,
    PutStopSample,
    PutTransaction,
    ReservationRecord,
    Sample,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.security_records import PutSecurity, PutSecurityEvent, SecurityEventRecord, SecurityRecord
from chargepoint.messages import (
    AuthorizationStatus,
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    DiagnosticsStatus,
    FirmwareStatus,
    Reason,
    SampledValue,
)
from chargepoint.store import open_store
from hil.disk.life import small_reserve

OFFSET_S = 1_767_225_600.0
AT = Stamp(1, 100.0)


@cache
def database() -> bytes:
    """The file, merged."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, small_reserve():
        state = Path(folder) / "state"
        store = open_store(state, "a-boot", 10.0)
        boot = store.snapshot().boots[-1]
        store.commit(Commit((PutBoot(replace(boot, offset_s=OFFSET_S)), *_sessions(), *_others()), Stamp(1, 900.0)))
        entries = [IdTagRecord(id_tag=f"LISTED{number}", status=AuthorizationStatus.Accepted) for number in range(3)]
        store.change_list(entries, [], 4, 100)
        store.close()
        return (state / "station.db").read_bytes()


def _sessions() -> list[Change]:
    running = TransactionRecord(
        key=1,
        connector=1,
        id_tag="04A2B3C4",
        start=AT,
        start_offset_s=OFFSET_S,
        register_start_wh=1_000.0,
        meter_start_wh=1_000,
        register_last_wh=1_500.0,
        transaction_id=None,
    )
    ended = replace(
        running,
        key=2,
        connector=2,
        start_offset_s=None,
        stop=Stamp(1, 700.0),
        meter_stop_wh=1_400,
        stop_reason=Reason.Local,
        stop_id_tag="04A2B3C4",
        stop_delivery=Delivery.QUEUED,
        parent_id_tag="FAMILY",
    )
    failed = replace(ended, key=3, start_delivery=Delivery.DEAD, transaction_id=9)
    sample = Sample(stamp=Stamp(1, 160.0), values=(SampledValue(value="1200"),), offset_s=OFFSET_S)
    rows = [
        OutboxRow(seq=1, transaction=1, stamp=AT, body=StartBody(), offset_s=OFFSET_S),
        OutboxRow(seq=2, transaction=1, stamp=AT, body=MeterValuesBody(samples=(sample, sample)), offset_s=None, attempts=1),
        OutboxRow(seq=3, transaction=2, stamp=AT, body=StartBody()),
        OutboxRow(seq=4, transaction=2, stamp=AT, body=StopBody(samples=(sample,))),
    ]
    letter = DeadLetter(row=OutboxRow(seq=5, transaction=3, stamp=AT, body=StartBody()), reason="Formation", at=AT)
    return [
        *(PutTransaction(record) for record in (running, ended, failed)),
        *(PutRow(row) for row in rows),
        *(PutStopSample(1, sample) for _ in range(3)),
        PutDeadLetter(letter),
        PutConnector(ConnectorRecord(number=0, operative=True)),
        PutConnector(ConnectorRecord(number=1, pending="inoperative", session=Charging(transaction=1))),
        PutConnector(ConnectorRecord(number=2, session=Finishing(transaction=2, id_tag="04A2B3C4"))),
    ]


def _others() -> list[Change]:
    period = ChargingSchedulePeriod(start_period=0, limit=16.0)
    profile = ChargingProfile(
        charging_profile_id=3,
        stack_level=0,
        charging_profile_purpose=ChargingProfilePurposeType.TxDefaultProfile,
        charging_profile_kind=ChargingProfileKindType.Relative,
        charging_schedule=ChargingSchedule(charging_rate_unit=ChargingRateUnitType.A, charging_schedule_period=(period,)),
    )
    order = FirmwareOrder(location="http://127.0.0.1:1/image", retrieve_at_s=OFFSET_S + 5_000, retries=1, retry_interval_s=5)
    upload = DiagnosticsOrder(location="ftp://127.0.0.1:1/in", file_name="a.tar.gz", retries=1, retry_interval_s=5)
    return [
        PutKey("HeartbeatInterval", "120"),
        PutKey("MeterValueSampleInterval", "30"),
        PutReservation(ReservationRecord(reservation_id=7, connector=2, id_tag="CARD2", expiry_s=OFFSET_S + 9_000)),
        PutProfile(ProfileRecord(connector=0, profile=profile, installed=AT, offset_s=OFFSET_S)),
        CacheId(IdTagRecord(id_tag="04A2B3C4", status=AuthorizationStatus.Accepted, expiry_s=OFFSET_S + 1e6)),
        PutFirmware(FirmwareRecord(state=Waiting(order), owed=(FirmwareStatus.Downloading,))),
        PutDiagnostics(DiagnosticsRecord(state=Uploading(upload), owed=(DiagnosticsStatus.Uploading,))),
        PutSecurity(SecurityRecord(wanted=1, before=0, signed_firmware=True)),
        PutSecurityEvent(
            SecurityEventRecord(seq=1, event=SecurityEvent.ResetOrReboot, boot=1, mono_s=5.0, info="x", owed=True)
        ),
        PutSecurityEvent(
            SecurityEventRecord(seq=2, event=SecurityEvent.InvalidMessages, boot=1, mono_s=6.0, offset_s=OFFSET_S)
        ),
    ]
