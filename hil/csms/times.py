"""Wall-clock time as OCPP 1.6J writes it: ISO 8601, UTC, a `Z` at the end (OCPP-J 1.6 section 3.13, RFC 3339)."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_UTC_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def to_iso(unix_s: float) -> str:
    """Unix time in seconds → `2026-11-03T09:31:02.125Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: object) -> float | None:
    """Unix time in seconds of a time stamp with an offset; None for anything else, one without an offset included."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        stamp = datetime.fromisoformat(text)
        return None if stamp.tzinfo is None else stamp.timestamp()
    except (ValueError, OverflowError):
        return None


def is_utc_stamp(text: object) -> bool:
    """True for what a station shall send: a real date and time in UTC that ends in `Z`."""
    return isinstance(text, str) and _UTC_STAMP.fullmatch(text) is not None and from_iso(text) is not None


@dataclass
class Clock:
    """The Central System's idea of the time. offset_s: how wrong it is on purpose, seconds, positive is ahead."""

    offset_s: float = 0.0
    ahead_s: float = 0.0  # the most it was ever ahead: a station that believed it may stamp that far into the future

    def set_offset(self, offset_s: float) -> None:
        """Lie about the time from now on, in seconds."""
        self.offset_s = offset_s
        self.ahead_s = max(self.ahead_s, offset_s)

    def now(self) -> float:
        """What the Central System says, Unix time in seconds."""
        return time.time() + self.offset_s

    def now_iso(self) -> str:
        """What the Central System says, as OCPP writes it."""
        return to_iso(self.now())

    def latest(self) -> float:
        """The latest time, Unix seconds, that a station which believed this clock can honestly stamp."""
        return time.time() + max(self.ahead_s, self.offset_s, 0.0)
