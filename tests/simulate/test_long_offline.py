"""Weeks without a Central System, and without a clock: memory stays flat, nothing is dropped, dates hold, delivery is quick."""

from collections.abc import Iterator

import pytest

from hil.simulate.away import Away, absence
from hil.simulate.timeline import BEGIN_S, DAY_S


@pytest.mark.section("3.7")
def test_days_offline_keep_every_sample_and_little_memory() -> None:
    """Thirty days, 86,400 samples: script/simulate --offline 30."""
    outcome = absence(4)
    assert outcome.samples >= 2 * 4 * 1_438
    assert outcome.told >= outcome.samples
    assert outcome.window_rows <= 64
    assert outcome.growth_bytes < 4 << 20
    assert outcome.seconds_a_row < 0.2, "the Central System answers within 0.16 s on average"
    assert outcome.violations == ()


@pytest.fixture
def world() -> Iterator[Away]:
    world = Away(7)
    yield world
    world.close()


@pytest.mark.section("3.7")
def test_a_week_without_any_clock_and_three_power_cuts_is_dated_within_its_bounds(world: Away) -> None:
    """Every date lies between the last time that was known before and the truth, in the order of what happened."""
    world.start()
    world.run_until(BEGIN_S + 3_600)  # the time becomes known, then the network goes for ten days
    known_s = world.timeline.now_s
    world.central.vanish(10 * DAY_S)
    for day in range(1, 7):
        world.plug_both()
        world.run_until(BEGIN_S + day * DAY_S)
        if day % 2:
            world.cut_power(600.0)
            world.run_until(world.timeline.now_s + 660)
        world.unplug_both()
        world.run_until(world.timeline.now_s + 900)
    world.heal()
    world.run_until(world.timeline.now_s + DAY_S)
    entries = world.central.book.entries.values()
    assert len(entries) == 12
    for number in (1, 2):
        dates = [
            date
            for entry in entries
            if entry.start["connectorId"] == number and entry.stop is not None
            for date in (entry.start["timestamp"], entry.stop["timestamp"])
        ]
        assert len(dates) == 12
        assert dates == sorted(dates)
        assert world.central.iso(known_s - 3)[:19] <= dates[0][:19]
        assert dates[-1][:19] <= world.central.iso(world.timeline.now_s)[:19]
    assert world.end().violations == ()
