"""Locks that jam, slip and say nothing while sessions are about to begin: nobody waits for ever, no loose cable is live.

The invariants of the harness hold at every step: energy only with a locked cable, no beginning for ever.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.core.records import Charging
from tests.core.harness import World
from tests.core.test_status_random import Step, do, heal, nothing_is_billed_twice

both = st.sampled_from([1, 2])
FAILURES = ("jammed", "jammed", "lock_silent")

STEPS = st.one_of(
    st.tuples(st.just("start"), both, st.sampled_from(["", *FAILURES])),
    st.tuples(st.just("plug"), both, st.booleans()),
    st.tuples(st.just("unplug"), both, st.sampled_from(["both", "ev"])),
    st.tuples(st.just("tap"), st.sampled_from(["CARD1", "CARD2"]), both),
    st.tuples(st.just("fail"), both, st.sampled_from(FAILURES), st.booleans()),
    st.tuples(st.just("slip"), both),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 1.0, 2.9])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0, 12.0])),
    st.tuples(st.just("remote_start"), st.sampled_from([None, 1, 2]), st.sampled_from(["CARD1", "APP"])),
    st.tuples(st.just("unlock"), both),
    st.tuples(st.sampled_from(["remote_stop", "dark", "link"])),
)
SITES = st.fixed_dictionaries(
    {
        "each": st.booleans(),
        "free_vend": st.sampled_from([False, False, True]),
        "after_power_loss": st.sampled_from(["stop", "resume"]),
        "lag_s": st.sampled_from([0.0, 0.3]),
        "keys": st.fixed_dictionaries({"ConnectionTimeOut": st.sampled_from([0, 10])}),
    }
)


@pytest.mark.section("4.8")
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SITES, st.lists(STEPS, min_size=8, max_size=30))
def test_every_beginning_ends_and_every_cable_comes_free(site: dict[str, Any], steps: list[Step]) -> None:
    world = World(2, draws_w=7_360.0, reconnect_s=2.0, **site)
    for step in steps:
        do(world, step)
    world.advance(20.0)
    heal(world)
    for number in world.plants:
        world.pilot(number, "A", cable=False)
    world.advance(40.0)
    for number in world.plants:
        runs = isinstance(world.store.session(number), Charging)  # where the settings let it run on without its car
        assert world.locked(number) is runs, f"connector {number}: locked {world.locked(number)}, a session runs: {runs}"
        assert not world.contactor(number)
    assert world.store.rows == {}
    nothing_is_billed_twice(world)
