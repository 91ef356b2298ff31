"""GetCompositeSchedule (OCPP 1.6 section 5.7)."""

import pytest

from chargepoint.core.events import MeterRead
from chargepoint.core.schedule import LOOKS_MAX
from chargepoint.facts import Reading
from tests.core.harness import World
from tests.core.making_profiles import DAY_S, charging, composite, set_profile

pytestmark = pytest.mark.section("5.7")


def test_without_profiles_the_fuse_is_told() -> None:
    world = World(2, current_a_max=40.0)
    assert composite(world, 1, 600) == [(0, 32.0)]
    assert composite(world, 0, 600) == [(0, 40.0)], "two connectors of 32 A on a fuse of 40 A"
    assert composite(world, 1, 600, "W") == [(0, 22080.0)]
    assert composite(world, 0, 600, "W") == [(0, 27600.0)]


def test_the_cable_that_is_plugged_is_told() -> None:
    world = World()
    world.plug(cable_a=20.0)
    assert composite(world, 1, 600) == [(0, 20.0)]


def test_three_purposes_as_one() -> None:
    """The lowest of the station's limit and the transaction's; the transaction's own profile before the default."""
    world = charging()
    set_profile(world, 0, (0, 10), number=1, purpose="ChargePointMaxProfile", duration=DAY_S)
    set_profile(world, 1, (0, 6), (60, 10), (120, 8), (180, 25), (260, 8), number=2, duration=300)
    set_profile(world, 1, (0, 8), (50, 11), (140, 16), (200, 6), (240, 12), number=3, purpose="TxProfile", duration=260)
    assert composite(world, 1, 400) == [(0, 8.0), (50, 10.0), (200, 6.0), (240, 10.0), (260, 8.0), (300, 10.0)]
    world.advance(55)
    assert composite(world, 1, 100) == [(0, 10.0)]
    assert composite(world, 1, 200) == [(0, 10.0), (145, 6.0), (185, 10.0)]


def test_stacked_profiles_as_one() -> None:
    world = World()
    set_profile(world, 1, (0, 6), (100, 8), (200, 10), number=1, level=0, duration=400)
    set_profile(world, 1, (0, 7), (100, 9), number=2, level=1, duration=150)
    assert composite(world, 1, 450) == [(0, 7.0), (100, 9.0), (150, 8.0), (200, 10.0), (400, 32.0)]


def test_the_start_is_the_second_that_runs_and_borders_stay_where_they_are() -> None:
    world = World()
    set_profile(world, 1, (0, 6), (100, 8))
    world.advance(10.7)
    assert composite(world, 1, 120) == [(0, 6.0), (90, 8.0)]


def test_connector_0_is_the_sum_of_what_connectors_are_allowed_within_the_stations_limit() -> None:
    world = World(2, current_a_max=60.0)
    set_profile(world, 1, (0, 10), (60, 32), number=1)
    set_profile(world, 2, (0, 16), (90, 20), number=2)
    assert composite(world, 0, 200) == [(0, 26.0), (60, 48.0), (90, 52.0)]
    set_profile(world, 0, (0, 50), (80, 40), number=3, purpose="ChargePointMaxProfile")
    assert composite(world, 0, 200) == [(0, 26.0), (60, 48.0), (80, 40.0)]
    assert composite(world, 0, 70, "W") == [(0, 17940.0), (60, 33120.0)]


def test_watts_and_phases() -> None:
    world = World()
    set_profile(world, 1, (0, 11040), (60, 3680, 1), (120, 5000), unit="W")
    assert composite(world, 1, 180, "W") == [(0, 11040.0), (60, 3680.0, 1), (120, 5000.0)]
    assert composite(world, 1, 180, "A") == [(0, 16.0), (60, 16.0, 1), (120, 7.2)]


def test_one_phase_is_told_where_only_one_is_wired() -> None:
    world = World(phases=1)
    set_profile(world, 1, (0, 3680), unit="W")
    set_profile(world, 0, (0, 20), number=2, purpose="ChargePointMaxProfile")
    assert composite(world, 1, 60) == [(0, 16.0, 1)]
    assert composite(world, 1, 60, "W") == [(0, 3680.0, 1)]


def test_the_measured_voltage_counts_and_its_noise_does_not() -> None:
    world = World()
    set_profile(world, 1, (0, 11040), unit="W")
    for volts, amps in ((231.5, 16.0), (228.0, 16.0), (240.0, 15.3), (238.0, 15.3), (20.0, 15.3), (230.0, 16.0)):
        reading = Reading(energy_import_wh=1000.0, voltage_v=(volts - 0.5, volts, volts + 0.5))
        world.deliver(MeterRead(1, reading, world.mono_s))
        assert composite(world, 1, 60) == [(0, amps)], f"at {volts} V"


def test_a_relative_profile_of_an_idle_connector_is_told_as_if_it_began_now() -> None:
    world = World()
    set_profile(world, 1, (0, 10), (60, 20), kind="Relative")
    world.advance(1000)
    assert composite(world, 1, 100) == [(0, 10.0), (60, 20.0)]
    world.plug()
    world.tap()
    world.advance(40)
    assert composite(world, 1, 100) == [(0, 10.0), (20, 20.0)]


def test_what_is_offered_is_what_is_told() -> None:
    world = charging()
    set_profile(world, 1, (0, 16), (7, 12.5), (11, 30), (20, 9), (33, 14), duration=40)
    set_profile(world, 0, (0, 20), (25, 13), number=2, purpose="ChargePointMaxProfile")
    told = dict[float, float]((start, limit) for start, limit in composite(world, 1, 60))
    limit = 0.0
    for second in range(60):
        limit = told.get(second, limit)
        world.advance(0.01)
        assert world.offer() == limit, f"at second {second}"
        world.advance(0.99)


def test_a_duration_of_nothing_and_one_of_decades() -> None:
    world = World()
    assert composite(world, 1, 0) == [(0, 32.0)]
    assert composite(world, 1, 2**31 - 1) == [(0, 32.0)]


def test_what_does_not_fit_into_one_message_is_cut_and_the_duration_says_where() -> None:
    world = World()
    steps = [(60 * number, 6.0 + number % 2) for number in range(100)]
    set_profile(world, 1, *steps, kind="Recurring", every="Daily")
    conf = world.call("GetCompositeSchedule", connectorId=1, duration=365 * DAY_S)
    schedule = conf["chargingSchedule"]
    assert len(schedule["chargingSchedulePeriod"]) == 1000
    assert 9 * DAY_S < schedule["duration"] < 11 * DAY_S


def test_the_busiest_station_is_told_in_bounded_time(looks: list[int]) -> None:
    world = World(32, current_a_max=400.0)
    for number in range(1, 33):
        steps = [(60 * step, 10.0 + (step + number) % 3) for step in range(200)]
        set_profile(world, number, *steps, number=number, kind="Recurring", every="Daily", start=world.wall_s + number)
    looks.clear()
    schedule = world.call("GetCompositeSchedule", connectorId=0, duration=2**31 - 1)["chargingSchedule"]
    assert 500 < len(looks) <= LOOKS_MAX + 500, "each connector, and all together, once a border"
    assert schedule["duration"] > 600
    assert schedule["chargingSchedulePeriod"][-1]["startPeriod"] < schedule["duration"]


@pytest.mark.parametrize(
    ("connector", "unit"),
    [(3, "A"), (7, None)],
)
def test_an_unknown_connector_is_rejected(connector: int, unit: str | None) -> None:
    fields = {"connectorId": connector, "duration": 60, **({"chargingRateUnit": unit} if unit else {})}
    assert World(2).call("GetCompositeSchedule", fields) == {"status": "Rejected"}


def test_a_unit_that_is_not_allowed_is_rejected_and_the_other_is_the_default() -> None:
    world = World(keys={"ChargingScheduleAllowedChargingRateUnit": "Power"})
    assert world.call("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="A") == {"status": "Rejected"}
    told = world.call("GetCompositeSchedule", connectorId=1, duration=60)["chargingSchedule"]
    assert (told["chargingRateUnit"], told["chargingSchedulePeriod"]) == ("W", [{"startPeriod": 0, "limit": 22080.0}])
