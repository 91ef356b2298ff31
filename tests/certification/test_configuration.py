"""Configuration keys that cannot be set, and a station with a fault, as the certification tool plays them."""

import pytest

from tests.certification import tool
from tests.core.harness import World


@pytest.mark.section("tool TC_040_1")
def test_a_key_that_the_station_does_not_know() -> None:
    assert World().call("ChangeConfiguration", key="Testing", value="true") == {"status": "NotSupported"}


@pytest.mark.section("tool TC_040_2")
def test_a_value_that_the_key_cannot_have() -> None:
    world = World()
    before = tool.asked(world, "MeterValueSampleInterval")
    assert world.call("ChangeConfiguration", key="MeterValueSampleInterval", value="-1") == {"status": "Rejected"}
    assert tool.asked(world, "MeterValueSampleInterval") == before


@pytest.mark.section("tool TC_041")
def test_a_faulted_station_begins_no_transaction() -> None:
    world = World()
    world.forget()
    world.input("ground_fault", 1)
    told = tool.expect_status(world, "Faulted")
    assert told["errorCode"] == "GroundFailure"
    world.plug()
    world.tap(tool.VALID)
    assert world.call("RemoteStartTransaction", connectorId=1, idTag=tool.VALID) == {"status": "Rejected"}
    world.advance(60.0)
    tool.expect_nothing(world)
    assert not world.contactor()
