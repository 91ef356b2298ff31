"""Stories of what the Central System may ask: remote start and stop, and what holds for every command."""

import json
from typing import Any

import pytest

from chargepoint.core import effects as fx
from tests.core.central_system import ACCEPTED, Refuse, Silence
from tests.core.harness import World


def remote_start(world: World, connector: int | None = 1, id_tag: str = "REMOTE", **more: Any) -> str:
    fields = {"idTag": id_tag, **({} if connector is None else {"connectorId": connector}), **more}
    status: str = world.call("RemoteStartTransaction", fields)["status"]
    return status


def remote_stop(world: World, transaction_id: int) -> str:
    status: str = world.call("RemoteStopTransaction", transactionId=transaction_id)["status"]
    return status


@pytest.mark.section("5.11")
class TestRemoteStart:
    def test_a_plugged_car_begins_at_once_and_the_answer_goes_first(self, world: World) -> None:
        world.plug()
        begin = len(world.effects)
        assert remote_start(world) == "Accepted"
        frames = [json.loads(effect.text) for effect in world.effects[begin:] if isinstance(effect, fx.SendFrame)]
        assert frames[0][0] == 3
        assert "StartTransaction" in [frame[2] for frame in frames if frame[0] == 2]
        assert world.contactor()
        assert world.calls("StartTransaction")[0]["idTag"] == "REMOTE"

    def test_without_a_car_it_waits_for_the_plug(self, world: World) -> None:
        assert remote_start(world) == "Accepted"
        assert world.status() == "Preparing"
        world.advance(59)
        world.plug()
        assert world.contactor()

    def test_it_waits_no_longer_than_connectiontimeout(self, world: World) -> None:
        remote_start(world)
        world.advance(60)
        assert world.status() == "Available"
        world.plug()
        assert not world.contactor()

    def test_without_a_connector_it_binds_to_the_next_that_is_plugged(self) -> None:
        world = World(3)
        assert remote_start(world, None) == "Accepted"
        assert {world.status(n) for n in (1, 2, 3)} == {"Available"}
        world.plug(2)
        assert world.contactor(2)
        world.plug(1)
        assert not world.contactor(1)

    def test_without_a_connector_the_car_that_waits_longest_goes_first(self) -> None:
        world = World(3)
        world.plug(3)
        world.advance(5)
        world.plug(1)
        assert remote_start(world, None) == "Accepted"
        assert world.contactor(3)
        assert not world.contactor(1)

    @pytest.mark.parametrize("connector", [2, 3, 33, 2**31 - 1])
    def test_an_unknown_connector_is_rejected(self, world: World, connector: int) -> None:
        assert remote_start(world, connector) == "Rejected"

    @pytest.mark.parametrize("state", ["charging", "inoperative", "faulted", "ending"])
    def test_a_connector_that_cannot_begin_rejects(self, world: World, state: str) -> None:
        match state:
            case "charging":
                world.plug()
                world.tap()
            case "inoperative":
                world.call("ChangeAvailability", connectorId=1, type="Inoperative")
            case "faulted":
                world.input("ground_fault", 1)
            case "ending":
                world.plug()
                world.tap()
                world.plants[1].meter_deaf = True
                world.advance(1)
                world.control("stop_session", connector=1)
        assert remote_start(world) == "Rejected"

    def test_a_second_one_for_the_same_card_and_connector_takes_the_place_of_the_first(self) -> None:
        world = World(2)
        assert remote_start(world, 1) == "Accepted"
        world.advance(50)
        assert remote_start(world, 1, "remote") == "Accepted"
        world.advance(50)
        world.plug(1)
        assert world.contactor(1), "the time counts from the second"
        world.plug(2)
        assert not world.contactor(2)

    def test_one_card_may_be_started_at_two_connectors(self) -> None:
        """A fleet's card: the Central System names the connectors, and knows what it does."""
        world = World(2)
        assert remote_start(world, 1) == "Accepted"
        assert remote_start(world, 2) == "Accepted"
        world.plug(2)
        world.plug(1)
        assert world.contactor(1)
        assert world.contactor(2)

    def test_a_second_one_for_another_card_at_the_same_connector_takes_its_place(self, world: World) -> None:
        remote_start(world, 1, "FIRST")
        assert remote_start(world, 1, "SECOND") == "Accepted"
        world.plug()
        assert world.calls("StartTransaction")[0]["idTag"] == "SECOND"

    def test_those_that_wait_are_bounded(self) -> None:
        world = World(2, keys={"ConnectionTimeOut": 0})
        answers = [remote_start(world, None, f"CARD{number}") for number in range(200)]
        assert answers == ["Accepted"] * 64 + ["Rejected"] * 136
        world.plug(1)
        assert world.contactor(1)
        assert world.calls("StartTransaction")[0]["idTag"] == "CARD0"
        assert remote_start(world, None, "NEXT") == "Accepted"

    def test_the_cable_of_an_ended_session_may_begin_anew(self, world: World) -> None:
        world.plug()
        world.tap()
        world.control("stop_session", connector=1)
        world.advance(5)
        assert world.status() == "Finishing"
        assert remote_start(world) == "Accepted"
        assert world.contactor()
        assert len(world.calls("StartTransaction")) == 2

    def test_the_card_of_a_remote_session_stops_it(self, world: World) -> None:
        world.plug()
        remote_start(world, 1, "CARD1")
        world.tap("card1")
        world.advance(5)
        assert world.calls("StopTransaction")[0]["reason"] == "Local"

    def test_a_charging_profile_is_ignored_where_smart_charging_is_switched_off(self) -> None:
        world = World(keys={"SupportedFeatureProfiles": "Core"})
        world.plug()
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}]},
        }
        assert remote_start(world, chargingProfile=profile) == "Accepted"
        assert world.contactor()

    def test_a_car_without_a_known_meter_does_not_begin_yet(self) -> None:
        world = World(started=False)
        world.plants[1].meter_deaf = True
        world.start()
        world.connect()
        world.plug()
        assert remote_start(world) in ("Accepted", "Rejected")
        assert not world.contactor()
        assert not world.calls("StartTransaction")


@pytest.mark.section("5.12")
class TestRemoteStop:
    def test_the_transaction_ends_as_remote(self, world: World) -> None:
        world.plug()
        world.tap()
        assert remote_stop(world, 1001) == "Accepted"
        world.advance(5)
        stop = world.expect_call("StopTransaction")
        assert stop["reason"] == "Remote"
        assert "idTag" not in stop
        assert not world.contactor()

    @pytest.mark.parametrize("transaction_id", [0, 1, 1002, -1001, 2**63 - 1])
    def test_an_unknown_transaction_is_rejected(self, world: World, transaction_id: int) -> None:
        world.plug()
        world.tap()
        assert remote_stop(world, transaction_id) == "Rejected"
        assert world.contactor()

    def test_a_transaction_that_has_ended_is_rejected(self, world: World) -> None:
        world.plug()
        world.tap()
        assert remote_stop(world, 1001) == "Accepted"
        assert remote_stop(world, 1001) == "Rejected"
        world.advance(10)
        assert remote_stop(world, 1001) == "Rejected"
        assert len(world.calls("StopTransaction")) == 1

    def test_a_transaction_whose_id_is_not_known_yet_is_rejected(self, world: World) -> None:
        world.csms.once("StartTransaction", Silence())
        world.plug()
        world.tap()
        assert remote_stop(world, 1001) == "Rejected"
        assert world.contactor()

    def test_id_zero(self, world: World) -> None:
        world.csms.once("StartTransaction", {**ACCEPTED, "transactionId": 0})
        world.plug()
        world.tap()
        assert remote_stop(world, 0) == "Accepted"
        assert not world.contactor()

    def test_only_the_one_that_is_meant(self) -> None:
        world = World(2, each=True)
        for connector in (1, 2):
            world.plug(connector)
            world.tap(f"C{connector}", reader=connector)
        assert remote_stop(world, 1002) == "Accepted"
        assert world.contactor(1)
        assert not world.contactor(2)

    def test_the_offer_goes_after_the_disk_and_the_contactor_opens_when_the_car_has_stopped(self, world: World) -> None:
        world.plug()
        world.tap()
        begin = len(world.effects)
        remote_stop(world, 1001)
        kinds = [type(effect) for effect in world.effects[begin:] if not isinstance(effect, fx.Log)]
        assert kinds[0] is fx.Commit
        assert kinds.index(fx.OfferCurrent) < kinds.index(fx.OpenContactor)
        assert kinds.index(fx.Commit) < kinds.index(fx.SendFrame)


@pytest.mark.section("5.14")
class TestReset:
    @pytest.mark.parametrize("kind", ["Soft", "Hard"])
    def test_the_answer_goes_before_the_end(self, world: World, kind: str) -> None:
        begin = len(world.effects)
        assert world.call("Reset", type=kind) == {"status": "Accepted"}
        world.advance(20)
        kinds = [type(effect) for effect in world.effects[begin:]]
        assert kinds.index(fx.SendFrame) < kinds.index(fx.Exit)
        assert kinds[-1] is fx.Exit

    def test_a_second_reset_while_leaving_is_rejected(self, world: World) -> None:
        world.csms.always("StopTransaction", Silence())
        world.plug()
        world.tap()
        assert world.call("Reset", type="Soft") == {"status": "Accepted"}
        assert world.call("Reset", type="Hard") == {"status": "Rejected"}

    def test_nothing_begins_while_leaving(self, world: World) -> None:
        world.csms.always("StopTransaction", Silence())
        world.plug()
        world.tap()
        world.call("Reset", type="Soft")
        assert remote_start(world) == "Rejected"


@pytest.mark.section("J 4.1")
class TestEveryCommand:
    """What holds whatever is asked."""

    @pytest.mark.parametrize("message_id", ["x", "x" * 36, "ünïcödé", '"quoted"', "a b", "\\", "19223201"])
    def test_the_answer_has_the_id_of_the_question(self, world: World, message_id: str) -> None:
        world.ask("ClearCache", message_id=message_id)
        assert world.answers[message_id] == {"status": "Accepted"}

    def test_the_same_id_again_is_another_question(self, world: World) -> None:
        world.ask("ClearCache", message_id="same")
        world.ask("Dance", message_id="same")
        assert isinstance(world.answers["same"], Refuse)

    def test_commands_are_answered_in_the_order_in_which_they_came(self, world: World) -> None:
        asked = [world.ask("GetConfiguration", {"key": [f"K{n}"]}) for n in range(20)]
        texts = [json.loads(effect.text) for effect in world.effects if isinstance(effect, fx.SendFrame)]
        assert [frame[1] for frame in texts if frame[0] == 3][-20:] == asked

    def test_a_binary_frame_is_read_as_text(self, world: World) -> None:
        world.wire.asked("b", "ClearCache")
        world.receive(b'[2,"b","ClearCache",{}]')
        assert world.answers["b"] == {"status": "Accepted"}
