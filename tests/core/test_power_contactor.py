"""The contactor: when it closes, and what it is when it does not do as it is told (IEC 61851-1 annex A)."""

import pytest

from chargepoint.core.effects import CloseContactor, OfferCurrent, OpenContactor
from chargepoint.core.events import ContactorSeen, PartBack
from chargepoint.core.records import Charging
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World


def charging(world: World) -> World:
    world.plug()
    world.tap()
    assert world.contactor()
    return world


@pytest.mark.section("3.6")
@pytest.mark.parametrize(
    ("state", "closed"), [("A", False), ("B", False), ("C", True), ("D", False), ("E", False), ("F", False)]
)
def test_energy_flows_in_pilot_state_c_only(world: World, state: str, closed: bool) -> None:
    charging(world)
    world.pilot(1, "B")
    world.pilot(1, state, cable=True)
    assert world.contactor() is closed


@pytest.mark.section("IEC 61851-1 6.3.2")
def test_a_car_that_asks_for_ventilation_charges_where_there_is_some() -> None:
    world = World(ventilation=True)
    charging(world)
    world.pilot(1, "D")
    assert world.contactor()
    assert world.last_told().error_code == Code.NoError


@pytest.mark.section("IEC 61851-1 6.3.2")
def test_where_there_is_none_it_gets_nothing_and_is_told_why(world: World) -> None:
    charging(world)
    world.pilot(1, "D")
    assert not world.contactor()
    told = world.last_told()
    assert (told.status, told.error_code, told.info) == (
        Status.SuspendedEVSE,
        Code.OtherError,
        "Vehicle needs ventilation: there is none",
    )
    assert isinstance(world.store.session(1), Charging)
    world.pilot(1, "C")
    assert world.contactor()
    assert world.last_told().error_code == Code.NoError


@pytest.mark.section("IEC 61851-1 A")
@pytest.mark.parametrize("state", ["E", "F"])
def test_a_pilot_in_e_or_f_ends_the_session_and_lets_the_cable_go(world: World, state: str) -> None:
    charging(world)
    world.pilot(1, state)
    assert not world.contactor()
    assert not world.locked()
    assert (world.status(), world.stop_reason()) == (Status.Faulted, "Other")
    world.pilot(1, "A", cable=False)
    assert world.status() == Status.Available


def test_the_offer_stands_before_the_contacts_close_and_goes_before_they_open(world: World) -> None:
    charging(world)
    world.tap()
    order = [type(effect) for effect in world.effects if isinstance(effect, CloseContactor | OfferCurrent | OpenContactor)]
    assert order == [OpenContactor, OfferCurrent, CloseContactor, OfferCurrent, OpenContactor]


def test_every_start_opens_every_contactor_first() -> None:
    world = World(connectors=3, started=False)
    world.start()
    assert world.effects[:3] == [OpenContactor(1), OpenContactor(2), OpenContactor(3)]


@pytest.mark.section("7.6")
def test_a_contactor_that_does_not_close_is_a_fault_after_two_seconds(world: World) -> None:
    world.plants[1].stuck_open = True
    world.plug()
    world.tap()
    world.advance(1.9)
    assert world.status() == Status.Charging
    world.advance(0.2)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.PowerSwitchFailure)
    assert world.stop_reason() == "Other"
    assert not world.plants[1].coil


@pytest.mark.section("4.10")
def test_the_session_of_a_welded_contactor_is_billed_with_the_reading_before(world: World) -> None:
    charging(world)
    world.meter(1, 1_700.0)
    world.plants[1].welded = True
    world.tap()
    world.meter(1, 1_750.0)
    world.expect_no_call("StopTransaction")
    world.advance(3.1)
    world.expect_call("StopTransaction", meterStop=1750, reason="Local")
    assert world.locked(), "nobody may pull a live cable"


@pytest.mark.section("7.6")
def test_a_contactor_that_is_welded_at_the_start_is_found(world: World) -> None:
    charging(world)
    world.plants[1].welded = True
    world.cut_power()
    assert world.contactor()
    world.advance(1.1)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.PowerSwitchFailure)


@pytest.mark.section("7.6")
def test_contacts_that_close_by_themselves_are_a_fault(world: World) -> None:
    world.plants[1].closed = True
    world.deliver(ContactorSeen(1, True))
    world.advance(1.1)
    assert world.last_told().error_code == Code.PowerSwitchFailure


@pytest.mark.section("7.6")
def test_contacts_that_fall_open_by_themselves_are_a_fault(world: World) -> None:
    charging(world)
    world.plants[1].closed = False
    world.deliver(ContactorSeen(1, False))
    assert world.status() == Status.Charging
    world.advance(2.1)
    assert world.last_told().error_code == Code.PowerSwitchFailure
    assert world.stop_reason() == "Other"


@pytest.mark.section("4.9")
def test_a_contactor_driver_that_comes_back_interrupted_a_session_that_has_ended(world: World) -> None:
    charging(world)
    world.lose("contactor")
    assert world.stop_reason() == "Other"
    world.recover("contactor")
    assert world.status() == Status.Finishing
    assert not world.contactor()


def test_a_slow_contactor_is_no_fault() -> None:
    world = World(lag_s=0.8)
    world.plug()
    world.tap()
    world.advance(5.0)
    assert world.status() == Status.Charging
    world.tap()
    world.advance(5.0)
    assert world.status() == Status.Finishing
    assert all(told.error_code == "NoError" for told in world.told)


def test_nothing_closes_before_an_emergency_stop_could_be_told_after_a_start() -> None:
    world = World(after_power_loss="resume")
    charging(world)
    world.input("emergency_stop", active=False)
    world.kill()
    closed = world.effects.count(CloseContactor(1))
    world.pass_time(5.0)
    world.start()
    assert not world.contactor()
    world.advance(0.5)
    world.input("emergency_stop")
    world.advance(5.0)
    assert world.effects.count(CloseContactor(1)) == closed
    assert world.stop_reason() == "EmergencyStop"


def test_nothing_closes_before_the_inputs_of_a_station_are_known_however_long_they_take() -> None:
    world = World(free_vend=True, has_inputs=True)
    world.plug()
    world.advance(8.0)
    assert not any(isinstance(effect, CloseContactor) for effect in world.effects)
    world.deliver(PartBack("inputs", 0))
    world.advance(0.5)
    assert not world.contactor(), "an active line is told meanwhile"
    world.advance(0.6)
    assert world.contactor()


def test_a_contactor_that_opens_later_than_it_was_commanded_is_commanded_anew_and_not_stuck() -> None:
    world = charging(World())
    world.plants[1].coil = world.plants[1].closed = False  # its driver was not there yet, and the command went nowhere
    world.deliver(PartBack("contactor", 1))
    world.advance(5.0)
    assert world.contactor()
    assert world.status() == Status.Charging


def test_a_pilot_that_comes_back_unasked_keeps_no_contactor_closed_that_winds_down() -> None:
    world = charging(World(draws_w=7_000.0))
    world.plants[1].stubborn = True
    world.advance(5.0)
    world.tap()
    world.advance(1.0)
    assert world.contactor()
    world.recover("pilot")
    assert not world.contactor()
    world.expect_call("StopTransaction", reason="Local")


def test_nothing_closes_before_inputs_that_came_back_have_told_their_lines() -> None:
    world = World(free_vend=True)
    world.lose("inputs", 0)
    world.plug()
    world.deliver(PartBack("inputs", 0))
    world.hazards[0].clear()
    assert not world.contactor()
    world.input("emergency_stop")
    world.advance(5.0)
    assert not any(isinstance(effect, CloseContactor) for effect in world.effects)
    world.input("emergency_stop", active=False)
    world.unplug()
    world.plug()
    assert world.contactor()
