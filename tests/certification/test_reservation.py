"""Reservations, as the certification tool plays them."""

from typing import Any

import pytest

from tests.certification import tool
from tests.core.central_system import id_tag_info
from tests.core.harness import World
from tests.core.reserving import cancel, reserve

NUMBER = 7
PARENT = "TOOL-PARENT"
WITHOUT = "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,SmartCharging"


def station(connectors: int = 1, **more: Any) -> World:
    world = World(connectors, **more)
    world.forget()
    return world


def with_one_in_use() -> World:
    """Two connectors at one reader, of which the second is set Unavailable."""
    world = station(2)
    assert world.call("ChangeAvailability", connectorId=2, type="Inoperative") == {"status": "Accepted"}
    tool.expect_status(world, "Unavailable", 2)
    return world


def reserved(world: World, connector: int = 1, **more: Any) -> None:
    """State Reserved."""
    assert reserve(world, connector, tool.VALID, number=NUMBER, **more) == "Accepted"
    tool.expect_status(world, "Reserved")


def remotely_started(world: World, id_tag: str) -> dict[str, Any]:
    """State Charging, by RemoteStartTransaction; returns StartTransaction.req."""
    assert world.call("RemoteStartTransaction", connectorId=1, idTag=id_tag) == {"status": "Accepted"}
    tool.expect_status(world, "Preparing")
    world.plug()
    return started(world, id_tag)


def started(world: World, id_tag: str) -> dict[str, Any]:
    """A transaction began; returns StartTransaction.req."""
    start = tool.expect(world, "StartTransaction", connectorId=1, idTag=id_tag)
    tool.expect_status(world, "Charging")
    return start


def serves_its_holder_only(world: World) -> None:
    """Another card is not even asked about; the holder's begins the transaction of the reservation."""
    world.tap(tool.ALSO_VALID)
    world.advance(5.0)
    tool.expect_nothing(world)
    tool.authorized(world)
    world.plug()
    assert started(world, tool.VALID)["reservationId"] == NUMBER


@pytest.mark.section("tool TC_046_1")
def test_a_reserved_connector_serves_the_card_that_it_is_reserved_for_and_asks_for_no_other() -> None:
    world = with_one_in_use()
    reserved(world)
    serves_its_holder_only(world)


@pytest.mark.section("tool TC_046_2")
def test_a_reserved_connector_is_started_remotely() -> None:
    world = station(2)
    reserved(world)
    assert remotely_started(world, tool.VALID)["reservationId"] == NUMBER


@pytest.mark.section("tool TC_047")
def test_a_reservation_that_nobody_used_in_time() -> None:
    world = with_one_in_use()
    reserved(world, for_s=60.0)
    world.advance(59.0)
    tool.expect_nothing(world)
    world.advance(2.0)
    tool.expect_status(world, "Available")
    tool.authorized(world, tool.ALSO_VALID)
    world.plug()
    assert "reservationId" not in started(world, tool.ALSO_VALID)


@pytest.mark.section("tool TC_048_1")
def test_a_faulted_connector_is_not_reserved() -> None:
    world = station()
    world.input("ground_fault", 1)
    tool.expect_status(world, "Faulted")
    assert reserve(world, 1, tool.VALID) == "Faulted"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_048_2")
def test_an_occupied_connector_is_not_reserved() -> None:
    world = station()
    world.plug()
    tool.expect_status(world, "Preparing")
    assert reserve(world, 1, tool.VALID) == "Occupied"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_048_3")
def test_a_connector_out_of_service_is_not_reserved() -> None:
    world = station()
    assert world.call("ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Accepted"}
    tool.expect_status(world, "Unavailable")
    assert reserve(world, 1, tool.VALID) == "Unavailable"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_048_4")
def test_a_station_that_takes_no_reservations_says_so() -> None:
    world = station(keys={"SupportedFeatureProfiles": WITHOUT})
    assert reserve(world, 1, tool.VALID) == "Rejected"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_049")
def test_a_reserved_station_serves_the_card_that_it_is_reserved_for() -> None:
    world = with_one_in_use()
    reserved(world, connector=0)
    serves_its_holder_only(world)


@pytest.mark.section("tool TC_050_1")
def test_a_faulted_station_is_not_reserved() -> None:
    world = station(2)
    world.input("emergency_stop")
    tool.expect_both(world, *(tool.status("Faulted", number) for number in (0, 1, 2)))
    assert reserve(world, 0, tool.VALID) == "Faulted"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_050_2")
def test_an_occupied_station_is_not_reserved() -> None:
    world = station(2)
    for connector in (1, 2):
        world.plug(connector)
        tool.expect_status(world, "Preparing", connector)
    assert reserve(world, 0, tool.VALID) == "Occupied"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_050_3")
def test_a_station_out_of_service_is_not_reserved() -> None:
    world = station(2)
    assert world.call("ChangeAvailability", connectorId=0, type="Inoperative") == {"status": "Accepted"}
    tool.expect_both(world, *(tool.status("Unavailable", number) for number in (0, 1, 2)))
    assert reserve(world, 0, tool.VALID) == "Unavailable"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_050_4")
def test_a_station_that_reserves_no_connector_in_particular_says_so() -> None:
    world = station(keys={"ReserveConnectorZeroSupported": False})
    assert tool.asked(world, "ReserveConnectorZeroSupported") == "false"
    assert reserve(world, 0, tool.VALID) == "Rejected"
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_051")
def test_a_reservation_is_cancelled() -> None:
    world = with_one_in_use()
    reserved(world)
    assert cancel(world, NUMBER) == "Accepted"
    tool.expect_status(world, "Available")
    tool.authorized(world, tool.ALSO_VALID)
    world.plug()
    assert "reservationId" not in started(world, tool.ALSO_VALID)


@pytest.mark.section("tool TC_052")
def test_a_reservation_that_there_is_not_cannot_be_cancelled() -> None:
    world = station()
    reserved(world)
    assert cancel(world, NUMBER + 1) == "Rejected"
    tool.expect_nothing(world)
    assert cancel(world, NUMBER) == "Accepted"


@pytest.mark.section("tool TC_053_1")
def test_a_reserved_connector_serves_another_card_of_the_group() -> None:
    world = with_one_in_use()
    world.csms.always("Authorize", id_tag_info(parent=PARENT))
    reserved(world, parent=PARENT)
    tool.authorized(world, tool.ALSO_VALID)
    world.plug()
    assert started(world, tool.ALSO_VALID)["reservationId"] == NUMBER


@pytest.mark.section("tool TC_053_2")
@pytest.mark.parametrize("asks", [True, False])
def test_a_reserved_connector_is_started_remotely_with_another_card_of_the_group(asks: bool) -> None:
    """The group is asked for, whatever AuthorizeRemoteTxRequests says: nobody else could begin here (section 5.13)."""
    world = with_one_in_use()
    world.configure("AuthorizeRemoteTxRequests", asks)
    world.csms.always("Authorize", id_tag_info(parent=PARENT))
    reserved(world, parent=PARENT)
    assert world.call("RemoteStartTransaction", connectorId=1, idTag=tool.ALSO_VALID) == {"status": "Accepted"}
    tool.expect(world, "Authorize", idTag=tool.ALSO_VALID)
    tool.expect_status(world, "Preparing")
    world.plug()
    assert started(world, tool.ALSO_VALID)["reservationId"] == NUMBER
