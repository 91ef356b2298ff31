"""A station whose pilot and contactor are an EVSE controller board on Modbus, which closes its relay by itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hil.chips.pilot_circuit import PilotCar
from hil.evse_board import BoardFault, EvseDin
from hil.modbus_slave import TcpSlave
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, WAIT_S, Rig

pytestmark = pytest.mark.section("IEC 61851-1 A")


@asynccontextmanager
async def boarded(rigs: Rigs, board: EvseDin) -> AsyncIterator[tuple[Rig, TcpSlave]]:
    """The bench's station, with a board in place of its pilot and contactor."""
    async with TcpSlave(board.read, write=board.write) as slave:
        rig = await rigs()
        text = rig.config.read_text()
        for kind in ("pilot", "contactor"):
            table = f'{kind} = {{ driver = "evse_board", bus = "boards", map = "evse_din" }}'
            text, found = re.subn(rf"^{kind} = .*$", table, text, flags=re.MULTILINE)
            assert found == 1
        text += f'\n[buses.boards]\ndriver = "modbus_tcp"\nhost = "{slave.host}"\nport = {slave.port}\n'
        rig.config.write_text(text)
        yield rig, slave


async def looked(slave: TcpSlave, holds: Callable[[], bool]) -> None:
    """Waits until it holds; looked at with every request of the station."""
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await slave.asked(slave.requests + 1)


async def test_a_charge_with_a_pause_of_the_car(rigs: Rigs) -> None:
    board = EvseDin()
    async with boarded(rigs, board) as (rig, slave):
        await rig.boot()
        await looked(slave, lambda: board.offered_a is None)
        board.car = PilotCar(ready=True)
        await rig.status(1, "Preparing")
        await rig.bench.do("tap", id_tag=CARD)
        await rig.expect("StartTransaction", connectorId=1)
        await rig.status(1, "Charging")
        await looked(slave, lambda: board.relay)
        assert board.shown()[3][1_000] == 32
        assert board.closings == 1
        board.car = PilotCar()
        await rig.status(1, "SuspendedEV")
        assert not board.relay
        board.car = PilotCar(ready=True)
        await rig.status(1, "Charging")
        await looked(slave, lambda: board.relay)
        await rig.bench.do("tap", id_tag=CARD)
        await rig.expect("StopTransaction", idTag=CARD)
        await rig.status(1, "Finishing")
        assert (board.offered_a, board.relay) == (None, False)
        board.car = None
        await rig.status(1, "Available")
        assert "Faulted" not in rig.statuses(1)
        assert board.closings == 2
        rig.clean()


async def test_a_board_that_goes_silent_is_a_fault_and_comes_back_open(rigs: Rigs) -> None:
    board = EvseDin()
    async with boarded(rigs, board) as (rig, slave):
        await rig.boot()
        board.car = PilotCar(ready=True)
        await rig.status(1, "Preparing")
        await rig.bench.do("tap", id_tag=CARD)
        await rig.status(1, "Charging")
        await looked(slave, lambda: board.relay)
        board.faults.add(BoardFault.SILENT)  # perhaps before the station has seen that
        lost = await rig.status(1, "Faulted")
        assert lost["errorCode"] == "InternalError", "no contactor is called broken that only cannot be asked"
        await rig.expect("StopTransaction", reason="Other")
        assert board.offered_a is not None, "nothing can be switched on a dead bus"
        board.faults.clear()
        await rig.status(1, "Finishing")
        assert board.state == "C"
        assert not board.relay, "found again, it was told to offer nothing"
        rig.clean()
