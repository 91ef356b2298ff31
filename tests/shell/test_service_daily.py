"""The daily tools against a true station: health and log over the control socket, metrics, a backup while a session runs."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from chargepoint.store import reading
from tests.shell.exposition import parsed
from tests.shell.test_service import World, world

__all__ = ["world"]


async def command(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chargepoint", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.fixture
def port() -> int:
    """One that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def config(world: World, port: int) -> str:
    with world.config.open("a") as file:
        file.write(f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
    return str(world.config)


async def test_a_day_with_a_station(world: World, config: str, port: int, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    async with world.station() as process:
        await world.booted()
        await world.charge()
        health = await world.ask("health")
        assert {part["part"] for part in health["parts"]} >= {"contactor", "meter", "pilot", "reader"}
        assert (await world.ask("status"))["process"]["written_bytes"] is not None
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read())
        found = parsed(text.decode())
        assert found["chargepoint_connector_status"].value(connector="1", status="Charging") == 1
        assert found["chargepoint_authorizations_total"].value(result="accepted") == 1
        assert found["chargepoint_ocpp_call_seconds"].value("_count", action="BootNotification") == 1
        status, out = await command("log", "--config", config, "--service", "--connector", "1")
        assert status == 0
        assert "connector 1" in out
        status, out = await command("backup", "--config", config, str(archive))
        assert (status, "while the service ran" in out) == (0, True), out
        status, out = await command("restore", "--config", config, "--yes", str(archive))
        assert status == 1
        assert "stop it first" in out
        process.send_signal(signal.SIGTERM)
        assert await world.ended(process) == 0
    state = Path(tomllib.loads(world.config.read_text())["station"]["state_dir"])
    before = reading.ledger(state)
    assert (len(before), before[0]["reason"]) == (1, "Reboot")
    status, out = await command("restore", "--config", config, "--yes", str(archive))
    assert status == 0, out
    assert "1 session(s) ran when it was made" in out
    (session,) = reading.ledger(state)
    assert (session["stop_delivery"], session["reason"]) == ("dead", "PowerLoss")
    assert reading.dead_letters(state)[-1]["reason"].startswith("from the backup of ")
    stops = [frame for frame in world.central.known("CK_XXX_0001").messages if frame.action == "StopTransaction"]
    async with world.station() as process:
        await world.booted()
        await world.ask("status")
        process.send_signal(signal.SIGTERM)
        assert await world.ended(process) == 0
    assert len([f for f in world.central.known("CK_XXX_0001").messages if f.action == "StopTransaction"]) == len(stops)
    assert any(name.startswith("station.db.replaced-") for name in os.listdir(state))
