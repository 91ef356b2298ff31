"""The local authorisation list, as the certification tool plays it."""

from typing import Any

import pytest

from tests.certification import tool
from tests.core.harness import World
from tests.core.listing import entry, send, version

WITHOUT_LIST = "Core,FirmwareManagement,Reservation,RemoteTrigger,SmartCharging"


def station(**keys: Any) -> World:
    world = World()
    for key, value in {"LocalAuthListEnabled": True, **keys}.items():
        world.configure(key, value)
    world.forget()
    return world


@pytest.mark.section("tool TC_042_1")
def test_a_list_that_is_switched_off_has_version_minus_1() -> None:
    assert version(station(LocalAuthListEnabled=False)) == -1


@pytest.mark.section("tool TC_042_1")
def test_where_lists_are_not_offered_nothing_is_told_of_one() -> None:
    world = World(keys={"SupportedFeatureProfiles": WITHOUT_LIST})
    assert world.refused("GetLocalListVersion") == "NotSupported"


@pytest.mark.section("tool TC_042_2")
def test_an_emptied_list_has_version_0() -> None:
    world = station()
    assert send(world, 3, entry(tool.VALID)) == "Accepted"
    assert world.call("SendLocalList", listVersion=1, updateType="Full") == {"status": "Accepted"}
    assert version(world) == 0


@pytest.mark.section("tool TC_043")
def test_a_whole_list_and_a_change_of_it() -> None:
    world = station(LocalPreAuthorize=True)
    assert send(world, 1, entry(tool.VALID)) == "Accepted"
    assert send(world, 2, entry(tool.ALSO_VALID), full=False) == "Accepted"
    for id_tag in (tool.VALID, tool.ALSO_VALID):
        world.tap(id_tag)
        tool.expect_status(world, "Preparing")
        world.tap(id_tag)
        tool.expect_status(world, "Available")


@pytest.mark.section("tool TC_043_1")
def test_where_lists_are_not_offered_none_is_taken() -> None:
    world = World(keys={"SupportedFeatureProfiles": WITHOUT_LIST, "LocalPreAuthorize": True})
    payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry(tool.VALID)]}
    assert world.refused("SendLocalList", payload) == "NotSupported"
    world.forget()
    world.tap(tool.VALID)
    tool.expect(world, "Authorize", idTag=tool.VALID)


@pytest.mark.section("tool TC_043_2")
def test_a_change_of_a_list_that_is_newer_already() -> None:
    world = station()
    assert send(world, 2, entry(tool.VALID)) == "Accepted"
    assert version(world) == 2
    assert send(world, 5, entry(tool.VALID)) == "Accepted"
    assert version(world) == 5
    assert send(world, 4, entry(tool.ALSO_VALID), full=False) == "VersionMismatch"
    assert version(world) == 5
    assert [record.id_tag for record in world.store.listed.values()] == [tool.VALID]


@pytest.mark.section("tool TC_043_3")
def test_a_list_that_the_station_fails_to_store() -> None:
    world = station()
    world.slow_store = True
    asked = world.ask("SendLocalList", {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [entry(tool.VALID)]})
    world.store_lists("the disk is full")
    assert world.answers[asked] == {"status": "Failed"}
    assert version(world) == 0
