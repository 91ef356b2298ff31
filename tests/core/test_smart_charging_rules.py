"""What of SmartCharging is refused, what is bounded, and what the keys say (OCPP 1.6 sections 3.13.5, 5.11, 5.16, 9.4)."""

from typing import Any

import pytest

from chargepoint.messages import ChargePointStatus
from tests.core.central_system import Refuse, id_tag_info
from tests.core.harness import World
from tests.core.making_profiles import charging, composite, profile, set_profile

pytestmark = pytest.mark.section("5.16")


class TestRejected:
    @pytest.mark.parametrize(
        ("connector", "steps", "more"),
        [
            (3, [(0, 10)], {}),
            (1, [(0, 10)], {"purpose": "ChargePointMaxProfile"}),
            (0, [(0, 10)], {"purpose": "TxProfile"}),
            (2, [(0, 10)], {"purpose": "TxProfile"}),
            (1, [(0, 10)], {"purpose": "TxProfile", "transaction": 1002}),
            (1, [(0, 10)], {"transaction": 1001}),
            (1, [(1, 10)], {}),
            (1, [(0, 10), (60, 8), (30, 9)], {}),
            (1, [(0, 10), (60, 8), (60, 9)], {}),
            (1, [(0, 10)], {"kind": "Recurring"}),
            (1, [(0, 10)], {"duration": 0}),
            (1, [(0, 10)], {"valid": (2_000_000_000, 1_999_999_999)}),
            (1, [(0, 10)], {"valid": (2_000_000_000, 2_000_000_000)}),
            (1, [(0, 10)], {"level": 21}),
            (1, [(number, 10.0) for number in range(201)], {}),
        ],
    )
    def test_rejected_and_nothing_changes(self, connector: int, steps: list[tuple[float, ...]], more: dict[str, Any]) -> None:
        world = charging(2)
        assert set_profile(world, connector, *steps, **more) == "Rejected"
        assert (world.offer(), world.store.profiles) == (32.0, {})
        assert "Charging profile 1 was rejected" in world.logs[-1].text

    def test_a_profile_that_is_rejected_replaces_nothing(self) -> None:
        world = charging()
        set_profile(world, 1, (0, 10))
        assert set_profile(world, 1, (1, 20)) == "Rejected"
        assert world.offer() == 10.0

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"limit": -1.0}, "PropertyConstraintViolation"),
            ({"limit": "ten"}, "TypeConstraintViolation"),
            ({"startPeriod": -1}, "PropertyConstraintViolation"),
            ({"numberPhases": 4}, "PropertyConstraintViolation"),
        ],
    )
    def test_what_breaks_the_schema_is_a_callerror(self, more: dict[str, Any], code: str) -> None:
        document = profile(1, (0, 10))
        document["chargingSchedule"]["chargingSchedulePeriod"][0] |= more
        assert World().refused("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": document}) == code

    def test_no_periods_are_a_callerror(self) -> None:
        document = profile(1, (0, 10))
        document["chargingSchedule"]["chargingSchedulePeriod"] = []
        world = World()
        code = world.refused("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": document})
        assert (code, world.store.profiles) == ("OccurenceConstraintViolation", {})

    def test_a_txprofile_without_transaction_id_belongs_to_the_one_that_runs(self) -> None:
        world = charging()
        assert set_profile(world, 1, (0, 10), purpose="TxProfile") == "Accepted"
        assert world.offer() == 10.0

    def test_a_session_that_the_central_system_does_not_know_yet_has_no_transaction_id(self) -> None:
        world = World()
        world.csms.always("StartTransaction", Refuse())
        world.plug()
        world.tap()
        assert set_profile(world, 1, (0, 10), purpose="TxProfile", transaction=1001) == "Rejected"

    @pytest.mark.parametrize(
        "more",
        [
            {"start": -62_135_596_800},
            {"start": 253_402_300_799},
            {"valid": (-62_135_596_800, 253_402_300_799)},
            {"duration": 2**31 - 1},
            {"kind": "Recurring", "every": "Weekly", "start": -62_135_596_800, "duration": 2**31 - 1},
        ],
    )
    def test_far_dates_and_long_durations_are_taken(self, more: dict[str, Any]) -> None:
        world = charging()
        assert set_profile(world, 1, (0, 10), (2**31 - 1, 20), number=2**63 - 1, **more) == "Accepted"
        expected = {-62_135_596_800: 20.0, 253_402_300_799: 32.0}.get(more.get("start", 0), 10.0)
        if more.get("kind") == "Recurring":
            expected = 10.0
        assert world.offer() == expected
        assert composite(world, 1, 2**31 - 1)[0] == (0, expected)
        world.advance(60)
        world.restart()
        assert composite(world, 1, 60) == [(0, expected)]


@pytest.mark.section("9.4")
class TestKeys:
    def test_the_limits_can_be_read_and_not_written(self) -> None:
        world = World()
        expected = {
            "ChargeProfileMaxStackLevel": "20",
            "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
            "ChargingScheduleMaxPeriods": "200",
            "ConnectorSwitch3to1PhaseSupported": "false",
            "MaxChargingProfilesInstalled": "100",
        }
        told = world.call("GetConfiguration", key=list(expected))["configurationKey"]
        assert {one["key"]: one["value"] for one in told} == expected
        assert all(one["readonly"] for one in told)
        for key, value in expected.items():
            assert world.call("ChangeConfiguration", key=key, value=value) == {"status": "Rejected"}

    def test_the_operator_sets_the_limits(self) -> None:
        world = World(
            keys={
                "ChargeProfileMaxStackLevel": 2,
                "ChargingScheduleMaxPeriods": 3,
                "ChargingScheduleAllowedChargingRateUnit": "Current",
                "MaxChargingProfilesInstalled": 2,
            }
        )
        assert set_profile(world, 1, (0, 10), level=3) == "Rejected"
        assert set_profile(world, 1, (0, 10), (1, 9), (2, 8), (3, 7)) == "Rejected"
        assert set_profile(world, 1, (0, 10), unit="W") == "Rejected"
        assert set_profile(world, 1, (0, 10), (1, 9), (2, 8), level=2) == "Accepted"
        assert set_profile(world, 1, (0, 10), number=2) == "Accepted"
        assert set_profile(world, 0, (0, 10), number=3) == "Rejected"
        assert set_profile(world, 1, (0, 11), number=3) == "Accepted", "it replaces the one on its level"
        assert set_profile(world, 0, (0, 11), number=3) == "Accepted", "it replaces the one with its id"

    def test_supported_feature_profiles_names_it(self) -> None:
        told = World().call("GetConfiguration", key=["SupportedFeatureProfiles"])["configurationKey"][0]["value"]
        assert "SmartCharging" in told.split(",")

    def test_an_operator_can_switch_it_off(self) -> None:
        world = charging(after_power_loss="resume")
        set_profile(world, 1, (0, 10))
        world.kill()
        world.site = World(keys={"SupportedFeatureProfiles": "Core,RemoteTrigger"}, after_power_loss="resume").site
        world.start()
        world.connect()
        assert world.offer() == 32.0, "what nobody can clear any more does not limit"
        for action, payload in (
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile(1, (0, 8))}),
            ("ClearChargingProfile", {}),
            ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
        ):
            assert world.refused(action, payload) == "NotSupported"
        keys = ["ChargeProfileMaxStackLevel", "MaxChargingProfilesInstalled"]
        assert world.call("GetConfiguration", key=keys)["unknownKey"] == keys
        assert "ChargeProfileMaxStackLevel" not in {one["key"] for one in world.call("GetConfiguration")["configurationKey"]}


@pytest.mark.section("5.11")
class TestRemoteStart:
    def remote(self, world: World, *, connector: int | None = 1, **more: Any) -> str:
        document = profile(7, *more.pop("steps", [(0, 10), (60, 14)]), **{"purpose": "TxProfile", "kind": "Relative", **more})
        fields = {"idTag": "REMOTE", "chargingProfile": document, **({"connectorId": connector} if connector else {})}
        status = world.call("RemoteStartTransaction", fields)["status"]
        assert isinstance(status, str)
        return status

    @pytest.mark.parametrize("asks", [False, True])
    @pytest.mark.parametrize("plugged", [False, True])
    def test_its_profile_is_installed_at_the_start(self, asks: bool, plugged: bool) -> None:
        world = World(keys={"AuthorizeRemoteTxRequests": asks})
        if plugged:
            world.plug()
        assert self.remote(world) == "Accepted"
        if not plugged:
            assert world.store.profiles == {}
            world.advance(50)
            world.plug()
        assert world.offer() == 10.0
        world.advance(61)
        assert world.offer() == 14.0
        world.tap("REMOTE")
        assert world.store.profiles == {}

    def test_without_a_connector_it_goes_where_the_car_is(self) -> None:
        world = World(2)
        assert self.remote(world, connector=None) == "Accepted"
        world.plug(2)
        assert (world.offer(2), world.store.profiles[7].connector) == (10.0, 2)

    def test_it_is_replaced_by_one_of_its_level_for_the_transaction_it_got(self) -> None:
        """Section 5.16.2."""
        world = World()
        world.plug()
        self.remote(world)
        assert set_profile(world, 1, (0, 20), number=8, purpose="TxProfile", transaction=1001) == "Accepted"
        assert (world.offer(), set(world.store.profiles)) == (20.0, {8})

    @pytest.mark.parametrize(
        "more",
        [
            {"purpose": "TxDefaultProfile"},
            {"purpose": "ChargePointMaxProfile"},
            {"transaction": 1001},
            {"level": 21},
            {"steps": [(5, 10)]},
            {"duration": 0},
        ],
    )
    def test_a_wrong_profile_is_a_rejected_start(self, more: dict[str, Any]) -> None:
        world = World()
        world.plug()
        assert self.remote(world, **more) == "Rejected"
        assert world.status() is ChargePointStatus.Preparing
        world.expect_no_call("StartTransaction")

    def test_room_for_it_is_kept_until_it_begins(self) -> None:
        world = World(2, keys={"MaxChargingProfilesInstalled": 1})
        assert self.remote(world) == "Accepted"
        assert set_profile(world, 2, (0, 10)) == "Rejected"
        world.advance(61)
        assert set_profile(world, 2, (0, 10)) == "Accepted", "nobody plugged in time"
        assert self.remote(world) == "Rejected"

    def test_it_is_ignored_where_smart_charging_is_not_offered(self) -> None:
        world = World(keys={"SupportedFeatureProfiles": "Core"})
        world.plug()
        assert self.remote(world, purpose="TxDefaultProfile") == "Accepted"
        assert (world.offer(), world.store.profiles) == (32.0, {})

    def test_a_refused_id_brings_no_profile(self) -> None:
        world = World(keys={"AuthorizeRemoteTxRequests": True})
        world.csms.always("Authorize", id_tag_info("Blocked"))
        world.plug()
        assert self.remote(world) == "Accepted"
        world.tap("CARD1")
        assert world.store.profiles == {}


@pytest.mark.section("3.13")
class TestPauses:
    def flap(self, world: World, times: int, every_s: float = 1.0) -> None:
        for _ in range(times):
            set_profile(world, 1, (0, 0))
            world.advance(every_s / 2)
            set_profile(world, 1, (0, 16))
            world.advance(every_s / 2)

    def test_a_limit_that_flaps_lets_the_charge_rest(self) -> None:
        world = charging()
        self.flap(world, 2)
        assert world.offer() == 16.0, "twice is no flapping"
        self.flap(world, 1)
        assert (world.offer(), world.status()) == (None, ChargePointStatus.SuspendedEVSE)
        world.advance(58.0)
        assert world.offer() is None
        world.advance(2.0)
        assert (world.offer(), world.status()) == (16.0, ChargePointStatus.Charging)

    def test_a_charge_that_rests_leaves_its_share_to_others(self) -> None:
        world = charging(2, current_a_max=32.0)
        world.plug(2)
        world.tap("CARD2")
        self.flap(world, 3)
        assert (world.offer(1), world.offer(2)) == (None, 32.0)
        world.advance(61)
        assert (world.offer(1), world.offer(2)) == (16.0, 16.0)

    def test_slow_changes_are_followed_however_many(self) -> None:
        world = charging()
        self.flap(world, 6, every_s=121.0)
        assert world.offer() == 16.0

    def test_flapping_is_seen_after_slow_changes_too(self) -> None:
        world = charging()
        self.flap(world, 2, every_s=600.0)
        self.flap(world, 3)
        assert world.offer() is None

    def test_the_next_session_begins_at_once(self) -> None:
        world = charging()
        self.flap(world, 3)
        world.tap()
        world.unplug()
        world.plug()
        world.tap()
        assert world.offer() == 16.0


@pytest.mark.section("3.13.6")
class TestWithoutTheTimeOfDay:
    def test_a_composite_cannot_be_told(self) -> None:
        world = World(online=False)
        world.csms.always("BootNotification", Refuse())
        world.connect()
        for connector in (0, 1):
            told = world.call("GetCompositeSchedule", connectorId=connector, duration=60)
            assert told == {"status": "Rejected"}

    def test_what_needs_the_time_counts_with_its_lowest_limit_until_it_is_known(self) -> None:
        world = charging(after_power_loss="resume")
        set_profile(world, 0, (0, 20), (3600, 9), (7200, 30), purpose="ChargePointMaxProfile")
        set_profile(world, 1, (0, 14), number=2, purpose="TxProfile", kind="Relative")
        assert world.offer() == 14.0
        world.cut_power(online=False)
        assert world.offer() == 9.0
        world.connect()
        assert world.offer() == 14.0

    def test_a_relative_profile_goes_on_by_the_monotonic_clock(self) -> None:
        world = World(online=False, keys={"AllowOfflineTxForUnknownId": True})
        world.csms.always("BootNotification", Refuse())
        world.connect()
        set_profile(world, 0, (0, 10), (60, 20), kind="Relative")
        world.plug()
        world.tap()
        assert world.offer() == 10.0
        world.advance(61)
        assert world.offer() == 20.0
