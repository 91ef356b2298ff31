"""`chargepoint dead-letters`: listed, shown, exported and replayed, with the service and without."""

import json
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli import replaying
from chargepoint.cli.common import CommandError
from chargepoint.cli.main import main
from chargepoint.store import open_store, reading
from tests.cli.conftest import Service
from tests.cli.stores import keep_dead_letters, keep_sessions

LETTERS: list[dict[str, Any]] = [
    {"seq": 4, "message": "StartTransaction", "key": 1, "connector": 2, "attempts": 3, "reason": "CALLERROR\x1b[2J"},
    {"seq": 9, "message": "StopTransaction", "key": 1, "connector": 2, "attempts": 3, "reason": "no answer"},
]


@pytest.fixture
def state(config: Path) -> Path:
    """A stopped station with dead letters 1 and 2."""
    keep_dead_letters(config.parent / "state")
    return config.parent / "state"


def run(config: Path, act: str, *arguments: str) -> int:
    return main(["dead-letters", act, "--config", str(config), *arguments])


def outbox(state: Path) -> list[tuple[int, int, str, int]]:
    store = open_store(state, "5f0b8a9e-0000-4000-8000-000000000001", 1.0)
    try:
        store.snapshot()
        rows, _ = store.fetch_rows(100)
        return [(row.seq, row.transaction, type(row.body).__name__, row.attempts) for row in rows]
    finally:
        store.close()


@pytest.mark.usefixtures("state")
def test_a_stopped_stations_letters_are_listed_oldest_first(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "list") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NO", "MESSAGE", "SESSION", "CONNECTOR", "CARD", "OF", "ATTEMPTS", "REASON"]
    start = ["1", "StartTransaction", "1", "1", "04A2B3C4", "2025-11-13T03:13:20Z", "3", "CALLERROR", "InternalError"]
    assert first.split() == start
    assert second.split()[:2] == ["2", "StopTransaction"]


@pytest.mark.usefixtures("state")
def test_without_an_act_they_are_listed_and_options_may_stand_before_an_act(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", "--config", str(config), "--json"]) == 0
    assert [letter["seq"] for letter in json.loads(capsys.readouterr().out)] == [1, 2]
    assert main(["dead-letters", "--config", str(config), "show", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["message"] == "StopTransaction"


def test_a_running_service_is_asked_for_its_letters(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"dead_letters": {"dead_letters": LETTERS}}
    assert run(config, "list") == 0
    assert "\x1b" not in capsys.readouterr().out
    assert run(config, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == LETTERS
    assert run(config, "show", "9") == 0
    assert json.loads(capsys.readouterr().out) == LETTERS[1]


def test_a_running_service_replays_by_itself(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"dead_letters": {"dead_letters": LETTERS}, "replay_dead_letter": {}}
    assert run(config, "replay", "--all") == 0
    assert capsys.readouterr().out == "back in the queue: 4, 9\n"
    assert [request["seq"] for request in service.requests if request["do"] == "replay_dead_letter"] == [4, 9]
    service.answers["replay_dead_letter"] = {"ok": False, "error": "the disk is full"}
    assert run(config, "replay", "9") == 1
    assert "the disk is full" in capsys.readouterr().err


def test_a_stopped_stations_letters_go_back_to_the_end_of_the_queue(
    config: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "replay", "--all") == 0
    assert capsys.readouterr().out == "back in the queue: 1, 2\n"
    assert outbox(state) == [(3, 2, "StartBody", 0), (4, 1, "StartBody", 0), (5, 1, "StopBody", 0)]
    assert reading.dead_letters(state) == []
    first = reading.ledger(state)[-1]
    assert (first["key"], first["start_delivery"], first["stop_delivery"]) == (1, "queued", "queued")
    assert run(config, "replay", "--all") == 0
    assert "nothing to replay" in capsys.readouterr().out


def test_one_letter_is_replayed_and_the_other_stays(config: Path, state: Path) -> None:
    assert run(config, "replay", "2") == 0
    assert [letter["seq"] for letter in reading.dead_letters(state)] == [1]
    assert outbox(state)[-1] == (4, 1, "StopBody", 0)
    first = reading.ledger(state)[-1]
    assert (first["start_delivery"], first["stop_delivery"]) == ("dead", "queued")


def test_all_letters_are_replayed_or_none(state: Path) -> None:
    before = outbox(state)
    with pytest.raises(CommandError, match="dead letter 99 is not there"):
        replaying.replay_in_store(state, [1, 99])
    assert outbox(state) == before
    assert len(reading.dead_letters(state)) == 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("act", ["show", "replay"])
def test_a_number_that_is_not_there_is_told_with_those_that_are(
    config: Path, act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, act, "7") == 1
    assert capsys.readouterr().err == "chargepoint dead-letters: no dead letter 7; there are: 1, 2\n"


def test_letters_are_exported_and_no_file_is_overwritten(
    config: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "letters.json"
    assert run(config, "export", str(target)) == 0
    assert [letter["seq"] for letter in json.loads(target.read_text())] == [1, 2]
    assert "2 dead letters written" in capsys.readouterr().out
    target.write_text("mine")
    assert run(config, "export", str(target)) == 1
    assert target.read_text() == "mine"
    assert "is not overwritten" in capsys.readouterr().err
    assert run(config, "export", str(tmp_path / "no" / "x.json")) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert run(config, "export", "-") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert len(reading.dead_letters(state)) == 2, "an export takes nothing away"


def test_no_letters_is_good_news(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(config.parent / "state")
    assert run(config, "list") == 0
    assert capsys.readouterr().out.startswith("no dead letters")
    assert run(config, "show", "1") == 1
    assert "there are none" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [["replay"], ["replay", "1", "--all"], ["show", "x"], ["show", "9" * 30], ["burn"]])
def test_wrong_usage_is_told(bad: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dead-letters", *bad])
    assert ended.value.code == 2
    assert "usage: chargepoint dead-letters" in capsys.readouterr().err
