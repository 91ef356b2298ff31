"""`python -m hil.crash` as a process: a short run balances, and every careless station is found."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.demo.running import ROOT, environment, left_behind, short_folder

CARELESS = Path(__file__).with_name("careless_station.py")
BOUND_S = 110.0


async def run(folder: Path, *arguments: str) -> tuple[int | None, list[str], str]:
    """Exit status, lines on stdout, and stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hil.crash", *arguments),
        cwd="/",
        env=environment(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(BOUND_S):
            out, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode().splitlines(), error.decode()


def figures(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines[-1])
    return found


async def test_a_station_that_is_killed_twelve_times_has_balanced_books() -> None:
    with short_folder() as folder:
        status, lines, error = await run(folder, "--kills", "12", "--seed", "20", "--dir", str(folder / "run"))
        told = "\n".join([*lines, error])
        assert status == 0, told
        last = figures(lines)
        assert (last["kills"], last["lost"], last["doubled"], last["energy_difference_wh"]) == (12, 0, 0, 0), told
        assert (last["problems"], last["seed"]) == (0, 20)
        assert last["sessions"] >= 3, told
        assert last["energy_wh"] > 0, told
        assert sum(line.startswith("kill ") for line in lines) == 12
        assert left_behind(folder) == []
        assert (folder / "run" / "state" / "station.db").exists()


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ("sends_first", "was never stopped"),
        ("forgets_stops", "was never stopped"),
        ("holds_on", "every contactor open when the station is dead"),
    ],
)
async def test_a_careless_station_is_found(mistake: str, found: str) -> None:
    with short_folder() as folder:
        station = f"{sys.executable} {CARELESS} {mistake} run"
        arguments = ["--kills", "6", "--seed", "3", "--no-cuts", "--no-disk", "--dir", str(folder / "run")]
        status, lines, error = await run(folder, *arguments, "--station", station)
        told = "\n".join([*lines, error])
        assert status == 1, told
        assert any(line.startswith("WRONG: ") and found in line for line in lines), told
        assert figures(lines)["problems"] > 0
        assert "again: script/crash --kills 6 --seed 3" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kills", "0"], "must be a whole number from 1 to 100,000, not '0'"),
        (["--seed", "-1"], "--seed"),
        (["--dir", str(ROOT)], "is not empty"),
        (["--moon"], "unrecognized arguments: --moon"),
    ],
)
async def test_wrong_usage_is_named_and_starts_nothing(arguments: list[str], words: str) -> None:
    with short_folder() as folder:
        status, lines, error = await run(folder, *arguments)
        assert (status, lines) == (2, [])
        assert words in error
        assert error.startswith("crash: ")
        assert os.listdir(folder) == []
