"""What a lamp does over a time: the frames of the renderer one after the other, each from where the last one ended."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise

from chargepoint.facts import Lights
from drivers import indicators
from drivers.indicators.rendering import Frame, Shown, render

BRIGHT = Lights()
FRAMES_MAX = 20_000


def frames(what: Shown, until_s: float, lights: Lights = BRIGHT, profile: str = "default") -> Iterator[tuple[float, Frame]]:
    """When each frame begins, and the frame."""
    table, t_s = indicators.load(profile), 0.0
    for _ in range(FRAMES_MAX):
        frame = render(table, what, t_s, lights)
        yield t_s, frame
        if frame.until_s is None or frame.until_s >= until_s:
            return
        assert frame.until_s > t_s, "a frame lasts"
        t_s = frame.until_s
    raise AssertionError("too many frames")


def light_and_dark(what: Shown, until_s: float, lights: Lights = BRIGHT, profile: str = "default") -> list[tuple[bool, float]]:
    """Lit or not and for how many seconds, as a lamp shows it that cannot be dimmed."""
    told = [(t_s, frame.lit) for t_s, frame in frames(what, until_s, lights, profile)]
    turns = [told[0], *(later for before, later in pairwise(told) if before[1] != later[1])]
    ends = [*(t_s for t_s, _ in turns[1:]), until_s]
    return [(lit, round(end - t_s, 3)) for (t_s, lit), end in zip(turns, ends, strict=True)]


def flashes(what: Shown, until_s: float, lights: Lights = BRIGHT, profile: str = "default") -> int:
    return sum(lit for lit, _ in light_and_dark(what, until_s, lights, profile))


async def until(holds: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after 10 s."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what a pin does is no event
            await asyncio.sleep(0.002)
