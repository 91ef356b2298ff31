"""What holds in the bench's world whatever happens, held by generated histories."""

import math
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench.outlet import Fault, Side, register_kwh
from hil.bench.world import Refused, World
from tests.bench.test_world import plug, run


@given(st.floats(min_value=0, max_value=8_000_000))
def test_the_register_gives_the_whole_wh_however_it_is_rounded(energy_wh: float) -> None:
    read = register_kwh(energy_wh) * 1000
    assert math.floor(read) == round(read) == math.floor(energy_wh)


@given(st.floats(min_value=0, max_value=1e9), st.floats(min_value=0, max_value=1e6))
def test_the_register_never_falls(energy_wh: float, more_wh: float) -> None:
    assert register_kwh(energy_wh + more_wh) >= register_kwh(energy_wh)


STEPS = st.one_of(
    st.tuples(st.just("pass"), st.floats(0, 5_000)),
    st.tuples(st.just("plug"), st.booleans()),
    st.tuples(st.just("unplug"), st.sampled_from([Side.BOTH, Side.EV, Side.STATION])),
    st.tuples(st.just("ev"), st.booleans()),
    st.tuples(st.just("coil"), st.booleans()),
    st.tuples(st.just("offer"), st.one_of(st.none(), st.floats(6, 80))),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(list(Fault)), st.booleans())),
)


def do(world: World, step: str, value: Any) -> None:
    match step:
        case "pass":
            run(world, world.now + value)
        case "plug":
            plug(world, ready=value)
        case "unplug":
            world.unplug(1, side=value)
        case "ev":
            world.ev(1, ready=value, max_current_a=None, ventilation=None)
        case "coil":
            world.command_contactor(1, value)
        case "offer":
            world.outlet(1).offer_a = value
        case "fault":
            world.fault(1, *value)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_energy_never_falls_and_flows_only_where_it_may(steps: list[tuple[str, Any]]) -> None:
    world = World(1)
    outlet = world.outlet(1)
    for step, value in steps:
        energy_wh, flowed = outlet.energy_wh, outlet.power_w > 0
        with suppress(Refused):  # a second car, or a wish of none
            do(world, step, value)
        assert outlet.energy_wh >= energy_wh
        assert step == "pass" or outlet.energy_wh == energy_wh
        if step == "pass" and flowed and value >= 1:
            assert outlet.energy_wh > energy_wh
        if outlet.drawn_current_a > 0:
            assert outlet.contacts
            assert outlet.offer_a is not None
            assert outlet.car is not None
            assert outlet.car.ready
        if outlet.contacts and Fault.CONTACTOR_WELDED not in outlet.faults:
            assert outlet.coil
