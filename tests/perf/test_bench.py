"""The bench measures real processes: a smoke of the rows that need little time, and the peer through a whole session."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.csms import CentralSystem
from hil.perf.__main__ import main
from hil.perf.central import Central, Quiet, Silence
from hil.perf.growth import Curve, Growth
from hil.perf.process import CannotMeasure, needs_disk
from hil.perf.row import Figures, Mark, Plan, Row
from hil.perf.table import KEYS

ROOT = Path(__file__).parents[2]
PEER = (sys.executable, "-m", "hil.peers.ocpp_charge_point", "--identity", "PEER_0001", "--url")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    try:
        needs_disk(tmp_path)
    except CannotMeasure as error:
        pytest.skip(str(error))
    return tmp_path


@pytest.fixture
def central() -> Iterator[Central]:
    with Central() as one:
        yield one


def test_a_quick_run_of_some_rows_measures_them_and_leaves_the_others_null(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (ROOT / "docs" / "performance.md").read_bytes()
    assert main(["--quick", "--only", "tap", "--only", "list", "--only", "append", "--dir", str(disk)]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    figures = {"tap_p50_ms", "tap_p99_ms", "list_lookup_us", "outbox_append_p99_ms"}
    assert {key for key in KEYS if told[key] is not None} == figures
    assert all(told[key] > 0 for key in figures)
    assert "[1/3] tap" in err
    assert list(disk.iterdir()) == []
    assert (ROOT / "docs" / "performance.md").read_bytes() == before


def test_a_run_that_is_stopped_says_so_and_leaves_nothing(disk: Path) -> None:
    command = (sys.executable, "-m", "hil.perf", "--quick", "--only", "core", "--dir", str(disk))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("[1/1] core")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-2:] == [
        "script/bench: stopping; what was started is ended, within half a minute",
        "script/bench: stopped; nothing is left of this run",
    ]
    assert out == ""
    assert list(disk.iterdir()) == []


def test_figures_that_cannot_be_written_into_the_page_are_told_all_the_same(
    disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def measure(plan: Plan) -> Figures:
        return {"list_lookup_us": 8.0, "tap_light_p50_ms": 0.9}

    async def grow(plan: Plan, say: object) -> list[Growth]:
        return [Growth("list", "The list grows", "entries", (Curve("look-up", "µs", ((10, 9.0), (100, 12.5))),))]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hil.perf.__main__.ROWS", (Row("list", "a look-up", measure, (Mark("list_lookup_us", 50),)),))
    monkeypatch.setattr("hil.perf.growth.measure", grow)
    monkeypatch.setattr("hil.perf.page.write", full)
    assert main(["--dir", str(disk)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert json.loads(out[-1])["list_lookup_us"] == 8.0
    assert out[-2] == "not written: docs: [Errno 28] No space left on device"
    assert "tap → light, median, ms: 0.9" in out
    assert "look-up (µs) by entries: 10: 9, 100: 12.5" in out


async def test_the_peer_is_a_charge_point_that_keeps_to_the_protocol() -> None:
    async with CentralSystem() as system:
        process = await asyncio.create_subprocess_exec(*PEER, system.url, stdin=asyncio.subprocess.PIPE, cwd=ROOT)
        assert process.stdin is not None
        try:
            peer = await system.station("PEER_0001", timeout_s=20.0)
            await peer.expect("BootNotification", timeout_s=20.0)
            await peer.expect("StatusNotification", connectorId=1, status="Available")
            answer = await peer.call("GetConfiguration", {"key": ["HeartbeatInterval", "Nothing"]})
            assert answer["configurationKey"] == [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
            assert answer["unknownKey"] == ["Nothing"]
            assert await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
            await peer.expect("Heartbeat")
            process.stdin.write(b"CARD1\n")
            await peer.expect("Authorize", idTag="CARD1")
            await peer.expect("StartTransaction", idTag="CARD1")
            await peer.expect("StatusNotification", status="Charging")
            await peer.call("TriggerMessage", {"requestedMessage": "MeterValues"})
            await peer.expect("MeterValues", transactionId=1)
            process.stdin.write(b"CARD1\n")
            await peer.expect("StopTransaction", transactionId=1)
            await peer.expect("StatusNotification", status="Available")
            assert system.violations == []
            assert system.complaints == []
        finally:
            process.terminate()
            await process.wait()


def test_the_thin_central_system_serves_and_says_what_did_not_come(central: Central) -> None:
    with pytest.raises(Silence, match="no charge point connected"):
        central.welcome(timeout_s=0.05)
    with subprocess.Popen((*PEER, central.url), stdin=subprocess.PIPE, cwd=ROOT) as process:
        try:
            central.booted()
            central.serve(lambda: central.seen["StatusNotification"] == 1)
            assert central.call("GetConfiguration", {"key": ["Nothing"]}) == {"configurationKey": [], "unknownKey": ["Nothing"]}
            central.trigger("Heartbeat")
            assert central.seen["Heartbeat"] == 1
            with pytest.raises(Silence, match="NotImplemented"):
                central.trigger("BootNotification", timeout_s=5.0)
            with pytest.raises(Quiet):
                central.serve(lambda: False, timeout_s=0.05)
            central.attend(0.05)
            process.kill()
            with pytest.raises(Silence, match="closed the connection"):
                central.serve(lambda: False, timeout_s=5.0)
        finally:
            process.kill()
