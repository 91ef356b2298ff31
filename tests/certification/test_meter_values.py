"""Meter values while charging, as the certification tool plays them."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.certification import tool
from tests.core.harness import World

EVERY_S = 20
MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"


def charged(key: str, intervals: dict[str, int]) -> list[dict[str, Any]]:
    """What is told of a connector in three intervals of a transaction: every measurand that the key names."""
    world = World(wall=True, draws_w=3_600.0, poll_s=1.0)
    for name, value in {key: MEASURANDS, **intervals}.items():
        world.configure(name, value)
    world.forget()
    named = set(tool.asked(world, key).split(","))
    transaction = tool.charging(world)
    world.forget()
    world.advance(3.0 * EVERY_S + 1.0)
    told = [sent.payload for sent in world.unseen() if sent.action == "MeterValues" and sent.payload["connectorId"] == 1]
    assert len(told) == 3
    for one in told:
        assert one["transactionId"] == transaction
        (value,) = one["meterValue"]
        for sampled in value["sampledValue"]:
            assert sampled["location"] != "EV"
            assert sampled["format"] == "Raw"
            assert float(sampled["value"]) >= 0.0
            assert sampled["unit"] in ("Wh", "W", "A", "V")
        assert {sampled["measurand"] for sampled in value["sampledValue"]} == named
    return [one["meterValue"][0] for one in told]


def dates(values: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(value["timestamp"]) for value in values]


def contexts(values: list[dict[str, Any]]) -> set[str]:
    return {sampled["context"] for value in values for sampled in value["sampledValue"]}


@pytest.mark.section("tool TC_070")
def test_samples_of_a_transaction() -> None:
    intervals = {"MeterValueSampleInterval": EVERY_S, "ClockAlignedDataInterval": 0}
    values = charged("MeterValuesSampledData", intervals)
    assert contexts(values) == {"Sample.Periodic"}
    assert [(later - earlier).total_seconds() for earlier, later in pairwise(dates(values))] == [EVERY_S, EVERY_S]


@pytest.mark.section("tool TC_071")
def test_values_on_the_grid_of_the_clock() -> None:
    intervals = {"MeterValueSampleInterval": 0, "ClockAlignedDataInterval": EVERY_S}
    values = charged("MeterValuesAlignedData", intervals)
    assert contexts(values) == {"Sample.Clock"}
    assert [(later - earlier).seconds for earlier, later in pairwise(dates(values))] == [EVERY_S, EVERY_S]
    assert {date.second % EVERY_S for date in dates(values)} == {0}


@pytest.mark.section("tool TC_070")
@pytest.mark.section("tool TC_071")
@pytest.mark.parametrize("key", ["MeterValuesSampledData", "MeterValuesAlignedData"])
def test_a_new_station_tells_the_register_of_energy(key: str) -> None:
    assert tool.asked(World(), key) == "Energy.Active.Import.Register"
