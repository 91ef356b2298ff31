"""`python -m hil.layers`: what it refuses, what a failed story and a difference lead to."""

import json
import sys

import pytest

from hil.layers import __main__ as command
from hil.layers.account import Account
from hil.layers.play import Play, StoryFailed
from hil.layers.stage import Layer
from hil.layers.stories import STORIES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--story", "chargd"], "chargd"),
        (["--layer", "paper"], "paper"),
        (["--count", "-1"], "0 to 1000"),
        (["--idle", "0"], "0.5 to 3600"),
    ],
)
def test_wrong_usage_is_told_with_what_is_allowed(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hil", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_help_tells_every_story(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hil", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    told = capsys.readouterr().out
    for name, story in STORIES.items():
        assert f"  {name}" in told
        assert (story.__doc__ or "-").strip() in told


def test_a_machine_that_cannot_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing", lambda *names: "no C compiler: apt-get install gcc")
    monkeypatch.setattr(sys, "argv", ["hil"])
    assert command.main() == 2
    assert "apt-get install gcc" in capsys.readouterr().err


def test_a_story_that_fails_is_told_and_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def fails(play: Play) -> None:
        raise StoryFailed("the contactor is closed")

    monkeypatch.setattr(command, "STORIES", {**STORIES, "short": fails})
    monkeypatch.setattr(sys, "argv", ["hil", "--story", "short", "--layer", "virtual"])
    assert command.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "short on virtual: FAILED: the contactor is closed"
    assert json.loads(lines[-1]) | {"seconds": 0} == {"stories": 1, "failed": 1, "differences": 0, "seconds": 0}


def test_a_difference_is_shown_and_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def played(name: str, layer: Layer, verbose: bool) -> Account:
        return Account(moved=["contactor closed"] if layer is Layer.REAL else [])

    monkeypatch.setattr(command, "missing", lambda *names: None)
    monkeypatch.setattr(command, "_played", played)
    monkeypatch.setattr(sys, "argv", ["hil", "--story", "charge", "--count", "0"])
    assert command.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  +contactor closed" in "".join(lines[:-1])
    assert lines[-2] == "charge: 1 DIFFERENCES"
    assert json.loads(lines[-1])["differences"] == 1
