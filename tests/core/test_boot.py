"""Stories of the registration: BootNotification and its answers, what may be sent before and what follows."""

import json

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from tests.core.central_system import Cut, Payload, Refuse, Silence
from tests.core.harness import World

pytestmark = pytest.mark.section("4.2")

CALL_TIMEOUT_S = 30.0


def boots(world: World) -> list[float]:
    """When BootNotifications were sent."""
    return [sent.at_s for sent in world.sent if sent.action == "BootNotification"]


def waiting(status: str, interval: int, **more: object) -> World:
    """A station that was answered so, once."""
    world = World(online=False, **more)  # type: ignore[arg-type]
    world.csms.once("BootNotification", {"status": status, "currentTime": world.csms.time(), "interval": interval})
    world.connect()
    return world


def answered(world: World, action: str, payload: Payload) -> object:
    """What a CALL was answered with; None where it was not."""
    return world.answers.get(world.ask(action, payload))


def test_bootnotification_comes_first_and_says_what_the_station_is() -> None:
    world = World(
        vendor="ACME",
        model="Post 22",
        serial_number="SN-1",
        firmware_version="1.2.3",
        iccid="8931",
        imsi="2040",
        meter_type="SDM630",
        meter_serial_number="M-9",
    )
    assert world.sent[0].action == "BootNotification"
    assert world.sent[0].payload == {
        "chargePointVendor": "ACME",
        "chargePointModel": "Post 22",
        "chargePointSerialNumber": "SN-1",
        "firmwareVersion": "1.2.3",
        "iccid": "8931",
        "imsi": "2040",
        "meterType": "SDM630",
        "meterSerialNumber": "M-9",
    }


def test_what_is_not_known_is_left_out(world: World) -> None:
    assert world.sent[0].payload == {"chargePointVendor": "ACME", "chargePointModel": "Post"}


def test_after_accepted_the_station_and_every_connector_are_told() -> None:
    world = World(3)
    assert [(told.connector, told.status) for told in world.told] == [(n, "Available") for n in range(4)]
    assert {sent.action for sent in world.sent} == {"BootNotification", "StatusNotification"}
    assert all(sent.payload["timestamp"].endswith("Z") for sent in world.sent[1:])


def test_a_status_that_came_about_before_acceptance_is_told_as_it_is_then() -> None:
    world = World(2, online=False)
    world.plug(1)
    world.connect()
    assert {told.connector: told.status for told in world.told} == {0: "Available", 1: "Preparing", 2: "Available"}
    assert len(world.told) == 3


def test_accepted_proves_the_link(world: World) -> None:
    assert sum(isinstance(effect, fx.LinkProven) for effect in world.effects) == 1


def test_a_reconnect_is_no_boot(world: World) -> None:
    world.disconnect()
    world.advance(500)
    world.forget()
    world.connect()
    world.expect_no_call("BootNotification")
    world.expect_no_call("StatusNotification")


def test_after_a_reconnect_only_what_changed_is_told_as_it_is_now() -> None:
    world = World(2)
    world.disconnect()
    world.plug(1)
    world.tap()
    world.plug(2, ready=False)
    world.unplug(2)
    world.forget()
    world.connect()
    world.advance(5)
    assert [call["connectorId"] for call in world.calls("StatusNotification")[3:]] == [1]


@pytest.mark.section("4.2")
class TestNotAccepted:
    @pytest.mark.parametrize("status", ["Pending", "Rejected"])
    def test_bootnotification_is_repeated_after_the_interval(self, status: str) -> None:
        world = waiting(status, 90)
        world.advance(89.9)
        assert len(boots(world)) == 1
        world.advance(0.1)
        assert boots(world) == [0.0, pytest.approx(90.0)]
        assert world.status() == "Available"

    @pytest.mark.parametrize("status", ["Pending", "Rejected"])
    def test_interval_zero_leaves_it_to_the_station_which_does_not_flood(self, status: str) -> None:
        world = World(online=False)
        world.csms.always("BootNotification", lambda _: {"status": status, "currentTime": world.csms.time(), "interval": 0})
        world.connect()
        world.advance(3_600)
        gaps = [later - earlier for earlier, later in zip(boots(world), boots(world)[1:], strict=False)]
        assert gaps[:6] == [10, 20, 40, 80, 160, 300]
        assert set(gaps[5:]) == {300}

    @pytest.mark.parametrize("status", ["Pending", "Rejected"])
    def test_nothing_is_sent_meanwhile(self, status: str) -> None:
        """Not a status, not an authorisation, not a billing message, not a heartbeat."""
        world = waiting(status, 10_000, keys={"AllowOfflineTxForUnknownId": True, "ClockAlignedDataInterval": 60})
        world.plug()
        world.tap()
        assert world.contactor(), "the rules for being offline hold"
        world.advance(1_000)
        world.tap()
        world.unplug()
        world.advance(1_000)
        assert [sent.action for sent in world.sent] == ["BootNotification"]
        assert {type(row.body).__name__ for row in world.store.rows.values()} == {"StartBody", "MeterValuesBody", "StopBody"}

    def test_what_waited_goes_out_after_acceptance_a_transaction_before_what_it_made_of_its_connector(self) -> None:
        world = waiting("Pending", 100, keys={"AllowOfflineTxForUnknownId": True})
        world.plug()
        world.tap()
        world.advance(101)
        order = [sent.action for sent in world.sent]
        expected = ["StatusNotification", "StartTransaction", "StatusNotification", "MeterValues"]
        assert order == ["BootNotification"] * 2 + expected
        assert [told.connector for told in world.told] == [0, 1]

    def test_no_answer_is_tried_again_with_growing_waits(self) -> None:
        world = World(online=False)
        world.csms.once("BootNotification", Silence(), Silence())
        world.connect()
        world.advance(CALL_TIMEOUT_S)
        world.deliver(ev.LinkAlive())
        world.advance(10)
        assert boots(world) == [0.0, pytest.approx(CALL_TIMEOUT_S + 10)]

    def test_a_callerror_is_tried_again(self) -> None:
        world = World(online=False)
        world.csms.once("BootNotification", Refuse("InternalError"), Refuse("SecurityError"))
        world.connect()
        world.advance(9.9)
        assert len(boots(world)) == 1
        world.advance(21)
        assert boots(world) == [0.0, pytest.approx(10.0), pytest.approx(30.0)]
        assert world.status() == "Available"

    def test_a_lost_link_repeats_it_on_the_next_connection(self) -> None:
        world = World(online=False)
        world.csms.once("BootNotification", Cut())
        world.connect()
        assert not world.up
        world.advance(3)
        world.connect()
        assert len(boots(world)) == 2
        assert world.status() == "Available"

    def test_a_reconnect_does_not_shorten_the_wait(self) -> None:
        world = waiting("Rejected", 300)
        world.disconnect()
        world.advance(5)
        world.connect()
        world.advance(290)
        assert len(boots(world)) == 1
        world.advance(5)
        assert len(boots(world)) == 2

    def test_an_unreadable_answer_is_none(self) -> None:
        world = World(online=False)
        world.csms.once("BootNotification", {"status": "Perhaps", "currentTime": world.csms.time(), "interval": 5})
        world.connect()
        world.advance(10)
        assert len(boots(world)) == 2


@pytest.mark.section("4.2")
class TestPending:
    def test_the_central_system_may_read_and_write_the_configuration(self) -> None:
        world = waiting("Pending", 100)
        world.configure("MeterValueSampleInterval", 30)
        keys = world.call("GetConfiguration", key=["MeterValueSampleInterval"])["configurationKey"]
        assert keys == [{"key": "MeterValueSampleInterval", "readonly": False, "value": "30"}]

    def test_remote_start_and_stop_are_rejected(self) -> None:
        world = waiting("Pending", 100)
        world.plug()
        assert world.call("RemoteStartTransaction", idTag="CARD1", connectorId=1) == {"status": "Rejected"}
        assert world.call("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}
        assert not world.contactor()

    def test_a_status_is_sent_when_triggered(self) -> None:
        world = waiting("Pending", 100)
        assert world.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1) == {"status": "Accepted"}
        assert [sent.action for sent in world.sent] == ["BootNotification", "StatusNotification"]

    def test_a_heartbeat_is_sent_when_triggered(self) -> None:
        world = waiting("Pending", 100)
        assert world.call("TriggerMessage", requestedMessage="Heartbeat") == {"status": "Accepted"}
        world.advance(50)
        assert [sent.action for sent in world.sent] == ["BootNotification", "Heartbeat"]

    def test_meter_values_are_sent_when_triggered(self) -> None:
        world = waiting("Pending", 100)
        assert world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == {"status": "Accepted"}
        assert [sent.action for sent in world.sent] == ["BootNotification", "MeterValues"]

    def test_bootnotification_is_sent_early_when_triggered(self) -> None:
        world = waiting("Pending", 10_000)
        assert world.call("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
        assert len(boots(world)) == 2
        assert world.status() == "Available"

    def test_the_clock_is_set(self) -> None:
        world = waiting("Pending", 100)
        body, _ = world.control("status")
        assert body["clock"]["known"]
        assert body["registration"] == "Pending"


@pytest.mark.section("4.2")
class TestRejected:
    def test_the_station_is_silent(self) -> None:
        """It does not respond to any message of the Central System."""
        world = waiting("Rejected", 600)
        assert answered(world, "GetConfiguration", {}) is None
        assert answered(world, "TriggerMessage", {"requestedMessage": "BootNotification"}) is None
        assert answered(world, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "5"}) is None
        assert answered(world, "Nonsense", {}) is None
        world.receive('[2,"bad","ClearCache"]')
        world.receive('[5,"bad",{}]')
        world.advance(599)
        assert len(world.sent) == 1
        assert world.answers == {}
        assert "HeartbeatInterval" not in world.store.keys

    def test_what_it_did_not_answer_it_did_not_do(self) -> None:
        world = waiting("Rejected", 600)
        world.plug()
        world.ask("Reset", {"type": "Hard"})
        world.ask("RemoteStartTransaction", {"idTag": "CARD1"})
        world.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
        assert world.exited is None
        assert not world.contactor()
        world.advance(600)
        assert world.status() == "Preparing"

    def test_it_speaks_again_once_it_is_asked_anew_and_accepted(self) -> None:
        world = waiting("Rejected", 60)
        world.advance(60)
        assert world.call("ClearCache") == {"status": "Accepted"}

    def test_a_station_that_is_rejected_later_falls_silent(self, world: World) -> None:
        world.csms.once("BootNotification", {"status": "Rejected", "currentTime": world.csms.time(), "interval": 100})
        world.call("TriggerMessage", requestedMessage="BootNotification")
        assert len(boots(world)) == 2
        world.forget()
        world.plug()
        world.advance(99)
        assert world.story() == "  (nothing)"
        world.advance(1)
        world.expect_call("BootNotification")
        world.expect_call("StatusNotification", connectorId=1, status="Preparing")


@pytest.mark.section("4.6")
class TestHeartbeat:
    def beats(self, world: World) -> list[float]:
        return [sent.at_s for sent in world.sent if sent.action == "Heartbeat"]

    def test_the_rhythm_follows_the_answer(self) -> None:
        world = World(online=False)
        world.csms.heartbeat_s = 120
        world.connect()
        world.advance(600)
        assert self.beats(world) == [120, 240, 360, 480, 600]
        assert world.call("GetConfiguration", key=["HeartbeatInterval"])["configurationKey"][0]["value"] == "120"

    def test_a_change_of_the_configuration_holds_at_once(self, world: World) -> None:
        world.advance(100)
        world.configure("HeartbeatInterval", 60)
        world.advance(120)
        assert self.beats(world) == [100, 160, 220]

    def test_interval_zero_keeps_what_was_configured(self) -> None:
        world = World(online=False, keys={"HeartbeatInterval": 200})
        world.csms.heartbeat_s = 0
        world.connect()
        world.advance(401)
        assert self.beats(world) == [200, 400]

    def test_another_message_counts_as_a_sign_of_life(self, world: World) -> None:
        world.advance(200)
        world.plug()
        world.advance(299)
        assert self.beats(world) == []
        world.advance(1)
        assert self.beats(world) == [500]

    def test_it_beats_on_after_one_that_met_no_answer(self, world: World) -> None:
        world.csms.once("Heartbeat", Refuse())
        world.advance(601)
        assert self.beats(world) == [300, 600]

    def test_none_is_due_while_the_link_is_down(self, world: World) -> None:
        world.disconnect()
        world.advance(10_000)
        assert self.beats(world) == []
        world.connect()
        assert len(self.beats(world)) == 1

    def test_the_interval_outlives_a_restart(self) -> None:
        world = World(online=False)
        world.csms.heartbeat_s = 77
        world.connect()
        world.csms.heartbeat_s = 0
        world.restart()
        world.forget()
        world.advance(80)
        world.expect_call("Heartbeat")

    def test_an_interval_beyond_every_use_is_kept_within_bounds(self) -> None:
        """A Central System that asks for more than a week gets a week's heartbeat, not the value of before."""
        world = World(online=False)
        world.csms.heartbeat_s = 2_000_000_000
        world.connect()
        assert world.store.keys["HeartbeatInterval"] == "604800"


def test_the_answer_names_the_time(world: World) -> None:
    world.plug()
    world.tap()
    assert world.expect_call("StartTransaction")["timestamp"] == "2026-01-05T12:00:00Z"


def test_triggered_while_one_is_under_way_another_follows(world: World) -> None:
    world.csms.once("BootNotification", Silence())
    world.call("TriggerMessage", requestedMessage="BootNotification")
    first = world.sent[-1]
    world.call("TriggerMessage", requestedMessage="BootNotification")
    world.wire.answered(first.message_id)
    world.receive(json.dumps([3, first.message_id, world.csms.default("BootNotification")]))
    assert len(boots(world)) == 3


@pytest.mark.section("5.14")
def test_after_a_reset_it_boots_anew(world: World) -> None:
    assert world.call("Reset", type="Soft") == {"status": "Accepted"}
    assert world.exited == "soft_reset"
    world.forget()
    world.restart()
    world.expect_call("BootNotification")
    world.expect_call("StatusNotification", connectorId=0)
    world.expect_call("StatusNotification", connectorId=1)
