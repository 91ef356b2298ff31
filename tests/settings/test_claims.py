"""Two parts that want one resource are named, both of them, before anything is opened."""

import json
import os
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chargepoint.claims import Claim, Clash, clashes, spi_remarks
from chargepoint.registry import check_file
from tests.settings.documents import broken, toml
from tests.settings.test_registry import driver_module


def claims(*resources: str) -> list[Claim]:
    return [Claim(f"part{number}", resource) for number, resource in enumerate(resources, 1)]


@pytest.mark.parametrize(
    ("resources", "both"),
    [
        (("GPIO17", "GPIO18"), []),
        (("GPIO17", "GPIO17"), ["GPIO17"]),
        (("GPIO1", "GPIO17"), []),
        (("GPIO17 (shared)", "GPIO17 (shared)"), []),
        (("GPIO17 (shared)", "GPIO17"), ["GPIO17"]),
        (("GPIO17", "GPIO17 (shared)"), ["GPIO17"]),
        (("SPI0.0", "SPI0.0 input 3"), ["SPI0.0"]),
        (("SPI0.0 input 2", "SPI0.0 input 3"), []),
        (("SPI0.0 input 3", "SPI0.0 input 3"), ["SPI0.0 input 3"]),
        (("/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB0", "/dev/ttyUSB0"), ["/dev/ttyUSB0", "/dev/ttyUSB0"]),
    ],
)
def test_claims_clash_over_the_same_thing_and_over_the_whole_and_a_piece(resources: tuple[str, ...], both: list[str]) -> None:
    assert [clash.both for clash in clashes(claims(*resources))] == both


def test_a_serial_port_is_one_by_whatever_link_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"/dev/serial0": "/dev/ttyAMA0"}
    monkeypatch.setattr(os.path, "realpath", lambda path, **_: links.get(path, path))
    first, second = claims("/dev/ttyAMA0", "/dev/serial0")
    assert clashes([first, second]) == [Clash(first, second, "/dev/ttyAMA0 (/dev/serial0)")]
    assert [clash.both for clash in clashes(claims("/dev/serial0", "/dev/serial0"))] == ["/dev/ttyAMA0"]
    assert [clash.both for clash in clashes(claims("/dev/serial0 input 1", "/dev/ttyAMA0"))] == ["/dev/ttyAMA0 (/dev/serial0)"]
    assert clashes(claims("/dev/serial0", "/dev/ttyUSB0")) == []


@pytest.mark.parametrize(
    ("resources", "both"),
    [
        (("GPIO10", "SPI0.0"), "GPIO10 (data out of SPI0)"),
        (("SPI0.1 input 3", "GPIO9 (shared)"), "GPIO9 (data in of SPI0)"),
        (("GPIO11", "SPI0.1 input 0"), "GPIO11 (clock of SPI0)"),
        (("GPIO8", "SPI0.0"), "GPIO8 (chip select 0 of SPI0)"),
        (("SPI0.1 input 2", "GPIO7"), "GPIO7 (chip select 1 of SPI0)"),
    ],
)
def test_a_pin_of_spi_is_claimed_with_the_device_that_needs_it(resources: tuple[str, str], both: str) -> None:
    assert [clash.both for clash in clashes(claims(*resources))] == [both]
    assert spi_remarks(claims(*resources)) == []


@pytest.mark.parametrize("resources", [("GPIO10", "SPI1.0"), ("GPIO7", "SPI0.0"), ("GPIO8", "SPI0.1"), ("GPIO12", "SPI0.0")])
def test_a_pin_that_no_device_of_spi_needs_clashes_with_none(resources: tuple[str, str]) -> None:
    assert clashes(claims(*resources)) == []


def test_a_part_that_holds_more_of_a_bus_is_named_once_for_a_pin_of_it() -> None:
    strip = [Claim("lamp", f"SPI0.{select}") for select in range(3)]
    assert clashes([*strip, Claim("lock", "GPIO10")]) == [Clash(strip[0], Claim("lock", "GPIO10"), "GPIO10 (data out of SPI0)")]
    assert len(clashes([Claim("lock", "GPIO10"), *strip])) == 1


def test_a_chip_select_that_is_not_used_is_worth_a_remark_only_where_spi_is() -> None:
    assert spi_remarks(claims("GPIO8", "GPIO17")) == []
    assert spi_remarks(claims("GPIO8", "SPI0.1 input 0", "GPIO17")) == [
        "[part1] GPIO8 is chip select 0 of SPI0, which [part2] uses: take another pin."
    ]
    (freed,) = spi_remarks(claims("GPIO7", "SPI0.0"))
    assert "spi0-1cs" in freed


@pytest.fixture
def pin_lock(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A foreign lock driver that claims its pin."""
    module = driver_module("pin_lock")
    monkeypatch.setitem(sys.modules, "pin_lock", module)
    points = metadata.EntryPoints([metadata.EntryPoint(name="acme", value="pin_lock", group="chargepoint.drivers.lock")])

    def entry_points(*, group: str, name: str | None = None) -> metadata.EntryPoints:
        return points.select(group=group) if name is None else points.select(group=group, name=name)

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return module


def two_locks(path: Path, pins: tuple[int, int]) -> Path:
    def change(document: dict[str, Any]) -> None:
        for number, pin in zip("12", pins, strict=True):
            document["connectors"][number]["lock"] = {"driver": "acme", "pin": pin}

    path.write_text(toml(broken(change)))
    return path


@pytest.mark.usefixtures("pin_lock")
def test_two_parts_on_one_pin_are_a_problem_that_names_both_sections_and_the_pin(tmp_path: Path) -> None:
    path = two_locks(tmp_path / "station.toml", (17, 17))
    (problem,) = check_file(path).problems
    assert problem.section == "connectors.2.lock"
    assert "GPIO17" in str(problem)
    assert "[connectors.1.lock]" in str(problem)
    assert check_file(two_locks(path, (17, 18))).problems == ()


@pytest.mark.usefixtures("pin_lock")
def test_a_station_that_starts_opens_neither_of_two_parts_on_one_pin_and_the_rest(tmp_path: Path) -> None:
    checked = check_file(two_locks(tmp_path / "station.toml", (17, 17)), starting=True)
    assert checked.settings is not None
    assert checked.refused == {
        "connectors.1.lock": "GPIO17 is claimed by [connectors.2.lock] too: give one of them another",
        "connectors.2.lock": "GPIO17 is claimed by [connectors.1.lock] too: give one of them another",
    }
    assert check_file(two_locks(tmp_path / "station.toml", (17, 18)), starting=True).refused == {}


def test_a_contactor_on_a_pin_of_the_card_readers_bus_is_a_problem_and_neither_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"

    def change(document: dict[str, Any]) -> None:
        document["connectors"]["2"]["contactor"] = {"driver": "gpio", "pin": 10}
        document["readers"] = {"1": {"driver": "mfrc522", "device": "/dev/spidev0.0"}}

    path.write_text(toml(broken(change)))
    (problem,) = check_file(path).problems
    assert (problem.section, problem.found) == ("readers.1", "GPIO10 (data out of SPI0)")
    assert "[connectors.2.contactor] has it already" in str(problem)
    assert set(check_file(path, starting=True).refused) == {"connectors.2.contactor", "readers.1"}


def test_a_station_that_starts_goes_without_a_part_whose_table_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    relay = {"driver": "gpio", "pin": 99}
    path.write_text(toml(broken(lambda document: document["connectors"]["2"].update(contactor=relay))))
    assert check_file(path).settings is None
    checked = check_file(path, starting=True)
    assert checked.settings is not None
    assert checked.problems == ()
    assert list(checked.refused) == ["connectors.2.contactor"]
    assert "pin: found 99" in checked.refused["connectors.2.contactor"]


def test_a_driver_that_cannot_tell_its_claims_is_told_and_stops_nothing(pin_lock: ModuleType, tmp_path: Path) -> None:
    def claims_of(config: object) -> tuple[str, ...]:
        raise LookupError("no such board")

    pin_lock.__dict__["claims"] = claims_of
    checked = check_file(two_locks(tmp_path / "station.toml", (17, 17)))
    assert checked.problems == ()
    assert "[connectors.1.lock] its driver could not tell its claims: LookupError: no such board" in checked.remarks


def test_two_buses_on_one_port_are_a_problem(tmp_path: Path) -> None:
    bus = {"driver": "modbus_rtu", "port": "/dev/ttyUSB0"}
    path = tmp_path / "station.toml"
    path.write_text(toml(broken(lambda d: d.update(buses={"meters": bus, "more": bus}))))
    (problem,) = check_file(path).problems
    assert (problem.section, problem.found) == ("buses.more", "/dev/ttyUSB0")
    assert json.dumps(str(problem)).count("buses.") == 2
