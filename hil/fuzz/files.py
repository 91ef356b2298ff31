"""Targets: settings files and recordings, through the commands that read them."""

import argparse
import contextlib
import gzip
import io
import json
import random
import tempfile
from functools import cache
from pathlib import Path

from chargepoint.cli import check_config
from chargepoint.cli import replay as replaying
from chargepoint.cli.common import CommandError
from chargepoint.core.events import ControlAsked, Started
from chargepoint.core.records import BootRecord, Snapshot
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.journal import Recorder
from chargepoint.registry import check_file
from chargepoint.shell.compose import site_of
from hil.fuzz import mutation
from hil.fuzz.target import PLACE, in_words
from tests.core.harness import World

CONFIGS = Path(__file__).parents[2] / "config"


class Settings:
    """A settings file is refused in words that name it, or a station can begin with it."""

    name = "settings"

    def case(self, rng: random.Random) -> list[bytes]:
        lines = rng.choice(sorted(CONFIGS.glob("*.toml"))).read_bytes().split(b"\n")
        kept = [line for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(kept))
            match rng.randrange(6):
                case 0:
                    del kept[at]
                case 1:
                    kept.insert(rng.randrange(len(kept)), kept[at])
                case 2 if b"=" in kept[at]:
                    key, _, _ = kept[at].partition(b"=")
                    value = rng.choice(mutation.ODD)
                    kept[at] = key + b"= " + json.dumps(value).encode("utf-8", "surrogatepass")
                case _:
                    kept[at] = mutation.bytes_of(rng, kept[at])
            if not kept:
                kept = [b""]
        return kept

    def run(self, inputs: list[bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder:
            path = Path(folder) / "station.toml"
            path.write_bytes(b"\n".join(inputs) + b"\n")
            checked = check_file(path)
            assert (checked.settings is None) == bool(checked.problems)
            for problem in checked.problems:
                assert str(path) in str(problem)
                assert len(str(problem)) < 1_000
            for line in check_config.as_lines(path, checked):
                assert line.isprintable(), line
            json.dumps(check_config.as_document(path, checked))
            if checked.settings is not None:
                boot = BootRecord(boot=1, kernel_boot_id="a", first_mono_s=1.0, last_mono_s=1.0)
                station = Station(Snapshot(run=1, boots=(boot,), keys={}, stop_samples={}), site_of(checked.settings))
                station.handle(Started(), Now(2.0))
                assert station.handle(ControlAsked(1, "status", {}), Now(3.0))


class Recordings:
    """A recording is refused in words, or replayed; nothing else. The inputs are its lines, or one is the packed file."""

    name = "recordings"

    def case(self, rng: random.Random) -> list[bytes]:
        lines = list(_recording())
        if rng.random() < 0.05:
            return [mutation.bytes_of(rng, gzip.compress(b"\n".join(lines) + b"\n", 1, mtime=0), rng.randint(1, 3))]
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.randrange(len(lines))
            if rng.random() < 0.4 and lines[at] in _recording():
                lines[at] = mutation.json_text(rng, json.loads(lines[at]), rng.randint(1, 3)).encode("utf-8", "replace")
                lines[at] = lines[at].replace(b"\n", b"")
            elif rng.random() < 0.2:
                del lines[at]
            else:
                lines[at] = mutation.bytes_of(rng, lines[at])
            lines = lines or [b""]
        return lines

    def run(self, inputs: list[bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=PLACE) as folder:
            path = Path(folder) / "journal-0001.jsonl.gz"
            path.write_bytes(inputs[0] if len(inputs) == 1 else b"\n".join(inputs) + b"\n")
            for as_json in (False, True):
                said = io.StringIO()
                try:
                    with contextlib.redirect_stdout(said):
                        status = replaying.run(argparse.Namespace(file=str(path), json=as_json))
                except CommandError as error:
                    in_words(error, "")
                    status = error.status
                assert status in (0, replaying.EXIT_DIFFERENT, replaying.EXIT_UNREADABLE)
                assert all(line.isprintable() for line in said.getvalue().splitlines()), said.getvalue()
                if as_json and status != replaying.EXIT_UNREADABLE:
                    json.loads(said.getvalue())


@cache
def _recording() -> tuple[bytes, ...]:
    """A short story, recorded."""
    world = World(1, keys={"MeterValueSampleInterval": 10}, started=False)
    beside = Recorder(salt=b"fuzz")
    world.start(parts=False)
    beside.begin(world.station, world.site)
    handle = world.station.handle

    def recorded(event, now):  # type: ignore[no-untyped-def]
        effects = handle(event, now)
        beside.record(event, now, effects)
        return effects

    world.station.handle = recorded  # type: ignore[method-assign]
    world.open_parts()
    world.connect()
    world.plug(1)
    world.tap()
    world.advance(30)
    return tuple(gzip.decompress(beside.recording({"station": "CP1"})).splitlines())
