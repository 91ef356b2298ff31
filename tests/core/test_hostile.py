"""Hostile frames in every state of the station: no crash, every CALL answered once or its link state defined."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chargepoint.core import events as ev
from tests.core.central_system import After, Silence
from tests.core.clocks import shift
from tests.core.harness import World
from tests.core.hostility import Attack, Besieged, Frame, arguments, frames, json_values, requests
from tests.core.test_status_random import SITES, STEPS, do, heal

pytestmark = pytest.mark.section("J 4.2.3")

FRAMES_MIN = 1_000
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # without `explain`, which costs minutes


def accepted() -> World:
    return Besieged(2)


def unanswered_boot() -> World:
    world = Besieged(2, online=False)
    world.csms.once("BootNotification", Silence())
    world.connect()
    return world


def registration(status: str) -> Callable[[], World]:
    def build() -> World:
        world = Besieged(2, online=False)
        world.csms.once("BootNotification", {"status": status, "currentTime": world.csms.time(), "interval": 20})
        world.connect()
        return world

    return build


def charging() -> World:
    world = Besieged(2, keys={"MeterValueSampleInterval": 3, "ClockAlignedDataInterval": 5})
    world.plug(1)
    world.tap()
    return world


def asking() -> World:
    world = Besieged(2)
    world.csms.once("Authorize", Silence())
    world.plug(1)
    world.tap()
    return world


def starting() -> World:
    world = Besieged(2)
    world.csms.once("StartTransaction", Silence())
    world.plug(1)
    world.tap()
    return world


def held() -> World:
    """A refused id: the cable of the ended session is still locked."""
    world = Besieged(2)
    world.csms.once("StartTransaction", {"idTagInfo": {"status": "Blocked"}, "transactionId": 5})
    world.plug(1)
    world.tap()
    world.advance(5)
    return world


def slow_lock() -> World:
    world = Besieged(2, lag_s=1.5)
    world.plants[1].jammed = True
    world.plug(1)
    world.tap()
    world.advance(5)
    return world


def faulted() -> World:
    world = Besieged(2)
    world.plug(1)
    world.tap()
    world.input("emergency_stop")
    return world


def behind() -> World:
    """Many messages wait, and each takes its time."""
    world = Besieged(2, keys={"AllowOfflineTxForUnknownId": True, "MeterValueSampleInterval": 1}, online=False)
    world.plug(1)
    world.tap()
    world.advance(200)
    world.csms.always("MeterValues", After(1.0, {}))
    world.connect()
    return world


def no_time() -> World:
    world = Besieged(2, keys={"AllowOfflineTxForUnknownId": True}, online=False)
    boot = {"status": "Accepted", "currentTime": "1970-01-01T00:00:00Z", "interval": 300}
    world.csms.always("BootNotification", boot)
    world.csms.always("Heartbeat", {"currentTime": "1970-01-01T00:00:00Z"})
    world.plug(1)
    world.tap()
    world.connect()
    return world


def full_disk() -> World:
    world = charging()
    world.deliver(ev.StoreTroubled("the disk is full"))
    return world


STATES = [
    accepted, unanswered_boot, registration("Pending"), registration("Rejected"), charging, asking, starting, held, slow_lock,
    faulted, behind, no_time, full_disk,
]  # fmt: skip


def attack(world: World, thrown: list[tuple[Frame, float]]) -> None:
    """Frames one after the other, with time between them; a station that leaves is started again."""
    fight = Attack(world)
    for frame, wait_s in thrown:
        fight.throw(frame)
        world.advance(wait_s)
        if world.exited:
            fight.settle()
            world.restart()
        elif not world.up:
            world.connect()
    fight.settle()
    if world.exited:
        world.restart()
    elif not world.up:
        world.connect()
    assert world.control("status")[1] is None


@pytest.mark.parametrize("part", range(2))
def test_more_than_a_thousand_hostile_frames(part: int) -> None:
    thrown = 0

    @settings(max_examples=100, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(STATES),
        st.lists(st.tuples(frames, st.sampled_from([0.0, 0.0, 0.0, 0.3, 4.0, 31.0])), min_size=8, max_size=20),
    )
    def run(state: Callable[[], World], sequence: list[tuple[Frame, float]]) -> None:
        nonlocal thrown
        thrown += len(sequence)
        attack(state(), sequence)

    run()
    assert thrown >= FRAMES_MIN / 2


ANYTHING = st.one_of(
    STEPS,
    STEPS,
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("asked"), requests, st.dictionaries(arguments, json_values, max_size=3)),
    st.tuples(st.just("clock"), st.sampled_from([-90_000.0, -500.0, 0.0, 500.0, 90_000.0])),
    st.tuples(st.just("disk"), st.booleans()),
)


def happen(fight: Attack, step: tuple[Any, ...]) -> None:
    world = fight.world
    match step:
        case ("frame", text):
            fight.throw(text)
        case ("asked", str(what), dict(given_)):
            if not world.exited:
                assert world.control(what, **given_) is not None
        case ("clock", float(seconds)):
            shift(world, seconds)
        case ("disk", bool(full)):
            world.deliver(ev.StoreTroubled("the disk is full") if full else ev.StoreHealed())
        case _:
            do(world, step)


@settings(max_examples=120, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(SITES, st.lists(ANYTHING, min_size=5, max_size=50))
def test_everything_at_once(site: dict[str, Any], steps: list[tuple[Any, ...]]) -> None:
    """Hardware, drivers of cars, installers, a hostile Central System, clocks and power cuts in any order: the invariants of
    the harness hold at every step, and in the end the station can be asked how it is.
    """
    world = Besieged(2, draws_w=7_360.0, poll_s=10.0, reconnect_s=2.0, **site)
    fight = Attack(world)
    for step in steps:
        happen(fight, step)
    heal(world)
    world.advance(100.0)
    if world.exited:
        world.restart()
    body, error = world.control("status")
    assert error is None
    assert sorted(body["connectors"]) == ["1", "2"]
    world.cut_power()
    assert world.control("status")[1] is None
