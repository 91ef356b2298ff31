"""ChangeAvailability (OCPP 1.6 sections 4.9, 5.2)."""

import pytest

from chargepoint.facts import Pattern
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = pytest.mark.section("7.3")


def change(world: World, connector: int, kind: str) -> str:
    return str(world.call("ChangeAvailability", connectorId=connector, type=kind)["status"])


@pytest.mark.section("5.2")
def test_an_idle_connector_changes_at_once(world: World) -> None:
    assert change(world, 1, "Inoperative") == "Accepted"
    assert world.status() == Status.Unavailable
    assert world.shown() is Pattern.UNAVAILABLE
    assert change(world, 1, "Operative") == "Accepted"
    assert world.status() == Status.Available


@pytest.mark.section("5.2")
@pytest.mark.parametrize("kind", ["Operative", "Inoperative"])
def test_a_change_to_what_is_already_so_is_accepted_and_told_as_nothing_new(world: World, kind: str) -> None:
    change(world, 1, kind)
    told = len(world.told)
    assert change(world, 1, kind) == "Accepted"
    assert len(world.told) == told


@pytest.mark.section("5.2")
def test_during_a_transaction_it_is_scheduled_and_applied_at_its_end(world: World) -> None:
    world.plug()
    world.tap()
    assert change(world, 1, "Inoperative") == "Scheduled"
    assert change(world, 1, "Inoperative") == "Scheduled"
    assert world.contactor()
    assert world.status() == Status.Charging
    world.tap()
    assert world.statuses()[-2:] == [Status.Finishing, Status.Unavailable]
    world.unplug()
    assert world.status() == Status.Unavailable
    world.plug()
    world.tap()
    assert len(world.calls("StartTransaction")) == 1


@pytest.mark.section("5.2")
def test_a_scheduled_change_can_be_taken_back(world: World) -> None:
    world.plug()
    world.tap()
    change(world, 1, "Inoperative")
    assert change(world, 1, "Operative") == "Accepted"
    world.tap()
    world.unplug()
    assert world.status() == Status.Available


@pytest.mark.section("5.2")
@pytest.mark.parametrize("how", ["power cut", "restart"])
def test_it_survives_whatever_ends_the_process(world: World, how: str) -> None:
    change(world, 1, "Inoperative")
    world.cut_power() if how == "power cut" else world.restart()
    assert world.status() == Status.Unavailable
    change(world, 1, "Operative")
    world.cut_power()
    assert world.status() == Status.Available


@pytest.mark.section("5.2")
def test_a_scheduled_change_survives_the_power_cut_that_ends_the_transaction(world: World) -> None:
    world.plug()
    world.tap()
    change(world, 1, "Inoperative")
    world.cut_power()
    assert world.status() == Status.Unavailable


@pytest.mark.section("5.2")
def test_connector_0_is_the_station_and_every_connector() -> None:
    world = World(connectors=3)
    assert change(world, 0, "Inoperative") == "Accepted"
    assert [world.status(number) for number in range(4)] == [Status.Unavailable] * 4
    world.cut_power()
    assert [world.status(number) for number in range(4)] == [Status.Unavailable] * 4
    assert change(world, 0, "Operative") == "Accepted"
    assert [world.status(number) for number in range(4)] == [Status.Available] * 4


@pytest.mark.section("5.2")
def test_connector_0_waits_for_the_transactions_of_its_connectors() -> None:
    world = World(connectors=2)
    world.plug(2)
    world.tap()
    assert change(world, 0, "Inoperative") == "Scheduled"
    assert (world.status(1), world.status(2)) == (Status.Unavailable, Status.Charging)
    world.tap()
    assert world.status(2) == Status.Unavailable


@pytest.mark.section("5.2")
def test_one_connector_leaves_the_others_alone() -> None:
    world = World(connectors=2)
    change(world, 1, "Inoperative")
    assert [world.status(number) for number in range(3)] == [Status.Available, Status.Unavailable, Status.Available]
    world.tap()
    world.plug(1)
    world.expect_no_call("StartTransaction")
    world.plug(2)
    world.expect_call("StartTransaction", connectorId=2)


@pytest.mark.section("5.2")
def test_an_unknown_connector_is_rejected(world: World) -> None:
    assert change(world, 2, "Inoperative") == "Rejected"


@pytest.mark.section("5.2")
def test_who_waits_for_a_plug_waits_no_longer(world: World) -> None:
    world.tap()
    change(world, 1, "Inoperative")
    change(world, 1, "Operative")
    world.plug()
    world.expect_no_call("StartTransaction")


@pytest.mark.section("4.9")
def test_a_plugged_car_can_be_charged_when_the_connector_is_operative_again(world: World) -> None:
    world.plug()
    change(world, 1, "Inoperative")
    assert world.status() == Status.Unavailable
    world.tap()
    change(world, 1, "Operative")
    assert world.status() == Status.Preparing
    world.tap()
    assert world.contactor()
