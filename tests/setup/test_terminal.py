"""Whole sessions of `chargepoint setup` at a terminal."""

import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chargepoint.registry import check_file
from hil.modbus_slave import RtuSlave
from tests.meters.rig import Registers
from tests.meters.vectors import SDM630
from tests.setup.terminal import ROOT, Terminal

KEY = "00AABBCCDDEE"
FIELDS = (
    "Kind of station",
    "Identity",
    "Address (url)",
    "hidden)",
    "Meter [",
    "Reader [",
    "amperes a phase",
    "without writing",
)


def station(path: Path, **changes: str) -> Terminal:
    return Terminal("setup", "--config", str(path), **changes)  # type: ignore[arg-type]


def answered(terminal: Terminal, *answers: str) -> None:
    """The quick path: a line for each of the eight fields."""
    for question, line in zip(FIELDS, answers, strict=True):
        terminal.answer(question, line)


def test_the_quick_path_has_five_screens_and_eight_fields_and_writes_a_file_that_is_right(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    with station(path) as terminal:
        answered(terminal, "tethered", "CK_0001", "ws://cs.example.org/ocpp", KEY, "", "RC522", "", "")
        assert terminal.ends() == 0, terminal.shown
    assert "will be dialled: ws://cs.example.org/ocpp/CK_0001" in terminal.shown
    assert KEY not in terminal.shown
    assert "5/5" in terminal.shown
    document = tomllib.loads(path.read_text())
    assert document["central_system"]["authorization_key"] == KEY
    assert document["connectors"]["1"]["cable"] == "tethered"
    checked = check_file(path)
    assert checked.problems == ()
    assert not [remark for remark in checked.remarks if "pwm_pin" in remark]
    assert document["readers"]["1"]["driver"] == "mfrc522"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_answer_is_told_at_once_and_asked_again_and_there_is_a_way_back(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    with station(path) as terminal:
        terminal.answer("Kind of station [socket]", "sokcet")
        terminal.sees('must be one of "socket", "tethered", "board", "simulated"')
        terminal.answer("Kind of station", "?")
        terminal.answer("Kind of station", "")
        terminal.answer("Identity: ", "")
        terminal.sees("as the Central System knows the station")
        terminal.answer("Identity: ", "CK_0O01")
        terminal.answer("(url): ", "htp://cs")
        terminal.sees("must begin with ws:// or wss://")
        terminal.answer("(url): ", "ws://CK:secret@cs.example.org")
        terminal.sees("must not contain a user or password")
        terminal.answer("(url): ", "<")
        terminal.answer("Kind of station [socket]", "simulated")
        terminal.answer("Identity [CK_0O01]", "CK_0001")
        terminal.answer("(url): ", "ws://cs.example.org/ocpp/CK_0001/")
        terminal.sees("it ends with the identity twice")
        terminal.answer("hidden)", "<")
        terminal.answer("Kind of station [simulated]", "")
        terminal.answer("Identity [CK_0001]", "")
        terminal.answer("(url) [", "ws://cs.example.org/ocpp")
        terminal.answer("hidden)", "correct horse")
        terminal.sees("13 characters that are not shown: must be an even number of hexadecimal digits")
        terminal.sees("text:PASSWORD")
        terminal.answer("hidden)", "text:correct horse")
        terminal.answer("Meter", "7")
        terminal.sees("that is none of them")
        terminal.answer("Meter", "map sdm120")
        terminal.answer("amperes a phase", "five")
        terminal.sees("must be a number from 6 to 80")
        terminal.answer("amperes a phase", "16")
        terminal.answer("without writing", "")
        assert terminal.ends() == 0, terminal.shown
    assert "correct horse" not in terminal.shown
    document = tomllib.loads(path.read_text())
    assert (document["station"]["identity"], document["connectors"]["1"]["meter"]["map"]) == ("CK_0001", "sdm120")
    assert bytes.fromhex(document["central_system"]["authorization_key"]) == b"correct horse"


def test_a_second_set_up_starts_from_the_file_and_leaves_comments_alone(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text((ROOT / "config" / "raspberry-pi.toml").read_text().replace("/var/lib/", f"{tmp_path}/"))
    before = path.read_text()
    with station(path) as terminal:
        answered(terminal, "", "CK_0007", "", "", "", "", "20", "")
        assert terminal.ends() == 0, terminal.shown
    after = path.read_text()
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == ['identity = "CK_0007"', "current_a_max = 20.0"]
    assert all(old.partition("#")[2] == new.partition("#")[2] != "" for old, new in changed)
    assert (tmp_path / "station.toml.old").read_text() == before
    with station(path) as terminal:
        answered(terminal, "", "", "", "", "", "", "", "")
        assert terminal.ends() == 0
    assert "nothing has changed" in terminal.shown


def test_pins_can_be_changed_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    with station(path) as terminal:
        for question, line in zip(FIELDS[:-1], ("tethered", "CK_1", "ws://cs/ocpp", "", "", "none", ""), strict=True):
            terminal.answer(question, line)
        terminal.answer("without writing", "p")
        terminal.answer("GPIO of contactor [17]", "99")
        terminal.sees("from 0 to 27")
        terminal.answer("GPIO of contactor [17]", "23")
        for _ in range(10):
            terminal.answer("GPIO of", "")
        terminal.answer("without writing", "y")
        assert terminal.ends() == 0, terminal.shown
    assert tomllib.loads(path.read_text())["connectors"]["1"]["contactor"]["pin"] == 23


def test_pins_that_clash_are_refused_by_name_and_no_other_answer_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    with station(path) as terminal:
        for question, line in zip(FIELDS[:-1], ("tethered", "CK_1", "ws://cs/ocpp", KEY, "", "none", ""), strict=True):
            terminal.answer(question, line)
        terminal.answer("without writing", "p")
        terminal.answer("GPIO of contactor [17]", "5")
        for _ in range(10):
            terminal.answer("GPIO of", "")
        terminal.answer("without writing", "y")
        terminal.sees("found GPIO5, can serve one part only")
        assert os.listdir(tmp_path) == []
        terminal.answer("amperes a phase", "")
        terminal.answer("without writing", "p")
        terminal.answer("GPIO of contactor [5]", "17")
        for _ in range(10):
            terminal.answer("GPIO of", "")
        terminal.answer("without writing", "y")
        assert terminal.ends() == 0, terminal.shown
    document = tomllib.loads(path.read_text())
    assert (document["central_system"]["authorization_key"], document["connectors"]["1"]["contactor"]["pin"]) == (KEY, 17)


def test_whoever_leaves_leaves_nothing_behind(tmp_path: Path) -> None:
    leaving: dict[str, Callable[[Terminal], Any]] = {
        "Ctrl-C": Terminal.interrupt,
        "Ctrl-D": Terminal.hang_up,
    }
    for name, leave in leaving.items():
        with station(tmp_path / "station.toml") as terminal:
            terminal.answer("Kind of station", "")
            terminal.sees("Identity: ")
            leave(terminal)
            assert terminal.ends() == 1, name
        assert "nothing was written" in terminal.shown
    assert os.listdir(tmp_path) == []


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chargepoint", "setup", "--config", str(tmp_path / "x.toml")]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--answers-template" in done.stderr


def test_a_file_that_is_no_toml_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("identity = \n")
    with station(path) as terminal:
        assert terminal.ends() == 1
    assert "line 1, there is no value behind =" in terminal.shown
    assert "move it away to begin anew" in terminal.shown


async def test_the_meter_is_found_on_its_line_and_named_by_itself(tmp_path: Path) -> None:
    registers = Registers(2, 4, SDM630)

    def read(unit: int, function: int, address: int, count: int) -> Any:
        if unit == 2 and function == 3 and address == 0xFC02:
            return [0x0070]
        if unit == 2 and function == 3 and address == 0xFC00:
            return [0x03C1, 0x4E41]
        return registers(unit, function, address, count)

    path = tmp_path / "station.toml"

    def session(port: str) -> None:
        with Terminal("setup", "--config", str(path), ports=(port,)) as terminal:
            for question, line in zip(FIELDS[:4], ("tethered", "CK_1", "ws://cs/ocpp", ""), strict=True):
                terminal.answer(question, line)
            terminal.sees("serial number 63000129")
            for question, line in zip(FIELDS[4:], ("", "none", "", ""), strict=True):
                terminal.answer(question, line)
            assert terminal.ends() == 0, terminal.shown
            assert "1  sdm630 at" in terminal.shown

    async with RtuSlave(read) as slave:
        await asyncio.to_thread(session, slave.port)
        document = tomllib.loads(path.read_text())
    assert document["connectors"]["1"]["meter"]["unit_id"] == 2
    assert document["buses"]["meters"]["port"] == slave.port
