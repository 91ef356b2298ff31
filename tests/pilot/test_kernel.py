"""The driver in a process of its own, on the real spidev module and the emulated kernel (layer C)."""

import errno
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.chips.mcp3008 import Mcp3008
from hil.chips.pilot_circuit import FrontEnd, PilotCar, PilotCircuit, PwmFolder
from hil.kernel import Kernel, missing
from hil.kernel.child import Child
from tests.pilot.rig import OFFSET_V, SCALE

pytestmark = pytest.mark.skipif(bool(missing("spidev")), reason=f"layer C: {missing('spidev')}")

PROGRAM = """
import asyncio, json, sys, time
from chargepoint.ports import DriverError
from chargepoint.registry import config_of

async def main():
    module, config = config_of("pilot", json.loads(TABLE))
    try:
        pilot = await module.open(config, {})
        async for fact in pilot.states():
            print(fact.state, fact.cable_a, fact.diode_ok, time.monotonic(), flush=True)
            if fact.state == "B":
                pilot.offer(16.0)
    except DriverError as error:
        print(f"lost: {error}", flush=True)

asyncio.run(main())
"""


class World:
    def __init__(self, folder: Path) -> None:
        self.kernel = Kernel()
        self.pwm = PwmFolder(folder / "pwmchip0")
        self.circuit = PilotCircuit(high_share=lambda: self.pwm.high_share)
        self.front_end = FrontEnd(circuit=self.circuit, scale=SCALE, offset_v=OFFSET_V)
        self.chip = Mcp3008(self.front_end.volts, 3.3)
        self.kernel.spi(0, 1, self.chip)

    def driver(self) -> Child:
        table = {
            "driver": "iec61851", "spi_device": 1, "pilot_channel": 0, "proximity_channel": 1, "scale": SCALE,
            "offset_v": OFFSET_V, "pwm_chip": str(self.pwm.chip),
        }  # fmt: skip
        return Child(self.kernel, f"TABLE = {json.dumps(table)!r}\n{PROGRAM}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with made.kernel:
        yield made


def hears(child: Child, *words: str) -> float:
    """Listens until the process tells a fact that begins so; when it was told, on the clock of both."""
    while True:
        line = child.line().split()
        if line[: len(words)] == list(words):
            return float(line[-1])


def test_a_car_on_real_spidev(world: World) -> None:
    with world.driver() as child:
        hears(child, "A", "None")
        world.front_end.proximity_ohm, world.circuit.car = 680.0, PilotCar()
        hears(child, "B", "20.0", "True")
        world.circuit.car.ready = True
        hears(child, "C", "20.0", "True")
        assert world.pwm.number("duty_cycle") == 266_666
        at_s = time.monotonic()
        world.circuit.car = None
        late_s = hears(child, "A", "20.0") - at_s
        child.kill()
    assert late_s < 1.0, "a busy machine; test_look.py holds the driver's own time"
    assert world.pwm.high_share == pytest.approx(0.266666), "after a kill the pulse stays: safe-state withdraws it"


@pytest.mark.parametrize(
    ("error", "words"),
    [(errno.ENOENT, "there is no such port. Enable SPI"), (errno.EACCES, "Add the service's user to the group")],
)
def test_a_port_that_cannot_be_opened_is_told(world: World, error: int, words: str) -> None:
    world.kernel.refuse("/dev/spidev0.1", error)
    with world.driver() as child:
        line = child.line()
    assert line.startswith("lost: /dev/spidev0.1: ")
    assert words in line


def test_a_socket_without_a_chip_is_told(world: World) -> None:
    world.chip.present = False
    with world.driver() as child:
        assert "no MCP3008 answers there" in child.line()
