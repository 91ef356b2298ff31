"""The kernel's PWM through its folder: the order of writes, and every way in which it may not be there."""

import threading
from pathlib import Path

import pytest

from chargepoint.ports import DriverError
from drivers.iec61851 import pwm as pwm_module
from drivers.iec61851.pwm import Pwm
from hil.chips.pilot_circuit import PwmFolder

PERIOD_NS = 1_000_000


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every write, in its order."""
    seen: list[tuple[str, str]] = []
    plain = Path.write_text

    def noting(path: Path, text: str) -> int:
        seen.append((path.name, text))
        return plain(path, text)

    monkeypatch.setattr(Path, "write_text", noting)
    return seen


def opened(chip: Path, *, inverted: bool = False) -> Pwm:
    pwm = Pwm(str(chip), 0, PERIOD_NS, inverted=inverted)
    pwm.open()
    return pwm


def test_a_fresh_channel_begins_steady_high(tmp_path: Path, writes: list[tuple[str, str]]) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0")
    writes.clear()
    opened(folder.chip)
    assert writes == [("period", "1000000"), ("duty_cycle", "1000000"), ("enable", "1")]
    assert folder.high_share == 1.0


def test_a_channel_that_runs_goes_steady_without_a_gap(tmp_path: Path, writes: list[tuple[str, str]]) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0", period_ns=PERIOD_NS, duty_ns=266_666, enable=1)
    writes.clear()
    opened(folder.chip)
    assert writes == [("duty_cycle", "1000000")], "neither switched off nor set to another period on the way"


def test_a_pulse_that_is_longer_than_the_period_to_come_is_shortened_first(
    tmp_path: Path, writes: list[tuple[str, str]]
) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0", period_ns=20_000_000, duty_ns=5_000_000, enable=1)
    writes.clear()
    opened(folder.chip)
    assert writes == [("duty_cycle", "0"), ("period", "1000000"), ("duty_cycle", "1000000")]


def test_an_output_is_turned_only_while_it_stands_still(tmp_path: Path, writes: list[tuple[str, str]]) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0", period_ns=PERIOD_NS, duty_ns=PERIOD_NS, enable=1)
    writes.clear()
    pwm = opened(folder.chip, inverted=True)
    assert writes == [("enable", "0"), ("polarity", "inversed"), ("duty_cycle", "1000000"), ("enable", "1")]
    pwm.pulse(266_666)
    assert folder.high_share == pytest.approx(1 - 0.266666), "the front end turns it round again"


def test_pulses_reach_the_kernel(tmp_path: Path) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0")
    pwm = opened(folder.chip)
    pwm.pulse(533_333)
    assert folder.number("duty_cycle") == 533_333
    pwm.steady()
    assert folder.high_share == 1.0


def test_a_channel_is_exported_and_waited_for(tmp_path: Path) -> None:
    chip = tmp_path / "pwmchip0"
    chip.mkdir()
    export = chip / "export"
    export.touch()
    exported = threading.Event()

    def kernel() -> None:
        while not export.read_text():
            if exported.wait(0.005):
                return
        PwmFolder(chip, int(export.read_text()))

    thread = threading.Thread(target=kernel)
    thread.start()
    try:
        Pwm(str(chip), 3, PERIOD_NS, inverted=False).open()
    finally:
        exported.set()
        thread.join()
    assert (chip / "pwm3" / "duty_cycle").read_text() == "1000000"


def test_a_chip_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "pwmchip2").mkdir()
    with pytest.raises(DriverError, match=r"pwmchip0: there is no such PWM chip\. There are: pwmchip2\. Enable it"):
        opened(tmp_path / "pwmchip0")
    (tmp_path / "pwmchip2").rmdir()
    with pytest.raises(DriverError, match=r"There is none at all"):
        opened(tmp_path / "pwmchip0")


def test_a_channel_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwm_module, "EXPORT_S", 0.05)
    (tmp_path / "pwmchip0").mkdir()
    with pytest.raises(DriverError, match=r"pwm0: No such file or directory\. The chip has no such channel"):
        opened(tmp_path / "pwmchip0")


@pytest.mark.parametrize(
    ("error", "advice"), [(PermissionError(13, "Permission denied"), "udev rule"), (OSError(16, "Busy"), "Another program")]
)
def test_a_refused_write_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, advice: str) -> None:
    folder = PwmFolder(tmp_path / "pwmchip0")
    pwm = opened(folder.chip)

    def refuse(path: Path, text: str) -> int:
        raise error

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(DriverError, match=f"pwm0: {error.strerror}.*{advice}"):
        pwm.pulse(266_666)
