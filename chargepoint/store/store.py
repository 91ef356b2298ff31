"""The store: what the station must still know after a power cut, in one SQLite file.

Owns the file, its lock, its log and the room on its disk. Refuses to know what the records mean. One step of the core is one
transaction, on the disk when `commit` returns.

What grows, and its bound. Cache: 10,000 ids, the one not brought up to date for longest goes. Ledger: the newest 20,000
transactions; older ones stay while a message of theirs waits or is dead. Log: merged when no session runs, and at 8 MiB in
any case (at 256 KiB while the disk is full). Security log: the newest 250 of each kind of event, and those that are owed.
Outbox and dead letters: never cut, for they are money. A StartTransaction takes
about 60 bytes of the file, a MeterValues 100 and about 180 for every value, so a station that charges round the clock
without a link and sends four values a minute grows by 1.2 MB a day and connector. The file does not shrink; what is
delivered makes room in it for what comes.

Every method may be called from any thread, one at a time.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chargepoint.core.effects import Commit
from chargepoint.core.records import IdTagRecord, OutboxRow, Snapshot, TransactionRecord
from chargepoint.store import changes, local_list, newest, opening, rows, starting, views
from chargepoint.store.errors import KEEP, StoreError, failure, is_damage, is_lack_of_room
from chargepoint.store.space import Space
from chargepoint.tables import printable

FINDINGS_MAX = 100
SAID_MAX = 300  # of what a decoder says; it may quote what it was given
WAL_MAX_BYTES = 8 << 20
WAL_SHORT_BYTES = 256 << 10  # the bound of the log while the disk is full: what is left is for data
WAL_KEPT_BYTES = 1 << 20  # a merged log up to this size is kept and written over: no file grows with each commit

_OUTBOX = rows.select(rows.ROW_COLUMNS, "outbox")
_ROWS = f"{_OUTBOX} WHERE seq > 0 ORDER BY seq LIMIT ?1"
_ROWS_WITHOUT = f"{_OUTBOX} WHERE seq > 0 AND transaction_key NOT IN (SELECT value FROM json_each(?2)) ORDER BY seq LIMIT ?1"
_DEAD_LETTER = f"{rows.select(rows.ROW_COLUMNS, 'dead_letters')} WHERE seq = ?"
_TRANSACTION = f"{rows.select(rows.TRANSACTION_COLUMNS, 'transactions')} WHERE key = ?"
_LISTED = local_list.LISTED
_CACHED = f"{rows.select(rows.ID_TAG_COLUMNS, 'id_cache')} WHERE key = ?"
_BURY = (
    f"""INSERT INTO dead_letters SELECT {", ".join(f"o.{name}" for name in rows.OUTBOX_COLUMNS)}, ?2, b.boot, b.last_mono_s
        FROM outbox o, boots b WHERE o.seq = ?1 AND b.boot = (SELECT max(boot) FROM boots)""",
    "DELETE FROM outbox WHERE seq = ?1",
)

T = TypeVar("T")


def open_store(state_dir: Path, kernel_boot_id: str, mono_s: float) -> "Store":
    """Opens, and where need be makes, the store in `state_dir`. mono_s: monotonic seconds of the boot named kernel_boot_id.

    Raises StoreError where the directory cannot be written, another process uses it, or a newer program made the tables. A
    database that cannot be read is moved aside, and `Store.findings` says so. The whole file is read once to check it.
    """
    opening.make_directory(state_dir)
    lock = opening.lock(state_dir)
    try:
        space = Space(state_dir)
        space.trouble()  # makes the reserve while there is room for it
        connection, findings = opening.connect(state_dir, space)
    except BaseException:
        os.close(lock)
        raise
    return Store(state_dir, lock, space, connection, findings, (kernel_boot_id, mono_s))


class Store:
    """One open store. findings: what a person must be told of its file, a sentence each, at its opening or come upon later.
    set_aside: there was another file, which could not be read; what was in it is lost to this one.
    """

    def __init__(
        self,
        directory: Path,
        lock: int,
        space: Space,
        connection: sqlite3.Connection,
        findings: tuple[str, ...],
        started: tuple[str, float],
    ) -> None:
        self.path = directory / opening.DATABASE
        self.findings = findings
        self.set_aside = bool(findings)  # at the opening nothing else is found
        self._wal = directory / f"{opening.DATABASE}-wal"
        self._lock = lock
        self._space = space
        self._db = connection
        self._started = started
        self._queued = 0
        self._unmerged = True
        self.merges = 0  # begun ones: while it stays the same, the file is not written and the log only grows
        self._merge_trouble: str | None = None
        self._merge_beyond_bytes = 0  # after a merge that failed: how long the log must be for the next try

    def snapshot(self) -> Snapshot:
        """What the core goes on with. Counts a run: call it once for each start of the process, before anything else."""
        self.checkpoint()  # a log that a killed process left: what it took may be all the room there is
        with self._named("reading the snapshot"):
            try:
                snapshot, mended = self._transact(lambda: starting.begin_run(self._db, *self._started))
            except msgspec.MsgspecError as error:
                text = f"{self.path}: a record cannot be understood ({printable(str(error), SAID_MAX)}): {KEEP}"
                raise StoreError(text) from error
        for sentence in mended:
            self._find(sentence)
        self._queued = snapshot.queued
        self._unmerged = True
        return snapshot

    def commit(self, commit: Commit) -> None:
        """All changes or none; on the disk when this returns. Finding the disk full, it frees the reserve and tries again.

        Raises StoreError where it cannot be done: the core is then ahead of the disk, and the process must end.
        """
        with self._named("writing"):
            self._queued += self._transact(lambda: self._make(commit))
        self._unmerged = True
        bound = WAL_MAX_BYTES if self._space.has_reserve else WAL_SHORT_BYTES
        if self._wal_bytes() > max(bound, self._merge_beyond_bytes):
            self._merge()

    def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]:
        """The entry on the local list and the one in the cache. Writes nothing."""
        key = (changes.key_of(id_tag),)
        with self._named("looking up an id tag"):
            listed = self._db.execute(_LISTED, key).fetchone()
            cached = self._db.execute(_CACHED, key).fetchone()
        return self._id_tag(listed), self._id_tag(cached)

    def fetch_rows(self, limit: int, without: tuple[int, ...] = ()) -> tuple[tuple[OutboxRow, ...], int]:
        """The oldest rows of the outbox in order, but for those of the transactions `without`, and how many it holds in all.

        A row that cannot be understood (a bit of its text has flipped) goes to the dead letters as it is, and `findings` says
        so: it must not keep the others from going. The cost grows with `limit` and with the rows that `without` passes over.
        """
        while True:
            with self._named("reading the outbox"):
                if without:
                    found = self._db.execute(_ROWS_WITHOUT, (limit, msgspec.json.encode(without).decode())).fetchall()
                else:
                    found = self._db.execute(_ROWS, (limit,)).fetchall()
            understood = []
            for values in found:
                try:
                    understood.append(rows.outbox_row(values))
                except msgspec.MsgspecError as error:
                    self._bury(values[0], str(error))
            if len(understood) == len(found):
                return tuple(understood), self._queued

    def list_generation(self) -> int:
        """The number of a generation of the local list that can be laid down now."""
        with self._named("reading the local list"):
            return local_list.number(self._db, local_list.GENERATION) + 1

    def lay_list_down(self, generation: int, piece: Sequence[IdTagRecord]) -> None:
        """A piece (at most local_list.PIECE entries) of a generation that is not in force yet."""
        entries = [(changes.key_of(record.id_tag), record) for record in piece]
        with self._named("writing the local list"):
            self._transact(lambda: local_list.lay_down(self._db, generation, entries))
        self._unmerged = True

    def enforce_list(self, generation: int, version: int, length_max: int) -> int:
        """The generation that was laid down is the list, in one commit. Returns its length; raises local_list.TooLong."""
        with self._named("writing the local list"):
            return self._transact(lambda: local_list.put_in_force(self._db, generation, version, length_max))

    def change_list(self, puts: Sequence[IdTagRecord], deletes: Sequence[str], version: int, length_max: int) -> int:
        """A Differential update, in one commit. Returns the length; raises local_list.TooLong, and nothing has changed."""

        def change() -> int:
            generation = local_list.number(self._db, local_list.GENERATION)
            local_list.take_away(self._db, generation, [changes.key_of(id_tag) for id_tag in deletes])
            local_list.lay_down(self._db, generation, [(changes.key_of(record.id_tag), record) for record in puts])
            return local_list.put_in_force(self._db, generation, version, length_max)

        with self._named("writing the local list"):
            self._unmerged = True
            return self._transact(change)

    def sweep_list(self) -> bool:
        """Takes a piece of what is not in force away; False when nothing is left."""
        with self._named("tidying the local list"):
            return self._transact(lambda: local_list.sweep(self._db)) > 0

    def dead_letter(self, seq: int) -> OutboxRow | None:
        """The row that became a dead letter; None where there is none, or it cannot be understood."""
        with self._named("reading a dead letter"):
            values = self._db.execute(_DEAD_LETTER, (seq,)).fetchone()
        try:
            return None if values is None else rows.outbox_row(values)
        except msgspec.MsgspecError as error:
            self._find(f"dead letter {seq} cannot be understood ({error})")
            return None

    def transaction(self, key: int) -> TransactionRecord | None:
        """A transaction of the ledger, also one that the snapshot did not carry (a dead letter's).

        None where there is none, or it cannot be understood.
        """
        with self._named("reading a transaction"):
            values = self._db.execute(_TRANSACTION, (key,)).fetchone()
        try:
            return None if values is None else rows.transaction_record(values)
        except msgspec.MsgspecError as error:
            self._find(f"transaction {key} cannot be understood ({error})")
            return None

    def dead_letters(self, limit: int = views.LIST_MAX) -> list[dict[str, Any]]:
        """Messages that spent their attempts, the oldest first (see `views.dead_letters`)."""
        with self._named("listing the dead letters"):
            return views.dead_letters(self._db, limit)

    def ledger(self, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Sessions, the newest first (see `views.ledger`)."""
        with self._named("listing the ledger"):
            return views.ledger(self._db, limit, offset)

    def security_log(self, limit: int = views.LIST_MAX, offset: int = 0) -> list[dict[str, Any]]:
        """Security events, the newest first (see `views.security_log`)."""
        with self._named("listing the security log"):
            return views.security_log(self._db, limit, offset)

    def session(self, key: int) -> dict[str, Any] | None:
        """One session and what of it is not delivered (see `views.session`)."""
        with self._named("reading a session"):
            return views.session(self._db, key)

    def unconfirmed_wh(self) -> int:
        """See `views.unconfirmed_wh`."""
        with self._named("adding up what is not confirmed"):
            return views.unconfirmed_wh(self._db)

    def room(self) -> str | None:
        """Why hardly anything more can be kept, a sentence that names the directory and the bytes free; None: all is well."""
        return self._space.trouble() or self._merge_trouble

    def checkpoint(self) -> None:
        """Merges the log into the file; does nothing where there is nothing to merge. Call it when no session runs.

        A merge that fails loses nothing: the log keeps everything, and `room` tells of it.
        """
        if self._unmerged:
            self._merge()

    def close(self) -> None:
        """Merges the log, and lets another process have the store. May be called twice."""
        if self._lock < 0:
            return
        try:
            with self._named("closing"):
                self._db.close()
        finally:
            os.close(self._lock)
            self._lock = -1

    def _make(self, commit: Commit) -> int:
        grown = 0
        for change in commit.changes:
            grown += changes.make(self._db, change)
        newest.note(self._db, commit.now)
        return grown

    def _transact(self, work: Callable[[], T]) -> T:
        """`work` as one transaction, a second time with the reserve's room where the disk is full."""
        try:
            return self._attempt(work)
        except sqlite3.Error as error:
            if not (is_lack_of_room(error) and self._space.give_way()):
                raise
        return self._attempt(work)

    def _attempt(self, work: Callable[[], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            outcome = work()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return outcome

    def _bury(self, seq: int, why: str) -> None:
        def move() -> None:
            self._db.execute(_BURY[0], (seq, f"cannot be understood: {why}"))
            self._db.execute(_BURY[1], (seq,))

        with self._named("setting a row aside"):
            self._transact(move)
        self._queued -= 1
        self._find(f"row {seq} of the outbox cannot be understood ({why}): it is among the dead letters")

    def _merge(self) -> None:
        """PASSIVE merges everything, for nobody else reads; the next commit then writes the log over from its start."""
        self.merges += 1
        shorten = self._wal_bytes() > WAL_KEPT_BYTES or not self._space.has_reserve
        merge = f"PRAGMA wal_checkpoint({'TRUNCATE' if shorten else 'PASSIVE'})"
        try:
            try:
                self._db.execute(merge).fetchone()
            except sqlite3.Error as error:
                if not (is_lack_of_room(error) and self._space.give_way()):
                    raise
                self._db.execute(merge).fetchone()
        except sqlite3.Error as error:
            self._merge_trouble = str(failure(self.path, "merging the log", error))
            self._merge_beyond_bytes = self._wal_bytes() + WAL_SHORT_BYTES
        else:
            self._merge_trouble = None
            self._unmerged = False
            self._merge_beyond_bytes = 0

    def _find(self, what: str) -> None:
        """Each finding once, and not without end."""
        finding = f"{self.path}: {printable(what, 3 * SAID_MAX)}"
        if finding not in self.findings and len(self.findings) < FINDINGS_MAX:
            self.findings += (finding,)

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def _id_tag(self, row: rows.Row | None) -> IdTagRecord | None:
        """An entry that cannot be understood is as good as none: the Central System is asked."""
        if row is None:
            return None
        try:
            return rows.id_tag_record(row)
        except msgspec.MsgspecError as error:
            self._find(f"the entry of id tag {row[0]!r} cannot be understood ({error})")
            return None

    @contextmanager
    def _named(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            trouble = failure(self.path, doing, error)
            if is_damage(error):
                try:
                    opening.suspect(self.path.parent)
                except OSError as second:
                    trouble.add_note(f"the next start cannot be told to check the file ({second})")
            raise trouble from error
