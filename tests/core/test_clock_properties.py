"""The time of day under anything that may happen to it: what must hold of every date that the station says or sends."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core.clock import Clock
from chargepoint.core.records import BootRecord, PutRow, Stamp, said_s
from chargepoint.core.step import Now, Step
from tests.core.central_system import Cut
from tests.core.clocks import seconds_of, shift, station_time, tell_time
from tests.core.harness import BEGIN_WALL_S, World

pytestmark = pytest.mark.section("4.6")

OFFLINE = {"AllowOfflineTxForUnknownId": True}

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
    st.one_of(st.none(), st.floats(BEGIN_WALL_S - 150_000.0, BEGIN_WALL_S + 150_000.0)),
)
def test_the_clock_by_itself(words: list[tuple[float, float]], floor_s: float | None) -> None:
    """`now_s` never falls, `when` tells its future, and instants from before the time was known lie before everything after;
    no mistake here is above LEAP_S.
    """
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
