"""How the process ends: Reset and the stop of the service (OCPP 1.6 section 5.14)."""

from typing import Any

import pytest

from chargepoint.core.effects import Exit
from chargepoint.core.events import StopAsked
from chargepoint.core.records import Ending, Finishing
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import After, Silence
from tests.core.harness import World

pytestmark = [pytest.mark.section("7.36"), pytest.mark.section("7.42")]


def ended(world: World) -> str | None:
    """How the process ended, None while it runs."""
    return world.exited


def charging(**more: Any) -> World:
    world = World(**more)
    world.plug()
    world.tap()
    world.meter(1, 1_800.0)
    return world


@pytest.mark.section("5.14")
@pytest.mark.parametrize(("kind", "exit_kind"), [("Soft", "soft_reset"), ("Hard", "hard_reset")])
def test_a_reset_without_a_session_is_answered_and_done(world: World, kind: str, exit_kind: str) -> None:
    assert world.call("Reset", type=kind) == {"status": "Accepted"}
    assert ended(world) == exit_kind
    assert isinstance(world.effects[-1], Exit), "after everything else, the answer too"


@pytest.mark.section("5.14")
def test_a_soft_reset_ends_the_session_and_waits_until_it_is_delivered() -> None:
    world = charging()
    world.csms.once("StopTransaction", After(5.0, {}))
    assert world.call("Reset", type="Soft") == {"status": "Accepted"}
    assert not world.contactor()
    world.expect_call("StopTransaction", reason="SoftReset", meterStop=1800)
    world.advance(4.9)
    assert ended(world) is None
    world.advance(0.2)
    assert ended(world) == "soft_reset"
    world.restart()
    assert len(world.calls("StopTransaction")) == 1
    assert world.status() == Status.Finishing


@pytest.mark.section("5.14")
def test_a_soft_reset_does_not_wait_for_ever() -> None:
    world = charging()
    world.csms.always("StopTransaction", Silence())
    world.call("Reset", type="Soft")
    world.advance(16.0)
    assert ended(world) == "soft_reset"
    world.csms.friendly("StopTransaction")
    world.forget()
    world.restart()
    world.expect_call("StopTransaction", reason="SoftReset", meterStop=1800)


@pytest.mark.section("5.14")
def test_a_soft_reset_offline_keeps_the_stop_for_later() -> None:
    world = charging()
    asked = world.ask("Reset", {"type": "Soft"})
    world = charging()
    world.csms.once("StopTransaction", Silence())
    world.ask("Reset", {"type": "Soft"})
    world.disconnect()
    assert ended(world) == "soft_reset"
    world.restart()
    assert asked
    world.expect_call("BootNotification")
    world.expect_call("StopTransaction", reason="SoftReset")


@pytest.mark.section("5.14")
def test_a_hard_reset_waits_for_nothing_but_the_meter() -> None:
    world = charging(lag_s=0.5)
    world.advance(2.0)
    world.call("Reset", type="Hard")
    assert not world.contactor()
    assert ended(world) is None
    world.advance(1.1)
    assert ended(world) == "hard_reset"
    assert isinstance(world.store.session(1), Finishing)
    world.forget()
    world.restart()
    world.expect_call("BootNotification")
    world.expect_call("StopTransaction", reason="HardReset", meterStop=1800)


@pytest.mark.section("5.14")
@pytest.mark.parametrize("kind", ["Hard", "stop"])
def test_a_silent_meter_does_not_keep_the_process(kind: str) -> None:
    world = charging()
    world.advance(1.0)
    world.plants[1].meter_deaf = True
    world.deliver(StopAsked()) if kind == "stop" else world.call("Reset", type=kind)
    assert isinstance(world.store.session(1), Ending)
    world.advance(2.1)
    assert ended(world) == ("stop" if kind == "stop" else "hard_reset")
    assert world.store.newest().meter_stop_wh == 1800


@pytest.mark.section("4.10")
def test_the_stop_of_the_service_ends_the_session_as_a_reboot() -> None:
    world = charging()
    world.deliver(StopAsked())
    assert ended(world) == "stop"
    assert not world.contactor()
    assert world.stop_reason() == "Reboot"
    world.restart()
    assert [sent["reason"] for sent in world.calls("StopTransaction")] == ["Reboot"]


@pytest.mark.section("5.14")
def test_nothing_begins_any_more_while_the_station_leaves() -> None:
    world = World(connectors=2)
    world.plug(1)
    world.tap("ANNA")
    world.plug(2)
    world.csms.once("StopTransaction", Silence())
    world.call("Reset", type="Soft")
    world.tap("BERT")
    assert world.call("RemoteStartTransaction", idTag="APP", connectorId=2) == {"status": "Rejected"}
    assert world.call("Reset", type="Soft") == {"status": "Rejected"}
    assert not world.contactor(2)
    assert len(world.calls("StartTransaction")) == 1


@pytest.mark.section("5.14")
def test_the_stop_of_the_service_overtakes_a_soft_reset() -> None:
    world = charging()
    world.csms.once("StopTransaction", Silence())
    world.call("Reset", type="Soft")
    world.deliver(StopAsked())
    assert ended(world) == "stop"


@pytest.mark.section("5.14")
def test_a_power_cut_while_the_station_leaves_loses_nothing() -> None:
    world = charging()
    world.plants[1].meter_deaf = True
    world.call("Reset", type="Soft")
    world.plants[1].meter_deaf = False
    world.cut_power()
    stopped = world.expect_call("StopTransaction", reason="SoftReset", meterStop=1800)
    assert stopped["timestamp"] == "2026-01-05T12:00:00Z"


@pytest.mark.section("5.2")
@pytest.mark.parametrize("kind", ["Soft", "Hard"])
def test_unavailable_survives_a_reset(world: World, kind: str) -> None:
    world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    world.call("Reset", type=kind)
    world.restart()
    assert world.status() == Status.Unavailable
