"""Points: the power goes at every operation, the card makes of it what it may, and the real store opens what is left.

Owns what must come of it. An honest card: the store opens without a finding; it holds exactly what it held after some whole
commit, and that is the last one that it said was kept, or the one that was under way. A card that destroys the block under its
last write: the same, and the last commit that was kept may be lost. A card that lied about its flushes: see `examine_lie`.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chargepoint.core.effects import Commit
from chargepoint.core.records import PutKey, Stamp
from chargepoint.store import StoreError, open_store
from hil.disk.card import Disk, Fate, Image, touches
from hil.disk.life import Content, Keeper, content_of
from hil.disk.operations import Began, Kept, Operation, Write
from hil.disk.recorder import Recorder

HONEST = (Fate.WHOLE, Fate.NOTHING, Fate.SECTORS, Fate.TORN, Fate.SHUFFLED)
OPENED_MONO_S = 9_000.0
GOES_ON_EVERY = 7  # one store in so many also goes on: begins a run, commits, is opened again


class Life:
    """What was recorded. beginning: the files before the first operation. states: see `life.Keeper`."""

    def __init__(self, beginning: Image, operations: Sequence[Operation], states: Sequence[Content]) -> None:
        self.beginning = beginning
        self.operations = operations
        self.states = states
        self._numbers: dict[Content, list[int]] = {}
        for number, state in enumerate(states):
            self._numbers.setdefault(state, []).append(number)

    def numbers_of(self, content: Content) -> list[int]:
        """Every state with this content (a step may change nothing); none: it never was so."""
        return self._numbers.get(content, [])

    def before(self, number: int) -> int:
        """The newest state that a commit left before the one that made state `number`; 0 where there was none."""
        return next((older for older in range(number - 1, -1, -1) if self.states[older] != self.states[number]), 0)


def recorded(script: Callable[[Keeper, Recorder], None], prepare: Callable[[Path], None] = lambda folder: None) -> Life:
    """Lets a script live in a folder of its own."""
    with Folder() as folder:
        prepare(folder)
        beginning = read(folder)
        recorder = Recorder(folder)
        keeper = Keeper(folder, recorder)
        with recorder():
            try:
                script(keeper, recorder)
            finally:
                if keeper.store is not None:
                    keeper.close()
        return Life(beginning, recorder.operations, keeper.states)


class Folder:
    """A folder for a store, in memory where the system has such a place."""

    def __enter__(self) -> Path:
        memory = Path("/dev/shm")
        self._path = Path(tempfile.mkdtemp(prefix="crash-points-", dir=memory if memory.is_dir() else None)).resolve()
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path)


def read(folder: Path) -> Image:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def write(image: Image, folder: Path) -> None:
    """The folder holds this image and nothing else."""
    for path in folder.iterdir():
        if path.name not in image:
            path.unlink()
    for name, content in image.items():
        (folder / name).write_bytes(content)


class Point:
    """One crash: at which operation, with which fate, and which states it may leave."""

    def __init__(self, at: int, fate: str, seed: str, oldest: int, newest: int) -> None:
        self.at, self.fate, self.seed, self.oldest, self.newest = at, fate, seed, oldest, newest
        self.after = ""

    def __str__(self) -> str:
        where = f"operation {self.at}, {self.fate}"
        if self.after:
            where = f"({self.after}), then {where} of the opening"
        return f"{where}: states {self.oldest} to {self.newest} are right"


class Wrong(Exception):
    """What a crash left is not what it may leave."""


def crash_points(
    life: Life, fates: tuple[Fate, ...] = HONEST, seed: str = "1", oldest: int = 0, newest: int = 0
) -> Iterator[tuple[Point, Callable[[], Image]]]:
    """Every point of a life with every fate, and how to get the files that it leaves. oldest, newest: the states at first."""
    disk = Disk(life.beginning)
    kept, begun = oldest, newest
    for at, operation in enumerate([Began(newest), *life.operations]):  # at 0: nothing has been done yet
        disk.do(operation)
        match operation:
            case Kept(state=state):
                kept = state
            case Began(state=state):
                begun = state
        if not touches(operation) and at:
            continue
        for fate in fates:
            if fate in (Fate.TORN, Fate.BLOCK) and not isinstance(operation, Write):
                continue
            if fate is not Fate.WHOLE and not disk.changed:
                continue
            text = f"{seed} {at} {fate}"
            point = Point(at, fate, text, life.before(kept) if fate is Fate.BLOCK else kept, begun)
            yield point, lambda fate=fate, text=text: disk.after(fate, random.Random(text))  # type: ignore[misc]


def examine(life: Life, point: Point, image: Image, folder: Path, *, goes_on: bool) -> int:
    """Opens what is left; the number of the state that it holds. Raises Wrong."""
    write(image, folder)
    try:
        store = open_store(folder, "kernel-boot-after", OPENED_MONO_S)
    except StoreError as error:
        raise Wrong(f"{point}, but it cannot be opened: {error}") from error
    try:
        if store.findings:
            raise Wrong(f"{point}, but: {store.findings}")
        numbers = life.numbers_of(content_of(store))
        if not numbers:
            raise Wrong(f"{point}, but it holds what it never held")
        right = [number for number in numbers if point.oldest <= number <= point.newest]
        if not right:
            raise Wrong(f"{point}, but it is state {numbers}")
        store.snapshot()
        if goes_on:
            store.commit(Commit((PutKey("after", point.seed),), Stamp(1, OPENED_MONO_S)))
    finally:
        store.close()
    if goes_on:
        store = open_store(folder, "kernel-boot-after", OPENED_MONO_S + 1)
        try:
            if store.findings or store.snapshot().keys.get("after") != point.seed:
                raise Wrong(f"{point}: the first commit after it did not stay; {store.findings}")
        finally:
            store.close()
    return right[-1]


class Result:
    """done: how many of each kind were examined. wrong: what was not as it must be."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    @property
    def count(self) -> int:
        return self.done.total()

    def add(self, kind: str, look: Callable[[], object]) -> None:
        self.done[kind] += 1
        try:
            look()
        except Wrong as error:
            self.wrong.append(str(error))


def run(life: Life, *, every: int = 1, fates: tuple[Fate, ...] = HONEST, seed: int = 1) -> Result:
    """Examines one point in `every`."""
    result = Result()
    with Folder() as folder:
        for number, (point, image) in enumerate(crash_points(life, fates, str(seed))):
            if number % every == 0:
                result.add(point.fate, lambda: _examined(life, point, image(), folder, result.count))  # noqa: B023
    return result


def run_again(life: Life, *, every: int, seed: int = 1) -> Result:
    """After one point in `every` the power goes once more while the store is opened, at every operation of that."""
    result = Result()
    with Folder() as folder:
        for number, (point, image) in enumerate(crash_points(life, HONEST, str(seed))):
            if number % every:
                continue
            write(image(), folder)
            opening = reopened(life, folder)
            for second, left in crash_points(opening, HONEST, point.seed, point.oldest, point.newest):
                second.after = str(point)
                result.add("opening", lambda: _examined(life, second, left(), folder, result.count))  # noqa: B023
    return result


def reopened(life: Life, folder: Path) -> Life:
    """What opening and closing the store in this folder asks of the disk."""
    beginning = read(folder)
    recorder = Recorder(folder)
    with recorder():
        open_store(folder, "kernel-boot-after", OPENED_MONO_S).close()
    return Life(beginning, recorder.operations, life.states)


def _examined(life: Life, point: Point, image: Image, folder: Path, count: int) -> int:
    return examine(life, point, image, folder, goes_on=count % GOES_ON_EVERY == 0)
