"""Stories of the billing messages: order, attempts, waits, and the transactionId that may come hours later."""

import json
from itertools import pairwise
from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Delivery
from tests.core.billing import OFFLINE, actions, attempts_at, billed, dead_letters, session
from tests.core.central_system import ACCEPTED, After, Cut, Refuse, Silence
from tests.core.harness import World

pytestmark = pytest.mark.section("3.7")


class TestOrder:
    def test_messages_leave_in_the_order_in_which_they_were_made(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 600}, online=False)
        session(world, hours=1)
        session(world, id_tag="CARD2")
        world.connect()
        assert actions(world) == [
            "StartTransaction",
            *["MeterValues"] * 6,
            "StopTransaction",
            "StartTransaction",
            "StopTransaction",
        ]
        assert [call["idTag"] for call in world.calls("StartTransaction")] == ["CARD1", "CARD2"]
        assert not world.store.rows

    def test_what_was_made_offline_goes_before_what_is_new(self) -> None:
        world = World(2, keys=OFFLINE, each=True)
        world.disconnect()
        session(world, 1, "OLD")
        world.csms.once("StartTransaction", After(20.0, {**ACCEPTED, "transactionId": 1}))
        world.connect()
        world.plug(2)
        world.tap("NEW", reader=2)
        world.advance(60)
        assert actions(world)[:3] == ["StartTransaction", "StopTransaction", "StartTransaction"]
        assert world.calls("StartTransaction")[1]["idTag"] == "NEW"

    def test_never_two_at_once(self) -> None:
        """The next one leaves when the one before has its answer; the harness sees to it that no two are open."""
        world = World(keys=OFFLINE, online=False)
        session(world)
        world.csms.always("StartTransaction", After(7.0, {**ACCEPTED, "transactionId": 5}))
        world.connect()
        assert actions(world) == ["StartTransaction"]
        world.advance(7)
        assert actions(world) == ["StartTransaction", "StopTransaction"]

    def test_the_row_is_on_the_disk_before_it_is_sent(self, world: World) -> None:
        world.plug()
        at = len(world.effects)
        world.tap()
        for index, effect in enumerate(world.effects[at:]):
            if isinstance(effect, fx.SendFrame) and "StartTransaction" in effect.text:
                assert any(isinstance(one, fx.Commit) and "StartBody" in repr(one) for one in world.effects[at : at + index])
                return
        raise AssertionError("no StartTransaction was sent")

    def test_a_row_goes_only_when_its_answer_has_come(self, world: World) -> None:
        world.csms.once("StartTransaction", After(12.0, {**ACCEPTED, "transactionId": 5}))
        world.plug()
        world.tap()
        world.advance(11)
        assert len(world.store.rows) == 1
        world.advance(1)
        assert not world.store.rows


@pytest.mark.section("9.1.31")
@pytest.mark.section("9.1.32")
class TestAttempts:
    """TransactionMessageAttempts and TransactionMessageRetryInterval."""

    def failing(self, attempts: int, interval_s: int, **more: Any) -> World:
        return World(
            keys={
                "TransactionMessageAttempts": attempts,
                "TransactionMessageRetryInterval": interval_s,
                "MeterValueSampleInterval": 0,
            },
            **more,
        )

    def test_the_wait_grows_by_the_interval(self) -> None:
        world = self.failing(4, 60)
        world.csms.always("StartTransaction", Refuse("InternalError"))
        world.plug()
        world.tap()
        world.advance(10_000)
        first, *later = attempts_at(world, "StartTransaction")
        assert [at_s - first for at_s in later] == [60, 60 + 120, 60 + 120 + 180]

    def test_a_time_out_on_a_living_link_is_an_attempt(self) -> None:
        world = self.failing(2, 10)
        world.csms.always("StartTransaction", Silence())
        world.plug()
        world.tap()
        for _ in range(40):
            world.advance(5)
            world.deliver(ev.LinkAlive())
        assert len(attempts_at(world, "StartTransaction")) == 2
        assert dead_letters(world) == [1]

    def test_a_cut_connection_is_none(self) -> None:
        world = self.failing(1, 10)
        world.csms.once("StartTransaction", *[Cut()] * 20)
        world.plug()
        world.tap()
        for _ in range(20):
            assert not world.up
            world.advance(3)
            world.connect()
        assert world.store.newest().start_delivery is Delivery.CONFIRMED
        assert len(attempts_at(world, "StartTransaction")) == 21

    def test_one_attempt_only(self) -> None:
        world = self.failing(1, 10)
        world.csms.once("StartTransaction", Refuse())
        world.plug()
        world.tap()
        assert dead_letters(world) == [1]
        assert world.store.dead[1].reason == "GenericError: not today"

    def test_interval_zero_tries_again_at_once_but_not_for_ever(self) -> None:
        world = self.failing(5, 0)
        world.csms.always("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.advance(1)
        assert len(attempts_at(world, "StartTransaction")) == 5
        assert dead_letters(world) == [1]

    def test_attempts_are_counted_over_a_power_cut(self) -> None:
        world = self.failing(3, 1_000)
        world.csms.always("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.cut_power()
        world.cut_power()
        assert len(attempts_at(world, "StartTransaction")) == 3
        assert dead_letters(world) == [1]

    def test_the_wait_goes_on_over_a_reconnect(self) -> None:
        world = self.failing(3, 100)
        world.csms.once("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.disconnect()
        world.advance(50)
        world.connect()
        assert len(attempts_at(world, "StartTransaction")) == 1
        world.advance(50)
        assert len(attempts_at(world, "StartTransaction")) == 2

    def test_other_transactions_go_on_meanwhile(self) -> None:
        world = World(2, keys={"TransactionMessageRetryInterval": 1_000, "MeterValueSampleInterval": 0}, each=True)
        world.csms.once("StartTransaction", Refuse())
        session(world, 1, "STUCK")
        session(world, 2, "FREE")
        session(world, 2, "FREE2")
        assert [call["idTag"] for call in world.calls("StartTransaction")] == ["STUCK", "FREE", "FREE2"]
        assert len(world.calls("StopTransaction")) == 2
        assert len(world.store.rows) == 2
        world.advance(1_000)
        assert [(sent.action, sent.payload.get("idTag")) for sent in billed(world)[-2:]] == [
            ("StartTransaction", "STUCK"),
            ("StopTransaction", None),
        ]
        assert not world.store.rows

    def test_rows_of_a_waiting_transaction_keep_their_order(self) -> None:
        world = World(2, keys={"TransactionMessageRetryInterval": 50, "MeterValueSampleInterval": 7}, each=True)
        world.plug(1)
        world.tap("A", reader=1)
        world.csms.once("MeterValues", Refuse(), Refuse())
        world.plug(2)
        world.tap("B", reader=2)
        world.advance(300)
        world.unplug(1)
        world.unplug(2)
        world.advance(300)
        for transaction in (1001, 1002):
            times = [
                sent.payload["meterValue"][0]["timestamp"]
                for sent in world.sent
                if sent.action == "MeterValues" and sent.payload.get("transactionId") == transaction
            ]
            assert times == sorted(times)
            assert len(set(times)) == 300 // 7
        assert not world.store.rows

    def test_a_change_of_the_keys_holds_for_the_next_attempt(self) -> None:
        world = self.failing(3, 100)
        world.csms.always("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.configure("TransactionMessageAttempts", 2)
        world.advance(100)
        assert dead_letters(world) == [1]


class TestTransactionId:
    @pytest.mark.parametrize("transaction_id", [0, -7, 2**31 - 1, 2**62])
    def test_any_number_is_an_id(self, transaction_id: int) -> None:
        world = World(keys={"MeterValueSampleInterval": 2})
        world.csms.always("StartTransaction", {**ACCEPTED, "transactionId": transaction_id})
        session(world)
        assert world.calls("StopTransaction")[0]["transactionId"] == transaction_id
        assert {call["transactionId"] for call in world.calls("MeterValues")} == {transaction_id}

    def test_ids_may_repeat(self) -> None:
        world = World(2, each=True, keys={"MeterValueSampleInterval": 0})
        world.csms.always("StartTransaction", {**ACCEPTED, "transactionId": 7})
        for connector, id_tag in ((1, "A"), (2, "B")):
            world.plug(connector)
            world.tap(id_tag, reader=connector)
        assert world.call("RemoteStopTransaction", transactionId=7) == {"status": "Accepted"}
        world.advance(10)
        assert world.call("RemoteStopTransaction", transactionId=7) == {"status": "Accepted"}
        world.advance(10)
        assert [call["transactionId"] for call in world.calls("StopTransaction")] == [7, 7]
        assert not world.store.rows

    def test_the_id_comes_hours_later(self) -> None:
        """A session that began and ended offline needs no invented id: its Stop waits for the Start's answer."""
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1_800}, online=False)
        session(world, hours=3)
        world.advance(8 * 3_600)
        world.csms.once("StartTransaction", After(25.0, {**ACCEPTED, "transactionId": 4711}))
        world.connect()
        world.advance(20)
        assert actions(world) == ["StartTransaction"]
        world.advance(10)
        assert {call["transactionId"] for call in world.calls("MeterValues")} == {4711}
        assert world.calls("StopTransaction")[0]["transactionId"] == 4711

    def test_a_session_goes_on_while_its_start_has_no_answer(self, world: World) -> None:
        world.csms.always("StartTransaction", Silence())
        world.plug()
        world.tap()
        world.advance(200)
        assert world.contactor()


def test_a_central_system_that_never_answers_statuses_gets_its_bills(world: World) -> None:
    """Statuses go first, but not for ever: a message that meets no answer gives way to the others."""
    world.plug()
    world.tap()
    world.csms.always("StatusNotification", Silence())
    world.unplug()
    for _ in range(60):
        world.advance(5)
        world.deliver(ev.LinkAlive())
    assert len(world.calls("StatusNotification")) > 5
    assert world.store.newest().stop_delivery is Delivery.CONFIRMED


def test_a_status_without_answer_is_told_again_soon_and_then_less_and_less_often(world: World) -> None:
    world.csms.once("StatusNotification", Silence(), Silence())
    before = len(world.calls("StatusNotification"))
    world.plug()
    times = [world.mono_s]
    while len(world.calls("StatusNotification")) < before + 3:
        count = len(world.calls("StatusNotification"))
        while len(world.calls("StatusNotification")) == count:
            world.advance(1)
            world.deliver(ev.LinkAlive())
        times.append(world.mono_s)
    assert [later - earlier for earlier, later in pairwise(times)] == [30 + 5, 30 + 10]
    world.tap()
    assert world.store.newest().transaction_id is not None


def test_an_answer_that_is_not_ours_to_book_changes_nothing(world: World) -> None:
    world.csms.once("StartTransaction", Silence())
    world.plug()
    world.tap()
    rows = dict(world.store.rows)
    for message in ([3, "x", {"idTagInfo": {"status": "Accepted"}, "transactionId": 1}], [3, "", {}], [4, "y", "", "", {}]):
        world.receive(json.dumps(message))
    assert world.store.rows == rows
