"""The journal of a running service: asked for, and left behind where the core came to an impossible state."""

import asyncio
import gzip
import json
import os
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chargepoint.cli.main import main
from chargepoint.core.step import Now
from chargepoint.journal import Recorder
from chargepoint.shell import journals
from chargepoint.shell.journals import KEPT_MAX, Journals, kept
from hil.bench.bench import Options, running
from hil.bench.client import BenchClient
from hil.csms import CentralSystem
from tests.core.harness import World
from tests.shell.test_service import IDENTITY
from tests.shell.test_service import World as Place

BREAKS = """
import sys
from chargepoint.core.cards import Cards
from chargepoint.settings import load
from chargepoint.shell.service import main
def tapped(self, reader, id_tag, step):
    assert id_tag != "BAD0", "a card that cannot be"
Cards.tapped = tapped
sys.exit(main(load(sys.argv[1])))
"""


@pytest.fixture
def files(tmp_path: Path) -> Journals:
    world = World()
    recorder = Recorder()
    recorder.begin(world.station, world.site)
    return Journals(tmp_path, "CP1", recorder, lambda: Now(1.0, 1_767_614_400.0), lambda: "0.1.0")


def first_line(path: Path) -> dict[str, object]:
    line: dict[str, object] = json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])
    return line


def test_a_file_says_whose_it_is_and_only_its_owner_may_read_it(files: Journals) -> None:
    path = files.keep("asked for")
    assert path.name == "journal-0001.jsonl.gz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    about = first_line(path)
    assert about["station"] == "CP1"
    assert about["why"] == "asked for"
    assert about["written"] == "2026-01-05T12:00:00.000Z"
    assert os.listdir(path.parent) == [path.name]


def test_the_first_two_and_the_newest_are_kept(files: Journals, tmp_path: Path) -> None:
    for _ in range(9):
        files.keep("again")
    assert [number for number, _ in kept(tmp_path)] == [1, 2, 7, 8, 9]
    assert len(kept(tmp_path)) == KEPT_MAX


def test_a_disk_without_room_gets_none(
    files: Journals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journals, "ROOM_BYTES", 1 << 60)
    with pytest.raises(OSError, match="has no room for a journal"):
        files.keep("asked for")
    files.keep_after_failure()
    assert "the journal of the last events could not be written" in caplog.text
    assert os.listdir(tmp_path) == []


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="st-") as name:
        directory = Path(name)
        async with CentralSystem() as central:
            options = Options(directory=directory, connectors=1, central_system=central.url)
            async with running(options) as bench, BenchClient(bench.control) as client:
                yield Place(directory, bench.config, client, central)


async def test_a_recording_of_a_running_station_replays_the_same(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with place.station():
        station = await place.central.station(IDENTITY, timeout_s=10)
        await station.expect("StatusNotification", connectorId=1)
        await place.charge()
        here = place.directory / "fault.jsonl.gz"
        arguments = ["journal", str(here), "--config", str(place.config)]
        assert await asyncio.to_thread(main, arguments) == 0
        assert await asyncio.to_thread(main, arguments) == 1, "nothing is written over"
        assert await asyncio.to_thread(main, ["journal", "--config", str(place.config)]) == 0
    there = place.directory / "state" / "journal-0001.jsonl.gz"
    assert f"{there}: " in capsys.readouterr().out
    for path in (here, there):
        assert main(["replay", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.count("the same: ") == 2
    assert "another program" not in told


async def test_an_impossible_state_leaves_its_last_events(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with place.station("-c", BREAKS, str(place.config)) as process:
        await place.booted()
        await place.bench.do("tap", id_tag="BAD0")
        assert await place.ended(process) == 70
    path = place.directory / "state" / "journal-0001.jsonl.gz"
    assert f"are in {path}" in place.log()
    assert first_line(path)["why"] == "impossible state"
    assert main(["replay", str(path)]) == 1
    told = capsys.readouterr().out
    assert '"type":"CardSeen"' in told
    assert 'recorded: {"raised":"AssertionError: a card that cannot be"}' in told
