"""The whole station in its own process on real gpiozero, lgpio and spidev, under the emulated kernel (layer C)."""

import asyncio
import errno
import signal
from typing import Any

import pytest

from hil.kernel import missing
from hil.kernel.box import COIL, EMERGENCY, LOCK, UNLOCK, box
from hil.kernel.child import Child
from hil.perf import fact_to_open

LACKING = missing("gpiozero", "lgpio", "spidev")
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"layer C: {LACKING}")

SOON_S = 15.0


async def hears(child: Child, words: str) -> str:
    """The next line of the station's log that holds these words."""
    while True:
        line = await asyncio.to_thread(child.line, SOON_S)
        if words in line:
            return line


async def in_thread(function: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


@pytest.mark.section("IEC 61851-1 6.3.1.5")
async def test_an_active_low_contactor_never_pulls_unasked_opens_at_once_and_ends_open() -> None:
    async with box(active_high=False) as station:
        with station.start() as process:
            station.plug(ready=True)
            await in_thread(station.closed, SOON_S)
            levels = [change.level for change in station.kernel.changes(COIL)]
            assert levels == [True, False], "high by its resistor, and low when it is to close: nothing between"
            assert station.outlet.locked, "a pulse came before the lock"
            pressed_s = station.emergency(True)
            late_s = await in_thread(station.opened) - pressed_s
            assert late_s < 2.0, "on a busy machine, and far from the 6 s of a car; hil.perf.fact_to_open holds it to 20 ms"
            await hears(process, "Emergency stop pressed")
            process.signal(signal.SIGTERM)
            assert await in_thread(process.ends) == 0
        assert station.kernel.line(COIL).level is True
        assert (station.kernel.line(LOCK).level, station.kernel.line(UNLOCK).level) == (False, False)


@pytest.mark.section("IEC 61851-1 6.3.1.5")
@pytest.mark.parametrize("keeps", [True, False], ids=["outputs are kept", "outputs are released"])
async def test_a_killed_station_is_made_safe_within_a_second_whatever_its_kernel_keeps(keeps: bool) -> None:
    release = {"connectors.1.lock": {"on_failure": "release"}}
    async with box(keeps_outputs=keeps, more=release) as station:
        with station.start() as process:
            station.plug(ready=True)
            await in_thread(station.closed, SOON_S)
            process.kill()
        assert station.kernel.wait_held(COIL, False).kept is keeps
        assert station.kernel.line(COIL).level is keeps, "kept: the car is still charged by nobody"
        with station.safe_state() as command:
            assert await in_thread(command.ends) == 0, command.heard
        assert station.kernel.line(COIL).level is False
        assert "connectors.1.contactor: its coil is off: GPIO17 is low" in command.heard
        assert command.heard[-1] == "safe: 1 contactor open"
        assert station.outlet.locked is False


async def test_safe_state_says_who_holds_a_line_and_still_does_the_others() -> None:
    held = "import lgpio, time; chip = lgpio.gpiochip_open(0); lgpio.gpio_claim_output(chip, 17, 1); print(1); time.sleep(60)"
    async with box() as station:
        with Child(station.kernel, held) as holder:
            assert holder.line() == "1"
            with station.safe_state() as command:
                assert await in_thread(command.ends) == 1
        assert any('GPIO17 is held by "lg": end that program' in line for line in command.heard)
        assert any(line.startswith("connectors.1.pilot: ") for line in command.heard)
        assert command.heard[-1] == "NOT SAFE: connectors.1.contactor, connectors.1.lock. Cut the power."


@pytest.mark.parametrize(
    ("error", "words"),
    [(errno.ENOENT, "there is no /dev/gpiochip0"), (errno.EACCES, "add it to the group gpio")],
)
async def test_without_its_chip_the_station_stays_up_and_says_what_to_do(error: int, words: str) -> None:
    async with box() as station:
        station.kernel.refuse("/dev/gpiochip0", error)
        with station.start() as process:
            line = await hears(process, "The contactor 1 is lost")
            assert words in line
            await hears(process, "Now Faulted")
            station.kernel.refuse("/dev/gpiochip0", None)
            await hears(process, "The contactor 1 works again")
            await in_thread(station.kernel.wait, lambda: station.kernel.line(EMERGENCY).edges, "edges", SOON_S)
            assert station.kernel.line(EMERGENCY).holder == "chargepoint"


@pytest.mark.section("IEC 61851-1 8.5")
async def test_a_residual_current_device_that_fails_its_test_keeps_the_contactor_open() -> None:
    async with box() as station:
        station.rcd_works = False
        with station.start() as process:
            station.plug(ready=True)
            line = await hears(process, "did not trip within 300 ms of its test on GPIO23")
            assert "contactor 1" in line
            await hears(process, "GroundFailure")
        assert True not in [change.level for change in station.kernel.changes(COIL)]


async def test_a_bolt_that_jams_keeps_the_contactor_open() -> None:
    async with box() as station:
        station.jam()
        with station.start() as process:
            station.plug(ready=True)
            await hears(process, "The socket lock does not move")
        assert True not in [change.level for change in station.kernel.changes(COIL)]


async def test_the_benchmark_times_every_fact_and_the_closing_after_it() -> None:
    figures = await fact_to_open.measure(count=1)
    times = (figures.emergency_stop, figures.ground_fault, figures.pilot)
    assert [one.count for one in (*times, figures.closing)] == [1, 1, 1, 3]
    assert all(0.0 < one.median_ms < 1_000.0 for one in times), "on a busy machine"
    assert fact_to_open.spread([1.0] * 99 + [30.0, 40.0], limit_ms=20.0).p99_ms == 30.0
