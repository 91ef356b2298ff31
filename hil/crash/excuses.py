"""Excuses: what a cut log takes from the books, session by session, and nothing beyond it.

Owns the link between what an autopsy says is lost and the rows that the Central System booked. The rule: a cut loses the newest
commits. So

- a session whose first commit was cut may be missing from the books, or stand there without an end (then it is ended here, at
  the register that the store had, as an operator would);
- a session that was booked whole and is open again is ended a second time: that one StopTransaction differs from the first;
  where sessions go on after a power loss, it has meter values and energy until then;
- a session whose StopTransaction was heard and not booked (the Central System refused or dropped it) and is open again is
  ended by another one: the first was never in the books;
- messages that lie in the outbox again come again, exactly as before.

Everything else must balance as if there had been no cut.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from hil.crash.autopsy import Cut, Session
from hil.csms import Row
from hil.csms.times import from_iso

SAME_S = 1.0
ENDED_BY_HAND = "(ended by hand)"


@dataclass(frozen=True)
class Interval:
    """Registers of a connector, Wh."""

    connector: int
    from_wh: int
    to_wh: int


@dataclass
class Excuses:
    """intervals: energy of sessions that are gone. stopped_twice: transaction ids, each as often as another StopTransaction
    may come. told_twice: the same of those whose first one was heard and not booked. goes_on: such a session goes on meanwhile.
    repeated: transaction ids whose messages may come again. by_hand: those that were ended here. reasons: one sentence each.
    """

    goes_on: bool = False
    intervals: list[Interval] = field(default_factory=list)
    stopped_twice: list[int] = field(default_factory=list)
    told_twice: list[int] = field(default_factory=list)
    repeated: set[int] = field(default_factory=set)
    by_hand: set[int] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)

    def add(self, cut: Cut, rows: list[Row], registers_wh: dict[int, int], stops_heard: Collection[int] = ()) -> None:
        """Call it while the station is dead and the Central System has read all that it sent. registers_wh: at the cut.
        stops_heard: transaction ids of every StopTransaction until now.
        """
        for place, session in enumerate(cut.gone):
            later = (other.meter_start_wh for other in cut.gone[place + 1 :] if other.connector == session.connector)
            end_wh = session.meter_stop_wh
            if end_wh is None:
                end_wh = next(later, registers_wh[session.connector])
            self._gone(session, end_wh, row_of(session, rows))
        for session in cut.reopened:
            row = row_of(session, rows)
            if row is not None and row.stopped is not None:
                self.stopped_twice.append(row.transaction_id)
            elif row is not None and row.transaction_id in stops_heard:
                self.told_twice.append(row.transaction_id)
        for session in (*cut.repeated, *cut.reopened):
            row = row_of(session, rows)
            if row is not None:
                self.repeated.add(row.transaction_id)

    def _gone(self, session: Session, end_wh: int, row: Row | None) -> None:
        what = f"session of {session.id_tag} at connector {session.connector}, {session.meter_start_wh} to {end_wh} Wh"
        self.intervals.append(Interval(session.connector, session.meter_start_wh, end_wh))
        if row is None:
            self.reasons.append(f"{what}: the cut log took its start, and nothing of it was booked")
        elif row.stopped is None:
            row.stopped, row.meter_stop_wh, row.reason = row.started, end_wh, ENDED_BY_HAND
            self.by_hand.add(row.transaction_id)
            self.reasons.append(f"{what}: the cut log took its start, and transaction {row.transaction_id} was left open")


def row_of(session: Session, rows: list[Row]) -> Row | None:
    """The booked row of a session of the store."""
    for row in reversed(rows):
        same = (row.connector_id, row.meter_start_wh) == (session.connector, session.meter_start_wh)
        if not same or row.id_tag.casefold() != session.id_tag.casefold():
            continue
        started_s = from_iso(row.started)
        if session.started_s is None or (started_s is not None and abs(started_s - session.started_s) < SAME_S):
            return row
    return None
