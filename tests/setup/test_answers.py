"""Files of answers: the template is right, one station or many, and every mistake is named before anything is written."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from chargepoint.cli.main import main
from chargepoint.registry import check_file
from chargepoint.setup import pieces, present
from chargepoint.setup.answers import CONNECTORS_MAX, TEMPLATE, Answers, Board, MeterAnswer, Reader
from chargepoint.setup.writing import Refused, write


def commented_in(text: str) -> str:
    """The template with every line that shows a default taken in."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        shows = line.startswith("# ") and ("=" in bare.split("#")[0] or bare.startswith("[")) and "--" not in line
        lines.append(bare if shows else line)
    return "\n".join(lines)


def test_the_template_is_printed_and_can_be_used_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--answers-template"]) == 0
    answers = tmp_path / "answers.toml"
    answers.write_text(capsys.readouterr().out)
    assert main(["setup", "--answers", str(answers), "--all", str(tmp_path / "cards")]) == 0
    assert sorted(os.listdir(tmp_path / "cards")) == ["CK_0001.toml", "CK_0002.toml"]
    for name in os.listdir(tmp_path / "cards"):
        assert check_file(tmp_path / "cards" / name).problems == ()


def test_every_line_of_the_template_is_a_name_that_is_known_with_its_default() -> None:
    document = tomllib.loads(commented_in(TEMPLATE))
    first = document.pop("stations")[0]
    left_out = ("central_system_root", "authorization_key_credential", "authorization_key")
    answers = convert({key: item for key, item in {**document, **first}.items() if key not in left_out}, Answers)
    assert answers == Answers(identity="CK_0001", serial_number="CK22-0001", url="wss://cs.example.org/ocpp")


def given(tmp_path: Path, text: str) -> str:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    return str(path)


TWO = 'url = "ws://cs/ocpp"\n[[stations]]\nidentity = "A"\n[[stations]]\nidentity = "B"\ncurrent_a_max = 16\n'


def test_one_of_many_is_chosen_by_its_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, target = given(tmp_path, TWO), tmp_path / "station.toml"
    assert main(["setup", "--answers", answers, "--config", str(target)]) == 2
    assert "--identity one of A, B" in capsys.readouterr().err
    assert main(["setup", "--answers", answers, "--identity", "B", "--config", str(target)]) == 0
    assert tomllib.loads(target.read_text())["station"] == {
        "identity": "B", "vendor": "ChargeKing", "model": "CK22", "serial_number": "", "current_a_max": 16.0,
    }  # fmt: skip


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, target = given(tmp_path, TWO), tmp_path / "station.toml"
    target.write_text("mine")
    arguments = ["setup", "--answers", answers, "--identity", "A", "--config", str(target)]
    assert main(arguments) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main([*arguments, "--force"]) == 0
    assert (tmp_path / "station.toml.old").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('url = "ws://cs"\nidentiy = "A"\n', "identiy: unknown key; did you mean identity?"),
        ('identity = "A"\n', "url: found nothing, must begin with ws:// or wss://"),
        ('identity = "A"\nurl = "http://cs"\n', 'url: found "http://cs", must begin with ws:// or wss://'),
        ('identity = "A"\nurl = "ws://cs"\nkind = "wallbox"\n', 'kind: found "wallbox", must be one of "socket"'),
        ('identity = "A"\nurl = "ws://cs"\nauthorization_key = "secret"\n', "found 6 characters that are not shown"),
        ('identity = "A"\nurl = "ws://cs"\nmeters = 3\n', "meters: found 3, must be [[meters]] tables"),
        (
            'identity = "A"\nurl = "ws://cs"\n[[meters]]\nbaud = 1\n',
            "[meters 1] baud: found 1, must be a whole number from 300",
        ),
        ('identity = "A"\nurl = "ws://cs"\n[[meters]]\nmap = "sdm63"\n', "sdm630"),
        (
            'identity = "A"\nurl = "ws://cs"\n[pins]\ncontactor = 28\n',
            "[pins] contactor: found 28, must be a whole number from 0 to 27",
        ),
        ("stations = 3\n", "must be [[stations]] tables"),
        ('url = "ws://cs"\n[[stations]]\nidentity = "A"\n[[stations]]\nidentity = "A"\n', "an identity stands there twice"),
        ("x = [", "answers.toml"),
    ],
)
def test_a_mistake_in_the_answers_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    target = tmp_path / "station.toml"
    assert main(["setup", "--answers", given(tmp_path, text), "--config", str(target)]) == 1
    assert words in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["answers.toml"]


def test_options_that_need_answers_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--force"]) == 2
    assert "go with --answers FILE" in capsys.readouterr().err


def meters(count: int, **keys: Any) -> tuple[MeterAnswer, ...]:
    return tuple(MeterAnswer(unit_id=number, **keys) for number in range(1, count + 1))


STATIONS = [
    *(Answers(identity="A", url="ws://cs", kind=kind, meters=meters(most)) for kind, most in CONNECTORS_MAX.items()),  # type: ignore[arg-type]
    Answers(identity="A b/ü", url="wss://cs/x", authorization_key="00", meters=meters(1, host="192.0.2.1")),
    Answers(identity="A", url="ws://cs", kind="board", board=Board(host="192.0.2.2"), reader=Reader(driver="none")),
    Answers(
        identity="A",
        url="ws://cs",
        kind="board",
        board=Board(port="/dev/ttyUSB1"),
        reader=Reader(driver="pn532", place="/dev/ttyS0"),
    ),
    Answers(
        identity="A", url="ws://cs", authorization_key_credential="key", reader=Reader(driver="keyboard", place="/dev/input/x")
    ),
]


@pytest.mark.parametrize("answers", STATIONS, ids=lambda one: f"{one.kind} {one.reader.driver} {len(one.meters)}")
def test_whatever_is_answered_makes_a_file_that_is_right_and_gives_the_answers_back(answers: Answers, tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    assert write(path, pieces.document_text(answers)) is None
    document = tomllib.loads(path.read_text())
    back = present.answers_from(document)
    for name in ("identity", "url", "kind", "meters", "current_a_max"):
        assert back[name] == getattr(answers, name), name
    assert back.get("authorization_key", "") == answers.authorization_key
    assert back["reader"].driver == answers.reader.driver
    same = Answers(**back)
    assert present.changes_between(document, same, same) == {}


def test_a_file_that_would_be_wrong_is_not_written_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("old")
    with pytest.raises(Refused) as caught:
        write(path, "[station]\n")
    assert any("identity" in str(problem) and str(path) in str(problem) for problem in caught.value.problems)
    assert (os.listdir(tmp_path), path.read_text()) == (["station.toml"], "old")


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(Refused, match="Permission denied; run it with sudo"):
        write(tmp_path / "station.toml", pieces.document_text(STATIONS[0]))
    monkeypatch.undo()
    with pytest.raises(Refused, match="name another place"):
        write(tmp_path / "none" / "station.toml", pieces.document_text(STATIONS[0]))


def test_who_may_read_a_file_stays_but_others_never_may(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    write(path, pieces.document_text(STATIONS[0]))
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o664)
    write(path, pieces.document_text(STATIONS[0]))
    assert path.stat().st_mode & 0o777 == 0o640
