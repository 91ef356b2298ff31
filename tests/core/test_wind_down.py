"""The offer is withdrawn: the car gets its time to stop drawing, and then the contacts open (IEC 61851-1 annex A)."""

from collections.abc import Callable

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Charging, Ending
from chargepoint.facts import NO_PHASES, Reading
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = pytest.mark.section("IEC 61851-1 A")

Act = Callable[[World], object]


def charging(*, stubborn: bool = True, **more: object) -> World:
    """A car draws 11 kW, and goes on whatever is offered; the meter is read every second."""
    world = World(draws_w=11_000.0, poll_s=1.0, **more)  # type: ignore[arg-type]
    world.plants[1].stubborn = stubborn
    world.plug()
    world.tap()
    world.advance(10.0)
    assert world.contactor()
    return world


def limit_0(world: World) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
    }
    answer = world.call("SetChargingProfile", connectorId=1, csChargingProfiles={**profile, "chargingSchedule": schedule})
    assert answer == {"status": "Accepted"}


def remote_stop(world: World) -> None:
    world.call("RemoteStopTransaction", transactionId=1001)


GENTLE: dict[str, Act] = {
    "a card": lambda world: world.tap(),
    "a remote stop": remote_stop,
    "a stop button": lambda world: world.input_line("stop_button", 1),
    "the control socket": lambda world: world.control("stop_session", connector=1),
    "a limit of 0": limit_0,
}
AT_ONCE: dict[str, Act] = {
    "emergency stop": lambda world: world.input("emergency_stop"),
    "a ground fault": lambda world: world.input("ground_fault", 1),
    "the door": lambda world: world.input("door_open"),
    "the mains": lambda world: world.input("mains_lost"),
    "a lost meter": lambda world: world.lose("meter"),
    "a lost pilot": lambda world: world.lose("pilot"),
    "a lock that slips": lambda world: world.slip_lock(1, False),
    "the car is ready no more": lambda world: world.pilot(1, "B"),
    "the car leaves": lambda world: world.unplug(),
    "a short": lambda world: world.pilot(1, "E"),
    "no diode": lambda world: world.pilot(1, "C", diode_ok=False),
    "a hard reset": lambda world: world.call("Reset", type="Hard"),
    "a soft reset": lambda world: world.call("Reset", type="Soft"),
    "an unlock command": lambda world: world.ask("UnlockConnector", {"connectorId": 1}),
}
gentle = pytest.mark.parametrize("how", GENTLE)
at_once = pytest.mark.parametrize("how", AT_ONCE)


@gentle
def test_a_car_that_stays_in_c_has_six_seconds_and_no_more(how: str) -> None:
    world = charging()
    GENTLE[how](world)
    assert world.offer() is None
    world.advance(5.9)
    assert world.contactor()
    assert world.locked(), "nobody pulls a cable under load"
    world.advance(0.2)
    assert not world.contactor()


@gentle
def test_a_car_that_stops_drawing_has_its_contacts_opened_without_load(how: str) -> None:
    world = charging()
    GENTLE[how](world)
    world.advance(1.5)
    assert world.contactor()
    world.plants[1].stubborn = False
    world.advance(1.0)
    assert not world.contactor()


@gentle
def test_a_car_that_leaves_c_has_them_opened_at_once(how: str) -> None:
    world = charging()
    GENTLE[how](world)
    world.advance(1.0)
    world.pilot(1, "B")
    assert not world.contactor()


@gentle
@pytest.mark.parametrize("danger", AT_ONCE)
def test_a_danger_meanwhile_opens_them_at_once(how: str, danger: str) -> None:
    world = charging()
    GENTLE[how](world)
    world.advance(1.0)
    assert world.contactor()
    AT_ONCE[danger](world)
    assert not world.contactor()


@at_once
def test_what_is_in_a_hurry_waits_for_no_car(how: str) -> None:
    world = charging()
    began = len(world.effects)
    AT_ONCE[how](world)
    assert not world.contactor()
    acts = [effect for effect in world.effects[began:] if isinstance(effect, fx.OpenContactor | fx.Commit | fx.OfferCurrent)]
    assert acts[0] == fx.OpenContactor(1), "before the disk and everything else"


@gentle
def test_contacts_that_open_by_themselves_meanwhile_are_no_fault(how: str) -> None:
    world = charging()
    GENTLE[how](world)
    world.advance(0.5)
    world.plants[1].closed = False
    world.deliver(ev.ContactorSeen(1, False))
    assert not world.contactor()
    world.advance(10.0)
    assert world.status() != Status.Faulted


def test_what_flows_meanwhile_is_billed() -> None:
    world = charging()
    world.tap()
    world.expect_no_call("StopTransaction")
    assert isinstance(world.store.session(1), Ending)
    world.advance(6.1)
    stopped = world.expect_call("StopTransaction", reason="Local", idTag="CARD1")
    drawn_wh = 16.0 * 11_000 / 3600
    assert stopped["meterStop"] == int(1_000 + drawn_wh)
    assert stopped["timestamp"] == "2026-01-05T12:00:10Z", "the session ended when it was decided"


def test_an_offer_that_comes_back_in_time_moves_no_contact() -> None:
    world = charging()
    cycles = world.store.connectors[1].cycles
    limit_0(world)
    assert world.status() == Status.SuspendedEVSE
    world.advance(3.0)
    world.call("ClearChargingProfile", id=1)
    assert world.offer() == 32.0
    world.advance(60.0)
    assert world.contactor()
    assert world.status() == Status.Charging
    assert world.store.connectors[1].cycles == cycles
    assert isinstance(world.store.session(1), Charging)


def test_a_power_cut_meanwhile_loses_nothing() -> None:
    world = charging()
    world.tap()
    world.advance(3.0)
    world.cut_power()
    assert not world.contactor()
    world.expect_call("StopTransaction", reason="Local", meterStop=int(1_000 + 13.0 * 11_000 / 3600))


def test_a_meter_that_gives_energy_only_leaves_the_car_its_time() -> None:
    world = charging(stubborn=False)
    plant = world.plants[1]
    plant.reading = lambda: Reading(energy_import_wh=plant.energy_wh, current_a=NO_PHASES)  # type: ignore[method-assign]
    world.tap()
    world.advance(5.9)
    assert world.contactor()
    world.advance(0.2)
    assert not world.contactor()


def test_a_reading_that_was_begun_before_says_nothing() -> None:
    world = charging()
    world.tap()
    world.plants[1].power_w = 0.0
    world.read_meter(1, began_s=world.mono_s - 0.5)
    assert world.contactor()
    world.read_meter(1)
    assert not world.contactor()


def test_without_feedback_the_last_reading_is_one_after_the_command() -> None:
    world = World(draws_w=11_000.0)
    world.plants[1].silent_feedback = True
    world.restart()
    world.plug()
    world.tap()
    world.advance(10.0)
    assert world.contactor()
    world.plants[1].stubborn = True
    world.tap()
    world.advance(3.0)
    world.expect_no_call("StopTransaction")
    world.advance(3.1)
    stopped = world.expect_call("StopTransaction", reason="Local")
    assert stopped["meterStop"] == int(1_000 + 16.0 * 11_000 / 3600)
