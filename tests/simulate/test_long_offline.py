"""Weeks without a Central System, and without a clock: memory stays flat, nothing is dropped, dates hold, delivery is quick."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.simulate.central import Habits
from hil.simulate.simulation import Simulation
from hil.simulate.timeline import BEGIN_S, DAY_S
from hil.simulate.trouble import Weather

CALM = Weather(power_cuts=0, process_kills=0, meter_silences=0, meter_falls=0, faults=0, visits=0.01, has_clock=0)
GOOD = Habits(
    drop_answer=0,
    answer_twice=0,
    call_error=0,
    close_at_once=0,
    slow=0,
    pending_boot=0,
    rejected_boot=0,
    offline_a_day=0,
    offline_days_a_year=0,
    commands_a_day=0,
    clock_jumps_a_year=0,
)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Away(Simulation):
    """Two connectors, no trouble but what a story makes, and nobody comes by himself."""

    def __init__(self, days: float) -> None:
        super().__init__(1, days, 2, CALM, GOOD, keys={"MeterValueSampleInterval": "60"})
        self.central.kept = []

    def plug_both(self) -> None:
        for outlet in self.outlets:
            outlet.car, outlet.ready, outlet.car_a = f"CAR{outlet.number}", True, 16.0
            self._pilot_changed(outlet)
            self._tap(f"CAR{outlet.number}")

    def unplug_both(self) -> None:
        for outlet in self.outlets:
            outlet.advance(self.timeline.now_s)
            outlet.car, outlet.ready = None, False
            self._pilot_changed(outlet)

    def told(self, action: str) -> list[dict[str, Any]]:
        return [payload for one, payload in self.central.kept or () if one == action]


@pytest.fixture
def world() -> Iterator[Away]:
    world = Away(30)
    yield world
    world.close()


@pytest.mark.section("3.7")
def test_thirty_days_offline_keep_every_sample_and_little_memory(world: Away) -> None:
    world.central.online = False
    world.start()
    world.run_until(BEGIN_S + 60)
    world.plug_both()
    assert world.box.station is not None
    outbox = world.box.station._blocks.outbox
    memory = []
    for day in range(1, 31):
        world.run_until(BEGIN_S + day * DAY_S)
        assert len(outbox._window) <= 64
        memory.append(resident_bytes())
    samples = outbox.queued - 2
    assert samples >= 86_000
    assert memory[-1] - memory[4] < 4 << 20, memory
    world.unplug_both()
    world.heal()
    began_s = world.timeline.now_s
    while outbox.queued:
        world.run_until(world.timeline.now_s + 60)
        assert world.timeline.now_s - began_s < DAY_S
    assert (world.timeline.now_s - began_s) / samples < 0.2, "the Central System answers within 0.16 s on average"
    assert len(world.told("MeterValues")) >= samples
    assert world.end().violations == ()


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
        assert world.central.iso(known_s - 2) <= dates[0]
        assert dates[-1] <= world.central.iso(world.timeline.now_s)
    assert world.end().violations == ()
