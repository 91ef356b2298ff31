"""Lines that come and go, and several meters on one line."""

import asyncio
import os
import termios
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from drivers import modbus_rtu, modbus_tcp
from drivers.modbus.bus import Bus, LineLost, NoAnswer
from hil.modbus_slave import RtuSlave, TcpSlave
from tests.meters.rig import LATENCY_MAX_S, TIMEOUT_S, line, numbered, read_when_it_can


async def test_a_port_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    link = tmp_path / "meters"
    bus = await modbus_rtu.open(modbus_rtu.Config(port=str(link), timeout_s=TIMEOUT_S, latency_max_s=LATENCY_MAX_S))
    with pytest.raises(LineLost, match="there is no such port") as error:
        await bus.read(1, 4, 0, 2)
    assert str(link) in str(error.value)
    assert "serial port" in str(error.value) or "Ports that exist: /dev/" in str(error.value)
    with pytest.raises(LineLost, match=r"next attempt is in 0\.\d s"):
        await bus.read(1, 4, 0, 2)
    for _ in range(2):
        async with RtuSlave(numbered, link=link):
            assert await read_when_it_can(bus) == numbered(1, 4, 0, 2)
        with pytest.raises(LineLost):
            await bus.read(1, 4, 0, 2)
    await bus.close()


async def test_a_port_that_vanishes_in_the_middle_of_a_request(tmp_path: Path) -> None:
    link = tmp_path / "meters"
    bus = await modbus_rtu.open(modbus_rtu.Config(port=str(link), timeout_s=30.0))
    async with RtuSlave(numbered, link=link) as slave:
        slave.fail("silent")
        reader = asyncio.create_task(bus.read(1, 4, 0, 2))
        await slave.asked(1)
    started = time.monotonic()
    with pytest.raises(LineLost, match="no such port"):
        await reader
    assert time.monotonic() - started < 15, "nobody waits for an answer from a port that is gone"
    await bus.close()


async def test_a_file_that_is_no_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bus = await modbus_rtu.open(modbus_rtu.Config(port=str(tmp_path / "file")))
    with pytest.raises(LineLost, match="no serial port but another kind of file"):
        await bus.read(1, 4, 0, 2)
    await bus.close()


def settings_of_the_line(path: str) -> tuple[int, bool, bool]:
    """Speed, two stop bits, parity: as the kernel has them."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        _, _, control, _, speed, _, _ = termios.tcgetattr(fd)
    finally:
        os.close(fd)
    return speed, bool(control & termios.CSTOPB), bool(control & termios.PARENB)


async def test_serial_settings_reach_the_port() -> None:
    async with RtuSlave(numbered) as slave:
        bus = await modbus_rtu.open(modbus_rtu.Config(port=slave.port, baud=19_200, stop_bits=2))
        assert await bus.read(1, 4, 0, 2) == numbered(1, 4, 0, 2)
        assert settings_of_the_line(slave.port) == (termios.B19200, True, False)
        await bus.close()


async def test_settings_that_a_port_does_not_take_are_named() -> None:
    """A pseudo terminal has no parity, and says so."""
    async with RtuSlave(numbered) as slave:
        bus = await modbus_rtu.open(modbus_rtu.Config(port=slave.port, parity="E"))
        with pytest.raises(LineLost, match="cannot be opened with 9600 baud, parity E"):
            await bus.read(1, 4, 0, 2)
        await bus.close()


async def test_a_port_that_another_has_is_named() -> None:
    async with RtuSlave(numbered) as slave:
        first, second = [await modbus_rtu.open(modbus_rtu.Config(port=slave.port)) for _ in range(2)]
        assert await first.read(1, 4, 0, 2) == numbered(1, 4, 0, 2)
        with pytest.raises(LineLost, match="another program has it"):
            await second.read(1, 4, 0, 2)
        await first.close()
        await second.close()


async def test_tcp_connects_when_the_meter_comes_up_and_again_after_a_cut() -> None:
    async with TcpSlave(numbered) as slave:
        port = slave.port
    bus = await modbus_tcp.open(modbus_tcp.Config(host="127.0.0.1", port=port, timeout_s=TIMEOUT_S))
    with pytest.raises(LineLost, match=f"127.0.0.1:{port}: no connection"):
        await bus.read(1, 4, 0, 2)
    async with TcpSlave(numbered, port=port) as slave:
        assert await read_when_it_can(bus) == numbered(1, 4, 0, 2)
        slave.cut()
        assert await bus.read(1, 4, 8, 2) == numbered(1, 4, 8, 2)
        assert slave.connections == 1
    await bus.close()


async def test_a_tcp_peer_that_is_gone_without_a_word_is_left() -> None:
    async with line("tcp") as (bus, slave):
        assert isinstance(slave, TcpSlave)
        slave.fail("silent", times=2)
        with pytest.raises(NoAnswer):
            await bus.read(1, 4, 0, 2)
        assert await bus.read(1, 4, 4, 2) == numbered(1, 4, 4, 2)
        assert slave.connections == 1, "the old connection is closed, not leaked"


def only(*units: int) -> "Only":
    return Only(set(units))


class Only:
    """Slaves of which some are dead."""

    def __init__(self, alive: set[int]) -> None:
        self.alive = alive

    def __call__(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | None:
        return numbered(unit, function, address, count) if unit in self.alive else None


async def test_a_silent_meter_does_not_starve_the_others() -> None:
    """Whoever waits has its turn after every request to a dead one, and that one is left alone more and more."""
    async with line("rtu", only(1)) as (bus, slave):
        dead = asyncio.create_task(_ask_again_and_again(bus, 2))
        while sum(request.unit == 2 for request in slave.log) < 4:
            assert await bus.read(1, 4, 0, 2) == numbered(1, 4, 0, 2)
        dead.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dead
        units = [request.unit for request in slave.log]
    assert (2, 2) not in pairwise(units)
    assert units.count(2) == 4, "after three failures it rests"


async def _ask_again_and_again(bus: Bus, unit: int) -> None:
    while True:
        with pytest.raises(NoAnswer):
            await bus.read(unit, 4, 0, 2)
        await asyncio.sleep(0.01)


async def test_a_silent_meter_costs_one_time_out_and_is_soon_asked_again() -> None:
    slaves = only(1)
    async with line("tcp", slaves) as (bus, slave):
        with pytest.raises(NoAnswer, match=r"unit 2, input registers 0 to 1: nothing came within 0\.08 s"):
            await bus.read(2, 4, 0, 2)
        assert len(slave.log) == 2, "a unit that was never silent gets a second try"
        with pytest.raises(NoAnswer, match="nothing came"):
            await bus.read(2, 4, 0, 2)
        assert len(slave.log) == 3, "one that was does not"
        with pytest.raises(NoAnswer, match="has not answered 3 times in a row and is asked again in"):
            await bus.read(2, 4, 0, 2)
        assert len(slave.log) == 3
        slaves.alive.add(2)
        assert await read_when_it_can(bus, unit=2, within_s=2.0) == numbered(2, 4, 0, 2)


async def test_readers_take_turns() -> None:
    async with line("tcp") as (bus, slave):
        await asyncio.gather(*(bus.read(unit, 4, index, 1) for index in range(3) for unit in (1, 2, 3)))
        assert [request.unit for request in slave.log] == [1, 2, 3] * 3
