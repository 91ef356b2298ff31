"""The two drivers `evse_board` on a true bus, against boards that close by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import DriverError
from chargepoint.settings import Connector
from drivers import modbus_rtu, modbus_tcp
from drivers.evse_board import board as board_module
from drivers.evse_board import contactor, load, pilot
from drivers.modbus.bus import Bus
from hil.chips.pilot_circuit import PilotCar
from hil.evse_board import BoardFault, EvseBoard, EvseDin, Phoenix, em_cp_pp_eth, ev_cc_eth, ev_cc_ser
from hil.modbus_slave import RtuSlave, TcpSlave

pytestmark = pytest.mark.section("IEC 61851-1 A")

A, B, C, D, E, F = PilotState
WITHIN_S = 3.0
POLL_S = 0.05
BOARDS: dict[str, Callable[[], EvseBoard]] = {
    "evse_din": EvseDin, "phoenix_ev_cc_eth": ev_cc_eth, "phoenix_em_cp_pp_eth": em_cp_pp_eth, "phoenix_ev_cc_ser": ev_cc_ser,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_pause_of_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the boards ask for between two requests is a matter of real ones."""
    plain = load

    def hurried(name: str) -> Any:
        import msgspec

        return msgspec.structs.replace(plain(name), gap_s=0.0)

    monkeypatch.setattr("drivers.evse_board.sharing.load", hurried)


@dataclass
class Station:
    bus: Bus
    slave: RtuSlave | TcpSlave
    board: EvseBoard
    map: str

    @property
    def buses(self) -> dict[str, Bus]:
        return {"boards": self.bus}

    async def pilot(self, **changes: Any) -> pilot.BoardPilot:
        unit = {"current_unit_a": 1.0} if load(self.map).current.unit_a is None else {}
        return await pilot.open(pilot.Config(bus="boards", map=self.map, poll_s=POLL_S, **{**unit, **changes}), self.buses)

    async def contactor(self) -> contactor.BoardContactor:
        return await contactor.open(contactor.Config(bus="boards", map=self.map), self.buses)


@asynccontextmanager
async def station(map_name: str = "evse_din", board: EvseBoard | None = None) -> AsyncIterator[Station]:
    made = board if board is not None else BOARDS[map_name]()
    if load(map_name).transport == "rtu":
        async with RtuSlave(made.read, write=made.write) as rtu:
            config = modbus_rtu.Config(port=rtu.port, timeout_s=0.08, latency_max_s=0.1, request_gap_s=0.002)
            bus = await modbus_rtu.open(config)
            yield Station(bus, rtu, made, map_name)
            await bus.close()
    else:
        async with TcpSlave(made.read, write=made.write) as tcp:
            bus = await modbus_tcp.open(modbus_tcp.Config(host=tcp.host, port=tcp.port, timeout_s=0.08))
            yield Station(bus, tcp, made, map_name)
            await bus.close()


async def told(part: pilot.BoardPilot, holds: Callable[[Pilot], bool]) -> Pilot:
    async with asyncio.timeout(WITHIN_S), aclosing(part.states()) as states:  # type: ignore[type-var]
        async for fact in states:
            if holds(fact):
                return fact
    raise AssertionError


async def moved(part: contactor.BoardContactor, closed: bool) -> None:
    async with asyncio.timeout(WITHIN_S), aclosing(part.feedback()) as states:  # type: ignore[type-var]
        async for state in states:
            if state is closed:
                return


async def until(holds: Callable[[], bool], slave: RtuSlave | TcpSlave) -> None:
    """Until it holds, looked at with every request."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await slave.asked(slave.requests + 1)


@pytest.mark.parametrize("map_name", BOARDS)
async def test_a_charge(map_name: str) -> None:
    async with station(map_name) as one:
        board = one.board
        driver, coil = await asyncio.gather(one.pilot(), one.contactor())
        assert (await told(driver, lambda fact: True)).state is A
        assert board.offered_a is None, "whatever it offered before"
        board.car = PilotCar()
        await told(driver, lambda fact: fact.state is B)
        driver.offer(13.0)
        await until(lambda: board.offered_a == 13.0, one.slave)
        board.car.ready = True
        await told(driver, lambda fact: fact.state is C)
        coil.set(True)
        await moved(coil, True)
        driver.offer(10.0)
        await until(lambda: board.offered_a == 10.0, one.slave)
        coil.set(False)
        driver.offer(None)
        await moved(coil, False)
        assert board.offered_a is None
        assert not board.relay
        assert board.closings == 1
        board.car = None
        await told(driver, lambda fact: fact.state is A)
        await driver.close()
        await coil.close()


async def test_states_diode_and_cable_of_a_socket() -> None:
    board = EvseDin(cable_a=20)
    async with station(board=board) as one:
        driver = await one.pilot()
        assert await told(driver, lambda fact: True) == Pilot(state=A, cable_at_station=False)
        board.car = PilotCar(ready=True, ventilation=True)
        assert await told(driver, lambda fact: fact.state is D) == Pilot(state=D, cable_at_station=True, cable_a=20.0)
        board.faults.add(BoardFault.NO_DIODE)
        assert not (await told(driver, lambda fact: not fact.diode_ok)).diode_ok
        board.faults = {BoardFault.SHORT}
        await told(driver, lambda fact: fact.state is E)
        board.faults.clear()
        board.disabled = True
        await told(driver, lambda fact: fact.state is F)
        await driver.close()


@pytest.mark.parametrize("cable_a", [0, 5, 65_535])
async def test_a_limit_that_is_none_is_left_to_the_board(cable_a: int) -> None:
    async with station(board=EvseDin(cable_a=cable_a, car=PilotCar())) as one:
        driver = await one.pilot()
        assert (await told(driver, lambda fact: True)).cable_a is None
        await driver.close()
        driver = await one.pilot(cable_a=20.0)
        assert (await told(driver, lambda fact: True)).cable_a == 20.0
        await driver.close()


async def test_a_fixed_cable_is_always_there_and_has_no_rating() -> None:
    async with station() as one:
        driver = await one.pilot(tethered=True)
        assert await told(driver, lambda fact: True) == Pilot(state=A, cable_at_station=True)
        await driver.close()


@pytest.mark.parametrize(
    ("board", "map_name", "unit_a", "offer_a", "steps"),
    [
        (EvseDin(), "evse_din", None, 15.99, 15),
        (EvseDin(fine=True, configured=1_600), "evse_din", None, 15.999, 1_599),
        (ev_cc_eth(), "phoenix_ev_cc_eth", 1.0, 31.9, 31),
        (ev_cc_eth(step_a=0.1, steps=160), "phoenix_ev_cc_eth", 0.1, 16.3, 163),
    ],
)
async def test_currents_are_rounded_down_to_the_steps_of_the_board(
    board: EvseBoard, map_name: str, unit_a: float | None, offer_a: float, steps: int
) -> None:
    async with station(map_name, board) as one:
        driver = await one.pilot(**({} if unit_a is None else {"current_unit_a": unit_a}))
        driver.offer(offer_a)
        await until(lambda: (board.configured if isinstance(board, EvseDin) else board.steps) == steps, one.slave)  # type: ignore[attr-defined]
        await driver.close()


@pytest.mark.parametrize(("steps", "unit_a"), [(160, 1.0), (16, 0.1)])
async def test_a_step_that_the_register_speaks_against_is_refused(steps: int, unit_a: float) -> None:
    async with station("phoenix_ev_cc_eth", ev_cc_eth(steps=steps)) as one:
        with pytest.raises(DriverError, match=rf"holds {steps}, which would be .* set current_unit_a to 1.0 or 0.1"):
            await one.pilot(current_unit_a=unit_a)


async def test_a_board_that_would_close_without_the_order_is_offered_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.evse_board.logic.ANSWER_S", 0.1)
    board = EvseDin(car=PilotCar())
    async with station(board=board) as one:
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        await until(lambda: board.offered_a == 16.0, one.slave)
        board.car = PilotCar(ready=True)
        await moved(coil, True)
        await moved(coil, False)
        assert board.offered_a is None
        assert board.closings == 1
        await driver.close()
        await coil.close()


async def test_a_car_that_asked_before_waits_for_the_order() -> None:
    board = EvseDin(car=PilotCar(ready=True), configured=0)
    async with station(board=board) as one:
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        before = one.slave.requests
        await until(lambda: one.slave.requests >= before + 4, one.slave)
        assert board.closings == 0
        coil.set(True)
        await moved(coil, True)
        await driver.close()
        assert not board.relay, "the pilot went: nothing is offered any more"
        await coil.close()


async def test_a_relay_that_stays_closed_is_told() -> None:
    board = EvseDin(car=PilotCar(ready=True))
    async with station(board=board) as one:
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        coil.set(True)
        await moved(coil, True)
        board.faults.add(BoardFault.WELDED)
        coil.set(False)
        await until(lambda: board.offered_a is None, one.slave)
        before = one.slave.requests
        await until(lambda: one.slave.requests >= before + 3, one.slave)
        await moved(coil, True)
        await driver.close()
        await coil.close()


async def test_what_somebody_else_writes_is_overwritten() -> None:
    board = EvseDin(car=PilotCar())
    async with station(board=board) as one:
        driver = await one.pilot()
        driver.offer(10.0)
        await until(lambda: board.offered_a == 10.0, one.slave)
        board.set(16, 1_000, 32)
        await until(lambda: board.offered_a == 10.0, one.slave)
        driver.offer(None)
        await until(lambda: board.offered_a is None, one.slave)
        board.set(16, 1_000, 16)
        await until(lambda: board.offered_a is None, one.slave)
        await driver.close()


async def test_a_board_that_does_not_obey_is_lost() -> None:
    board = EvseDin(car=PilotCar())
    async with station(board=board) as one:
        driver = await one.pilot()
        board.faults.add(BoardFault.DEAF)
        driver.offer(10.0)
        with pytest.raises(DriverError, match=r"told to offer 10 A and offers nothing\. Is it set to be controlled by Modbus"):
            await told(driver, lambda fact: False)
        await driver.close()


@pytest.mark.parametrize("map_name", ["evse_din", "phoenix_ev_cc_eth"])
async def test_a_bus_that_fails_loses_both_parts_and_tells_no_state(map_name: str) -> None:
    board = BOARDS[map_name]()
    board.car = PilotCar(ready=True)
    async with station(map_name, board) as one:
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        coil.set(True)
        await moved(coil, True)
        heard: list[Pilot] = []

        def hear(fact: Pilot) -> bool:
            heard.append(fact)
            return False

        board.faults.add(BoardFault.SILENT)
        with pytest.raises(DriverError, match="nothing came within"):
            await told(driver, hear)
        with pytest.raises(DriverError, match="nothing came within"):
            await moved(coil, False)
        assert {fact.state for fact in heard} == {C}
        board.faults.clear()
        await asyncio.gather(driver.close(), coil.close())
        again = await reopened(one.pilot)
        assert board.offered_a is None, "a board that comes back offers nothing until it is told"
        await again.close()


async def test_silence_is_told_before_a_contactor_that_follows_no_order_counts_as_broken() -> None:
    board = EvseDin(car=PilotCar(ready=True))
    async with TcpSlave(board.read, write=board.write) as slave:
        bus = await modbus_tcp.open(modbus_tcp.Config(host=slave.host, port=slave.port, timeout_s=5.0))
        one = Station(bus, slave, board, "evse_din")
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        coil.set(True)
        await moved(coil, True)
        board.faults.add(BoardFault.SILENT)
        coil.set(False)
        with pytest.raises(DriverError, match=rf"no answer for {board_module.SILENT_S:g} s"):
            await moved(coil, False)
        await asyncio.gather(driver.close(), coil.close())
        opening_s = next(one.default for one in msgspec.structs.fields(Connector) if one.name == "opening_s")
        assert opening_s > board_module.SILENT_S, "less than which no fault latches"
        await bus.close()


async def reopened(open_part: Callable[[], Awaitable[pilot.BoardPilot]]) -> pilot.BoardPilot:
    """As the shell does: again and again, while the bus lets the unit rest."""
    give_up_s = time.monotonic() + WITHIN_S
    while True:
        try:
            return await open_part()
        except DriverError:
            if time.monotonic() > give_up_s:
                raise
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["crc", "late", "truncated", "wrong_unit", "wrong_count", "garbage"])
async def test_single_faults_of_the_line_are_neither_states_nor_losses(fault: str) -> None:
    board = EvseDin(car=PilotCar(ready=True))
    async with station(board=board) as one:
        driver, coil = await one.pilot(), await one.contactor()
        driver.offer(16.0)
        coil.set(True)
        await moved(coil, True)
        one.slave.fail(fault, delay_s=0.12)
        before = one.slave.requests
        await until(lambda: one.slave.requests >= before + 6, one.slave)
        assert (await told(driver, lambda fact: True)).state is C
        assert board.relay
        await driver.close()
        await coil.close()


async def test_a_state_that_is_none_loses_the_board() -> None:
    board = Phoenix(unit=255, state_at=101, current_at=528, coil_at=400)
    board.shown_plain = board.shown  # type: ignore[attr-defined]
    board.shown = lambda: {**board.shown_plain(), 4: {100: 0}}  # type: ignore[attr-defined,method-assign]
    async with station("phoenix_ev_cc_eth", board) as one:
        with pytest.raises(DriverError, match=r"register 100 holds 0x0000, no state\. Is it this board\?"):
            await one.pilot()


async def test_a_rise_waits_five_seconds_and_a_fall_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    board = EvseDin(car=PilotCar())
    async with station(board=board) as one:
        driver = await one.pilot()
        monkeypatch.setattr(driver._board._offers, "_spacing_s", 0.3)
        began_s = time.monotonic()
        driver.offer(16.0)
        await until(lambda: board.offered_a == 16.0, one.slave)
        driver.offer(32.0)
        await until(lambda: board.offered_a == 32.0, one.slave)
        assert time.monotonic() - began_s >= 0.3
        driver.offer(6.0)
        await until(lambda: board.offered_a == 6.0, one.slave)
        await driver.close()


async def test_pilot_and_contactor_with_two_maps_are_refused() -> None:
    async with station() as one:
        driver = await one.pilot()
        with pytest.raises(DriverError, match="name two maps for it, evse_din and phoenix_ev_cc_ser"):
            await contactor.open(contactor.Config(bus="boards", map="phoenix_ev_cc_ser"), one.buses)
        await driver.close()


@pytest.mark.parametrize(("buses", "complaint"), [({}, 'bus "boards" is not open'), ({"boards": object()}, "is no Modbus bus")])
async def test_a_bus_that_is_not_there_is_told(buses: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverError, match=complaint):
        await pilot.open(pilot.Config(bus="boards", map="evse_din"), buses)
    with pytest.raises(DriverError, match=complaint):
        await contactor.make_safe(contactor.Config(bus="boards", map="evse_din"), buses)


@pytest.mark.parametrize("map_name", BOARDS)
async def test_safe_is_one_write_whatever_the_board_does(map_name: str) -> None:
    board = BOARDS[map_name]()
    board.car = PilotCar(ready=True)
    board.settle()
    assert board.closings == 1
    async with station(map_name, board) as one:
        await contactor.make_safe(contactor.Config(bus="boards", map=map_name), one.buses)
        assert not board.relay
        writes = {(request.function, request.address, request.values) for request in one.slave.log}
        assert len(writes) == 1, "the same again when the answer was late, and nothing else"


async def test_the_board_is_given_the_pause_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with station() as one:
        real = board_module.Board(one.bus, load("evse_din"), 1)
        await real.give(None)
        await real.give(None)
        first, second = (request.at_s for request in one.slave.log)
        assert second - first >= load("evse_din").gap_s


async def test_an_offer_that_cannot_be_is_refused() -> None:
    async with station() as one:
        driver = await one.pilot()
        with pytest.raises(ValueError, match="6 to 80 A"):
            driver.offer(5.0)
        await driver.close()
