"""Buses against true slaves, for the stories beside this file."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from chargepoint.ports import DriverError
from drivers import modbus_rtu, modbus_tcp
from drivers.modbus.bus import Bus
from hil.modbus_slave import Read, RtuSlave, TcpSlave

Kind = Literal["rtu", "tcp"]
TIMEOUT_S = 0.08
LATENCY_MAX_S = 0.2


def numbered(unit: int, function: int, address: int, count: int) -> Sequence[int]:
    """Every register of every unit holds a number of its own, so that a foreign answer shows."""
    return [(unit * 7_919 + function * 104_729 + (address + offset) * 31) % 65_536 for offset in range(count)]


def rtu_config(slave: RtuSlave, gap_s: float = 0.01) -> modbus_rtu.Config:
    return modbus_rtu.Config(port=slave.port, timeout_s=TIMEOUT_S, latency_max_s=LATENCY_MAX_S, request_gap_s=gap_s)


@asynccontextmanager
async def line(kind: Kind, read: Read = numbered, gap_s: float = 0.01) -> AsyncIterator[tuple[Bus, RtuSlave | TcpSlave]]:
    """An open bus of either kind and the slaves on it."""
    if kind == "rtu":
        async with RtuSlave(read) as rtu:
            bus = await modbus_rtu.open(rtu_config(rtu, gap_s))
            try:
                yield bus, rtu
            finally:
                await bus.close()
    else:
        async with TcpSlave(read) as tcp:
            bus = await modbus_tcp.open(modbus_tcp.Config(host=tcp.host, port=tcp.port, timeout_s=TIMEOUT_S))
            try:
                yield bus, tcp
            finally:
                await bus.close()


async def read_when_it_can(bus: Bus, unit: int = 1, address: int = 0, *, within_s: float = 5.0) -> list[int]:
    """Two registers, as soon as the bus gives them; its last error where the time is up."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return await bus.read(unit, 4, address, 2)
        except DriverError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


class Registers:
    """Slaves whose registers are written down as hexadecimal words; what is not written down is refused (exception 2)."""

    def __init__(self, unit: int, function: int, words: dict[int, str]) -> None:
        self.unit = unit
        self.function = function
        self.words: dict[int, int] = {}
        self.online = True
        for address, text in words.items():
            self.set(address, text)

    def set(self, address: int, text: str) -> None:
        for offset, word in enumerate(text.split()):
            self.words[address + offset] = int(word, 16)

    def __call__(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | int | None:
        if unit != self.unit or not self.online:
            return None
        wanted = range(address, address + count)
        if function != self.function or any(register not in self.words for register in wanted):
            return 2
        return [self.words[register] for register in wanted]
