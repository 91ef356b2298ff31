"""Types that messages share (OCPP 1.6, section 7): bounded strings and integers, timestamps, and the classes that nest.

Owns the bases of every message and the wire spelling (camelCase; None is never sent; an unknown field is an error). Knows no
frames and no actions. Bounds hold when a message is decoded: msgspec does not check them when one is made in Python.

Integers are those of the JSON schemas, kept to 64 bits so that they can be stored; durations and counts to 31 bits (xs:int).
"""

from datetime import UTC, datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from chargepoint.messages.enums import (
    AuthorizationStatus,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    Location,
    Measurand,
    Phase,
    ReadingContext,
    RecurrencyKindType,
    UnitOfMeasure,
    ValueFormat,
)

_INT32_MAX = 2**31 - 1

CiString20 = Annotated[str, Meta(max_length=20)]
CiString25 = Annotated[str, Meta(max_length=25)]
CiString50 = Annotated[str, Meta(max_length=50)]
CiString255 = Annotated[str, Meta(max_length=255)]
CiString500 = Annotated[str, Meta(max_length=500)]
IdToken = CiString20
Uri = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s]+\Z")]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=_INT32_MAX)]
DurationS = Annotated[int, Meta(ge=0, le=_INT32_MAX)]
ConnectorId = Annotated[int, Meta(ge=1, le=_INT32_MAX)]
ConnectorIdOrZero = Annotated[int, Meta(ge=0, le=_INT32_MAX)]  # 0 is the charge point as a whole
Timestamp = Annotated[datetime, Meta(tz=True)]
NumberPhases = Annotated[int, Meta(ge=1, le=3)]
# The schemas have multipleOf 0.1 here. Central Systems send two decimals, so every finite number is taken; send one decimal.
Rate = Annotated[float, Meta(ge=0)]


class Dateless(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A JSON object of OCPP 1.6 without a timestamp of its own: nothing is called when one is made."""


class Message(Dateless, frozen=True, kw_only=True):
    """Any other one. Timestamps become UTC whatever offset they came with; one without an offset is UTC."""

    def __post_init__(self) -> None:
        for name in _dates(self.__class__):
            value = getattr(self, name)
            if isinstance(value, datetime) and value.tzinfo is not UTC:
                msgspec.structs.force_setattr(self, name, as_utc(value))


@cache
def _dates(kind: type[Dateless]) -> tuple[str, ...]:
    """The fields that hold a timestamp."""
    return tuple(field.name for field in fields(kind) if Timestamp in (field.type, *get_args(field.type)))


@cache
def is_simple(kind: type[Dateless]) -> bool:
    """Nothing in such a message can be a timestamp, a fraction or anything but text, words, whole numbers and truth."""
    return all(_is_simple(field.type) for field in fields(kind))


def _is_simple(kind: Any) -> bool:
    if not isinstance(kind, type):  # of a union, a tuple or a bounded type: what it is made of
        return all(_is_simple(part) for part in get_args(kind) if part is not Ellipsis and not isinstance(part, Meta))
    return is_simple(kind) if issubclass(kind, Dateless) else issubclass(kind, str | int | NoneType)


class Request(Message, frozen=True, kw_only=True):
    """Payload of a CALL."""


class Confirmation(Message, frozen=True, kw_only=True):
    """Payload of a CALLRESULT."""


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; one without an offset is UTC. Raises ValueError outside the years 1 to 9999."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("Timestamp outside the years 1 to 9999 in UTC") from None


class IdTagInfo(
    Message, frozen=True, kw_only=True, gc=False
):  # 10,000 at once: none is in a cycle, and none is looked for there
    """What is known of an idTag. Without expiryDate it does not expire."""

    expiry_date: Timestamp | None = None
    parent_id_tag: IdToken | None = None
    status: AuthorizationStatus

    def __post_init__(self) -> None:
        if self.expiry_date is not None:
            super().__post_init__()


class AuthorizationData(Dateless, frozen=True, kw_only=True, gc=False):
    """An entry of a local list. Without idTagInfo, in a Differential update, the entry is to be deleted."""

    id_tag: IdToken
    id_tag_info: IdTagInfo | None = None


class KeyValue(Message, frozen=True, kw_only=True):
    """A configuration key."""

    key: CiString50
    readonly: bool
    value: CiString500 | None = None


class SampledValue(Message, frozen=True, kw_only=True):
    """One value; what is None has the default that its enumeration tells."""

    value: str
    context: ReadingContext | None = None
    format: ValueFormat | None = None
    measurand: Measurand | None = None
    phase: Phase | None = None
    location: Location | None = None
    unit: UnitOfMeasure | None = None


class MeterValue(Message, frozen=True, kw_only=True):
    """Values of one moment."""

    timestamp: Timestamp
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1)]


NonEmptyMeterValues = Annotated[tuple[MeterValue, ...], Meta(min_length=1)]


class ChargingSchedulePeriod(Message, frozen=True, kw_only=True):
    """From startPeriod seconds after the schedule's start at most `limit` amperes per phase, or watts. Phases: 3 if None."""

    start_period: DurationS
    limit: Rate
    number_phases: NumberPhases | None = None


class ChargingSchedule(Message, frozen=True, kw_only=True):
    """Periods in ascending order; `duration` in seconds, without it the last period has no end."""

    duration: DurationS | None = None
    start_schedule: Timestamp | None = None
    charging_rate_unit: ChargingRateUnitType
    charging_schedule_period: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1)]
    min_charging_rate: Rate | None = None


class ChargingProfile(Message, frozen=True, kw_only=True):
    """A schedule with its purpose and validity."""

    charging_profile_id: Integer
    transaction_id: Integer | None = None
    stack_level: Count
    charging_profile_purpose: ChargingProfilePurposeType
    charging_profile_kind: ChargingProfileKindType
    recurrency_kind: RecurrencyKindType | None = None
    valid_from: Timestamp | None = None
    valid_to: Timestamp | None = None
    charging_schedule: ChargingSchedule
