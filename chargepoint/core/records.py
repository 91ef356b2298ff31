"""Records: what the station must still know after a power cut.

Owns the frozen values that the store keeps and the changes that a step makes to them. Refuses to know how or where they are
stored. OCPP 1.6: sections 3.7 (offline behaviour), 4.8 and 4.10 (Start and StopTransaction), 7.8 (IdTagInfo).
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chargepoint.core.faults import Fault
from chargepoint.core.maintenance_records import DiagnosticsRecord, FirmwareRecord, PutDiagnostics, PutFirmware
from chargepoint.core.security_records import PutSecurity, PutSecurityEvent, SecurityEventRecord, SecurityRecord
from chargepoint.messages import AuthorizationStatus, ChargingProfile, Reason, SampledValue

MonoS = Annotated[float, Meta(ge=0, le=1e10)]
"""Monotonic seconds: three centuries. A stored number beyond that is damage."""
OffsetS = Annotated[float, Meta(ge=-1e10, le=1e11)]
"""What makes a date of monotonic seconds, or a date itself: seconds since 1970 UTC, the years 1653 to 5138."""


class Stamp(Struct, frozen=True, array_like=True):
    """An instant on the monotonic clock of one boot of the machine. It becomes a date when the time is known."""

    boot: int
    mono_s: MonoS


class BootRecord(Struct, frozen=True, kw_only=True):
    """One boot of the machine. Within it the monotonic clock runs on, over every restart of the process.

    first_mono_s: when the station first ran in this boot. last_mono_s: the newest instant that was stored.
    offset_s: wall clock minus monotonic clock, once known. floor_s: the last time known before this boot; nothing of this
    boot can be earlier. When the time of day steps back, floor_s and first_mono_s become what it was and when.
    """

    boot: int
    kernel_boot_id: str
    first_mono_s: MonoS
    last_mono_s: MonoS
    offset_s: OffsetS | None = None
    floor_s: OffsetS | None = None


class IdTagRecord(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of an id tag (IdTagInfo, section 7.8). expiry_s: seconds since 1970 UTC."""

    id_tag: str
    status: AuthorizationStatus
    parent_id_tag: str | None = None
    expiry_s: float | None = None


class Delivery(StrEnum):
    """How far a billing message has come."""

    QUEUED = "queued"
    CONFIRMED = "confirmed"
    DEAD = "dead"  # spent its attempts; kept in the dead letters


class TransactionRecord(Struct, frozen=True, kw_only=True):
    """One session in the ledger, from StartTransaction to StopTransaction, and whether the Central System has them.

    key is local and never sent. Registers are the meter's own; what is billed follows from `metering`: meter_start_wh and
    meter_stop_wh are the whole Wh of StartTransaction and StopTransaction. register_last_wh is the newest register, counted on
    from the start even if the meter fell back meanwhile; register_shift_wh is what must be added to its readings for that.
    Offsets date the stamps (wall minus monotonic);
    None until the time is known.
    """

    key: int
    connector: int
    id_tag: str
    start: Stamp
    start_offset_s: OffsetS | None
    register_start_wh: float
    meter_start_wh: int
    parent_id_tag: str | None = None
    id_listed: bool = False
    reservation_id: int | None = None
    register_last_wh: float
    register_shift_wh: float = 0.0
    transaction_id: int | None = None
    id_status: AuthorizationStatus | None = None
    start_delivery: Delivery = Delivery.QUEUED
    stop: Stamp | None = None
    stop_offset_s: OffsetS | None = None
    meter_stop_wh: int | None = None
    stop_reason: Reason | None = None
    stop_id_tag: str | None = None
    stop_delivery: Delivery | None = None


class Sample(Struct, frozen=True, kw_only=True):
    """Meter values taken at one instant (MeterValue, section 7.33), dated when sent."""

    stamp: Stamp
    values: tuple[SampledValue, ...]
    offset_s: OffsetS | None = None


class StartBody(Struct, frozen=True, tag="start"):
    """StartTransaction.req; everything in it stands in the transaction record."""


class MeterValuesBody(Struct, frozen=True, tag="meter_values", kw_only=True):
    samples: tuple[Sample, ...]


class StopBody(Struct, frozen=True, tag="stop", kw_only=True):
    """StopTransaction.req; samples are its transactionData, already thinned to what one frame may carry."""

    samples: tuple[Sample, ...] = ()


Body = StartBody | MeterValuesBody | StopBody


class OutboxRow(Struct, frozen=True, kw_only=True):
    """One billing message that waits for its answer. Rows leave in the order of `seq`.

    offset_s dates `stamp`; it is fixed when the row is made, or at its first sending where the time was not yet known, so
    that a repeated row says the same again.
    """

    seq: int
    transaction: int
    stamp: Stamp
    body: Body
    offset_s: OffsetS | None = None
    attempts: int = 0


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A row that spent its attempts, with the reason that its last attempt met."""

    row: OutboxRow
    reason: str
    at: Stamp


class Idle(Struct, frozen=True, tag="idle"):
    """No session. An authorisation that waits for a plug belongs to the station, not to the connector."""


class Charging(Struct, frozen=True, tag="charging", kw_only=True):
    """A transaction runs. invalid: the Central System did not accept the id; no energy beyond MaxEnergyOnInvalidId."""

    transaction: int
    invalid: bool = False


class Ending(Struct, frozen=True, tag="ending", kw_only=True):
    """The transaction is over, its contactor commanded open; the last meter reading is waited for. offset_s dates the stop.
    id_tag: of the card that stopped it. held_for: the id tag that may free the cable.
    """

    transaction: int
    reason: Reason
    stop: Stamp
    offset_s: OffsetS | None = None
    id_tag: str | None = None
    held_for: str | None = None


class Finishing(Struct, frozen=True, tag="finishing", kw_only=True):
    """The cable of an ended transaction is still there; it ended for `reason`. held_for: the id tag that may free the cable."""

    transaction: int
    id_tag: str
    held_for: str | None = None
    reason: Reason = Reason.Local


Session = Idle | Charging | Ending | Finishing


class ConnectorRecord(Struct, frozen=True, kw_only=True):
    """What a connector (or the station, number 0) carries over a power cut. pending: waits for a transaction's end.

    latched: faults that an installer must clear. cycles: how often the contactor was commanded closed.
    """

    number: int
    operative: bool = True
    pending: Literal["operative", "inoperative"] | None = None
    session: Session = Idle()
    latched: tuple[Fault, ...] = ()
    cycles: Annotated[int, Meta(ge=0)] = 0


class ProfileRecord(Struct, frozen=True, kw_only=True):
    """An installed charging profile (section 7.9). connector 0: the station. transaction: the key of a TxProfile's own.

    offset_s dates `installed` where the time was known then.
    """

    connector: int
    profile: ChargingProfile
    installed: Stamp
    offset_s: OffsetS | None = None
    transaction: int | None = None


class PutBoot(Struct, frozen=True):
    record: BootRecord


class PutKey(Struct, frozen=True):
    """The value of an OCPP configuration key that differs from its first value."""

    name: str
    value: str


class PutConnector(Struct, frozen=True):
    record: ConnectorRecord


class PutTransaction(Struct, frozen=True):
    record: TransactionRecord


class PutRegister(Struct, frozen=True):
    """How far a running transaction's register has come (see TransactionRecord); the rest of its record is as it was."""

    transaction: int
    register_last_wh: float
    register_shift_wh: float


class PutRow(Struct, frozen=True):
    """A new row, or an old one with its attempts and offset brought up to date."""

    row: OutboxRow


class DropRow(Struct, frozen=True):
    """The row met its answer."""

    seq: int


class PutDeadLetter(Struct, frozen=True):
    """The row moves from the outbox to the dead letters."""

    letter: DeadLetter


class ReplayDeadLetter(Struct, frozen=True):
    """The dead letter moves back to the end of the outbox with no attempts spent, as row `seq`."""

    old_seq: int
    row: OutboxRow


class PutStopSample(Struct, frozen=True):
    """One sample of a running transaction's StopTxn data (StopTransaction.req transactionData)."""

    transaction: int
    sample: Sample


class DropStopSamples(Struct, frozen=True):
    transaction: int


class ReservationRecord(Struct, frozen=True, kw_only=True):
    """A connector kept for somebody (ReserveNow, section 5.13). connector 0: any one. expiry_s: seconds since 1970 UTC."""

    reservation_id: int
    connector: int
    id_tag: str
    expiry_s: float
    parent_id_tag: str | None = None


class PutReservation(Struct, frozen=True):
    record: ReservationRecord


class DropReservation(Struct, frozen=True):
    reservation_id: int


class CacheId(Struct, frozen=True):
    """Into the authorisation cache; the store evicts the longest unused entry above its bound."""

    record: IdTagRecord


class ClearIdCache(Struct, frozen=True):
    """The authorisation cache is emptied, and nothing else (ClearCache, section 5.4)."""


class PutProfile(Struct, frozen=True):
    """Installs a charging profile. What it replaces was dropped in the same step."""

    record: ProfileRecord


class DropProfile(Struct, frozen=True):
    """The charging profile was cleared or replaced, or its transaction ended."""

    charging_profile_id: int


Change = (
    PutBoot
    | PutKey
    | PutConnector
    | PutTransaction
    | PutRegister
    | PutRow
    | DropRow
    | PutDeadLetter
    | ReplayDeadLetter
    | PutStopSample
    | DropStopSamples
    | PutReservation
    | DropReservation
    | PutProfile
    | DropProfile
    | PutFirmware
    | PutDiagnostics
    | PutSecurity
    | PutSecurityEvent
    | CacheId
    | ClearIdCache
)


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything that the core needs to go on after a start; large tables stay in the store and are asked for.

    run: counts the starts of the process, for message ids. boots: this machine boot last. transactions: those that a
    connector or the outbox still needs. queued: rows in the outbox, of which none are carried here. owed_events: lines of the
    security log that the Central System has not confirmed, the oldest first.
    """

    run: int
    boots: tuple[BootRecord, ...]
    keys: dict[str, str]
    connectors: tuple[ConnectorRecord, ...] = ()
    transactions: tuple[TransactionRecord, ...] = ()
    stop_samples: dict[int, tuple[Sample, ...]]
    queued: int = 0
    next_seq: int = 1
    next_transaction: int = 1
    dead_letters: int = 0
    reservations: tuple[ReservationRecord, ...] = ()
    profiles: tuple[ProfileRecord, ...] = ()
    firmware: FirmwareRecord = FirmwareRecord()
    diagnostics: DiagnosticsRecord = DiagnosticsRecord()
    security: SecurityRecord = SecurityRecord()
    owed_events: tuple[SecurityEventRecord, ...] = ()
    next_event_seq: int = 1
    list_version: int = 0
    list_length: int = 0


def next_boot(earlier: tuple[BootRecord, ...], kernel_boot_id: str, mono_s: float) -> BootRecord:
    """The record of the machine boot that runs now: the newest one where the kernel says it is the same, else a new one."""
    if earlier and earlier[-1].kernel_boot_id == kernel_boot_id and earlier[-1].last_mono_s <= mono_s:
        return earlier[-1]
    ends = [said_s(boot, boot.last_mono_s) for boot in earlier]
    return BootRecord(
        boot=earlier[-1].boot + 1 if earlier else 1,
        kernel_boot_id=kernel_boot_id,
        first_mono_s=mono_s,
        last_mono_s=mono_s,
        floor_s=next((end for end in reversed(ends) if end is not None), None),  # no earlier one is later, unless by a mistake
    )


def said_s(boot: BootRecord, mono_s: float) -> float | None:
    """What the time of day was said to be at an instant of a boot: never below its floor, from which it goes on at half speed
    until the truth has caught up. While the boot knows no time: the floor and what has passed since; None without a floor.
    """
    if boot.offset_s is None:
        return None if boot.floor_s is None else boot.floor_s + (mono_s - boot.first_mono_s)
    true_s = boot.offset_s + mono_s
    return true_s if boot.floor_s is None else max(true_s, boot.floor_s + max(0.0, mono_s - boot.first_mono_s) / 2)
