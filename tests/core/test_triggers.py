"""Stories of TriggerMessage: the answer first, then the message, as it is then."""

import json
from typing import Any

import pytest

from chargepoint.core import effects as fx
from tests.core.central_system import After, Silence
from tests.core.harness import World

pytestmark = pytest.mark.section("5.17")


def trigger(world: World, message: str, **more: Any) -> str:
    status: str = world.call("TriggerMessage", requestedMessage=message, **more)["status"]
    return status


def frames(world: World, begin: int) -> list[list[Any]]:
    return [json.loads(effect.text) for effect in world.effects[begin:] if isinstance(effect, fx.SendFrame)]


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("BootNotification", {}),
        ("Heartbeat", {}),
        ("StatusNotification", {"connectorId": 1}),
        ("MeterValues", {"connectorId": 1}),
    ],
)
def test_the_answer_goes_first_then_the_message(world: World, message: str, more: dict[str, int]) -> None:
    begin = len(world.effects)
    assert trigger(world, message, **more) == "Accepted"
    answer, call = frames(world, begin)[:2]
    assert (answer[0], answer[2]) == (3, {"status": "Accepted"})
    assert (call[0], call[2]) == (2, message)


def test_a_call_under_way_is_waited_for(world: World) -> None:
    world.csms.once("Heartbeat", After(5.0, {"currentTime": world.csms.time()}))
    world.advance(300)
    assert trigger(world, "StatusNotification", connectorId=1) == "Accepted"
    assert world.sent[-1].action == "Heartbeat"
    world.advance(5)
    assert world.sent[-1].action == "StatusNotification"


class TestStatus:
    def test_of_one_connector(self) -> None:
        world = World(3)
        world.forget()
        trigger(world, "StatusNotification", connectorId=2)
        assert world.expect_call("StatusNotification")["connectorId"] == 2
        world.expect_no_call("StatusNotification")

    def test_of_the_station_itself(self) -> None:
        world = World(3)
        world.forget()
        trigger(world, "StatusNotification", connectorId=0)
        assert world.expect_call("StatusNotification")["connectorId"] == 0
        world.expect_no_call("StatusNotification")

    def test_of_all(self) -> None:
        world = World(3)
        world.forget()
        trigger(world, "StatusNotification")
        assert [world.expect_call("StatusNotification")["connectorId"] for _ in range(4)] == [0, 1, 2, 3]
        world.expect_no_call("StatusNotification")

    def test_as_it_is_when_it_is_sent(self, world: World) -> None:
        world.csms.once("Heartbeat", After(5.0, {"currentTime": world.csms.time()}))
        world.advance(300)
        trigger(world, "StatusNotification", connectorId=1)
        world.plug()
        world.forget()
        world.advance(5)
        assert world.expect_call("StatusNotification", connectorId=1)["status"] == "Preparing"

    def test_once_only(self, world: World) -> None:
        trigger(world, "StatusNotification", connectorId=1)
        world.forget()
        world.advance(250)
        world.expect_no_call("StatusNotification")


@pytest.mark.parametrize("message", ["StatusNotification", "MeterValues"])
@pytest.mark.parametrize("connector", [2, 33, 2**31 - 1])
def test_an_unknown_connector_is_rejected(world: World, message: str, connector: int) -> None:
    world.forget()
    assert trigger(world, message, connectorId=connector) == "Rejected"
    assert world.story() == "  (nothing)"


@pytest.mark.parametrize("message", ["FirmwareStatusNotification", "DiagnosticsStatusNotification"])
def test_a_message_of_a_profile_that_is_switched_off_is_not_implemented(message: str) -> None:
    world = World(keys={"SupportedFeatureProfiles": "Core,RemoteTrigger"})
    world.forget()
    assert trigger(world, message) == "NotImplemented"
    assert world.story() == "  (nothing)"


@pytest.mark.parametrize("message", ["LogStatusNotification", "SignChargePointCertificate", "Reset", "", "heartbeat"])
def test_what_is_no_trigger_of_ocpp_is_a_callerror(world: World, message: str) -> None:
    assert world.refused("TriggerMessage", {"requestedMessage": message}) == "PropertyConstraintViolation"


def test_every_trigger_that_was_accepted_has_its_message(world: World) -> None:
    """Two while one is under way are two."""
    world.csms.once("Heartbeat", Silence())
    trigger(world, "Heartbeat")
    first = world.sent[-1].message_id
    trigger(world, "Heartbeat")
    world.wire.answered(first)
    world.receive(json.dumps([3, first, {"currentTime": world.csms.time()}]))
    assert len(world.calls("Heartbeat")) == 2


def test_what_was_asked_for_does_not_follow_to_the_next_connection(world: World) -> None:
    world.csms.once("Heartbeat", Silence())
    world.advance(300)
    for message in ("Heartbeat", "StatusNotification", "MeterValues"):
        trigger(world, message)
    world.disconnect()
    world.advance(10)
    world.forget()
    world.connect()
    world.expect_no_call("StatusNotification")
    world.expect_no_call("MeterValues")


def test_a_triggered_bootnotification_tells_every_status_only_if_it_was_not_accepted_before(world: World) -> None:
    world.forget()
    trigger(world, "BootNotification")
    world.expect_call("BootNotification")
    world.expect_no_call("StatusNotification")
