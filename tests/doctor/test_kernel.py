"""The doctor on real gpiozero, lgpio and spidev under the emulated kernel (layer C), and at a terminal."""

import asyncio
import errno
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from hil.bench.bench import Options, running
from hil.kernel import missing
from hil.kernel.box import COIL, EMERGENCY, Box, box
from hil.kernel.child import Child
from tests.setup.terminal import Terminal

LACKING = missing("gpiozero", "lgpio", "spidev")
real = pytest.mark.skipif(bool(LACKING), reason=f"layer C: {LACKING}")
PARTS = ("meter", "reader", "inputs", "pilot", "lock", "contactor")


async def examined(station: Box) -> dict[str, Any]:
    """What the doctor says of the hardware, by its codes."""
    only = [word for part in PARTS for word in ("--only", part)]
    command = ["-m", "chargepoint", "doctor", "--config", str(station.config), "--json", *only]
    with Child(station.kernel, command) as doctor:
        status = await asyncio.to_thread(doctor.ends, 25.0)
    document: dict[str, Any] = json.loads("\n".join(doctor.heard))
    assert document["ok"] is (status == 0)
    return document


def codes(document: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in document["findings"] if finding["code"]]


@real
async def test_real_drivers_are_seen_to_work_and_the_coil_never_moves() -> None:
    async with box() as station:
        document = await examined(station)
        assert codes(document) == [], document
        assert [finding["part"] for finding in document["findings"]] == list(PARTS)
        assert True not in [change.level for change in station.kernel.changes(COIL)]


@real
async def test_a_pressed_button_and_a_chip_that_may_not_be_opened_are_told_apart() -> None:
    async with box() as station:
        station.kernel.drive(EMERGENCY, True)
        assert codes(await examined(station)) == ["input-active"]
        station.kernel.refuse("/dev/gpiochip0", errno.EACCES)
        document = await examined(station)
        assert {"inputs-lost", "lock-lost", "contactor-lost"} <= set(codes(document))
        (contactor,) = [finding for finding in document["findings"] if finding["code"] == "contactor-lost"]
        assert "add it to the group gpio" in contactor["text"]


async def test_at_a_terminal_it_asks_and_takes_no_for_no() -> None:
    def session(path: Path) -> None:
        words = ("doctor", "--config", str(path), "--only", "lock", "--only", "contactor")
        with Terminal(*words) as terminal:
            terminal.answer("move the bolt of its lock there and back? [y/N]", "y")
            terminal.answer("The socket will be live. [y/N]", "")
            assert terminal.ends() == 0
        assert "locks and unlocks" in terminal.shown
        assert "is open; not closed for a test" in terminal.shown
        with Terminal(*words) as terminal:
            terminal.sees("move the bolt")
            terminal.interrupt()
            assert terminal.ends() == 130

    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        async with running(Options(directory=Path(name), connectors=1)) as bench:
            await asyncio.to_thread(session, bench.config)
