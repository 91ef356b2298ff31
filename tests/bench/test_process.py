"""The bench as a process: its line, its end, its errors, and a station that is killed."""

import asyncio
import json
import os
import signal
import socket
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.bench.client import BenchClient

ROOT = Path(__file__).parents[2]
BOUND_S = 10.0
PIPE = asyncio.subprocess.PIPE


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hil.bench", *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def process(directory: Path, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """A bench that is ready; whatever the test does, it has ended when the block is left."""
    bench = await start("--dir", str(directory), *arguments)
    assert bench.stdout is not None
    try:
        async with asyncio.timeout(BOUND_S):
            yield bench, json.loads(await bench.stdout.readline())
    finally:
        if bench.returncode is None:
            bench.kill()
        await bench.wait()


async def failed(*arguments: str) -> str:
    """The one line with which a bench that does not start ends."""
    bench = await start(*arguments)
    async with asyncio.timeout(BOUND_S):
        out, error = await bench.communicate()
    assert (bench.returncode, out) == (2, b"")
    assert error.count(b"\n") == 1
    return error.decode()


def names(directory: Path) -> set[str]:
    return set(os.listdir(directory))


async def test_it_says_where_it_is_and_ends_on_quit(directory: Path) -> None:
    inner = directory / "new" / "dir"
    arguments = [
        "--connectors",
        "3",
        "--identity",
        "A B",
        "--central-system",
        "ws://127.0.0.1:1/x",
        "--set",
        "HeartbeatInterval=5",
    ]
    async with process(inner, *arguments, "--config-set", "station.free_vend=true", "--readers", "each") as (bench, ready):
        assert ready == {"ready": True, "control": f"{inner}/bench.sock", "config": f"{inner}/station.toml"}
        file = tomllib.loads((inner / "station.toml").read_text())
        assert (file["station"]["identity"], file["station"]["free_vend"]) == ("A B", True)
        assert (file["configuration"], len(file["readers"]), len(file["connectors"])) == ({"HeartbeatInterval": "5"}, 3, 3)
        async with BenchClient(ready["control"]) as client:
            await client.do("quit")
            assert await bench.wait() == 0
        assert bench.stdout is not None
        assert await bench.stdout.read() == b""
    assert names(inner) == {".bench.lock", "state", "station.toml"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_cleanly_with_clients_connected(directory: Path, number: signal.Signals) -> None:
    async with process(directory, "--meter", "rtu") as (bench, ready), BenchClient(ready["control"]) as client:
        await client.state()
        bench.send_signal(number)
        assert await bench.wait() == 0
        assert bench.stderr is not None
        assert await bench.stderr.read() == b""
    assert names(directory) == {".bench.lock", "state", "station.toml"}


async def test_the_sockets_of_a_dead_bench_are_replaced_and_those_of_a_live_one_not(directory: Path) -> None:
    async with process(directory) as (bench, _):
        bench.kill()
        await bench.wait()
    assert {"bench.sock", "hardware.sock"} <= names(directory)
    async with process(directory) as (_, ready):
        assert "a bench already runs in" in await failed("--dir", str(directory))
        async with BenchClient(ready["control"]) as client:
            assert (await client.state())["ok"]


async def test_another_process_that_listens_at_the_sockets_name_is_not_a_bench(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "bench.sock"))
    async with process(directory) as (_, ready), BenchClient(ready["control"]) as client:
        assert (await client.state())["ok"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "the following arguments are required: --dir"),
        (["--dir", "{dir}", "--connectors", "33"], "must be a whole number from 1 to 32, not '33'"),
        (["--dir", "{dir}", "--connectors", "two"], "must be a whole number from 1 to 32, not 'two'"),
        (["--dir", "{dir}", "--meter", "usb"], "invalid choice: 'usb'"),
        (["--dir", "{dir}", "--config-set", "station.identity"], "is not of the form KEY=VALUE"),
        (["--dir", "{dir}/" + "x" * 100], "bytes, the path of a Unix socket may have 107; choose a shorter one"),
        (["--dir", "{dir}/file"], "cannot be used"),
    ],
)
async def test_what_does_not_start_says_why_in_one_line(directory: Path, arguments: list[str], error: str) -> None:
    (directory / "file").touch()
    assert error in await failed(*(argument.format(dir=directory) for argument in arguments))


STATION = """
import socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"part": "contactor", "connector": 1}\\n{"set": "closed"}\\n')
time.sleep(60)
"""


async def test_a_station_that_is_killed_drops_its_contactor_and_leaves_the_car_plugged(directory: Path) -> None:
    async with process(directory) as (_, ready), BenchClient(ready["control"]) as client:
        await client.do("plug", connector=1)
        station = await asyncio.create_subprocess_exec(sys.executable, "-c", STATION, str(directory / "hardware.sock"))
        try:
            await client.wait_for(lambda state: state["connectors"]["1"]["contactor"] == "closed", BOUND_S)
            assert (await client.state())["station"] == "connected"
        finally:
            station.kill()
            await station.wait()
        state = await client.wait_for(lambda state: state["connectors"]["1"]["contactor"] == "open", BOUND_S)
        assert (state["station"], state["connectors"]["1"]["plugged"]) == ("disconnected", True)
