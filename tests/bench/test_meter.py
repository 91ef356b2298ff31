"""The bench's meters as a Modbus master sees them: registers of the SDM630 over TCP and RTU, and silence."""

import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient
from hil.bench.meter import ILLEGAL_ADDRESS, registers
from hil.bench.world import World
from tests.bench.test_world import charging, run


def values(words: Any, *addresses: int) -> list[float]:
    return [struct.unpack(">f", struct.pack(">HH", words[at], words[at + 1]))[0] for at in addresses]


def bus_of(bench: Bench) -> dict[str, Any]:
    bus: dict[str, Any] = tomllib.loads(bench.config.read_text())["buses"]["meters"]
    return bus


def test_every_register_of_a_charging_connector() -> None:
    world = charging(World(2), phases=2)
    run(world, 3600.0)
    words = registers(world, lambda: None)(1, 4, 0, 80)
    assert values(words, 0, 2, 4) == [230.0] * 3
    assert values(words, 6, 8, 10) == [16.0, 16.0, 0.0]
    assert values(words, 12, 14, 16) == [3680.0, 3680.0, 0.0]
    assert values(words, 52, 62, 70) == [7360.0, 1.0, 50.0]
    assert values(words, 72, 74) == pytest.approx([19.705, 0.0])
    assert values(registers(world, lambda: None)(1, 4, 342, 2), 0) == pytest.approx([19.705])


def test_serial_number_and_meter_code_are_holding_registers() -> None:
    read = registers(World(2), lambda: None)
    assert read(2, 3, 0xFC00, 3) == [*struct.unpack(">HH", struct.pack(">I", 63_000_002)), 0x0070]


@pytest.mark.parametrize(("function", "address", "count"), [(4, 381, 2), (4, 60_000, 2), (3, 0, 2), (3, 0xFC02, 2)])
def test_what_is_no_register_is_an_illegal_address(function: int, address: int, count: int) -> None:
    assert registers(World(1), lambda: None)(1, function, address, count) == ILLEGAL_ADDRESS


def test_a_lost_meter_and_a_unit_without_connector_are_silent() -> None:
    world = World(1)
    read = registers(world, lambda: None)
    assert read(2, 4, 0, 2) is None
    world.meter(1, energy_wh=None, voltage_v=None, online=False)
    assert read(1, 4, 0, 2) is None
    world.meter(1, energy_wh=None, voltage_v=None, online=True)
    assert read(1, 4, 0, 2) is not None


async def test_the_register_over_tcp_is_the_energy_of_the_state(bench: Bench, client: BenchClient) -> None:
    bus = bus_of(bench)
    async with AsyncModbusTcpClient(bus["host"], port=bus["port"], timeout=2, retries=0) as master:
        for energy_wh in (0, 1, 12_345, 999_999.7, 7_654_321):
            await client.do("meter", connector=2, energy_wh=energy_wh)
            answer = await master.read_input_registers(72, count=2, device_id=2)
            state = await client.state()
            assert int(values(answer.registers, 0)[0] * 1000) == state["connectors"]["2"]["energy_wh"] == int(energy_wh)


async def test_a_silenced_meter_leaves_the_others_talking(bench: Bench, client: BenchClient) -> None:
    bus = bus_of(bench)
    await client.do("fault", connector=1, kind="meter_lost", active=True)
    async with AsyncModbusTcpClient(bus["host"], port=bus["port"], timeout=0.2, retries=0) as master:
        with pytest.raises(ModbusIOException):
            await master.read_input_registers(72, count=2, device_id=1)
        assert not (await master.read_input_registers(72, count=2, device_id=2)).isError()
    state = await client.state()
    assert [state["connectors"][n]["meter_online"] for n in ("1", "2")] == [False, True]


async def test_the_meters_over_rtu(directory: Path) -> None:
    async with running(Options(directory=directory, connectors=2, meter="rtu")) as bench:
        bus = bus_of(bench)
        assert bus == {"driver": "modbus_rtu", "port": bus["port"], "baud": 9600, "parity": "N", "stop_bits": 1}
        async with AsyncModbusSerialClient(bus["port"], baudrate=bus["baud"], timeout=2, retries=0) as master:
            answer = await master.read_input_registers(72, count=2, device_id=2)
            assert values(answer.registers, 0) == pytest.approx([24.69])
