"""Whatever goes wrong on a line: never a wrong number, a clear error, and the next read is well."""

import asyncio
import itertools
import random
from itertools import count

import pytest

from chargepoint.ports import DriverError
from drivers.modbus.bus import LineLost, NoAnswer, Refused
from hil.modbus_slave import FaultKind, RtuSlave, TcpSlave
from tests.meters.rig import LATENCY_MAX_S, TIMEOUT_S, Kind, line, numbered, read_when_it_can

HARMLESS = {("rtu", FaultKind.GARBAGE), ("rtu", FaultKind.SPLIT), ("tcp", FaultKind.SPLIT)}
FAULTS = [
    pytest.param(kind, fault, id=f"{kind}-{fault}")
    for kind, slave in (("rtu", RtuSlave), ("tcp", TcpSlave))
    for fault in FaultKind
    if fault not in slave.impossible
]


def delay_of(fault: FaultKind) -> float:
    return 1.5 * TIMEOUT_S if fault is FaultKind.LATE else 0.02


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
async def test_one_fault_is_made_good_by_the_second_try(kind: Kind, fault: FaultKind) -> None:
    async with line(kind) as (bus, slave):
        slave.fail(fault, delay_s=delay_of(fault))
        assert await bus.read(1, 4, 100, 6) == numbered(1, 4, 100, 6)
        assert await bus.read(1, 4, 700, 6) == numbered(1, 4, 700, 6)


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
async def test_a_lasting_fault_is_an_error_and_passes(kind: Kind, fault: FaultKind) -> None:
    async with line(kind) as (bus, slave):
        slave.fail(fault, times=2, delay_s=delay_of(fault))
        if (kind, fault) in HARMLESS:
            assert await bus.read(1, 4, 100, 6) == numbered(1, 4, 100, 6)
        else:
            with pytest.raises(DriverError) as error:
                await bus.read(1, 4, 100, 6)
            assert bus.where in str(error.value)
            if fault is not FaultKind.CUT:
                assert "unit 1, input registers 100 to 105" in str(error.value)
        slave.heal()
        assert await bus.read(1, 4, 700, 6) == numbered(1, 4, 700, 6)
        assert await bus.read(1, 3, 100, 6) == numbered(1, 3, 100, 6)


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
async def test_no_number_is_ever_wrong_in_a_storm_of_faults(kind: Kind) -> None:
    rng = random.Random(20261)
    faults = [fault for fault in FaultKind if fault not in (RtuSlave if kind == "rtu" else TcpSlave).impossible]
    good = 0
    async with line(kind) as (bus, slave):
        for _ in range(25):
            if rng.random() < 0.5:
                slave.fail(rng.choice(faults), delay_s=rng.uniform(0, LATENCY_MAX_S))
            address = rng.randrange(60_000)
            try:
                words = await bus.read(1, 4, address, 4)
            except DriverError:
                continue
            assert words == numbered(1, 4, address, 4)
            good += 1
        slave.heal()
        assert await read_when_it_can(bus, address=9) == numbered(1, 4, 9, 2)
    assert good > 12


@pytest.mark.parametrize("delay_s", [TIMEOUT_S + 0.025, TIMEOUT_S + 0.07, LATENCY_MAX_S])
async def test_a_late_answer_is_never_taken_for_the_next_one(delay_s: float) -> None:
    """Requests of one shape to one unit: nothing but time tells their answers apart on RTU."""
    async with line("rtu") as (bus, slave):
        assert await bus.read(1, 4, 0, 2) == numbered(1, 4, 0, 2)
        slave.fail("late", times=2, delay_s=delay_s)
        results = await asyncio.gather(*(bus.read(1, 4, 2 * index, 2) for index in range(5)), return_exceptions=True)
    for index, result in enumerate(results):
        assert isinstance(result, NoAnswer) or result == numbered(1, 4, 2 * index, 2)
    assert sum(not isinstance(result, NoAnswer) for result in results) >= 3


async def test_after_silence_the_line_is_left_alone_for_the_worst_latency() -> None:
    async with line("rtu") as (bus, slave):
        slave.fail("silent")
        await bus.read(1, 4, 0, 2)
        first, second = (request.at_s for request in slave.log)
        assert second - first >= LATENCY_MAX_S


async def test_requests_keep_the_silence_between_frames() -> None:
    async with line("rtu") as (bus, slave):
        for index in range(6):
            await bus.read(1, 4, index, 2)
        stamps = [request.at_s for request in slave.log]
        assert min(later - sooner for sooner, later in itertools.pairwise(stamps)) >= 0.01


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
async def test_a_refusal_names_code_and_meaning_and_is_not_repeated(kind: Kind) -> None:
    async with line(kind, lambda unit, function, address, count: 2) as (bus, slave):
        with pytest.raises(Refused, match="exception 2: it has no such register") as error:
            await bus.read(3, 3, 20, 1)
        assert error.value.code == 2
        assert "unit 3, holding register 20" in str(error.value)
        assert len(slave.log) == 1


async def test_a_gateway_that_gets_no_answer_counts_as_silence() -> None:
    async with line("tcp", lambda unit, function, address, count: 11) as (bus, slave):
        with pytest.raises(NoAnswer, match="the gateway got no answer"):
            await bus.read(3, 3, 20, 1)
        assert len(slave.log) == 2


async def test_a_line_that_is_never_silent_is_an_error_of_its_own() -> None:
    async with line("rtu", gap_s=0.3) as (bus, slave):  # longer than a busy machine keeps a process waiting
        assert isinstance(slave, RtuSlave)
        await bus.read(1, 4, 0, 1)

        begun = asyncio.Event()  # it has begun before the request goes out

        async def babble() -> None:
            for sent in count():
                slave.send(b"\x55")
                if sent == 50:
                    begun.set()
                await asyncio.sleep(0)  # in every turn of the loop: no pause however busy the machine is

        babbler = asyncio.create_task(babble())
        try:
            await begun.wait()
            with pytest.raises(NoAnswer, match="never silent"):
                await bus.read(1, 4, 0, 1)
        finally:
            babbler.cancel()
        assert await bus.read(1, 4, 5, 1) == numbered(1, 4, 5, 1)


async def test_cancelling_a_reader_leaves_the_transaction_whole() -> None:
    async with line("rtu") as (bus, slave):
        await bus.read(1, 4, 0, 2)
        slave.fail("late", delay_s=0.05)
        reader = asyncio.create_task(bus.read(1, 4, 100, 2))
        await slave.asked(2)
        reader.cancel()
        assert await bus.read(1, 4, 200, 2) == numbered(1, 4, 200, 2)
        assert reader.cancelled()
        assert [request.address for request in slave.log] == [0, 100, 200]
        assert slave.log[2].at_s - slave.log[1].at_s >= 0.05, "the next request waited for the answer to the one before"


async def test_cancelled_readers_that_wait_leave_nothing_behind() -> None:
    async with line("rtu") as (bus, slave):
        slave.fail("late", delay_s=0.05)
        readers = [asyncio.create_task(bus.read(1, 4, 10 * index, 2)) for index in range(20)]
        await slave.asked(1)
        for reader in readers:
            reader.cancel()
        assert await bus.read(1, 4, 900, 2) == numbered(1, 4, 900, 2)
        assert [request.address for request in slave.log] == [0, 900]


async def test_closing_the_bus_ends_its_readers_with_an_error() -> None:
    async with line("rtu") as (bus, slave):
        slave.fail("silent")
        reader = asyncio.create_task(bus.read(1, 4, 0, 2))
        await slave.asked(1)
        await bus.close()
        with pytest.raises(LineLost, match="closed"):
            await reader
        with pytest.raises(LineLost, match="closed"):
            await bus.read(1, 4, 0, 2)
        await bus.close()


@pytest.mark.parametrize(("function", "address", "count"), [(2, 0, 1), (3, 0, 0), (3, 0, 126), (4, 65_535, 2), (4, -1, 1)])
async def test_reads_that_cannot_be_are_a_mistake_of_the_caller(function: int, address: int, count: int) -> None:
    async with line("tcp") as (bus, slave):
        with pytest.raises(ValueError, match="no such read"):
            await bus.read(1, function, address, count)
        assert not slave.log
