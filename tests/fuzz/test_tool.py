"""The fuzzer itself: a mistake is found, made small, written down, and comes again with the command that is told."""

import json
import random
import shlex
import time
from pathlib import Path

import pytest

from drivers.modbus.answers import Request
from drivers.modbus_rtu import RtuLine
from hil.fuzz import __main__ as fuzz
from hil.fuzz import cases, shrinking
from hil.fuzz.progress import Progress
from hil.fuzz.shrinking import Budget, shrink
from hil.fuzz.targets import BY_NAME
from hil.fuzz.watch import Hung, Watch


def impatient(self: RtuLine, sent_at: float, request: Request, *, silent: bool) -> bool:
    """The planted mistake: after a missing answer the line is not left alone, so a late one may meet the next request."""
    return False


def figures(told: str) -> dict[str, object]:
    last: dict[str, object] = json.loads(told.splitlines()[-1])
    return last


def test_a_planted_mistake_is_found_made_small_and_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cases, "SHRINK_TRIES", 150)
    with monkeypatch.context() as planted:
        planted.setattr(RtuLine, "failed", impatient)
        arguments = ["--target", "meters", "--cases", "60", "--seed", "4", "--dir", str(tmp_path)]
        assert fuzz.main(arguments) == 1
        told = capsys.readouterr().out
        assert "FAILED meters: AssertionError: " in told
        assert "was handed out, and [] was said" in told
        assert figures(told) | {"seconds": 0, "repeated": 0} == {
            "seed": 4, "cases": 60, "seconds": 0, "targets": {"meters": 60}, "failures": 1, "repeated": 0,
        }  # fmt: skip
        (path,) = tmp_path.iterdir()
        failed = cases.read(path)
        whole = cases.make(BY_NAME["meters"], failed.seed)
        assert sum(map(len, failed.inputs)) < 200 < sum(map(len, whole)), "two silences, and one answer that comes late"
        command = next(line.partition("again: ")[2] for line in told.splitlines() if "again: " in line)
        script, *again = shlex.split(command)
        assert script == "script/fuzz"
        assert fuzz.main(again) == 1
        told = capsys.readouterr().out
        assert told.startswith("fails the same way: meters: AssertionError: ")
    assert fuzz.main(again) == 0
    assert capsys.readouterr().out.startswith("does not fail any more: meters: ")


def test_nothing_found_is_status_0_and_a_last_line_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--cases", "3", "--seed", "1", "--target", "settings", "recordings"]) == 0
    told = capsys.readouterr().out
    assert figures(told)["targets"] == {"settings": 3, "recordings": 3}
    assert figures(told)["failures"] == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--target", "door"], "there is no target 'door'; there are: frames, control"),
        (["--minutes", "never"], "must be a number above 0, not 'never'"),
        (["--seed", "-1"], "must be a whole number, not '-1'"),
        (["--replay", "none.json"], "none.json: No such file or directory"),
        (["--replay", __file__], "is no file of the fuzzer"),
    ],
)
def test_wrong_usage_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str) -> None:
    with pytest.raises(SystemExit) as ended:
        fuzz.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


class Endless:
    """Never comes to its end, and catches what it can."""

    name = "endless"

    def case(self, rng: random.Random) -> list[bytes]:
        return [b"round and round"]

    def run(self, inputs: list[bytes]) -> None:
        while inputs:
            try:
                time.sleep(10)
            except Exception as error:
                raise AssertionError("it was caught") from error


def test_a_case_without_end_is_ended_and_is_a_failure() -> None:
    with Watch(0.05) as watch:
        failure = cases.attempt(Endless(), [b"x"], "1.1", watch)
        assert failure is not None
        assert failure.what == "Hung: it did not end within 0.05 s"
        assert failure.where.startswith("tests/fuzz/test_tool.py:")
        assert cases.attempt(Endless(), [], "1.2", watch) is None
    assert not issubclass(Hung, Exception)


class TestShrinking:
    def shrunk(self, inputs: list[bytes], needed: bytes) -> list[bytes]:
        return shrink(inputs, lambda tried: needed in b"|".join(tried), Budget(2_000, 5.0))

    def test_what_is_not_needed_goes(self) -> None:
        assert self.shrunk([b"aa", b"bXb", b"cc"] * 5, b"X") == [b"X"]
        assert self.shrunk([b"x" * 500 + b"needle" + b"y" * 500], b"needle") == [b"needle"]

    def test_json_stays_json(self) -> None:
        wide = json.dumps({"a": [1, 2, {"deep": "haystack"}], "b": None, "c": {"d": 12}}).encode()
        assert self.shrunk([wide], b"hay") == [b'{"a": [{"deep": "hay"}]}']

    def test_it_ends_when_its_budget_is_spent(self) -> None:
        tried = 0

        def fails(inputs: list[bytes]) -> bool:
            nonlocal tried
            tried += 1
            return True

        shrink([b"z" * 100_000] * 50, fails, Budget(10, 5.0))
        assert tried <= 10
        assert not Budget(10, 0.0).left()

    def test_nesting_has_a_bound(self) -> None:
        deep = json.dumps([[[[[[[[[[[[1]]]]]]]]]]]]).encode()
        assert self.shrunk([deep], b"1") == self.shrunk([deep], b"1")
        assert shrinking.DEPTH_MAX < 20


def test_a_case_is_read_as_it_was_written(tmp_path: Path) -> None:
    inputs = [b"", b"text \xc3\xbc\n", b"\xff\x00", b"\xed\xa0\x80"]
    failure = cases.Failure(target="frames", seed="1.2", inputs=inputs, what="Oops: yes", where="a.py:1")
    path = cases.write(failure, tmp_path / "new")
    assert cases.read(path) == failure
    path.write_text("[]")
    with pytest.raises(cases.BadFile, match="is no file of the fuzzer"):
        cases.read(path)


class Terminal:
    def __init__(self) -> None:
        self.said = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.said += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def test_a_terminal_gets_one_line_that_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    with Progress(terminal, 300.0) as progress:  # type: ignore[arg-type]
        progress.show({"frames": (120, 2.0), "meters": (30, 0.0), "databases": (1, 0.5)}, 1)
        progress.show({"frames": (121, 2.0)}, 1)
    _, line, gone = terminal.said.split("\r\x1b[K")
    assert line.startswith("0:00 of 5:00, 1 failed  frames 120 (60/s)  meters 30")
    assert len(line) < 60
    assert gone == ""
