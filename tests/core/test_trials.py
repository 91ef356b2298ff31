"""An installer's requests: a contactor closed for a moment without a car, a light shown, the service started again."""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.trials import HOLD_S
from chargepoint.facts import Pattern
from tests.core.harness import World

pytestmark = pytest.mark.section("own control")


def trial(world: World, connector: int = 1) -> dict[str, Any]:
    body, error = world.control("status")
    assert error is None
    told: dict[str, Any] = body["connectors"][str(connector)]["trial"]
    return told


def begin(world: World, connector: int = 1) -> str | None:
    return world.control("test_contactor", connector=connector)[1]


class TestContactor:
    def test_it_closes_for_a_moment_and_both_ways_are_timed(self) -> None:
        world = World(lag_s=0.05)
        assert begin(world) is None
        assert world.contactor()
        assert trial(world)["result"] == "running"
        world.advance(HOLD_S + 0.04)
        assert world.contactor()
        world.advance(0.2)
        assert not world.contactor()
        assert trial(world) == {"result": "passed", "closed_after_s": 0.05, "opened_after_s": 0.05}
        assert world.status() == "Available"
        assert world.calls("StartTransaction") == []

    def test_nothing_is_offered_to_anybody_meanwhile(self) -> None:
        world = World(lag_s=0.05)
        begin(world)
        world.advance(0.5)
        assert world.plants[1].offered_a is None
        assert world.control("status")[0]["connectors"]["1"]["session"] is None

    @pytest.mark.parametrize("act", ["plug", "not ready", "cable", "ground_fault", "emergency_stop", "pilot lost"])
    def test_whatever_happens_meanwhile_opens_it_at_once(self, act: str) -> None:
        world = World(lag_s=0.0)
        begin(world)
        effects = len(world.effects)
        match act:
            case "plug":
                world.plug()
            case "not ready":
                world.plug(ready=False)
            case "cable":
                world.pilot(1, "A", cable=True)
            case "pilot lost":
                world.lose("pilot")
            case _:
                world.input(act)
        opened = next(effect for effect in world.effects[effects:] if not isinstance(effect, fx.Reply | fx.Log))
        assert opened == fx.OpenContactor(1)
        assert not world.contactor()
        assert trial(world)["result"] in ("cut_short", "passed")

    @pytest.mark.parametrize(
        ("prepare", "words"),
        [
            ("plug", "a car or a cable is plugged in"),
            ("charge", "a session runs"),
            ("fault", "it is faulted"),
            ("contactor lost", "it is faulted"),
            ("cable", "a car or a cable is plugged in"),
            ("twice", "its test runs already"),
        ],
    )
    def test_it_is_refused_in_words(self, prepare: str, words: str) -> None:
        world = World()
        match prepare:
            case "plug":
                world.plug()
            case "charge":
                world.plug()
                world.tap()
            case "fault":
                world.input("emergency_stop")
            case "contactor lost":
                world.lose("contactor")
            case "cable":
                world.pilot(1, "A", cable=True)
            case "twice":
                begin(world)
        closed = world.contactor()
        error = begin(world)
        assert error is not None
        assert words in error
        assert world.contactor() is closed

    def test_one_that_does_not_close_latches_as_ever(self) -> None:
        world = World()
        world.plants[1].stuck_open = True
        begin(world)
        world.advance(world.site.connectors[0].closing_s + 0.1)
        assert not world.plants[1].coil
        assert trial(world)["result"] == "failed"
        assert world.control("status")[0]["connectors"]["1"]["latched"] == ["contactor_stuck_open"]

    def test_one_that_welds_latches_as_ever(self) -> None:
        world = World()
        begin(world)
        world.plants[1].welded = True
        world.advance(HOLD_S + world.site.connectors[0].opening_s + 0.1)
        assert trial(world)["result"] == "failed"
        assert world.control("status")[0]["connectors"]["1"]["latched"] == ["contactor_welded"]

    def test_without_feedback_nothing_is_claimed(self) -> None:
        world = World()
        world.plants[1].silent_feedback = True
        begin(world)
        world.advance(10.0)
        assert not world.contactor()
        assert trial(world)["result"] in ("no_feedback", "failed")

    def test_a_car_that_comes_afterwards_charges(self) -> None:
        world = World()
        begin(world)
        world.advance(5.0)
        world.plug()
        world.tap()
        assert world.status() == "Charging"


class TestLight:
    def test_any_pattern_for_a_moment(self, world: World) -> None:
        assert world.control("test_light", connector=1, pattern="charging") == ({}, None)
        assert world.plants[1].shown == (Pattern.CHARGING, None, None)
        world.advance(3.1)
        assert world.plants[1].shown == (Pattern.AVAILABLE, None, None)

    @pytest.mark.parametrize("pattern", ["disco", None, 5, ["available"], "AVAILABLE"])
    def test_a_pattern_that_there_is_not(self, world: World, pattern: object) -> None:
        error = world.control("test_light", connector=1, pattern=pattern)[1]
        assert error is not None
        assert "there are available, card_wanted" in error

    def test_a_fault_goes_before(self, world: World) -> None:
        world.input("emergency_stop")
        error = world.control("test_light", connector=1, pattern="charging")[1]
        assert error == "connector 1 is faulted, and its lamp shows that"


class TestRestart:
    def test_a_station_at_rest_ends_at_once_to_be_started_again(self, world: World) -> None:
        assert world.control("restart") == ({"ended": []}, None)
        assert world.exited == "restart"

    def test_somebody_who_charges_is_not_cut_off_by_mistake(self, world: World) -> None:
        world.plug()
        world.tap()
        error = world.control("restart")[1]
        assert error == "a session runs at connector 1; wait, or ask with end_sessions = true"
        assert world.contactor()
        assert world.exited is None

    def test_nor_by_a_yes_that_is_none(self, world: World) -> None:
        world.plug()
        world.tap()
        assert world.control("restart", end_sessions="yes")[1] is not None
        assert world.contactor()

    def test_a_session_is_closed_in_order_first(self, world: World) -> None:
        world.plug()
        world.tap()
        assert world.control("restart", end_sessions=True) == ({"ended": ["1"]}, None)
        assert not world.contactor()
        world.advance(2.0)
        assert world.exited == "restart"
        world.expect_call("StopTransaction", reason="Reboot")


def test_why_the_last_card_was_refused_until_one_is_accepted(world: World) -> None:
    def refused() -> Any:
        return world.control("status")[0]["connectors"]["1"]["refused"]

    assert refused() is None
    world.input("emergency_stop")
    world.tap("CARD1")
    world.advance(60)
    assert refused() == {"why": "out_of_service", "seconds": 60}
    world.input("emergency_stop", active=False)
    world.plug()
    world.tap("CARD1")
    assert refused() is None
