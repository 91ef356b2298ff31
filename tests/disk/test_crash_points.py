"""The real store at every kind of crash point, a share of them each; `python -m hil.disk --all` runs them all."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.disk import failing, lies, points
from hil.disk.card import Disk, Fate
from hil.disk.life import Keeper, live, migrate, old_database, small_reserve
from hil.disk.operations import Flush, FlushFailed, FlushNames, Make, Write
from hil.disk.points import Folder, Life, Point, Wrong, examine, read, recorded
from hil.disk.recorder import Recorder
from hil.disk.vfs import Unavailable, library

try:
    library()
except Unavailable as unavailable:
    pytest.skip(f"crash points of the store: {unavailable}", allow_module_level=True)

SEED = 11


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    with small_reserve():
        yield recorded(live)


def test_the_layer_sees_every_change(tmp_path: Path) -> None:
    """What was recorded makes the very files that lie there in the end."""
    folder = tmp_path.resolve()
    recorder = Recorder(folder)
    keeper = Keeper(folder, recorder)
    with small_reserve(), recorder():
        live(keeper, recorder)
        keeper.close()
    disk = Disk({})
    for operation in recorder.operations:
        disk.do(operation)
    assert disk.after(Fate.WHOLE, random.Random(0)) == read(folder)
    assert len(keeper.states) > 80


@pytest.mark.parametrize("fate", points.HONEST)
def test_an_honest_card_loses_nothing_that_was_acknowledged(life: Life, fate: Fate) -> None:
    with small_reserve():
        result = points.run(life, every=11, fates=(fate,), seed=SEED)
    assert result.wrong == []
    assert result.count > 50


def test_a_migration_is_whole_or_not_there() -> None:
    with small_reserve():
        result = points.run(recorded(lambda keeper, recorder: migrate(keeper), old_database), every=2, seed=SEED)
    assert result.wrong == []
    assert result.count > 50


def test_a_card_that_destroys_a_block_costs_the_last_commit_at_most(life: Life) -> None:
    with small_reserve():
        result = points.run(life, every=11, fates=(Fate.BLOCK,), seed=SEED)
    assert result.wrong == []
    assert result.count > 50


def test_power_that_goes_again_while_the_store_is_opened_changes_nothing(life: Life) -> None:
    with small_reserve():
        result = points.run_again(life, every=700, seed=SEED)
    assert result.wrong == []
    assert result.count > 100


def test_a_disk_that_refuses_is_made_good_for_or_told(life: Life) -> None:
    with small_reserve():
        result = failing.run(every=60)
    assert result.wrong == []
    assert set(result.done) == {"write", "flush", "full"}


def test_a_flush_that_lied_loses_the_newest_commits_only(life: Life) -> None:
    with small_reserve():
        result = lies.run(life, 120, seed=SEED)
    assert result.wrong == []
    assert result.done[lies.Outcome.APPENDED] > 50


# The measure itself: it must see what is wrong


def test_a_store_that_does_not_flush_is_found_out(life: Life) -> None:
    """The same life without the flushes of the log: acknowledged commits are gone."""
    log = next(
        operation.file for operation in life.operations if isinstance(operation, Make) and operation.name.endswith("-wal")
    )
    kept = [operation for operation in life.operations if not (isinstance(operation, Flush) and operation.file == log)]
    with small_reserve():
        result = points.run(Life({}, kept, life.states), every=11, fates=(Fate.NOTHING,))
    assert len(result.wrong) > 10


def test_a_store_that_does_not_flush_its_directory_is_found_out() -> None:
    with small_reserve():
        life = recorded(lambda keeper, recorder: migrate(keeper))
        kept = [operation for operation in life.operations if not isinstance(operation, FlushNames)]
        result = points.run(Life({}, kept, life.states), fates=(Fate.NOTHING,))
    assert any("state [0]" in text for text in result.wrong)


def test_a_state_that_never_was_is_found_out(life: Life, tmp_path: Path) -> None:
    point, image = next((point, image()) for point, image in points.crash_points(life, (Fate.WHOLE,)) if point.oldest == 30)
    strange = Life({}, life.operations, [*life.states[:30], life.states[31]])
    with Folder() as folder, small_reserve(), pytest.raises(Wrong, match="it holds what it never held"):
        examine(strange, point, image, folder, goes_on=False)


class TestCard:
    def disk(self) -> Disk:
        """A file of two flushed sectors, with two more and a change of the first waiting."""
        disk = Disk({"file": b"a" * 1024})
        disk.do(Write(0, 1024, b"b" * 1024))
        disk.do(Write(0, 0, b"c" * 512))
        return disk

    def test_whole_and_nothing(self) -> None:
        disk = self.disk()
        assert disk.after(Fate.NOTHING, random.Random(0)) == {"file": b"a" * 1024}
        assert disk.after(Fate.WHOLE, random.Random(0)) == {"file": b"c" * 512 + b"a" * 512 + b"b" * 1024}

    def test_any_sectors(self) -> None:
        disk = self.disk()
        seen = {disk.after(Fate.SECTORS, random.Random(number))["file"] for number in range(200)}
        assert b"a" * 1024 in seen
        assert b"c" * 512 + b"a" * 512 + b"b" * 1024 in seen
        assert b"a" * 1024 + bytes(512) + b"b" * 512 in seen, "a hole where a sector of a file that grew is missing"
        assert len(seen) > 6

    def test_a_torn_write_ends_somewhere(self) -> None:
        disk = self.disk()
        for number in range(50):
            content = disk.after(Fate.TORN, random.Random(number))["file"]
            assert content[512:] == b"a" * 512 + b"b" * 1024
            assert content[:512].strip(b"c").strip(b"a") == b""

    def test_a_flush_that_failed_loses_what_it_had_to_carry(self) -> None:
        disk = self.disk()
        disk.do(FlushFailed(0))
        disk.do(Write(0, 512, b"d"))
        disk.do(Flush(0))
        assert disk.after(Fate.NOTHING, random.Random(0)) == {"file": b"a" * 512 + b"d" + b"a" * 511}

    def test_a_name_that_was_not_flushed_may_be_missing(self) -> None:
        disk = Disk({})
        disk.do(Make("new", 0))
        disk.do(Write(0, 0, b"x"))
        disk.do(Flush(0))
        assert disk.after(Fate.NOTHING, random.Random(0)) == {}
        disk.do(FlushNames())
        assert disk.after(Fate.NOTHING, random.Random(0)) == {"new": b"x"}


def test_a_point_says_what_is_right() -> None:
    assert str(Point(7, "torn", "1", 3, 4)) == "operation 7, torn: states 3 to 4 are right"
