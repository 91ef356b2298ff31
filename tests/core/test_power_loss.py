"""The mains goes in mid-session (OCPP 1.6 section 4.10, reasons PowerLoss and Reboot; `after_power_loss` of the settings)."""

from typing import Any

import pytest

from chargepoint.core.records import Charging, Delivery, Ending, Finishing, Idle
from chargepoint.facts import Pattern
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import listed
from tests.core.harness import World
from tests.core.sites import site_of


def charging(**more: Any) -> World:
    world = World(**more)
    world.plug()
    world.tap()
    world.meter(1, 2_000.0)
    world.forget()
    return world


@pytest.mark.section("4.10")
def test_the_session_is_closed_at_the_register_that_is_true_after_the_start() -> None:
    world = charging()
    world.plants[1].energy_wh = 2_345.6  # what flowed after the last reading that was stored
    world.cut_power(3_600.0)
    stopped = world.expect_call("StopTransaction", transactionId=1001, meterStop=2345, reason="PowerLoss")
    assert stopped["timestamp"] == "2026-01-05T13:00:00Z"
    assert not world.contactor()
    assert world.status() == Status.Finishing
    assert isinstance(world.store.session(1), Finishing)


@pytest.mark.section("4.10")
def test_a_car_that_left_in_the_dark() -> None:
    world = charging()
    world.plants[1].pilot = World().plants[1].pilot  # no car, no cable
    world.cut_power()
    world.expect_call("StopTransaction", reason="PowerLoss")
    assert world.status() == Status.Available
    assert not world.locked()


@pytest.mark.section("4.10")
def test_a_meter_that_wakes_late_is_waited_for() -> None:
    world = charging()
    world.kill()
    world.plants[1].meter_deaf = True
    world.cut_power()
    world.advance(20.0)
    world.expect_no_call("StopTransaction")
    assert isinstance(world.store.session(1), Ending)
    world.plants[1].meter_deaf = False
    world.meter(1, 2_222.0)
    world.expect_call("StopTransaction", meterStop=2222)


@pytest.mark.section("4.10")
def test_a_meter_that_never_wakes_is_billed_as_it_was_stored() -> None:
    world = charging(keys={"MeterValueSampleInterval": 60})
    world.advance(61.0)  # with a sample the register is stored
    world.plants[1].meter_deaf = True
    world.cut_power()
    world.advance(31.0)
    world.expect_call("StopTransaction", meterStop=2000, reason="PowerLoss")


@pytest.mark.section("4.10")
@pytest.mark.parametrize("cuts", [1, 2, 5])
def test_more_power_cuts_while_the_last_reading_is_waited_for_lose_nothing(cuts: int) -> None:
    world = charging()
    world.plants[1].meter_deaf = True
    for _ in range(cuts):
        world.cut_power(online=False)
        world.advance(1.0)
        assert isinstance(world.store.session(1), Ending)
    world.plants[1].meter_deaf = False
    world.cut_power()
    assert len(world.calls("StopTransaction")) == 1
    stopped = world.expect_call("StopTransaction", transactionId=1001, reason="PowerLoss")
    assert stopped["meterStop"] == 2000
    assert world.store.newest().stop_delivery is Delivery.CONFIRMED


@pytest.mark.section("4.10")
def test_a_power_cut_between_the_end_and_its_reading_keeps_reason_card_and_time() -> None:
    world = charging()
    world.plants[1].meter_deaf = True
    world.advance(60.0)
    world.tap()
    assert isinstance(world.store.session(1), Ending)
    world.plants[1].meter_deaf = False
    world.plants[1].energy_wh = 2_100.0
    world.cut_power()
    stopped = world.expect_call("StopTransaction", reason="Local", idTag="CARD1", meterStop=2100)
    assert stopped["timestamp"] == "2026-01-05T12:01:00Z"


@pytest.mark.section("4.10")
def test_a_killed_process_closes_its_session_too() -> None:
    world = charging()
    world.restart()
    world.expect_call("StopTransaction", reason="PowerLoss", meterStop=2000)


@pytest.mark.section("4.10")
def test_a_cut_before_the_start_was_told_delivers_both_in_order() -> None:
    world = World()
    world.disconnect()
    world.store.listed["card1"] = listed("CARD1")
    world.plug()
    world.tap()
    world.cut_power()
    started = world.expect_call("StartTransaction", idTag="CARD1")
    world.expect_call("StopTransaction", transactionId=1001, reason="PowerLoss")
    assert started["timestamp"] == "2026-01-05T12:00:00Z"


@pytest.mark.section("4.10")
def test_a_session_may_go_on_after_the_power_cut() -> None:
    world = charging(after_power_loss="resume")
    world.cut_power()
    world.expect_no_call("StopTransaction")
    world.expect_no_call("StartTransaction")
    assert world.contactor()
    assert world.status() == Status.Charging
    assert Status.Preparing not in world.statuses()[-2:]
    world.advance(60.1)
    world.expect_call("MeterValues", transactionId=1001)
    world.meter(1, 5_000.0)
    world.tap()
    world.expect_call("StopTransaction", meterStop=5000, reason="Local")


@pytest.mark.section("4.10")
def test_a_resumed_session_whose_car_left_in_the_dark_ends() -> None:
    world = charging(after_power_loss="resume")
    world.plants[1].pilot = World().plants[1].pilot
    world.cut_power()
    world.expect_call("StopTransaction", transactionId=1001, reason="EVDisconnected")
    assert world.status() == Status.Available


@pytest.mark.section("4.10")
def test_the_mains_warning_closes_the_session_before_the_dark() -> None:
    world = charging()
    world.input("mains_lost")
    assert not world.contactor()
    world.expect_call("StopTransaction", reason="PowerLoss", meterStop=2000)
    world.cut_power()
    world.forget()
    world.inputs.clear()
    world.advance(60.0)
    assert len(world.calls("StopTransaction")) == 1


@pytest.mark.section("4.10")
def test_a_mains_warning_without_a_dark_leaves_a_finished_session() -> None:
    world = charging()
    world.input("mains_lost")
    assert world.shown() is Pattern.FAULTED
    assert world.status() == Status.Finishing
    world.advance(29.9)
    assert world.status() == Status.Finishing
    world.advance(0.2)
    assert world.status() == Status.Faulted
    assert world.last_told().error_code == "UnderVoltage"
    world.input("mains_lost", active=False)
    assert world.status() == Status.Finishing
    world.tap()
    world.expect_call("StartTransaction")
    assert world.contactor()


@pytest.mark.section("4.9")
def test_a_dip_of_the_mains_between_sessions_is_told_to_nobody_but_the_driver(world: World) -> None:
    world.plug()
    told = len(world.told)
    world.input("mains_lost")
    assert world.shown() is Pattern.FAULTED
    world.tap()
    assert world.call("RemoteStartTransaction", connectorId=1, idTag="APP") == {"status": "Rejected"}
    world.advance(29.0)
    world.input("mains_lost", active=False)
    world.advance(60.0)
    assert len(world.told) == told
    assert not world.calls("StartTransaction")


@pytest.mark.section("4.10")
def test_with_resume_a_mains_warning_keeps_the_session() -> None:
    world = charging(after_power_loss="resume")
    world.input("mains_lost")
    assert not world.contactor()
    assert isinstance(world.store.session(1), Charging)
    assert world.store.newest().register_last_wh == 2_000.0, "stored with the warning"
    world.inputs.clear()
    world.cut_power()
    assert world.contactor()
    assert world.calls("StopTransaction") == []


@pytest.mark.section("4.10")
def test_a_power_cut_without_a_session_changes_nothing(world: World) -> None:
    world.plug()
    world.cut_power()
    assert world.store.session(1) == Idle()
    assert world.status() == Status.Preparing
    world.tap()
    assert world.contactor()


@pytest.mark.section("4.10")
def test_the_meter_is_never_billed_below_its_start_whatever_came_over_it() -> None:
    world = charging()
    world.plants[1].energy_wh = 12.0  # replaced in the dark
    world.cut_power()
    stopped = world.expect_call("StopTransaction", reason="PowerLoss")
    assert stopped["meterStop"] >= 1000


@pytest.mark.section("4.10")
@pytest.mark.parametrize("after", ["stop", "resume"])
@pytest.mark.parametrize("ending", [False, True])
def test_a_connector_that_the_settings_no_longer_have(after: str, ending: bool) -> None:
    """Nobody reads its meter any more, and the transaction would stay open for ever."""
    keys = {"MeterValueSampleInterval": 60, "StopTxnSampledData": "Energy.Active.Import.Register"}
    world = World(2, keys=keys, after_power_loss=after)
    world.plug(2)
    world.tap()
    world.meter(2, 2_500.0)
    world.advance(60)
    if ending:
        world.plants[2].meter_deaf = True
        world.tap()
    world.kill()
    world.forget()
    world.site = site_of(1, first_keys=world.site.first_keys, after_power_loss=after)
    del world.plants[2]
    world.cut_power(3_600.0)
    stopped = world.expect_call(
        "StopTransaction", transactionId=1001, meterStop=2500, reason="Local" if ending else "PowerLoss"
    )
    assert stopped["timestamp"] == ("2026-01-05T12:01:00Z" if ending else "2026-01-05T13:01:00Z")
    assert len(stopped["transactionData"]) == 2
    assert world.store.newest().stop_delivery is Delivery.CONFIRMED
    world.restart()
    world.expect_no_call("StopTransaction")
    assert isinstance(world.store.session(2), Idle)


@pytest.mark.section("4.10")
@pytest.mark.parametrize("after", ["stop", "resume"])
@pytest.mark.parametrize(("before", "then"), [("cumulative", "transaction"), ("transaction", "cumulative")])
def test_a_session_is_metered_to_its_end_as_it_began(before: str, then: str, after: str) -> None:
    """The installer changed `metering` while the power was out: a meterStop below its meterStart is no bill."""
    world = charging(metering=before, after_power_loss=after)
    world.kill()
    world.site = site_of(1, metering=then, after_power_loss=after)
    world.plants[1].energy_wh = 2_345.6
    world.cut_power()
    world.unplug()
    world.advance(10)
    (start,) = world.calls("StartTransaction")
    (stop,) = world.calls("StopTransaction")
    assert start["meterStart"] == (1_000 if before == "cumulative" else 0)
    assert stop["meterStop"] == (2_345 if before == "cumulative" else 1_345)
