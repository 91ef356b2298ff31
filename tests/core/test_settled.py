"""What follows from a reading of the meter or from a frame, and what need not be looked for."""

import json

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import PutRow
from chargepoint.core.station import Station
from chargepoint.core.step import Step
from chargepoint.facts import Reading
from chargepoint.journal import state
from tests.core.central_system import Silence
from tests.core.clocks import text_of
from tests.core.harness import World


def _knows(world: World) -> object:
    """All that the core knows; its deadline with it."""
    world.station.next_deadline()
    return state.export(world.station)


def _passed_over(world: World, monkeypatch: pytest.MonkeyPatch, event: ev.Event) -> bool:
    """Hands an event over. Where the station did not look for what follows: neither effect nor state could have come of it."""
    looked: list[Step] = []
    follow = Station.follow

    def look(station: Station, step: Step) -> None:
        looked.append(step)
        follow(station, step)

    with monkeypatch.context() as patch:
        patch.setattr(Station, "follow", look)
        world.station.handle(event, world.now())
    if looked:
        return False
    before = _knows(world)
    step = Step(world.now(), world.station._blocks.clock.boot.boot)
    world.station.follow(step)
    assert not step.effects(), step.effects()
    assert _knows(world) == before
    return True


def _reading(world: World, number: int = 1, volts: float = 230.0, amps: float = 16.0) -> ev.MeterRead:
    energy_wh = world.plants[number].energy_wh
    amps = amps if world.plants[number].closed else 0.0
    reading = Reading(energy_import_wh=energy_wh, current_a=(amps, amps, amps), voltage_v=(volts, volts, volts))
    return ev.MeterRead(number, reading, world.mono_s)


@pytest.mark.section("3.16")
def test_a_reading_in_the_middle_of_a_charge_changes_nothing_but_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(2, draws_w=7_000.0)
    world.plug()
    world.tap()
    world.advance(10)
    assert world.status() == "Charging"
    world.station.handle(_reading(world), world.now())  # the phases in use are seen for the first time
    for second in range(50):
        world.advance(1)
        assert _passed_over(world, monkeypatch, _reading(world, 1 + second % 2, volts=229.5 + second % 3)), second


@pytest.mark.section("3.16")
def test_a_reading_at_which_a_sample_is_due_is_not_passed_over() -> None:
    world = World(draws_w=7_000.0, keys={"MeterValueSampleInterval": 60})
    world.plug()
    world.tap()
    world.advance(10)
    world.station.handle(_reading(world), world.now())
    deadline_s = world.station.next_deadline()
    assert deadline_s is not None
    world.mono_s = deadline_s
    (commit, *_) = world.station.handle(_reading(world), world.now())
    assert isinstance(commit, fx.Commit)
    assert any(isinstance(change, PutRow) for change in commit.changes)


@pytest.mark.section("4.6")
def test_a_reading_with_which_the_time_becomes_known_is_not_passed_over() -> None:
    world = World(online=False, keys={"ClockAlignedDataInterval": 900})
    world.station.handle(_reading(world), world.now())
    assert world.station.next_deadline() is None
    world.wall = True
    (commit,) = world.station.handle(_reading(world), world.now())
    assert isinstance(commit, fx.Commit)
    assert world.station.next_deadline() == pytest.approx(world.mono_s + 900 - world.wall_s % 900)


@pytest.mark.section("5.8")
def test_a_question_about_a_key_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(2, draws_w=7_000.0)
    world.plug()
    world.tap()
    world.advance(10)
    assert _passed_over(world, monkeypatch, ev.FrameReceived('[2,"1","GetConfiguration",{"key":["HeartbeatInterval"]}]'))


@pytest.mark.section("4.6")
def test_an_answer_to_a_heartbeat_changes_nothing_but_a_wrong_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for wrong_s, passed_over in ((0.4, True), (500.0, False), (500.4, True)):
        world.csms.once("Heartbeat", Silence())
        world.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
        conf = {"currentTime": text_of(world.wall_s + wrong_s)}
        answer = ev.FrameReceived(json.dumps([3, world.sent[-1].message_id, conf]))
        world.wire.answered(world.sent[-1].message_id)
        assert _passed_over(world, monkeypatch, answer) is passed_over


@pytest.mark.section("J 4.1")
def test_a_question_while_a_lost_answer_is_looked_for_ends_the_waiting() -> None:
    world = World()
    world.csms.once("Heartbeat", Silence())
    world.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
    world.advance(world.site.call_timeout_s)
    assert fx.ProbeLink() in world.effects
    world.advance(1)
    (answer,) = world.station.handle(ev.FrameReceived('[2,"1","GetLocalListVersion",{}]'), world.now())
    assert isinstance(answer, fx.SendFrame)
    assert world.station.next_deadline() == world.mono_s


@pytest.mark.section("5.7")
def test_a_reading_with_another_voltage_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.plug()
    world.tap()
    world.advance(10)
    world.station.handle(_reading(world), world.now())
    assert not _passed_over(world, monkeypatch, _reading(world, volts=240.0))
    assert _passed_over(world, monkeypatch, _reading(world, volts=240.0))


@pytest.mark.section("9.1.24")
def test_the_readings_of_a_refused_id_are_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(keys={"StopTransactionOnInvalidId": "false", "MaxEnergyOnInvalidId": 10_000})
    world.csms.once("StartTransaction", {"idTagInfo": {"status": "Blocked"}, "transactionId": 3})
    world.plug()
    world.tap()
    world.advance(10)
    for _ in range(3):
        world.advance(1)
        assert not _passed_over(world, monkeypatch, _reading(world))


@pytest.mark.section("4.8")
def test_a_reading_that_somebody_waits_for_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(2)
    assert _passed_over(world, monkeypatch, _reading(world))
    world.tap()
    world.advance(1)
    assert not _passed_over(world, monkeypatch, _reading(world))
    world.advance(100)  # nobody plugged in time
    assert _passed_over(world, monkeypatch, _reading(world))
