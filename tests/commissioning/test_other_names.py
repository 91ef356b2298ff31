"""A file on the card that is called otherwise than the one which is looked for: told where a laptop shows it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargepoint.cli.card import status_lines
from chargepoint.commissioning import ERROR, NAME, STATUS, take_over
from tests.commissioning.test_take_over import DISGUISED, Station
from tests.settings.documents import broken, valid

NEWER = broken(lambda document: document["station"].update(identity="CK_NEWER"))


@pytest.fixture
def station() -> Iterator[Station]:
    with tempfile.TemporaryDirectory(prefix="card-") as name:
        yield Station(Path(name))


@pytest.mark.parametrize("name", [*DISGUISED, "Chargepoint.TOML.toml", "chargepoint - Copy.toml"])
def test_a_second_download_or_a_hidden_ending_is_told_to_be_renamed(
    station: Station, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    station.lay(valid(), name)
    assert station.command() == 1
    assert f"{name}: has another name than the one that is looked for" in capsys.readouterr().err
    assert name in (station.card / ERROR).read_text()
    assert not station.config.exists()


def test_what_the_station_itself_wrote_there_is_no_configuration(station: Station) -> None:
    for name in (ERROR, STATUS, "chargepoint-key.txt"):
        (station.card / name).write_text("x")
    assert take_over(station.card, station.etc).kind == "absent"


def test_a_change_that_an_editor_saved_beside_the_file_is_told_and_the_station_goes_on(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    station.lay(valid())
    assert station.command() == 0
    station.lay(NEWER, "chargepoint.toml.txt")
    assert station.command() == 0
    told = f"chargepoint.toml.txt lies beside {NAME} and is not looked at"
    assert told in capsys.readouterr().out
    assert told in (station.card / ERROR).read_text()
    (station.card / "chargepoint.toml.txt").replace(station.card / NAME)
    assert station.command() == 0
    assert "CK_NEWER" in station.config.read_text()
    assert not (station.card / ERROR).exists()


def test_what_was_wrong_with_a_file_leaves_the_card_with_it(station: Station) -> None:
    station.lay(valid())
    assert station.command() == 0
    before = (station.card / NAME).read_bytes()
    (station.card / NAME).write_text("rubbish")
    assert station.command() == 1
    assert (station.card / ERROR).exists()
    (station.card / NAME).write_bytes(before)
    assert station.command() == 0
    assert not (station.card / ERROR).exists()


def test_a_folder_of_that_name_is_told_to_be_one(station: Station, capsys: pytest.CaptureFixture[str]) -> None:
    (station.card / NAME).mkdir()
    assert station.command() == 1
    assert f"{NAME}: is a folder; lay the file itself beside config.txt" in capsys.readouterr().err


def test_a_station_without_settings_names_a_file_that_nobody_has_renamed(station: Station) -> None:
    (station.card / "rpi-preseed.toml").write_text("[user]\nname = 'x'\n")
    (station.card / "._CK_0001.toml").write_bytes(b"\0\5\x16\7")

    def told() -> str:
        return next(line for line in status_lines(station.card, station.config) if line.startswith("Settings"))

    assert told().endswith("none yet")
    station.lay(valid(), "z-CK_0001.toml")
    assert told().endswith(f"none yet; z-CK_0001.toml on this card is not looked at: rename it to {NAME}")
    station.lay(valid())
    assert station.command() == 0
    assert told().endswith(f"; z-CK_0001.toml on this card is not looked at: rename it to {NAME}, or delete it")
