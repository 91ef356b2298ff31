"""TriggerMessage, as the certification tool plays it."""

import pytest

from tests.certification import tool
from tests.core.harness import World


@pytest.mark.section("tool TC_054")
def test_every_message_comes_when_it_is_asked_for() -> None:
    world = World()
    world.forget()
    for message, more, expected in (
        ("MeterValues", {"connectorId": 1}, {"connectorId": 1}),
        ("Heartbeat", {}, {}),
        ("StatusNotification", {"connectorId": 1}, {"connectorId": 1, "status": "Available"}),
        ("DiagnosticsStatusNotification", {}, {"status": "Idle"}),
        ("FirmwareStatusNotification", {}, {"status": "Idle"}),
        ("BootNotification", {}, {"chargePointVendor": "ACME"}),
    ):
        assert world.call("TriggerMessage", {"requestedMessage": message, **more}) == {"status": "Accepted"}
        (came,) = world.unseen()
        assert came.action == message
        assert expected.items() <= came.payload.items()
        world.saw(came)
    (value,) = world.calls("MeterValues")[0]["meterValue"]
    assert {one["context"] for one in value["sampledValue"]} == {"Trigger"}


@pytest.mark.section("tool TC_055")
def test_a_connector_that_there_is_not() -> None:
    world = World()
    world.forget()
    beyond = int(tool.asked(world, "NumberOfConnectors")) + 1
    answer = world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=beyond)
    assert answer == {"status": "Rejected"}
    world.advance(5.0)
    assert not world.calls("MeterValues")
