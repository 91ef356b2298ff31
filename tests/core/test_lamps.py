"""What the driver of a car sees at each connector."""

import pytest

from chargepoint.facts import Pattern, Refusal
from tests.core.central_system import After, id_tag_info
from tests.core.harness import World


def test_through_a_whole_charge(world: World) -> None:
    shown = [world.shown()]

    def look() -> None:
        world.advance(3.1)
        shown.append(world.shown())

    world.plug(ready=False)
    look()
    world.tap()
    look()
    world.ev_ready()
    look()
    world.tap()
    look()
    world.unplug()
    look()
    assert shown == [
        Pattern.AVAILABLE,
        Pattern.CARD_WANTED,
        Pattern.SUSPENDED_EV,
        Pattern.CHARGING,
        Pattern.FINISHING,
        Pattern.AVAILABLE,
    ]


def test_a_card_before_its_plug(world: World) -> None:
    world.tap()
    assert world.shown() is Pattern.ACCEPTED
    world.advance(3.1)
    assert world.shown() is Pattern.PLUG_WANTED
    world.advance(60.0)
    assert world.shown() is Pattern.AVAILABLE


def test_asking_accepted_and_back() -> None:
    world = World()
    world.csms.once("Authorize", After(2.0, id_tag_info()))
    world.plug(ready=False)
    world.tap()
    assert world.shown() is Pattern.ASKING
    world.advance(2.1)
    assert world.shown() is Pattern.ACCEPTED
    world.advance(3.1)
    assert world.shown() is not Pattern.ACCEPTED


def test_a_refusal_goes_within_three_seconds(world: World) -> None:
    world.csms.once("Authorize", id_tag_info("Expired"))
    world.tap()
    assert (world.shown(), world.refusal()) == (Pattern.REFUSED, Refusal.EXPIRED)
    world.advance(2.9)
    assert world.shown() is Pattern.REFUSED
    world.advance(0.2)
    assert (world.shown(), world.refusal()) == (Pattern.AVAILABLE, None)


def test_a_refusal_is_not_shown_where_somebody_charges() -> None:
    world = World(connectors=2)
    world.plug(1)
    world.tap("ANNA")
    world.advance(4.0)
    world.csms.once("Authorize", id_tag_info("Invalid"))
    world.tap("BERT")
    assert (world.shown(1), world.shown(2)) == (Pattern.CHARGING, Pattern.REFUSED)


def test_a_fault_goes_before_every_answer(world: World) -> None:
    world.tap()
    world.input("ground_fault", 1)
    assert world.shown() is Pattern.FAULTED


def test_a_session_that_was_begun_remotely_wants_no_card(world: World) -> None:
    world.plug(ready=False)
    assert world.shown() is Pattern.CARD_WANTED
    world.call("RemoteStartTransaction", idTag="APP", connectorId=1)
    assert world.shown() is not Pattern.CARD_WANTED


def test_offline_changes_no_lamp(world: World) -> None:
    world.plug()
    world.tap()
    world.advance(4.0)
    shown = len(world.effects)
    world.disconnect()
    world.advance(10.0)
    world.connect()
    assert not any(type(effect).__name__ == "Show" for effect in world.effects[shown:])


@pytest.mark.parametrize(("what", "pattern"), [("suspended", Pattern.SUSPENDED_EVSE), ("out of service", Pattern.UNAVAILABLE)])
def test_what_the_station_holds_back_is_seen(what: str, pattern: Pattern) -> None:
    world = World(keys={"StopTransactionOnInvalidId": False})
    if what == "suspended":
        world.csms.once("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 1})
        world.plug()
        world.tap()
    else:
        world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    world.advance(4.0)
    assert world.shown() is pattern
