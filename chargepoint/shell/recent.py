"""The newest lines of the log, in memory: what an archive of diagnostics shows where no journal is to be had.

Owns the two bounds, lines and characters; at either the oldest goes. Secrets in URLs are blanked once more, for whatever a
library may have written.
"""

import logging
from collections import deque
from datetime import UTC, datetime

from msgspec import Struct

from chargepoint.shell.redact import without_secrets

LINES_MAX = 5_000
CHARACTERS_MAX = 1 << 20
LINE_MAX = 4_000
NEWEST = 200


class Line(Struct, frozen=True):
    """at_s: seconds since 1970 by the system's clock, which may be wrong."""

    at_s: float
    text: str


class Recent(logging.Handler):
    """Takes lines from any thread."""

    def __init__(self, lines_max: int = LINES_MAX, characters_max: int = CHARACTERS_MAX) -> None:
        super().__init__()
        self._lines: deque[Line] = deque()
        self._lines_max, self._characters_max = lines_max, characters_max
        self._characters = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = without_secrets(self.format(record))[:LINE_MAX]
        except Exception:  # a record that cannot be formatted is a mistake of the caller: shown as logging shows it
            self.handleError(record)
            return
        self._lines.append(Line(record.created, f"{record.levelname:7} {text}"))
        self._characters += len(text)
        while len(self._lines) > self._lines_max or self._characters > self._characters_max:
            self._characters -= len(self._lines.popleft().text) - 8

    def between(self, start_s: float | None, stop_s: float | None) -> list[str]:
        """The lines of a time, the oldest first, each with its date."""
        self.acquire()
        try:
            lines = list(self._lines)
        finally:
            self.release()
        wanted = [line for line in lines if start_s is None or line.at_s >= start_s]
        return [f"{stamp(line.at_s)} {line.text}" for line in wanted if stop_s is None or line.at_s <= stop_s]

    def newest(self, since_s: object, limit: object) -> list[str]:
        """At most `limit` lines (NEWEST where it is no number), the newest ones, from since_s on (seconds since 1970)."""
        lines = self.between(since_s if isinstance(since_s, int | float) else None, None)
        wanted = limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else NEWEST
        return lines[-min(wanted, LINES_MAX) :]


def stamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
