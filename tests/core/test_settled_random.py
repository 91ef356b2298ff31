"""A station that passes over what it need not look for, and one beside it that looks for everything after every event: whatever
happens, the world sees no difference between them.
"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now, Step, Touched
from chargepoint.journal import state
from tests.core import harness, invariants
from tests.core.central_system import After, Answer, Cut, Refuse, Silence
from tests.core.clocks import shift
from tests.core.harness import World
from tests.core.test_status_random import SITES, STEPS, do, heal

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # without `explain`, which costs minutes
TRIGGERS = ("BootNotification", "Heartbeat", "MeterValues", "StatusNotification", "FirmwareStatusNotification")
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]}),
    ("GetConfiguration", {"key": "no list"}),
    ("GetLocalListVersion", {}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 600}),
    ("DataTransfer", {"vendorId": "org.chargepoint", "messageId": "Station"}),
    ("Nonsense", {}),
    ("StartTransaction", {}),
    *(("TriggerMessage", {"requestedMessage": word}) for word in TRIGGERS),
    ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "7"}),
    ("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "5"}),
    ("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "60"}),
]
ANSWERS: dict[str, Answer] = {
    "late": After(8.0, {}),
    "silence": Silence(),
    "refuse": Refuse(),
    "cut": Cut(),
    "unreadable": {"currentTime": 5},
}
CALLS = ("Heartbeat", "StatusNotification", "MeterValues", "FirmwareStatusNotification", "BootNotification")

CHEAP = st.one_of(
    st.tuples(st.just("asked"), st.sampled_from(ASKED)),
    st.tuples(st.just("asked"), st.sampled_from(ASKED)),
    st.tuples(st.just("answered"), st.sampled_from(CALLS), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("clock"), st.sampled_from([-500.0, -0.4, 0.0, 0.4, 500.0])),
    st.tuples(st.just("system clock"), st.booleans()),
    st.tuples(st.just("sign of life")),
    st.tuples(st.just("frame"), st.sampled_from(["[3,", '[3,"nobody",{}]', '[4,"nobody","GenericError","",{}]'])),
    st.tuples(st.just("meter"), st.sampled_from([1, 2])),
)
ANYTHING = st.one_of(STEPS.map(tuple), CHEAP.map(tuple))  # mapped: one of each, however many there are of either


class Twins:
    """Every station that a story makes has a twin, which hears the same events."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Station, Station]] = []
        self.spared = 0

    def make(self, snapshot: Snapshot, site: Site) -> Station:
        station, thorough = Station(deepcopy(snapshot), site), Station(deepcopy(snapshot), site)
        self.pairs.append((station, thorough))
        handle, take, take_thoroughly = station.handle, station._take, thorough._take

        def look_where_it_is_nearly_time(event: ev.Event, step: Step) -> Touched:
            touched, deadline_s = take(event, step), station.next_deadline()
            nearly = deadline_s is not None and step.mono_s >= deadline_s - invariants.LATE_S
            self.spared += touched is not Touched.FACTS and not nearly and isinstance(event, ev.FrameReceived)
            return Touched.FACTS if nearly else touched

        def look(event: ev.Event, step: Step) -> Touched:
            take_thoroughly(event, step)
            return Touched.FACTS

        def handle_both(event: ev.Event, now: Now) -> list[fx.Effect]:
            effects = handle(event, now)
            assert effects == thorough.handle(event, now), event
            kept_s, found_s = station.next_deadline(), thorough.next_deadline()
            assert kept_s == (found_s if found_s is None else pytest.approx(found_s, abs=invariants.EXACT_S)), event
            return effects

        thorough._take = look  # type: ignore[method-assign]
        station._take = look_where_it_is_nearly_time  # type: ignore[method-assign]
        station.handle = handle_both  # type: ignore[method-assign]
        return station

    def alike(self, now: Now) -> None:
        """They know the same, once both have looked."""
        station, thorough = self.pairs[-1]
        boot = station._blocks.clock.boot.boot
        for one in (station, thorough):
            one.follow(Step(now, boot))
        assert state.export(station) == state.export(thorough)


def happen(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("asked", (str(action), payload)):
            if world.up and not world.exited:
                world.ask(action, payload)
        case ("answered", str(action), str(how)):
            world.csms.once(action, ANSWERS[how])
        case ("clock", float(seconds)):
            shift(world, seconds)
        case ("system clock", bool(synchronised)):
            world.wall = synchronised
        case ("sign of life",):
            if world.up:
                world.deliver(ev.LinkAlive())
        case ("frame", str(text)):
            if world.up:
                world.deliver(ev.FrameReceived(text))
        case ("meter", int(number)):
            world.read_meter(number)
        case _:
            do(world, step)


def test_nobody_can_tell_a_station_that_passes_over_from_one_that_looks_for_everything() -> None:
    spared = 0

    @settings(max_examples=60, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(SITES, st.lists(ANYTHING, min_size=25, max_size=60))
    def run(site: dict[str, Any], steps: list[tuple[Any, ...]]) -> None:
        nonlocal spared
        twins = Twins()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(harness, "Station", twins.make)
            patch.setattr(invariants, "nothing_is_left_over", lambda station, now: None)  # it would settle one of them
            world = World(2, draws_w=7_360.0, poll_s=10.0, reconnect_s=2.0, **site)
            for step in steps:
                happen(world, step)
            heal(world)
            world.advance(130.0)
            twins.alike(world.now())
        spared += twins.spared

    run()

    assert spared > 1_000
