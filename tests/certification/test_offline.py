"""The connection goes and comes back, as the certification tool plays it."""

from itertools import pairwise
from typing import Any

import pytest

from tests.certification import tool
from tests.core.clocks import seconds_of
from tests.core.harness import World
from tests.core.listing import entry, send

OFFLINE = {
    "LocalAuthorizeOffline": True,
    "LocalAuthListEnabled": True,
    "AuthorizationCacheEnabled": True,
    "AllowOfflineTxForUnknownId": True,
}
INTERVAL_S = 15


def station(keys: dict[str, Any] | None = None) -> World:
    """The keys are set as the tool sets them."""
    world = World()
    for key, value in (keys or {}).items():
        world.configure(key, value)
    world.forget()
    return world


def knows_the_card(world: World) -> None:
    """Memory states: the id tag is in the cache and on the local list."""
    tool.cached(world)
    assert send(world, 1, entry(tool.VALID)) == "Accepted"


def starts_offline(world: World, id_tag: str) -> None:
    """The connection goes; a driver plugs and shows a card; the connection comes back."""
    world.disconnect()
    world.plug()
    world.tap(id_tag)
    world.advance(10.0)
    assert world.contactor()
    tool.expect_nothing(world)
    world.connect()


@pytest.mark.section("tool TC_036")
def test_meter_values_of_a_time_without_connection_all_come_and_come_first() -> None:
    world = station({"MeterValueSampleInterval": INTERVAL_S})
    transaction = tool.charging(world)
    world.advance(1.5 * INTERVAL_S)
    world.disconnect()
    world.advance(4 * INTERVAL_S)
    world.connect()
    world.advance(2 * INTERVAL_S)
    came = world.calls("MeterValues")
    values = [value for call in came for value in call["meterValue"]]
    times = [seconds_of(value["timestamp"]) for value in values]
    assert len(times) == 7, "one of before, four of the time without connection, two of after"
    assert [later - earlier for earlier, later in pairwise(times)] == [INTERVAL_S] * 6
    assert {call["transactionId"] for call in came} == {transaction}
    sampled = [one for value in values for one in value["sampledValue"]]
    assert {one.get("format", "Raw") for one in sampled} == {"Raw"}
    assert {one.get("context", "Sample.Periodic") for one in sampled} == {"Sample.Periodic"}


@pytest.mark.section("tool TC_037_1")
def test_a_transaction_that_began_without_connection() -> None:
    world = station(OFFLINE)
    knows_the_card(world)
    starts_offline(world, tool.VALID)
    tool.expect(world, "StartTransaction", idTag=tool.VALID)
    tool.expect_status(world, "Charging")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_037_2")
def test_one_with_an_id_that_is_not_accepted_gets_no_energy_any_more() -> None:
    world = station({**OFFLINE, "StopTransactionOnInvalidId": False, "MaxEnergyOnInvalidId": 0})
    world.csms.once("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Invalid"}})
    starts_offline(world, tool.INVALID)
    tool.expect(world, "StartTransaction", idTag=tool.INVALID)
    tool.expect_status(world, "Charging")
    tool.expect_status(world, "SuspendedEVSE")
    world.advance(10.0)
    tool.expect_nothing(world)
    assert not world.contactor()


@pytest.mark.section("tool TC_037_3")
def test_one_with_an_id_that_is_not_accepted_is_ended() -> None:
    world = station({**OFFLINE, "StopTransactionOnInvalidId": True})
    world.csms.once("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Invalid"}})
    starts_offline(world, tool.INVALID)
    tool.expect(world, "StartTransaction", idTag=tool.INVALID)
    tool.expect_status(world, "Charging")
    world.advance(10.0)
    stop = ("StopTransaction", {"transactionId": 1, "reason": "DeAuthorized"})
    tool.expect_both(world, stop, tool.status("Finishing"))
    assert not world.contactor()


@pytest.mark.section("tool TC_038")
def test_a_transaction_that_ended_without_connection() -> None:
    world = station()
    transaction = tool.charging(world)
    world.disconnect()
    world.tap(tool.VALID)
    world.advance(10.0)
    tool.expect_nothing(world)
    world.connect()
    stop = ("StopTransaction", {"transactionId": transaction, "reason": "Local"})
    tool.expect_both(world, stop, tool.status("Finishing"))


@pytest.mark.section("tool TC_039")
def test_a_transaction_that_began_and_ended_without_connection() -> None:
    world = station(OFFLINE)
    knows_the_card(world)
    world.disconnect()
    world.plug()
    world.tap(tool.VALID)
    world.advance(60.0)
    world.tap(tool.VALID)
    world.advance(10.0)
    world.unplug()
    world.advance(5.0)
    world.connect()
    tool.expect(world, "StartTransaction", idTag=tool.VALID)
    stopped = tool.expect(world, "StopTransaction", transactionId=world.csms.next_transaction_id - 1, reason="Local")
    started = world.calls("StartTransaction")[-1]
    assert seconds_of(stopped["timestamp"]) - seconds_of(started["timestamp"]) == 60
    tool.expect_nothing(world)
