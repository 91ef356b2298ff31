"""The course of a session: StartTransaction to StopTransaction (OCPP 1.6 sections 3.6, 4.8, 4.10, 5.11, 5.12)."""

import pytest

from chargepoint.core.records import Charging, Delivery, Finishing, Idle
from chargepoint.facts import Pattern
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import id_tag_info, listed
from tests.core.harness import World


@pytest.mark.section("4.8")
def test_a_charge_from_card_to_card(world: World) -> None:
    world.tap("04A2B3C4")
    assert world.status() == Status.Preparing
    world.plug(ready=False)
    started = world.expect_call("StartTransaction", connectorId=1, idTag="04A2B3C4", meterStart=1000)
    assert started["timestamp"] == "2026-01-05T12:00:00Z"
    assert "reservationId" not in started
    assert not world.contactor()
    assert world.locked()
    world.ev_ready()
    assert world.contactor()
    assert world.status() == Status.Charging
    world.advance(1_800.0)
    world.meter(1, 8_500.9)
    world.tap("04A2B3C4")
    stopped = world.expect_call("StopTransaction", transactionId=1001, idTag="04A2B3C4", meterStop=8_500, reason="Local")
    assert stopped["timestamp"] == "2026-01-05T12:30:00Z"
    assert not world.contactor()
    assert not world.locked()
    assert world.status() == Status.Finishing
    world.unplug()
    assert world.status() == Status.Available
    expected = [Status.Available, Status.Preparing, Status.Charging, Status.Finishing, Status.Available]
    assert world.statuses() == expected


@pytest.mark.section("4.8")
def test_a_charge_of_a_car_that_was_plugged_first(world: World) -> None:
    world.plug()
    assert world.status() == Status.Preparing
    world.expect_no_call("StartTransaction")
    assert not world.locked()
    world.tap()
    world.expect_call("Authorize", idTag="CARD1")
    world.expect_call("StartTransaction")
    assert world.contactor()


@pytest.mark.section("4.8")
def test_the_session_is_on_the_disk_before_the_contactor_closes(world: World) -> None:
    world.tap()
    world.plug(ready=False)
    commits = len(world.store.commits)
    assert isinstance(world.store.session(1), Charging)
    assert world.store.newest().id_tag == "CARD1"
    world.ev_ready()
    assert world.contactor()
    assert len(world.store.commits) == commits, "a car that asks for power is nothing that must survive"


@pytest.mark.section("4.8")
def test_no_session_begins_before_the_meter_is_known() -> None:
    world = World(online=False, started=False)
    world.plants[1].meter_deaf = True
    world.start()
    world.connect()
    world.tap()
    world.plug()
    world.expect_no_call("StartTransaction")
    world.plants[1].meter_deaf = False
    world.open_meter(1)
    world.expect_call("StartTransaction", meterStart=1000)


@pytest.mark.section("5.11")
def test_a_remote_start_with_a_car_begins_at_once(world: World) -> None:
    world.plug()
    assert world.call("RemoteStartTransaction", idTag="APP", connectorId=1) == {"status": "Accepted"}
    world.expect_no_call("Authorize")
    world.expect_call("StartTransaction", idTag="APP", connectorId=1)
    assert world.contactor()


@pytest.mark.section("5.11")
def test_a_remote_start_waits_for_its_car_and_lapses() -> None:
    world = World(keys={"ConnectionTimeOut": 90})
    assert world.call("RemoteStartTransaction", idTag="APP", connectorId=1) == {"status": "Accepted"}
    assert world.status() == Status.Preparing
    world.advance(89.9)
    assert world.status() == Status.Preparing
    world.advance(0.2)
    assert world.status() == Status.Available
    world.plug()
    world.expect_no_call("StartTransaction")


@pytest.mark.section("5.11")
def test_a_remote_start_without_connector_takes_the_car_that_waits_longest() -> None:
    world = World(connectors=3)
    world.plug(3)
    world.advance(1.0)
    world.plug(2)
    world.call("RemoteStartTransaction", idTag="APP")
    world.expect_call("StartTransaction", connectorId=3, idTag="APP")


@pytest.mark.section("5.11")
def test_a_remote_start_without_connector_takes_the_next_plug() -> None:
    world = World(connectors=3)
    world.call("RemoteStartTransaction", idTag="APP")
    world.plug(2)
    world.expect_call("StartTransaction", connectorId=2, idTag="APP")
    world.plug(1)
    world.expect_no_call("StartTransaction")


@pytest.mark.section("5.11")
def test_remote_starts_of_one_app_for_several_connectors_do_not_push_one_another_out() -> None:
    world = World(connectors=2)
    world.call("RemoteStartTransaction", idTag="APP", connectorId=1)
    world.call("RemoteStartTransaction", idTag="APP", connectorId=2)
    world.plug(1)
    world.expect_call("StartTransaction", connectorId=1, idTag="APP")
    world.plug(2)
    world.expect_call("StartTransaction", connectorId=2, idTag="APP")


@pytest.mark.section("5.11")
def test_a_second_remote_start_of_the_same_id_takes_the_place_of_the_first() -> None:
    world = World(connectors=2)
    world.call("RemoteStartTransaction", idTag="APP")
    world.advance(30.0)
    world.call("RemoteStartTransaction", idTag="app")
    world.plug(1)
    world.expect_call("StartTransaction", connectorId=1)
    world.plug(2)
    world.expect_no_call("StartTransaction")


@pytest.mark.section("5.11")
@pytest.mark.parametrize("busy", ["charging", "inoperative", "faulted", "unknown"])
def test_a_remote_start_for_a_connector_that_cannot_is_rejected(world: World, busy: str) -> None:
    connector = 1
    if busy == "charging":
        world.tap()
        world.plug()
    elif busy == "inoperative":
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    elif busy == "faulted":
        world.input("ground_fault", 1)
    else:
        connector = 2
    assert world.call("RemoteStartTransaction", idTag="APP", connectorId=connector) == {"status": "Rejected"}


@pytest.mark.section("5.12")
def test_a_remote_stop_ends_the_session_of_its_number_only() -> None:
    world = World(connectors=2)
    for number in (1, 2):
        world.plug(number)
        world.call("RemoteStartTransaction", idTag=f"APP{number}", connectorId=number)
    assert world.call("RemoteStopTransaction", transactionId=77) == {"status": "Rejected"}
    assert world.call("RemoteStopTransaction", transactionId=1002) == {"status": "Accepted"}
    stopped = world.expect_call("StopTransaction", transactionId=1002, reason="Remote")
    assert "idTag" not in stopped
    assert world.contactor(1)
    assert not world.contactor(2)
    assert world.call("RemoteStopTransaction", transactionId=1002) == {"status": "Rejected"}


@pytest.mark.section("4.8")
@pytest.mark.parametrize("number", [0, -1, 2_147_483_647])
def test_any_transaction_id_is_one(world: World, number: int) -> None:
    world.csms.once("StartTransaction", {**id_tag_info(), "transactionId": number})
    world.tap()
    world.plug()
    assert world.call("RemoteStopTransaction", transactionId=number) == {"status": "Accepted"}
    world.expect_call("StopTransaction", transactionId=number)


@pytest.mark.section("3.7")
def test_the_stop_of_an_offline_session_waits_for_its_transaction_id(world: World) -> None:
    world.store.listed["card1"] = listed("CARD1")
    world.disconnect()
    world.tap()
    world.plug()
    world.advance(600.0)
    world.meter(1, 3_000.0)
    world.tap()
    world.unplug()
    assert world.calls("StartTransaction") == []
    world.advance(3_600.0)
    world.connect()
    started = world.expect_call("StartTransaction", meterStart=1000)
    world.expect_call("MeterValues", transactionId=1001)
    stopped = world.expect_call("StopTransaction", transactionId=1001, meterStop=3000)
    assert started["timestamp"] == "2026-01-05T12:00:00Z"
    assert stopped["timestamp"] == "2026-01-05T12:10:00Z"
    assert world.store.newest().stop_delivery is Delivery.CONFIRMED


@pytest.mark.section("4.10")
def test_a_car_that_goes_on_charging_after_an_hour_of_rest(world: World) -> None:
    world.tap()
    world.plug()
    world.pilot(1, "B")
    assert world.status() == Status.SuspendedEV
    assert not world.contactor()
    assert world.locked()
    world.advance(3_600.0)
    world.pilot(1, "C")
    assert world.contactor()
    assert len(world.calls("StartTransaction")) == 1


@pytest.mark.section("4.10")
def test_the_ended_session_is_told_of_until_the_cable_leaves(world: World) -> None:
    world.tap()
    world.plug()
    world.tap()
    session = world.store.session(1)
    assert isinstance(session, Finishing)
    assert world.shown() in (Pattern.ACCEPTED, Pattern.FINISHING)
    world.unplug(side="ev")
    assert world.status() == Status.Finishing
    world.unplug(side="station")
    assert world.status() == Status.Available
    assert isinstance(world.store.session(1), Idle)


@pytest.mark.section("4.9")
def test_the_same_cable_used_again_begins_a_new_transaction(world: World) -> None:
    world.tap()
    world.plug()
    world.tap()
    world.meter(1, 4_000.0)
    world.tap("CARD2")
    world.expect_call("StartTransaction", idTag="CARD1")
    world.expect_call("StartTransaction", idTag="CARD2", meterStart=4000)
    assert world.statuses()[-3:] == [Status.Finishing, Status.Preparing, Status.Charging]


@pytest.mark.parametrize("connectors", [1, 2, 8, 32])
def test_any_number_of_connectors_charges_at_once(connectors: int) -> None:
    world = World(connectors=connectors)
    for number in range(1, connectors + 1):
        world.tap(f"CARD{number}")
        world.plug(number)
    assert all(world.contactor(number) for number in world.plants)
    world.advance(61.0)
    assert {sent["connectorId"] for sent in world.calls("MeterValues")} == set(world.plants)
    for number in range(1, connectors + 1):
        world.tap(f"CARD{number}")
        world.unplug(number)
    stopped = world.calls("StopTransaction")
    assert [sent["transactionId"] for sent in stopped] == [1001 + number for number in range(connectors)]
    assert all(world.status(number) == Status.Available for number in world.plants)


@pytest.mark.section("4.9")
def test_a_car_that_comes_while_the_last_reading_is_waited_for_finds_a_free_connector() -> None:
    world = World()
    world.plug()
    world.tap("ANNA")
    world.plants[1].meter_deaf = True
    world.tap("ANNA")
    world.advance(0.5)
    world.unplug()
    world.advance(0.5)
    world.plug()
    assert not world.calls("StopTransaction")
    world.advance(5)
    world.plants[1].meter_deaf = False
    world.expect_call("StopTransaction", idTag="ANNA")
    assert world.status() == Status.Preparing


@pytest.mark.section("4.9")
def test_a_car_that_stayed_through_the_dark_is_at_a_finished_connector() -> None:
    world = World()
    world.plug()
    world.tap()
    world.restart()
    world.advance(60)
    world.expect_call("StopTransaction", reason="PowerLoss")
    assert world.status() == Status.Finishing
