"""Free vend: whoever is plugged is charged (the station's setting `free_vend`; OCPP 1.6 section 4.9, transition A3)."""

from typing import Any

import pytest

from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import id_tag_info
from tests.core.harness import World


def vending(connectors: int = 1, **more: Any) -> World:
    return World(connectors, free_vend=True, **more)


@pytest.mark.section("4.9")
def test_plugged_is_charged_without_asking_anybody() -> None:
    world = vending()
    world.plug()
    world.expect_call("StartTransaction", idTag="FREEVEND", connectorId=1)
    assert world.calls("Authorize") == []
    assert world.contactor()
    assert world.statuses() == [Status.Available, Status.Preparing, Status.Charging]
    world.unplug()
    world.expect_call("StopTransaction", reason="EVDisconnected")


def test_the_id_tag_of_free_vend_is_a_setting() -> None:
    world = vending(free_vend_id_tag="HOUSE")
    world.plug()
    world.expect_call("StartTransaction", idTag="HOUSE")


def test_several_cars_at_once_are_all_charged() -> None:
    world = World(3, free_vend=True, started=False)
    for plant in world.plants.values():
        plant.meter_deaf = True
    world.start()
    world.connect()
    for number in world.plants:
        world.plug(number)
    assert world.calls("StartTransaction") == []
    for number, plant in world.plants.items():
        plant.meter_deaf = False
        world.open_meter(number)
    assert [sent["connectorId"] for sent in world.calls("StartTransaction")] == [1, 2, 3]


def test_offline_it_works_as_well() -> None:
    world = vending(online=False, keys={"AllowOfflineTxForUnknownId": False})
    world.plug()
    assert world.contactor()
    world.advance(10.0)
    world.connect()
    world.expect_call("StartTransaction", idTag="FREEVEND")


@pytest.mark.section("4.8")
def test_an_operator_who_refuses_the_id_ends_it() -> None:
    world = vending()
    world.csms.once("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 5})
    world.plug()
    world.expect_call("StopTransaction", reason="DeAuthorized")
    world.advance(60.0)
    assert len(world.calls("StartTransaction")) == 1, "not again before the cable was out"


@pytest.mark.section("5.12")
def test_a_session_that_was_stopped_begins_again_only_with_a_new_plug() -> None:
    world = vending()
    world.plug()
    world.call("RemoteStopTransaction", transactionId=1001)
    world.advance(60.0)
    assert world.status() == Status.Finishing
    assert len(world.calls("StartTransaction")) == 1
    world.unplug()
    world.plug()
    assert len(world.calls("StartTransaction")) == 2


@pytest.mark.section("4.9")
@pytest.mark.parametrize("obstacle", ["fault", "inoperative"])
def test_a_car_that_was_plugged_out_of_service_is_charged_when_nothing_is_in_the_way_any_more(obstacle: str) -> None:
    world = vending()
    if obstacle == "fault":
        world.input("ground_fault", 1)
    else:
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    world.plug()
    assert world.calls("StartTransaction") == []
    if obstacle == "fault":
        world.input("ground_fault", 1, active=False)
    else:
        world.call("ChangeAvailability", connectorId=1, type="Operative")
    world.expect_call("StartTransaction", idTag="FREEVEND")
    assert world.statuses()[-2:] == [Status.Preparing, Status.Charging]


def test_a_car_that_is_plugged_at_the_start_is_charged() -> None:
    world = vending(started=False)
    world.plants[1].pilot = plugged().plants[1].pilot
    world.start()
    world.connect()
    world.expect_call("StartTransaction", idTag="FREEVEND")


def plugged() -> World:
    world = World()
    world.plug()
    return world


@pytest.mark.section("4.10")
def test_a_card_that_is_shown_does_not_end_what_it_did_not_begin() -> None:
    world = vending()
    world.plug()
    world.tap("ANNA")
    assert world.contactor()
