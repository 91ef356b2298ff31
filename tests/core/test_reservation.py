"""Stories of reservations of one connector: what ReserveNow is answered, how a reservation lives and how it ends."""

import json
from typing import Any

import pytest

from chargepoint.core.effects import SendFrame
from chargepoint.facts import Pattern
from tests.core.harness import World
from tests.core.reserving import HOUR_S, cancel, request, reserve, reserved, time_of

pytestmark = pytest.mark.section("5.13")

AVAILABLE, RESERVED, PREPARING = "Available", "Reserved", "Preparing"


class TestAnswers:
    def test_an_available_connector_is_reserved_and_says_so_after_the_answer(self, world: World) -> None:
        before = len(world.effects)
        asked = world.ask("ReserveNow", request(world))
        answer, told = (json.loads(one.text) for one in world.effects[before:] if isinstance(one, SendFrame))
        assert answer == [3, asked, {"status": "Accepted"}], "the answer goes first"
        assert told[2] == "StatusNotification"
        assert (told[3]["connectorId"], told[3]["status"], told[3]["errorCode"]) == (1, RESERVED, "NoError")
        assert world.shown() is Pattern.RESERVED

    def test_a_plugged_connector_is_occupied(self, world: World) -> None:
        world.plug(ready=False)
        assert reserve(world) == "Occupied"
        assert world.status() == PREPARING

    def test_a_charging_connector_is_occupied_and_so_is_a_finishing_one(self, world: World) -> None:
        world.plug()
        world.tap()
        assert reserve(world, id_tag="CARD1") == "Occupied"
        world.tap()
        world.advance(5)
        assert world.status() == "Finishing"
        assert reserve(world) == "Occupied"

    def test_a_cable_without_a_car_occupies_a_socket_but_a_fixed_cable_does_not(self) -> None:
        world = World()
        world.pilot(1, "A", cable=True)
        assert reserve(world) == "Occupied"
        assert reserve(World(tethered=True)) == "Accepted"

    def test_a_connector_that_somebody_is_about_to_use_is_occupied(self, world: World) -> None:
        world.tap("OTHER")
        assert reserve(world) == "Occupied"
        world.advance(61)
        assert reserve(world) == "Accepted"

    @pytest.mark.parametrize("id_tag", ["HOLDER", "OTHER"])
    def test_a_reserved_connector_is_occupied_for_any_other_reservation(self, id_tag: str) -> None:
        world = reserved()
        assert reserve(world, id_tag=id_tag, number=8) == "Occupied"
        assert cancel(world, 8) == "Rejected"
        assert cancel(world, 7) == "Accepted"

    @pytest.mark.parametrize("fault", ["ground_fault", "door_open", "emergency_stop"])
    def test_a_faulted_connector_is_faulted(self, fault: str) -> None:
        world = World(2)
        world.input(fault, 1)
        assert reserve(world, 1) == "Faulted"
        assert reserve(world, 2) == "Accepted"

    def test_a_fault_of_the_station_is_one_of_every_connector(self) -> None:
        world = World(2)
        world.input("emergency_stop", 0)
        assert [reserve(world, number) for number in (0, 1, 2)] == ["Faulted"] * 3

    def test_a_lost_card_reader_is_no_reason_against(self, world: World) -> None:
        world.lose("reader")
        assert reserve(world) == "Accepted"

    def test_an_inoperative_connector_is_unavailable(self) -> None:
        world = World(2)
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
        assert reserve(world, 1) == "Unavailable"
        assert reserve(world, 2) == "Accepted"

    def test_a_faulted_and_inoperative_connector_is_faulted(self, world: World) -> None:
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
        world.input("ground_fault", 1)
        assert reserve(world) == "Faulted"

    def test_a_connector_whose_inoperative_waits_for_a_session_is_unavailable(self, world: World) -> None:
        world.plug()
        world.tap()
        assert world.call("ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Scheduled"}
        assert reserve(world) == "Unavailable"

    @pytest.mark.parametrize(
        ("field", "value"),
        [("connectorId", 2), ("connectorId", 99), ("idTag", "")],
    )
    def test_what_cannot_be_reserved_is_rejected(self, world: World, field: str, value: Any) -> None:
        assert world.call("ReserveNow", {**request(world), field: value}) == {"status": "Rejected"}
        assert world.status() == AVAILABLE

    @pytest.mark.parametrize("for_s", [0.0, -1.0, -1e9])
    def test_an_end_in_the_past_is_rejected(self, world: World, for_s: float) -> None:
        assert reserve(world, for_s=for_s) == "Rejected"
        assert world.statuses() == [AVAILABLE]

    def test_nothing_is_reserved_while_the_process_is_leaving(self, world: World) -> None:
        world.csms.always("StartTransaction", {})
        world.plug()
        world.tap()
        world.call("Reset", type="Soft")
        assert reserve(world) == "Rejected"

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"connectorId": -1}, "PropertyConstraintViolation"),
            ({"connectorId": "1"}, "TypeConstraintViolation"),
            ({"expiryDate": "tomorrow"}, "PropertyConstraintViolation"),
            ({"idTag": "X" * 21}, "PropertyConstraintViolation"),
            ({"parentIdTag": "X" * 21}, "PropertyConstraintViolation"),
            ({"reservationId": None}, "TypeConstraintViolation"),
            ({"until": "then"}, "FormationViolation"),
        ],
    )
    def test_a_request_of_the_wrong_form_gets_a_callerror(self, world: World, changed: dict[str, Any], code: str) -> None:
        assert world.refused("ReserveNow", {**request(world), **changed}) == code
        assert world.status() == AVAILABLE

    def test_a_station_without_the_profile_takes_none_and_has_no_key_for_them(self) -> None:
        world = World(keys={"SupportedFeatureProfiles": "Core,RemoteTrigger"})
        assert [reserve(world), reserve(world, 0)] == ["Rejected"] * 2
        assert world.refused("CancelReservation", {"reservationId": 7}) == "NotSupported"
        read = world.call("GetConfiguration", key=["ReserveConnectorZeroSupported"])
        assert read["unknownKey"] == ["ReserveConnectorZeroSupported"]


class TestReplacing:
    def test_the_same_number_replaces_id_and_end(self) -> None:
        world = reserved(for_s=60)
        assert reserve(world, id_tag="SECOND", for_s=600) == "Accepted"
        world.advance(100)
        assert world.status() == RESERVED
        world.tap("HOLDER")
        assert world.refusal() == "reserved"
        world.tap("SECOND")
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_the_same_number_may_move_to_another_connector(self) -> None:
        world = reserved(connectors=2)
        assert reserve(world, 2) == "Accepted"
        assert (world.status(1), world.status(2)) == (AVAILABLE, RESERVED)

    def test_it_may_move_to_connector_0_and_back(self) -> None:
        world = reserved(connectors=2)
        assert reserve(world, 0) == "Accepted"
        assert (world.status(1), world.status(2)) == (AVAILABLE, AVAILABLE)
        assert reserve(world, 1) == "Accepted"
        assert (world.status(1), world.status(2)) == (RESERVED, AVAILABLE)
        assert list(world.store.reservations) == [7]

    def test_one_that_cannot_take_its_place_leaves_it_as_it_was(self) -> None:
        world = reserved(connectors=2)
        world.plug(2)
        assert reserve(world, 2, "SECOND") == "Occupied"
        assert reserve(world, 1, "SECOND", for_s=-5) == "Rejected"
        assert world.store.reservations[7].id_tag == "HOLDER"
        assert world.status(1) == RESERVED

    def test_the_number_may_be_anything(self, world: World) -> None:
        for number in (0, -5, 2**31 - 1):
            assert reserve(world, number=number) == "Accepted"
            assert cancel(world, number) == "Accepted"


class TestCancelling:
    @pytest.mark.section("5.1")
    def test_a_cancelled_reservation_frees_the_connector(self) -> None:
        world = reserved()
        assert cancel(world) == "Accepted"
        assert world.statuses() == [AVAILABLE, RESERVED, AVAILABLE]
        world.plug()
        world.tap("ANYBODY")
        assert world.contactor()
        assert "reservationId" not in world.expect_call("StartTransaction")

    @pytest.mark.section("5.1")
    def test_a_number_that_reserves_nothing_is_rejected(self) -> None:
        world = reserved()
        assert cancel(world, 8) == "Rejected"
        assert world.status() == RESERVED
        assert cancel(world) == "Accepted"
        assert cancel(world) == "Rejected"

    @pytest.mark.section("5.1")
    def test_a_used_one_cannot_be_cancelled(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        world.plug()
        assert cancel(world) == "Rejected"

    @pytest.mark.section("5.1")
    def test_cancelling_does_not_turn_away_the_holder_who_was_let_in(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        assert cancel(world) == "Accepted"
        assert world.status() == PREPARING
        world.plug()
        assert world.contactor()
        assert "reservationId" not in world.expect_call("StartTransaction")


class TestItsEnd:
    def test_it_expires_on_the_second_and_says_so(self) -> None:
        world = reserved(for_s=600)
        world.advance(599)
        assert world.status() == RESERVED
        world.advance(1.1)
        assert world.statuses() == [AVAILABLE, RESERVED, AVAILABLE]
        assert world.store.reservations == {}
        told = [sent.at_s for sent in world.sent if sent.action == "StatusNotification"][-1]
        assert told == pytest.approx(600, abs=0.01)

    def test_after_it_anybody_may_charge(self) -> None:
        world = reserved(for_s=60)
        world.advance(61)
        world.tap("ANYBODY")
        world.plug()
        assert "reservationId" not in world.expect_call("StartTransaction")

    def test_it_expires_without_a_connection_and_the_end_is_told_after_it(self) -> None:
        world = reserved(for_s=60)
        world.disconnect()
        world.advance(100)
        assert world.shown() is Pattern.AVAILABLE
        world.connect()
        assert world.status() == AVAILABLE

    def test_an_end_in_the_year_9999_is_no_trouble(self, world: World) -> None:
        payload = {**request(world), "expiryDate": "9999-12-31T23:59:59.999Z"}
        assert world.call("ReserveNow", payload) == {"status": "Accepted"}
        world.advance(1_000_000)
        assert world.status() == RESERVED

    def test_an_end_beyond_the_year_9999_in_utc_is_refused(self, world: World) -> None:
        payload = {**request(world), "expiryDate": "9999-12-31T23:59:59-12:00"}
        assert world.refused("ReserveNow", payload) in ("PropertyConstraintViolation", "TypeConstraintViolation")

    def test_an_offset_in_the_end_is_understood(self, world: World) -> None:
        local = time_of(world.wall_s + 2 * HOUR_S + 60).replace("Z", "+02:00")
        assert world.call("ReserveNow", {**request(world), "expiryDate": local}) == {"status": "Accepted"}
        world.advance(61)
        assert world.status() == AVAILABLE

    @pytest.mark.section("4.9")
    def test_a_fault_ends_it(self) -> None:
        world = reserved()
        world.input("ground_fault", 1)
        world.input("ground_fault", 1, active=False)
        assert world.statuses() == [AVAILABLE, RESERVED, "Faulted", AVAILABLE]
        assert cancel(world) == "Rejected"

    @pytest.mark.section("5.2")
    @pytest.mark.parametrize("connector", [0, 1])
    def test_inoperative_ends_it(self, connector: int) -> None:
        world = reserved()
        world.call("ChangeAvailability", connectorId=connector, type="Inoperative")
        world.call("ChangeAvailability", connectorId=connector, type="Operative")
        assert world.statuses() == [AVAILABLE, RESERVED, "Unavailable", AVAILABLE]
        assert cancel(world) == "Rejected"

    def test_trouble_at_another_connector_does_not(self) -> None:
        world = reserved(connectors=2)
        world.input("ground_fault", 2)
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        assert world.status(1) == RESERVED

    def test_a_lost_reader_does_not(self) -> None:
        world = reserved()
        world.lose("reader")
        assert world.status() == RESERVED
        assert cancel(world) == "Accepted"

    def test_it_does_not_expire_while_the_time_is_unknown(self) -> None:
        world = reserved(for_s=60)
        world.cut_power(600, online=False)
        assert world.shown() is Pattern.RESERVED, "nobody knows yet that its time is over"
        world.connect()
        assert world.status() == AVAILABLE

    def test_nothing_is_reserved_while_the_time_is_unknown(self) -> None:
        world = World(online=False)
        world.csms.always("BootNotification", {"status": "Accepted", "currentTime": "1970-01-01T00:00:00Z", "interval": 300})
        world.connect()
        assert reserve(world) == "Rejected"


class TestPowerLoss:
    def test_it_survives_a_power_cut_and_a_restart(self) -> None:
        world = reserved(for_s=600, parent="GROUP")
        before = dict(world.store.reservations)
        world.cut_power(60)
        assert world.status() == RESERVED
        world.restart()
        assert world.status() == RESERVED
        assert world.store.reservations == before
        world.advance(600)
        assert world.status() == AVAILABLE

    def test_it_is_stored_before_it_is_promised(self, world: World) -> None:
        commits = len(world.store.commits)
        reserve(world)
        assert len(world.store.commits) == commits + 1, "one step, one commit"
        assert list(world.store.reservations) == [7]

    def test_the_warning_before_the_dark_does_not_end_it(self) -> None:
        world = reserved()
        world.input("mains_lost", 0)
        world.advance(30)
        assert world.status() == "Faulted"
        world.inputs.clear()
        world.cut_power(30)
        assert world.status() == RESERVED

    def test_mains_that_come_back_find_it(self) -> None:
        world = reserved()
        world.input("mains_lost", 0)
        world.advance(30)
        world.input("mains_lost", 0, active=False)
        assert world.statuses() == [AVAILABLE, RESERVED, "Faulted", RESERVED]

    def test_a_used_one_is_gone_after_a_power_cut(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        world.plug()
        world.cut_power(10)
        assert world.store.reservations == {}

    def test_one_whose_connector_is_no_more_ends_with_the_start(self) -> None:
        world = reserved(2, connectors=2)
        world.site = World(1, online=False).site
        world.plants = {1: world.plants[1]}
        world.restart()
        assert world.store.reservations == {}

    def test_one_whose_profile_was_switched_off_ends_with_the_start(self) -> None:
        world = reserved()
        world.site = World(keys={"SupportedFeatureProfiles": "Core"}, online=False).site
        world.restart()
        assert world.status() == AVAILABLE
        assert world.store.reservations == {}
