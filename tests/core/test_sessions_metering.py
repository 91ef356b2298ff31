"""meterStart and meterStop: whatever the meter does, nobody pays too much (OCPP 1.6 sections 4.8, 4.10, 6.45, 6.49)."""

from typing import Any

import pytest

from tests.core.harness import World


def charge(world: World, *readings: float) -> dict[str, Any]:
    """A session through these registers; StopTransaction.req."""
    world.plug()
    world.tap()
    for register_wh in readings:
        world.advance(10.0)
        world.meter(1, register_wh)
    world.tap()
    world.unplug()
    return world.expect_call("StopTransaction")


@pytest.mark.section("6.45")
def test_cumulative_metering_sends_the_register() -> None:
    world = World(metering="cumulative")
    stopped = charge(world, 2_000.0, 3_500.9)
    assert world.calls("StartTransaction")[0]["meterStart"] == 1000
    assert stopped["meterStop"] == 3500


@pytest.mark.section("6.45")
def test_transaction_metering_begins_at_zero() -> None:
    world = World(metering="transaction", keys={"MeterValueSampleInterval": 10})
    world.meter(1, 1_234.5)
    stopped = charge(world, 2_000.0, 3_234.4)
    assert world.calls("StartTransaction")[0]["meterStart"] == 0
    assert stopped["meterStop"] == 1999
    values = [sent["meterValue"][0]["sampledValue"][0]["value"] for sent in world.calls("MeterValues")]
    assert [float(value) for value in values] == pytest.approx([0.0, 766.0], abs=1.0)


@pytest.mark.section("6.49")
@pytest.mark.parametrize("metering", ["cumulative", "transaction"])
def test_a_meter_that_falls_back_is_counted_on_from_where_it_was(metering: str) -> None:
    world = World(metering=metering)
    stopped = charge(world, 1_800.0, 50.0, 250.0)
    start = world.calls("StartTransaction")[0]["meterStart"]
    assert stopped["meterStop"] - start == 1_000, "800 before it fell, 200 after"


@pytest.mark.section("6.49")
def test_a_meter_that_fell_back_in_the_dark_of_a_resumed_session_is_counted_on() -> None:
    world = World(after_power_loss="resume", keys={"MeterValueSampleInterval": 10})
    world.plug()
    world.tap()
    world.advance(5.0)
    world.meter(1, 1_500.0)
    world.advance(10.0)
    world.plants[1].energy_wh = 0.0
    world.cut_power()
    world.meter(1, 300.0)
    world.tap()
    world.expect_call("StopTransaction", meterStop=1800)


@pytest.mark.section("6.49")
def test_two_sessions_in_a_row_share_no_energy() -> None:
    world = World()
    first = charge(world, 1_999.9)
    world.meter(1, 2_000.4)
    second = charge(world, 2_500.0)
    starts = [sent["meterStart"] for sent in world.calls("StartTransaction")]
    assert starts == [1000, 2000]
    assert (first["meterStop"], second["meterStop"]) == (1999, 2500)


@pytest.mark.section("4.10")
def test_the_last_reading_is_one_with_open_contacts() -> None:
    world = World(lag_s=0.5, draws_w=7_200.0)
    world.plug()
    world.tap()
    world.advance(10.0)
    world.tap()
    world.advance(5.0)
    stopped = world.expect_call("StopTransaction", reason="Local")
    assert stopped["meterStop"] == int(world.plants[1].energy_wh)


@pytest.mark.section("4.10")
def test_a_meter_that_falls_silent_at_the_end_is_waited_for_three_seconds_after_the_contacts_opened() -> None:
    world = World()
    world.plug()
    world.tap()
    world.advance(10.0)
    world.meter(1, 1_900.0)
    world.advance(10.0)
    world.plants[1].meter_deaf = True
    world.tap()
    world.advance(1.0)
    world.pilot(1, "B")
    world.advance(2.9)
    world.expect_no_call("StopTransaction")
    world.advance(0.2)
    stopped = world.expect_call("StopTransaction", meterStop=1900, reason="Local")
    assert stopped["timestamp"] == "2026-01-05T12:00:20Z", "the time of the tap, not of the reading"
    assert any("no last reading" in log.text for log in world.logs)


@pytest.mark.section("4.10")
def test_a_meter_that_was_lost_already_is_waited_for_ten_seconds() -> None:
    world = World()
    world.plug()
    world.tap()
    world.advance(10.0)
    world.lose("meter")
    world.tap()
    world.advance(9.9)
    world.expect_no_call("StopTransaction")
    world.advance(0.2)
    world.expect_call("StopTransaction", meterStop=1000)


@pytest.mark.section("4.10")
def test_a_lost_meter_that_is_back_in_time_tells_the_truth() -> None:
    world = World()
    world.plug()
    world.tap()
    world.advance(10.0)
    world.lose("meter")
    world.plants[1].energy_wh = 1_300.0
    world.tap()
    world.advance(5.0)
    world.recover("meter")
    world.expect_call("StopTransaction", meterStop=1300)


@pytest.mark.section("4.10")
def test_a_session_without_energy_is_billed_as_nothing() -> None:
    stopped = charge(World())
    assert stopped["meterStop"] == 1000


@pytest.mark.section("6.45")
def test_a_register_that_is_huge_or_zero() -> None:
    for register_wh in (0.0, 2_000_000_000.0):
        world = World()
        world.meter(1, register_wh)
        stopped = charge(world, register_wh + 500.0)
        assert world.calls("StartTransaction")[0]["meterStart"] == int(register_wh)
        assert stopped["meterStop"] == int(register_wh) + 500
