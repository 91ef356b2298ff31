"""The driver `iec61851` as the shell uses it: its thread, its offers, its end. In real time, with a model behind a
false SPI port.
"""

import asyncio
import errno
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import DriverError
from chargepoint.registry import config_of
from chargepoint.tables import SettingsError
from drivers.iec61851 import pilot as driver
from drivers.iec61851.adc import Adc
from drivers.iec61851.config import Config, claims, remarks
from drivers.iec61851.pilot import Iec61851Pilot
from hil.chips.mcp3008 import Mcp3008
from hil.chips.pilot_circuit import FrontEnd, PilotCar, PilotCircuit, PwmFolder
from tests.pilot.rig import OFFSET_V, SCALE, config

A, B, C, D, E, F = PilotState
WITHIN_S = 3.0  # of a busy machine; the times of the driver itself are in test_look.py


class Spi:
    """`spidev.SpiDev` with a chip's model behind it, as fast as Python is."""

    max_speed_hz = 0
    mode = 0

    def __init__(self, chip: Mcp3008) -> None:
        self._chip = chip
        self.error: OSError | None = None
        self.held: threading.Event | None = None
        self.closed = False

    def open(self, bus: int, device: int) -> None: ...

    def xfer2(self, data: Sequence[int]) -> Sequence[int]:
        if self.error is not None:
            raise self.error
        if self.held is not None:
            self.held.wait(WITHIN_S)
        return list(self._chip.transfer(bytes(data)))

    def close(self) -> None:
        self.closed = True


class World:
    """A connector's pilot: the PWM's folder, the circuit, the chip."""

    def __init__(self, folder: Path) -> None:
        self.pwm = PwmFolder(folder / "pwmchip0")
        self.circuit = PilotCircuit(high_share=lambda: self.pwm.high_share)
        self.front_end = FrontEnd(circuit=self.circuit, scale=SCALE, offset_v=OFFSET_V)
        self.chip = Mcp3008(self.front_end.volts, 3.3)
        self.spi = Spi(self.chip)
        self.config = config(pwm_chip=str(self.pwm.chip), proximity_channel=1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(driver, "open_adc", lambda bus, device, hz, reference_v: Adc(made.spi, "/dev/spidev0.0", reference_v))
    return made


@pytest.fixture
async def pilot(world: World) -> AsyncIterator[Iec61851Pilot]:
    opened = await driver.open(world.config, {})
    yield opened
    await opened.close()


async def told(pilot: Iec61851Pilot, holds: Callable[[Pilot], bool]) -> Pilot:
    """The first fact that holds."""
    async with asyncio.timeout(WITHIN_S), aclosing(pilot.states()) as states:  # type: ignore[type-var]
        async for fact in states:
            if holds(fact):
                return fact
    raise AssertionError


async def test_a_charge(world: World, pilot: Iec61851Pilot) -> None:
    assert await told(pilot, lambda fact: True) == Pilot(state=A, cable_at_station=False)
    world.front_end.proximity_ohm, world.circuit.car = 220.0, PilotCar()
    assert await told(pilot, lambda fact: fact.cable_at_station and fact.state is B) == Pilot(
        state=B, cable_at_station=True, cable_a=32.0
    )
    pilot.offer(16.0)
    assert world.pwm.number("duty_cycle") == 266_666
    world.circuit.car.ready = True
    await told(pilot, lambda fact: fact.state is C)
    world.circuit.car = None
    world.front_end.proximity_ohm = float("inf")
    assert (await told(pilot, lambda fact: fact.state is A)).diode_ok
    pilot.offer(None)
    assert world.pwm.high_share == 1.0


async def test_less_is_on_the_pilot_at_once_and_more_after_five_seconds(
    world: World, pilot: Iec61851Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot._offers, "_spacing_s", 0.15)
    pilot.offer(16.0)
    raised, plain = asyncio.Event(), pilot._pwm.pulse

    def pulse(pulse_ns: int) -> None:
        plain(pulse_ns)
        if pulse_ns == 533_333:
            raised.set()

    monkeypatch.setattr(pilot._pwm, "pulse", pulse)
    changed_s = time.monotonic()
    pilot.offer(10.0)
    assert world.pwm.number("duty_cycle") == 166_666
    pilot.offer(32.0)
    assert world.pwm.number("duty_cycle") == 166_666
    async with asyncio.timeout(WITHIN_S):
        await raised.wait()
    assert time.monotonic() - changed_s >= 0.15
    assert world.pwm.number("duty_cycle") == 533_333


async def test_a_rise_that_fails_when_it_is_due_loses_the_pilot(
    world: World, pilot: Iec61851Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot._offers, "_spacing_s", 0.05)
    pilot.offer(16.0)
    pilot.offer(32.0)

    def refuse(pulse_ns: int) -> None:
        raise DriverError("the PWM is gone")

    monkeypatch.setattr(pilot._pwm, "pulse", refuse)
    with pytest.raises(DriverError, match="the PWM is gone"):
        await told(pilot, lambda fact: False)
    monkeypatch.undo()


async def test_a_pilot_that_is_closed_offers_nothing_and_holds_nothing(world: World) -> None:
    pilot = await driver.open(world.config, {})
    pilot.offer(32.0)
    await pilot.close()
    assert world.pwm.high_share == 1.0
    assert world.spi.closed
    pilot.offer(16.0)
    assert world.pwm.high_share == 1.0, "what comes too late changes nothing"
    await pilot.close()


async def test_a_bus_that_fails_is_told_once_and_ends_the_states(world: World, pilot: Iec61851Pilot) -> None:
    await told(pilot, lambda fact: True)
    world.spi.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(DriverError, match=r"/dev/spidev0\.0: the transfer failed"):
        await told(pilot, lambda fact: False)


async def test_a_mistake_in_the_thread_is_a_pilot_that_is_lost(world: World, pilot: Iec61851Pilot) -> None:
    await told(pilot, lambda fact: True)
    world.chip._volts = lambda channel: 1 / 0
    with pytest.raises(DriverError, match="the pilot driver broke: ZeroDivisionError"):
        await told(pilot, lambda fact: False)


async def test_a_transfer_that_hangs_is_a_pilot_that_is_lost(world: World, pilot: Iec61851Pilot) -> None:
    await told(pilot, lambda fact: True)
    pilot.offer(16.0)
    free = threading.Event()
    world.spi.held = free
    began_s = time.monotonic()
    try:
        with pytest.raises(DriverError, match=r"a transfer has not come back for 0\.5 s"):
            await told(pilot, lambda fact: False)
        assert world.pwm.high_share < 1.0
        await pilot.close()
        assert time.monotonic() - began_s < WITHIN_S
        assert world.pwm.high_share == 1.0
    finally:
        free.set()


async def test_facts_that_nobody_takes_are_bounded(pilot: Iec61851Pilot) -> None:
    for number in range(300):
        pilot._tell(Pilot(state=A, cable_at_station=bool(number % 2)))
    with pytest.raises(DriverError, match="nobody takes them"):
        await told(pilot, lambda fact: False)


async def test_a_missing_chip_is_told_when_it_is_opened(world: World) -> None:
    world.chip.present = False
    with pytest.raises(DriverError, match="no MCP3008 answers there"):
        await driver.open(world.config, {})
    assert world.spi.closed
    assert world.pwm.high_share == 1.0


async def test_safe_is_a_steady_pilot_whoever_made_the_pulse(world: World) -> None:
    pilot = await driver.open(world.config, {})
    pilot.offer(32.0)
    pilot._ending.set()  # killed: nobody withdraws anything
    assert world.pwm.high_share < 1.0
    assert "steady" in await driver.make_safe(world.config, {})
    assert world.pwm.high_share == 1.0


TABLE: dict[str, Any] = {
    "driver": "iec61851", "pilot_channel": 0, "scale": SCALE, "offset_v": OFFSET_V, "pwm_chip": "/sys/class/pwm/pwmchip0",
}  # fmt: skip


def test_a_table_becomes_a_config_with_its_levels() -> None:
    found = config_of("pilot", {**TABLE, "levels": {"c_v": 6.2}, "filter": {"leave_bursts": 1}}).config
    assert isinstance(found, Config)
    assert (found.levels.c_v, found.levels.b_v, found.filter.leave_bursts) == (6.2, 9.0, 1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"scale": 3.0}, r"-15\.2 to -5\.3 V of the pilot, and must see -13 to 13 V"),
        ({"proximity_channel": 0}, "the same input of the ADC"),
        ({"pwm_chip": "pwmchip0"}, "pwm_chip"),
        ({"pilot_channel": 8}, "pilot_channel"),
        ({"levels": {"b_v": 12.0}}, "twice tolerance_v"),
        ({"filter": {"leave_bursts": 9}}, "leave_bursts"),
        ({"chanel": 1}, "pilot_channel|chanel"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        config_of("pilot", {**TABLE, **changes})


def test_inputs_of_one_chip_are_claimed_one_by_one() -> None:
    assert claims(config(proximity_channel=1)) == ("SPI0.0 input 0", "SPI0.0 input 1", "PWM0.0")
    assert claims(config(spi_device=1, pwm_chip="/sys/class/pwm/pwmchip2", pwm_channel=3)) == ("SPI0.1 input 0", "PWM2.3")
    assert claims(config(pwm_pin=18)) == ("SPI0.0 input 0", "PWM0.0", "GPIO18")


def test_a_pilot_without_proximity_is_remarked_on() -> None:
    assert remarks(config(proximity_channel=1, pwm_pin=18)) == []
    assert "tethered" in remarks(config(pwm_pin=18))[0]


def test_a_pwm_whose_pin_is_not_said_is_remarked_on() -> None:
    assert "would not be noticed" in remarks(config(proximity_channel=1))[0]
