"""Every map that ships, as data: complete, free of nonsense, and fetched by requests within the meter's limits."""

from itertools import pairwise
from pathlib import Path

import pytest

from chargepoint.facts import Quantity
from chargepoint.registry import config_of
from chargepoint.tables import SettingsError
from drivers import meters, modbus_meter, modbus_rtu
from drivers.meters.plan import blocks_of, finer, items_of
from tests.meters import page

NAMES = meters.names()


def test_all_24_maps_ship() -> None:
    assert len(NAMES) == 24
    assert sum(meters.load(name).verified for name in NAMES) == 15


@pytest.mark.parametrize("name", NAMES)
def test_a_map_makes_sense(name: str) -> None:
    meter_map = meters.load(name)
    assert meter_map.name == name
    assert {Quantity.POWER, Quantity.CURRENT, Quantity.VOLTAGE, Quantity.ENERGY_IMPORT} <= set(meter_map.quantities) or (
        name == "sdm72d_m"
    ), "totals only"
    assert (Quantity.POWER_PHASES in meter_map.quantities) <= (meter_map.phases == 3)
    for quantity, register in meter_map.quantities.items():
        assert register.scale > 0
        if quantity in (Quantity.CURRENT, Quantity.VOLTAGE):
            assert isinstance(register.at, tuple)
            assert len(register.at) == meter_map.phases
    if meter_map.verified:
        assert not meter_map.quantities[Quantity.ENERGY_IMPORT].single_source
        assert len(meter_map.sources) >= 2
    else:
        assert meter_map.why_unverified.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_no_two_quantities_share_a_register(name: str) -> None:
    ordered = sorted(items_of(meters.load(name)), key=lambda item: (item.function, item.address))
    for one, other in pairwise(ordered):
        assert one.function != other.function or one.end <= other.address, f"{one} and {other} overlap"
    assert all(item.end <= 65_536 for item in ordered)


@pytest.mark.parametrize("name", NAMES)
def test_the_requests_fetch_everything_within_the_limits(name: str) -> None:
    meter_map = meters.load(name)
    items = items_of(meter_map)
    blocks = blocks_of(items, meter_map.max_read_registers, meter_map.gap_registers)
    assert sorted(map(repr, (item for block in blocks for item in block.items))) == sorted(map(repr, items))
    for block in blocks:
        assert 1 <= block.count <= meter_map.max_read_registers
        asked = range(block.address, block.address + block.count)
        used = {register for item in block.items for register in range(item.address, item.end)}
        assert used <= set(asked)
        unused = "".join("." if register in used else "x" for register in asked)
        assert max(map(len, unused.split("."))) <= meter_map.gap_registers
        assert all(item.function == block.function for item in block.items)
        parts = finer(block)
        assert not parts or [item for part in parts for item in part.items] == list(block.items)
        assert len(parts) != 1


def test_an_unknown_map_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'no map "SDM63"\. The nearest are: sdm630'):
        meters.load("SDM63")
    with pytest.raises(ValueError, match="There are: abb_b21, abb_b23"):
        meters.load("?")


OWN_MAP = """
manufacturer = "Own"
model = "One"
phases = 1
transport = "rtu"
verified = false
why_unverified = "Nobody else knows it."
sources = ["the manual"]
word_order = "msw_first"
max_read_registers = 10
function = 3
type = "uint32"
[quantities]
energy_import = { at = 100 }
"""


def test_an_own_map_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN_MAP)
    assert meters.load(str(path)).quantities[Quantity.ENERGY_IMPORT].at == 100
    with pytest.raises(ValueError, match="cannot be read"):
        meters.load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("at = 100", "at = 70000", r"<= 65535.*quantities"),
        ("at = 100", "at = [100]", "one address expected"),
        ("at = 100", 'at = 100, kind = "x"', "unknown field `kind`"),
        ("at = 100", 'at = 100, type = "uint24"', "Invalid enum value 'uint24'"),
        ("energy_import", "energy_imports", "Invalid enum value 'energy_imports'"),
        ("energy_import = { at = 100 }", "power = { at = 1 }", "energy_import is missing"),
        ("verified = false", "verified = true", "why_unverified"),
        ("phases = 1", "phases = 2", "phases"),
        ("[quantities]", "[quantities", "Expected"),
    ],
)
def test_a_map_with_a_mistake_is_refused_with_its_place(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN_MAP.replace(old, new, 1))
    with pytest.raises(ValueError, match=complaint) as error:
        meters.load(str(path))
    assert str(path) in str(error.value)


def test_check_config_hears_of_maps_that_are_not_verified() -> None:
    (remark,) = modbus_meter.remarks(modbus_meter.Config(bus="meters", map="cg_em24_rs485"))
    assert "cg_em24_rs485" in remark
    assert "not verified: The sources read the import total at different addresses" in remark
    assert modbus_meter.remarks(modbus_meter.Config(bus="meters", map="sdm630")) == []


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"map": "sdm63"}, "The nearest are: sdm630"),
        ({"map": "inepro_pro380"}, "unit_id is missing"),
        ({"map": "orno_we514", "reversed": True}, "needs an export register"),
        ({"map": "sdm630", "unit_id": 248}, "unit_id"),
        ({"map": "sdm630", "unit": 1}, "unit_id"),
    ],
)
def test_a_meter_that_cannot_be_is_found_before_it_is_opened(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        config_of("meter", {"driver": "modbus_meter", "bus": "meters", **table})


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"driver": "modbus_rtu"}, "port"),
        ({"driver": "modbus_rtu", "port": "/dev/ttyUSB0", "parity": "X"}, "parity"),
        ({"driver": "modbus_rtu", "port": "/dev/ttyUSB0", "baud": 9}, "baud"),
        ({"driver": "modbus_tcp", "host": "meter", "port": 70_000}, "port"),
        ({"driver": "modbus_tcp"}, "host"),
    ],
)
def test_a_bus_that_cannot_be_is_found_before_it_is_opened(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        config_of("bus", table)


def test_the_page_of_meters_is_up_to_date() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_tables(text) == text, "run: python -m tests.meters.page"


def test_a_port_without_its_path_is_worth_a_remark() -> None:
    (remark,) = modbus_rtu.remarks(modbus_rtu.Config(port="ttyUSB0"))
    assert "port ttyUSB0 is no path of a device: take one as /dev/ttyUSB0" in remark
    assert modbus_rtu.remarks(modbus_rtu.Config(port="/dev/ttyUSB0")) == []
