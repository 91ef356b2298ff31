"""The Central System refuses the id of a session that runs (OCPP 1.6 sections 4.8, 9.1: StopTransactionOnInvalidId)."""

from typing import Any

import pytest

from chargepoint.core.records import Charging
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import After, id_tag_info, listed
from tests.core.harness import World

pytestmark = pytest.mark.section("9.1.24")

STATUSES = ["Invalid", "Blocked", "Expired", "ConcurrentTx"]


def refused(status: str = "Invalid", connectors: int = 1, **keys: Any) -> World:
    """A session whose id tag is refused, once it runs."""
    world = World(connectors, keys=keys)
    world.csms.once("StartTransaction", {**id_tag_info(status), "transactionId": 9})
    world.plug()
    world.tap()
    return world


@pytest.mark.section("4.8")
@pytest.mark.parametrize("status", STATUSES)
def test_the_session_ends_and_the_cable_is_held_for_its_owner(status: str) -> None:
    world = refused(status)
    stopped = world.expect_call("StopTransaction", transactionId=9, reason="DeAuthorized")
    assert "idTag" not in stopped
    assert not world.contactor()
    assert world.locked()
    assert world.status() == Status.Finishing
    world.csms.always("Authorize", id_tag_info(status))
    world.tap()
    assert not world.locked()
    world.unplug()
    assert world.status() == Status.Available


@pytest.mark.section("4.8")
def test_an_accepted_card_frees_the_cable_where_the_reader_has_no_other_connector() -> None:
    world = refused()
    world.tap("MECHANIC")
    assert not world.locked()
    assert len(world.calls("StartTransaction")) == 1


@pytest.mark.section("4.8")
def test_a_refused_card_does_not_free_the_cable_of_somebody_else() -> None:
    world = refused()
    world.csms.once("Authorize", id_tag_info("Invalid"))
    world.tap("THIEF")
    assert world.locked()


@pytest.mark.section("9.1.14")
def test_the_session_may_go_on_without_energy() -> None:
    world = refused(StopTransactionOnInvalidId=False)
    world.expect_no_call("StopTransaction")
    assert not world.contactor()
    assert world.locked()
    assert world.status() == Status.SuspendedEVSE
    world.tap()
    world.expect_call("StopTransaction", transactionId=9, reason="Local")
    assert not world.locked()


@pytest.mark.section("9.1.14")
def test_the_energy_of_an_invalid_id_ends_at_its_bound() -> None:
    world = refused(StopTransactionOnInvalidId=False, MaxEnergyOnInvalidId=500)
    assert world.contactor()
    world.meter(1, 1_499.0)
    assert world.status() == Status.Charging
    world.meter(1, 1_500.0)
    assert not world.contactor()
    assert world.status() == Status.SuspendedEVSE
    assert world.offer() is None


@pytest.mark.section("9.1.14")
def test_the_bound_counts_what_flowed_before_the_refusal() -> None:
    world = World(keys={"StopTransactionOnInvalidId": False, "MaxEnergyOnInvalidId": 500})
    world.csms.once("StartTransaction", After(20.0, {**id_tag_info("Blocked"), "transactionId": 9}))
    world.plug()
    world.tap()
    world.meter(1, 1_600.0)
    assert world.contactor()
    world.advance(21.0)
    assert not world.contactor()


@pytest.mark.section("9.1.14")
def test_an_invalid_session_stays_without_energy_over_a_power_cut() -> None:
    world = World(keys={"StopTransactionOnInvalidId": False}, after_power_loss="resume")
    world.csms.once("StartTransaction", {**id_tag_info("Invalid"), "transactionId": 9})
    world.plug()
    world.tap()
    world.cut_power()
    world.advance(10.0)
    assert world.store.session(1) == Charging(transaction=1, invalid=True)
    assert not world.contactor()


@pytest.mark.section("3.7")
def test_an_offline_session_that_is_refused_later_ends_then() -> None:
    world = World()
    world.store.listed["card1"] = listed("CARD1")
    world.disconnect()
    world.plug()
    world.tap()
    world.advance(60.0)
    assert world.contactor()
    world.csms.once("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 9})
    world.connect()
    world.expect_call("StopTransaction", transactionId=9, reason="DeAuthorized")
    assert not world.contactor()


@pytest.mark.section("4.8")
def test_a_refusal_that_comes_after_the_end_changes_nothing() -> None:
    world = World()
    world.csms.once("StartTransaction", After(10.0, {**id_tag_info("Blocked"), "transactionId": 9}))
    world.plug()
    world.tap()
    world.tap()
    world.unplug()
    world.advance(11.0)
    stopped = world.calls("StopTransaction")
    assert [sent["reason"] for sent in stopped] == ["Local"]
    assert world.status() == Status.Available


@pytest.mark.section("4.8")
def test_a_refused_id_teaches_the_cache() -> None:
    world = refused("Blocked")
    assert world.store.cache["card1"].status == "Blocked"


@pytest.mark.section("5.18")
def test_unlock_frees_a_held_cable() -> None:
    world = refused()
    assert world.locked()
    assert world.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    assert not world.locked()
    world.advance(60.0)
    assert not world.locked()


@pytest.mark.section("4.8")
def test_the_owners_card_frees_the_cable_while_the_last_reading_is_still_waited_for() -> None:
    world = World()
    world.csms.once("StartTransaction", After(5.0, {**id_tag_info("Blocked"), "transactionId": 9}))
    world.plug()
    world.tap()
    world.advance(1.0)
    world.plants[1].meter_deaf = True
    world.advance(5.0)
    world.pilot(1, "B")
    assert world.locked()
    world.forget()
    world.tap()
    assert not world.locked()
    world.expect_no_call("Authorize")
    world.advance(5.0)
    assert not world.locked()
