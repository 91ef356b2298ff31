"""The benchmark: what the real stack takes from a tap, from a fact, and while nobody is there.

Owns what is timed and against which limit. A tap is timed from the card's arrival in the modelled field until the lamp turns
to "card read", and until the buzzer sounds: reader, core, commit and lamp together. Facts are those of
`hil.perf.fact_to_open`. Idle is the processor time of the station with all its real drivers, in percent of one core; it holds
what the emulation adds to each system call. All of it is only worth something on a machine that has nothing else to do.
"""

import asyncio
import os
from math import ceil
from statistics import median
from time import monotonic

from msgspec import Struct

from hil.layers.harness import Harness
from hil.layers.play import Play, StoryFailed
from hil.layers.stage import Layer, Stage, stage
from hil.layers.stories import central_system
from hil.perf import fact_to_open

TAP_LIMIT_MS = 150.0
SOUND_LIMIT_MS = 200.0
BETWEEN_TAPS_S = 1.2  # a card counts as gone after 0.8 s
SETTLE_S = 1.0
TAP_S = 5.0
LOOK_S = 0.01


class Spread(Struct, frozen=True):
    """Milliseconds; limit: what p99 must stay under."""

    p50: float
    p99: float
    limit: float

    @property
    def over(self) -> bool:
        return self.p99 >= self.limit


class Figures(Struct, frozen=True):
    tap_seen_ms: Spread
    tap_sound_ms: Spread
    fact_open_ms: dict[str, Spread]
    idle_cpu_percent: float

    @property
    def over(self) -> list[str]:
        """Whose p99 is over its limit."""
        facts = [f"fact_open_ms.{name}" for name, spread in self.fact_open_ms.items() if spread.over]
        taps = {"tap_seen_ms": self.tap_seen_ms, "tap_sound_ms": self.tap_sound_ms}
        return [name for name, spread in taps.items() if spread.over] + facts


async def measure(count: int, idle_s: float) -> Figures:
    """count: taps, and times of each fact. Takes about idle_s and 8 s for each of count."""
    async with stage(Layer.REAL, settings=central_system()) as made:
        await Play(made).boot()
        await asyncio.sleep(SETTLE_S)
        idle_percent = await _idle(made, idle_s)
        taps_ms = [await _tap(made, number, count) for number in range(count)]
    facts = await fact_to_open.measure(count)
    named = {"pilot": facts.pilot, "emergency_stop": facts.emergency_stop, "ground_fault": facts.ground_fault}
    return Figures(
        tap_seen_ms=spread([light_ms for light_ms, _ in taps_ms], TAP_LIMIT_MS),
        tap_sound_ms=spread([sound_ms for _, sound_ms in taps_ms], SOUND_LIMIT_MS),
        fact_open_ms={name: Spread(one.median_ms, one.p99_ms, one.limit_ms) for name, one in named.items()},
        idle_cpu_percent=round(idle_percent, 2),
    )


def spread(times_ms: list[float], limit_ms: float) -> Spread:
    """Of one or more times."""
    times_ms = sorted(times_ms)
    return Spread(round(median(times_ms), 1), round(times_ms[ceil(0.99 * len(times_ms)) - 1], 1), limit_ms)


async def _idle(made: Stage, idle_s: float) -> float:
    assert made.process is not None
    began_s, spent_s = monotonic(), _processor_s(made.process.pid)
    await asyncio.sleep(idle_s)
    return 100 * (_processor_s(made.process.pid) - spent_s) / (monotonic() - began_s)


def _processor_s(pid: int) -> float:
    """User and system time of a process, proc(5)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _tap(made: Stage, number: int, count: int) -> tuple[float, float]:
    """Milliseconds from card to lamp and to sound. Each card is another one, at a moment of its own in the reader's rhythm."""
    harness = made.harness
    assert harness is not None
    await asyncio.sleep(BETWEEN_TAPS_S + 0.08 * number / count)
    before = len(harness.facts)
    await made.client.do("tap", id_tag=(b"\x04\x11\x22\x33\x44" + number.to_bytes(2, "big")).hex().upper())
    ends_s = monotonic() + TAP_S
    while monotonic() < ends_s:
        laid_s = next((fact.at_s for fact in harness.facts[before:] if fact.what.startswith("card ")), None)
        if laid_s is not None:
            # Blue is "card read".
            light_s, sound_s = (rises(harness, pin, laid_s) for pin in (harness.lamps["blue"], harness.buzzer))
            if light_s is not None and sound_s is not None:
                return 1_000 * (light_s - laid_s), 1_000 * (sound_s - laid_s)
        await asyncio.sleep(LOOK_S)
    raise StoryFailed(f"tap {number + 1} of {count} was not seen and heard within {TAP_S:g} s")


def rises(harness: Harness, pin: int, after_s: float) -> float | None:
    """When the line went high the next time."""
    return next((change.at_s for change in harness.kernel.changes(pin) if change.level and change.at_s >= after_s), None)
