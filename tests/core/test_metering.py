"""Stories of meter values: when they are taken, what they say, and where they go."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core.configuration_view import KeyReader
from chargepoint.core.metering import Metering
from tests.core.billing import charging, times, values
from tests.core.clocks import tell_time
from tests.core.harness import BEGIN_WALL_S, World

pytestmark = pytest.mark.section("4.7")

ENERGY = "Energy.Active.Import.Register"
DAY_S = 86_400


@pytest.mark.section("9.1.21")
class TestSampled:
    def test_from_the_start_of_the_transaction_at_every_interval(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 20})
        world.advance(7)
        charging(world)
        world.advance(65)
        assert times(world) == [27, 47, 67]

    def test_each_transaction_has_a_rhythm_of_its_own(self) -> None:
        world = World(2, each=True, keys={"MeterValueSampleInterval": 20})
        charging(world, 1, "A")
        world.advance(5)
        charging(world, 2, "B")
        world.advance(40)
        assert times(world, connectorId=1) == [20, 40]
        assert times(world, connectorId=2) == [25, 45]

    def test_none_without_a_transaction(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 5})
        world.plug()
        world.advance(60)
        assert not world.calls("MeterValues")
        charging(world)
        world.advance(6)
        world.unplug()
        world.advance(60)
        assert len(world.calls("MeterValues")) == 1

    def test_interval_zero_means_never(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 0})
        charging(world)
        world.advance(10_000)
        assert not world.calls("MeterValues")

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (60, 10, [40, 50]),  # overdue, so one comes at once
            (60, 50, [50]),
            (0, 15, [40, 45]),  # counted from the start
            (10, 0, [10, 20, 30, 40]),
            (20, 40, [20, 40]),
        ],
    )
    def test_a_change_of_the_interval_holds_at_once(self, before: int, after: int, expected: list[int]) -> None:
        world = World(keys={"MeterValueSampleInterval": before})
        charging(world)
        world.advance(40)
        world.configure("MeterValueSampleInterval", after)
        world.advance(17)
        assert times(world) == expected

    def test_a_change_of_the_list_holds_at_once(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10})
        charging(world)
        world.advance(10)
        world.configure("MeterValuesSampledData", "Voltage.L2-N")
        world.advance(10)
        assert [(one["measurand"], one.get("phase")) for one in values(world)] == [(ENERGY, None), ("Voltage", "L2-N")]

    def test_an_empty_list_sends_nothing(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10, "MeterValuesSampledData": ""})
        charging(world)
        world.advance(100)
        assert not world.calls("MeterValues")

    def test_they_carry_the_transaction_and_every_attribute(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10}, draws_w=18_000.0)
        charging(world)
        world.advance(10)
        world.read_meter(1)
        world.advance(10)
        call = world.calls("MeterValues")[1]
        assert call["connectorId"] == 1
        assert call["transactionId"] == 1001
        assert call["meterValue"][0]["sampledValue"] == [
            {
                "value": "1050",
                "context": "Sample.Periodic",
                "format": "Raw",
                "measurand": ENERGY,
                "location": "Outlet",
                "unit": "Wh",
            }
        ]

    def test_they_are_billing_messages(self) -> None:
        """Those of a transaction are kept while the link is down, and told later."""
        world = World(keys={"MeterValueSampleInterval": 10, "AllowOfflineTxForUnknownId": True})
        charging(world)
        world.disconnect()
        world.advance(35)
        world.connect()
        assert times(world) == [10, 20, 30]

    def test_a_silent_meter_gives_none(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 10, "StopTxnSampledData": ENERGY})
        charging(world)
        world.advance(10)
        world.plants[1].meter_deaf = True
        world.lose("meter")
        world.advance(30)
        assert times(world) == [10]
        world.plants[1].meter_deaf = False
        world.recover("meter")
        world.advance(10)
        assert times(world) == [10, 50]

    def test_those_that_were_missed_are_not_made_up_for(self) -> None:
        """A process that was away (a restart that resumes) goes on from then."""
        world = World(keys={"MeterValueSampleInterval": 10}, after_power_loss="resume")
        charging(world)
        world.advance(15)
        world.kill()
        world.pass_time(100)
        world.start()
        world.connect()
        world.advance(25)
        assert times(world) == [10, 125, 135]

    @given(st.floats(0.0, 1e7), st.integers(1, 86_400), st.integers(1, 50))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def test_each_is_taken_once_whatever_floats_do(self, begin_s: float, interval_s: int, count: int) -> None:
        metering = Metering(Keys(MeterValueSampleInterval=interval_s))
        metering.begin(1, begin_s)
        for _ in range(count):
            due_s = metering.deadline(None, lambda date_s: None)
            assert due_s is not None
            assert metering.sampled_due(due_s) == [1]
            assert metering.sampled_due(due_s) == []
        assert due_s == pytest.approx(begin_s + count * interval_s)


class Keys(KeyReader):
    def __init__(self, **values: object) -> None:
        self._values = {"MeterValueSampleInterval": 0, "ClockAlignedDataInterval": 0} | values

    def whole(self, name: str) -> int:
        return int(str(self._values[name]))

    def text(self, name: str) -> str:
        return str(self._values[name])

    def boolean(self, name: str) -> bool:
        return self.text(name) == "true"

    def members(self, name: str) -> tuple[str, ...]:
        return tuple(self.text(name).split(","))


@pytest.mark.section("9.1.6")
class TestAligned:
    """The story begins at noon."""

    def test_on_the_grid_of_the_day_for_every_connector_and_the_station(self) -> None:
        world = World(2, keys={"ClockAlignedDataInterval": 900, "MeterValueSampleInterval": 0})
        world.advance(100)
        charging(world)
        world.advance(1_800)
        for connector in (0, 1, 2):
            assert times(world, connectorId=connector) == [900, 1_800]
        assert {one["context"] for one in values(world)} >= {"Sample.Clock"}
        assert {call.get("transactionId") for call in world.calls("MeterValues", connectorId=2)} == {None}

    def test_the_first_slot_after_the_start_is_not_missed(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 60})
        world.advance(61)
        assert times(world, connectorId=1) == [60]

    def test_an_interval_that_does_not_divide_the_day_begins_anew_at_midnight(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 5_000})
        world.advance(12 * 3_600 + 11_000)
        midnight_s = 12 * 3_600
        before = [slot - midnight_s for slot in range(0, DAY_S, 5_000) if slot > midnight_s]
        assert times(world, connectorId=1) == [*before, midnight_s, midnight_s + 5_000, midnight_s + 10_000]

    @pytest.mark.parametrize(("before", "after"), [(0, 900), (900, 600), (600, 900), (7, 900)])
    def test_a_change_of_the_interval_holds_at_once_and_on_the_grid(self, before: int, after: int) -> None:
        world = World(keys={"ClockAlignedDataInterval": before})
        world.advance(1_000)
        count = len(world.calls("MeterValues", connectorId=1))
        world.configure("ClockAlignedDataInterval", after)
        world.advance(1)
        world.read_meter(1)
        world.tick()
        world.advance(2_000)
        assert times(world, connectorId=1)[count:] == list(range(after, 3_002, after))[-(3_001 // after - 1_000 // after) :]

    def test_interval_zero_means_never(self, world: World) -> None:
        world.advance(5_000)
        assert not world.calls("MeterValues")

    def test_values_of_no_transaction_are_worth_nothing_later(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 60})
        world.disconnect()
        world.advance(590)
        world.connect()
        assert not world.calls("MeterValues")
        assert not world.store.rows

    def test_values_of_a_transaction_are_kept(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 60, "MeterValueSampleInterval": 0})
        charging(world)
        world.disconnect()
        world.advance(150)
        world.connect()
        assert times(world, connectorId=1) == [60, 120]

    def test_none_while_the_time_is_unknown(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 60, "AllowOfflineTxForUnknownId": True}, online=False)
        charging(world)
        world.advance(600)
        world.connect()
        assert times(world, connectorId=1) == [pytest.approx(60 * n) for n in range(1, 11)] or not times(world, connectorId=1)
        world.advance(60)
        assert times(world, connectorId=1)[-1] == 660

    def test_a_slot_is_taken_once_though_the_time_steps_back(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 600})
        world.advance(605)
        tell_time(world, -30.0)
        world.advance(100)
        assert times(world, connectorId=1) == [600]

    def test_the_station_s_own_is_the_sum(self) -> None:
        world = World(2, keys={"ClockAlignedDataInterval": 60, "MeterValuesAlignedData": f"{ENERGY},Current.Import"})
        world.advance(61)
        (total,) = world.calls("MeterValues", connectorId=0)
        energy, *currents = total["meterValue"][0]["sampledValue"]
        assert energy["value"] == "3000"
        assert energy["location"] == "Inlet"
        assert [one["phase"] for one in currents] == ["L1", "L2", "L3"]

    def test_the_station_has_no_sum_while_one_meter_is_silent(self) -> None:
        world = World(2, keys={"ClockAlignedDataInterval": 60})
        world.plants[2].meter_deaf = True
        world.lose("meter", 2)
        world.advance(61)
        assert [call["connectorId"] for call in world.calls("MeterValues")] == [1]

    @given(st.integers(1, DAY_S), st.floats(0.0, 1e6), st.lists(st.floats(0.0, 5_000.0), min_size=1, max_size=60))
    @settings(max_examples=200, deadline=None, derandomize=True)
    def test_however_often_it_is_asked_each_slot_comes_once(self, interval_s: int, at_s: float, gaps: list[float]) -> None:
        metering = Metering(Keys(ClockAlignedDataInterval=interval_s))
        begin_s = BEGIN_WALL_S + at_s
        now_s = begin_s
        assert not metering.aligned_due(now_s)
        for gap_s in gaps:
            before_s, now_s = now_s, now_s + gap_s
            passed = slot_of(now_s, interval_s) != slot_of(before_s, interval_s)
            assert metering.aligned_due(now_s) == (passed and now_s % DAY_S % interval_s <= 10.0)
            assert not metering.aligned_due(now_s)


def slot_of(now_s: float, interval_s: int) -> tuple[float, float]:
    return now_s // DAY_S, now_s % DAY_S // interval_s
