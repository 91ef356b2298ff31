"""Outbox: billing messages, from the step that makes them to the answer that lets them go (OCPP 1.6 sections 3.7, 3.8).

Owns the order of delivery, the attempts and the waits between them. Refuses to know what a row says: dates, transaction ids
and payloads are the transactions' matter. Rows lie in the store; only a window of the oldest is in memory.

Rules.
1. Rows leave one at a time in the order in which they were made, and go only when their answer has come.
2. A CALLERROR, and a time-out on a link that lives, is an attempt; a connection that goes away is none. An answer that comes
   after the time-out lets the row go as long as it is not on its way again: sent twice, it might be booked twice.
3. After attempt n the row waits n times TransactionMessageRetryInterval. Meanwhile the rows of other transactions go on.
4. A row that has spent TransactionMessageAttempts moves to the dead letters. Nothing is ever deleted unsent.
"""

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.core.effects import FetchRows
from chargepoint.core.records import Body, DeadLetter, DropRow, OutboxRow, PutDeadLetter, PutRow, Stamp, StartBody
from chargepoint.core.step import Step

WINDOW_ROWS = 64
CUTS_MAX = 2  # connections in a row that went away with a row before nobody counts on the next one


class Wait(Struct, frozen=True):
    """A transaction whose oldest row failed and is not to be tried before `until_s`."""

    row: OutboxRow
    until_s: float


class Outbox:
    def __init__(self, queued: int, next_seq: int, dead_letters: int) -> None:
        self.queued = queued
        self.dead_letters = dead_letters
        self._next_seq = next_seq
        self._window: list[OutboxRow] = []
        self._waits: dict[int, Wait] = {}
        self._sending: OutboxRow | None = None
        self._more = queued > 0  # the store holds rows beyond the window that need not wait
        self._fetching = False
        self._cuts = 0  # connections that went away with a row since one met an answer

    @property
    def flows(self) -> bool:
        """Rows meet answers: what lies ready is about to go."""
        return self._cuts < CUTS_MAX

    @property
    def oldest(self) -> OutboxRow | None:
        """The oldest row that is in memory."""
        heads = [wait.row for wait in self._waits.values()]
        heads += self._window[:1]
        if self._sending:
            heads.append(self._sending)
        return min(heads, key=lambda row: row.seq, default=None)

    def add(self, transaction: int, body: Body, offset_s: float | None, step: Step, stamp: Stamp | None = None) -> OutboxRow:
        """A new row at the end of the queue, stamped now or with the instant that it tells of."""
        row = OutboxRow(seq=self._next_seq, transaction=transaction, stamp=stamp or step.stamp, body=body, offset_s=offset_s)
        self.append(row)
        step.change(PutRow(row))
        return row

    def append(self, row: OutboxRow) -> None:
        """Queues a row that the same step stores."""
        assert row.seq == self._next_seq
        self._next_seq += 1
        self.queued += 1
        if self._more or row.transaction in self._waits or len(self._window) >= WINDOW_ROWS:
            self._more = True
        else:
            self._window.append(row)

    def again(self, letter: OutboxRow) -> OutboxRow:
        """A dead letter goes to the end of the queue, with all its attempts before it."""
        row = replace(letter, seq=self._next_seq, attempts=0)
        self.append(row)
        self.dead_letters -= 1
        return row

    def starts_next(self, transaction: int) -> bool:
        """The StartTransaction of this transaction is among the rows that go next, and was not tried yet."""
        return any(row.transaction == transaction and isinstance(row.body, StartBody) for row in self._window)

    def next_row(self, step: Step) -> OutboxRow | None:
        """The row to send now, if there is one; asks the store for more where the window ran out."""
        assert self._sending is None
        due = [wait for wait in self._waits.values() if step.mono_s >= wait.until_s]
        if due:
            first = min(due, key=lambda wait: wait.row.seq)
            return first.row
        if self._window:
            return self._window[0]
        if self._more and not self._fetching:
            self._fetching = True
            step.then(FetchRows(WINDOW_ROWS, tuple(self._waits)))
        return None

    def fetched(self, rows: tuple[OutboxRow, ...], total: int) -> None:
        """The store's answer; rows of transactions that began to wait meanwhile stay out."""
        self._fetching = False
        self.queued = total
        self._window = [row for row in rows if row.transaction not in self._waits and row is not self._sending]
        self._more = len(rows) >= WINDOW_ROWS

    def sending(self, row: OutboxRow, dated: OutboxRow, step: Step) -> None:
        """The row goes out. `dated` is the same row with its offset fixed; it is stored where that is new."""
        self._sending = dated
        self._window = [other for other in self._window if other.seq != row.seq]
        if dated is not row:
            step.change(PutRow(dated))

    def confirmed(self, step: Step) -> OutboxRow:
        """The answer came: the row may go."""
        row = self._take()
        self._cuts = 0
        self.queued -= 1
        step.change(DropRow(row.seq))
        self._release(row)
        return row

    def answered_late(self, seq: int, step: Step) -> OutboxRow | None:
        """The answer to an attempt that had failed came after all: the row may go. None where it does not wait any more."""
        row = next((wait.row for wait in self._waits.values() if wait.row.seq == seq), None)
        if row is None or (self._sending is not None and self._sending.seq == seq):
            return None
        self.queued -= 1
        step.change(DropRow(seq))
        self._release(row)
        return row

    def cut(self) -> None:
        """The connection went away: the row is sent again on the next one, and that was no attempt."""
        row = self._take()
        self._cuts += 1
        wait = self._waits.get(row.transaction)
        if wait is None:
            self._window.insert(0, row)
        else:
            self._waits[row.transaction] = Wait(row, wait.until_s)

    def failed(self, reason: str, attempts_max: int, interval_s: int, step: Step) -> OutboxRow | None:
        """An attempt failed. Returns the row if it was the last one, and it is now a dead letter."""
        row = self._take()
        self._cuts = 0
        row = replace(row, attempts=row.attempts + 1)
        if row.attempts >= max(1, attempts_max):
            self.queued -= 1
            self.dead_letters += 1
            step.change(PutDeadLetter(DeadLetter(row=row, reason=reason, at=step.stamp)))
            self._release(row)
            return row
        self._waits[row.transaction] = Wait(row, step.mono_s + interval_s * row.attempts)
        self._window = [other for other in self._window if other.transaction != row.transaction]
        step.change(PutRow(row))
        return None

    def deadline(self) -> float | None:
        """When a waiting row may be tried again."""
        return min(wait.until_s for wait in self._waits.values()) if self._waits else None

    def _take(self) -> OutboxRow:
        row, self._sending = self._sending, None
        assert row is not None, "no row is under way"
        return row

    def _release(self, row: OutboxRow) -> None:
        """Later rows of a transaction that waited were left out of the window: it is read anew, to keep their order."""
        if self._waits.pop(row.transaction, None) is not None:
            self._window = []
            self._more = True
