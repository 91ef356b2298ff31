"""Invariants: what must hold at every step, and what the books must say once everything has healed.

Owns the judgement. Refuses to excuse: what a card that lied about its flush may cost is named by the caller, one by one.
"""

import json

from chargepoint.core import effects as fx
from chargepoint.core import records as rec
from chargepoint.core.faults import Fault
from chargepoint.core.sessions import WIND_DOWN_S
from chargepoint.core.supervision import OVER_S
from chargepoint.facts import InputKind, PilotState
from hil.simulate.book import Book
from hil.simulate.limits import Limits
from hil.simulate.outlet import Outlet

LATE_S = 0.01
EARLIEST = "2024"
WINDOW_MAX = 64 + 8  # rows of the outbox in memory
DATABASE_MAX = 32 << 20


class Violation(AssertionError):
    """Something that was promised did not hold."""


class Invariants:
    """sessions, latched: what the store holds of each connector, kept from the commits."""

    def __init__(self, outlets: list[Outlet], station_a: float) -> None:
        self._outlets = {outlet.number: outlet for outlet in outlets}
        self._station_a = station_a
        self.sessions: dict[int, rec.Session] = {}
        self.latched: dict[int, tuple[Fault, ...]] = {}
        self._stamp = EARLIEST

    def step(self, effects: list[fx.Effect]) -> None:
        """One step of the station, before it is performed."""
        ranks = [0 if isinstance(one, fx.OpenContactor) else 1 if isinstance(one, fx.Commit) else 2 for one in effects]
        if ranks != sorted(ranks) or ranks.count(1) > 1:
            raise Violation(f"effects out of order: {effects}")

    def started(self, records: tuple[rec.ConnectorRecord, ...]) -> None:
        """What the store held when the process started."""
        self.sessions = {record.number: record.session for record in records}
        self.latched = {record.number: record.latched for record in records}

    def committed(self, commit: fx.Commit, *, cleared: bool) -> None:
        """cleared: an installer has asked for it."""
        for change in commit.changes:
            if isinstance(change, rec.PutConnector):
                number, latched = change.record.number, change.record.latched
                gone = set(self.latched.get(number, ())) - set(latched)
                if gone and not cleared:
                    raise Violation(f"connector {number} forgets {', '.join(sorted(gone))}, which nobody has cleared")
                self.sessions[number], self.latched[number] = change.record.session, latched

    def closing(self, number: int) -> None:
        """A contactor is about to close."""
        outlet = self._outlets[number]
        if not isinstance(self.sessions.get(number), rec.Charging):
            raise Violation(f"connector {number} closes without a stored session")
        if outlet.pilot().state not in (PilotState.C, PilotState.D):
            raise Violation(f"connector {number} closes in pilot state {outlet.pilot().state}")
        if latched := self.latched.get(number):
            raise Violation(f"connector {number} closes with {', '.join(latched)}, which nobody has cleared")
        if not outlet.locked:
            raise Violation(f"connector {number} closes with an unlocked cable")

    def offered(self) -> None:
        total_a = sum(outlet.offered_a or 0.0 for outlet in self._outlets.values())
        if total_a > self._station_a + 1e-6:
            raise Violation(f"{total_a} A are offered, and the station may take {self._station_a} A")

    def settled(self, now_s: float, tripped: set[tuple[int, InputKind]], limits: Limits, window_rows: int) -> None:
        """A step and all that it brought about is done. tripped: lines that the station has been told of."""
        for outlet in self._outlets.values():
            if outlet.coil:
                self._may_be_closed(outlet, now_s, tripped)
        exceeded = limits.exceeded({number: outlet.offered_a or 0.0 for number, outlet in self._outlets.items()})
        if exceeded is not None:
            raise Violation(exceeded)
        if window_rows > WINDOW_MAX:
            raise Violation(f"{window_rows} rows of the outbox are in memory")

    def in_time(self, outlet: Outlet, now_s: float) -> None:
        """A contactor is closed, or about to open at last."""
        if outlet.offered_a is None and now_s > outlet.withdrawn_s + WIND_DOWN_S + LATE_S:
            late_s = now_s - outlet.withdrawn_s
            raise Violation(f"connector {outlet.number} is closed and was offered nothing for {late_s:.3f} s")

    def _may_be_closed(self, outlet: Outlet, now_s: float, tripped: set[tuple[int, InputKind]]) -> None:
        number, state, session = outlet.number, outlet.pilot().state, self.sessions.get(outlet.number)
        if not isinstance(session, rec.Charging | rec.Ending):
            raise Violation(f"connector {number} is closed without a stored session")
        self.in_time(outlet, now_s)
        if outlet.over_s is not None and now_s > outlet.over_s + OVER_S + 1.0 + LATE_S:
            raise Violation(f"connector {number} is closed and has drawn too much for {now_s - outlet.over_s:.3f} s")
        if outlet.offered_a is not None and isinstance(session, rec.Ending):
            raise Violation(f"connector {number} offers current after its session has ended")
        if state not in (PilotState.C, PilotState.D):
            raise Violation(f"connector {number} is closed in pilot state {state}")
        if not outlet.locked:
            raise Violation(f"connector {number} is closed with an unlocked cable")
        if lines := [kind.value for connector, kind in tripped if connector in (0, number)]:
            raise Violation(f"connector {number} is closed with {', '.join(lines)}")

    def sent(self, text: str) -> None:
        """A frame leaves the station: nothing from before the time that was known, nothing from 1970."""
        frame = json.loads(text)
        if frame[0] == 2 and frame[2] in ("StartTransaction", "StopTransaction") and frame[3]["timestamp"] < EARLIEST:
            raise Violation(f"a stamp that cannot be: {text}")

    def at_the_end(self, book: Book, billed_wh: dict[int, float], slack_wh: dict[int, float]) -> list[str]:
        """Everything has healed and was delivered: what is wrong with the books, in words."""
        wrong = list(book.violations)
        wrong += [
            f"transaction {entry.transaction_id} was never closed: {entry.start}"
            for entry in book.open_entries()
            if not entry.excused
        ]
        for number, drawn_wh in billed_wh.items():
            entries = [entry for entry in book.entries.values() if entry.start["connectorId"] == number]
            booked_wh = sum(entry.energy_wh for entry in entries)
            allowed_wh = len(entries) + slack_wh[number]
            if abs(booked_wh - drawn_wh) > allowed_wh:
                wrong.append(
                    f"connector {number}: {booked_wh} Wh booked, {drawn_wh:.1f} Wh drawn (at most {allowed_wh:.1f} apart)"
                )
        return wrong
