"""Whole meters: what must come of the registers in the makers' tables (`vectors`), and of nonsense in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chargepoint.facts import NO_PHASES, Quantity
from chargepoint.ports import DriverError
from drivers import modbus_meter, modbus_tcp
from drivers.modbus.bus import Bus, NoAnswer
from drivers.modbus_meter import Config, ModbusMeter
from hil.modbus_slave import TcpSlave
from tests.meters.rig import Registers
from tests.meters.vectors import DVH4013, SDM630, VECTORS


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


async def test_an_energy_that_no_car_can_have_drawn_is_not_believed() -> None:
    """A damaged frame whose checksum fits by chance: what is believed once too high is billed for good."""
    registers = Registers(1, 4, SDM630)
    async with bus_of(registers) as (bus, _):
        meter = await modbus_meter.open(Config(bus="meters", map="sdm630"), {"meters": bus})
        before = (await meter.read()).energy_import_wh
        registers.set(72, "4740 E5CC")  # four times as much
        with pytest.raises(DriverError, match="jumped from 12345200 Wh to 493"):
            await meter.read()
        registers.set(72, SDM630[72])
        assert (await meter.read()).energy_import_wh == before


async def test_a_difference_with_a_refused_half_is_no_number() -> None:
    """A DVH4013 that does not tell what it exports: its imported power alone would be told as if nothing went back."""
    words = {address: text for address, text in DVH4013.items() if address != 0} | {2: DVH4013[0][10:]}
    async with meter_of(Registers(1, 3, words), "dzg_dvh4013") as meter:
        assert Quantity.POWER not in meter.quantities
        reading = await meter.read()
    assert (reading.power_w, reading.energy_import_wh) == (None, 123_456.0)
