"""Files of answers for many stations: each keeps its file, all of them or none are written, and the wrong one is named."""

import os
from pathlib import Path

import pytest

from chargepoint.cli.main import main
from tests.setup.test_answers import TWO, given


def said(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["setup", *words]) == status
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "other", ["a", "CK/1"], ids=["on a card that takes capitals for small", "by a sign that no file may have"]
)
def test_two_stations_never_share_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str) -> None:
    first = "A" if other == "a" else "CK_1"
    answers = given(tmp_path, TWO.replace('"A"', f'"{first}"').replace('"B"', f'"{other}"'))
    told = said(["--answers", answers, "--all", str(tmp_path / "cards")], 1, capsys)
    assert f"{first} and {other} would both be written to" in told
    assert f"--identity {other} --config FILE" in told
    assert not (tmp_path / "cards").exists()


def test_all_of_them_are_written_or_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = given(tmp_path, f"{TWO}[stations.pins]\ncontactor = 27\n")
    told = said(["--answers", answers, "--all", str(tmp_path / "cards")], 1, capsys)
    assert "B.toml: [connectors.1.contactor] feedback_pin: GPIO27 is given as pin already" in told
    assert os.listdir(tmp_path / "cards") == []
    Path(answers).write_text(TWO)
    assert main(["setup", "--answers", answers, "--all", str(tmp_path / "cards")]) == 0
    assert sorted(os.listdir(tmp_path / "cards")) == ["A.toml", "B.toml"]


def test_a_mistake_of_one_station_is_told_with_its_name_and_a_common_one_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = given(tmp_path, TWO.replace("current_a_max = 16", 'current_a_max = 5\n[stations.reader]\ndriver = "rc522"'))
    told = said(["--answers", wrong, "--all", str(tmp_path / "cards")], 1, capsys)
    assert "[stations B] current_a_max: found 5, must be a number from 6 to 80" in told
    assert '[stations B, reader] driver: found "rc522"' in told
    told = said(["--answers", given(tmp_path, f'page = "8080"\n{TWO}'), "--all", str(tmp_path / "cards")], 1, capsys)
    assert 'answers.toml: page: found "8080", must be an address and a port, or empty' in told


def test_which_station_is_meant_is_asked_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers, target = given(tmp_path, TWO), str(tmp_path / "x.toml")
    told = said(["--answers", answers, "--config", target], 2, capsys)
    assert told.endswith(
        "answers.toml has 2 stations; write all of them with --all FOLDER, or name one: --identity one of A, B\n"
    )
    told = said(["--answers", answers, "--identity", "C", "--config", target], 2, capsys)
    assert told.endswith("answers.toml has no station C; name one: --identity one of A, B\n")


def test_a_file_of_answers_that_is_not_there_is_named_with_its_own_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "name another one with --answers FILE" in said(["--answers", str(tmp_path / "none.toml")], 1, capsys)
    (tmp_path / "cards").write_text("")
    told = said(["--answers", given(tmp_path, TWO), "--all", str(tmp_path / "cards")], 1, capsys)
    assert "name another one with --all FOLDER" in told
