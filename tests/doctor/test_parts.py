"""The parts of a stopped station, on a bench: what works is told with its readings, and each fault with its fix."""

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chargepoint.doctor import examination
from chargepoint.doctor.finding import HARDWARE, Finding, Level, Part
from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient
from hil.modbus_slave import RtuSlave
from tests.doctor.subjects import asked, codes, looked, the, wells, written
from tests.meters.rig import Registers
from tests.meters.vectors import SDM630
from tests.shell.peers import raw_peer


class Somebody:
    """A person who says yes or no to everything, and lays a card on when told."""

    def __init__(self, bench: Bench, yes: bool = True, card: str = "04A2B3C4") -> None:
        self.bench, self.yes, self.card = bench, yes, card
        self.heard: list[str] = []

    async def confirm(self, question: str) -> bool:
        self.heard.append(question)
        return self.yes

    async def tell(self, text: str) -> None:
        self.heard.append(text)
        if self.card:
            async with BenchClient(self.bench.control) as client:
                await client.do("tap", id_tag=self.card, hold_s=0.5)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        async with running(Options(directory=Path(name), connectors=1)) as bench:
            yield bench


@pytest.fixture
def path(bench: Bench) -> Path:
    return bench.config


async def fault(bench: Bench, kind: str, connector: int = 1) -> None:
    async with BenchClient(bench.control) as client:
        await client.do("fault", connector=connector, kind=kind, active=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargepoint.doctor.parts.LIGHT_S", 0.01)


async def test_a_station_that_is_well_is_told_with_its_readings(bench: Bench, path: Path) -> None:
    findings = await looked(path, *HARDWARE)
    assert codes(findings) == []
    assert [finding.part for finding in findings] == list(HARDWARE)
    (meter,) = [finding for finding in findings if finding.part is Part.METER]
    assert meter.facts["serial number"] == "63000001"
    assert meter.facts["voltage"] == "230.0 230.0 230.0 V"
    assert wells(findings, Part.CONTACTOR) == ["is open; not closed for a test"]
    async with BenchClient(bench.control) as client:
        assert (await client.state())["connectors"]["1"]["contactor"] == "open"


async def test_with_somebody_there_card_lock_contactor_and_light_are_tried(bench: Bench, path: Path) -> None:
    person = Somebody(bench)
    findings = await looked(path, *HARDWARE, person=person)
    assert codes(findings) == []
    assert wells(findings, Part.READER) == ["read the card 04A2B3C4"]
    assert wells(findings, Part.LOCK) == ["locks and unlocks"]
    assert wells(findings, Part.CONTACTOR)[0].startswith("closes in ")
    assert wells(findings, Part.LIGHT) == ["was seen"]
    assert len(person.heard) == 4
    async with BenchClient(bench.control) as client:
        connector = (await client.state())["connectors"]["1"]
    assert (connector["contactor"], connector["lock"]) == ("open", "unlocked")


async def test_who_says_no_has_nothing_moved(bench: Bench, path: Path) -> None:
    findings = await looked(path, Part.LOCK, Part.CONTACTOR, Part.LIGHT, person=Somebody(bench, yes=False))
    assert codes(findings) == ["light-dark"]
    assert all("not " in text for text in [*wells(findings, Part.LOCK), *wells(findings, Part.CONTACTOR)])


async def test_a_contactor_is_never_closed_for_a_test_while_a_car_is_there(bench: Bench, path: Path) -> None:
    async with BenchClient(bench.control) as client:
        await client.do("plug", connector=1)
    person = Somebody(bench)
    findings = await looked(path, Part.CONTACTOR, person=person)
    assert wells(findings, Part.CONTACTOR) == ["is open; not closed for a test, for a car is plugged"]
    assert person.heard == []


async def test_a_car_that_comes_while_the_question_is_thought_about_keeps_it_open(bench: Bench, path: Path) -> None:
    class Slow(Somebody):
        async def confirm(self, question: str) -> bool:
            async with BenchClient(bench.control) as client:
                await client.do("plug", connector=1)
            return True

    findings = await looked(path, Part.PILOT, Part.CONTACTOR, person=Slow(bench))
    assert wells(findings, Part.CONTACTOR) == ["is open; not closed for a test, for a car was plugged meanwhile"]


@pytest.mark.parametrize(
    ("kind", "connector", "part", "code"),
    [
        ("contactor_stuck_open", 1, Part.CONTACTOR, "contactor-stuck"),
        ("lock_jammed", 1, Part.LOCK, "lock-jammed"),
        ("emergency_stop", 0, Part.INPUTS, "input-active"),
        ("meter_lost", 1, Part.METER, "meter-lost"),
        ("reader_lost", 0, Part.READER, "reader-lost"),
        ("pilot_short", 1, Part.PILOT, "pilot-fault"),
    ],
)
async def test_each_fault_is_found_in_its_part(
    bench: Bench, path: Path, kind: str, connector: int, part: Part, code: str
) -> None:
    await fault(bench, kind, connector)
    the(await looked(path, part, person=Somebody(bench)), code)


async def test_contacts_that_weld_while_they_are_tried(bench: Bench, path: Path) -> None:
    class Welder(Somebody):
        async def confirm(self, question: str) -> bool:
            await fault(bench, "contactor_welded")
            return True

    assert codes(await looked(path, Part.CONTACTOR, person=Welder(bench))) in (["contactor-welded"], ["contactor-closed"])


async def test_a_card_that_nobody_lays_on(bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargepoint.doctor.parts.CARD_S", 0.1)
    the(await looked(path, Part.READER, person=Somebody(bench, card="")), "reader-no-card")


async def test_every_part_is_lost_at_once_when_its_world_is_gone(tmp_path: Path) -> None:
    path = written(tmp_path, lambda d: d["connectors"]["1"].update(indicator={**d["connectors"]["1"]["pilot"]}))
    found = codes(await looked(path, *HARDWARE))
    assert found == ["meter-lost", "reader-lost", "inputs-lost", "pilot-lost", "lock-lost", "contactor-lost", "light-lost"]


async def meter_on(port: str, folder: Path, **meter: Any) -> list[Finding]:
    def change(document: dict[str, Any]) -> None:
        document["buses"]["meters"] = {"driver": "modbus_rtu", "port": port, "timeout_s": 0.05, "latency_max_s": 0.05}
        document["connectors"]["1"]["meter"].update(meter)

    return await looked(written(folder, change), Part.METER)


async def test_a_meter_of_another_type_a_foreign_number_and_a_port_that_is_not_there(tmp_path: Path) -> None:
    registers = Registers(1, 4, SDM630)

    def read(unit: int, function: int, address: int, count: int) -> Any:
        if (unit, function, address) == (1, 3, 0xFC02):
            return [0x0084]
        return registers(unit, function, address, count)

    async with RtuSlave(read) as slave:
        found = the(await meter_on(slave.port, tmp_path, map="sdm630"), "meter-other")
        assert "Use map sdm72d_m" in found.text
    assert "there is no such port" in the(await meter_on("/dev/ttyNONE", tmp_path), "port-missing").text
    busy = the(await meter_on("/dev/null", tmp_path), "port-busy").text  # it opens as no line, like one that is taken
    assert "another program has it. Look for a getty or a second service on the port." in busy


async def test_values_that_cannot_be_are_told_although_the_meter_answers(tmp_path: Path) -> None:
    words = {**SDM630, 0: "4461 0000"}  # 900 V at L1
    async with RtuSlave(Registers(1, 4, words)) as slave:
        findings = await meter_on(slave.port, tmp_path, map="sdm630", verify_model=False)
    assert any("900 V" in finding.text for finding in findings if finding.code == "meter-implausible"), findings


async def test_a_state_that_is_locked_opens_nothing(bench: Bench, path: Path) -> None:
    state = path.parent / "state"
    os.makedirs(state, exist_ok=True)
    lock = os.open(state / "station.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        findings = await looked(path, *HARDWARE, Part.CENTRAL_SYSTEM)
    finally:
        os.close(lock)
    assert codes(findings) == ["service-silent"]
    assert {finding.level for finding in findings if finding.part is not Part.CENTRAL_SYSTEM} == {Level.SKIPPED}
    assert os.listdir(state) == ["station.lock"]


async def test_a_driver_that_hangs_is_given_up(bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargepoint.doctor.parts.OPEN_S", 0.1)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("drivers.virtual.contactor.open", hang)
    assert "does not open it within" in the(await looked(path, Part.CONTACTOR), "contactor-lost").text


async def test_when_everything_hangs_it_ends_in_time_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole examination is bounded, not only each part of it: 18 s, of which this story makes half a second."""
    assert examination.LIMIT_S <= 18.0, "with the start of the program it is to be 20 s"
    true_limit_s = examination.LIMIT_S
    monkeypatch.setattr(examination, "LIMIT_S", 0.5)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    for part in ("contactor", "pilot", "lock", "reader", "inputs"):
        monkeypatch.setattr(f"drivers.virtual.{part}.open", hang)
    async with raw_peer(hang) as port:

        def change(document: dict[str, Any]) -> None:
            document["central_system"]["url"] = f"ws://127.0.0.1:{port}/ocpp"
            document["buses"]["meters"]["port"] = port

        began_s = time.monotonic()
        findings = await looked(written(tmp_path, change))
        took_s = time.monotonic() - began_s
    assert took_s < true_limit_s / 2
    told = {finding.part: finding for finding in findings}
    assert set(HARDWARE) - {Part.LIGHT} <= set(told)
    assert "not looked at to the end" in told[Part.METER].text
    assert "not examined within" in the(findings, "cs-silent").text
    assert examination.verdict(findings).startswith("NOT WELL: ")


STATUS: dict[str, Any] = {
    "link": {"state": "connected", "url": "ws://cs/ocpp/CK", "security_profile": 0},
    "registration": "Accepted",
    "faults": ["emergency_stop"],
    "connectors": {
        "1": {
            "faults": ["contactor_welded"],
            "energy_wh": 12_345,
            "power_w": 0.0,
            "wiring": ["L2 counts backwards."],
            "cycles": 9,
        }
    },
}


async def test_what_a_running_service_says_of_its_parts(tmp_path: Path) -> None:
    health = [
        {"part": "contactor", "number": 1, "open": True, "trouble": ""},
        {"part": "meter", "number": 1, "open": True, "trouble": ""},
        {"part": "meter", "number": 2, "open": False, "trouble": "the register is refused. Is it this model?"},
        {"part": "reader", "number": 1, "open": False, "trouble": "no chip on spidev0.0"},
        {"part": "unheard of", "number": 1, "open": False, "trouble": "?"},
    ]
    findings = await asked(written(tmp_path), {"status": STATUS, "health": {"parts": health}}, *HARDWARE)
    assert set(codes(findings)) == {"meter-wiring", "meter-other", "reader-lost", "input-active", "contactor-welded"}
    assert the(findings, "reader-lost").text == "no chip on spidev0.0"
    (meter,) = [finding for finding in findings if finding.part is Part.METER and finding.level is Level.OK]
    assert meter.facts["register"] == "12.345 kWh"
    assert any("systemctl stop chargepoint" in finding.text for finding in findings if finding.level is Level.SKIPPED)


async def test_a_wrong_file_is_told_and_nothing_of_it_is_tried(tmp_path: Path) -> None:
    path = written(tmp_path, lambda d: d["connectors"]["1"].update(phases=7))
    path.write_text(path.read_text().replace("vendor", "vendr"))
    findings = await looked(path)
    assert codes(findings).count("config-wrong") == 3
    assert {finding.level for finding in findings if finding.part in (*HARDWARE, Part.CENTRAL_SYSTEM)} == {Level.SKIPPED}
