"""`chargepoint ledger`: the same sessions from a running service and from a store at rest."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from chargepoint.cli import ledger
from chargepoint.cli.main import main
from chargepoint.store import open_store
from tests.cli.conftest import Service
from tests.cli.stores import keep_sessions, session


def run(config: Path, *arguments: str) -> int:
    return main(["ledger", "--config", str(config), *arguments])


def test_a_stopped_stations_sessions_are_read_newest_first(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(config.parent / "state", session(1), session(2))
    assert run(config) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NO  CONNECTOR  CARD      BEGAN                 ENDED                    ENERGY  REASON  TRANSACTION  SENT",
        " 2  1          04A2B3C4  2025-11-13T04:13:20Z  2025-11-13T04:14:20Z  5.000 kWh  Local   102          confirmed",
        " 1  1          04A2B3C4  2025-11-13T03:13:20Z  2025-11-13T03:14:20Z  5.000 kWh  Local   101          confirmed",
        "",
        "2 sessions, 10.000 kWh",
    ]


def test_a_running_service_is_asked_page_by_page(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = [{"key": key, "started": "2026-11-01T00:00:00Z", "energy_wh": 1} for key in range(1234, 0, -1)]

    def page(request: dict[str, Any]) -> dict[str, Any]:
        return {"sessions": everything[request["offset"] : request["offset"] + request["limit"]]}

    service.answers = {"ledger": page}
    assert run(config, "--json", "--limit", "1100") == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == list(range(1234, 134, -1))
    assert [request["offset"] for request in service.requests] == [0, 500, 1000]


def test_a_running_service_is_asked_for_no_more_than_is_wanted(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = {"ledger": {"sessions": [{"key": key} for key in range(500)]}}
    assert run(config) == 0
    assert len(service.requests) == 1
    assert "50 sessions" in capsys.readouterr().out


def test_since_leaves_out_what_is_older_and_keeps_what_is_not_dated(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undated = structs.replace(session(4), start_offset_s=None, stop_offset_s=None)
    keep_sessions(config.parent / "state", session(1), session(2), session(3), undated)
    assert run(config, "--since", "2025-11-13T04:13:20", "--json") == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == [4, 3, 2]
    assert run(config, "--since", "2025-11-13T05:13:20+01:00", "--json") == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == [4, 3, 2]
    assert run(config) == 0
    assert "not dated yet" in capsys.readouterr().out


def test_a_spreadsheet_gets_every_column_and_no_formula(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(config.parent / "state", session(1, id_tag='=cmd|"x",1'), session(2))
    assert run(config, "--csv") == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["key"] for row in table] == ["2", "1"]
    assert table[1]["id_tag"] == '\'=cmd|"x",1'
    assert table[0]["energy_wh"] == "5000"
    assert table[0]["transaction_id"] == "102"


def test_what_is_still_running_or_on_its_way_is_told() -> None:
    row = {"key": 7, "started": "2026-11-01T00:00:00Z", "energy_wh": 10, "start_delivery": "confirmed", "stop_delivery": None}
    *_, line = ledger.as_lines([row])[:2]
    assert line.split() == ["7", "-", "-", "2026-11-01T00:00:00Z", "runs", "0.010", "kWh", "-", "-", "confirmed"]
    ended = {**row, "stopped": "2026-11-01T00:10:00Z", "reason": "Local", "stop_delivery": "dead"}
    assert ledger.as_lines([ended])[1].endswith("start confirmed, stop dead")


def test_a_station_that_never_ran_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config) == 1
    told = capsys.readouterr().err
    assert "station.db: there is none" in told
    assert "start the service once" in told


def test_an_empty_ledger_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(config.parent / "state")
    assert run(config) == 0
    assert capsys.readouterr().out == "no sessions\n"
    assert run(config, "--json") == 0
    assert capsys.readouterr().out == "[]\n"


def test_a_store_that_a_silent_process_holds_is_left_alone(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(config.parent / "state", "5f0b8a9e-0000-4000-8000-000000000001", 1.0)
    try:
        assert run(config) == 1
    finally:
        store.close()
    assert "the service runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "bad", [["--limit", "0"], ["--limit", "x"], ["--limit", "9" * 30], ["--since", "yesterday"], ["--csv", "--json"]]
)
def test_a_wrong_option_is_told(config: Path, capsys: pytest.CaptureFixture[str], bad: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(config, *bad)
    assert ended.value.code == 2
    assert bad[0] in capsys.readouterr().err


def test_an_answer_without_sessions_is_told(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"ledger": {"rows": []}}
    assert run(config) == 1
    assert "has no list sessions" in capsys.readouterr().err
