"""Regular charging sessions, from card to unplugging, as the certification tool plays them."""

import pytest

from tests.certification import tool
from tests.core.central_system import id_tag_info
from tests.core.harness import World

EV_SIDE = {"MinimumStatusDuration": 0, "StopTransactionOnEVSideDisconnect": True, "UnlockConnectorOnEVSideDisconnect": True}
REMOTE = ("AuthorizeRemoteTxRequests", "LocalPreAuthorize")


def station(**more: object) -> World:
    """A station of one connector with a reader of its own, connected and accepted."""
    world = World(**more)  # type: ignore[arg-type]
    world.forget()
    return world


@pytest.mark.section("tool TC_003")
@pytest.mark.parametrize("tethered", [True, False])
def test_the_cable_first(tethered: bool) -> None:
    world = station(tethered=tethered)
    world.plug()
    tool.expect_status(world, "Preparing")
    world.tap(tool.VALID)
    tool.expect(world, "Authorize", idTag=tool.VALID)
    tool.expect(world, "StartTransaction", connectorId=1, idTag=tool.VALID)
    tool.expect_status(world, "Charging")
    tool.expect_nothing(world)
    assert world.contactor()


@pytest.mark.section("tool TC_004_1")
@pytest.mark.parametrize("tethered", [True, False])
def test_the_card_first(tethered: bool) -> None:
    world = station(tethered=tethered)
    tool.authorized(world)
    tool.plugged(world)
    tool.expect_nothing(world)
    assert world.contactor()


@pytest.mark.section("tool TC_004_2")
def test_the_card_first_and_no_cable() -> None:
    world = station(keys={"ConnectionTimeOut": 30})
    tool.authorized(world)
    world.advance(29.0)
    tool.expect_nothing(world)
    world.advance(1.5)
    tool.expect_status(world, "Available")
    world.plug()
    tool.expect_status(world, "Preparing")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_005_1")
def test_a_cable_that_is_pulled_from_the_car_ends_the_transaction_and_is_free() -> None:
    world = station(keys=EV_SIDE)
    transaction = tool.charging(world)
    world.unplug(side="ev")
    stop = ("StopTransaction", {"transactionId": transaction, "reason": "EVDisconnected"})
    tool.expect_both(world, stop, tool.status("Finishing"))
    assert not world.locked()
    world.unplug(side="station")
    tool.expect_status(world, "Available")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_005_2")
def test_a_cable_that_is_pulled_from_the_car_stays_locked_where_that_is_set() -> None:
    world = station(keys={**EV_SIDE, "UnlockConnectorOnEVSideDisconnect": False})
    transaction = tool.charging(world)
    world.unplug(side="ev")
    stop = ("StopTransaction", {"transactionId": transaction, "reason": "EVDisconnected"})
    tool.expect_both(world, stop, tool.status("Finishing"))
    assert world.locked()
    assert world.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    assert not world.locked()
    tool.expect_nothing(world)
    world.unplug(side="station")
    tool.expect_status(world, "Available")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_005_2")
def test_a_fixed_cable_that_is_pulled_from_the_car_cannot_be_unlocked() -> None:
    world = station(tethered=True, keys={**EV_SIDE, "UnlockConnectorOnEVSideDisconnect": False})
    transaction = tool.charging(world)
    world.unplug()
    tool.expect(world, "StopTransaction", transactionId=transaction, reason="EVDisconnected")
    assert world.call("UnlockConnector", connectorId=1) == {"status": "NotSupported"}
    assert world.status() == "Available"


@pytest.mark.section("tool TC_005_3")
@pytest.mark.parametrize("tethered", [True, False])
def test_a_cable_that_is_pulled_from_the_car_only_suspends_where_that_is_set(tethered: bool) -> None:
    keys = {**EV_SIDE, "StopTransactionOnEVSideDisconnect": False, "UnlockConnectorOnEVSideDisconnect": False}
    world = station(tethered=tethered, keys=keys)
    transaction = tool.charging(world)
    world.unplug(side="ev")
    tool.expect_status(world, "SuspendedEV")
    world.advance(60.0)
    tool.expect_nothing(world)
    assert world.call("RemoteStopTransaction", transactionId=transaction) == {"status": "Accepted"}
    tool.expect(world, "StopTransaction", transactionId=transaction, reason="Remote")
    tool.expect_status(world, "Finishing")


@pytest.mark.section("tool TC_007")
def test_a_card_that_is_cached_is_not_asked_about() -> None:
    world = station(keys={"AuthorizationCacheEnabled": True, "LocalPreAuthorize": True})
    tool.cached(world)
    world.tap(tool.VALID)
    tool.expect_status(world, "Preparing")
    tool.plugged(world)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_007")
def test_a_remote_start_of_a_card_that_is_cached_asks_nobody() -> None:
    world = station(keys={"AuthorizationCacheEnabled": True, **dict.fromkeys(REMOTE, True)})
    tool.cached(world)
    tool.remote_start(world)
    tool.expect_status(world, "Preparing")
    tool.plugged(world)
    tool.expect_nothing(world)


LIST = {"AuthorizationCacheEnabled": False, "LocalAuthListEnabled": True, "LocalPreAuthorize": True}


def listed(world: World) -> None:
    """The tool's card is on the local list."""
    version = world.call("GetLocalListVersion")["listVersion"]
    entries = [{"idTag": tool.VALID, "idTagInfo": {"status": "Accepted"}}]
    sent = {"listVersion": version + 1, "updateType": "Full", "localAuthorizationList": entries}
    assert world.call("SendLocalList", sent) == {"status": "Accepted"}


@pytest.mark.section("tool TC_008")
def test_a_card_on_the_local_list_is_not_asked_about() -> None:
    world = station(keys=LIST)
    listed(world)
    world.tap(tool.VALID)
    tool.expect_status(world, "Preparing")
    tool.plugged(world)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_008")
def test_a_remote_start_of_a_card_on_the_local_list_asks_nobody() -> None:
    world = station(keys={**LIST, "AuthorizeRemoteTxRequests": True})
    listed(world)
    tool.remote_start(world)
    tool.expect_status(world, "Preparing")
    tool.plugged(world)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_023")
@pytest.mark.parametrize("status", ["Invalid", "Expired", "Blocked"])
@pytest.mark.parametrize("remote", [True, False])
def test_a_card_that_is_not_accepted_begins_nothing(status: str, remote: bool) -> None:
    world = station(keys={"LocalPreAuthorize": True, "AuthorizeRemoteTxRequests": True})
    world.configure("MinimumStatusDuration", 10)
    world.csms.once("Authorize", id_tag_info(status))
    if remote:
        tool.remote_start(world, tool.INVALID)
    else:
        world.tap(tool.INVALID)
    tool.expect(world, "Authorize", idTag=tool.INVALID)
    world.plug()
    world.advance(11.0)
    tool.expect_status(world, "Preparing")
    world.advance(60.0)
    tool.expect_nothing(world)
    assert not world.contactor()


@pytest.mark.section("tool TC_024")
@pytest.mark.parametrize("asks", [True, False])
def test_a_cable_that_cannot_be_locked_begins_nothing(asks: bool) -> None:
    world = station(keys={"AuthorizeRemoteTxRequests": asks})
    world.plants[1].jammed = True
    tool.remotely_authorized(world)
    world.plug()
    world.advance(10.0)
    told = tool.expect_status(world, "Faulted")
    assert told["errorCode"] == "ConnectorLockFailure"
    world.advance(60.0)
    tool.expect_nothing(world)
    assert not world.contactor()
