"""Commissioning from the card: what is taken over and when, what leaves the card, and the dark at any step of it."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chargepoint import commissioning
from chargepoint.cli.main import main
from chargepoint.commissioning import ERROR, NAME, STATUS, take_over
from chargepoint.registry import check_file
from hil.bench.toml import document as toml
from tests.settings.documents import broken, valid

KEY = "00AAbb"
DISGUISED = ("chargepoint.toml.txt", "chargepoint.txt", "chargepoint.toml.rtf", "chargepoint.rtf", "chargepoint (1).toml")
ROOT_PEM = "-----BEGIN CERTIFICATE-----\n"


class Station:
    """A card and the station's own folder."""

    def __init__(self, folder: Path) -> None:
        self.card, self.etc = folder / "card", folder / "etc"
        self.card.mkdir()
        self.config = self.etc / NAME

    def lay(self, document: dict[str, Any], name: str = NAME) -> None:
        (self.card / name).write_text(toml(document))

    def command(self, *more: str) -> int:
        return main(["commission", "--card", str(self.card), "--config", str(self.config), *more])

    def texts(self) -> dict[str, str]:
        """Every file, by its place."""
        return {
            str(path): path.read_text()
            for folder in (self.card, self.etc)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def key(self) -> str:
        """The authorization key that the station would run with."""
        checked = check_file(self.config)
        assert checked.settings is not None, checked.problems
        return checked.settings.central_system.authorization_key


@pytest.fixture
def folder() -> Iterator[Path]:
    """Its name is short, for the path of a socket is bounded."""
    with tempfile.TemporaryDirectory(prefix="card-") as name:
        yield Path(name)


@pytest.fixture
def station(folder: Path) -> Station:
    return Station(folder)


def test_a_right_file_is_taken_over_and_its_key_leaves_the_card(station: Station) -> None:
    station.lay(valid())
    assert take_over(station.card, station.etc).kind == "taken"
    assert station.key() == KEY
    assert KEY not in (station.card / NAME).read_text()
    assert (station.card / NAME).read_bytes() == station.config.read_bytes()
    assert take_over(station.card, station.etc).kind == "unchanged"
    assert not any(path.name.endswith((".new", commissioning.STAGE)) for path in station.etc.iterdir())


def test_a_change_on_the_card_needs_no_key_again(station: Station) -> None:
    station.lay(valid())
    take_over(station.card, station.etc)
    text = (station.card / NAME).read_text()
    (station.card / NAME).write_text(text.replace("cs.example.org", "other.example.org"))
    assert take_over(station.card, station.etc).kind == "taken"
    assert (station.key(), "other.example.org" in station.config.read_text()) == (KEY, True)


def test_what_was_changed_on_the_station_stays_while_the_card_does_not_change(station: Station) -> None:
    station.lay(valid())
    take_over(station.card, station.etc)
    station.config.write_text(toml(broken(lambda d: d["station"].update(identity="CK_XXX_0002"))))
    assert take_over(station.card, station.etc).kind == "unchanged"
    assert "CK_XXX_0002" in station.config.read_text()


def test_comments_and_forms_of_the_file_are_kept(station: Station) -> None:
    text = toml(valid()).replace('authorization_key = "00AAbb"', "authorization_key='00AAbb' # from the office")
    assert "office" in text
    (station.card / NAME).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    take_over(station.card, station.etc)
    assert station.key() == KEY
    assert "# from the office\r\n" in station.config.read_bytes().decode()


def test_a_file_whose_secret_cannot_be_told_apart_leaves_the_card_whole(station: Station) -> None:
    text = toml(valid()).replace('authorization_key = "00AAbb"', 'authorization_key = """00AAbb"""')
    assert '"""' in text
    (station.card / NAME).write_text(text)
    assert take_over(station.card, station.etc).kind == "taken"
    assert station.key() == KEY
    assert not (station.card / NAME).exists()
    assert take_over(station.card, station.etc).kind == "absent"


def test_files_that_it_names_come_along_and_those_with_secrets_go_from_the_card(station: Station) -> None:
    def name_files(document: dict[str, Any]) -> None:
        del document["central_system"]["authorization_key"]
        document["central_system"]["authorization_key_file"] = "key.txt"
        document["security"] = {"central_system_root": "root.pem"}

    (station.card / "key.txt").write_text(KEY + "\n")
    (station.card / "root.pem").write_text(ROOT_PEM)
    station.lay(broken(name_files))
    assert take_over(station.card, station.etc).kind == "taken"
    assert (station.key(), (station.etc / "root.pem").read_text()) == (KEY, ROOT_PEM)
    assert sorted(path.name for path in station.card.iterdir()) == [NAME, "root.pem"]


@pytest.mark.parametrize("name", ["../shadow", "keys/../../shadow"])
def test_a_file_is_taken_from_the_card_only(station: Station, name: str) -> None:
    document = broken(lambda d: d["central_system"].update(authorization_key_file=name))
    del document["central_system"]["authorization_key"]
    station.lay(document)
    outcome = take_over(station.card, station.etc)
    assert outcome.checked is not None
    assert any("must lie beside the file, on the card" in str(problem) for problem in outcome.checked.problems)
    assert not station.config.exists()


def test_a_wrong_file_is_told_beside_it_in_the_words_of_check_config(
    station: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    station.lay(broken(lambda d: d["station"].update(identiy="A")))
    assert station.command() == 1
    said = (station.card / ERROR).read_text()
    assert main(["check-config", "--config", str(station.card / NAME)]) == 1
    assert capsys.readouterr().out.strip() in said.replace("\r\n", "\n")
    assert "did you mean identity?" in said
    assert "does not start before there is a right one" in said
    assert not station.config.exists()

    station.lay(valid())
    assert station.command() == 0
    assert not (station.card / ERROR).exists()
    (station.card / NAME).write_text("[station\n")
    assert station.command() == 1
    assert f"goes on with {station.config}" in (station.card / ERROR).read_text()
    assert station.key() == KEY


def test_a_file_that_windows_named_is_told_so(station: Station, capsys: pytest.CaptureFixture[str]) -> None:
    station.lay(valid(), "chargepoint.toml.txt")
    assert station.command() == 1
    assert f"rename it to {NAME}" in capsys.readouterr().err
    assert not station.config.exists()


def test_a_card_that_cannot_be_written_is_told_and_the_station_runs(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.lay(valid())
    replace = commissioning.replace

    def read_only(path: Path, content: bytes) -> None:
        if path.is_relative_to(station.card):
            raise OSError(30, "Read-only file system", str(path))
        replace(path, content)

    monkeypatch.setattr(commissioning, "replace", read_only)
    outcome = take_over(station.card, station.etc)
    assert (outcome.kind, station.key()) == ("taken", KEY)
    assert "Read-only file system" in outcome.left[0]


def test_the_status_names_station_machine_and_trouble_and_is_written_once(station: Station) -> None:
    station.lay(valid())
    station.command()
    assert station.command("--status") == 0
    path = station.card / STATUS
    said = path.read_text()
    assert "Station      CK_XXX_0001" in said
    assert "the station does not run" in said
    before = path.stat().st_ino
    assert station.command("--status") == 0
    assert path.stat().st_ino == before
    assert KEY not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--card", "/no/such/card"], "no such folder"), (["--card", "/", "--config", "/etc/other.toml"], "must be called")],
)
def test_wrong_folders_are_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commission", *arguments]) != 0
    assert words in capsys.readouterr().err


class _Dark(BaseException):
    """The power is gone."""


class _Power:
    """Goes off before the n-th change of a file; from then on nothing is changed any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
        self.left = steps
        for home, name in (
            (os, "open"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (os, "chmod"),
            (shutil, "rmtree"),
        ):
            monkeypatch.setattr(home, name, self._step(getattr(home, name)))

    def _step(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            if self.left <= 0:
                raise _Dark
            self.left -= 1
            return change(*arguments, **more)

        return step


@pytest.mark.parametrize("with_file", [False, True], ids=["a key in the file", "a key beside the file"])
def test_the_dark_at_any_step_is_only_a_new_beginning(folder: Path, with_file: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    new = broken(lambda d: d["station"].update(identity="CK_NEW"))
    if with_file:
        del new["central_system"]["authorization_key"]
        new["central_system"]["authorization_key_file"] = "key.txt"
    wanted: dict[str, str] | None = None
    for steps in range(200):
        (folder / str(steps)).mkdir()
        station = Station(folder / str(steps))
        station.lay(valid())
        take_over(station.card, station.etc)
        station.lay(new)
        (station.card / "key.txt").write_text(KEY)
        with monkeypatch.context() as patch:
            power = _Power(patch, steps)
            with contextlib.suppress(_Dark):
                take_over(station.card, station.etc)
            came_through = power.left > 0
        assert station.key() == KEY  # at no moment there is no whole configuration
        take_over(station.card, station.etc)
        assert "CK_NEW" in station.config.read_text()
        texts = {path.removeprefix(str(folder / str(steps))): text for path, text in station.texts().items()}
        wanted = wanted or texts
        assert texts == wanted
        if came_through:
            assert steps > 10
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("unit", ["chargepoint-commission.service", "chargepoint-card.service"])
@pytest.mark.parametrize("name", [NAME, "Chargepoint.toml", "CHARGEPOINT.TOML", *DISGUISED])
def test_the_units_look_whatever_a_laptop_made_of_the_name(unit: str, name: str) -> None:
    """A FAT partition has it under any case; the units' conditions are patterns, which compare letter by letter."""
    text = (Path(__file__).parents[2] / "systemd" / unit).read_text()
    patterns = re.findall(r"^ConditionPathExistsGlob=\|(.+)$", text, re.MULTILINE)
    assert [pattern.rpartition("/")[0] for pattern in patterns] == ["/boot/firmware", "/boot"]
    assert all(fnmatchcase(f"{pattern.rpartition('/')[0]}/{name}", pattern) for pattern in patterns)
