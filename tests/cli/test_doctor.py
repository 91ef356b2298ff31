"""`chargepoint doctor`: what stands on the screen, in the JSON and in the report; its exit status."""

import json
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli.main import main
from tests.cli.conftest import Service
from tests.doctor.subjects import written

HEALTHY: dict[str, Any] = {
    "status": {
        "link": {"state": "connected", "url": "ws://cs.example.org/ocpp/CK_XXX_0001", "security_profile": 0},
        "registration": "Accepted",
        "connectors": {"1": {"energy_wh": 1_000}},
    },
    "health": {"parts": [{"part": "reader", "number": 1, "open": True, "trouble": ""}]},
}


def test_a_station_that_is_well_has_it_in_the_last_line(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = HEALTHY
    assert main(["doctor", "--config", str(config), "--only", "central-system", "--only", "reader"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all is well (3 findings, 0 remarks)"
    assert lines[0].startswith("ok     reader 1")
    assert [request["do"] for request in service.requests] == ["status", "health"]


def test_what_is_wrong_stands_with_its_fix_and_in_the_verdict(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"parts": [{"part": "reader", "number": 1, "open": False, "trouble": "no chip\x1b[2J on spidev0.0"}]}
    service.answers = {**HEALTHY, "health": gone}
    assert main(["doctor", "--config", str(config), "--only", "reader"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WRONG  reader 1                no chip\\x1b[2J on spidev0.0"
    assert lines[1].strip().startswith("-> check its wires")
    assert lines[1].endswith("(docs/doctor.md: reader-lost)")
    assert lines[-1] == "NOT WELL: reader 1 (1 finding, 0 remarks)"


def test_json_is_one_document(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = HEALTHY
    assert main(["doctor", "--config", str(config), "--json", "--only", "central-system"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert [finding["part"] for finding in document["findings"]] == ["central-system", "central-system"]


def test_a_report_has_everything_once_as_text_and_once_as_a_page_that_needs_nothing(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = {
        **HEALTHY,
        "health": {"parts": [{"part": "reader", "number": 1, "open": False, "trouble": "<script>x</script>"}]},
    }
    service.answers = hostile
    target = config.parent / "acceptance.html"
    assert main(["doctor", "--config", str(config), "--report", str(target), "--by", "A. Smith", "--only", "reader"]) == 1
    assert f"written: {target}" in capsys.readouterr().out
    text, page = target.with_suffix(".txt").read_text(), target.read_text()
    kept = (
        "CK_XXX_0001",
        "ChargeKing CK22",
        "A. Smith",
        "NOT WELL: reader 1",
        "Software",
        "32 A, 3 phases, meter sdm630",
    )
    for words in kept:
        assert words in text
        assert words in page
    assert "<script>" not in page
    assert "://" not in page.replace("ws://cs.example.org", "")


def test_a_report_that_cannot_be_written_names_the_place(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = HEALTHY
    arguments = ["doctor", "--config", str(config), "--only", "reader", "--report", str(config.parent / "none" / "x")]
    assert main(arguments) == 1
    assert "name another place with --report" in capsys.readouterr().err


def test_a_wrong_file_is_the_first_thing_that_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, lambda document: document["central_system"].update(url="http://cs.example.org"))
    assert main(["doctor", "--config", str(path), "--only", "config"]) == 1
    out = capsys.readouterr().out
    assert '[central_system] url: found "http://cs.example.org", must begin with ws:// or wss://' in out
    assert "-> example: ws://cs.example.org/ocpp" in out
    assert main(["doctor", "--config", str(path), "--only", "meter"]) == 1, "nothing was looked at, so nothing is well"
    out = capsys.readouterr().out
    assert "not looked at: the file comes first" in out
    assert out.splitlines()[-1].startswith("NOT WELL: config")
    assert main(["doctor", "--config", str(tmp_path / "none.toml"), "--only", "config"]) == 1
    assert "there is no such file" in capsys.readouterr().out
