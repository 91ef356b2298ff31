"""Which StatusNotifications are sent (OCPP 1.6 sections 4.9, 9.1.20 MinimumStatusDuration)."""

from typing import Any

import pytest

from chargepoint.messages import ChargePointStatus as Status
from tests.core.billing import session
from tests.core.central_system import After, Cut, Refuse, Silence, listed
from tests.core.harness import World


def told(world: World, connector: int = 1) -> list[str]:
    return [str(status) for status in world.statuses(connector)]


def asking_nobody(**more: Any) -> World:
    """A station that knows CARD1 itself."""
    world = World(keys={"LocalPreAuthorize": True}, **more)
    world.store.listed["card1"] = listed("CARD1")
    return world


@pytest.mark.section("4.9")
def test_a_status_carries_the_time_at_which_it_began() -> None:
    world = World()
    world.csms.once("StatusNotification", After(20.0, {}))
    world.plug()
    world.advance(5.0)
    world.unplug()
    world.advance(20.0)
    times = [sent["timestamp"] for sent in world.calls("StatusNotification", connectorId=1)]
    assert times[1:] == ["2026-01-05T12:00:00Z", "2026-01-05T12:00:05Z"]


@pytest.mark.section("4.9")
def test_while_the_link_is_up_every_change_is_told_in_order() -> None:
    world = asking_nobody()
    world.csms.once("StatusNotification", After(8.0, {}))
    world.plug()
    world.tap()
    world.tap()
    world.unplug()
    world.advance(10.0)
    assert told(world) == ["Available", "Preparing", "Charging", "Finishing", "Available"]


@pytest.mark.section("4.9")
def test_after_a_reconnect_what_changed_is_told_as_it_is_now() -> None:
    world = World(connectors=3)
    world.disconnect()
    world.plug(1)
    world.unplug(1)
    world.plug(2)
    world.unplug(2)
    world.plug(2)
    before = len(world.told)
    world.connect()
    assert [(one.connector, one.status) for one in world.told[before:]] == [(2, Status.Preparing)]
    assert len(world.calls("BootNotification")) == 1


@pytest.mark.section("4.9")
@pytest.mark.parametrize("answer", [Silence(), Cut()], ids=["silence", "cut"])
def test_a_notification_without_an_answer_is_told_again_as_the_status_is_then(answer: Any) -> None:
    world = asking_nobody(reconnect_s=1.0)
    world.csms.once("StatusNotification", answer)
    world.plug()
    world.tap()
    world.advance(120.0)
    assert world.status() == Status.Charging
    assert told(world)[:2] == ["Available", "Preparing"]
    assert told(world).count("Charging") == 1


@pytest.mark.section("4.9")
def test_a_refused_notification_counts_as_told(world: World) -> None:
    world.csms.once("StatusNotification", Refuse("InternalError"))
    world.plug()
    world.advance(120.0)
    assert told(world) == ["Available", "Preparing"]


@pytest.mark.section("9.1.20")
def test_a_short_status_is_not_told() -> None:
    world = World(keys={"MinimumStatusDuration": 10})
    world.advance(10.0)
    assert told(world) == ["Available"]
    world.plug()
    world.advance(9.0)
    world.unplug()
    world.advance(60.0)
    assert told(world) == ["Available"]


@pytest.mark.section("9.1.20")
def test_a_status_that_lasts_is_told_when_it_has_lasted() -> None:
    world = World(keys={"MinimumStatusDuration": 10})
    world.advance(10.0)
    world.plug(ready=False)
    world.tap()
    world.advance(5.0)
    world.ev_ready()
    world.advance(9.9)
    assert told(world) == ["Available"]
    world.advance(0.2)
    assert told(world) == ["Available", "Charging"]
    charging = world.expect_call("StatusNotification", status="Charging")
    assert charging["timestamp"] == "2026-01-05T12:00:15Z"


@pytest.mark.section("9.1.20")
def test_faulted_is_told_at_once() -> None:
    world = World(keys={"MinimumStatusDuration": 60})
    world.input("ground_fault", 1)
    assert told(world)[-1:] == ["Faulted"]


@pytest.mark.section("9.1.20")
def test_the_end_of_a_fault_is_told_even_where_what_was_before_comes_back() -> None:
    world = World(keys={"MinimumStatusDuration": 10})
    world.advance(10.0)
    world.input("ground_fault", 1)
    world.input("ground_fault", 1, active=False)
    world.advance(10.1)
    assert told(world) == ["Available", "Faulted", "Available"]


@pytest.mark.section("9.1.20")
def test_a_changed_duration_holds_at_once(world: World) -> None:
    world.configure("MinimumStatusDuration", 30)
    world.plug()
    world.advance(29.0)
    assert told(world) == ["Available"]
    world.configure("MinimumStatusDuration", 0)
    assert told(world) == ["Available", "Preparing"]


@pytest.mark.section("5.17")
def test_a_triggered_status_is_told_though_nothing_changed() -> None:
    world = World(connectors=2)
    before = len(world.told)
    assert world.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=2) == {"status": "Accepted"}
    assert [one.connector for one in world.told[before:]] == [2]
    world.call("TriggerMessage", requestedMessage="StatusNotification")
    assert [one.connector for one in world.told[before + 1 :]] == [0, 1, 2]


@pytest.mark.section("4.9")
def test_a_flapping_connector_does_not_fill_the_memory() -> None:
    world = World()
    world.csms.once("StatusNotification", After(25.0, {}))
    for _ in range(200):
        world.plug(ready=False)
        world.unplug()
    world.plug(ready=False)
    world.advance(30.0)
    assert world.status() == Status.Preparing
    assert len(world.told) < 30


class TestBehindItsTransaction:
    """What a transaction makes of a connector is told after its StartTransaction."""

    pytestmark = pytest.mark.section("4.9")

    @staticmethod
    def begun_offline() -> World:
        world = World(2, each=True, keys={"AllowOfflineTxForUnknownId": True})
        world.disconnect()
        world.forget()
        world.plug(1)
        world.tap(reader=1)
        world.plug(2, ready=False)
        return world

    def test_after_a_reconnect_other_connectors_do_not_wait_for_it(self) -> None:
        world = self.begun_offline()
        world.connect()
        order = [(sent.action, sent.payload.get("status")) for sent in world.unseen()]
        expected = [("StatusNotification", "Preparing"), ("StartTransaction", None), ("StatusNotification", "Charging")]
        assert order == expected

    def test_one_that_met_no_good_answer_is_waited_for_no_longer(self) -> None:
        world = self.begun_offline()
        world.csms.always("StartTransaction", Refuse("InternalError"))
        world.connect()
        assert [sent.action for sent in world.unseen()].count("StartTransaction") == 1
        assert world.status(1) == Status.Charging

    def test_a_link_that_goes_away_meanwhile_has_it_wait_again(self) -> None:
        world = self.begun_offline()
        world.csms.once("StartTransaction", Cut())
        world.connect()
        assert world.status(1) == Status.Available
        world.connect()
        assert world.status(1) == Status.Charging

    def test_a_central_system_that_goes_away_whenever_it_sees_one_is_told_the_status_first(self) -> None:
        world = self.begun_offline()
        world.csms.always("StartTransaction", Cut())
        for _ in range(2):
            world.connect()
            assert world.status(1) == Status.Available
        world.connect()
        assert world.status(1) == Status.Charging
        world.csms.friendly("StartTransaction")
        world.connect()
        world.forget()
        world.tap()
        actions = [(sent.action, sent.payload.get("status")) for sent in world.unseen()]
        assert actions == [("StopTransaction", None), ("StatusNotification", "Finishing")]

    def test_a_fault_waits_for_nothing(self) -> None:
        world = self.begun_offline()
        world.input("ground_fault", 1)
        world.connect()
        actions = [(sent.action, sent.payload.get("status")) for sent in world.unseen()]
        assert actions.index(("StatusNotification", "Faulted")) < actions.index(("StartTransaction", None))

    def test_a_long_backlog_is_not_waited_for(self) -> None:
        world = World(keys={"AllowOfflineTxForUnknownId": True, "MeterValueSampleInterval": 60})
        world.disconnect()
        session(world, hours=2.0)
        world.plug()
        world.tap()
        world.forget()
        world.connect()
        assert world.unseen()[0].payload["status"] == Status.Charging


@pytest.mark.section("4.9")
def test_a_fault_waits_for_no_end_of_a_transaction_that_came_before_it() -> None:
    world = World(draws_w=7_000.0)
    world.plug()
    world.tap()
    world.plants[1].meter_deaf = True
    world.tap()
    world.advance(1.0)
    assert not world.calls("StopTransaction")
    assert told(world)[-1] == Status.Charging, "Finishing follows the StopTransaction, which waits for the meter"
    world.input("ground_fault", 1)
    assert told(world)[-2:] == [Status.Finishing, Status.Faulted]
