"""Stories with a recorder beside the core, as the shell has it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.journal import Recorder, recorder
from chargepoint.journal.recording import Head, read
from chargepoint.journal.replay import Replayed, replay
from tests.core import harness

ABOUT = {"station": "CP1", "version": "0.1.0"}


def small_segments(monkeypatch: pytest.MonkeyPatch, lines_bytes: int = 6_000) -> None:
    """A new segment every few events."""
    monkeypatch.setattr(recorder, "BATCH_BYTES", lines_bytes // 4)
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", lines_bytes)
    monkeypatch.setattr(recorder, "SEGMENT_BYTES_MAX", lines_bytes + 2_000)
    monkeypatch.setattr(recorder, "WAIT_S", 0.0)


def with_recorder(monkeypatch: pytest.MonkeyPatch, beside: Recorder) -> None:
    """Every station that a story makes from now on is recorded."""

    def make(snapshot: Snapshot, site: Site) -> Station:
        station = Station(snapshot, site)
        beside.begin(station, site)
        record(monkeypatch, station, beside)
        return station

    monkeypatch.setattr(harness, "Station", make)


def record(monkeypatch: pytest.MonkeyPatch, station: Station, beside: Recorder) -> None:
    handle: Callable[[ev.Event, Now], list[fx.Effect]] = station.handle

    def handled(event: ev.Event, now: Now) -> list[fx.Effect]:
        try:
            effects = handle(event, now)
        except Exception as error:
            beside.failed(event, now, error)
            raise
        beside.record(event, now, effects)
        return effects

    monkeypatch.setattr(station, "handle", handled)


def written(beside: Recorder, folder: Path, name: str = "journal-0001.jsonl.gz") -> Path:
    path = folder / name
    path.write_bytes(beside.recording(ABOUT))
    return path


def replayed(path: Path) -> Replayed:
    return replay(read(path)[1])


def segments(path: Path) -> list[Head]:
    return [line for line in read(path)[1] if isinstance(line, Head)]
