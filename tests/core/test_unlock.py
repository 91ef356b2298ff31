"""UnlockConnector in every state (OCPP 1.6 sections 5.18, 7.46)."""

import pytest

from chargepoint.core.effects import MoveLock
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import Payload, Refuse, id_tag_info
from tests.core.harness import World

pytestmark = [pytest.mark.section("6.53"), pytest.mark.section("7.46")]

UNLOCKED: Payload = {"status": "Unlocked"}
FAILED: Payload = {"status": "UnlockFailed"}
NOT_SUPPORTED: Payload = {"status": "NotSupported"}


def answer(world: World, message_id: str) -> Payload | Refuse | None:
    return world.answers.get(message_id)


@pytest.mark.section("5.18")
@pytest.mark.parametrize("state", ["empty", "plugged", "finished", "inoperative", "faulted"])
def test_without_a_session_the_lock_opens(world: World, state: str) -> None:
    if state in ("plugged", "finished"):
        world.plug()
    if state == "finished":
        world.tap()
        world.tap()
    elif state == "inoperative":
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    elif state == "faulted":
        world.input("ground_fault", 1)
    world.slip_lock(1, True)
    assert world.call("UnlockConnector", connectorId=1) == UNLOCKED
    assert not world.locked()


@pytest.mark.section("5.18")
def test_an_open_lock_is_moved_all_the_same_and_is_unlocked(world: World) -> None:
    assert world.call("UnlockConnector", connectorId=1) == UNLOCKED


@pytest.mark.section("5.18")
def test_a_running_session_ends_first_and_the_lock_opens_without_load() -> None:
    world = World(lag_s=0.2)
    world.plug()
    world.tap()
    world.advance(2.0)
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    assert answer(world, asked) is None
    assert not world.contactor()
    assert world.locked(), "the contacts were not seen open yet"
    world.advance(2.0)
    assert answer(world, asked) == UNLOCKED
    world.expect_call("StopTransaction", reason="UnlockCommand")
    assert world.status() == Status.Finishing


@pytest.mark.section("5.18")
def test_a_jammed_lock_has_failed(world: World) -> None:
    world.plug()
    world.tap()
    world.plants[1].jammed = True
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    assert answer(world, asked) is None
    world.advance(6.0)
    assert answer(world, asked) == FAILED
    world.expect_call("StopTransaction", reason="UnlockCommand")
    assert world.last_told().error_code == "ConnectorLockFailure"


@pytest.mark.section("5.18")
def test_a_silent_lock_has_failed_in_time_for_the_answer(world: World) -> None:
    world.plants[1].lock_silent = True
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.advance(6.0)
    assert answer(world, asked) == FAILED


@pytest.mark.section("5.18")
def test_a_lock_whose_driver_is_lost_has_failed_at_once(world: World) -> None:
    world.lose("lock")
    assert world.call("UnlockConnector", connectorId=1) == FAILED


@pytest.mark.section("5.18")
def test_a_welded_contactor_keeps_its_cable(world: World) -> None:
    world.plug()
    world.tap()
    world.plants[1].welded = True
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.advance(6.0)
    assert answer(world, asked) == FAILED
    assert world.locked()
    assert MoveLock(1, False) not in world.effects, "not even for a moment"


@pytest.mark.section("5.18")
def test_the_lock_moves_only_when_the_contacts_have_opened() -> None:
    world = World(lag_s=0.3)
    world.plug()
    world.tap()
    world.advance(1.0)
    assert world.contactor()
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.advance(0.2)
    assert MoveLock(1, False) not in world.effects
    world.advance(2.0)
    assert MoveLock(1, False) in world.effects
    assert answer(world, asked) == UNLOCKED


@pytest.mark.section("5.18")
def test_what_cannot_be_unlocked_is_not_supported() -> None:
    for world in (World(tethered=True), World(has_lock=False)):
        world.plug()
        world.tap()
        assert world.call("UnlockConnector", connectorId=1) == NOT_SUPPORTED
        assert world.contactor(), "a session that cannot be unlocked goes on"


@pytest.mark.section("5.18")
def test_an_unknown_connector_is_not_supported(world: World) -> None:
    assert world.call("UnlockConnector", connectorId=2) == NOT_SUPPORTED
    assert world.refused("UnlockConnector", {"connectorId": 0}) == "PropertyConstraintViolation"


@pytest.mark.section("5.18")
def test_every_unlock_is_answered_once() -> None:
    world = World(connectors=2, lag_s=0.5)
    asked = [world.ask("UnlockConnector", {"connectorId": number}) for number in (1, 2, 1)]
    world.advance(3.0)
    assert [answer(world, one) for one in asked] == [UNLOCKED] * 3


@pytest.mark.section("5.18")
def test_too_many_unlocks_at_once_fail() -> None:
    world = World(lag_s=1.0)
    asked = [world.ask("UnlockConnector", {"connectorId": 1}) for _ in range(40)]
    world.advance(8.0)
    answers = [answer(world, one) for one in asked]
    assert answers == [UNLOCKED] * 32 + [FAILED] * 8


@pytest.mark.section("5.18")
def test_nobody_is_answered_on_a_new_connection() -> None:
    world = World(lag_s=0.5)
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.disconnect()
    world.connect()
    world.advance(3.0)
    assert answer(world, asked) is None
    assert not world.locked()


@pytest.mark.section("5.18")
def test_unlock_while_a_refused_session_is_being_closed_frees_its_cable() -> None:
    world = World(lag_s=0.4)
    world.csms.once("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 3})
    world.plug()
    world.tap()
    world.advance(0.5)
    world.plants[1].meter_deaf = True
    world.advance(1.0)
    asked = world.ask("UnlockConnector", {"connectorId": 1})
    world.advance(12.0)
    assert answer(world, asked) == UNLOCKED
    world.expect_call("StopTransaction", reason="DeAuthorized")
    assert not world.locked()
