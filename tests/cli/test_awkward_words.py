"""Options that mean nothing, and places that a command cannot use: told before any work is done."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli import log, panel
from chargepoint.cli.common import SYSTEM_CONFIG
from chargepoint.cli.main import main
from chargepoint.settings_panel import Panel
from tests.cli.conftest import Service
from tests.cli.stores import keep_sessions
from tests.cli.test_doctor import HEALTHY


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["log", "--connector", "x"], "'x' is not the number of a connector (1 to 32)"),
        (["log", "--connector", "33"], "'33' is not the number of a connector (1 to 32)"),
        (["log", "--since", "999999d"], "'999999d' is no time"),
        (["ledger", "--since", "0001-01-01T00:00+23:00"], "is no date"),
        (["panel", "--listen", "foo"], "'foo' is no address with a port; write 127.0.0.1:8080"),
        (["panel", "--listen", "127.0.0.1:99999"], "is no address with a port"),
    ],
)
def test_a_word_that_means_nothing_is_a_wrong_usage(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_time_before_all_times_is_the_beginning() -> None:
    assert log.instant("0001-01-01") == 0.0


def test_a_table_without_sessions_has_its_heads(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(config.parent / "state")
    assert main(["ledger", "--config", str(config), "--csv"]) == 0
    (heads,) = capsys.readouterr().out.splitlines()
    assert heads.startswith("key,connector,id_tag,started,stopped,energy_wh,")


def test_a_report_for_a_place_that_is_none_is_refused_before_anything_is_looked_at(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = HEALTHY
    arguments = ["doctor", "--config", str(config), "--only", "reader", "--report"]
    for place in (config.parent / "none" / "x", config / "x"):
        assert main([*arguments, str(place)]) == 1
        told = capsys.readouterr()
        assert "is no folder; name another place with --report" in told.err
        assert told.out == ""
    (config.parent / "x.txt").mkdir()
    assert main([*arguments, str(config.parent / "x")]) == 1
    assert "use sudo, or name another place" in capsys.readouterr().err
    assert service.requests == []


def test_a_report_that_fails_at_the_end_costs_no_verdict(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Any:
        raise OSError(28, "No space left on device")

    service.answers = HEALTHY
    monkeypatch.setattr(Path, "write_text", full)
    arguments = ["doctor", "--config", str(config), "--only", "reader", "--report", str(config.parent / "x")]
    assert main([*arguments, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["verdict"] == "all is well (1 finding, 0 remarks)"
    assert "x.txt cannot be written: No space left on device" in told.err


def test_the_installed_pages_password_is_looked_for_where_its_unit_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also before anybody has opened the page: another one made elsewhere would be told, and would open nothing."""
    linked, private = tmp_path / "chargepoint-panel", tmp_path / "private"
    monkeypatch.setattr(panel, "SYSTEM_STATE", linked)
    monkeypatch.setattr(panel, "PRIVATE_STATE", private)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    arguments = argparse.Namespace(state_dir=None)

    def place() -> Path:
        return panel._state_dir(arguments, Panel(), str(tmp_path / "state"), SYSTEM_CONFIG)

    assert place() == linked
    private.mkdir()
    assert place() == private
    linked.symlink_to(private)
    assert place() == linked
