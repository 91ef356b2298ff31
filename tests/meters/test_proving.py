"""Is this the meter that is meant? Registers at other people's addresses, serial numbers, models, word orders."""

from typing import Any

import pytest

from chargepoint.facts import Quantity
from chargepoint.ports import DriverError
from chargepoint.registry import config_of
from chargepoint.tables import SettingsError
from drivers import meters, modbus_meter
from drivers.modbus_meter import Config
from tests.meters.rig import Registers
from tests.meters.source_vectors import EM24_E1, PAC2200, SDM120, SOURCE_VECTORS, WM3M4C
from tests.meters.test_readings import bus_of, meter_of
from tests.meters.vectors import B23, SDM630, VECTORS


@pytest.mark.parametrize("map", SOURCE_VECTORS)
async def test_a_map_agrees_with_another_program(map: str) -> None:
    function, words, reading = SOURCE_VECTORS[map]
    async with meter_of(Registers(7, function, words), map) as meter:
        assert await meter.read() == reading
        assert meter.quantities == frozenset(meters.load(map).quantities), "nothing of the map is left out"


def test_every_map_has_registers_that_were_not_made_from_it() -> None:
    assert sorted([*VECTORS, *SOURCE_VECTORS]) == list(meters.names())


async def open_error(registers: Registers, **settings: Any) -> str:
    async with bus_of(registers) as (bus, _):
        with pytest.raises(DriverError) as error:
            await modbus_meter.open(Config(bus="meters", unit_id=registers.unit, **settings), {"meters": bus})
    return str(error.value)


def exchanged(words: dict[int, str], width: int = 2) -> dict[int, str]:
    """The same meter with the words of every number the other way round."""
    turned = {}
    for address, text in words.items():
        parts = text.split()
        groups = [parts[start : start + width] for start in range(0, len(parts), width)]
        turned[address] = " ".join(word for group in groups for word in reversed(group))
    return turned


@pytest.mark.parametrize(
    ("map", "function", "words"),
    [
        ("sdm630", 4, SDM630),
        ("sdm120", 4, SDM120),
        ("cg_em340", 4, EM24_E1),
        ("siemens_pac2200", 3, PAC2200),
        ("abb_b23", 3, B23),
    ],
)
async def test_words_in_the_other_order_never_become_a_reading(map: str, function: int, words: dict[int, str]) -> None:
    said = await open_error(Registers(1, function, exchanged(words)), map=map, verify_model=False)
    assert "makes sense only with the registers the other way round (230" in said
    assert f"another model than {map}, or its word order is a setting" in said


async def test_a_meter_without_voltage_is_not_judged_by_its_words() -> None:
    words = {**SDM630, 0: "0000 0000 0000 0000 0000 0000", 70: "0000 0000"}
    async with meter_of(Registers(1, 4, words), "sdm630") as meter:
        assert (await meter.read()).voltage_v == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("text", ["0000 4640", "E4CD 4640", "0000 3F80", "8000 0001", "FFFF FFFF"])
async def test_an_energy_with_exchanged_words_is_no_reading(text: str) -> None:
    registers = Registers(1, 4, SDM630)
    async with meter_of(registers, "sdm630") as meter:
        registers.set(72, text)
        with pytest.raises(DriverError, match="energy register holds no valid number"):
            await meter.read()


class WithSerial(Registers):
    """A meter that has its serial number beside its registers, under another function."""

    place: tuple[int, int, int] = (3, 0xFC00, 2)
    serial = "0165 EC15"  # 23456789

    def __call__(self, unit: int, function: int, address: int, count: int) -> Any:
        if unit == self.unit and (function, address, count) == self.place:
            return [int(word, 16) for word in self.serial.split()]
        return super().__call__(unit, function, address, count)


@pytest.mark.parametrize("expected", ["23456789", "0023456789", " 23456789 "])
async def test_the_meter_that_is_meant_is_taken(expected: str) -> None:
    async with meter_of(WithSerial(1, 4, SDM630), "sdm630", serial_number=expected) as meter:
        assert (await meter.read()).power_w == 11_040.0


async def test_the_meter_of_another_connector_is_refused() -> None:
    """Two meters with their unit ids exchanged: each connector would be billed for the other."""
    said = await open_error(WithSerial(1, 4, SDM630), map="sdm630", serial_number="23456790")
    assert 'has the serial number "23456789", the configuration expects "23456790"' in said
    assert "Are two meters exchanged" in said


async def test_a_serial_number_of_letters() -> None:
    registers = WithSerial(33, 4, WM3M4C)
    registers.place, registers.serial = (4, 9, 4), "4142 3132 3334 0000"
    async with meter_of(registers, "iskra_wm3m4c", serial_number="ab1234") as meter:
        assert Quantity.TEMPERATURE in meter.quantities
    said = await open_error(registers, map="iskra_wm3m4c", serial_number="AB1235")
    assert 'has the serial number "AB1234"' in said


async def test_a_meter_that_tells_no_serial_number_is_said_to() -> None:
    said = await open_error(Registers(1, 4, SDM630), map="sdm630", serial_number="1")
    assert "tells no serial number" in said
    assert "leave serial_number out" in said


def test_a_serial_number_that_cannot_be_checked_is_found_before_the_meter_is_opened() -> None:
    table = {"driver": "modbus_meter", "bus": "meters", "map": "cg_em340", "serial_number": "1"}
    with pytest.raises(SettingsError, match="knows no register for it; leave it out"):
        config_of("meter", table)


@pytest.mark.parametrize(
    ("map", "place", "word", "words", "advice"),
    [
        ("abb_b23", (3, 0x8961, 1), "3120", B23, "Use map abb_b21."),
        ("iskra_wm3m4c", (4, 1, 1), "4945", WM3M4C, "Use map iskra_ie38."),
        ("iskra_ie38", (4, 1, 1), "5858", WM3M4C, "Look at the meter's label"),
    ],
)
async def test_a_sibling_is_refused_with_the_map_that_fits(
    map: str, place: tuple[int, int, int], word: str, words: dict[int, str], advice: str
) -> None:
    registers = WithSerial(1, place[0], words)
    registers.place, registers.serial = place, word
    said = await open_error(registers, map=map)
    assert f"the meter says model 0x{word}" in said
    assert advice in said
