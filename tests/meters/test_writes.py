"""Coils, and writes: frames as the standard prints them, faults of the line, and what cannot be written."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from chargepoint.ports import DriverError
from drivers import modbus_rtu, modbus_tcp
from drivers.modbus.answers import Request, RtuAnswers
from drivers.modbus.bus import Bus, NoAnswer, Refused
from hil.modbus_slave import FaultKind, RtuSlave, TcpSlave, crc16
from tests.meters.rig import TIMEOUT_S, Kind, rtu_config

HARMLESS = (FaultKind.SPLIT, FaultKind.GARBAGE)


class Device:
    """Coils and registers that can be written; address 999 is refused, and unit 9 is not there."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}

    def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | int | None:
        return None if unit == 9 else [self.values.get(address + offset, 0) for offset in range(count)]

    def write(self, unit: int, function: int, address: int, values: Sequence[int]) -> bool | int | None:
        if unit == 9:
            return None
        if address == 999:
            return 2
        self.values.update({address + offset: value for offset, value in enumerate(values)})
        return True


@asynccontextmanager
async def line(kind: Kind, device: Device) -> AsyncIterator[tuple[Bus, RtuSlave | TcpSlave]]:
    if kind == "rtu":
        async with RtuSlave(device.read, write=device.write) as rtu:
            bus = await modbus_rtu.open(rtu_config(rtu))
            yield bus, rtu
            await bus.close()
    else:
        async with TcpSlave(device.read, write=device.write) as tcp:
            bus = await modbus_tcp.open(modbus_tcp.Config(host=tcp.host, port=tcp.port, timeout_s=TIMEOUT_S))
            yield bus, tcp
            await bus.close()


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
async def test_what_is_written_is_there(kind: Kind) -> None:
    device = Device()
    async with line(kind, device) as (bus, slave):
        await bus.write(1, 5, 400, [1])
        await bus.write(1, 6, 528, [16])
        await bus.write(1, 16, 1_000, [32, 7])
        assert device.values == {400: 1, 528: 16, 1_000: 32, 1_001: 7}
        assert await bus.read(1, 1, 398, 11) == [0, 0, 1, *[0] * 8]
        assert await bus.read(1, 3, 1_000, 2) == [32, 7]
        await bus.write(1, 5, 400, [0])
        assert await bus.read(1, 1, 400, 1) == [0]
        assert [request.values for request in slave.log if request.values] == [(1,), (16,), (32, 7), (0,)]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (Request(17, 5, 172, 1, (1,)), "11 05 00 AC FF 00"),  # section 6.5's example, unit 17
        (Request(17, 6, 1, 1, (3,)), "11 06 00 01 00 03"),  # section 6.6's
        (Request(17, 16, 1, 2, (10, 258)), "11 10 00 01 00 02"),  # section 6.12's
        (Request(17, 1, 19, 19), "11 01 03 CD 6B 05"),  # section 6.1's
    ],
)
def test_the_examples_of_the_standard_are_answers(request_: Request, answer: str) -> None:
    frame = bytes.fromhex(answer)
    frame += crc16(frame)
    answers = RtuAnswers(crc16)
    answers.expect(request_)
    assert answers.received(frame[:-1]) == b""
    assert answers.received(b"\x00" + frame) == frame


@pytest.mark.parametrize(
    ("request_", "other"),
    [
        (Request(17, 5, 172, 1, (1,)), "11 05 00 AC 00 00"),
        (Request(17, 5, 172, 1, (1,)), "11 05 00 AD FF 00"),
        (Request(17, 6, 1, 1, (3,)), "11 06 00 01 00 04"),
        (Request(17, 16, 1, 2, (10, 258)), "11 10 00 01 00 01"),
        (Request(17, 16, 1, 2, (10, 258)), "11 10 00 01 00 02 04 00 0A 01 02"),  # its own echo
    ],
)
def test_the_answer_to_another_write_is_none(request_: Request, other: str) -> None:
    frame = bytes.fromhex(other)
    answers = RtuAnswers(crc16)
    answers.expect(request_)
    assert answers.received(frame + crc16(frame)) == b""


FAULTS = [
    pytest.param(kind, fault, id=f"{kind}-{fault}")
    for kind, slave in (("rtu", RtuSlave), ("tcp", TcpSlave))
    for fault in FaultKind
    if fault not in slave.impossible
]


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
async def test_one_fault_is_made_good_by_the_second_try(kind: Kind, fault: FaultKind) -> None:
    device = Device()
    async with line(kind, device) as (bus, slave):
        slave.fail(fault, delay_s=1.5 * TIMEOUT_S if fault is FaultKind.LATE else 0.02)
        await bus.write(1, 16, 1_000, [32])
        slave.fail(fault, delay_s=1.5 * TIMEOUT_S if fault is FaultKind.LATE else 0.02)
        await bus.write(1, 5, 400, [1])
        assert (device.values[1_000], device.values[400]) == (32, 1)


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
async def test_refusal_and_silence_are_errors_that_name_the_write(kind: Kind) -> None:
    async with line(kind, Device()) as (bus, _):
        with pytest.raises(Refused, match=r"unit 1, holding register 999 = 5: refused with exception 2"):
            await bus.write(1, 6, 999, [5])
        with pytest.raises(NoAnswer, match=r"unit 9, coil 4 = 1: nothing came"):
            await bus.write(9, 5, 4, [1])


@pytest.mark.parametrize(
    ("unit", "function", "address", "values"),
    [(1, 3, 0, [1]), (1, 5, 0, [2]), (1, 5, 0, [1, 1]), (1, 6, 0, [65_536]), (1, 6, 0, [-1]), (1, 16, 0, []),
     (1, 16, 65_535, [1, 1]), (0, 6, 0, [1])],
)  # fmt: skip
async def test_writes_that_cannot_be_are_a_mistake_of_the_caller(
    unit: int, function: int, address: int, values: list[int]
) -> None:
    async with line("tcp", Device()) as (bus, slave):
        with pytest.raises(ValueError, match="no such write"):
            await bus.write(unit, function, address, values)
        assert not slave.log


async def test_a_slave_without_writes_refuses_them() -> None:
    async with TcpSlave(Device().read) as slave:
        bus = await modbus_tcp.open(modbus_tcp.Config(host=slave.host, port=slave.port, timeout_s=TIMEOUT_S))
        with pytest.raises(DriverError, match="it does not know this function"):
            await bus.write(1, 6, 1, [1])
        await bus.close()
