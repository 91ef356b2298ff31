"""Which status a connector has, and how it is told (OCPP 1.6 sections 4.9, 7.7)."""

import pytest

from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World


@pytest.mark.section("4.9")
def test_preparing_is_told_even_where_a_car_draws_from_the_first_moment() -> None:
    world = World(connectors=2, has_lock=False)
    world.tap()  # not yet known for which connector
    world.pilot(1, "C")
    assert world.statuses(1) == [Status.Available, Status.Preparing, Status.Charging]


@pytest.mark.section("4.9")
def test_a_lock_that_slips_while_charging_suspends_the_session_by_the_station(world: World) -> None:
    world.tap()
    world.plug()
    world.plants[1].jammed = True
    world.slip_lock(1, False)
    assert not world.contactor()
    assert world.status() == Status.SuspendedEVSE
    world.plants[1].jammed = False
    world.advance(1.0)
    assert world.contactor()
    assert world.statuses()[-3:] == [Status.Charging, Status.SuspendedEVSE, Status.Charging]


@pytest.mark.section("4.9")
def test_a_session_whose_car_and_lock_are_slow_is_preparing_for_three_seconds(world: World) -> None:
    world.tap()
    world.plug(ready=False)
    world.advance(2.9)
    assert world.status() == Status.Preparing
    world.advance(0.2)
    assert world.status() == Status.SuspendedEV


@pytest.mark.section("4.7")
def test_a_sample_is_taken_once_at_its_time_whatever_floating_point_makes_of_it() -> None:
    world = World(keys={"MeterValueSampleInterval": 60})
    world.advance(0.1)
    world.tap()
    world.plug()
    world.advance(600.0)
    assert len(world.calls("MeterValues")) == 10
