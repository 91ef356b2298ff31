"""A vehicle that draws more than it is offered (IEC 61851-1 section 6.3.1.6; OCPP 1.6 section 7.6, OverCurrentFailure)."""

import pytest

from chargepoint.facts import NO_PHASES, Phases, Reading
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = [pytest.mark.section("IEC 61851-1 6.3.1.6"), pytest.mark.section("7.6")]

OVER_16_A = 16.0 * 1.1 + 0.5


def charging(poll_s: float = 1.0, **more: object) -> World:
    """A car charges with 16 A offered."""
    world = World(poll_s=poll_s, connector_a_max=16.0, **more)  # type: ignore[arg-type]
    world.plug()
    world.tap()
    assert world.contactor()
    world.advance(poll_s + 5.0)
    return world


def draws(world: World, *amps: float | None, power_w: float | None = None, phases_w: Phases = NO_PHASES) -> None:
    """What the meter shows from now on, while the contacts are closed."""
    plant = world.plants[1]
    first, second, third = (*amps, None, None, None)[:3]

    def reading() -> Reading:
        if not plant.closed:
            return Reading(energy_import_wh=plant.energy_wh)
        currents = (first, second, third)
        return Reading(energy_import_wh=plant.energy_wh, current_a=currents, power_w=power_w, power_w_phases=phases_w)

    plant.reading = reading  # type: ignore[method-assign]
    world.read_meter(1)


def limit(world: World, amps: float) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
    }
    answer = world.call("SetChargingProfile", connectorId=1, csChargingProfiles={**profile, "chargingSchedule": schedule})
    assert answer == {"status": "Accepted"}


@pytest.mark.parametrize("poll_s", [0.5, 1.0, 60.0])
def test_after_seven_seconds_and_not_before_the_contactor_opens(poll_s: float) -> None:
    world = charging(poll_s)
    draws(world, 16.0, 16.0, OVER_16_A + 0.1)
    world.advance(6.9)
    assert world.contactor()
    world.advance(1.1)
    assert not world.contactor()
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.OverCurrentFailure)
    assert world.last_told().info == "Vehicle draws more than offered"
    world.advance(10.0)
    world.expect_call("StopTransaction", reason="Other")
    assert "The vehicle draws 16.0, 16.0, 18.2 A and is offered 16.0 A" in "".join(log.text for log in world.logs)


@pytest.mark.parametrize("amps", [(OVER_16_A, OVER_16_A, OVER_16_A), (15.0, None, None), (0.0, 0.0, 0.0)])
def test_up_to_ten_percent_and_half_an_ampere_is_no_over_current(amps: tuple[float, ...]) -> None:
    world = charging()
    draws(world, *amps)
    world.advance(600.0)
    assert world.contactor()


@pytest.mark.parametrize(
    "power", [{"phases_w": (3_000.0, 3_000.0, 4_300.0)}, {"power_w": 3 * 4_300.0}, {"power_w": -3 * 4_300.0}]
)
def test_a_meter_without_currents_shows_it_by_its_power(power: dict[str, object]) -> None:
    world = charging()
    draws(world, **power)  # type: ignore[arg-type]
    world.advance(8.0)
    assert world.last_told().error_code == Code.OverCurrentFailure


def test_a_car_that_obeys_a_lower_offer_within_five_seconds_charges_on() -> None:
    world = charging()
    draws(world, 16.0, 16.0, 16.0)
    limit(world, 6.0)
    assert world.offer() == 6.0
    world.advance(4.9)
    draws(world, 6.0, 6.0, 6.0)
    world.advance(600.0)
    assert world.contactor()
    assert world.status() == Status.Charging


@pytest.mark.parametrize("poll_s", [0.5, 1.0, 60.0])
def test_a_car_that_obeys_each_of_several_lower_offers_within_five_seconds_charges_on(poll_s: float) -> None:
    """Cars come one by one, or a load balancer steps down: the second offer falls while the first is still being followed."""
    world = charging(poll_s)
    draws(world, 16.0, 16.0, 16.0)
    for lower, obeyed in ((13.0, 16.0), (10.0, 13.0), (8.0, 10.0), (6.0, 8.0)):
        limit(world, lower)
        world.advance(0.4)
        draws(world, obeyed, obeyed, obeyed)
        world.advance(4.0)
    draws(world, 6.0, 6.0, 6.0)
    world.advance(600.0)
    assert world.contactor()


def test_a_car_that_obeys_none_of_several_lower_offers_gets_no_more() -> None:
    world = charging()
    draws(world, 16.0, 16.0, 16.0)
    world.advance(30.0)
    for lower in (13.0, 10.0):
        limit(world, lower)
        world.advance(4.1)
    assert not world.contactor()
    assert world.last_told().error_code == Code.OverCurrentFailure


def test_a_car_that_does_not_obey_a_lower_offer_gets_no_more() -> None:
    world = charging()
    draws(world, 16.0, 16.0, 16.0)
    world.advance(30.0)
    limit(world, 6.0)
    world.advance(6.5)
    assert world.contactor()
    world.advance(1.6)
    assert not world.contactor()
    assert world.last_told().error_code == Code.OverCurrentFailure


def test_seven_seconds_are_without_a_break() -> None:
    world = charging()
    for _ in range(20):
        draws(world, 25.0)
        world.advance(5.0)
        draws(world, 16.0)
        world.advance(1.0)
    assert world.contactor()


def test_readings_of_before_prove_nothing() -> None:
    world = charging(60.0)
    for _ in range(10):
        draws(world, 25.0)
        world.plants[1].meter_deaf = True
        world.advance(5.0)
        world.plants[1].meter_deaf = False
        world.read_meter(1, began_s=world.mono_s - 4.9)
        draws(world, 10.0)
        world.advance(5.0)
    assert world.contactor()


def test_a_meter_that_falls_silent_meanwhile_opens_the_contactor_as_ever() -> None:
    world = charging()
    draws(world, 25.0)
    world.advance(3.0)
    world.lose("meter")
    assert not world.contactor()
    world.recover("meter")
    assert world.contactor()
    assert world.status() == Status.Charging


def test_it_lasts_until_the_vehicle_has_left_and_concerns_no_other() -> None:
    world = charging()
    draws(world, 25.0)
    world.advance(8.0)
    assert world.status() == Status.Faulted
    world.tap()
    world.pilot(1, "B")
    world.pilot(1, "C")
    world.advance(3_600.0)
    assert world.status() == Status.Faulted
    assert world.control("clear_faults", connector=1)[1] is not None, "nobody need come for it"
    world.unplug()
    assert world.status() == Status.Available
    draws(world, 10.0)
    world.plug()
    world.tap()
    world.advance(60.0)
    assert world.contactor()
