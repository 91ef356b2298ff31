"""Long frames: a list that was taken is shortened exactly; anything else is a gap, and the rest waits for a quiet moment."""

from pathlib import Path
from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.journal import Recorder, recorder, shortened, state
from chargepoint.journal.recording import Gap, Head, Line, read
from chargepoint.journal.replay import station_of
from tests.core.harness import World
from tests.core.listing import entry, send, version
from tests.journal.recorded import replayed, segments, with_recorder, written

MANY = 6_000


def some(first: int, count: int = MANY) -> list[dict[str, Any]]:
    """Entries of every kind."""
    entries = [entry(f"TAG{first + number:08}", parent="P", until_s=2e9 + number) for number in range(count)]
    entries[1] = entry(entries[1]["idTag"], "Blocked")
    entries[-1] = entry(entries[-1]["idTag"], "Expired")
    return entries


def lines(path: Path) -> list[Head | Line | Gap]:
    return list(read(path)[1])


def test_a_long_list_is_recorded_shortened_and_leaves_the_same_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World(draws_w=7_000, poll_s=2.0)
    world.plug(1)
    world.tap()
    assert send(world, 1, *some(0)) == "Accepted"
    changes = [entry("TAG00000000", None), *some(MANY)[:3], entry("TAG00000001", None), *some(2 * MANY), entry("NOBODY", None)]
    assert send(world, 2, *changes, full=False) == "Accepted"
    assert send(world, 3, *[entry(f"TAG{number:08}", None) for number in range(2_000)], full=False) == "Accepted"
    assert send(world, 4, *some(0), entry("TAG00000009")) == "Failed", "an id stands twice"
    world.advance(10)
    assert version(world) == 3
    assert len(world.store.listed) == MANY - 2_000 + 3 + MANY
    path = written(beside, tmp_path)
    outcome = replayed(path)
    assert (outcome.difference, outcome.gaps, outcome.segments, outcome.events) == (None, (), 1, beside.events)
    assert path.stat().st_size < 40_000
    assert [line.shortened for line in lines(path) if isinstance(line, Line) and line.shortened] == [
        "6000 entries, of which 8 are recorded",
        "6006 entries, of which 8 are recorded",
        "2000 entries, of which 8 are recorded",
        "6001 entries, of which 8 are recorded",
    ]
    assert state.export(after(path)) == state.export(world.station)


@pytest.mark.parametrize("binary", [False, True])
def test_a_long_list_however_it_is_written_is_shortened_exactly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, binary: bool
) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    info = '{ "status" : "Accepted", "expiryDate": "2030-01-01T12:00:00.123456+05:30", "parentIdTag": "\\u00e9\\"{" }'
    entries = ",".join(f'{{"idTagInfo":{info},"idTag":"\\u0041{number}"}}' for number in range(600))
    body = f'{{"localAuthorizationList":[{entries}] , "updateType":"Differential","listVersion":7}}'
    text = f' [ 2 ,\n"{{\\u0022[,\\\\" , "SendLocalList" , {body} ]'
    world.wire.asked('{"[,\\', "SendLocalList")
    world.receive(text.encode() if binary else text)
    world.advance(5)
    assert version(world) == 7
    path = written(beside, tmp_path)
    assert [line.shortened is not None for line in lines(path) if isinstance(line, Line)].count(True) == 1
    assert replayed(path).difference is None
    assert state.export(after(path)) == state.export(world.station)


def after(path: Path) -> Station:
    """The core at the end of a recording of one segment."""
    head, *rest = lines(path)
    assert isinstance(head, Head)
    station = station_of(head.site, head.state)
    for line in rest:
        assert isinstance(line, Line)
        station.handle(line.what(), Now(line.mono_s, line.wall_s))
    return station


@pytest.mark.parametrize(
    ("number", "entries", "full"),
    [
        (2, [*some(0, 600), entry("X", None)], True),
        (1, some(0, 600), False),
    ],
)
def test_a_list_that_is_not_taken_is_never_shortened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, entries: list[dict[str, Any]], full: bool
) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    send(world, 1, entry("A"))
    assert send(world, number, *entries, full=full) in ("Failed", "VersionMismatch")
    path = written(beside, tmp_path)
    assert replayed(path).difference is None
    frames = [str(line.event.text) for line in lines(path) if isinstance(line, Line) and hasattr(line.event, "text")]
    assert max(map(len, frames)) > shortened.LONG
    assert replayed(path).gaps == ()


def test_after_a_gap_nothing_is_recorded_until_the_sessions_end_or_a_minute_is_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World(draws_w=7_000, poll_s=2.0)
    world.plug(1)
    world.tap()
    world.advance(5)
    for _ in range(3):
        too_long(world)
    world.advance(recorder.WAIT_S - 5)
    assert outcome_of(beside, tmp_path) == (1, 1)
    world.advance(10)
    assert outcome_of(beside, tmp_path) == (2, 1)
    too_long(world)
    world.advance(20)
    assert outcome_of(beside, tmp_path) == (2, 2)
    world.tap()
    world.advance(10)
    assert outcome_of(beside, tmp_path) == (3, 2)
    assert replayed(written(beside, tmp_path)).difference is None


def test_a_siege_of_long_frames_begins_few_segments_also_while_nobody_charges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    for _ in range(40):
        too_long(world)
        world.advance(1)
    count, _ = outcome_of(beside, tmp_path)
    assert 4 <= count <= 6


def test_no_segment_begins_in_a_step_that_moves_a_contactor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    monkeypatch.setattr(Station, "idle", lambda _: False)
    too_long(world)
    late = Now(world.now().mono_s + 2 * recorder.WAIT_S, None)
    beside.record(ev.Tick(), late, [fx.OpenContactor(1)])
    beside.record(ev.Tick(), late, [fx.CloseContactor(1)])
    assert outcome_of(beside, tmp_path) == (1, 1)
    beside.record(ev.Tick(), late, [])
    assert outcome_of(beside, tmp_path) == (2, 1)


def too_long(world: World) -> None:
    world.call("DataTransfer", {"vendorId": "V", "data": "x" * recorder.LINE_MAX})


def outcome_of(beside: Recorder, folder: Path) -> tuple[int, int]:
    """Segments and gaps so far."""
    path = written(beside, folder)
    return len(segments(path)), len(replayed(path).gaps)
