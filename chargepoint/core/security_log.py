"""Security log: what happened that concerns security, and what of it the Central System must still hear (A04).

Owns the order of delivery and the bounds. Refuses to know how an event is seen. The lines lie in the store; in memory are only
those that are owed.

Rules.
1. Every event is a line of the log at once, except in a flood: of one kind `Rule.burst` lines are written in WINDOW_S, the rest
   is counted, and the count becomes one line when the time is over or the station leaves. Counts of a flood that a power cut
   ends are lost.
2. What is owed leaves in the order in which it happened, one at a time, and is owed until it met an answer. A connection that
   goes away is no attempt; a time-out is followed by another attempt after RETRY_MIN_S, doubling up to RETRY_MAX_S; after
   ERRORS_MAX CALLERRORs the line stays in the log alone.
3. At most OWED_MAX are owed: beyond that the oldest of the kind that has most of them stays in the log alone.
"""

from collections import Counter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.core.security_events import RULES, SecurityEvent
from chargepoint.core.security_records import INFO_MAX, PutSecurityEvent, SecurityEventRecord
from chargepoint.core.step import Step

WINDOW_S = 3_600.0
OWED_MAX = 200
ERRORS_MAX = 3
RETRY_MIN_S = 60.0
RETRY_MAX_S = 3_600.0


class Window(Struct):
    """One kind's events since the first of them. more: how many were counted instead of written; last: the newest of these."""

    until_s: float
    written: int = 0
    more: int = 0
    last: str = ""


class SecurityLog:
    def __init__(self, owed: tuple[SecurityEventRecord, ...], next_seq: int) -> None:
        self._owed = list(owed)
        self._next_seq = next_seq
        self._windows: dict[SecurityEvent, Window] = {}
        self._sending = False
        self._errors = 0
        self._retry_s: float | None = None
        self._wait_s = RETRY_MIN_S

    @property
    def owed(self) -> tuple[SecurityEventRecord, ...]:
        return tuple(self._owed)

    def add(self, event: SecurityEvent, info: str, offset_s: float | None, step: Step) -> None:
        """Something was seen. info: for people, never a secret."""
        window = self._windows.get(event)
        if window is None or (step.mono_s >= window.until_s and not window.more):
            window = self._windows[event] = Window(step.mono_s + WINDOW_S)
        if window.written >= RULES[event].burst:
            window.more += 1
            window.last = info
            return
        window.written += 1
        self._write(event, info, offset_s, step)

    def settle(self, offset_s: float | None, leaving: bool, step: Step) -> None:
        """The count of a flood becomes a line when its time is over. leaving: the process is about to end."""
        for event, window in list(self._windows.items()):
            if step.mono_s >= window.until_s or (leaving and window.more):
                del self._windows[event]
                if window.more:
                    self._write(event, f"{window.more} more within {WINDOW_S:.0f} s, the last: {window.last}", offset_s, step)

    def wants(self, mono_s: float) -> bool:
        """Something is under way, or could go now."""
        return self._sending or self.next_owed(mono_s) is not None

    def next_owed(self, mono_s: float) -> SecurityEventRecord | None:
        """What is to be told now."""
        if self._sending or not self._owed or (self._retry_s is not None and mono_s < self._retry_s):
            return None
        return self._owed[0]

    def sending(self, dated: SecurityEventRecord, step: Step) -> None:
        """It goes out; `dated` is it with its offset fixed, which is stored where that is new."""
        self._sending = True
        if dated is not self._owed[0]:
            self._owed[0] = dated
            step.change(PutSecurityEvent(dated))

    def ended(self, kind: Literal["answered", "error", "timeout", "lost"], step: Step) -> None:
        """The notification met its end (`rpc.Outcome.kind`)."""
        self._sending = False
        self._retry_s = None
        if kind == "lost":
            return
        self._errors += kind == "error"
        if kind == "timeout" or (kind == "error" and self._errors < ERRORS_MAX):
            self._retry_s = step.mono_s + self._wait_s
            self._wait_s = min(2 * self._wait_s, RETRY_MAX_S)
            return
        if kind == "error":
            step.log("warning", "The Central System does not take security events; this one stays in the station's log.")
        self._errors, self._wait_s = 0, RETRY_MIN_S
        step.change(PutSecurityEvent(replace(self._owed.pop(0), owed=False)))

    def deadline(self) -> float | None:
        """When a flood's count is due."""
        return min([window.until_s for window in self._windows.values() if window.more], default=None)

    def send_deadline(self) -> float | None:
        """When another attempt is due, where a CALL could go."""
        return self._retry_s if self._owed else None

    def _write(self, event: SecurityEvent, info: str, offset_s: float | None, step: Step) -> None:
        rule = RULES[event]
        record = SecurityEventRecord(
            seq=self._next_seq,
            event=event,
            boot=step.stamp.boot,
            mono_s=step.mono_s,
            offset_s=offset_s,
            info=info[:INFO_MAX],
            owed=rule.told,
        )
        self._next_seq += 1
        step.change(PutSecurityEvent(record))
        step.log("warning" if rule.told else "info", f"Security: {event}{f' ({info})' if info else ''}.")
        if rule.told:
            self._owed.append(record)
            if len(self._owed) > OWED_MAX:
                self._give_up_one(step)

    def _give_up_one(self, step: Step) -> None:
        kind = Counter(record.event for record in self._owed).most_common(1)[0][0]
        index = next(i for i, record in enumerate(self._owed) if record.event == kind and not (i == 0 and self._sending))
        step.change(PutSecurityEvent(replace(self._owed.pop(index), owed=False)))
