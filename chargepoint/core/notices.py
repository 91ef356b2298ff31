"""Notices: status notifications that are each told once and in their order, over a cut link and a restart.

Owns the queue of what is owed, and what a TriggerMessage wants told once more. Refuses to know what the statuses mean.

Rules.
1. A notice leaves the queue when it met an answer, be it a CALLERROR. A link that went away is no answer; of time-outs on a
   living link there may be ATTEMPTS_MAX, so that a Central System that never answers holds nothing up.
2. At most OWED_MAX wait; beyond that the oldest goes.
3. A triggered notice comes after what is owed, so that nothing is told out of order. A link that goes away forgets it. There
   are two of them: that of OCPP 1.6 and that of the security extension (`extended`).
"""

from collections import deque
from typing import Generic, Literal, TypeVar

End = Literal["answered", "error", "timeout", "lost"]

OWED_MAX = 16
ATTEMPTS_MAX = 3

S = TypeVar("S")
Trigger = Literal["plain", "extended"]


class Notices(Generic[S]):
    def __init__(self, owed: tuple[S, ...]) -> None:
        self._owed = deque(owed, OWED_MAX)
        self._triggered: list[Trigger] = []
        self._sending: Literal["owed", "triggered"] | None = None
        self._attempts = 0

    @property
    def owed(self) -> tuple[S, ...]:
        return tuple(self._owed)

    @property
    def pending(self) -> bool:
        """Something is owed or on its way."""
        return bool(self._owed) or self._sending is not None

    def add(self, status: S) -> None:
        if len(self._owed) == OWED_MAX and self._sending == "owed":
            del self._owed[1]
        self._owed.append(status)

    def trigger(self, kind: Trigger = "plain") -> None:
        """TriggerMessage or ExtendedTriggerMessage: tell the status even if nothing is owed."""
        if kind not in self._triggered:
            self._triggered.append(kind)

    def next_owed(self) -> S | None:
        return self._owed[0] if self._owed and self._sending is None else None

    def wants_trigger(self, *, in_order: bool) -> Trigger | None:
        """The triggered notice that may go. in_order: not before what is owed."""
        if not self._triggered or self._sending is not None or (in_order and self._owed):
            return None
        return self._triggered[0]

    def sent(self, what: Literal["owed", "triggered"]) -> None:
        self._sending = what
        if what == "triggered":
            del self._triggered[0]

    def ended(self, kind: End) -> bool:
        """The notice under way met its end; True where something less is owed now."""
        what, self._sending = self._sending, None
        if what != "owed":
            return False
        self._attempts += kind == "timeout"
        if kind == "lost" or (kind == "timeout" and self._attempts < ATTEMPTS_MAX):
            return False
        self._attempts = 0
        self._owed.popleft()
        return True

    def link_down(self) -> None:
        self._triggered.clear()
