"""From an authorised plug to the session: the cable is locked first, and where it cannot be, nothing begins (section 4.8)."""

from collections.abc import Callable

import pytest

from chargepoint.core.effects import MoveLock
from chargepoint.core.records import Idle
from chargepoint.facts import Pattern, Refusal, Trouble
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.clocks import seconds_of
from tests.core.harness import World
from tests.core.making_profiles import profile
from tests.core.reserving import reserve

pytestmark = pytest.mark.section("4.8")

REMOTE = {"AuthorizeRemoteTxRequests": False}


def slow(connectors: int = 1, *, each: bool = False, **more: object) -> World:
    """A station whose locks move when a story says so (`World.slip_lock`)."""
    world = World(connectors, each=each, **more)  # type: ignore[arg-type]
    for plant in world.plants.values():
        plant.jammed = plant.lock_silent = True
    return world


def locking(**more: object) -> World:
    """A car, an accepted card, and a lock that is on its way."""
    world = slow(**more)  # type: ignore[arg-type]
    world.plug()
    if not world.site.free_vend:
        world.tap()
    assert moves(world) == [True]
    return world


def moves(world: World) -> list[bool]:
    return [effect.locked for effect in world.effects if isinstance(effect, MoveLock)]


def comes_loose(world: World, connector: int = 1) -> None:
    plant = world.plants[connector]
    plant.jammed = plant.lock_silent = False


def nothing_began(world: World) -> bool:
    none = not world.calls("StartTransaction") and not world.store.transactions
    return none and all(world.store.session(number) == Idle() for number in world.plants)


def test_the_session_begins_when_the_lock_holds() -> None:
    world = locking()
    world.advance(0.7)
    assert nothing_began(world)
    assert not world.contactor()
    assert world.status() == Status.Preparing
    world.slip_lock(1, True)
    start = world.expect_call("StartTransaction", meterStart=1000)
    assert seconds_of(start["timestamp"]) == pytest.approx(world.wall_s), "the instant of the lock, not of the card"
    assert world.contactor()
    assert world.status() == Status.Charging


def test_no_cable_is_locked_before_the_meter_was_read_for_the_first_time() -> None:
    world = World(started=False, free_vend=True)
    world.plants[1].meter_deaf = True
    world.start()
    world.plug()
    world.advance(60.0)
    assert moves(world) == []
    world.plants[1].meter_deaf = False
    world.read_meter(1)
    assert world.contactor()


def test_lock_and_meter_are_waited_for_at_once() -> None:
    world = World(lag_s=0.5)
    world.plug()
    world.tap()
    world.advance(0.4)
    assert not world.contactor()
    world.advance(0.2)
    assert world.contactor()


def test_the_driver_sees_that_it_is_the_cars_turn_no_card_is_wanted() -> None:
    world = slow(keys=REMOTE)
    world.plug()
    assert world.shown() == Pattern.CARD_WANTED
    world.call("RemoteStartTransaction", idTag="CARD1", connectorId=1)
    assert world.shown() == Pattern.SUSPENDED_EV


@pytest.mark.section("7.6")
@pytest.mark.parametrize("silent", [True, False], ids=["without a word", "saying so"])
@pytest.mark.parametrize("online", [True, False])
def test_a_lock_that_fails_is_a_fault_and_no_session(silent: bool, online: bool) -> None:
    world = World(online=online, keys={"AllowOfflineTxForUnknownId": True})
    world.plants[1].jammed = True
    world.plants[1].lock_silent = silent
    world.plug()
    world.tap()
    world.advance(2.9)
    assert moves(world) == [True] * 3
    assert world.trouble() is None
    world.advance(0.2)
    assert (world.shown(), world.trouble()) == (Pattern.FAULTED, Trouble.LOCK)
    assert moves(world) == [True] * 3 + [False], "it may have locked unseen"
    if not online:
        world.connect()
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.ConnectorLockFailure)
    assert nothing_began(world)


@pytest.mark.section("7.6")
def test_its_fault_lasts_until_the_cable_leaves_and_the_next_one_is_tried_anew(world: World) -> None:
    world.plants[1].jammed = True
    world.plug()
    world.tap()
    world.advance(60.0)
    world.tap("CARD2")
    assert (world.status(), world.trouble()) == (Status.Faulted, Trouble.LOCK)
    assert moves(world).count(True) == 3, "nobody is authorised any more"
    world.unplug(side="ev")
    assert world.status() == Status.Faulted
    world.unplug(side="station")
    assert (world.status(), world.trouble()) == (Status.Available, None)
    world.plants[1].jammed = False
    world.plug()
    assert nothing_began(world), "the first card lapsed"
    world.tap("CARD2")
    world.expect_call("StartTransaction", idTag="CARD2")


@pytest.mark.section("7.6")
def test_a_lock_that_then_does_not_open_either_is_a_fault_without_a_cable_too(world: World) -> None:
    world.plants[1].lock_silent = True
    world.plug()
    world.tap()
    world.advance(4.0)
    world.unplug()
    world.advance(60.0)
    assert world.last_told().error_code == Code.ConnectorLockFailure
    world.plants[1].lock_silent = False
    world.advance(5.1)
    assert world.status() == Status.Available


def test_a_lock_that_never_tells_where_it_is_fails_too() -> None:
    world = World(started=False)
    world.plants[1].has_lock, world.plants[1].lock_silent = False, True  # the settings have one
    world.start()
    world.connect()
    world.plug()
    world.tap()
    world.advance(3.1)
    assert world.last_told().error_code == Code.ConnectorLockFailure
    world.unplug()
    assert world.status() == Status.Available
    assert nothing_began(world)


@pytest.mark.section("5.11")
def test_a_remote_start_is_accepted_before_the_lock_moves_and_another_is_not_meanwhile() -> None:
    world = slow(keys=REMOTE)
    world.plug()
    asked = {"idTag": "CARD1", "connectorId": 1, "chargingProfile": profile(1, (0, 10.0), purpose="TxProfile")}
    assert world.call("RemoteStartTransaction", asked) == {"status": "Accepted"}
    assert world.call("RemoteStartTransaction", idTag="CARD2", connectorId=1) == {"status": "Rejected"}
    assert world.call("RemoteStartTransaction", idTag="CARD2") == {"status": "Rejected"}
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="CARD1")
    assert world.offer() == 10.0


@pytest.mark.section("4.8")
def test_a_power_cut_between_lock_and_session_leaves_no_transaction_and_an_open_lock() -> None:
    world = locking()
    world.plants[1].locked = True  # and nobody has told it yet
    comes_loose(world)
    world.cut_power()
    assert not world.locked()
    assert nothing_began(world)
    assert world.status() == Status.Preparing


def test_a_car_that_leaves_meanwhile_has_no_session_and_its_card_waits_on() -> None:
    world = locking()
    world.advance(0.5)
    comes_loose(world)
    world.unplug()
    assert moves(world) == [True, False]
    assert nothing_began(world)
    assert (world.status(), world.shown()) == (Status.Preparing, Pattern.ACCEPTED)
    world.plug()
    world.expect_call("StartTransaction", idTag="CARD1")


@pytest.mark.section("9.1.6")
def test_no_card_lapses_while_its_cable_is_being_locked() -> None:
    world = slow(keys={"ConnectionTimeOut": 10})
    world.tap()
    world.advance(9.9)
    world.plug()
    world.advance(1.0)
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="CARD1")


def inoperative(world: World) -> None:
    assert world.call("ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Accepted"}
    assert world.status() == Status.Unavailable
    assert world.refusal() == Refusal.OUT_OF_SERVICE


def unlocked(world: World) -> None:
    assert world.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}


def reset(world: World) -> None:
    world.call("Reset", type="Soft")
    assert world.exited == "soft_reset"


ENDS: list[Callable[[World], None]] = [
    World.tap,
    lambda world: world.input_line("stop_button", 1),
    lambda world: world.input("ground_fault", 1),
    unlocked,
    inoperative,
    reset,
]


@pytest.mark.section("4.10")
@pytest.mark.parametrize(
    "end", ENDS, ids=["the same card", "stop button", "a fault", "UnlockConnector", "Inoperative", "Reset"]
)
def test_whatever_ends_a_session_keeps_one_from_beginning(end: Callable[[World], None]) -> None:
    world = locking()
    comes_loose(world)
    end(world)
    assert moves(world)[:2] == [True, False]
    assert not world.locked()
    world.advance(60.0)
    assert nothing_began(world)
    assert moves(world).count(True) == 1


def test_a_second_card_neither_gets_the_connector_nor_takes_the_first_ones_place() -> None:
    world = locking()
    world.tap("CARD2")
    assert world.refusal() == Refusal.OCCUPIED
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="CARD1")


def test_a_second_card_waits_for_the_other_connector() -> None:
    world = slow(2)
    world.tap("CARD1")
    world.plug(1)
    world.tap("CARD2")
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="CARD1", connectorId=1)
    comes_loose(world, 2)
    world.plug(2)
    world.expect_call("StartTransaction", idTag="CARD2", connectorId=2)


def test_a_card_for_either_connector_is_good_for_the_other_when_the_first_one_fails() -> None:
    world = slow(2)
    world.tap()
    world.plug(1)
    comes_loose(world, 2)
    world.advance(3.1)
    assert world.last_told(1).error_code == Code.ConnectorLockFailure
    world.unplug(1)
    world.plug(2)
    world.expect_call("StartTransaction", idTag="CARD1", connectorId=2)


@pytest.mark.parametrize("holds", [True, False], ids=["the first lock holds", "the first lock fails"])
def test_a_stranger_who_plugs_meanwhile_does_not_charge_on_the_first_ones_card(holds: bool) -> None:
    world = slow(2)
    world.tap("ANNA")
    world.plug(1)
    comes_loose(world, 2)
    world.advance(0.2)
    world.plug(2)
    world.advance(0.2)
    assert not world.calls("StartTransaction")
    if holds:
        world.slip_lock(1, True)
    world.advance(10.0)
    assert [(one["idTag"], one["connectorId"]) for one in world.calls("StartTransaction")] == [("ANNA", 1)] * holds
    world.tap("BOB")
    world.expect_call("StartTransaction", idTag="BOB", connectorId=2)


@pytest.mark.section("5.18")
@pytest.mark.parametrize(
    "end", [unlocked, lambda world: world.input_line("stop_button", 1)], ids=["UnlockConnector", "stop button"]
)
def test_whoever_else_waits_does_not_begin_with_a_cable_that_is_wanted_back(end: Callable[[World], None]) -> None:
    world = slow(keys=REMOTE)
    world.tap("CARD1")
    world.call("RemoteStartTransaction", idTag="APP", connectorId=1)
    world.plug()
    comes_loose(world)
    end(world)
    assert not world.locked()
    world.advance(60.0)
    assert nothing_began(world)


def test_a_driver_whose_start_was_let_go_sees_it() -> None:
    world = locking()
    comes_loose(world)
    assert world.shown() == Pattern.ACCEPTED
    world.input_line("stop_button", 1)
    assert world.shown() == Pattern.CARD_WANTED


@pytest.mark.section("5.13")
def test_a_reservation_is_used_up_by_the_session_not_by_the_card() -> None:
    world = slow()
    assert reserve(world) == "Accepted"
    world.plug()
    world.tap("HOLDER")
    assert set(world.store.reservations) == {7}
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="HOLDER", reservationId=7)
    assert not world.store.reservations


@pytest.mark.section("4.9")
def test_a_free_cable_is_locked_first_and_tried_once() -> None:
    world = locking(free_vend=True)
    world.advance(600.0)
    assert world.last_told().error_code == Code.ConnectorLockFailure
    assert moves(world).count(True) == 3
    comes_loose(world)
    world.advance(5.1)
    assert world.status() == Status.Faulted, "until the cable leaves"
    world.unplug()
    world.plug()
    world.expect_call("StartTransaction", idTag="FREEVEND")


@pytest.mark.section("5.18")
def test_a_free_cable_that_an_operator_unlocks_is_not_locked_again_by_itself() -> None:
    world = locking(free_vend=True)
    comes_loose(world)
    unlocked(world)
    world.advance(60.0)
    assert nothing_began(world)
    assert world.shown() == Pattern.FINISHING, "the cable may go; nobody waits for the car"
    world.unplug()
    world.plug()
    world.expect_call("StartTransaction", idTag="FREEVEND")


def test_a_lock_that_is_still_opening_does_not_count_as_closed(world: World) -> None:
    world.plug()
    world.tap()
    world.plants[1].lock_silent = world.plants[1].jammed = True
    world.tap()
    assert moves(world) == [True, False]
    world.tap("CARD2")
    assert moves(world) == [True, False, True]
    world.slip_lock(1, False)  # the answer to the first command
    assert len(world.calls("StartTransaction")) == 1
    world.slip_lock(1, True)
    world.expect_call("StartTransaction", idTag="CARD2")
    assert world.contactor()
