"""The socket's lock in a session and after it, and what happens when it jams (IEC 61851-1; section 4.10).

What it does before a session begins: test_beginning.
"""

import pytest

from chargepoint.core.effects import MoveLock
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World


def moves(world: World) -> list[bool]:
    return [effect.locked for effect in world.effects if isinstance(effect, MoveLock)]


def slipped(world: World, *, silent: bool = False) -> None:
    """In mid-session the lock opens by itself, and does not move any more."""
    world.plug()
    world.tap()
    world.plants[1].jammed = True
    world.plants[1].lock_silent = silent
    world.slip_lock(1, False)


@pytest.mark.section("4.10")
def test_the_cable_is_freed_only_when_the_contacts_are_open(world: World) -> None:
    world.plug()
    world.tap()
    world.plants[1].welded = True
    world.tap()
    assert world.locked()
    world.let_go(1)
    world.advance(0.1)
    assert not world.locked()


@pytest.mark.section("4.8")
def test_an_unlocked_cable_of_an_unauthorised_car_stays_free(world: World) -> None:
    world.plug()
    world.advance(600.0)
    assert moves(world) == []


@pytest.mark.section("7.6")
@pytest.mark.parametrize("silent", [True, False], ids=["without a word", "saying so"])
def test_a_lock_that_slips_and_jams_is_tried_three_times_and_is_then_a_fault(world: World, silent: bool) -> None:
    slipped(world, silent=silent)
    world.advance(3.9)
    assert moves(world) == [True] * 4, "one to lock, three to lock again"
    assert world.last_told().error_code == Code.NoError
    world.advance(0.2)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.ConnectorLockFailure)
    assert world.stop_reason() is None, "the session waits"
    assert not world.contactor()


@pytest.mark.section("7.6")
def test_a_lock_that_jams_in_a_session_is_tried_on_and_the_session_goes_on_when_it_moves(world: World) -> None:
    slipped(world)
    world.advance(120.0)
    assert 20 <= len(moves(world)) <= 30
    world.plants[1].jammed = False
    world.advance(5.1)
    assert world.locked()
    assert world.contactor()
    assert world.status() == Status.Charging


@pytest.mark.section("7.6")
def test_the_car_whose_lock_gave_way_leaves(world: World) -> None:
    slipped(world)
    world.advance(10.0)
    world.unplug()
    world.expect_call("StopTransaction", reason="EVDisconnected", meterStop=1000)
    world.advance(31.0)
    assert world.status() == Status.Available


@pytest.mark.section("7.6")
def test_a_lock_that_jams_closed_is_a_fault_after_the_session(world: World) -> None:
    world.plug()
    world.tap()
    world.plants[1].jammed = True
    world.tap()
    world.expect_call("StopTransaction", reason="Local")
    world.advance(5.0)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.ConnectorLockFailure)
    world.plants[1].jammed = False
    world.advance(31.0)
    assert not world.locked()
    assert world.status() == Status.Finishing


@pytest.mark.section("4.10")
def test_a_lock_that_was_left_closed_is_opened_at_the_start() -> None:
    world = World(started=False)
    world.plants[1].locked = True
    world.start()
    assert not world.locked()


def test_a_fixed_cable_and_a_socket_without_lock_need_none() -> None:
    for world in (World(tethered=True), World(has_lock=False)):
        world.plug()
        world.tap()
        assert world.contactor()
        world.tap()
        assert moves(world) == []
        assert world.status() == Status.Finishing


@pytest.mark.section("7.6")
def test_a_lock_driver_that_comes_back_is_told_what_to_do(world: World) -> None:
    world.plug()
    world.tap()
    world.lose("lock")
    world.advance(3.5)
    world.expect_call("StopTransaction", reason="Other")
    world.recover("lock")
    assert not world.locked()
    assert world.status() == Status.Finishing
