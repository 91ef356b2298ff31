"""Hostile frames in every state of the station: no crash, every CALL answered once or its link state defined."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chargepoint.core import events as ev
from tests.core.clocks import shift
from tests.core.harness import World
from tests.core.hostility import Attack, Besieged, Frame, arguments, frames, json_values, requests
from tests.core.sieges import STATES, attack
from tests.core.test_status_random import SITES, STEPS, do, heal

pytestmark = pytest.mark.section("J 4.2.3")

FRAMES_MIN = 1_000
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # without `explain`, which costs minutes


@pytest.mark.parametrize("part", range(2))
def test_more_than_a_thousand_hostile_frames(part: int) -> None:
    thrown = 0

    @settings(max_examples=100, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(STATES),
        st.lists(st.tuples(frames, st.sampled_from([0.0, 0.0, 0.0, 0.3, 4.0, 31.0])), min_size=8, max_size=20),
    )
    def run(state: Callable[[], World], sequence: list[tuple[Frame, float]]) -> None:
        nonlocal thrown
        thrown += len(sequence)
        attack(state(), sequence)

    run()
    assert thrown >= FRAMES_MIN / 2


ANYTHING = st.one_of(
    STEPS,
    STEPS,
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("asked"), requests, st.dictionaries(arguments, json_values, max_size=3)),
    st.tuples(st.just("clock"), st.sampled_from([-90_000.0, -500.0, 0.0, 500.0, 90_000.0])),
    st.tuples(st.just("disk"), st.booleans()),
)


def happen(fight: Attack, step: tuple[Any, ...]) -> None:
    world = fight.world
    match step:
        case ("frame", text):
            fight.throw(text)
        case ("asked", str(what), dict(given_)):
            if not world.exited:
                assert world.control(what, **given_) is not None
        case ("clock", float(seconds)):
            shift(world, seconds)
        case ("disk", bool(full)):
            world.deliver(ev.StoreTroubled("the disk is full") if full else ev.StoreHealed())
        case _:
            do(world, step)


@settings(max_examples=120, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(SITES, st.lists(ANYTHING, min_size=5, max_size=50))
def test_everything_at_once(site: dict[str, Any], steps: list[tuple[Any, ...]]) -> None:
    """Hardware, drivers of cars, installers, a hostile Central System, clocks and power cuts in any order: the invariants of
    the harness hold at every step, and in the end the station can be asked how it is.
    """
    world = Besieged(2, draws_w=7_360.0, poll_s=10.0, reconnect_s=2.0, **site)
    fight = Attack(world)
    for step in steps:
        happen(fight, step)
    heal(world)
    world.advance(100.0)
    if world.exited:
        world.restart()
    body, error = world.control("status")
    assert error is None
    assert sorted(body["connectors"]) == ["1", "2"]
    world.cut_power()
    assert world.control("status")[1] is None
