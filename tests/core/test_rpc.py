"""Stories of the one connection: ids, one CALL at a time, answers that come late, twice or never."""

import json

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from tests.core.central_system import After, Refuse, Silence
from tests.core.harness import World
from tests.core.looking import Sent

pytestmark = pytest.mark.section("J 4.1")

CALL_TIMEOUT_S = 30.0
PROBE_S = 10.0


def in_flight(world: World) -> Sent:
    """The CALL that was sent last."""
    return world.sent[-1]


def probes(world: World) -> int:
    return sum(isinstance(effect, fx.ProbeLink) for effect in world.effects)


def warnings(world: World) -> list[str]:
    return [log.text for log in world.logs if log.level == "warning"]


def charging(world: World) -> None:
    world.plug()
    world.tap()
    assert world.contactor()


def test_every_attempt_has_an_id_of_its_own() -> None:
    world = World(keys={"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 10})
    world.csms.once("StartTransaction", Refuse(), Refuse())
    charging(world)
    world.advance(60)
    attempts = [sent.message_id for sent in world.sent if sent.action == "StartTransaction"]
    assert len(attempts) == 3
    assert len(set(attempts)) == 3


def test_no_id_comes_again_after_a_start_of_the_process(world: World) -> None:
    charging(world)
    before = {sent.message_id for sent in world.sent}
    world.forget()
    world.restart()
    world.cut_power()
    after = [sent.message_id for sent in world.sent if sent.message_id not in before]
    assert len(before) + len(after) == len(world.sent) == len({sent.message_id for sent in world.sent})


def test_ids_are_short_enough_for_every_receiver(world: World) -> None:
    world.advance(4_000)
    assert max(len(sent.message_id) for sent in world.sent) <= 36


def test_one_call_at_a_time(world: World) -> None:
    """Whatever is owed waits until the answer has come; the harness checks every frame."""
    for action in ("Authorize", "StatusNotification", "StartTransaction"):
        world.csms.always(action, After(5.0, world.csms.default(action)))
    world.plug()
    world.tap()
    assert in_flight(world).action == "StatusNotification"
    world.expect_no_call("Authorize")
    world.advance(5)
    world.expect_call("Authorize")
    world.expect_no_call("StartTransaction")
    world.advance(60)
    world.expect_call("StartTransaction")


def test_calls_of_the_central_system_are_answered_while_ours_is_open(world: World) -> None:
    world.csms.always("Heartbeat", Silence())
    world.advance(301)
    assert in_flight(world).action == "Heartbeat"
    assert world.call("ClearCache") == {"status": "Accepted"}
    assert world.call("GetConfiguration", key=["HeartbeatInterval"])["configurationKey"][0]["value"] == "300"
    assert in_flight(world).action == "Heartbeat"


def test_an_answer_to_another_id_is_dropped_and_the_call_stays_open(world: World) -> None:
    world.csms.once("StartTransaction", Silence())
    charging(world)
    count = len(world.sent)
    world.receive(json.dumps([3, "somebody-else", {"idTagInfo": {"status": "Invalid"}, "transactionId": 5}]))
    world.receive(json.dumps([4, "somebody-else", "GenericError", "", {}]))
    assert len(world.sent) == count
    assert world.store.newest().transaction_id is None
    assert sum("nobody waits for" in line for line in warnings(world)) == 2


def test_an_answer_that_comes_twice_counts_once(world: World) -> None:
    charging(world)
    start = next(sent for sent in world.sent if sent.action == "StartTransaction")
    booked = world.store.newest()
    world.receive(json.dumps([3, start.message_id, {"idTagInfo": {"status": "Invalid"}, "transactionId": 77}]))
    assert world.store.newest() == booked
    assert world.contactor()
    assert any("nobody waits for" in line for line in warnings(world))


def late_start(world: World) -> str:
    """A StartTransaction that was not answered in time, by a Central System that lives; its id."""
    world.csms.once("StartTransaction", Silence())
    charging(world)
    late = in_flight(world)
    assert late.action == "StartTransaction"
    world.advance(CALL_TIMEOUT_S)
    world.deliver(ev.LinkAlive())
    world.advance(PROBE_S)
    return late.message_id


def accepted(message_id: str, transaction_id: int) -> str:
    return json.dumps([3, message_id, {"idTagInfo": {"status": "Accepted"}, "transactionId": transaction_id}])


def test_a_billing_message_that_is_answered_after_the_time_out_is_not_sent_again(world: World) -> None:
    """The Central System has booked it. A second one might be booked as well, and never be stopped."""
    world.configure("TransactionMessageRetryInterval", 100)
    late = late_start(world)
    world.receive(accepted(late, 4711))
    assert world.store.newest().transaction_id == 4711
    world.receive(accepted(late, 4712))
    world.advance(1_000)
    world.unplug()
    world.expect_call("StopTransaction", transactionId=4711)
    assert len(world.calls("StartTransaction")) == 1
    assert not world.store.rows


def test_a_late_refusal_of_the_card_counts_too(world: World) -> None:
    late = late_start(world)
    world.receive(json.dumps([3, late, {"idTagInfo": {"status": "Blocked"}, "transactionId": 4711}]))
    world.advance(10)
    world.expect_call("StopTransaction", transactionId=4711, reason="DeAuthorized")


@pytest.mark.parametrize("spoiled", [{"idTagInfo": {}}, None])
def test_a_late_answer_that_says_nothing_is_dropped(world: World, spoiled: dict[str, object] | None) -> None:
    world.configure("TransactionMessageRetryInterval", 100)
    late = late_start(world)
    world.receive(json.dumps([4, late, "InternalError", "", {}] if spoiled is None else [3, late, spoiled]))
    assert any("nobody waits for" in line for line in warnings(world))
    world.advance(100)
    assert world.store.newest().transaction_id == 1001


def test_an_answer_to_the_first_attempt_is_dropped_once_the_second_is_on_its_way(world: World) -> None:
    world.configure("TransactionMessageRetryInterval", 20)
    late = late_start(world)
    world.csms.once("StartTransaction", After(5.0, {"idTagInfo": {"status": "Accepted"}, "transactionId": 7}))
    world.advance(10)
    assert in_flight(world).action == "StartTransaction"
    world.receive(accepted(late, 4711))
    world.advance(5)
    assert world.store.newest().transaction_id == 7


def test_an_answer_to_an_attempt_of_another_connection_is_dropped(world: World) -> None:
    world.configure("TransactionMessageRetryInterval", 100)
    late = late_start(world)
    world.disconnect()
    world.connect()
    world.receive(accepted(late, 4711))
    world.advance(100)
    assert world.store.newest().transaction_id == 1001


def test_a_call_id_of_the_central_system_that_equals_ours_disturbs_nothing(world: World) -> None:
    """Both sides count for themselves: the same id may be in use in both directions."""
    world.csms.once("Heartbeat", Silence())
    world.advance(301)
    ours = in_flight(world).message_id
    assert world.answers.get(world.ask("ClearCache", message_id=ours)) == {"status": "Accepted"}
    world.receive(json.dumps([3, ours, {"currentTime": world.csms.time()}]))
    assert not any("nobody waits for" in line for line in warnings(world))


class TestTimeOut:
    """A CALL without an answer in time."""

    def start_without_answer(self, world: World) -> None:
        world.csms.once("StartTransaction", Silence())
        charging(world)
        world.advance(CALL_TIMEOUT_S - 0.1)
        assert probes(world) == 0
        world.advance(0.1)

    def attempts(self, world: World) -> int:
        return next(iter(world.store.rows.values())).attempts

    def test_a_silent_peer_is_asked_for_a_sign_of_life(self, world: World) -> None:
        self.start_without_answer(world)
        assert probes(world) == 1
        assert self.attempts(world) == 0

    def test_a_peer_that_lives_makes_it_a_failed_attempt(self, world: World) -> None:
        self.start_without_answer(world)
        world.deliver(ev.LinkAlive())
        world.advance(0.1)
        assert self.attempts(world) == 1, "nothing more is waited for"
        assert world.up

    def test_an_answer_during_the_probe_is_an_answer(self, world: World) -> None:
        self.start_without_answer(world)
        world.receive(json.dumps([3, in_flight(world).message_id, {"idTagInfo": {"status": "Accepted"}, "transactionId": 9}]))
        assert world.store.newest().transaction_id == 9
        assert not world.store.rows

    def test_a_dead_peer_loses_the_connection_and_the_attempt_does_not_count(self, world: World) -> None:
        self.start_without_answer(world)
        world.advance(PROBE_S)
        assert not world.up
        assert any(isinstance(effect, fx.CloseLink) for effect in world.effects)
        assert self.attempts(world) == 0
        world.connect()
        assert world.store.newest().transaction_id == 1001

    def test_a_peer_that_spoke_at_the_end_lives(self, world: World) -> None:
        world.csms.once("StartTransaction", Silence())
        charging(world)
        world.advance(CALL_TIMEOUT_S - 1)
        world.call("ClearCache")
        world.advance(1)
        assert probes(world) == 0
        assert self.attempts(world) == 1

    def test_a_peer_that_fell_silent_long_before_is_asked_first(self, world: World) -> None:
        """It was heard right after the CALL, and then the line went dark: that proves nothing."""
        world.csms.once("StartTransaction", Silence())
        charging(world)
        world.advance(1)
        world.call("ClearCache")
        world.advance(CALL_TIMEOUT_S + PROBE_S)
        assert probes(world) == 1
        assert not world.up
        assert self.attempts(world) == 0

    def test_a_call_that_waited_for_nothing_does_not_stop_the_station(self, world: World) -> None:
        world.csms.once("Heartbeat", Silence())
        world.advance(300)
        world.advance(CALL_TIMEOUT_S)
        world.deliver(ev.LinkAlive())
        world.advance(PROBE_S)
        charging(world)
        assert world.store.newest().transaction_id == 1001


class TestLeniences:
    """Answers that are not quite OCPP are taken; each lenience is told once."""

    def test_a_lenience_is_logged_once(self) -> None:
        world = World(online=False)
        world.csms.always(
            "BootNotification", lambda _: {"status": "accepted", "currentTime": world.csms.time(), "interval": "60"}
        )
        world.csms.always("Heartbeat", lambda _: {"currentTime": world.csms.time(), "extra": 1})
        world.connect()
        assert world.store.keys["HeartbeatInterval"] == "60"
        world.advance(600)
        assert len(world.calls("Heartbeat")) == 10
        assert sum("said once" in line and "extra" in line for line in warnings(world)) == 1
        assert sum("said once" in line and "interval" in line for line in warnings(world)) == 1

    def test_an_answer_that_cannot_be_read_is_a_failed_attempt(self, world: World) -> None:
        world.csms.once("StartTransaction", {"transactionId": "no number", "idTagInfo": {"status": "Accepted"}})
        charging(world)
        row = next(iter(world.store.rows.values()))
        assert row.attempts == 1
        world.advance(60)
        assert world.store.newest().transaction_id == 1001

    @pytest.mark.parametrize("answer", ['[3,"{}"]', '[3,"{}",{{}},{{}}]', '[4,"{}"]', '[3,"{}",{{"a":', '[3,"{}",{{}}'])
    def test_what_was_meant_as_an_answer_ends_the_waiting(self, world: World, answer: str) -> None:
        """A Central System that leaves an empty payload out must not cost half a minute for every status."""
        world.csms.once("StatusNotification", Silence())
        world.plug()
        status = in_flight(world)
        assert status.action == "StatusNotification"
        world.wire.answered(status.message_id)
        world.receive(answer.format(status.message_id))
        world.tap()
        assert world.contactor()
        assert status.message_id not in world.answers

    @pytest.mark.parametrize("payload", [None, [], "", 5, {"a": {"b": [1, 2]}}])
    def test_an_empty_confirmation_may_look_like_anything(self, world: World, payload: object) -> None:
        """StatusNotification.conf has no content: whatever is in its place, it is an answer."""
        world.csms.always("StatusNotification", Silence())
        world.forget()
        world.plug()
        status = in_flight(world)
        assert status.action == "StatusNotification"
        world.csms.friendly("StatusNotification")
        world.wire.answered(status.message_id)
        world.receive(json.dumps([3, status.message_id, payload]))
        world.advance(60)
        assert len(world.calls("StatusNotification", connectorId=1, status="Preparing")) == 1
