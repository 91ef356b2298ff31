"""Stories of the billing messages: order, attempts, waits, and what comes of those that cannot be delivered."""

import json
from itertools import pairwise
from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Delivery
from tests.core.central_system import ACCEPTED, After, Cut, Refuse, Silence
from tests.core.harness import World
from tests.core.looking import Sent

pytestmark = pytest.mark.section("3.7")

BILLING = ("StartTransaction", "MeterValues", "StopTransaction")
OFFLINE = {"AllowOfflineTxForUnknownId": True}


def session(world: World, connector: int = 1, id_tag: str = "CARD1", *, hours: float = 0.0) -> None:
    """A whole session, from tap to unplugging."""
    world.plug(connector)
    world.tap(id_tag, reader=connector if len(world.site.readers) > 1 else 1)
    world.advance(hours * 3_600 or 5)
    world.unplug(connector)
    world.advance(5)


def billed(world: World) -> list[Sent]:
    return [sent for sent in world.sent if sent.action in BILLING]


def actions(world: World) -> list[str]:
    return [sent.action for sent in billed(world)]


def attempts_at(world: World, action: str) -> list[float]:
    return [sent.at_s for sent in world.sent if sent.action == action]


def dead_letters(world: World) -> list[int]:
    return sorted(world.store.dead)


def replay(world: World, seq: int) -> dict[str, Any]:
    body, error = world.control("replay_dead_letter", seq=seq)
    assert error is None, error
    return body


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


class TestDeadLetters:
    def spent(self, action: str, **keys: Any) -> World:
        """A session one of whose messages spent its attempts."""
        world = World(keys={"TransactionMessageAttempts": 1, "MeterValueSampleInterval": 0, **keys})
        world.csms.once(action, Refuse("FormationViolation", "bad"))
        session(world)
        return world

    def test_start_spent_and_stop_still_goes(self) -> None:
        world = self.spent("StartTransaction")
        assert world.calls("StopTransaction")[0]["transactionId"] == -1
        page = world.store.newest()
        assert (page.start_delivery, page.stop_delivery) == (Delivery.DEAD, Delivery.CONFIRMED)
        assert dead_letters(world) == [1]
        assert world.control("status")[0]["queue"] == {"messages": 0, "oldest_s": None, "dead_letters": 1}

    def test_meter_values_of_a_lost_start_go_without_an_id(self) -> None:
        world = World(keys={"TransactionMessageAttempts": 1, "MeterValueSampleInterval": 60})
        world.csms.once("StartTransaction", Refuse())
        session(world, hours=0.05)
        values = world.calls("MeterValues")
        assert values
        assert not any("transactionId" in call for call in values)

    def test_stop_spent_is_told_in_the_ledger(self) -> None:
        world = self.spent("StopTransaction")
        assert world.store.newest().stop_delivery is Delivery.DEAD
        assert any(log.level == "error" and "spent its attempts" in log.text for log in world.logs)

    def test_one_bad_message_does_not_block_the_next_session(self) -> None:
        world = self.spent("StartTransaction")
        session(world, id_tag="CARD2")
        assert world.store.newest().stop_delivery is Delivery.CONFIRMED

    def test_replay_sends_it_again_with_all_attempts(self) -> None:
        world = self.spent("StopTransaction")
        first = world.calls("StopTransaction")[0]
        assert replay(world, 2) == {"seq": 3}
        assert world.calls("StopTransaction") == [first, first]
        assert world.store.newest().stop_delivery is Delivery.CONFIRMED
        assert not world.store.dead
        assert not world.store.rows

    def test_replay_of_what_is_not_there(self, world: World) -> None:
        body, error = world.control("replay_dead_letter", seq=99)
        assert body == {}
        assert error is not None
        assert "no such dead letter" in error

    def test_replay_twice_sends_once(self) -> None:
        world = self.spent("StopTransaction")
        replay(world, 2)
        _, error = world.control("replay_dead_letter", seq=2)
        assert error is not None
        assert len(world.calls("StopTransaction")) == 2

    def test_a_start_replayed_while_its_stop_waits(self) -> None:
        """The Stop goes first, and the page of the ledger must still be there for the Start behind it."""
        world = World(keys={"TransactionMessageAttempts": 1, "MeterValueSampleInterval": 0})
        world.csms.once("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.disconnect()
        world.unplug()
        world.advance(5)
        replay(world, 1)
        world.connect()
        assert actions(world)[-2:] == ["StopTransaction", "StartTransaction"]
        page = world.store.newest()
        assert (page.start_delivery, page.stop_delivery) == (Delivery.CONFIRMED, Delivery.CONFIRMED)
        assert page.transaction_id == 1001

    def test_a_start_replayed_while_its_stop_waits_over_a_restart(self) -> None:
        world = World(keys={"TransactionMessageAttempts": 1, "MeterValueSampleInterval": 0})
        world.csms.once("StartTransaction", Refuse())
        world.plug()
        world.tap()
        world.disconnect()
        world.unplug()
        world.advance(5)
        replay(world, 1)
        world.restart()
        assert not world.store.rows
        assert world.store.newest().start_delivery is Delivery.CONFIRMED

    def test_letters_of_one_session_replayed_in_any_order(self) -> None:
        world = World(keys={"TransactionMessageAttempts": 1, "MeterValueSampleInterval": 600})
        for action in BILLING:
            world.csms.always(action, Refuse())
        session(world, hours=0.2)
        assert len(world.store.dead) == 3
        for action in BILLING:
            world.csms.friendly(action)
        world.disconnect()
        for seq in reversed(dead_letters(world)):
            replay(world, seq)
        world.connect()
        assert actions(world)[-3:] == ["StopTransaction", "MeterValues", "StartTransaction"]
        assert not world.store.rows
        assert not world.store.dead

    def test_the_memory_of_closed_sessions_is_bounded(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 0})
        for number in range(30):
            session(world, id_tag=f"CARD{number}")
        assert len(world.station._blocks.transactions._records) <= 2


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


class TestManyRows:
    def long_night(self, world: World) -> int:
        """Offline, with a sample every second: returns how many rows wait."""
        world.plug()
        world.tap()
        world.advance(2_000)
        return len(world.store.rows)

    def test_thousands_of_rows_leave_in_order_through_a_window(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        waiting = self.long_night(world)
        assert waiting > 2_000
        world.connect()
        assert not world.store.rows
        assert len(billed(world)) == waiting
        times = [call["meterValue"][0]["timestamp"] for call in world.calls("MeterValues")]
        assert times == sorted(times)
        fetches = [effect for effect in world.effects if isinstance(effect, fx.FetchRows)]
        assert {effect.limit for effect in fetches} == {64}
        assert len(fetches) <= waiting / 64 + 3

    def test_memory_holds_a_window_only(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        assert len(world.station._blocks.outbox._window) <= 64

    def test_rows_that_are_added_while_the_store_is_read_are_not_forgotten(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.7, {}))
        world.connect()
        world.advance(3_000)
        world.unplug()
        world.advance(3_000)
        assert not world.store.rows
        assert actions(world)[-1] == "StopTransaction"

    def test_after_a_restart_the_rest_is_sent(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        waiting = self.long_night(world)
        world.csms.once("MeterValues", *[{}] * 700, Cut())
        world.connect()
        assert len(world.store.rows) == waiting - 701
        world.restart()
        world.advance(60)
        assert not world.store.rows

    def test_a_driver_is_served_while_the_outbox_is_long(self) -> None:
        """An authorisation goes before billing rows."""
        world = World(2, each=True, keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.1, {}))
        world.connect()
        world.plug(2)
        world.tap("DRIVER", reader=2)
        world.advance(0.5)
        assert world.calls("Authorize", idTag="DRIVER")
        assert world.contactor(2)

    def test_what_is_triggered_does_not_wait_for_the_whole_outbox(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.1, {}))
        world.connect()
        world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        world.advance(1.0)
        contexts = [call["meterValue"][0]["sampledValue"][0]["context"] for call in world.calls("MeterValues")]
        assert "Trigger" in contexts


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
