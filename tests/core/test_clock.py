"""Stories of the time of day: learned late, stepped, lost with the power; and what the messages are dated with."""

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core.clock import Clock
from chargepoint.core.records import BootRecord, PutRow, Stamp, said_s
from chargepoint.core.step import Now, Step
from tests.core.central_system import Cut
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
        assert station_time(world) == pytest.approx(BEGIN_WALL_S + 1_000)

    def test_a_synchronised_system_clock_tells_it_too(self) -> None:
        world = World(online=False, wall=True)
        assert station_time(world) == BEGIN_WALL_S

    def test_the_word_of_the_central_system_wins(self) -> None:
        world = World(online=False, wall=True)
        shift(world, 500.0)
        world.connect()
        world.advance(10)
        assert station_time(world) == pytest.approx(world.wall_s + 500)

    def test_heartbeats_correct_it(self, world: World) -> None:
        shift(world, 100.0)
        world.advance(301)
        assert station_time(world) == pytest.approx(world.wall_s + 100)

    def test_a_second_of_the_network_is_no_correction(self, world: World) -> None:
        commits = len(world.store.commits)
        tell_time(world, 0.9)
        tell_time(world, -0.9)
        assert len(world.store.commits) == commits
        assert station_time(world) == BEGIN_WALL_S

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
        assert station_time(world) == pytest.approx(at_s + 500)
        world.advance(2 * HOUR_S - 1_000)
        assert station_time(world) == pytest.approx(world.wall_s)
        world.advance(100)
        assert station_time(world) == pytest.approx(world.wall_s)

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


# --- properties ------------------------------------------------------------------------------------------------------

SHIFTS = st.sampled_from([0.0, 30.0, -30.0, 1_000.0, -1_000.0, 86_400.0, -86_400.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([0.5, 7.0, 61.0, 400.0])),
        st.tuples(st.just("shift"), SHIFTS),
        st.tuples(st.just("tell"), SHIFTS),
        st.tuples(
            st.sampled_from(["connect", "disconnect", "restart", "cut", "wall", "plug", "tap", "unplug", "deaf"]), st.none()
        ),
    ),
    max_size=30,
)


def play(world: World, steps: list[tuple[str, float | None]], after_step: Callable[[str], None] | None = None) -> None:
    """Runs a story of times and sessions; at its end everything is delivered."""
    for what, value in steps:
        match what:
            case "advance":
                world.advance(value or 0.0)
            case "shift":
                shift(world, value or 0.0)
            case "tell" if world.up:
                tell_time(world, value or 0.0)
            case "connect" if not world.up:
                world.connect()
            case "disconnect" if world.up:
                world.disconnect()
            case "restart":
                world.restart(online=world.up)
            case "cut":
                world.cut_power(off_s=30.0, online=world.up)
            case "wall":
                world.wall = not world.wall
            case "plug":
                world.plug()
            case "tap":
                world.tap()
            case "unplug":
                world.unplug()
            case "deaf":
                world.plants[1].meter_deaf = not world.plants[1].meter_deaf
        if after_step is not None:
            after_step(what)
    world.plants[1].meter_deaf = False
    world.unplug()
    for _ in range(20):  # the Central System may cut the connection under what is delivered last, too
        if not world.up:
            world.connect()
        world.advance(120)
    assert not world.store.rows


def times_of_transactions(world: World) -> dict[int, list[tuple[str, list[float]]]]:
    """Per transaction: what was sent, with its dates. The Central System's ids are unique here."""
    found: dict[int, list[tuple[str, list[float]]]] = {}
    open_id = 1000
    for sent in world.sent:
        if sent.action == "StartTransaction":
            open_id += 1
            found[open_id] = [("start", [seconds_of(sent.payload["timestamp"])])]
        elif sent.action == "MeterValues" and "transactionId" in sent.payload:
            values = [seconds_of(value["timestamp"]) for value in sent.payload["meterValue"]]
            found[sent.payload["transactionId"]].append(("values", values))
        elif sent.action == "StopTransaction":
            data = [seconds_of(value["timestamp"]) for value in sent.payload.get("transactionData", [])]
            found[sent.payload["transactionId"]].append(("data", data))
            found[sent.payload["transactionId"]].append(("stop", [seconds_of(sent.payload["timestamp"])]))
    return found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(STEPS, st.sampled_from(["stop", "resume"]))
def test_start_values_and_stop_are_dated_in_the_order_in_which_they_happened(
    steps: list[tuple[str, float | None]], after_power_loss: str
) -> None:
    keys = OFFLINE | {
        "MeterValueSampleInterval": 20,
        "StopTxnSampledData": "Voltage",
        "StopTransactionOnEVSideDisconnect": True,
    }
    world = World(keys=keys, online=False, after_power_loss=after_power_loss)
    play(world, steps)
    for messages in times_of_transactions(world).values():
        (start,) = messages[0][1]
        stop = messages[-1][1][-1]
        values = [at_s for kind, times in messages for at_s in times if kind == "values"]
        data = [at_s for kind, times in messages for at_s in times if kind == "data"]
        assert [start, *values, stop] == sorted([start, *values, stop]), messages
        assert all(start <= at_s <= stop for at_s in data), messages


@settings(max_examples=150, deadline=None, derandomize=True)
@given(STEPS)
def test_the_time_that_is_said_never_goes_back(steps: list[tuple[str, float | None]]) -> None:
    """Over steps and restarts; after a power cut not before the last instant that the store knew."""
    world = World(keys=OFFLINE, online=False)
    said: list[float] = []
    stored: list[float] = []

    def look(what: str) -> None:
        now_s = station_time(world)
        before = stored if what == "cut" else said
        if now_s is not None:
            assert not before or now_s >= before[-1] - 0.001, (before[-1], now_s)
            said.append(now_s)
        boot = max(world.store.boots.values(), key=lambda one: one.boot)
        stored_s = said_s(boot, boot.last_mono_s)
        if stored_s is not None:
            stored.append(stored_s)

    play(world, steps, look)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(STEPS, st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_message_that_is_sent_again_is_the_same(steps: list[tuple[str, float | None]], cuts: list[bool]) -> None:
    """Identical id tag, meter value and dates, over restarts and changes of the time; only the transactionId may come to it."""
    world = World(keys=OFFLINE | {"MeterValueSampleInterval": 20, "StopTxnSampledData": "Voltage"}, online=False)
    for action in ("StartTransaction", "MeterValues", "StopTransaction"):
        world.csms.once(action, *[Cut() if cut else world.csms.default(action) for cut in cuts])
    again: list[tuple[str, float | None]] = [("connect", None), ("restart", None)]
    play(world, steps + again * len(cuts) * 3)
    attempts: dict[str, list[dict[str, object]]] = {}
    for sent in world.sent:
        if sent.action in ("StartTransaction", "MeterValues", "StopTransaction"):
            attempts.setdefault(sent.action, []).append(sent.payload)
    for action, payloads in attempts.items():
        before: dict[str, object] | None = None
        distinct = []
        for payload in payloads:
            if payload != before:
                distinct.append(payload)
            before = payload
        assert len(distinct) == len(made(world, action)), (action, distinct)


def made(world: World, action: str) -> set[int]:
    """Numbers of all rows of an action that were ever stored."""
    body = {"StartTransaction": "StartBody", "MeterValues": "MeterValuesBody", "StopTransaction": "StopBody"}[action]
    return {
        change.row.seq
        for commit in world.store.commits
        for change in commit.changes
        if isinstance(change, PutRow) and type(change.row.body).__name__ == body
    }


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0.0, 5_000.0), st.floats(-100_000.0, 100_000.0)), min_size=1, max_size=12),
    st.one_of(st.none(), st.floats(BEGIN_WALL_S - 200_000.0, BEGIN_WALL_S + 200_000.0)),
)
def test_the_clock_by_itself(words: list[tuple[float, float]], floor_s: float | None) -> None:
    """`now_s` never falls, `when` tells its future, and instants from before the time was known lie before everything after."""
    first = BootRecord(boot=3, kernel_boot_id="x", first_mono_s=10.0, last_mono_s=10.0, floor_s=floor_s)
    clock = Clock((first,))
    mono_s, last_s = 10.0, floor_s or 0.0
    for passed_s, error_s in words:
        mono_s += passed_s
        clock.hear_central_system(BEGIN_WALL_S + mono_s + error_s, Step(Now(mono_s), 3))
        for ahead_s in (0.0, 1.0, 900.0):
            now_s = clock.peek_s(mono_s + ahead_s)
            assert now_s is not None
            if ahead_s == 0.0:
                assert now_s >= last_s - 1e-6
                last_s = now_s
            due_s = clock.when(now_s + 50.0)
            assert due_s is not None
            reached_s = clock.peek_s(due_s)
            assert reached_s is not None
            assert now_s + 50.0 <= reached_s <= now_s + 50.0 + 1e-4
        old_s = clock.offset_of(Stamp(3, 10.0))
        assert old_s is not None
        assert old_s + 10.0 <= last_s + 1e-6
        assert floor_s is None or old_s + 10.0 >= floor_s - 1e-6


def test_dates_are_utc_with_milliseconds_at_most() -> None:
    world = World()
    world.advance(0.123456)
    world.plug()
    timestamp = world.calls("StatusNotification", connectorId=1)[-1]["timestamp"]
    assert timestamp == "2026-01-05T12:00:00.123Z"
    assert datetime.fromisoformat(timestamp).tzinfo is not None
    assert text_of(BEGIN_WALL_S) == "2026-01-05T12:00:00Z"
