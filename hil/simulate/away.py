"""Away: two cars that charge for weeks while the Central System cannot be reached, and what is delivered when it can.

Owns the story and its figures. Nobody comes by himself and nothing else goes wrong: what is asked here is whether memory stays
flat, whether every sample is kept, and how fast they are delivered.
"""

from pathlib import Path
from typing import Any

from msgspec import Struct

from hil.simulate.central import Habits
from hil.simulate.simulation import Simulation
from hil.simulate.timeline import BEGIN_S, DAY_S
from hil.simulate.trouble import Weather

CALM = Weather(
    power_cuts=0,
    process_kills=0,
    meter_silences=0,
    meter_falls=0,
    faults=0,
    broken_contactors=0,
    jammed_locks=0,
    visits=0.01,
    has_clock=0,
)
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


class Absence(Struct, frozen=True, kw_only=True):
    """samples: queued when the Central System came back. told: MeterValues that it then got. growth_bytes: of the process."""

    days: float
    samples: int
    told: int
    window_rows: int
    growth_bytes: int
    seconds_a_row: float
    violations: tuple[str, ...]


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


def absence(days: int) -> Absence:
    """So many days without a Central System, then all that was kept is delivered."""
    world = Away(days)
    try:
        return _absence(world, days)
    finally:
        world.close()


def _absence(world: Away, days: int) -> Absence:
    world.central.online = False
    world.start()
    world.run_until(BEGIN_S + 60)
    world.plug_both()
    assert world.box.station is not None
    outbox = world.box.station._blocks.outbox
    window, memory = 0, []
    for day in range(1, days + 1):
        world.run_until(BEGIN_S + day * DAY_S)
        window = max(window, len(outbox._window))
        memory.append(_resident_bytes())
    samples = outbox.queued - 2
    world.unplug_both()
    world.heal()
    began_s = world.timeline.now_s
    while outbox.queued and world.timeline.now_s - began_s < DAY_S:
        world.run_until(world.timeline.now_s + 60)
    return Absence(
        days=days,
        samples=samples,
        told=len(world.told("MeterValues")),
        window_rows=window,
        growth_bytes=memory[-1] - memory[0],
        seconds_a_row=(world.timeline.now_s - began_s) / samples,
        violations=world.end().violations,
    )


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
