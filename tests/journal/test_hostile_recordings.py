"""A recording that somebody sent may hold anything: a clear answer, and nothing of it is run."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargepoint.cli.main import main
from chargepoint.core.cards import Cards
from chargepoint.core.records import TransactionRecord
from chargepoint.core.sessions import Sessions
from chargepoint.journal import Recorder, recording, state
from chargepoint.journal import replay as replaying
from chargepoint.journal.recording import BadRecording, read
from chargepoint.journal.replay import replay, station_of
from tests.core.harness import World
from tests.core.sites import site_of
from tests.journal.recorded import replayed, with_recorder, written


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    world.plug(1)
    world.tap()
    world.advance(30)
    return written(beside, tmp_path, "good.jsonl.gz")


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def plain(folder: Path, lines: list[bytes]) -> Path:
    path = folder / "bad.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


Harm = Callable[[list[bytes]], list[bytes]]


def with_state(change: Callable[[Any], Any]) -> Harm:
    def harm(lines: list[bytes]) -> list[bytes]:
        head = json.loads(lines[1])
        head["state"] = change(head["state"])
        return [lines[0], json.dumps(head).encode(), *lines[2:]]

    return harm


def field(node: Any, name: str) -> Any:
    return next(item for key, item in node[3] if key == name)


def evil_class(node: Any) -> Any:
    field(node, "_blocks")[2] = "subprocess:Popen"
    return node


def aliased_class(node: Any) -> Any:
    field(node, "_blocks")[2] = "chargepoint.core.step:Struct"
    return node


def replaced_method(node: Any) -> Any:
    node[3].append(["__class__", 1])
    return node


SESSIONS = "chargepoint.core.records:TransactionRecord"
COLUMNS = TransactionRecord.__struct_fields__


def table(name: str, columns: list[str], rows: list[list[Any]] | None = None, keys: list[Any] | None = None) -> list[Any]:
    rows = rows or []
    return ["table", 0, name, columns, list(range(len(rows))) if keys is None else keys, rows]


HARMS: dict[str, tuple[Harm, str]] = {
    "empty": (lambda lines: [], "is no recording"),
    "another program's": (lambda lines: [b'{"songs": 3}'], "is no recording"),
    "not JSON": (lambda lines: [b"Dear diary,"], "is no recording"),
    "a newer format": (lambda lines: [b'{"journal": 99}'], "has format 99"),
    "no beginning": (lambda lines: [lines[0], *lines[2:]], "event 1 has no segment's beginning"),
    "an unknown event": (lambda lines: [*lines[:3], b'[1,null,{"type":"Explode"},[]]'], "line 4 cannot be understood"),
    "a wrong event": (
        lambda lines: [*lines[:3], b'[1,null,{"type":"PilotSeen","connector":"x"},[]]'],
        "line 4 cannot be understood",
    ),
    "no time": (lambda lines: [*lines[:3], b'["now",null,{"type":"Tick"},[]]'], "line 4 cannot be understood"),
    "deep": (lambda lines: [*lines[:3], b"[" * 100_000], "line 4 cannot be understood"),
    "no text": (lambda lines: [*lines[:3], b"[\xff\xfe]"], "line 4 cannot be understood"),
    "no state": (with_state(lambda node: None), "does not fit"),
    "a state of numbers": (with_state(lambda node: list(range(9))), "does not fit"),
    "a state of objects": (with_state(lambda node: {"a": 1}), "does not fit"),
    "a class from elsewhere": (with_state(evil_class), "this program has no subprocess:Popen"),
    "a class that the core only uses": (with_state(aliased_class), "this program has no chargepoint.core.step:Struct"),
    "a dunder": (with_state(replaced_method), "'__class__' is no attribute"),
    "a deep state": (with_state(lambda node: json.loads("[" * 900 + "]" * 900)), "does not fit"),
    "a table of another kind": (with_state(lambda node: table("chargepoint.core.records:Stamp", ["boot", "mono_s"])), "tables"),
    "a table of other columns": (with_state(lambda node: table(SESSIONS, ["key"])), "tables"),
    "a row of another length": (with_state(lambda node: table(SESSIONS, list(COLUMNS), [[1]])), "does not fit"),
    "a row of other values": (with_state(lambda node: table(SESSIONS, list(COLUMNS), [["x"] * len(COLUMNS)])), "does not fit"),
    "a table without keys": (with_state(lambda node: table(SESSIONS, list(COLUMNS), [], ["x"])), "does not fit"),
    "a reference to nothing": (with_state(lambda node: ["ref", 7]), "does not fit"),
}


@pytest.mark.parametrize("name", HARMS)
def test_what_is_no_recording_is_told(good: Path, tmp_path: Path, name: str) -> None:
    harm, complaint = HARMS[name]
    with pytest.raises(BadRecording, match=complaint):
        replayed(plain(tmp_path, harm(lines_of(good))))


def test_a_site_that_cannot_be_is_told(good: Path, tmp_path: Path) -> None:
    lines = lines_of(good)
    head = json.loads(lines[1])
    head["site"]["readers"] = {"1": [77]}
    head["site"]["connectors"] = []
    head["site"]["first_keys"] = {"HeartbeatInterval": "often"}
    with pytest.raises(BadRecording, match=r"cannot be|does not fit"):
        replayed(plain(tmp_path, [lines[0], json.dumps(head).encode(), *lines[2:]]))


@pytest.mark.parametrize("end", [0.3, 0.9])
def test_a_file_that_is_cut_off_says_so(good: Path, tmp_path: Path, end: float) -> None:
    content = good.read_bytes()
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(content[: int(len(content) * end)])
    with pytest.raises(BadRecording, match=r"cut off or damaged|in the middle"):
        replayed(cut)


def test_a_file_that_claims_to_be_endless_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LINES_BYTES_MAX", 3 << 20)
    bomb = tmp_path / "bomb.jsonl.gz"
    bomb.write_bytes(gzip.compress(b'{"journal":1}\n' + b'{"gap":"x"}\n' * 1_000_000))
    with pytest.raises(BadRecording, match="longer than any recording"):
        replayed(bomb)
    bomb.write_bytes(gzip.compress(bytes(50 << 20)))
    with pytest.raises(BadRecording, match="longer than any recording"):
        read(bomb)


def test_bytes_of_chance_in_a_recording_never_do_more_than_differ(good: Path, tmp_path: Path) -> None:
    content = b"\n".join(lines_of(good)) + b"\n"
    rng = random.Random(5)
    path = tmp_path / "chance.jsonl"
    outcomes = {"bad": 0, "different": 0, "same": 0}
    for _ in range(150):
        harmed = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            harmed[rng.randrange(len(harmed))] = rng.choice(b'0123456789"[]{},:abcxyz\\')
        path.write_bytes(harmed)
        try:
            outcome = replayed(path)
        except BadRecording:
            outcomes["bad"] += 1
        else:
            outcomes["same" if outcome.difference is None else "different"] += 1
    assert outcomes["bad"] > 10
    assert outcomes["different"] > 5


def test_an_event_that_keeps_the_core_busy_for_ever_is_ended(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object) -> None:
        while True:
            try:
                sum(range(1_000))
            except Exception as error:  # whatever the core may catch
                raise AssertionError("it was caught") from error

    monkeypatch.setattr(replaying, "EVENT_S", 0.1)
    monkeypatch.setattr(Cards, "tapped", endless)
    with pytest.raises(BadRecording, match=r"busy with one event for more than 0\.1 s"):
        replay(read(good)[1])


def test_the_state_that_was_written_down_is_the_state(good: Path) -> None:
    """Once more through export, a restored core gives the same state: nothing was lost on the way."""
    world = World(2, keys={"MeterValueSampleInterval": 5})
    world.plug(1)
    world.tap()
    world.advance(17)
    exported = state.export(world.station)
    assert '["table",' in msgspec.json.encode(exported).decode(), "a session is among it"
    again = station_of(site_of(2, first_keys=world.site.first_keys), json.loads(msgspec.json.encode(exported)))
    assert state.export(again) == exported


class TestCommand:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        status = main(["replay", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    def test_the_same_is_status_0(self, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
        status, out, err = self.run(capsys, str(good))
        assert (status, err) == (0, "")
        assert "recording of CP1, version 0.1.0" in out
        assert "recorded by another program" in out
        assert out.rstrip().endswith("events had the effects that were recorded")

    def test_a_difference_is_status_1_and_shown(
        self, good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Sessions, "begin_where_possible", lambda *_: False)
        status, out, _ = self.run(capsys, str(good))
        assert status == 1
        assert "> event " in out
        assert "  recorded: " in out
        assert "  now:      " in out
        status, out, _ = self.run(capsys, "--json", str(good))
        body = json.loads(out)
        assert status == 1
        assert "Authorize" not in body["difference"]["now"]
        assert body["difference"]["event"] == body["events"]
        assert body["difference"]["recorded"] != body["difference"]["now"]

    def test_recorded_effects_that_are_no_text_are_a_difference(
        self, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = lines_of(good)
        line = lines[-1]
        harmed = line[: line.index(b"},[") + 2] + b'[{"type":"\xfe"}]]'
        status, out, err = self.run(capsys, str(plain(tmp_path, [*lines[:-1], harmed])))
        assert (status, err) == (1, "")
        assert "effect 1 differs" in out

    def test_what_cannot_be_replayed_is_status_65(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        odd = tmp_path / "odd\x1b[2J.gz"
        odd.write_bytes(b"\x1f\x8bnonsense")
        status, out, err = self.run(capsys, str(odd))
        assert (status, out) == (65, "")
        assert err.startswith("chargepoint replay: ")
        assert "\x1b" not in err
        status, _, err = self.run(capsys, str(tmp_path / "none"))
        assert status == 65
        assert "No such file" in err
