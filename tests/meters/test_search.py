"""Meters are found on a line: who answers, with which settings, and which map is theirs."""

from typing import Any

import pytest

from chargepoint.ports import DriverError
from drivers.meters import search
from drivers.meters.search import Found, Setting, search_host, search_port, settings_to_try
from hil.modbus_slave import Read, RtuSlave, TcpSlave
from tests.meters.rig import Registers
from tests.meters.vectors import SDM630, VECTORS


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TIMEOUT_S", 0.03)
    monkeypatch.setattr(search, "LATENCY_S", 0.02)
    monkeypatch.setattr(search, "UNITS_FIRST", (1, 2))
    monkeypatch.setattr(search, "UNITS_MORE", (1, 2, 5))


async def found_by(read: Read) -> tuple[list[Found], list[str]]:
    told: list[str] = []
    async with RtuSlave(read) as slave:
        found = [one async for one in search_port(slave.port, told.append, units=(1, 2))]
    return found, told


async def test_a_meter_that_names_its_model_is_known_for_certain() -> None:
    registers = Registers(1, 4, SDM630)

    def read(unit: int, function: int, address: int, count: int) -> Any:
        if (unit, function, address) == (1, 3, 0xFC02):
            return [0x0070]
        return registers(unit, function, address, count)

    (found,), told = await found_by(read)
    assert (found.unit_id, found.maps, found.sure, found.setting) == (1, ("sdm630",), True, Setting(9_600, "N", 1))
    assert found.reading is not None
    assert told[0].endswith("9600 8N1")


@pytest.mark.parametrize("name", ["cg_em340", "schneider_iem3155"])
async def test_a_meter_without_a_name_is_known_by_what_makes_sense(name: str) -> None:
    function, words, _ = VECTORS[name]
    (found,), _ = await found_by(Registers(2, function, words))
    assert (found.unit_id, found.sure) == (2, False)
    assert name in found.maps


async def test_several_meters_are_found_once_one_has_answered() -> None:
    one, two = Registers(2, 4, SDM630), Registers(5, 4, SDM630)

    def read(unit: int, function: int, address: int, count: int) -> Any:
        return (one if unit == 2 else two)(unit, function, address, count)

    found, _ = await found_by(read)
    assert [one.unit_id for one in found] == [2, 5]


async def test_something_that_is_no_meter_is_found_without_a_map() -> None:
    (found,), _ = await found_by(lambda unit, function, address, count: 2 if unit == 1 else None)
    assert (found.maps, found.sure, found.reading) == ((), False, None)


async def test_a_silent_line_ends_after_every_setting() -> None:
    found, told = await found_by(lambda unit, function, address, count: None)
    assert found == []
    assert len(told) == len(settings_to_try())


async def test_a_port_that_cannot_be_opened_is_told_and_the_others_are_searched() -> None:
    async with RtuSlave(Registers(1, 4, SDM630)) as slave:
        found, trouble = await search.search(["/dev/ttyNONE", slave.port], lambda _: None)
    assert [one.line for one in found] == [slave.port]
    assert "there is no such port" in trouble[0]


async def test_a_search_ends_in_time_with_what_it_has() -> None:
    async with RtuSlave(lambda *_: None) as slave:
        found, trouble = await search.search([slave.port], lambda _: None, limit_s=0.1)
    assert found == []
    assert "was ended after 0.1 s" in trouble[0]


async def test_a_meter_on_the_network() -> None:
    async with TcpSlave(Registers(1, 4, SDM630)) as slave:
        (found,) = [one async for one in search_host(slave.host, slave.port, lambda _: None)]
    assert (found.line, found.setting) == (f"{slave.host}:{slave.port}", None)
    with pytest.raises(DriverError, match="no connection"):
        [one async for one in search_host("127.0.0.1", 9, lambda _: None)]


def test_what_meters_have_from_the_factory_is_tried_the_commonest_first() -> None:
    tried = settings_to_try()
    assert tried[0] == Setting(9_600, "N", 1)
    assert {Setting(2_400, "N", 1), Setting(38_400, "N", 1), Setting(115_200, "N", 2)} <= set(tried)
    assert len(set(tried)) == len(tried) <= 12
