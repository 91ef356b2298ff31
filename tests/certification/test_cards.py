"""Cards that stop, cards that do not, and the forgetting of cards, as the certification tool plays them."""

import pytest

from tests.certification import tool
from tests.core.central_system import id_tag_info
from tests.core.harness import World

CACHE = {"AuthorizationCacheEnabled": True, "LocalPreAuthorize": True}
GROUP = "TOOL-GROUP"


@pytest.fixture
def world() -> World:
    """A station of one connector with a reader of its own, connected and accepted."""
    world = World(keys=CACHE)
    world.forget()
    return world


@pytest.mark.section("tool TC_061")
@pytest.mark.parametrize("second_tap", [True, False])
def test_a_cleared_cache_knows_no_card(world: World, second_tap: bool) -> None:
    tool.authorized(world)
    if second_tap:
        world.tap(tool.VALID)
    else:
        world.advance(float(tool.asked(world, "ConnectionTimeOut")))
    tool.expect_status(world, "Available")
    assert world.call("ClearCache") == {"status": "Accepted"}
    world.tap(tool.VALID)
    tool.expect(world, "Authorize", idTag=tool.VALID)


@pytest.mark.section("tool TC_061")
def test_a_cleared_cache_knows_no_card_of_a_remote_start(world: World) -> None:
    world.configure("AuthorizeRemoteTxRequests", True)
    tool.cached(world)
    assert world.call("ClearCache") == {"status": "Accepted"}
    assert world.call("RemoteStartTransaction", idTag=tool.VALID, connectorId=1) == {"status": "Accepted"}
    tool.expect(world, "Authorize", idTag=tool.VALID)


@pytest.mark.section("tool TC_068")
def test_the_card_that_began_stops_and_another_does_not(world: World) -> None:
    tool.charging(world)
    world.tap(tool.ALSO_VALID)
    tool.expect_nothing(world)
    assert world.contactor()
    world.tap(tool.VALID)
    stop = ("StopTransaction", {"idTag": tool.VALID})
    tool.expect_both(world, stop, tool.status("Finishing"))


@pytest.mark.section("tool TC_068")
def test_where_a_reader_serves_another_connector_too_the_other_card_is_asked_about() -> None:
    world = World(2, keys=CACHE)
    world.forget()
    world.plug()
    tool.expect_status(world, "Preparing")
    world.tap(tool.VALID)
    tool.expect(world, "Authorize")
    tool.expect_both(world, ("StartTransaction", {"idTag": tool.VALID}), tool.status("Charging"))
    world.tap(tool.ALSO_VALID)
    tool.expect(world, "Authorize", idTag=tool.ALSO_VALID)
    tool.expect_status(world, "Preparing", 2)
    assert world.contactor()
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_069")
def test_a_card_of_the_same_group_stops(world: World) -> None:
    world.csms.always("Authorize", id_tag_info(parent=GROUP))
    world.csms.once("StartTransaction", {"transactionId": 7, **id_tag_info(parent=GROUP)})
    tool.charging(world)
    world.tap(tool.ALSO_VALID)
    tool.expect(world, "Authorize", idTag=tool.ALSO_VALID)
    stop = ("StopTransaction", {"idTag": tool.ALSO_VALID, "transactionId": 7})
    tool.expect_both(world, stop, tool.status("Finishing"))
