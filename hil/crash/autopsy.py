"""Autopsy: what a killed station left on the disk, and what a log that is cut loses.

After every kill the store, opened by the station's own code from a copy, must hold exactly what the log's last whole commit
says by the file format (`wal`): nothing of a commit that was under way, nothing less. Then, sometimes, the log is cut at a
random byte, as a card that lied about its flush leaves it; the store must hold exactly the state of the last commit before
the cut.

A cut loses the newest commits, and what they recorded cannot come into the books any more. What exactly, this module reads from
both states:
- gone: sessions whose first commit was cut. The station has never heard of them.
- reopened: sessions that were closed, and are open again. Their StopTransaction is made a second time.
- repeated: sessions of which messages lie in the outbox again. They are sent a second time, the same.
"""

import os
import random
import shutil
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from chargepoint.shell.clock import kernel_boot_id
from chargepoint.store import StoreError, open_store
from chargepoint.store.schema import STEPS
from hil.crash import wal

DATABASE = "station.db"
LOG = "station.db-wal"
JOURNAL = "station.db-journal"
ASIDE = "station.db.unreadable-*"
NEAR_END_COMMITS = 3


@dataclass(frozen=True)
class Session:
    """A session as the store has it, under its local key. started_s: Unix time, None where the time was not known."""

    key: int
    connector: int
    id_tag: str
    meter_start_wh: int
    meter_stop_wh: int | None
    started_s: float | None
    closed: bool


@dataclass
class Examination:
    """commits: whole ones in the log. torn: one was under way. problem: what is not as it must be, in words."""

    commits: int = 0
    torn: bool = False
    problem: str | None = None


@dataclass
class Cut:
    """What a cut did (see above). problem: what is not as it must be, in words."""

    bytes_lost: int = 0
    commits_lost: int = 0
    gone: list[Session] = field(default_factory=list)
    reopened: list[Session] = field(default_factory=list)
    repeated: list[Session] = field(default_factory=list)
    problem: str | None = None


def examine(state: Path, scratch: Path) -> Examination:
    """Of a station that is dead. scratch: an empty folder's name, made and removed here."""
    base, raw = _content(state / DATABASE), _content(state / LOG)
    log = wal.read(raw)
    return Examination(len(log.commits), log.torn, _compare(state, scratch, wal.image(base, raw, log, len(log.commits))))


def cut_log(state: Path, scratch: Path, rng: random.Random) -> Cut | None:
    """Cuts the log somewhere; None where there is nothing that could be lost."""
    base, raw = _content(state / DATABASE), _content(state / LOG)
    log = wal.read(raw)
    keep = wal.commits_to_keep(base, raw, log)
    if keep >= len(log.commits) or (state / JOURNAL).exists():
        return None
    first = keep if rng.random() < 0.5 else max(keep, len(log.commits) - NEAR_END_COMMITS)
    length = rng.randrange(log.offset(log.commits[first - 1][0]) if first else 0, log.size)
    os.truncate(state / LOG, length)
    kept = wal.whole_commits(log, length)
    before = wal.image(base, raw, log, kept)
    cut = _losses(wal.tables(before), wal.tables(wal.image(base, raw, log, len(log.commits))))
    cut.bytes_lost, cut.commits_lost = log.size - length, len(log.commits) - kept
    cut.problem = _compare(state, scratch, before)
    return cut


def _compare(state: Path, scratch: Path, expected: bytes) -> str | None:
    """Opens a copy as the station does and compares."""
    aside = sorted(path.name for path in state.glob(ASIDE))
    if aside:
        return f"the station moved its database aside: {', '.join(aside)}"
    scratch.mkdir()
    try:
        for name in (DATABASE, LOG, JOURNAL):
            if (state / name).exists():
                shutil.copy2(state / name, scratch / name)
        store = open_store(scratch, kernel_boot_id(), time.monotonic())
        findings = store.findings
        store.close()
        db = sqlite3.connect(scratch / DATABASE)
        try:
            found = wal.contents(db)
        finally:
            db.close()
    except (StoreError, sqlite3.Error) as error:
        return f"the store cannot be opened: {error}"
    finally:
        shutil.rmtree(scratch)
    if findings:
        return f"the store found: {'; '.join(findings)}"
    if (state / JOURNAL).exists():
        return None  # the file was being made: a journal is none of the log's matter
    wanted = wal.tables(expected)
    if wal.user_version(expected) < len(STEPS):
        return None  # opening it made the tables that the kill prevented
    differing = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
    return f"the store is not what its log's last whole commit says, in {', '.join(differing)}" if differing else None


def _losses(kept: wal.Tables, whole: wal.Tables) -> Cut:
    before, after = _sessions(kept), _sessions(whole)
    waiting = {row["transaction_key"] for row in wal.records(kept, "outbox")}
    repeated = [before[key] for key in sorted(before) if key in waiting]
    return Cut(
        gone=[after[key] for key in sorted(after) if key not in before],
        reopened=[session for key, session in before.items() if not session.closed and after[key].closed],
        repeated=repeated,
    )


def _sessions(found: wal.Tables) -> dict[int, Session]:
    sessions = [_session(row) for row in wal.records(found, "transactions")]
    return {session.key: session for session in sessions}


def _session(row: dict[str, object]) -> Session:
    key, mono_s, offset_s = row["key"], row["start_mono_s"], row["start_offset_s"]
    connector, start_wh, stop_wh = row["connector"], row["meter_start_wh"], row["meter_stop_wh"]
    assert isinstance(key, int)
    assert isinstance(mono_s, float)
    assert isinstance(connector, int)
    assert isinstance(start_wh, int)
    assert stop_wh is None or isinstance(stop_wh, int)
    return Session(
        key=key,
        connector=connector,
        id_tag=str(row["id_tag"]),
        meter_start_wh=start_wh,
        meter_stop_wh=stop_wh,
        started_s=offset_s + mono_s if isinstance(offset_s, float) else None,
        closed=row["stop_mono_s"] is not None,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
