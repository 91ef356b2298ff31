"""Stories of billing messages that spent their attempts: nothing is lost, nobody is blocked, and each can be replayed."""

from typing import Any

import pytest

from chargepoint.core.records import Delivery
from tests.core.billing import BILLING, actions, dead_letters, session
from tests.core.central_system import Refuse
from tests.core.harness import World

pytestmark = pytest.mark.section("3.7")


def replay(world: World, seq: int) -> dict[str, Any]:
    body, error = world.control("replay_dead_letter", seq=seq)
    assert error is None, error
    return body


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
