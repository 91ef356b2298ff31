"""`chargepoint clear-faults`: asks the service, says what was cleared, or why nothing was."""

from pathlib import Path

import pytest

from chargepoint.cli.main import main
from tests.cli.conftest import Service


def test_it_says_what_was_cleared_and_who_asked(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    service.answers = {"clear_faults": {"cleared": ["contactor_welded"]}}
    assert main(["clear-faults", "2", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "connector 2: cleared contactor_welded\n"
    assert [(one["do"], one["connector"], one["by"]) for one in service.requests] == [("clear_faults", 2, "anna")]


def test_a_refusal_is_told_in_the_services_words(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"clear_faults": {"ok": False, "error": "its contacts are still closed"}}
    assert main(["clear-faults", "1", "--config", str(config)]) == 1
    assert "its contacts are still closed" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", "100", "1.5"])
def test_what_is_no_connector_is_refused(config: Path, capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["clear-faults", "--config", str(config), "--", number])
    assert ended.value.code == 2
    assert "number of a connector" in capsys.readouterr().err
