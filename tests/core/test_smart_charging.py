"""SetChargingProfile, ClearChargingProfile and the offer that follows (OCPP 1.6 sections 3.13, 5.5, 5.16)."""

from typing import Any

import pytest

from chargepoint.core.effects import OfferCurrent
from chargepoint.messages import ChargePointStatus
from tests.core.harness import World
from tests.core.making_profiles import DAY_S, charging, clear, set_profile

pytestmark = pytest.mark.section("5.16")


class TestTheOfferFollows:
    def test_a_default_profile_limits_the_running_transaction_at_once(self) -> None:
        world = charging()
        assert set_profile(world, 1, (0, 16)) == "Accepted"
        assert world.offer() == 16.0

    def test_steps_are_followed_at_their_second(self) -> None:
        world = charging()
        set_profile(world, 0, (0, 16), (60, 10.5), (120, 20), purpose="ChargePointMaxProfile")
        seen = []
        for seconds in (0, 59.9, 0.2, 59.7, 0.2, 3600):
            world.advance(seconds)
            seen.append(world.offer())
        assert seen == [16.0, 16.0, 10.5, 10.5, 20.0, 20.0]

    def test_a_profile_that_was_there_before_limits_from_the_first_moment(self) -> None:
        world = World()
        set_profile(world, 0, (0, 8), purpose="TxDefaultProfile")
        world.plug()
        world.tap()
        assert [effect.current_a for effect in world.effects if isinstance(effect, OfferCurrent)] == [8.0]

    def test_nothing_is_offered_below_6_a_and_6_a_is_offered(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 5.9))
        assert (world.offer(), world.contactor(), world.status()) == (None, False, ChargePointStatus.SuspendedEVSE)
        set_profile(world, 1, (0, 6))
        assert (world.offer(), world.contactor(), world.status()) == (6.0, True, ChargePointStatus.Charging)

    def test_a_session_that_begins_at_0_a_is_suspended_and_goes_on_when_it_may(self) -> None:
        world = World()
        set_profile(world, 0, (0, 0), (100, 32))
        world.plug()
        world.tap()
        assert (world.status(), world.contactor()) == (ChargePointStatus.SuspendedEVSE, False)
        world.advance(101)
        assert (world.status(), world.contactor()) == (ChargePointStatus.Charging, True)

    def test_watts_are_shared_over_the_phases(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 11040), unit="W")
        assert world.offer() == 16.0
        set_profile(world, 1, (0, 3680, 1), unit="W")
        assert world.offer() == 16.0

    def test_watts_on_a_station_of_one_phase(self) -> None:
        world = charging(phases=1)
        set_profile(world, 1, (0, 3680), unit="W")
        assert world.offer() == 16.0

    def test_a_limit_in_watts_holds_though_the_car_uses_more_phases_than_were_said(self) -> None:
        world = charging(draws_w=11_040.0)
        set_profile(world, 1, (0, 3680, 1), unit="W")
        world.advance(1.0)
        world.read_meter(1)
        assert world.offer() is None, "3680 W on three phases are 5.3 A"

    def test_the_next_car_may_use_other_phases(self) -> None:
        world = charging(draws_w=11_040.0)
        world.advance(1.0)
        world.read_meter(1)
        world.tap()
        world.unplug()
        world.draws_w = 0.0
        world.plug()
        world.tap()
        set_profile(world, 1, (0, 3680, 1), unit="W")
        assert world.offer() == 16.0

    def test_the_fuse_and_the_cable_still_hold(self) -> None:
        world = World(connector_a_max=20.0)
        set_profile(world, 0, (0, 63))
        world.plug(cable_a=13.0)
        world.tap()
        assert world.offer() == 13.0

    def test_connectors_share_what_the_station_is_allowed(self) -> None:
        world = charging(2)
        world.plug(2)
        world.tap("CARD2")
        set_profile(world, 0, (0, 26), purpose="ChargePointMaxProfile")
        assert (world.offer(1), world.offer(2)) == (13.0, 13.0)
        set_profile(world, 2, (0, 8), number=2)
        assert (world.offer(1), world.offer(2)) == (18.0, 8.0)
        set_profile(world, 0, (0, 11), purpose="ChargePointMaxProfile")
        assert (world.offer(1), world.offer(2)) == (11.0, None), "6 A for each are not there: the later one waits"

    def test_min_charging_rate_lets_the_later_car_wait_for_a_share_that_is_worth_while(self) -> None:
        world = charging(2)
        world.plug(2)
        world.tap("CARD2")
        set_profile(world, 0, (0, 20), purpose="ChargePointMaxProfile")
        set_profile(world, 2, (0, 16), number=2, least=10)
        assert (world.offer(1), world.offer(2)) == (10.0, 10.0)
        set_profile(world, 0, (0, 18), purpose="ChargePointMaxProfile")
        assert (world.offer(1), world.offer(2)) == (8.0, 10.0)
        set_profile(world, 0, (0, 15), purpose="ChargePointMaxProfile")
        assert (world.offer(1), world.offer(2)) == (15.0, None)
        set_profile(world, 2, (0, 8), number=2, least=10)
        assert (world.offer(1), world.offer(2)) == (7.5, 7.5), "a limit below it is a limit, not a reason to wait"

    def test_limits_hold_while_the_connection_is_gone(self) -> None:
        """Section 3.13.6."""
        world = charging()
        set_profile(world, 1, (0, 16), (60, 8), purpose="TxProfile", transaction=1001)
        world.disconnect()
        world.advance(61)
        assert world.offer() == 8.0


class TestWhichProfileCounts:
    def test_the_transactions_own_goes_before_the_default(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10), level=5)
        set_profile(world, 1, (0, 20), number=2, purpose="TxProfile")
        assert world.offer() == 20.0

    def test_the_connectors_default_goes_before_that_of_connector_0(self) -> None:
        world = charging(2)
        world.plug(2)
        world.tap("CARD2")
        set_profile(world, 0, (0, 10), level=3)
        set_profile(world, 2, (0, 20), number=2)
        assert (world.offer(1), world.offer(2)) == (10.0, 20.0)

    def test_the_stations_limit_holds_beside_it(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 20), purpose="TxProfile")
        set_profile(world, 0, (0, 12), number=2, purpose="ChargePointMaxProfile")
        assert world.offer() == 12.0

    def test_the_highest_level_that_speaks_now(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 8), level=0)
        set_profile(world, 1, (0, 24), number=2, level=4, duration=30)
        set_profile(world, 1, (0, 16), number=3, level=2, valid=(world.wall_s + 10, world.wall_s + 60))
        seen = []
        for _ in range(4):
            seen.append(world.offer())
            world.advance(20)
        assert seen == [24.0, 24.0, 16.0, 8.0]

    def test_a_txprofile_that_has_ended_lets_the_default_speak(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 8))
        set_profile(world, 1, (0, 20), number=2, purpose="TxProfile", duration=30)
        assert world.offer() == 20.0
        world.advance(31)
        assert world.offer() == 8.0

    @pytest.mark.parametrize("kind", ["Relative", "Absolute"])
    def test_a_relative_profile_counts_from_the_start_of_the_transaction(self, kind: str) -> None:
        """Section 7.13: without startSchedule an absolute one does, too."""
        world = World()
        set_profile(world, 0, (0, 10), (60, 20), kind=kind, start=None)
        world.advance(500)
        world.plug()
        world.tap()
        assert world.offer() == 10.0
        world.advance(61)
        assert world.offer() == 20.0

    def test_a_relative_profile_of_the_station_counts_from_its_installation(self) -> None:
        world = charging()
        world.advance(100)
        set_profile(world, 0, (0, 10), (60, 20), kind="Relative", purpose="ChargePointMaxProfile")
        world.advance(50)
        world.restart()
        world.unplug()
        world.plug()
        world.tap()
        assert world.offer() == 10.0
        world.advance(9)
        assert world.offer() == 20.0

    def test_when_the_time_of_day_moves_dates_follow_and_durations_stay(self) -> None:
        """The Central System corrects the time by a quarter of an hour, once forward and once back."""
        world = charging()
        world.csms.heartbeat_s = 10
        set_profile(world, 1, (0, 20), (300, 12), kind="Relative")
        set_profile(world, 0, (0, 30), (600, 10), number=2, purpose="ChargePointMaxProfile")
        world.advance(100)
        world.passed_s += 900
        world.call("TriggerMessage", requestedMessage="Heartbeat")
        assert world.offer() == 10.0, "by the date, ten minutes have passed"
        world.call("ClearChargingProfile", id=2)
        assert world.offer() == 20.0, "by the clock on the wall of the session, a hundred seconds have"
        world.advance(195)
        assert world.offer() == 20.0
        world.advance(10)
        assert world.offer() == 12.0

    def test_a_daily_profile_comes_back(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10), kind="Recurring", every="Daily", duration=3600, start=world.wall_s - 5 * DAY_S)
        offers = []
        for _ in range(3):
            offers.append(world.offer())
            world.advance(DAY_S / 2)
        assert offers == [10.0, 32.0, 10.0]


class TestReplacing:
    def test_the_same_level_and_purpose_replaces(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10), level=3)
        set_profile(world, 1, (0, 20), number=2, level=3)
        assert world.offer() == 20.0
        assert (clear(world, id=1), clear(world, id=2)) == ("Unknown", "Accepted")

    def test_the_same_id_replaces_wherever_it_was(self) -> None:
        world = charging()
        set_profile(world, 0, (0, 10), purpose="ChargePointMaxProfile", level=3)
        set_profile(world, 1, (0, 20))
        assert world.offer() == 20.0
        assert (clear(world, id=1), clear(world)) == ("Accepted", "Unknown")

    def test_the_same_level_on_another_connector_does_not(self) -> None:
        world = World(2)
        set_profile(world, 0, (0, 10))
        set_profile(world, 1, (0, 10), number=2)
        set_profile(world, 2, (0, 10), number=3)
        assert [clear(world, id=number) for number in (1, 2, 3)] == ["Accepted"] * 3

    def test_one_that_is_not_yet_valid_leaves_a_gap(self) -> None:
        """Section 3.13.2: replaced is replaced; until validFrom the default behaviour holds."""
        world = charging()
        set_profile(world, 1, (0, 10))
        set_profile(world, 1, (0, 12), valid=(world.wall_s + 60, None))
        assert world.offer() == 32.0
        world.advance(61)
        assert world.offer() == 12.0


@pytest.mark.section("5.5")
class TestClearing:
    PROFILES = (
        (1, 0, {"purpose": "ChargePointMaxProfile", "level": 0}),
        (2, 0, {"purpose": "ChargePointMaxProfile", "level": 1}),
        (3, 0, {"level": 0}),
        (4, 1, {"level": 0}),
        (5, 1, {"level": 1}),
        (6, 2, {"level": 1}),
        (7, 1, {"purpose": "TxProfile", "level": 1}),
    )

    @pytest.mark.parametrize(
        ("criteria", "gone"),
        [
            ({}, {1, 2, 3, 4, 5, 6, 7}),
            ({"id": 4}, {4}),
            ({"id": 8}, set()),
            ({"connectorId": 0}, {1, 2, 3}),
            ({"connectorId": 1}, {4, 5, 7}),
            ({"connectorId": 9}, set()),
            ({"chargingProfilePurpose": "ChargePointMaxProfile"}, {1, 2}),
            ({"chargingProfilePurpose": "TxDefaultProfile"}, {3, 4, 5, 6}),
            ({"chargingProfilePurpose": "TxProfile"}, {7}),
            ({"stackLevel": 1}, {2, 5, 6, 7}),
            ({"stackLevel": 2}, set()),
            ({"connectorId": 1, "stackLevel": 1}, {5, 7}),
            ({"connectorId": 0, "chargingProfilePurpose": "TxDefaultProfile"}, {3}),
            ({"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 1}, {2}),
            ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}, {5, 6}),
            ({"id": 5, "connectorId": 1}, {5}),
            ({"id": 5, "connectorId": 2}, set()),
            ({"id": 5, "stackLevel": 1, "chargingProfilePurpose": "TxDefaultProfile", "connectorId": 1}, {5}),
        ],
    )
    def test_what_meets_every_criterion_goes(self, criteria: dict[str, Any], gone: set[int]) -> None:
        world = charging(2)
        for number, connector, more in self.PROFILES:
            assert set_profile(world, connector, (0, 10), number=number, **more) == "Accepted"
        assert clear(world, **criteria) == ("Accepted" if gone else "Unknown")
        assert set(world.store.profiles) == {1, 2, 3, 4, 5, 6, 7} - gone
        world.restart()
        assert {number for number in range(1, 7) if clear(world, id=number) == "Accepted"} == {1, 2, 3, 4, 5, 6} - gone

    def test_the_offer_follows_at_once(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10))
        clear(world, id=1)
        assert world.offer() == 32.0


class TestTheEndOfATransaction:
    @pytest.mark.parametrize("again", [False, True])
    def test_its_profiles_go_with_it(self, again: bool) -> None:
        world = charging()
        set_profile(world, 1, (0, 10), purpose="TxProfile", transaction=1001)
        world.tap()
        assert world.store.profiles == {}
        if again:
            world.restart()
        world.unplug()
        world.plug()
        world.tap()
        assert world.offer() == 32.0

    def test_a_connector_that_was_taken_away_leaves_no_profile_of_its_transaction(self) -> None:
        world = charging(2, after_power_loss="resume")
        world.plug(2)
        world.tap("CARD2")
        set_profile(world, 1, (0, 10), purpose="TxProfile")
        set_profile(world, 2, (0, 10), number=2, purpose="TxProfile")
        world.kill()
        world.site = World(after_power_loss="resume").site
        del world.plants[2]
        world.start()
        assert set(world.store.profiles) == {1}

    def test_the_power_cut_that_ends_it_ends_them(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10), purpose="TxProfile")
        world.cut_power()
        assert world.store.profiles == {}

    def test_a_transaction_that_goes_on_keeps_its_profiles(self) -> None:
        world = charging(after_power_loss="resume")
        set_profile(world, 1, (0, 10), (600, 20), purpose="TxProfile", kind="Relative")
        set_profile(world, 0, (0, 9), (300, 30), number=2, purpose="ChargePointMaxProfile", kind="Relative")
        world.advance(100)
        world.cut_power(off_s=100)
        assert world.offer() == 9.0
        world.advance(101)
        assert world.offer() == 10.0
        world.advance(300)
        assert world.offer() == 20.0
