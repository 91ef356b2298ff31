"""`chargepoint security-log`: the same events from a running service and from a store at rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli.main import main
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.security_records import PutSecurityEvent, SecurityEventRecord
from tests.cli.conftest import Service
from tests.cli.stores import EPOCH_S, keep

pytestmark = pytest.mark.section("security A04")


def event(seq: int, kind: SecurityEvent, **more: Any) -> PutSecurityEvent:
    return PutSecurityEvent(SecurityEventRecord(seq=seq, event=kind, boot=1, mono_s=1.0, **more))


def run(config: Path, *arguments: str) -> int:
    return main(["security-log", "--config", str(config), *arguments])


def test_a_stopped_stations_events_are_read_newest_first(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(
        config.parent / "state",
        event(1, SecurityEvent.StartupOfTheDevice, offset_s=EPOCH_S, info="firmware 1, start 1"),
        event(2, SecurityEvent.InvalidMessages, offset_s=EPOCH_S, info="a \x1b[31mtext"),
        event(3, SecurityEvent.MemoryExhaustion, owed=True),
    )
    assert run(config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NO", "3", "2", "1"]
    assert lines[1].split()[1:] == ["not", "dated", "yet", "MemoryExhaustion", "waits"]
    assert lines[2].split()[2:4] == ["InvalidMessages", "no"]
    assert "\x1b" not in lines[2]
    assert lines[3].split()[:4] == ["1", "2025-11-13T02:13:21Z", "StartupOfTheDevice", "yes"]
    assert run(config, "--limit", "1", "--json") == 0
    assert [row["seq"] for row in json.loads(capsys.readouterr().out)] == [3]


def test_a_running_service_is_asked_page_by_page(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = [{"seq": seq, "event": "InvalidMessages"} for seq in range(700, 0, -1)]

    def page(request: dict[str, Any]) -> dict[str, Any]:
        return {"events": everything[request["offset"] : request["offset"] + request["limit"]]}

    service.answers = {"security_log": page}
    assert run(config, "--json", "--limit", "600") == 0
    assert len(json.loads(capsys.readouterr().out)) == 600
    assert [request["offset"] for request in service.requests] == [0, 500]


def test_a_station_to_which_nothing_happened(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(config.parent / "state")
    assert run(config) == 0
    assert capsys.readouterr().out == "no events\n"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1000000"])
def test_a_limit_that_is_none_is_wrong_usage(config: Path, limit: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(config, "--limit", limit)
    assert ended.value.code == 2
