"""Target: bytes of meters, to the real bus and meter drivers, on either kind of line."""

import asyncio
import math
import random
import socket
from typing import Any

import msgspec

from chargepoint.facts import Reading
from chargepoint.ports import DriverError
from drivers import modbus_meter, modbus_rtu, modbus_tcp
from drivers.modbus.bus import Bus
from drivers.modbus_meter import BOUNDS, Config
from drivers.modbus_rtu import RtuLine
from drivers.modbus_tcp import TcpLine
from hil.fuzz import mutation, quick_loop
from hil.fuzz.hostile_slave import LATEST_MS, Harm, HostileSlave, Piece, Step
from hil.fuzz.quick_loop import QuickLoop
from hil.fuzz.target import in_words
from hil.modbus_slave import Read, crc16
from tests.meters.rig import Registers
from tests.meters.vectors import VECTORS

LIMIT_S = 3_000.0
ONE_S = 90.0  # no opening and no reading takes longer, however bad the line is
HEALED_S = 200.0  # the longest rest that a silent meter is given, and three readings that nobody believes
PAUSE_S = 1.0
UNITS = (7, 8)
NONSENSE = ("0000", "ffff", "7fff", "8000", "7fc00000", "7f800000", "ff800000", "7fffffff", "80000000", "c145851f", "7149f2ca")
OPTIONS: tuple[dict[str, Any], ...] = ({}, {}, {"reversed": True}, {"energy_rate_max_w": 22_000.0}, {"verify_model": False})


class Meters:
    """A meter gives a right reading or a DriverError, in time, and a right reading again once the line is well. The first input
    says which line and meter; each other is what happens on one request (`hostile_slave.Step`).
    """

    name = "meters"

    def case(self, rng: random.Random) -> list[bytes]:
        first = {"line": rng.choice(("rtu", "tcp")), "map": rng.choice(sorted(VECTORS)), "options": rng.choice(OPTIONS)}
        steps = [_step(rng) for _ in range(rng.randint(1, 12))]
        return [msgspec.json.encode(first), *(msgspec.json.encode(step) for step in steps)]

    def run(self, inputs: list[bytes]) -> None:
        try:
            first = msgspec.json.decode(inputs[0] if inputs else b"{}", type=_First)
        except msgspec.DecodeError:
            return
        steps = []
        for item in inputs[1:]:
            try:
                steps.append(msgspec.json.decode(item, type=Step))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        if first.map in VECTORS:
            quick_loop.run(_Siege(first, steps).run, LIMIT_S)


class _First(msgspec.Struct):
    line: str = "rtu"
    map: str = "sdm630"
    options: dict[str, Any] = {}


class _CheckedBus(Bus):
    """Whatever it hands out must have been said, on this request, as an answer to it."""

    def __init__(self, line: RtuLine | TcpLine, slave: HostileSlave, truth: Read) -> None:
        super().__init__(line)
        self._slave = slave
        self._truth = truth
        self.spoilt: set[int] = set()

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        words = await super().read(unit, function, address, count)
        asked = (unit, function, address, count)
        heard = [each for each in self._slave.heard if _key(each.request) == asked][-1]
        said = heard.believable(isinstance(self._line, TcpLine))
        assert words in said, f"{asked}: {words} was handed out, and {said} was said: {heard.sent.hex(' ')}"
        if words != self._truth(unit, function, address, count):
            self.spoilt.add(unit)
        return words


class _Siege:
    """Two meters on one line; the second one is only there so that its requests come between."""

    def __init__(self, first: _First, steps: list[Step]) -> None:
        function, words, self._reading = VECTORS[first.map]
        self._tables = {unit: Registers(unit, function, words) for unit in UNITS}
        self._first = first
        self._tcp = first.line == "tcp"
        self._slave = HostileSlave(self._tcp, self._registers, steps)
        self._healed_at_s: float | None = None

    async def run(self, loop: QuickLoop) -> None:
        async def accept(end: socket.socket) -> None:
            await loop.connect_accepted_socket(lambda: self._slave, end)

        loop.accept = accept
        bus = self._bus()
        try:
            await asyncio.gather(*(self._use(bus, unit) for unit in UNITS))
        finally:
            await bus.close()

    def _registers(self, unit: int, function: int, address: int, count: int) -> Any:
        table = self._tables.get(unit)
        return None if table is None else table(unit, function, address, count)

    def _bus(self) -> _CheckedBus:
        from pymodbus.client import AsyncModbusTcpClient
        from pymodbus.framer import FramerType

        def serial(port: str, *, baudrate: int, parity: str, stopbits: int, **others: Any) -> AsyncModbusTcpClient:
            """The client of the serial driver but for its port."""
            return AsyncModbusTcpClient("meters", framer=FramerType.RTU, **others)

        line: RtuLine | TcpLine
        if self._tcp:
            line = TcpLine(modbus_tcp.Config(host="meters", timeout_s=0.5), AsyncModbusTcpClient)
        else:
            line = RtuLine(modbus_rtu.Config(port="meters", latency_max_s=LATEST_MS / 1_000), crc16, serial)
        return _CheckedBus(line, self._slave, self._registers)

    async def _use(self, bus: _CheckedBus, unit: int) -> None:
        """Opens and reads, again and again, until the plan is at its end and a reading is right."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                options = self._first.options
                config = msgspec.convert({"bus": "line", "map": self._first.map, "unit_id": unit, **options}, Config)
            except msgspec.ValidationError:
                return
            if config.reversed and self._reading.energy_export_wh is None:
                return  # this meter gives no reading at all
            try:
                meter = await _in_time(modbus_meter.open(config, {"line": bus}))
                while True:
                    bus.spoilt.discard(unit)
                    healed = self._slave.harmless
                    reading = await _in_time(meter.read())
                    _plausible(reading)
                    if unit not in bus.spoilt and not config.reversed:
                        _right(reading, self._reading)
                    if healed:
                        return
                    await asyncio.sleep(PAUSE_S)
            except DriverError as error:
                in_words(error, "meters")
            if self._slave.harmless:
                self._healed_at_s = self._healed_at_s or loop.time()
                assert loop.time() - self._healed_at_s < HEALED_S, "the line is well, and there is still no reading"
            await asyncio.sleep(PAUSE_S)


async def _in_time(work: Any) -> Any:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=ONE_S)
    assert done, f"neither a reading nor an error came within {ONE_S:g} s"
    return task.result()


def _key(request: Any) -> tuple[int, int, int, int]:
    return request.unit, request.function, request.address, request.count


def _numbers(reading: Reading) -> dict[str, tuple[float | None, ...]]:
    fields = msgspec.structs.asdict(reading)
    return {name: value if isinstance(value, tuple) else (value,) for name, value in fields.items()}


def _plausible(reading: Reading) -> None:
    """Every number is finite and within what its quantity can be."""
    widest = max(high for _, high in BOUNDS.values())
    for name, numbers in _numbers(reading).items():
        for number in numbers:
            assert number is None or (math.isfinite(number) and abs(number) <= widest), f"{name}: {number}"
    assert reading.energy_import_wh >= 0


def _right(reading: Reading, truth: Reading) -> None:
    """Nothing but what the meter says; less of it where it refused something when it was opened."""
    assert reading.energy_import_wh == truth.energy_import_wh
    for (name, ours), theirs in zip(_numbers(reading).items(), _numbers(truth).values(), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one in (other, None), f"{name}: {ours}, but the meter says {theirs}"


def _step(rng: random.Random) -> Step:
    if rng.random() < 0.05:
        return Step(cut=True)
    return Step([_piece(rng) for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3)))])


def _piece(rng: random.Random) -> Piece:
    after_ms = rng.choice((0, 0, 0, rng.randrange(LATEST_MS + 1)))
    match rng.randrange(10):
        case 0 | 1:
            return Piece(after_ms=after_ms)
        case 2:
            return Piece(after_ms=after_ms, refusal=rng.choice((0, 1, 2, 2, 3, 4, 5, 6, 10, 11, rng.randrange(256))))
        case 3:
            words = rng.choice((*NONSENSE, rng.randbytes(2 * rng.randint(1, 8)).hex()))
            return Piece(after_ms=after_ms, words=words)
        case 4:
            return Piece(after_ms=after_ms, more=rng.choice((-1_000, -2, -1, 1, 2, 60)))
        case 5:
            return Piece(after_ms=after_ms, unit=rng.choice((0, 1, -1)), function=rng.choice((0, 1, -1, 0x80)))
        case 6:
            return Piece(after_ms=after_ms, transaction=rng.choice((-1, 1, 256)))
        case 7:
            return Piece(
                after_ms=after_ms, raw=mutation.bytes_of(rng, rng.randbytes(rng.randint(1, 20)), 1)[:1_000].hex() or "00"
            )
        case _:
            harms = [_harm(rng) for _ in range(rng.randint(1, 3))]
            return Piece(after_ms=after_ms, harms=harms, words=rng.choice(("", "", "", *NONSENSE)))


def _harm(rng: random.Random) -> Harm:
    new = rng.choice(("", "", rng.randbytes(1).hex(), rng.randbytes(rng.randint(1, 8)).hex(), "00" * 300))
    return Harm(rng.randrange(60), rng.choice((0, 1, 1, 2, 300)), new)
