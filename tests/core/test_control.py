"""Stories of the control socket's requests, as far as the core answers them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.control import blanked
from tests.core.central_system import Cut, Refuse, Silence
from tests.core.harness import World
from tests.core.hostility import arguments, json_values, requests, words

pytestmark = pytest.mark.section("own control")


def error_of(world: World, do: str, **arguments: Any) -> str:
    """Why a request was refused; it must be, and change nothing."""
    commits = len(world.store.commits)
    body, error = world.control(do, **arguments)
    assert body == {}
    assert error is not None
    assert len(world.store.commits) == commits
    return error


def test_an_unknown_request_names_the_known_ones(world: World) -> None:
    error = error_of(world, "dance")
    assert "'dance'" in error
    assert "present_card" in error


class TestStatus:
    def test_all_that_can_be_seen(self) -> None:
        world = World(2, firmware_version="1.2")
        body, error = world.control("status")
        assert error is None
        assert body["identity"] == "CP1"
        assert body["firmware_version"] == "1.2"
        assert body["registration"] == "Accepted"
        assert body["operative"] is True
        assert sorted(body["connectors"]) == ["1", "2"]
        assert body["connectors"]["2"]["status"] == "Available"
        assert body["connectors"]["2"]["energy_wh"] == 2000
        assert body["connectors"]["2"]["session"] is None

    def test_it_is_json_in_every_state(self) -> None:
        world = World(2, online=False)
        states = [json.dumps(world.control("status")[0])]
        for act in (world.connect, world.plug, world.tap, lambda: world.input("emergency_stop"), world.cut_power):
            act()
            states.append(json.dumps(world.control("status")[0]))
        assert len(set(states)) == len(states)

    def test_a_session(self, world: World) -> None:
        world.plug()
        world.tap("04A2B3C4D5")
        world.meter(1, 1_500.0)
        world.advance(90)
        session = world.control("status")[0]["connectors"]["1"]["session"]
        assert session["transaction_id"] == 1001
        assert session["id_tag"] == "••••••C4D5"
        assert session["energy_wh"] == 500
        assert session["seconds"] == 90
        assert session["since"] == "2026-01-05T12:00:00+00:00"

    def test_looking_changes_nothing(self, world: World) -> None:
        effects = len(world.effects)
        world.control("status")
        assert [type(effect) for effect in world.effects[effects:]] == [fx.Reply]

    @pytest.mark.parametrize(
        ("prepare", "sentence"),
        [
            ("nothing", "a car or a card"),
            ("disconnect", "the Central System: not connected"),
            ("plug", "a card"),
            ("charge", "nothing: all is well"),
            ("fault", "a fault of the station to go"),
            ("part lost", "the fault of connector 1 to go"),
        ],
    )
    def test_one_sentence_says_what_is_waited_for(self, world: World, prepare: str, sentence: str) -> None:
        match prepare:
            case "disconnect":
                world.disconnect()
            case "plug":
                world.plug()
            case "charge":
                world.plug()
                world.tap()
            case "fault":
                world.input("emergency_stop")
            case "part lost":
                world.lose("contactor")
        assert world.control("status")[0]["waiting_for"] == sentence

    def test_what_waits_to_be_delivered(self) -> None:
        world = World(keys={"AllowOfflineTxForUnknownId": True}, online=False)
        world.plug()
        world.tap()
        world.advance(59)
        queue = world.control("status")[0]["queue"]
        assert queue["messages"] == 1
        assert queue["oldest_s"] == 59
        assert queue["dead_letters"] == 0


class TestPresentCard:
    def test_it_is_a_tap(self, world: World) -> None:
        world.plug()
        assert world.control("present_card", id_tag="CARD1") == ({}, None)
        assert world.contactor()

    def test_at_the_first_reader_if_none_is_named(self) -> None:
        world = World(2, each=True)
        world.plug(2)
        world.plug(1)
        world.control("present_card", id_tag="CARD1")
        assert (world.contactor(1), world.contactor(2)) == (True, False)
        world.control("present_card", id_tag="CARD2", reader=2)
        assert world.contactor(2)

    @pytest.mark.parametrize("reader", [0, 9, "1", [1], {"a": 1}, None, True, 1.0, 10**40])
    def test_a_reader_that_is_not_there(self, world: World, reader: object) -> None:
        assert "there are 1" in error_of(world, "present_card", id_tag="CARD1", reader=reader)

    def test_a_station_without_a_reader(self) -> None:
        world = World(readers={})
        assert "there are none" in error_of(world, "present_card", id_tag="CARD1")

    @pytest.mark.parametrize("id_tag", ["", "x" * 21, 5, None, ["CARD1"]])
    def test_an_id_that_is_none(self, world: World, id_tag: object) -> None:
        assert "characters" in error_of(world, "present_card", id_tag=id_tag)

    def test_a_station_out_of_service(self, world: World) -> None:
        world.call("ChangeAvailability", connectorId=0, type="Inoperative")
        assert error_of(world, "present_card", id_tag="CARD1") == "out of service"


class TestStopSession:
    def test_it_stops_as_local(self, world: World) -> None:
        world.plug()
        world.tap()
        assert world.control("stop_session", connector=1) == ({}, None)
        world.advance(5)
        assert world.expect_call("StopTransaction")["reason"] == "Local"
        assert not world.contactor()

    @pytest.mark.parametrize("connector", [0, 2, "1", None, [1], True, 1.0])
    def test_a_connector_that_is_not_there(self, world: World, connector: object) -> None:
        assert "there are 1" in error_of(world, "stop_session", connector=connector)

    def test_without_a_session(self, world: World) -> None:
        assert "no session runs" in error_of(world, "stop_session", connector=1)


class TestSettings:
    def test_one_is_set_and_read(self, world: World) -> None:
        assert world.control("set_setting", name="HeartbeatInterval", value="61") == ({"status": "Accepted"}, None)
        body, _ = world.control("get_settings", names=["HeartbeatInterval", "Wurst"])
        assert body == {"keys": [{"key": "HeartbeatInterval", "value": "61", "readonly": False}], "unknown": ["Wurst"]}

    def test_what_is_refused_says_why(self, world: World) -> None:
        assert "whole number" in error_of(world, "set_setting", name="HeartbeatInterval", value="soon")
        assert "read-only" in error_of(world, "set_setting", name="NumberOfConnectors", value="3")
        assert "no known key" in error_of(world, "set_setting", name="Wurst", value="3")
        assert "value must be text" in error_of(world, "set_setting", name="HeartbeatInterval", value=61)
        assert "name must be text" in error_of(world, "set_setting", value="3")

    def test_an_empty_value_is_a_value(self, world: World) -> None:
        assert world.control("set_setting", name="StopTxnSampledData", value="")[1] is None

    @pytest.mark.parametrize("names", ["HeartbeatInterval", [1], {"a": 1}, None, [["x"]]])
    def test_names_must_be_a_list_of_names(self, world: World, names: object) -> None:
        assert "list of key names" in error_of(world, "get_settings", names=names)


@pytest.mark.section("4.3")
class TestDataTransfer:
    def test_the_answer_comes_back(self, world: World) -> None:
        world.csms.once("DataTransfer", {"status": "UnknownMessageId", "data": "eh?"})
        body, error = world.control("data_transfer", vendor_id="org.example", message_id="Hi", data='{"a":1}')
        assert error is None
        assert body == {"status": "UnknownMessageId", "data": "eh?"}
        assert world.expect_call("DataTransfer") == {"vendorId": "org.example", "messageId": "Hi", "data": '{"a":1}'}

    def test_without_message_and_data(self, world: World) -> None:
        world.control("data_transfer", vendor_id="org.example")
        assert world.expect_call("DataTransfer") == {"vendorId": "org.example"}

    def test_a_callerror_is_told(self, world: World) -> None:
        world.csms.once("DataTransfer", Refuse("NotSupported", "no"))
        assert "NotSupported" in error_of(world, "data_transfer", vendor_id="v")

    def test_a_lost_connection_is_told(self, world: World) -> None:
        world.csms.once("DataTransfer", Cut())
        assert "connection went away" in error_of(world, "data_transfer", vendor_id="v")

    def test_offline_it_is_refused(self) -> None:
        world = World(online=False)
        assert "not connected" in error_of(world, "data_transfer", vendor_id="v")

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"vendor_id": ""},
            {"vendor_id": "v" * 256},
            {"vendor_id": 5},
            {"vendor_id": "v", "message_id": "m" * 51},
            {"vendor_id": "v", "message_id": None},
            {"vendor_id": "v", "data": {"a": 1}},
        ],
    )
    def test_what_ocpp_cannot_carry_is_refused(self, world: World, arguments: dict[str, Any]) -> None:
        error_of(world, "data_transfer", **arguments)
        assert not world.calls("DataTransfer")

    def test_those_that_wait_are_bounded_and_answered_when_the_connection_goes(self, world: World) -> None:
        world.csms.always("DataTransfer", Silence())
        for ticket in range(100, 130):
            world.deliver(ev.ControlAsked(ticket, "data_transfer", {"vendor_id": "v"}))
        refused = [error for _, error in world.replies.values()]
        assert refused == ["too many data transfers wait already"] * 13
        world.disconnect()
        assert sorted(world.replies) == list(range(100, 130))
        assert all(error for _, error in world.replies.values())


class TestReplay:
    @pytest.mark.parametrize("seq", [None, "1", 1.0, True, [1], 10**30, -(10**30), 0, -1])
    def test_what_is_no_number_of_a_dead_letter(self, world: World, seq: object) -> None:
        assert "dead letter" in error_of(world, "replay_dead_letter", seq=seq)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(requests, st.dictionaries(arguments, st.one_of(json_values, words, st.just("HeartbeatInterval"))))
def test_whatever_is_asked_is_answered(do: str, given_: dict[str, Any]) -> None:
    """The control socket is the operator's, but a typing mistake must not end a charge."""
    world = World()
    body, error = world.control(do, **given_)
    assert error is None or (error != "" and body == {})
    assert error is None or len(error) < 1_000


@pytest.mark.parametrize(
    ("id_tag", "shown"), [("", ""), ("ABC", "•••"), ("12345678", "••••5678"), ("04A2B3C4D5E6F7", "••••••••••E6F7")]
)
def test_an_id_tag_is_shown_blanked(id_tag: str, shown: str) -> None:
    assert blanked(id_tag) == shown
