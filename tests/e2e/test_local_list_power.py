"""A power cut at every point of an update of the local list, on the real store: the old list or the new one, nothing between.

What is on the disk at a point is what a copy of the store's files holds there; each copy is opened as after a power cut.
"""

import asyncio
import shutil
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chargepoint.core.effects import StoreList
from chargepoint.messages import AuthorizationData, AuthorizationStatus, IdTagInfo
from chargepoint.shell.storeroom import Storeroom
from chargepoint.store import Store, open_store
from chargepoint.store.local_list import PIECE

pytestmark = pytest.mark.section("5.15")

LENGTH_MAX = 100_000


def entries(prefix: str, count: int) -> tuple[AuthorizationData, ...]:
    info = IdTagInfo(status=AuthorizationStatus.Accepted)
    return tuple(AuthorizationData(id_tag=f"{prefix}{n}", id_tag_info=info) for n in range(count))


def update(version: int, given: tuple[AuthorizationData, ...], *, full: bool = True) -> StoreList:
    return StoreList(full=full, version=version, length_max=LENGTH_MAX, entries=given)


def opened(directory: Path) -> Store:
    return open_store(directory, "boot", 0.0)


class Watched:
    """A store whose files are copied after each of its calls, as a power cut there would leave them."""

    def __init__(self, store: Store, directory: Path, copies: Path) -> None:
        self._store = store
        self._directory = directory
        self._copies = copies
        self.points = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._store, name)

        def watched(*arguments: Any) -> Any:
            outcome = call(*arguments)
            shutil.copytree(self._directory, self._copies / f"{self.points:03}")
            self.points += 1
            return outcome

        return watched


async def store(directory: Path, *updates: StoreList, copies: Path | None = None) -> int:
    """Takes updates one after the other; the calls of the last one are watched where `copies` says whereto."""
    points = 0
    with ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        real = await loop.run_in_executor(thread, opened, directory)
        await loop.run_in_executor(thread, real.snapshot)
        for effect in updates:
            watched = Watched(real, directory, copies) if copies and effect is updates[-1] else None
            stored = await Storeroom(thread, watched or real).store_list(effect)  # type: ignore[arg-type]
            assert stored.failure is None
            points = watched.points if watched else 0
        await loop.run_in_executor(thread, real.close)
    return points


def found(directory: Path, *id_tags: str) -> tuple[int, int, list[bool]]:
    """After a power cut: version and length of the list, and which of the ids are on it."""
    reopened = opened(directory)
    snapshot = reopened.snapshot()
    listed = [reopened.look_up(id_tag)[0] is not None for id_tag in id_tags]
    reopened.close()
    return snapshot.list_version, snapshot.list_length, listed


@pytest.mark.parametrize("before", [0, 3, 2 * PIECE + 1])
async def test_a_full_update(tmp_path: Path, before: int) -> None:
    old, new = entries("OLD", before), entries("NEW", 2 * PIECE + 7)
    copies = tmp_path / "copies"
    updates = [update(1, old), update(2, new)]
    points = await store(tmp_path / "state", *updates, copies=copies)
    assert points >= 5, "a generation of three pieces, its commit, and the sweep of the old one"
    ends = ("OLD0", f"OLD{before - 1}", "NEW0", f"NEW{len(new) - 1}")
    seen = [found(copy, *ends) for copy in sorted(copies.iterdir())]
    was, becomes = (1, before, [before > 0, before > 0, False, False]), (2, len(new), [False, False, True, True])
    turn = seen.index(becomes)
    assert seen == [was] * turn + [becomes] * (len(seen) - turn)
    assert 0 < turn < len(seen)


async def test_a_differential_update(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    change = update(2, (*entries("NEW", 2 * PIECE), AuthorizationData(id_tag="OLD0")), full=False)
    points = await store(tmp_path / "state", update(1, entries("OLD", 2)), change, copies=copies)
    assert points == 1, "one commit: there is no point between"
    assert found(copies / "000", "OLD0", "OLD1", "NEW0") == (2, 2 * PIECE + 1, [False, True, True])


async def test_after_a_cut_at_any_point_the_next_update_holds_nothing_of_the_broken_one(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    await store(tmp_path / "state", update(1, entries("OLD", 3)), update(2, entries("NEW", PIECE + 5)), copies=copies)
    for copy in sorted(copies.iterdir()):
        await store(copy, update(3, entries("LATER", 2)))
        assert found(copy, "OLD0", "NEW0", f"NEW{PIECE + 4}", "LATER0") == (3, 2, [False, False, False, True]), copy.name


@pytest.mark.section("3.5.2")
async def test_finding_a_card_does_not_grow_with_the_list(tmp_path: Path) -> None:
    few = tmp_path / "few"
    await store(few, update(1, entries("TAG", 10)))
    many = tmp_path / "many"
    await store(many, *(update(part + 1, entries(f"{part}TAG", 10_000), full=False) for part in range(10)))
    short, long = opened(few), opened(many)
    assert long.snapshot().list_length == LENGTH_MAX
    tens = [look_up_s(short, f"TAG{n % 10}") for n in range(500)]
    thousands = [look_up_s(long, f"{n % 10}TAG{n * 20 % 10_000}") for n in range(500)]
    short.close()
    long.close()
    ratio = statistics.median(thousands) / statistics.median(tens)
    assert ratio < 5, f"ten thousand times the entries, and a look-up takes {ratio:.1f} times as long"


def look_up_s(store: Store, id_tag: str) -> float:
    began = time.perf_counter()
    listed, _ = store.look_up(id_tag)
    took_s = time.perf_counter() - began
    assert listed is not None
    return took_s
