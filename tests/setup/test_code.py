"""The code of a blank station: shown on console, card and LED until the set-up is over, and then nowhere."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargepoint import blank, settings_places
from chargepoint.cli import setup_code
from chargepoint.cli.common import CommandError
from chargepoint.cli.setup_code import flashes, show
from chargepoint.cli.station import EXIT_CONFIG, be
from chargepoint.shell import service
from tests.settings.documents import toml, valid

PATIENCE_S = 5.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with an LED that shows the card's work."""
    led = tmp_path / "root/sys/class/leds/ACT"
    led.mkdir(parents=True)
    (led / "trigger").write_text("none rc-feedback [mmc0] timer\n")
    (led / "brightness").write_text("0")
    (tmp_path / "root/run").mkdir()
    (tmp_path / "card").mkdir()
    (tmp_path / "etc").mkdir()
    return tmp_path / "root"


@pytest.fixture
def config(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of a station whose code is being shown; gone with the story."""
    monkeypatch.setattr(setup_code, "LOOK_S", 0.01)
    for name in ("FLASH_S", "DARK_S", "DIGIT_S", "AGAIN_S"):
        monkeypatch.setattr(setup_code, name, 0.001)
    path = root.parent / "etc/chargepoint.toml"
    stop = threading.Event()
    shown = threading.Thread(target=show, args=(path, root, root.parent / "card", stop))
    shown.start()
    yield path
    stop.set()
    shown.join(PATIENCE_S)


def until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.01)


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_it_is_shown_in_three_places_and_leaves_them_when_the_station_is_set_up(root: Path, config: Path) -> None:
    issue, card, led = root / setup_code.ISSUE, root.parent / "card/chargepoint-status.txt", root / "sys/class/leds/ACT"
    until(lambda: "Set-up" in text(card) and text(led / "trigger") == "none")
    code = blank.code_of(config.parent)
    assert code
    assert blank.shown(code) in text(issue)
    assert f"code {blank.shown(code)}" in text(card)
    assert (root / setup_code.AGETTY).exists(), "consoles show it at once"
    config.write_text('[station]\nidentity = "CK"\n')
    until(lambda: not issue.exists() and blank.shown(code) not in text(card) and text(led / "trigger") == "mmc0")
    until(lambda: blank.code_of(config.parent) is None)


def test_a_station_that_is_set_up_shows_nothing_and_an_old_code_goes(tmp_path: Path) -> None:
    config = tmp_path / "chargepoint.toml"
    config.write_text('[station]\nidentity = "CK"\n')
    blank.make_code(tmp_path)
    assert show(config, tmp_path, tmp_path, threading.Event()) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chargepoint.toml"]


def test_a_machine_without_led_card_and_console_still_has_a_code(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert show(tmp_path / "chargepoint.toml", tmp_path, None, stop) == 0
    assert blank.code_of(tmp_path) is not None


def test_a_code_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / blank.CODE).mkdir()
    with pytest.raises(CommandError, match="run it as root"):
        show(tmp_path / "chargepoint.toml", tmp_path, None, threading.Event())


def test_the_led_counts_each_digit_and_a_zero_is_ten() -> None:
    begins, *rest = flashes("3010")
    assert begins == (False, setup_code.AGAIN_S)
    counts, count = [], 0
    for lit, lasts_s in rest:
        count += lit
        if lasts_s == setup_code.DIGIT_S:
            counts.append(count)
            count = 0
    assert counts == [3, 10, 1, 10]
    assert setup_code.AGAIN_S > setup_code.DIGIT_S > 2 * setup_code.DARK_S, "pauses can be told apart"


class TestSettled:
    """The service runs: with a file that a phone, a card, a terminal or a hand brought."""

    @pytest.fixture
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(settings_places, "INSTALLED", tmp_path)
        monkeypatch.setattr(service, "main", lambda *arguments: 0)
        blank.make_code(tmp_path)
        return tmp_path / "chargepoint.toml"

    def test_a_file_that_ran_once_and_was_broken_since_is_no_blank_station(self, installed: Path) -> None:
        installed.write_text(toml(valid()))
        assert be(installed) == 0
        assert blank.code_of(installed.parent) is None
        installed.write_text("[station\n")
        assert not blank.is_blank(installed)
        installed.unlink()
        assert blank.is_blank(installed), "it was taken away to begin anew"

    def test_a_file_that_never_ran_is_still_to_be_made(self, installed: Path) -> None:
        installed.write_text("[station\n")
        assert be(installed) == EXIT_CONFIG
        assert blank.is_blank(installed)
        assert blank.code_of(installed.parent) is not None

    def test_a_folder_that_cannot_be_written_keeps_no_station_from_its_work(
        self, installed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read_only(path: Path, text: str) -> None:
            raise OSError(30, "Read-only file system")

        installed.write_text(toml(valid()))
        monkeypatch.setattr(blank, "put", read_only)
        assert be(installed) == 0

    def test_what_lies_beside_another_file_is_not_touched(self, installed: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "chargepoint.toml").write_text(toml(valid()))
        assert be(elsewhere / "chargepoint.toml") == 0
        assert [path.name for path in elsewhere.iterdir()] == ["chargepoint.toml"]
