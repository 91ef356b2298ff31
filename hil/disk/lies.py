"""Lies: a card that says that it flushed, and did not: for a while nothing reaches its memory, then the power goes.

Owns what may come of it. A lie that loses everything since it began is an earlier power cut and nothing else (Fate.NOTHING). A
card that keeps some of what it was given since then, in any order, is harmless while the store only appends to its log: the
chain of checksums ends the log where something is missing, so the newest commits are lost and never older ones. A lie that
spans a merge of the log into the file can lose pages of the file whose log is gone: the outcome is told, see `Outcome`.
"""

import random
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from chargepoint.store import StoreError, open_store
from hil.disk.card import Disk, Fate, Image
from hil.disk.life import content_of
from hil.disk.operations import Began, Kept, Operation, Write
from hil.disk.points import OPENED_MONO_S, Folder, Life, Result, Wrong, write

FATES = (Fate.NOTHING, Fate.SECTORS, Fate.SHUFFLED)
LOG = "station.db-wal"
LOG_HEADER = 32


class Outcome(StrEnum):
    """APPENDED: the lie saw the log grow and nothing else; the store holds a whole state of that time. No other may come then.

    The others are of lies that spanned a merge. WHOLE: the store holds a whole state nevertheless. MOVED_ASIDE: the damage was
    seen, the file is kept under another name and the store begins anew. REFUSED: it cannot be opened. MIXED: parts of states of
    different age, unseen.
    """

    APPENDED = "appended"
    WHOLE = "whole"
    MOVED_ASIDE = "moved aside"
    REFUSED = "refused"
    MIXED = "mixed"


class Lie:
    """oldest: what had been kept when it began. newest: what was begun when it ended. appends: the log grew, no more."""

    def __init__(self, begins: int, ends: int, fate: Fate, seed: str, oldest: int, newest: int, appends: bool) -> None:
        self.begins, self.ends, self.fate, self.seed = begins, ends, fate, seed
        self.oldest, self.newest, self.appends = oldest, newest, appends

    def __str__(self) -> str:
        return f"a lie from operation {self.begins} to {self.ends}, {self.fate} (seed {self.seed!r})"


def lies(life: Life, count: int, seed: int = 1, commits_max: int = 8) -> Iterator[tuple[Lie, Image]]:
    """So many lies, each up to commits_max commits long, and the files that they leave."""
    rng = random.Random(f"lies {seed}")
    kept = [at for at, operation in enumerate(life.operations) if isinstance(operation, Kept)]
    for number in range(count):
        first = rng.randrange(len(kept))
        begins = kept[first]
        last = min(first + rng.randint(1, commits_max), len(kept) - 1)
        ends = rng.randint(begins + 1, max(begins + 1, kept[last]))
        fate = FATES[number % len(FATES)]
        text = f"{seed} {number}"
        disk = Disk(life.beginning)
        for operation in life.operations[: begins + 1]:
            disk.do(operation)
        disk.flushes = False
        told = life.operations[begins + 1 : ends + 1]
        for operation in told:
            disk.do(operation)
        oldest = _state(life.operations[begins])
        newest = max((_state(operation) for operation in told if isinstance(operation, Began)), default=oldest)
        log = _number_of_log(life, begins)
        yield (
            Lie(begins, ends, fate, text, oldest, newest, all(_appends(operation, log) for operation in told)),
            disk.after(fate, random.Random(text)),
        )


def examine_lie(life: Life, lie: Lie, image: Image, folder: Path) -> Outcome:
    """Opens what is left. Raises Wrong where that may not be."""
    write(image, folder)
    try:
        store = open_store(folder, "kernel-boot-after", OPENED_MONO_S)
    except StoreError as error:
        if lie.appends:
            raise Wrong(f"{lie}: it cannot be opened: {error}") from error
        return Outcome.REFUSED
    try:
        numbers = life.numbers_of(content_of(store))
        if lie.appends or lie.fate is Fate.NOTHING:
            if store.findings or not any(lie.oldest <= number <= lie.newest for number in numbers):
                raise Wrong(f"{lie}: states {lie.oldest} to {lie.newest} are right, but it is {numbers}; {store.findings}")
            return Outcome.APPENDED if lie.appends else Outcome.WHOLE
        if store.findings:
            return Outcome.MOVED_ASIDE
        return Outcome.WHOLE if numbers else Outcome.MIXED
    finally:
        store.close()


def run(life: Life, count: int, seed: int = 1) -> Result:
    """Examines so many lies. done: how many of each outcome."""
    result = Result()
    with Folder() as folder:
        for lie, image in lies(life, count, seed):
            try:
                result.done[examine_lie(life, lie, image, folder)] += 1
            except Wrong as error:
                result.wrong.append(str(error))
    return result


def _state(operation: Operation) -> int:
    assert isinstance(operation, Kept | Began)
    return operation.state


def _number_of_log(life: Life, at: int) -> int | None:
    """Which file the log is at this moment."""
    numbers = {name: number for number, name in enumerate(sorted(life.beginning))}
    for operation in life.operations[: at + 1]:
        name = getattr(operation, "name", None)
        if name == LOG:
            numbers[LOG] = getattr(operation, "file", -1)
    return numbers.get(LOG)


def _appends(operation: Operation, log: int | None) -> bool:
    """It does nothing, or lets the log grow."""
    if isinstance(operation, Write):
        return operation.file == log and operation.offset >= LOG_HEADER
    return type(operation).__name__ not in ("Resize", "Make", "Remove", "Rename")
