"""`chargepoint log`: lines of the journal or of the running service, filtered and fit for a terminal."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli import log
from chargepoint.cli.main import main
from tests.cli.conftest import Service

LINES = [
    "2026-11-22T08:00:00.000Z INFO    connector 1: Now Charging",
    "2026-11-22T08:00:01.000Z WARNING connector 2: The meter 2 is lost",
    "2026-11-22T08:00:02.000Z ERROR   the disk is nearly full",
    "2026-11-22T08:00:03.000Z DEBUG   contactor 1 does not work: x",
    "a line of its own\x1b[2J",
]


@pytest.fixture(autouse=True)
def no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["log", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_services_lines_are_shown_and_filtered(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"log": {"lines": LINES}}
    base = ("--config", str(config))
    lines = shown(capsys, *base)
    assert lines[0] == "2026-11-22T08:00:00.000Z  info      connector 1: Now Charging"
    assert len(lines) == 4
    assert lines[-1].endswith("a line of its own\\x1b[2J")
    assert len(shown(capsys, *base, "--connector", "1")) == 1
    assert len(shown(capsys, *base, "--connector", "1", "--level", "debug")) == 2
    assert [line.split()[1] for line in shown(capsys, *base, "--level", "warning")] == ["warning", "error"]
    assert shown(capsys, *base, "--lines", "1", "--level", "error") == [lines[2]]
    assert shown(capsys, *base, "--connector", "9") == ["nothing was written that fits"]


def test_since_is_passed_on(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"log": {"lines": []}}
    shown(capsys, "--config", str(config), "--since", "2026-11-22T08:00")
    assert service.requests[-1]["since_s"] == 1_795_334_400.0


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "2026-13-01", "h"])
def test_a_time_that_is_none_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["log", "--since", text])
    assert "write 30m, 2h, 3d or 2026-11-01T08:00" in capsys.readouterr().err


def test_without_service_or_journal_it_says_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "--config", str(config)]) == 3
    assert "systemctl start chargepoint" in capsys.readouterr().err


def test_following_a_service_shows_what_comes_until_it_ends(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: dict[str, Any]) -> bytes | None:
        body: dict[str, Any] = {"id": request["id"], "ok": True}
        if request["do"] == "log":
            return json.dumps({**body, "lines": []}).encode() + b"\n"
        events = [
            {"event": "frame", "text": "[2]"},
            {"event": "log", "level": "warning", "text": "connector 1: lost"},
            {"event": "log", "level": "info", "text": "connector 2: fine"},
        ]
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in [body, *events])
        return lines + b"no json\n"

    service.answer = answer
    assert main(["log", "--config", str(config), "--follow", "--connector", "1"]) == 1
    told = capsys.readouterr()
    assert [line.split("  ", 1)[1] for line in told.out.splitlines()] == ["warning   connector 1: lost"]
    assert "does not speak JSON" in told.err


def test_lines_of_the_journal() -> None:
    fields = {"__REALTIME_TIMESTAMP": "1795334400000000", "MESSAGE": "connector 3: x", "PRIORITY": "4"}
    assert log.journal_entry(json.dumps(fields)) == ("2026-11-22T08:00:00.000Z", "warning", "3", "connector 3: x")
    named = {**fields, "MESSAGE": "transaction 4: x", "CONNECTOR": "2"}
    assert (entry := log.journal_entry(json.dumps(named))) is not None
    assert entry[2] == "2"
    raw = {**fields, "MESSAGE": [255, 104, 105, "x", 999]}
    assert (entry := log.journal_entry(json.dumps(raw))) is not None
    assert entry[3] == "\ufffdhi"
    for strange in ("", "[]", "{}", '{"__REALTIME_TIMESTAMP": "x", "MESSAGE": "y"}', "[" * 10_000):
        assert log.journal_entry(strange) is None


def test_the_journal_is_taken_where_it_is(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = {"__REALTIME_TIMESTAMP": "1795334400000000", "PRIORITY": "6"}
    lines = [json.dumps({**fields, "MESSAGE": f"connector {number}: line"}) for number in (1, 2, 1)]
    fake = tmp_path / "journalctl"
    fake.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    fake.chmod(0o755)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert len(shown(capsys, "--config", str(config), "--connector", "1")) == 2
    fake.write_text("#!/bin/sh\nexit 1\n")
    assert subprocess.run([str(fake)], check=False).returncode == 1
    assert main(["log", "--config", str(config)]) == 3
