"""Failing: a disk that says no. Each write and each flush of some work fails, then the power goes and nothing unflushed stays.

Owns what must come of it: the store either makes good for it, or says so (StoreError) and the process ends; whatever it said
was kept is there at the next start. What a failed flush had to carry is gone for ever, as Linux has it.
"""

import random
from collections.abc import Iterator

from chargepoint.store import StoreError
from hil.disk.card import Disk, Fate
from hil.disk.life import Content, Keeper, work
from hil.disk.operations import Began, Flush, Kept, Operation, Write
from hil.disk.points import Folder, Life, Point, Result, examine
from hil.disk.recorder import Recorder

REFUSALS = {"write": 10 | 3 << 8, "flush": 10 | 4 << 8, "full": 13}  # SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_FULL


class Failure:
    """The n-th write (or flush) of the work is refused, once or from then on."""

    def __init__(self, kind: str, number: int, lasts: bool) -> None:
        self.kind, self.number, self.lasts = kind, number, lasts
        self._seen = 0

    def __call__(self, operation: Operation, name: str) -> int:
        if not isinstance(operation, Flush if self.kind == "flush" else Write):
            return 0
        self._seen += 1
        struck = self._seen >= self.number if self.lasts else self._seen == self.number
        return REFUSALS[self.kind] if struck else 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number} fails{' and all after it' if self.lasts else ''}"


NEVER = Failure("write", 1 << 30, lasts=False)


def failures(every: int) -> Iterator[Failure]:
    """One in `every` of all failures that the work can meet."""
    operations = _live(NEVER)[0]
    number = 0
    for kind, counted in (("write", Write), ("full", Write), ("flush", Flush)):
        for at in range(1, 1 + sum(isinstance(operation, counted) for operation in operations)):
            for lasts in (False, True):
                if number % every == 0:
                    yield Failure(kind, at, lasts)
                number += 1


def run(every: int = 1) -> Result:
    result = Result()
    empty = _live(NEVER)[1][:1]
    with Folder() as folder:
        for failure in failures(every):
            operations, states, ended = _live(failure)
            life = Life({}, operations, states or empty)
            disk = Disk({})
            for operation in operations:
                disk.do(operation)
            kept = max((operation.state for operation in operations if isinstance(operation, Kept)), default=0)
            begun = max((operation.state for operation in operations if isinstance(operation, Began)), default=0)
            point = Point(len(operations), f"{failure}, power cut ({ended})", str(failure), kept, begun)
            image = disk.after(Fate.NOTHING, random.Random(0))
            result.add(failure.kind, lambda: examine(life, point, image, folder, goes_on=True))  # noqa: B023
    return result


def _live(failure: Failure) -> tuple[list[Operation], list[Content], str]:
    """The work with one failure in it: what it asked of the disk, its states, how it ended."""
    with Folder() as folder:
        recorder = Recorder(folder)
        keeper = Keeper(folder, recorder)
        recorder.refuse = failure
        ended = "made good"
        with recorder():
            try:
                work(keeper)
            except StoreError as error:
                ended = str(error)
            operations = list(recorder.operations)
            recorder.refuse = lambda operation, name: 0
            if keeper.store is not None:
                keeper.close()
        return operations, keeper.states, ended
