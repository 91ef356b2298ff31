"""How much current is offered, and how connectors share what the station has (IEC 61851-1; OCPP 1.6 section 3.13)."""

import pytest

from chargepoint.core.effects import OfferCurrent
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World


def begin(world: World, *numbers: int, cable_a: float | None = 32.0) -> None:
    for number in numbers:
        world.plug(number, cable_a=cable_a)
        world.tap(f"CARD{number}")
        world.advance(1.0)


def offers(world: World) -> list[float | None]:
    return [plant.offered_a for plant in world.plants.values()]


@pytest.mark.parametrize(("cable_a", "connector_a", "station_a", "offer_a"), [
    (None, 32.0, 63.0, 13.0), (None, 10.0, 63.0, 10.0),
    (13.0, 32.0, 63.0, 13.0), (20.0, 16.0, 63.0, 16.0), (32.0, 32.0, 10.0, 10.0),
    (63.0, 80.0, 70.0, 63.0),
])  # fmt: skip
@pytest.mark.section("IEC 61851-1 B")
def test_the_smallest_of_cable_connector_and_station_is_offered(
    cable_a: float | None, connector_a: float, station_a: float, offer_a: float
) -> None:
    world = World(connector_a_max=connector_a, current_a_max=station_a)
    begin(world, 1, cable_a=cable_a)
    assert world.offer() == offer_a
    assert world.contactor()


@pytest.mark.section("IEC 61851-1 B")
def test_a_cable_whose_resistor_is_no_rating_carries_nothing(world: World) -> None:
    begin(world, 1, cable_a=0.0)
    assert world.offer() is None
    assert not world.contactor()
    assert world.status() is Status.SuspendedEVSE


@pytest.mark.section("IEC 61851-1 B")
def test_a_car_whose_cable_is_not_seen_yet_or_not_any_more_gets_no_more_than_the_thinnest_cable(world: World) -> None:
    world.tap()
    world.pilot(1, "B", cable=False)
    assert world.offer() == 13.0, "the pilot is told before the cable's resistor is"
    world.pilot(1, "C", cable=True, cable_a=20.0)
    assert world.offer() == 20.0
    assert world.contactor()
    world.pilot(1, "C", cable=False)
    assert world.offer() == 13.0, "its wire broke; the cable is as thin as before"


@pytest.mark.section("IEC 61851-1 B")
def test_a_fixed_cable_needs_no_rating() -> None:
    world = World(tethered=True)
    begin(world, 1)
    assert world.offer() == 32.0


@pytest.mark.section("IEC 61851-1 B")
def test_the_rating_counts_as_soon_as_it_is_known() -> None:
    world = World()
    begin(world, 1, cable_a=None)
    assert world.offer() == 13.0
    world.pilot(1, "C", cable_a=20.0)
    assert world.offer() == 20.0


@pytest.mark.section("5.7")
def test_an_empty_socket_is_told_with_all_that_it_may_give(world: World) -> None:
    schedule = world.call("GetCompositeSchedule", connectorId=1, duration=60)["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 32.0


@pytest.mark.section("IEC 61851-1 6.3.1.6")
@pytest.mark.parametrize(("connector", "offer_a"), [(1, (16.0, 32.0)), (0, (16.0, 16.0))])
def test_where_it_is_warm_half_is_offered_until_it_is_not(connector: int, offer_a: tuple[float, float]) -> None:
    world = World(connectors=2)
    begin(world, 1, 2)
    world.input_line("warm", connector)
    assert offers(world) == list(offer_a)
    assert world.contactor()
    assert (world.status(), world.last_told(connector).error_code) == (Status.Charging, "HighTemperature")
    world.input_line("warm", connector, active=False)
    assert offers(world) == [32.0, 32.0]
    assert world.last_told(connector).error_code == "NoError"


def test_nothing_is_offered_without_a_session(world: World) -> None:
    world.plug()
    assert world.offer() is None


def test_a_car_that_does_not_draw_yet_is_offered_its_current(world: World) -> None:
    world.plug(ready=False)
    world.tap()
    assert world.offer() == 32.0


def test_two_cars_share_and_the_one_that_stays_gets_it_all() -> None:
    world = World(connectors=2, current_a_max=40.0)
    begin(world, 1)
    assert offers(world) == [32.0, None]
    begin(world, 2)
    assert offers(world) == [20.0, 20.0]
    world.tap("CARD1")
    assert offers(world) == [None, 32.0]


def test_what_a_thin_cable_cannot_use_goes_to_the_others() -> None:
    world = World(connectors=3, current_a_max=48.0)
    begin(world, 1, cable_a=13.0)
    begin(world, 2, 3)
    assert offers(world) == [13.0, 17.5, 17.5]


@pytest.mark.section("4.9")
def test_who_comes_last_waits_where_not_even_six_ampere_are_left() -> None:
    world = World(connectors=3, current_a_max=16.0)
    begin(world, 1, 2, 3)
    assert offers(world) == [8.0, 8.0, None]
    assert [world.contactor(number) for number in (1, 2, 3)] == [True, True, False]
    assert world.status(3) == Status.SuspendedEVSE
    world.tap("CARD1")
    world.advance(300.0)
    assert offers(world) == [None, 8.0, 8.0]
    assert world.status(3) == Status.Charging


def test_a_faulted_connector_takes_no_share() -> None:
    world = World(connectors=2, current_a_max=32.0)
    begin(world, 1, 2)
    assert offers(world) == [16.0, 16.0]
    world.lose("meter", 1)
    assert offers(world) == [None, 32.0]
    world.recover("meter", 1)
    assert offers(world) == [16.0, 16.0]


@pytest.mark.section("4.9")
def test_the_stations_limit_has_precedence_over_the_car_that_does_not_draw() -> None:
    world = World(connectors=2, current_a_max=10.0)
    begin(world, 1, 2)
    world.pilot(2, "B")
    assert world.status(2) == Status.SuspendedEVSE


def test_thirty_two_cars_never_take_more_than_the_station_has() -> None:
    world = World(connectors=32, current_a_max=100.0)
    begin(world, *range(1, 33))
    assert sum(offer or 0.0 for offer in offers(world)) == pytest.approx(100.0)
    assert [offer is not None for offer in offers(world)] == [True] * 16 + [False] * 16


def test_offers_are_lowered_before_others_are_raised() -> None:
    world = World(connectors=2, current_a_max=32.0)
    begin(world, 2)
    begin(world, 1)
    worst_a = 0.0
    standing: dict[int, float] = {}
    for effect in world.effects:
        if isinstance(effect, OfferCurrent):
            standing[effect.connector] = effect.current_a or 0.0
            worst_a = max(worst_a, sum(standing.values()))
    assert worst_a == 32.0
