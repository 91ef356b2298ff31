"""The mains goes and comes back, as the certification tool plays it."""

from typing import Any

import pytest

from tests.certification import tool
from tests.core.harness import World


def station(**more: Any) -> World:
    """Two connectors with a reader each; the tool's case is about the first."""
    world = World(2, each=True, **more)
    world.forget()
    return world


def booted(world: World) -> list[tuple[str, Any]]:
    """BootNotification came first; every CALL after it, with the status, reason or id tag that it tells."""
    tool.expect(world, "BootNotification")
    return [
        (one.action, one.payload.get("status", one.payload.get("reason")))
        for one in world.unseen()
        if one.action not in tool.AT_ANY_TIME
    ]


def first_statuses(world: World) -> dict[int, str]:
    """The first status of each connector since then."""
    told: dict[int, str] = {}
    for one in world.unseen():
        if one.action == "StatusNotification":
            told.setdefault(one.payload["connectorId"], one.payload["status"])
    return told


@pytest.mark.section("tool TC_032_1")
def test_a_station_with_a_battery_ends_its_transactions_before_it_goes_down() -> None:
    world = station()
    transaction = tool.charging(world)
    world.input("mains_lost")
    tool.expect_both(
        world,
        ("StopTransaction", {"transactionId": transaction, "reason": "PowerLoss"}),
        tool.status("Finishing"),
    )
    assert not world.contactor()
    world.input("mains_lost", active=False)
    world.forget()
    world.cut_power()
    tool.expect(world, "BootNotification")
    assert first_statuses(world) == {0: "Available", 1: "Finishing", 2: "Available"}
    world.expect_no_call("StopTransaction")


@pytest.mark.section("tool TC_032_2")
def test_a_station_without_a_battery_ends_them_when_it_is_back() -> None:
    world = station()
    transaction = tool.charging(world)
    world.cut_power()
    came = booted(world)
    assert first_statuses(world) == {0: "Available", 1: "Finishing", 2: "Available"}
    assert came.count(("StatusNotification", "Finishing")) == 1
    assert world.expect_call("StopTransaction", transactionId=transaction)["reason"] == "PowerLoss"


@pytest.mark.section("tool TC_032_2")
def test_one_that_goes_on_is_ended_by_the_card_that_began_it() -> None:
    world = station(after_power_loss="resume")
    transaction = tool.charging(world)
    world.cut_power()
    tool.expect(world, "BootNotification")
    assert {number: world.status(number) for number in (0, 1, 2)} == {0: "Available", 1: "Charging", 2: "Available"}
    world.forget()
    world.tap(tool.VALID, reader=1)
    tool.expect_both(
        world,
        ("StopTransaction", {"transactionId": transaction, "idTag": tool.VALID, "reason": "Local"}),
        tool.status("Finishing"),
    )


@pytest.mark.section("tool TC_034")
def test_a_station_out_of_service_stays_so() -> None:
    world = station()
    assert world.call("ChangeAvailability", connectorId=0, type="Inoperative") == {"status": "Accepted"}
    all_out = [tool.status("Unavailable", number) for number in (0, 1, 2)]
    tool.expect_both(world, *all_out)
    world.cut_power()
    tool.expect(world, "BootNotification")
    tool.expect_both(world, *all_out)
    tool.expect_nothing(world)
