"""Whoever is not let in, and a disk that takes nothing: one sentence with the way out, never a traceback."""

import os
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli import common, setup
from chargepoint.cli.main import main

COMMANDS = (
    ["status"], ["doctor", "--quick"], ["check-config"], ["ledger"], ["log", "--service"], ["dead-letters"], ["security-log"],
    ["support", "--preview"], ["clear-faults", "1"], ["journal"], ["backup", "x.tar.gz"], ["panel", "--password"],
    ["safe-state"],
)  # fmt: skip


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's settings file, in a folder that this user may not look into: tests may run as root, who may."""
    folder = tmp_path / "etc"
    stat, read = os.stat, open

    def refuse(path: Any) -> None:
        if isinstance(path, str | os.PathLike) and str(path).startswith(f"{folder}{os.sep}"):
            raise PermissionError(13, "Permission denied", str(path))

    def looked(path: Any, *more: Any, **named: Any) -> os.stat_result:
        refuse(path)
        return stat(path, *more, **named)

    def opened(path: Any, *more: Any, **named: Any) -> Any:
        refuse(path)
        return read(path, *more, **named)

    monkeypatch.setattr("os.stat", looked)
    monkeypatch.setattr("builtins.open", opened)
    for module in (common, setup):
        monkeypatch.setattr(module, "SYSTEM_CONFIG", folder / "chargepoint.toml")
    monkeypatch.delenv("CHARGEPOINT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=[words[0] for words in COMMANDS])
def test_a_user_outside_the_group_is_told_how_to_get_in(
    closed: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"chargepoint {words[0]}: {closed / 'chargepoint.toml'}: this user may not look there. Use sudo, or")
    assert 'sudo usermod -aG chargepoint "$USER"' in told


def test_the_doctor_of_a_file_that_may_not_be_read_comes_to_its_verdict(
    closed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--quick", "--config", str(closed / "station.toml")]) == 1
    told = capsys.readouterr().out
    assert "this user may not read it\n" in told
    assert told.splitlines()[-1].startswith("NOT WELL: config")


def test_whatever_else_the_system_refuses_is_a_sentence_with_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise OSError(5, "Input/output error", "/var/lib/x")

    monkeypatch.setattr("chargepoint.registry.check_file", refused)
    assert main(["check-config", "--config", "x.toml"]) == 1
    assert capsys.readouterr().err == "chargepoint check-config: /var/lib/x: Input/output error\n"
    monkeypatch.setattr("chargepoint.cli.run.be", refused)
    with pytest.raises(OSError, match="Input/output"):  # the service's own has its traceback in the journal
        main(["run", "--config", "x.toml"])
