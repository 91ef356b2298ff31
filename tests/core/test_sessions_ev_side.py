"""The car leaves in mid-session (OCPP 1.6 sections 4.9, 4.10, 9.1: StopTransactionOnEVSideDisconnect and its companion)."""

import pytest

from chargepoint.core.records import Charging
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = [pytest.mark.section("9.1.23"), pytest.mark.section("9.1.33")]

INFO = "EV side disconnected"


def world_with(*, stop: bool, unlock: bool = True, tethered: bool = False) -> World:
    """A car charges."""
    keys = {"StopTransactionOnEVSideDisconnect": stop, "UnlockConnectorOnEVSideDisconnect": unlock}
    world = World(keys=keys, tethered=tethered)
    world.plug()
    world.tap()
    assert world.contactor()
    return world


@pytest.mark.section("4.10")
def test_the_session_ends_and_the_cable_is_free() -> None:
    world = world_with(stop=True, unlock=True)
    world.unplug(side="ev")
    stopped = world.expect_call("StopTransaction", reason="EVDisconnected")
    assert "idTag" not in stopped
    assert not world.contactor()
    assert not world.locked()
    assert world.status() == Status.Finishing
    assert (world.last_told().error_code, world.last_told().info) == ("NoError", INFO)
    world.unplug(side="station")
    assert world.status() == Status.Available


@pytest.mark.section("4.10")
def test_the_cable_stays_locked_until_its_owner_comes() -> None:
    world = world_with(stop=True, unlock=False)
    world.unplug(side="ev")
    world.expect_call("StopTransaction", reason="EVDisconnected")
    assert world.locked()
    assert world.status() == Status.Finishing
    world.advance(86_400.0)
    assert world.locked()
    world.tap("CARD1")
    assert not world.locked()
    world.expect_no_call("StartTransaction")
    world.unplug()
    assert world.status() == Status.Available


@pytest.mark.section("4.10")
def test_a_held_cable_survives_the_power_cut() -> None:
    world = world_with(stop=True, unlock=False)
    world.unplug(side="ev")
    world.cut_power()
    assert world.locked()
    world.advance(60.0)
    assert world.locked()
    world.tap("CARD1")
    assert not world.locked()


@pytest.mark.section("4.10")
def test_a_stranger_cannot_take_a_held_cable_at_a_shared_reader() -> None:
    world = World(connectors=2, keys={"UnlockConnectorOnEVSideDisconnect": False})
    world.plug(1)
    world.tap("ANNA")
    world.unplug(1, side="ev")
    world.plug(2)
    world.tap("BERT")
    assert world.contactor(2)
    world.tap("CARL")  # accepted, and there is nothing for it
    assert world.locked(1)
    world.pilot(1, "C")
    assert len(world.calls("StartTransaction")) == 2
    world.tap("ANNA")
    assert not world.locked(1)


@pytest.mark.section("4.10")
def test_a_stranger_cannot_take_a_held_cable_at_its_own_reader_either() -> None:
    world = World(keys={"UnlockConnectorOnEVSideDisconnect": False})
    world.plug()
    world.tap("ANNA")
    world.unplug(side="ev")
    world.tap("BERT")
    assert world.locked()
    world.tap("ANNA")
    assert not world.locked()


@pytest.mark.section("4.10")
@pytest.mark.parametrize("unlock", [True, False])
def test_the_session_waits_with_a_locked_cable_for_the_car_to_come_back(unlock: bool) -> None:
    world = world_with(stop=False, unlock=unlock)
    world.unplug(side="ev")
    world.expect_no_call("StopTransaction")
    assert not world.contactor()
    assert world.locked()
    assert world.status() == Status.SuspendedEV
    assert (world.last_told().error_code, world.last_told().info) == ("NoError", INFO)
    world.advance(600.0)
    world.pilot(1, "B")
    world.pilot(1, "C")
    assert world.contactor()
    assert world.status() == Status.Charging
    world.tap("CARD1")
    world.expect_call("StopTransaction", reason="Local")
    assert not world.locked()


@pytest.mark.section("4.10")
def test_a_fixed_cable_has_only_its_car_side() -> None:
    world = world_with(stop=True, tethered=True)
    world.unplug()
    world.expect_call("StopTransaction", reason="EVDisconnected")
    assert world.statuses()[-2:] == [Status.Finishing, Status.Available]


@pytest.mark.section("4.10")
def test_a_fixed_cable_may_keep_its_session() -> None:
    world = world_with(stop=False, tethered=True)
    world.unplug()
    assert world.status() == Status.SuspendedEV
    assert isinstance(world.store.session(1), Charging)
    world.plug()
    assert world.contactor()


@pytest.mark.section("4.9")
def test_a_cable_that_is_taken_off_the_car_after_the_end_is_told_as_nothing_new() -> None:
    world = world_with(stop=True)
    world.tap("CARD1")
    told = len(world.told)
    world.unplug(side="ev")
    assert len(world.told) == told
    assert (world.status(), world.last_told().info) == (Status.Finishing, None)
