"""What a card at a reader means (OCPP 1.6 sections 3.4, 4.1, 4.9, 9.1: ConnectionTimeOut)."""

import pytest

from chargepoint.core.records import Charging
from chargepoint.facts import Pattern, Refusal
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import After, Silence, id_tag_info, listed
from tests.core.harness import World


@pytest.fixture
def two() -> World:
    """Two sockets and one card reader between them."""
    return World(connectors=2)


def charging(world: World, connector: int, id_tag: str) -> None:
    world.plug(connector)
    world.tap(id_tag)
    assert world.contactor(connector)


@pytest.mark.section("4.10")
def test_the_first_meaning_of_a_card_is_the_session_that_it_began(two: World) -> None:
    charging(two, 1, "ANNA")
    two.plug(2)  # waits for a card
    two.tap("ANNA")
    two.expect_call("StopTransaction", reason="Local", idTag="ANNA")
    assert not two.contactor(1)
    assert not two.contactor(2)
    assert two.status(2) == Status.Preparing


@pytest.mark.section("4.10")
def test_stopping_asks_nobody(two: World) -> None:
    charging(two, 1, "ANNA")
    two.forget()
    two.csms.always("Authorize", Silence())
    two.tap("anna")
    two.expect_no_call("Authorize")
    assert not two.contactor(1)


@pytest.mark.section("3.4")
def test_the_second_meaning_is_the_plugged_connector_that_waits_longest(two: World) -> None:
    two.plug(2)
    two.advance(5.0)
    two.plug(1)
    two.tap("ANNA")
    two.expect_call("StartTransaction", connectorId=2, idTag="ANNA")
    two.tap("BERT")
    two.expect_call("StartTransaction", connectorId=1, idTag="BERT")


@pytest.mark.section("3.4")
def test_the_third_meaning_is_the_connector_that_is_plugged_next(two: World) -> None:
    two.tap("ANNA")
    assert {two.shown(1), two.shown(2)} == {Pattern.ACCEPTED}
    two.plug(2)
    two.expect_call("StartTransaction", connectorId=2, idTag="ANNA")


@pytest.mark.section("3.4")
def test_a_reader_of_one_connector_means_no_other() -> None:
    world = World(connectors=2, each=True)
    world.plug(1)
    world.tap("ANNA", reader=2)
    world.expect_no_call("StartTransaction")
    assert world.status(2) == Status.Preparing
    world.plug(2)
    world.expect_call("StartTransaction", connectorId=2, idTag="ANNA")


@pytest.mark.section("3.4")
def test_a_card_that_was_shown_at_the_wrong_reader_first_waits_at_the_right_one_only() -> None:
    world = World(connectors=2, each=True)
    world.tap("ANNA", reader=1)
    world.tap("ANNA", reader=2)
    world.plug(1)
    world.expect_no_call("StartTransaction")
    world.plug(2)
    world.expect_call("StartTransaction", connectorId=2, idTag="ANNA")


@pytest.mark.section("9.1.6")
def test_nobody_plugs_and_the_authorisation_lapses() -> None:
    world = World(keys={"ConnectionTimeOut": 45})
    world.tap()
    world.advance(44.9)
    assert world.status() == Status.Preparing
    world.advance(0.2)
    assert world.status() == Status.Available
    world.plug()
    world.advance(10.0)
    world.expect_no_call("StartTransaction")
    assert not world.contactor()


@pytest.mark.section("9.1.6")
def test_a_connection_time_out_of_zero_waits_for_ever() -> None:
    world = World(keys={"ConnectionTimeOut": 0})
    world.tap()
    world.advance(86_400.0)
    world.plug()
    world.expect_call("StartTransaction", idTag="CARD1")


@pytest.mark.section("4.9")
def test_the_second_presentation_of_a_waiting_card_withdraws_it(world: World) -> None:
    world.tap("ANNA")
    world.tap("anna")
    assert world.statuses() == [Status.Available, Status.Preparing, Status.Available]
    world.plug()
    world.expect_no_call("StartTransaction")


@pytest.mark.section("3.4")
def test_a_second_card_takes_the_place_of_the_one_that_waits(world: World) -> None:
    world.tap("ANNA")
    world.tap("BERT")
    world.plug()
    world.expect_call("StartTransaction", idTag="BERT")
    assert len(world.calls("StartTransaction")) == 1


@pytest.mark.section("3.4")
def test_a_car_that_waits_for_its_card_waits_without_limit(world: World) -> None:
    world.plug()
    world.advance(86_400.0)
    assert world.status() == Status.Preparing
    assert world.shown() is Pattern.CARD_WANTED
    world.tap()
    assert world.contactor()


@pytest.mark.section("3.6")
@pytest.mark.parametrize("source", ["authorize", "start", "cache", "list"])
def test_a_card_of_the_same_group_ends_the_session(world: World, source: str) -> None:
    info = id_tag_info(parent="FAMILY")
    if source == "authorize":
        world.csms.always("Authorize", info)
    elif source == "start":
        world.csms.once("StartTransaction", {**info, "transactionId": 5})
        world.csms.always("Authorize", lambda sent: info if sent["idTag"] == "MUM" else id_tag_info())
    else:
        known = world.store.cache if source == "cache" else world.store.listed
        known |= {"dad": listed("DAD", parent="FAMILY"), "mum": listed("MUM", parent="FAMILY")}
        world.configure("LocalPreAuthorize", True)
        world.csms.always("Authorize", id_tag_info("Blocked"))
        world.csms.always("StartTransaction", {**info, "transactionId": 5})
    charging(world, 1, "DAD")
    world.tap("MUM")
    world.expect_call("StopTransaction", reason="Local", idTag="MUM")
    assert not world.contactor()


@pytest.mark.section("3.6")
def test_an_accepted_card_of_nobody_does_not_end_the_session(world: World) -> None:
    charging(world, 1, "ANNA")
    world.tap("BERT")
    world.expect_no_call("Authorize", idTag="BERT")
    world.expect_no_call("StopTransaction")
    assert world.contactor()
    assert world.shown() is Pattern.REFUSED
    assert world.refusal() is Refusal.OCCUPIED
    world.advance(3.1)
    assert world.shown() is Pattern.CHARGING


@pytest.mark.section("3.6")
def test_a_refused_card_of_the_same_group_does_not_end_the_session(world: World) -> None:
    world.csms.once("Authorize", id_tag_info(parent="FAMILY"), id_tag_info("Blocked", parent="FAMILY"))
    charging(world, 1, "DAD")
    world.tap("MUM")
    assert world.contactor()
    assert world.refusal() is Refusal.BLOCKED


@pytest.mark.section("4.1")
@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("Invalid", Refusal.UNKNOWN),
        ("Blocked", Refusal.BLOCKED),
        ("Expired", Refusal.EXPIRED),
        ("ConcurrentTx", Refusal.CONCURRENT),
    ],
)
def test_a_refused_card_is_shown_why_and_begins_nothing(world: World, status: str, why: Refusal) -> None:
    world.csms.once("Authorize", id_tag_info(status))
    world.plug()
    world.tap()
    assert (world.shown(), world.refusal()) == (Pattern.REFUSED, why)
    world.advance(3.0)
    assert world.shown() is Pattern.CARD_WANTED
    world.expect_no_call("StartTransaction")


@pytest.mark.section("7.28")
def test_a_card_with_an_impossible_id_is_refused_without_asking(world: World) -> None:
    world.plug()
    for id_tag in ("", "X" * 21):
        world.tap(id_tag)
        assert world.refusal() is Refusal.UNKNOWN
        world.advance(4.0)
    world.expect_no_call("Authorize")
    world.tap("X" * 20)
    world.expect_call("StartTransaction", idTag="X" * 20)


@pytest.mark.section("4.1")
def test_while_a_card_is_asked_about_the_lamp_says_so_and_the_same_card_is_not_asked_twice(world: World) -> None:
    world.csms.once("Authorize", After(4.0, id_tag_info()))
    world.plug()
    world.tap()
    world.advance(1.0)
    assert world.shown() is Pattern.ASKING
    world.tap()
    world.advance(5.0)
    assert len(world.calls("Authorize")) == 1
    assert world.contactor()


@pytest.mark.section("4.1")
def test_a_car_that_leaves_while_its_card_is_asked_about_leaves_the_card_waiting(world: World) -> None:
    world.csms.once("Authorize", After(4.0, id_tag_info()))
    world.plug()
    world.tap()
    world.unplug()
    world.advance(5.0)
    world.expect_no_call("StartTransaction")
    world.plug()
    world.expect_call("StartTransaction")


@pytest.mark.section("5.2")
def test_a_card_at_a_station_out_of_service_is_refused_without_asking(world: World) -> None:
    world.call("ChangeAvailability", connectorId=0, type="Inoperative")
    world.plug()
    world.tap()
    assert world.refusal() is Refusal.OUT_OF_SERVICE
    world.expect_no_call("Authorize")


@pytest.mark.section("3.4")
def test_an_authorisation_moves_on_when_its_connector_fails(two: World) -> None:
    two.tap("ANNA")
    two.input("ground_fault", 1)
    two.plug(1)
    two.expect_no_call("StartTransaction")
    two.plug(2)
    two.expect_call("StartTransaction", connectorId=2, idTag="ANNA")


@pytest.mark.section("3.4")
def test_nobody_waits_for_a_connector_that_failed_meanwhile(world: World) -> None:
    world.tap("ANNA")
    world.input("ground_fault", 1)
    world.input("ground_fault", 1, active=False)
    assert world.status() == Status.Available
    world.plug()
    world.expect_no_call("StartTransaction")


@pytest.mark.section("4.8")
def test_a_card_while_the_last_reading_is_waited_for_begins_nothing_by_accident() -> None:
    world = World(lag_s=0.3)
    world.plug()
    world.tap()
    world.advance(2.0)
    world.tap()
    world.tap()
    world.advance(5.0)
    assert len(world.calls("StartTransaction")) == 1
    assert not isinstance(world.store.session(1), Charging)


@pytest.mark.section("4.8")
def test_a_card_whose_car_is_there_keeps_its_connector_while_the_meter_is_read(two: World) -> None:
    """Found by the simulator: two drivers at one reader within the time that a meter takes to answer."""
    two.plug(1)
    two.plug(2)
    two.plants[1].meter_deaf = two.plants[2].meter_deaf = True
    two.tap("ANNA")
    two.tap("BERT")
    two.plants[1].meter_deaf = two.plants[2].meter_deaf = False
    two.read_meter(1)
    two.read_meter(2)
    two.expect_call("StartTransaction", connectorId=1, idTag="ANNA")
    two.expect_call("StartTransaction", connectorId=2, idTag="BERT")
