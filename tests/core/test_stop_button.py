"""A stop button ends sessions and begins none (OCPP 1.6 section 4.10, reason Local)."""

import pytest

from chargepoint.core.records import Charging, Idle
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = pytest.mark.section("4.10")


def two_cars() -> World:
    world = World(connectors=2)
    for number in (1, 2):
        world.plug(number)
        world.tap(f"CARD{number}")
    return world


def running(world: World) -> list[int]:
    return [number for number in world.plants if isinstance(world.store.session(number), Charging)]


@pytest.mark.parametrize(("button", "left"), [(1, [2]), (2, [1]), (0, [])])
def test_its_press_ends_the_session_of_its_connector_or_all(button: int, left: list[int]) -> None:
    world = two_cars()
    world.input_line("stop_button", button)
    assert running(world) == left
    stops = world.calls("StopTransaction")
    assert [stop["reason"] for stop in stops] == ["Local"] * (2 - len(left))
    assert all("idTag" not in stop for stop in stops)
    assert all(world.status(number) != Status.Faulted for number in (0, 1, 2)), "it is no fault"


def test_its_press_and_its_release_begin_nothing(world: World) -> None:
    world.plug()
    for active in (True, False, True):
        world.input_line("stop_button", active=active)
        world.advance(5.0)
    assert world.store.session(1) == Idle()
    assert world.status() == Status.Preparing


def test_while_it_is_held_a_new_session_may_begin_and_the_next_press_ends_it() -> None:
    world = two_cars()
    world.input_line("stop_button", 1)
    world.unplug(1)
    world.plug(1)
    world.tap("CARD1")
    world.input_line("stop_button", 1)  # told once more: no press
    assert running(world) == [1, 2]
    world.input_line("stop_button", 1, active=False)
    assert running(world) == [1, 2]
    world.input_line("stop_button", 1)
    assert running(world) == [2]


def test_a_button_that_was_let_go_while_the_inputs_were_lost_works_when_they_are_back(world: World) -> None:
    world.plug()
    world.input_line("stop_button")
    world.lose("inputs", 0)
    world.recover("inputs", 0)  # the line is quiet, and quiet lines are not told
    world.advance(2.0)
    world.tap()
    assert running(world) == [1]
    world.input_line("stop_button")
    assert running(world) == []
