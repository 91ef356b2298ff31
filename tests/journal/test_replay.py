"""A recording runs through the core once more: the same, or the first difference."""

import contextlib
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from chargepoint.core import events as ev
from chargepoint.core.cards import Cards
from chargepoint.core.sessions import Sessions
from chargepoint.journal import Recorder, recorder
from chargepoint.journal.replay import first_difference
from hil.simulate.invariants import Violation
from hil.simulate.simulation import Simulation
from tests.core.central_system import Silence
from tests.core.harness import World
from tests.journal.recorded import replayed, segments, small_segments, with_recorder, written


def evening(monkeypatch: pytest.MonkeyPatch, beside: Recorder) -> World:
    """Boot, a charge, a remote start, an offline session, a power cut in a charge, settings, lists, profiles, a reservation."""
    with_recorder(monkeypatch, beside)
    world = World(
        2, keys={"MeterValueSampleInterval": 10, "ClockAlignedDataInterval": 60}, draws_w=7_000, poll_s=2.0, lag_s=0.1
    )
    world.plug(1)
    world.tap()
    world.advance(45)
    world.tap()
    world.advance(5)
    world.unplug(1)
    world.call(
        "SendLocalList",
        listVersion=1,
        updateType="Full",
        localAuthorizationList=[{"idTag": "A", "idTagInfo": {"status": "Accepted"}}],
    )
    world.call("ReserveNow", connectorId=2, expiryDate="2026-01-05T13:00:00Z", idTag="CARD2", reservationId=4)
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    }
    world.call("SetChargingProfile", connectorId=0, csChargingProfiles={**profile, "chargingSchedule": schedule})
    world.call("TriggerMessage", requestedMessage="MeterValues")
    world.plug(2)
    world.call("RemoteStartTransaction", idTag="CARD2", connectorId=2)
    world.advance(20)
    world.disconnect()
    world.tap("CARD2")
    world.advance(15)
    world.connect()
    world.advance(20)
    world.plug(1)
    world.tap()
    world.advance(12)
    world.cut_power(90)
    world.advance(30)
    world.csms.once("Heartbeat", Silence())
    world.input("emergency_stop")
    world.advance(300)
    return world


def test_a_whole_evening_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = Recorder()
    evening(monkeypatch, beside)
    outcome = replayed(written(beside, tmp_path))
    assert outcome.difference is None
    assert (outcome.events, outcome.segments, outcome.forgotten) == (beside.events, 2, 0)
    assert outcome.events > 200


def test_every_segment_can_be_replayed_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each begins with the state that the core has then, in the middle of whatever goes on."""
    small_segments(monkeypatch)
    beside = Recorder(bytes_max=64 << 20)
    evening(monkeypatch, beside)
    path = written(beside, tmp_path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith(b'{"segment"')]
    assert len(starts) > 15
    replayed_events = 0
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        alone = tmp_path / "alone.jsonl"
        alone.write_bytes(b"".join([lines[0], *lines[start:end]]))
        outcome = replayed(alone)
        assert outcome.difference is None
        replayed_events += outcome.events
    assert replayed_events == beside.events


def test_days_of_chance_are_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small_segments(monkeypatch, 30_000)
    beside = Recorder(bytes_max=64 << 20)
    simulation = Simulation(3, 2)
    simulation.box.recorder = beside
    simulation.run()
    outcome = replayed(written(beside, tmp_path))
    assert outcome.difference is None
    assert outcome.events == beside.events > 1_000
    assert outcome.segments > 20


def test_a_core_that_answers_otherwise_shows_at_the_first_event_of_which_that_is_true(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = Recorder()
    evening(monkeypatch, beside)
    path = written(beside, tmp_path)
    begin = Sessions.begin_where_possible
    monkeypatch.setattr(
        Sessions, "begin_where_possible", lambda self, connector, step: connector.number != 2 and begin(self, connector, step)
    )
    outcome = replayed(path)
    assert outcome.difference is not None
    assert b"RemoteStartTransaction" in outcome.difference.expected + str(outcome.difference.line.event).encode()
    assert outcome.difference.number == outcome.events
    place, expected, got = first_difference(outcome.difference.expected, outcome.difference.got)
    assert place >= 1
    assert expected != got
    assert 1 <= len(outcome.difference.before) <= 5
    assert [number for number, _ in outcome.difference.before][-1] == outcome.events - 1


def test_a_step_that_failed_fails_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    with monkeypatch.context() as broken:
        broken.setattr(Cards, "tapped", breaking)
        with pytest.raises(AssertionError, match="two sessions"):
            world.tap()
        path = written(beside, tmp_path)
        assert replayed(path).difference is None, "the same program fails in the same way"
    outcome = replayed(path)
    assert outcome.difference is not None
    assert outcome.difference.expected == b'{"raised":"AssertionError: two sessions"}'
    assert isinstance(outcome.difference.line.event, ev.CardSeen)


def breaking(*_: object) -> bool:
    raise AssertionError("two sessions")


def test_a_violation_in_the_simulator_is_a_recording_that_shows_the_mending(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fault is put into the core, the simulator finds it, and the mended core differs where the fault struck."""
    from chargepoint.core.transactions import Transactions

    beside = Recorder(bytes_max=64 << 20)
    with monkeypatch.context() as faulty:
        metered: Callable[..., object] = Transactions.metered
        faulty.setattr(Transactions, "metered", lambda self, key, register_wh: metered(self, key, register_wh * 1.01))
        simulation = Simulation(1, 1)
        simulation.box.recorder = beside
        with contextlib.suppress(Violation):
            assert simulation.run().violations
        path = written(beside, tmp_path)
        assert replayed(path).difference is None
    outcome = replayed(path)
    assert outcome.difference is not None
    assert "register_last_wh" in first_difference(outcome.difference.expected, outcome.difference.got)[1]


class TestBounds:
    def test_memory_is_bounded_and_the_oldest_segments_go(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        small_segments(monkeypatch)
        beside = Recorder(bytes_max=20_000)
        sizes = []
        with_recorder(monkeypatch, beside)
        world = World(2, keys={"MeterValueSampleInterval": 1}, draws_w=7_000, poll_s=1.0)
        for _ in range(12):
            world.plug(1)
            world.tap()
            world.advance(20)
            world.tap()
            world.unplug(1)
            sizes.append(beside.size)
        assert max(sizes) <= 20_000 + recorder.BATCH_BYTES
        assert sizes[-1] > 10_000
        path = written(beside, tmp_path)
        assert path.stat().st_size < 25_000
        outcome = replayed(path)
        assert outcome.difference is None
        assert outcome.forgotten > 0
        assert outcome.forgotten == segments(path)[0].before

    def test_an_event_that_is_too_long_is_a_gap_and_recording_goes_on(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        beside = Recorder()
        with_recorder(monkeypatch, beside)
        world = World()
        world.call("DataTransfer", {"vendorId": "V", "data": "x" * recorder.LINE_MAX})
        world.plug(1)
        world.tap()
        outcome = replayed(written(beside, tmp_path))
        assert outcome.difference is None
        assert outcome.segments == 2
        assert len(outcome.gaps) == 1
        assert "at most" in outcome.gaps[0]

    def test_a_state_that_cannot_be_written_down_stops_the_journal_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        small_segments(monkeypatch)
        beside = Recorder()
        with_recorder(monkeypatch, beside)
        world = World()
        world.station._blocks.starts._waiting.append(open)  # type: ignore[arg-type]
        world.station._blocks.starts._waiting.clear()
        world.station._reserving.odd = [open]  # type: ignore[attr-defined]
        for _ in range(30):
            world.tap("CARD9")
            world.advance(60)
        assert "station._reserving.odd[] is builtins:builtin_function_or_method" in caplog.text
        assert caplog.text.count("the journal records nothing more") == 1
        assert replayed(written(beside, tmp_path)).difference is None

    def test_binary_frames_and_strange_text_are_recorded(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        beside = Recorder()
        with_recorder(monkeypatch, beside)
        world = World()
        for frame in (
            b'[2,"1","Heartbeat",{}]',
            b"\xff\xfe\x00",
            "\x00\u202e\U0001d518",
            '[2,"2","DataTransfer",{"vendorId":"\\ud800"}]',
        ):
            world.receive(frame)
        outcome = replayed(written(beside, tmp_path))
        assert outcome.difference is None
        assert outcome.gaps == ()

    def test_what_json_cannot_hold_is_a_gap(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        beside = Recorder()
        with_recorder(monkeypatch, beside)
        world = World()
        world.receive('[2,"\ud800"]')
        world.plug(1)
        outcome = replayed(written(beside, tmp_path))
        assert outcome.difference is None
        assert "FrameReceived: UnicodeEncodeError" in outcome.gaps[0]
