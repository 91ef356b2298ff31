"""Stories of what a session's meter values add up to: transactionData, energy, and values that are asked for."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.billing import charging, times, values
from tests.core.clocks import seconds_of
from tests.core.harness import World

pytestmark = pytest.mark.section("4.7")

ENERGY = "Energy.Active.Import.Register"


def stop_data(world: World) -> list[tuple[str, str]]:
    """Context and value of the transactionData."""
    (stop,) = world.calls("StopTransaction")
    return [(one["context"], one["value"]) for value in stop.get("transactionData", []) for one in value["sampledValue"]]


@pytest.mark.section("4.10")
class TestTransactionData:
    def test_begin_periodic_clock_and_end(self) -> None:
        world = World(
            keys={
                "MeterValueSampleInterval": 50,
                "ClockAlignedDataInterval": 60,
                "StopTxnSampledData": ENERGY,
                "StopTxnAlignedData": ENERGY,
                "MeterValuesSampledData": "",
                "MeterValuesAlignedData": "",
            },
            draws_w=3_600.0,
        )
        charging(world)
        for _ in range(11):
            world.advance(10)
            world.read_meter(1)
        world.unplug()
        world.advance(5)
        assert stop_data(world) == [
            ("Transaction.Begin", "1000"),
            ("Sample.Periodic", "1040"),
            ("Sample.Clock", "1060"),
            ("Sample.Periodic", "1090"),
            ("Transaction.End", "1110"),
        ]
        assert not world.calls("MeterValues")

    def test_none_where_the_lists_are_empty(self, world: World) -> None:
        charging(world)
        world.unplug()
        world.advance(5)
        assert "transactionData" not in world.calls("StopTransaction")[0]

    def test_begin_and_end_equal_meterstart_and_meterstop(self) -> None:
        """Fractions of a Wh are cut off everywhere in the same way."""
        for metering, unit in itertools.product(("cumulative", "transaction"), ("Wh", "kWh")):
            world = World(keys={"StopTxnSampledData": ENERGY}, metering=metering, energy_unit=unit)
            world.meter(1, 1_000.7)
            charging(world)
            world.meter(1, 1_234.6)
            world.unplug()
            world.advance(5)
            (start,), (stop,) = world.calls("StartTransaction"), world.calls("StopTransaction")
            begin, end = (float(value) * (1_000 if unit == "kWh" else 1) for _, value in stop_data(world))
            assert begin == pytest.approx(start["meterStart"])
            assert end == pytest.approx(stop["meterStop"])
            assert (start["meterStart"], stop["meterStop"]) == ((1_000, 1_234) if metering == "cumulative" else (0, 233))

    def test_it_outlives_a_power_cut(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10, "StopTxnSampledData": ENERGY})
        charging(world)
        world.advance(25)
        world.cut_power()
        world.advance(60)
        assert [context for context, _ in stop_data(world)] == [
            "Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End",
        ]  # fmt: skip

    def test_a_long_transaction_is_thinned_and_keeps_both_ends(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10, "StopTxnSampledData": "Voltage", "MeterValuesSampledData": ""})
        charging(world)
        world.advance(40_000)
        world.unplug()
        world.advance(5)
        (stop,) = world.calls("StopTransaction")
        data = stop["transactionData"]
        assert 300 <= sum(len(value["sampledValue"]) for value in data) <= 1_003
        contexts = [value["sampledValue"][0]["context"] for value in data]
        assert contexts[0] == "Transaction.Begin"
        assert contexts[-1] == "Transaction.End"
        assert set(contexts[1:-1]) == {"Sample.Periodic"}
        stamps = [seconds_of(value["timestamp"]) for value in data]
        gaps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
        assert stamps == sorted(stamps)
        assert max(gaps) <= 4 * 160.0, "the whole course stays"

    @pytest.mark.parametrize("count", range(330, 340))
    def test_the_end_is_there_however_many_went_before(self, count: int) -> None:
        world = World(keys={"MeterValueSampleInterval": 1, "StopTxnSampledData": "Voltage", "MeterValuesSampledData": ""})
        charging(world)
        world.advance(count)
        world.unplug()
        world.advance(5)
        contexts = [context for context, _ in stop_data(world)]
        assert contexts[0] == "Transaction.Begin"
        assert contexts[-1] == "Transaction.End"

    def test_a_silent_meter_ends_without_an_end(self) -> None:
        world = World(keys={"StopTxnSampledData": ENERGY})
        charging(world)
        world.plants[1].meter_deaf = True
        world.lose("meter")
        world.unplug()
        world.advance(30)
        assert [context for context, _ in stop_data(world)] == ["Transaction.Begin"]
        assert world.calls("StopTransaction")[0]["meterStop"] == 1_000


class TestEnergy:
    def test_from_zero_for_each_transaction(self) -> None:
        world = World(metering="transaction", keys={"MeterValueSampleInterval": 10})
        charging(world)
        world.meter(1, 1_500.0)
        world.advance(10)
        world.unplug()
        world.advance(5)
        assert world.calls("StartTransaction")[0]["meterStart"] == 0
        assert [one["value"] for one in values(world)] == ["500"]
        assert world.calls("StopTransaction")[0]["meterStop"] == 500

    def test_in_kwh_where_the_setting_says_so(self) -> None:
        world = World(energy_unit="kWh", keys={"MeterValueSampleInterval": 10})
        charging(world)
        world.meter(1, 1_500.0)
        world.advance(10)
        assert [(one["value"], one["unit"]) for one in values(world)] == [("1.500", "kWh")]
        assert world.calls("StartTransaction")[0]["meterStart"] == 1_000, "meterStart is in Wh always"

    def test_a_meter_that_falls_back_is_counted_on(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10})
        charging(world)
        world.meter(1, 1_400.0)
        world.meter(1, 3.0)
        world.meter(1, 103.0)
        world.advance(10)
        world.unplug()
        world.advance(5)
        assert [one["value"] for one in values(world)] == ["1500"]
        assert world.calls("StopTransaction")[0]["meterStop"] == 1_500

    @given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=12), st.sampled_from(["cumulative", "transaction"]))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_whatever_the_meter_says_the_bill_is_never_negative(self, registers: list[float], metering: str) -> None:
        world = World(metering=metering, keys={"MeterValueSampleInterval": 1, "StopTxnSampledData": ENERGY})
        charging(world)
        for register_wh in registers:
            world.meter(1, register_wh)
            world.advance(1)
        world.unplug()
        world.advance(5)
        (start,), (stop,) = world.calls("StartTransaction"), world.calls("StopTransaction")
        told = [int(one["value"]) for one in values(world)]
        course = [start["meterStart"], *told, stop["meterStop"]]
        assert course == sorted(course)


@pytest.mark.section("5.17")
class TestTriggered:
    def test_the_values_have_their_own_context(self, world: World) -> None:
        world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        (one,) = values(world)
        assert one["context"] == "Trigger"
        assert one["value"] == "1000"

    def test_they_carry_the_running_transaction(self, world: World) -> None:
        charging(world)
        world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        (call,) = world.calls("MeterValues")
        assert call["transactionId"] == 1001

    def test_they_do_not_disturb_the_rhythm(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 20})
        charging(world)
        world.advance(13)
        world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        world.advance(10)
        assert times(world) == [13, 20]

    def test_all_connectors(self) -> None:
        world = World(3)
        world.call("TriggerMessage", requestedMessage="MeterValues")
        assert [call["connectorId"] for call in world.calls("MeterValues")] == [1, 2, 3]

    @pytest.mark.parametrize("keys", [{"MeterValuesSampledData": ""}, {}])
    def test_where_there_is_nothing_to_tell_it_is_rejected(self, keys: dict[str, object]) -> None:
        world = World(keys=keys)
        if not keys:
            world.plants[1].meter_deaf = True
            world.lose("meter")
        assert world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == {"status": "Rejected"}
        assert not world.calls("MeterValues")
