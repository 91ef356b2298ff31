"""Whole meters: registers as they stand in the makers' tables, written out by hand, and the Reading that must come of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chargepoint.facts import NO_PHASES, Quantity, Reading
from chargepoint.ports import DriverError
from drivers import modbus_meter, modbus_tcp
from drivers.modbus.bus import Bus, NoAnswer
from drivers.modbus_meter import Config, ModbusMeter
from hil.modbus_slave import TcpSlave
from tests.meters.rig import Registers

SDM630 = {
    0: "4366 0000 4366 8000 4365 8000",  # 230.0 230.5 229.5 V
    6: "4180 0000 4181 0000 417F 0000",  # 16.0 16.125 15.9375 A
    12: "4566 0000 4567 0000 4565 0000",  # 3680 3696 3664 W
    52: "462C 8000",  # 11040 W
    54: "0000 0000 0000 0000 0000 0000 0000 0000",
    62: "3F7E 0000",  # 0.992
    64: "0000 0000 0000 0000 0000 0000",
    70: "4248 0000",  # 50.0 Hz
    72: "4640 E4CD",  # 12345.2 kWh
    74: "3F80 0000",  # 1 kWh
}
EM340 = {  # least significant word first
    0: "0900 0000 0901 0000 08FF 0000",  # 230.4 230.5 230.3 V
    12: "3E80 0000 0000 0000 FFFF FFFF",  # 16.000 0 -0.001 A
    18: "8FC0 0000 0000 0000 0000 0000",  # 3680.0 W
    40: "8FC0 0000",
    46: "03DE 0000 0000 03DE",  # 0.990
    51: "01F4",  # 50.0 Hz
    52: "D687 0012",  # 1234567 x 0.1 kWh
    78: "000A 0000",  # 1.0 kWh
}
B23 = {
    0x5000: "0000 0000 0001 E240 FFFF FFFF FFFF FFFF",  # 1234.56 kWh, export has no value
    0x5B00: "0000 08FC 0000 08FD 0000 08FB",  # 230.0 230.1 229.9 V
    0x5B0C: "0000 0640 FFFF FFFF 0000 0000",  # 16.00 A, none, 0
    0x5B14: "0005 9D80 0005 9D80 7FFF FFFF FFFF FF9C",  # 3680.00 W, L1 the same, L2 no value, L3 -1.00 W
    0x5B2C: "1388",  # 50.00 Hz
    0x5B3A: "7FFF",  # no power factor
}
IEM3155 = {
    2999: "4180 0000 4180 0000 4180 0000",
    3027: "4366 0000 4366 0000 4366 0000",
    3053: "406B 851F 0000 0000 FFC0 0000",  # 3.68 kW, 0, not there (NaN)
    3059: "406B 851F",
    3083: "3FA0 0000",  # 1.25: a quadrant code, no power factor
    3109: "4247 F5C3",  # 49.99 Hz
    45099: "42F6 E979 0000 0000",  # 123.456 kWh, 0
}
PRO380 = {
    0x5002: "4366 0000 4366 0000 4366 0000 4248 0000",
    0x500C: "4180 0000 0000 0000 0000 0000 406B 851F 406B 851F 0000 0000 0000 0000",
    0x502A: "3F80 0000",
    0x600C: "4145 851F",  # 12.345 kWh
    0x6018: "0000 0000",
}
WE516 = {
    0x000E: "4366 0000 4366 0000 4366 0000 4248 0000",
    0x0016: "4180 0000 4180 0000 4180 0000 4130 A3D7 406B 851F 406B 851F 406B 851F",
    0x0034: "3F7D 70A4",
    0x0108: "4145 851F",
    0x0110: "3F80 0000",
}
WE504 = {0: "08FC 00A0 01F4 0E60 0000 0E60 03DE 0001 E240"}
DVH4013 = {
    0: "0000 0000 0000 8FC0 0000 59D8 0000 59D8 0000 59D8 0000 3E80 0000 3E80 0000 3E80 0000 03E8 0000 C350",
    0x4000: "0001 E240",
    0x4100: "0000 0064",
}

VECTORS: dict[str, tuple[int, dict[int, str], Reading]] = {
    "sdm630": (
        4,
        SDM630,
        Reading(
            energy_import_wh=12_345_200.0,
            energy_export_wh=1_000.0,
            power_w=11_040.0,
            power_w_phases=(3_680.0, 3_696.0, 3_664.0),
            current_a=(16.0, 16.125, 15.938),
            voltage_v=(230.0, 230.5, 229.5),
            frequency_hz=50.0,
            power_factor=0.992,
        ),
    ),
    "cg_em340": (
        4,
        EM340,
        Reading(
            energy_import_wh=123_456_700.0,
            energy_export_wh=1_000.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, 0.0),
            current_a=(16.0, 0.0, 0.001),
            voltage_v=(230.4, 230.5, 230.3),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "abb_b23": (
        3,
        B23,
        Reading(
            energy_import_wh=1_234_560.0,
            energy_export_wh=None,
            power_w=3_680.0,
            power_w_phases=(3_680.0, None, -1.0),
            current_a=(16.0, None, 0.0),
            voltage_v=(230.0, 230.1, 229.9),
            frequency_hz=50.0,
            power_factor=None,
        ),
    ),
    "schneider_iem3155": (
        3,
        IEM3155,
        Reading(
            energy_import_wh=123_456.0,
            energy_export_wh=0.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, None),
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=49.99,
            power_factor=None,
        ),
    ),
    "inepro_pro380": (
        3,
        PRO380,
        Reading(
            energy_import_wh=12_345.0,
            energy_export_wh=0.0,
            power_w=3_680.0,
            power_w_phases=(3_680.0, 0.0, 0.0),
            current_a=(16.0, 0.0, 0.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=1.0,
        ),
    ),
    "orno_we516": (
        3,
        WE516,
        Reading(
            energy_import_wh=12_345.0,
            energy_export_wh=1_000.0,
            power_w=11_040.0,
            power_w_phases=(3_680.0, 3_680.0, 3_680.0),
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "orno_we504": (
        3,
        WE504,
        Reading(
            energy_import_wh=123_456.0,
            power_w=3_680.0,
            current_a=(16.0, None, None),
            voltage_v=(230.0, None, None),
            frequency_hz=50.0,
            power_factor=0.99,
        ),
    ),
    "dzg_dvh4013": (
        3,
        DVH4013,
        Reading(
            energy_import_wh=123_456.0,
            energy_export_wh=100.0,
            power_w=-3_680.0,
            current_a=(16.0, 16.0, 16.0),
            voltage_v=(230.0, 230.0, 230.0),
            frequency_hz=50.0,
            power_factor=1.0,
        ),
    ),
}


@asynccontextmanager
async def bus_of(registers: Registers) -> AsyncIterator[tuple[Bus, TcpSlave]]:
    async with TcpSlave(registers) as slave:
        bus = await modbus_tcp.open(modbus_tcp.Config(host=slave.host, port=slave.port, timeout_s=0.1))
        try:
            yield bus, slave
        finally:
            await bus.close()


@asynccontextmanager
async def meter_of(registers: Registers, map: str, **settings: Any) -> AsyncIterator[ModbusMeter]:
    async with bus_of(registers) as (bus, _):
        meter = await modbus_meter.open(Config(bus="meters", map=map, unit_id=registers.unit, **settings), {"meters": bus})
        yield meter
        await meter.close()


@pytest.mark.parametrize("map", VECTORS)
async def test_a_meter_reads_as_its_table_says(map: str) -> None:
    function, words, reading = VECTORS[map]
    async with meter_of(Registers(7, function, words), map) as meter:
        assert await meter.read() == reading
        assert Quantity.ENERGY_IMPORT in meter.quantities


async def test_the_meter_settles_on_requests_that_it_takes() -> None:
    """An SDM630 that refuses holes and has no power factor: finer requests, and one quantity less."""
    words = {address: text for address, text in SDM630.items() if address not in (54, 62, 64)}
    registers = Registers(1, 4, words)
    async with bus_of(registers) as (bus, slave):
        meter = await modbus_meter.open(Config(bus="meters", map="sdm630"), {"meters": bus})
        assert Quantity.POWER_FACTOR not in meter.quantities
        assert {Quantity.POWER, Quantity.FREQUENCY, Quantity.ENERGY_EXPORT} < meter.quantities
        slave.log.clear()
        reading = await meter.read()
        assert (reading.power_w, reading.power_factor, reading.energy_export_wh) == (11_040.0, None, 1_000.0)
        assert [(request.address, request.count) for request in slave.log] == [(0, 18), (52, 2), (70, 6)]


async def test_a_meter_without_the_energy_register_is_refused() -> None:
    words = {address: text for address, text in SDM630.items() if address < 70}
    async with bus_of(Registers(1, 4, words)) as (bus, _):
        with pytest.raises(DriverError, match="register of the imported energy is refused"):
            await modbus_meter.open(Config(bus="meters", map="sdm630"), {"meters": bus})


@pytest.mark.parametrize("text", ["7FC0 0000", "7F80 0000", "FF80 0000", "C145 851F", "7149 F2CA"])
async def test_an_energy_that_is_no_energy_is_no_reading(text: str) -> None:
    """NaN, both infinities, less than nothing, and more than any meter counts."""
    registers = Registers(1, 4, SDM630)
    async with meter_of(registers, "sdm630") as meter:
        registers.set(72, text)
        with pytest.raises(DriverError, match="energy register holds no valid number"):
            await meter.read()
        registers.set(72, SDM630[72])
        assert (await meter.read()).energy_import_wh == 12_345_200.0


async def test_a_nonsense_in_another_quantity_costs_that_quantity_only() -> None:
    registers = Registers(1, 4, SDM630)
    registers.set(0, "7FC0 0000 4700 0000")  # NaN, 32768 V
    registers.set(52, "7F80 0000")
    registers.set(70, "43FA 0000")  # 500: ten times too high
    async with meter_of(registers, "sdm630") as meter:
        reading = await meter.read()
    assert reading.voltage_v == (None, None, 229.5)
    assert reading.power_w is None
    assert reading.frequency_hz == 50.0
    assert reading.energy_import_wh == 12_345_200.0


async def test_a_reversed_meter_changes_import_and_export_and_the_sign() -> None:
    async with meter_of(Registers(1, 4, SDM630), "sdm630", reversed=True) as meter:
        reading = await meter.read()
    assert (reading.energy_import_wh, reading.energy_export_wh) == (1_000.0, 12_345_200.0)
    assert (reading.power_w, reading.power_w_phases) == (-11_040.0, (-3_680.0, -3_696.0, -3_664.0))
    assert reading.current_a == (16.0, 16.125, 15.938)


class WithCode(Registers):
    """An Eastron meter with its model code in holding register 0xFC02."""

    def __init__(self, code: int) -> None:
        super().__init__(1, 4, SDM630)
        self.code = code

    def __call__(self, unit: int, function: int, address: int, count: int) -> Any:
        if (function, address, count) == (3, 0xFC02, 1):
            return [self.code]
        return super().__call__(unit, function, address, count)


@pytest.mark.parametrize("code", [0x0070, 0x0079, 0x0000])
async def test_the_right_model_is_taken(code: int) -> None:
    async with meter_of(WithCode(code), "sdm630") as meter:
        assert (await meter.read()).power_w == 11_040.0


@pytest.mark.parametrize(("code", "advice"), [(0x0089, "Use map sdm72d_m_2."), (0x1234, "set verify_model = false")])
async def test_another_model_is_refused_with_the_map_that_fits(code: int, advice: str) -> None:
    async with bus_of(WithCode(code)) as (bus, _):
        with pytest.raises(DriverError, match=f"says model 0x{code:04X}") as error:
            await modbus_meter.open(Config(bus="meters", map="sdm630"), {"meters": bus})
        assert advice in str(error.value)
        meter = await modbus_meter.open(Config(bus="meters", map="sdm630", verify_model=False), {"meters": bus})
        assert (await meter.read()).power_w == 11_040.0


async def test_a_silent_meter_is_an_error_and_then_reads_again() -> None:
    registers = Registers(1, 4, SDM630)
    async with meter_of(registers, "sdm630") as meter:
        registers.online = False
        with pytest.raises(NoAnswer, match="unit 1, input registers 0 to 17"):
            await meter.read()
        registers.online = True
        assert (await meter.read()).power_w == 11_040.0
        assert (await meter.read()).voltage_v != NO_PHASES


async def test_a_closed_meter_says_so_and_leaves_the_bus() -> None:
    async with bus_of(Registers(1, 4, SDM630)) as (bus, _):
        first, second = [await modbus_meter.open(Config(bus="meters", map="sdm630"), {"meters": bus}) for _ in range(2)]
        await first.close()
        await first.close()
        with pytest.raises(DriverError, match="closed"):
            await first.read()
        assert (await second.read()).power_w == 11_040.0


async def test_a_bus_that_is_not_there_is_named() -> None:
    with pytest.raises(DriverError, match='bus "meters" is not open; there are: none'):
        await modbus_meter.open(Config(bus="meters", map="sdm630"), {})
    with pytest.raises(DriverError, match='bus "lights" is no Modbus bus'):
        await modbus_meter.open(Config(bus="lights", map="sdm630"), {"lights": object()})


async def test_an_energy_that_falls_is_believed_the_third_time(caplog: pytest.LogCaptureFixture) -> None:
    """Also where the driver is opened anew after each failure, as the station does."""
    registers = Registers(1, 4, SDM630)
    async with bus_of(registers) as (bus, _):
        config = Config(bus="meters", map="sdm630")
        meter = await modbus_meter.open(config, {"meters": bus})
        await meter.read()
        registers.set(72, "3F80 0000")  # 1 kWh
        for _ in range(2):
            with pytest.raises(DriverError, match="fell from 12345200 Wh to 1000 Wh"):
                await meter.read()
            await meter.close()
            meter = await modbus_meter.open(config, {"meters": bus})
        assert (await meter.read()).energy_import_wh == 1_000.0
        assert "replaced or reset meter" in caplog.text
