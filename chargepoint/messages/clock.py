"""Seconds since 1970 to the timestamps of messages and back. Owns the conversion; knows no clock."""

from datetime import UTC, datetime, timedelta

from chargepoint.messages.types import as_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_utc(ts_s: float) -> datetime:
    """The moment, rounded to milliseconds. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(milliseconds=round(ts_s * 1000))


def from_utc(dt: datetime) -> float:
    """Seconds since 1970; a moment without an offset is UTC."""
    return (as_utc(dt) - _EPOCH).total_seconds()
