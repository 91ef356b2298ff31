"""Searches lines for meters: which settings, which unit ids, and which map is theirs.

Owns what is tried and in which order, within bounds: the settings that meters have from the factory, the unit ids that are
usual, then more of them where one has answered. A map is certain where the meter's own register names the model; otherwise
those maps are named that give sensible voltages and frequencies, and a person chooses. Only reads; a service that holds the
line must be stopped before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from msgspec import Struct

from chargepoint.facts import Quantity, Reading
from chargepoint.ports import DriverError
from drivers import modbus_rtu, modbus_tcp
from drivers.meters import REGISTERS, MeterMap, load, names
from drivers.meters.decoding import decode
from drivers.meters.plan import items_of
from drivers.modbus.bus import Bus, LineLost, NoAnswer, Refused
from drivers.modbus_meter import Config, ModbusMeter

TIMEOUT_S = 0.12
LATENCY_S = 0.1
PORTS_MAX = 16
UNITS_FIRST = (1, 2, 3, 33)
UNITS_MORE = tuple(range(1, 11))
PROBE = ((3, 0), (4, 0))  # a meter that knows neither register refuses, which is an answer too
VOLTS = (80.0, 300.0)
HERTZ = (45.0, 65.0)


class Setting(Struct, frozen=True, order=True):
    """How a line is set."""

    baud: int
    parity: str
    stop_bits: int

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}{self.stop_bits}"


class Found(Struct, frozen=True, kw_only=True):
    """A meter that answers. maps: those that fit, the likeliest first; sure: the meter itself names the model.
    line: the port, or the host with its port. reading: what it shows by the first map.
    """

    line: str
    setting: Setting | None
    unit_id: int
    maps: tuple[str, ...]
    sure: bool
    serial_number: str = ""
    reading: Reading | None = None


def settings_to_try() -> tuple[Setting, ...]:
    """Those that meters have from the factory, the commonest first."""
    known = [load(name).serial for name in names()]
    found = [Setting(one.baud, one.parity, one.stop_bits) for one in known if one is not None]
    usual = [Setting(9_600, "N", 1), Setting(19_200, "E", 1), Setting(9_600, "E", 1), Setting(19_200, "N", 1)]
    return tuple(dict.fromkeys([*usual, *sorted(found, key=found.count, reverse=True)]))


async def search_port(port: str, progress: Callable[[str], None], units: Iterable[int] = UNITS_FIRST) -> AsyncIterator[Found]:
    """Meters on a serial port, as they are found; LineLost where it cannot be opened. Without one it takes about 15 s.

    A setting that the adapter does not know is passed over.
    """
    lost: LineLost | None = None
    opened = False
    for setting in settings_to_try():
        progress(f"{port}, {setting}")
        config = modbus_rtu.Config(
            port=port,
            baud=setting.baud,
            parity=setting.parity,  # type: ignore[arg-type]  # of a map, which has been checked
            stop_bits=setting.stop_bits,  # type: ignore[arg-type]
            timeout_s=TIMEOUT_S,
            latency_max_s=LATENCY_S,
        )
        bus = await modbus_rtu.open(config)
        try:
            try:
                there = [unit for unit in units if await _answers(bus, unit)]
            except LineLost as error:
                lost = error
                continue
            opened = True
            if not there:
                continue
            progress(f"{port}, {setting}: something answers, looking for more")
            more = [unit for unit in UNITS_MORE if unit not in units and await _answers(bus, unit)]
            for unit in [*there, *more]:
                yield await identified(bus, port, setting, unit)
            return
        finally:
            await bus.close()
    if lost is not None and not opened:
        raise lost


async def search_host(host: str, port: int, progress: Callable[[str], None]) -> AsyncIterator[Found]:
    """Meters behind a network address; LineLost where nothing listens there."""
    progress(f"{host}:{port}")
    bus = await modbus_tcp.open(modbus_tcp.Config(host=host, port=port, timeout_s=1.0))
    try:
        for unit in UNITS_FIRST:
            if await _answers(bus, unit):
                yield await identified(bus, f"{host}:{port}", None, unit)
    finally:
        await bus.close()


async def identified(bus: Bus, line: str, setting: Setting | None, unit: int) -> Found:
    """What a unit that answers is."""
    sure = await _named(bus, unit)
    tried = sure or [load(name) for name in names() if load(name).identity is None]
    fitting: list[tuple[int, str, Reading, str]] = []
    for one in tried:
        seen = await _fits(bus, unit, one)
        if seen is not None:
            reading, number = seen
            fitting.append((_told(reading), one.name, reading, number))
    fitting.sort(key=lambda fit: -fit[0])
    if not fitting:
        return Found(line=line, setting=setting, unit_id=unit, maps=tuple(one.name for one in sure), sure=bool(sure))
    _, _, reading, number = fitting[0]
    maps = tuple(name for _, name, _, _ in fitting)
    return Found(line=line, setting=setting, unit_id=unit, maps=maps, sure=bool(sure), serial_number=number, reading=reading)


async def _answers(bus: Bus, unit: int) -> bool:
    """Whether somebody is at this unit id. LineLost, where the line itself is not there, goes to the caller."""
    for function, address in PROBE:
        try:
            await bus.read(unit, function, address, 2)
        except Refused:
            return True
        except LineLost:
            raise
        except NoAnswer:
            return False
        else:
            return True
    return False


async def _named(bus: Bus, unit: int) -> list[MeterMap]:
    """The maps whose model register says what they are for."""
    with_code = [one for one in (load(name) for name in names()) if one.identity is not None]
    seen: dict[tuple[int, int], int | None] = {}
    for one in with_code:
        assert one.identity is not None
        place = (one.identity.function, one.identity.address)
        if place not in seen:
            try:
                (seen[place],) = await bus.read(unit, *place, 1)
            except DriverError:
                seen[place] = None
    matching: list[MeterMap] = []
    for one in with_code:
        assert one.identity is not None
        code = seen[one.identity.function, one.identity.address]
        if code and code in one.identity.values:  # 0 is what many a meter says to any register
            matching.append(one)
    return matching


async def _fits(bus: Bus, unit: int, meter_map: MeterMap) -> tuple[Reading, str] | None:
    """What the meter shows by a map, where that is sensible."""
    meter = ModbusMeter(Config(bus="search", map=meter_map.name, unit_id=unit, verify_model=False), bus)
    try:
        if not await _first_voltage(bus, unit, meter_map):
            return None
        await meter.find()
        reading = await meter.read()
        number = await meter.serial_number()
    except DriverError:
        return None
    if not _sensible([volts for volts in reading.voltage_v if volts is not None], VOLTS):
        return None
    if reading.frequency_hz is not None and not _sensible([reading.frequency_hz], HERTZ):
        return None
    return reading, number or ""


async def _first_voltage(bus: Bus, unit: int, meter_map: MeterMap) -> bool:
    """Whether the voltage of L1 makes sense: one request, which most maps that do not fit fail at. DriverError."""
    item = next((one for one in items_of(meter_map) if one.quantity is Quantity.VOLTAGE), None)
    if item is None:
        return True
    words = await bus.read(unit, item.function, item.address, REGISTERS[item.type])
    raw = decode(words, item.type, lsw_first=meter_map.word_order == "lsw_first")
    return raw is not None and _sensible([raw * meter_map.quantities[item.quantity].scale], VOLTS)


def _sensible(values: Sequence[float], bounds: tuple[float, float]) -> bool:
    """At least one value is there and live, and none that is live lies elsewhere; a phase that is not wired shows nothing."""
    live = [value for value in values if value > 10.0]
    return bool(live) and all(bounds[0] <= value <= bounds[1] for value in live)


def _told(reading: Reading) -> int:
    """How much a reading tells: the map that explains most is the likeliest."""
    phases = sum(value is not None and value > 10.0 for value in reading.voltage_v)
    return 4 * phases + sum(value is not None for value in (reading.frequency_hz, reading.power_w, reading.power_factor))


async def search(ports: Sequence[str], progress: Callable[[str], None], limit_s: float = 60.0) -> tuple[list[Found], list[str]]:
    """Meters on every port, and what kept a port from being searched. Ends after limit_s with what was found by then."""
    found: list[Found] = []
    trouble: list[str] = []
    try:
        async with asyncio.timeout(limit_s):
            for port in ports[:PORTS_MAX]:
                try:
                    async for one in search_port(port, progress):
                        found.append(one)
                except DriverError as error:
                    trouble.append(str(error))
    except TimeoutError:
        trouble.append(f"the search was ended after {limit_s:g} s; name the port in the answer to search only there")
    return found, trouble
