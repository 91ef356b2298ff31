"""Stories of the time of day: learned late, stepped, lost with the power; and what the messages are dated with."""

from datetime import datetime

import pytest

from chargepoint.core.clock import Clock
from chargepoint.core.records import BootRecord
from chargepoint.core.step import Now, Step
from tests.core.central_system import After, Cut
from tests.core.clocks import seconds_of, shift, station_time, tell_time, text_of
from tests.core.harness import BEGIN_WALL_S, World

pytestmark = pytest.mark.section("4.6")

HOUR_S = 3_600.0
OFFLINE = {"AllowOfflineTxForUnknownId": True}


def whole_session(world: World, seconds: float = 60.0) -> None:
    world.plug()
    world.tap()
    world.advance(seconds)
    world.unplug()
    world.advance(5)


def dates(world: World, action: str) -> list[float]:
    return [seconds_of(call["timestamp"]) for call in world.calls(action)]


class TestLearning:
    def test_unknown_after_the_start(self) -> None:
        world = World(online=False)
        assert station_time(world) is None
        assert world.control("status")[0]["clock"] == {"known": False, "time": None}

    def test_the_central_system_tells_it(self, world: World) -> None:
        assert station_time(world) == BEGIN_WALL_S
        world.advance(1_000)
        assert station_time(world) == pytest.approx(BEGIN_WALL_S + 1_000, abs=0.01)

    def test_a_synchronised_system_clock_tells_it_too(self) -> None:
        world = World(online=False, wall=True)
        assert station_time(world) == BEGIN_WALL_S

    def test_the_word_of_the_central_system_wins(self) -> None:
        world = World(online=False, wall=True)
        shift(world, 500.0)
        world.connect()
        world.advance(10)
        assert station_time(world) == pytest.approx(world.wall_s + 500, abs=0.01)

    def test_heartbeats_correct_it(self, world: World) -> None:
        shift(world, 100.0)
        world.advance(301)
        assert station_time(world) == pytest.approx(world.wall_s + 100, abs=0.01)

    def test_a_station_that_has_always_something_to_tell_asks_for_the_time_nevertheless(self) -> None:
        """Meter values every minute leave no silence for a heartbeat, and nothing else brings the time."""
        world = World(keys={"ClockAlignedDataInterval": 60})
        world.advance(100)
        shift(world, 5.0)
        world.advance(3_700)
        assert station_time(world) == pytest.approx(world.wall_s + 5.0, abs=0.01)
        world.advance(86_400)
        assert 24 <= len(world.calls("Heartbeat")) <= 26

    def test_a_second_of_the_network_is_no_correction(self, world: World) -> None:
        commits = len(world.store.commits)
        tell_time(world, 0.9)
        tell_time(world, -0.9)
        assert len(world.store.commits) == commits
        assert station_time(world) == BEGIN_WALL_S

    @pytest.mark.parametrize("error_s", [0.0, 8.0, 19.5])
    def test_an_answer_that_was_long_on_its_way_moves_nothing_that_this_explains(self, world: World, error_s: float) -> None:
        """A modem that needs 20 s must not make the time of day jump to and fro by them."""
        world.csms.once("Heartbeat", lambda _: After(20.0, {"currentTime": text_of(world.wall_s + error_s)}))
        world.advance(321)
        assert world.calls("Heartbeat")
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)

    def test_an_answer_that_its_way_does_not_explain_corrects_by_the_rest(self, world: World) -> None:
        world.csms.once("Heartbeat", lambda _: After(20.0, {"currentTime": text_of(world.wall_s + 50.0)}))
        world.advance(320)
        assert station_time(world) == pytest.approx(world.wall_s + 30.0, abs=0.01)

    def test_an_answer_that_is_older_than_its_way_explains_corrects_by_the_rest(self, world: World) -> None:
        world.csms.once("Heartbeat", lambda _: After(20.0, {"currentTime": text_of(world.wall_s - 100.0)}))
        world.advance(520)  # half of what it is too late is made up for
        assert station_time(world) == pytest.approx(world.wall_s - 100.0, abs=0.01)

    @pytest.mark.parametrize("time", ["1970-01-01T00:00:12Z", "2000-01-01T00:00:00Z", "2023-12-31T23:59:59Z"])
    def test_a_clock_that_was_never_set_teaches_nothing(self, time: str) -> None:
        world = World(online=False)
        world.csms.always("BootNotification", {"status": "Accepted", "currentTime": time, "interval": 300})
        world.connect()
        assert station_time(world) is None
        whole_session(world)
        assert not world.calls("StartTransaction"), "nothing without a date leaves"
        assert all("timestamp" not in call for call in world.calls("StatusNotification"))
        tell_time(world, 0.0)
        assert min(dates(world, "StartTransaction")) >= BEGIN_WALL_S

    @pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "2100-01-01T00:00:01Z", "9999-12-31T23:59:59-14:00"])
    def test_a_time_beyond_every_use_teaches_nothing(self, time: str) -> None:
        """Dates must be able to go on; and what was once said could never be taken back."""
        world = World(online=False)
        world.csms.once("BootNotification", {"status": "Accepted", "currentTime": time, "interval": 300})
        world.connect()
        world.advance(100)
        assert station_time(world) in (None, world.wall_s)
        tell_time(world, 0.0)
        whole_session(world)
        assert dates(world, "StopTransaction") == [pytest.approx(world.wall_s - 5, abs=0.01)]

    def test_a_system_clock_of_1970_teaches_nothing(self) -> None:
        clock = Clock((BootRecord(boot=1, kernel_boot_id="a", first_mono_s=0.0, last_mono_s=0.0),))
        step = Step(Now(5.0, 5.0), 1)
        clock.hear_system(step)
        assert not clock.known

    def test_any_spelling_of_the_time_is_understood(self) -> None:
        for time in ("2026-01-05T14:00:00+02:00", "2026-01-05T12:00:00.000000Z", "2026-01-05T12:00:00", "2026-01-05 12:00:00Z"):
            world = World(online=False)
            world.csms.always("BootNotification", {"status": "Accepted", "currentTime": time, "interval": 300})
            world.connect()
            assert station_time(world) == BEGIN_WALL_S


class TestDatedAfterwards:
    def test_what_happened_before_is_dated_when_it_leaves(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 600}, online=False)
        world.advance(100)
        whole_session(world, HOUR_S)
        world.advance(HOUR_S)
        world.connect()
        (start,) = dates(world, "StartTransaction")
        (stop,) = dates(world, "StopTransaction")
        assert start == pytest.approx(BEGIN_WALL_S + 100, abs=0.01)
        assert stop == pytest.approx(start + HOUR_S, abs=0.01)
        values = [seconds_of(call["meterValue"][0]["timestamp"]) for call in world.calls("MeterValues")]
        assert values == [pytest.approx(start + 600 * n, abs=0.01) for n in range(1, 7)]

    def test_the_ledger_learns_the_dates(self) -> None:
        world = World(keys=OFFLINE, online=False)
        whole_session(world)
        world.connect()
        page = world.store.newest()
        assert page.start_offset_s is not None
        assert page.stop_offset_s is not None

    def test_a_power_cut_before_the_time_was_known(self) -> None:
        """With a time known before: what happened then is counted from there. It can only be too early, never too late."""
        world = World(keys=OFFLINE)
        world.advance(1_000)
        world.disconnect()
        known_s = station_time(world)
        assert known_s is not None
        world.plug()
        world.unplug()
        world.cut_power(off_s=HOUR_S, online=False)
        world.advance(500)
        whole_session(world)
        world.cut_power(off_s=HOUR_S)
        (start,) = dates(world, "StartTransaction")
        (stop,) = dates(world, "StopTransaction")
        assert BEGIN_WALL_S <= start < world.wall_s - HOUR_S
        assert stop == pytest.approx(start + 60, abs=0.01)

    def test_a_station_that_never_knew_the_time_before(self) -> None:
        """Boots without any time end, at the latest, where the first known one begins."""
        world = World(keys=OFFLINE, online=False)
        whole_session(world)
        world.cut_power(off_s=10, online=False)
        whole_session(world)
        world.cut_power(off_s=10)
        starts, stops = dates(world, "StartTransaction"), dates(world, "StopTransaction")
        assert starts == sorted(starts)
        assert all(start <= stop <= world.wall_s for start, stop in zip(starts, stops, strict=True))

    def test_a_status_is_dated_with_its_change(self, world: World) -> None:
        world.configure("MinimumStatusDuration", 20)
        world.plug()
        world.advance(20)
        told = world.calls("StatusNotification", connectorId=1, status="Preparing")
        assert [seconds_of(call["timestamp"]) for call in told] == [BEGIN_WALL_S]

    def test_what_is_sent_again_says_the_same(self) -> None:
        world = World(keys=OFFLINE, online=False)
        whole_session(world)
        world.csms.once("StartTransaction", Cut())
        world.connect()
        shift(world, -5_000.0)
        world.restart()
        first, second = world.calls("StartTransaction")
        assert first == second


class TestSteps:
    def test_a_step_forward_is_taken_at_once(self, world: World) -> None:
        tell_time(world, HOUR_S)
        assert station_time(world) == BEGIN_WALL_S + HOUR_S

    def test_a_step_back_is_made_up_for_at_half_speed(self, world: World) -> None:
        tell_time(world, HOUR_S)
        at_s = station_time(world)
        assert at_s is not None
        tell_time(world, 0.0)
        assert station_time(world) == at_s
        world.advance(1_000)
        assert station_time(world) == pytest.approx(at_s + 500, abs=0.01)
        world.advance(2 * HOUR_S - 1_000)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)
        world.advance(100)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)

    @pytest.mark.parametrize("again", ["restart", "cut_power"])
    def test_a_step_back_is_not_forgotten_over_a_start(self, world: World, again: str) -> None:
        tell_time(world, HOUR_S)
        at_s = station_time(world)
        assert at_s is not None
        tell_time(world, 0.0)
        shift(world, 0.0)
        getattr(world, again)()
        later_s = station_time(world)
        assert later_s is not None
        assert at_s <= later_s < at_s + 60

    def test_the_stop_never_lies_before_the_values(self) -> None:
        """The end is dated when it is decided; the last reading, seconds later, may find another time."""
        world = World(keys={"MeterValueSampleInterval": 10, "StopTxnSampledData": "Voltage"})
        tell_time(world, HOUR_S)
        world.plug()
        world.tap()
        tell_time(world, 0.0)
        world.advance(10.5)
        world.plants[1].meter_deaf = True
        world.unplug()
        world.advance(30)
        (stop,) = dates(world, "StopTransaction")
        (value,) = [seconds_of(call["meterValue"][0]["timestamp"]) for call in world.calls("MeterValues")]
        assert value <= stop

    def test_a_start_without_a_date_stays_before_its_values_when_the_time_jumps_forward(self) -> None:
        """The system's clock dates the values; then the Central System turns out to be an hour ahead, and the Start leaves."""
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 60}, online=False)
        world.plug()
        world.tap()
        world.advance(30)
        world.wall = True
        world.advance(300)
        shift(world, HOUR_S)
        world.connect()
        (start,) = dates(world, "StartTransaction")
        values = [seconds_of(call["meterValue"][0]["timestamp"]) for call in world.calls("MeterValues")]
        assert start == pytest.approx(BEGIN_WALL_S, abs=0.01)
        assert [start, *values] == sorted([start, *values])

    def test_aligned_values_stay_on_the_grid_while_time_is_made_up_for(self) -> None:
        world = World(keys={"ClockAlignedDataInterval": 900})
        tell_time(world, HOUR_S + 100)
        tell_time(world, 0.0)
        world.advance(2 * HOUR_S)
        values = [seconds_of(call["meterValue"][0]["timestamp"]) for call in world.calls("MeterValues", connectorId=1)]
        assert len(values) >= 3
        assert all(value % 900 < 0.01 for value in values), values


YEARS_S = 30 * 365 * 86_400.0


class TestLeaps:
    """A Central System whose clock was wrong by years, once or for a while. Nothing could ever make up for that."""

    @pytest.mark.parametrize("by_s", [YEARS_S, -1.5 * 365 * 86_400.0])
    def test_one_word_moves_nothing(self, world: World, by_s: float) -> None:
        tell_time(world, by_s)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)
        tell_time(world, 0.0)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)

    @pytest.mark.parametrize("by_s", [YEARS_S, -1.5 * 365 * 86_400.0])
    def test_what_is_said_twice_counts(self, world: World, by_s: float) -> None:
        for _ in range(2):
            world.advance(100)
            tell_time(world, by_s)
        assert station_time(world) == pytest.approx(world.wall_s + by_s, abs=0.01)

    @pytest.mark.parametrize("again", ["restart", "cut_power"])
    def test_a_time_that_was_wrong_by_years_is_taken_back_for_good(self, again: str) -> None:
        world = World(online=False)
        shift(world, YEARS_S)
        world.connect()
        world.plug()
        world.tap()
        shift(world, 0.0)
        getattr(world, again)()
        world.advance(700)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)
        world.unplug()
        world.cut_power()
        world.advance(10)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)
        whole_session(world)
        assert dates(world, "StopTransaction")[-1] == pytest.approx(world.wall_s - 5, abs=0.01)

    def test_in_its_very_boot_too(self) -> None:
        world = World(keys={"MeterValueSampleInterval": 0}, online=False)
        shift(world, YEARS_S)
        world.connect()
        world.plug()
        world.tap()
        shift(world, 0.0)
        world.advance(700)
        assert station_time(world) == pytest.approx(world.wall_s, abs=0.01)
        world.unplug()
        world.advance(10)
        assert dates(world, "StopTransaction") == dates(world, "StartTransaction"), "no stop lies before its start"


def test_dates_are_utc_with_milliseconds_at_most() -> None:
    world = World()
    world.advance(0.123456)
    world.plug()
    timestamp = world.calls("StatusNotification", connectorId=1)[-1]["timestamp"]
    assert timestamp == "2026-01-05T12:00:00.123Z"
    assert datetime.fromisoformat(timestamp).tzinfo is not None
    assert text_of(BEGIN_WALL_S) == "2026-01-05T12:00:00Z"
