"""Whole stations with random profiles: what is offered at every second, and whether the station wakes for every border."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core.current import share
from chargepoint.core.pauses import FLAPS_MAX
from tests.core import slow_schedule as slow
from tests.core.harness import BEGIN_WALL_S, World
from tests.core.making_profiles import composite, documents, message

pytestmark = pytest.mark.section("3.13")

SECONDS = 420
FUSE_A, CABLES_A = 40.0, {1: 32.0, 2: 20.0}
placed_profiles = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        *(
            st.tuples(st.integers(0, 2), documents(number, ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]))
            for number in range(1, count + 1)
        )
    )
)


def install(world: World, wanted: tuple[tuple[int, dict[str, Any]], ...]) -> list[slow.Placed]:
    """Sets the profiles; returns those that are there in the end, by a plain reading of the rules."""
    there: list[slow.Placed] = []
    for connector, document in wanted:
        purpose = document["chargingProfilePurpose"]
        right = connector == 0 if purpose == "ChargePointMaxProfile" else connector in (0, 1, 2)
        right = connector in (1, 2) if purpose == "TxProfile" else right
        told = world.call("SetChargingProfile", connectorId=connector, csChargingProfiles=document)
        assert told == {"status": "Accepted" if right else "Rejected"}
        if right:
            place = (connector, purpose, document["stackLevel"])
            there = [(at, one) for at, one in there if (at, one.charging_profile_purpose, one.stack_level) != place]
            there.append((connector, message(document)))
    return there


def expected_a(there: list[slow.Placed], at: int, begun: int) -> tuple[dict[int, float], float]:
    """What each connector is allowed by itself, and what the station is, in whole tenths of an ampere."""
    own = {
        number: slow.lowest(slow.rate_of(slow.of_transaction(there, number, at, begun), "A", 230.0, 3), cable_a)
        for number, cable_a in CABLES_A.items()
    }
    station = slow.lowest(slow.rate_of(slow.of_station(there, at, begun), "A", 230.0, 3), FUSE_A)
    assert station is not None
    return {number: tenths(rate) for number, rate in own.items() if rate is not None}, tenths(station)


def tenths(rate: float) -> float:
    return int(rate * 10 + 1e-6) / 10


def two_that_charge() -> World:
    world = World(2, current_a_max=FUSE_A)
    for number, cable_a in CABLES_A.items():
        world.plug(number, cable_a=cable_a)
        world.tap(f"CARD{number}")
    return world


@settings(max_examples=25, deadline=None)
@given(wanted=placed_profiles)
def test_the_offer_is_right_at_every_second(wanted: tuple[tuple[int, dict[str, Any]], ...]) -> None:
    """Nothing happens at the station but its own deadlines: it must wake for every border."""
    world = two_that_charge()
    begun = int(world.wall_s)
    there = install(world, wanted)
    suspended: dict[int, list[int]] = {1: [], 2: []}
    charged = {1: True, 2: True}
    for second in range(SECONDS):
        at = int(BEGIN_WALL_S) + second
        own, station = expected_a(there, at, begun)
        assert sum(world.offer(number) or 0.0 for number in own) <= station + 1e-9
        for number, allowed in own.items():
            assert (world.offer(number) or 0.0) <= allowed
            if charged[number] and world.offer(number) is None:
                suspended[number].append(second)
            charged[number] = world.offer(number) is not None
        if all(len([one for one in times if one > second - 200]) < FLAPS_MAX for times in suspended.values()):
            least = {number: least_a(there, number, at, begun, own[number]) for number in own}
            usable = {number: allowed for number, allowed in own.items() if allowed >= 6.0}
            shared = share(usable, station, least)
            for number in own:
                assert world.offer(number) == (shared.get(number) or None), f"connector {number} at second {second}"
        world.advance(0.005 if second == 0 else 0.0)
        world.advance(1.0)


def least_a(there: list[slow.Placed], number: int, at: int, begun: int, allowed: float) -> float:
    """minChargingRate of the profile that prevails, unless its limit is lower."""
    found = slow.of_transaction(there, number, at, begun)
    if found is None:
        return 6.0
    profile, period = found
    schedule = profile.charging_schedule
    least = schedule.min_charging_rate or 0.0
    if schedule.charging_rate_unit == "W":
        least /= 230.0 * slow.phases_of(period, 3)
    return max(6.0, least) if least <= allowed else 6.0


@settings(max_examples=25, deadline=None)
@given(wanted=placed_profiles, wait_s=st.integers(0, 300), unit=st.sampled_from(["A", "W"]))
def test_a_composite_tells_every_second(wanted: tuple[tuple[int, dict[str, Any]], ...], wait_s: int, unit: str) -> None:
    """Of each connector and of the station, after some time."""
    world = two_that_charge()
    begun = int(world.wall_s)
    there = install(world, wanted)
    world.advance(wait_s + 0.25)
    now = int(world.wall_s)
    told = {connector: composite(world, connector, SECONDS, unit) for connector in (0, 1, 2)}
    factor = 1.0 if unit == "A" else 690.0
    for second in range(SECONDS):
        at = now + second
        own = {
            number: slow.lowest(slow.rate_of(slow.of_transaction(there, number, at, begun), unit, 230.0, 3), cable_a * factor)
            for number, cable_a in CABLES_A.items()
        }
        station = slow.of_station(there, at, begun)
        limits = {number: slow.lowest(own[number], in_connector(station, unit), FUSE_A * factor) for number in CABLES_A}
        total = sum(rate for rate in own.values() if rate is not None)
        limits[0] = slow.lowest(total, slow.rate_of(station, unit, 230.0, 3), FUSE_A * factor)
        for connector, expected in limits.items():
            assert expected is not None
            limit = [period[1] for period in told[connector] if period[0] <= second][-1]
            assert expected - 0.1001 < limit <= expected + 1e-6, f"connector {connector} at second {second}"


def in_connector(station: Any, unit: str) -> float | None:
    """The station's limit at a connector: its amperes, times the phases that it is for."""
    amps = slow.rate_of(station, "A", 230.0, 3)
    return amps if amps is None or unit == "A" else amps * 230.0 * slow.phases_of(station[1], 3)
