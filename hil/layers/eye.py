"""The eye: what somebody sees who stands before the station's lamps, and whether it is what was to be shown.

Owns rhythm and patience: an eye takes no notice of what is shorter than GLITCH_S, and two rhythms are the same to it where they
differ for no longer than BLUR_S. Refuses to know how lamps are driven. What a pattern looks like comes from its profile.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from drivers import indicators
from drivers.indicators.rendering import Shown, render, shown

GLITCH_S = 0.03  # from one lamp to the other where a colour needs two
BLUR_S = 0.13
BRIEF_S = 0.3  # what was meant to be shown for less may be missed
HORIZON_S = 60.0
PAUSE_S = 0.6  # between groups of flashes
MIXED = {frozenset({"red", "blue"}): "purple"}
Colour = str | None  # None: dark


class LampChange(NamedTuple):
    at_s: float
    lamp: str
    lit: bool


class Run(NamedTuple):
    """One colour, from begin_s to end_s."""

    colour: Colour
    begin_s: float
    end_s: float


class Meant(NamedTuple):
    """A pattern that was to be shown, from at_s on; None: nobody drives the lamps, and they may look like anything."""

    at_s: float
    what: Shown | None


def meant(at_s: float, lamp: str, reason: str | None) -> Meant:
    """From the name of a pattern and of its reason, as the bench's world has them."""
    if lamp not in Pattern.__members__.values():
        return Meant(at_s, None)
    pattern = Pattern(lamp)
    refusal = Refusal(reason) if pattern is Pattern.REFUSED and reason else None
    trouble = Trouble(reason) if pattern is Pattern.FAULTED and reason else None
    return Meant(at_s, shown(pattern, refusal, trouble))


def words(what: Shown | None) -> str:
    """A pattern as a driver would tell of it."""
    if what is None:
        return "no station"
    means = indicators.load("default").patterns[what.pattern].means
    return f"{means} ({what.count})" if what.count else means


def colour_of(what: Shown | None) -> Colour:
    return None if what is None else indicators.load("default").patterns[what.pattern].colour


def runs(changes: Sequence[LampChange], begin_s: float, end_s: float) -> list[Run]:
    """What was seen from begin_s to end_s, glitches left out."""
    lit: set[str] = set()
    edges: list[tuple[float, Colour]] = [(begin_s, None)]
    for change in sorted(changes):
        (lit.add if change.lit else lit.discard)(change.lamp)
        if change.at_s <= begin_s:
            edges = [(begin_s, _mixed(lit))]
        elif change.at_s < end_s:
            edges.append((change.at_s, _mixed(lit)))
    ends = [at_s for at_s, _ in edges[1:]] + [end_s]
    found: list[Run] = []
    for (at_s, colour), until_s in zip(edges, ends, strict=True):
        if found and (found[-1].colour == colour or until_s - at_s < GLITCH_S):
            found[-1] = found[-1]._replace(end_s=until_s)
        else:
            found.append(Run(colour, at_s, until_s))
    return found


def flashes(seen: Sequence[Run], colour: str) -> list[int]:
    """How many flashes of a colour each group had; longer darkness, or another colour, ends a group."""
    groups: list[int] = []
    last_s: float | None = None
    for run in seen:
        if run.colour == colour:
            if last_s is None or run.begin_s - last_s > PAUSE_S:
                groups.append(0)
            groups[-1] += 1
            last_s = run.end_s
        elif run.colour is not None:
            last_s = None
    return groups


def unlike(seen: Sequence[Run], wanted: Sequence[Meant]) -> str:
    """Where what was seen is not what was to be shown, in words; empty: it is, each pattern in its turn and for some time.

    When a pattern began is not asked: layers have their own times. One that was meant for less than BRIEF_S may be missing.
    """
    end_s = seen[-1].end_s
    starts = {seen[0].begin_s}
    furthest = seen[0].begin_s
    for place, one in enumerate(wanted):
        least_s = _least_s(wanted, place)
        reached = {start_s: _reach(seen, _template(one.what), start_s) for start_s in starts}
        best_s = max(reached.values())
        furthest = max(furthest, best_s)
        if place == len(wanted) - 1:
            return "" if best_s >= end_s - BLUR_S else _complaint(seen, wanted, place, best_s)
        after = _template(wanted[place + 1].what)
        starts = {
            begin_s
            for start_s, reach_s in reached.items()
            for begin_s in (*_starts(seen, after), start_s + least_s)
            if start_s + least_s <= begin_s <= reach_s + BLUR_S
        }
        if not starts:
            return _complaint(seen, wanted, place, best_s)
    return ""


def _least_s(wanted: Sequence[Meant], place: int) -> float:
    """How long a pattern must be seen at least; the last one may be cut by the end."""
    if place + 1 >= len(wanted) or wanted[place + 1].at_s - wanted[place].at_s < BRIEF_S:
        return 0.0
    return BRIEF_S / 2


def _complaint(seen: Sequence[Run], wanted: Sequence[Meant], place: int, at_s: float) -> str:
    coming = " and then ".join(f'"{words(one.what)}"' for one in wanted[place : place + 2])
    rest = [run for run in seen if run.end_s > at_s + BLUR_S][:6]
    instead = ", ".join(f"{run.colour or 'dark'} {run.end_s - max(run.begin_s, at_s):.2f} s" for run in rest) or "nothing more"
    return f"{at_s - seen[0].begin_s:.2f} s after the start {coming} was to be seen; seen was {instead}"


def _mixed(lit: Iterable[str]) -> Colour:
    lamps = frozenset(lit)
    if len(lamps) > 1:
        return MIXED.get(lamps, "+".join(sorted(lamps)))
    return next(iter(lamps), None)


class _Template(NamedTuple):
    """Colours and how long each stands, from the pattern's beginning; the last one stays. any_colour: nothing is asked."""

    steps: tuple[tuple[Colour, float], ...]
    any_colour: bool = False


@cache
def _template(what: Shown | None) -> _Template:
    if what is None:
        return _Template(((None, HORIZON_S),), any_colour=True)
    profile, lights = indicators.load("default"), Lights()
    steps: list[tuple[Colour, float]] = []
    at_s = 0.0
    while at_s < HORIZON_S:
        frame = render(profile, what, at_s, lights)
        until_s = HORIZON_S if frame.until_s is None else frame.until_s
        colour = frame.colour if frame.lit else None
        if steps and steps[-1][0] == colour:
            steps[-1] = (colour, steps[-1][1] + until_s - at_s)
        else:
            steps.append((colour, until_s - at_s))
        at_s = until_s
    return _Template(tuple(steps))


def _starts(seen: Sequence[Run], template: _Template) -> list[float]:
    """When a pattern may have begun: with an edge, or so that the end of its first step is one."""
    colour, first_s = template.steps[0]
    edges = [run.begin_s for run in seen]
    return edges + [run.end_s - first_s for run in seen if run.colour == colour and run.end_s - run.begin_s > first_s]


def _reach(seen: Sequence[Run], template: _Template, start_s: float) -> float:
    """Until when a pattern that began at start_s is what is seen."""
    end_s = seen[-1].end_s
    if template.any_colour:
        return end_s
    wrong_since: float | None = None
    at_s, place = start_s, 0
    step_end_s = start_s + template.steps[0][1]
    for run in seen:
        while at_s < run.end_s and at_s >= run.begin_s - 1e-9:
            until_s = min(run.end_s, step_end_s)
            if run.colour != template.steps[place][0]:
                wrong_since = at_s if wrong_since is None else wrong_since
                if until_s - wrong_since > BLUR_S:
                    return wrong_since
            else:
                wrong_since = None
            at_s = until_s
            if at_s >= step_end_s:
                place += 1
                if place == len(template.steps):
                    return at_s
                step_end_s += template.steps[place][1]
    return end_s if wrong_since is None else wrong_since
