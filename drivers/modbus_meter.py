"""Meter driver `modbus_meter`: any meter that a register map describes, on a Modbus bus.

Owns the way from registers to one Reading, the check that the meter is the model it is taken for, and the doubt about energies
that no meter can show. Refuses to know framing and time-outs: that is the bus. OCPP 1.6 section 7.31 (measurands).
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct, structs

from chargepoint.facts import NO_PHASES, Phases, Quantity, Reading
from chargepoint.ports import Buses, DriverError
from drivers import meters
from drivers.meters import proving
from drivers.meters.decoding import decode
from drivers.meters.plan import Block, Item, blocks_of, finer, items_of
from drivers.meters.watch import EnergyWatch
from drivers.modbus.bus import Bus, Refused

DECIMALS = 3  # Wh, W, A, V, Hz: finer digits are noise of 32-bit floats
ENERGY_MAX_WH = 1e11  # 22 kW for five hundred years

# Outside of these a number is no measurement, whatever the register says.
BOUNDS: Mapping[Quantity, tuple[float, float]] = {
    Quantity.ENERGY_IMPORT: (0.0, ENERGY_MAX_WH),
    Quantity.ENERGY_EXPORT: (0.0, ENERGY_MAX_WH),
    Quantity.POWER: (-10e6, 10e6),
    Quantity.POWER_PHASES: (-10e6, 10e6),
    Quantity.CURRENT: (-10e3, 10e3),
    Quantity.VOLTAGE: (0.0, 1_000.0),
    Quantity.FREQUENCY: (0.0, 100.0),
    Quantity.POWER_FACTOR: (-1.0, 1.0),
    Quantity.TEMPERATURE: (-60.0, 200.0),
    Quantity.PHASE_SEQUENCE: (-1.0, 0.0),
}
PHASE_SEQUENCES: Mapping[float | None, int] = {0.0: 1, -1.0: -1}  # as registers tell it: 0 for L1, L2, L3


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """map: a name from docs/meters.md, or the absolute path of an own file. unit_id: left out, the factory's.

    verify_model: refuse a meter whose model register says that it is another one. serial_number: refuse a meter that has
    another one. reversed: the meter sits the other way round (import and export change places, power its sign).
    energy_rate_max_w: a register that rises faster is no reading. The default is more than any connector can give (80 A).
    """

    bus: Annotated[str, Meta(min_length=1)]
    map: Annotated[str, Meta(min_length=1, examples=['map = "sdm630"; docs/meters.md has all'])]
    unit_id: Annotated[int, Meta(ge=1, le=247)] | None = None
    verify_model: bool = True
    serial_number: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    reversed: bool = False
    energy_rate_max_w: Annotated[float, Meta(gt=0)] = 100_000.0

    def __post_init__(self) -> None:
        meter_map = meters.load(self.map)
        if self.unit_id is None and meter_map.unit_id is None:
            raise ValueError(f"unit_id is missing, and meters of map {self.map} have no common one from the factory")
        if self.reversed and Quantity.ENERGY_EXPORT not in meter_map.quantities:
            raise ValueError(f"reversed = true needs an export register, which map {self.map} does not have")
        if self.serial_number is not None and meter_map.serial_number is None:
            raise ValueError(f"serial_number cannot be checked: map {self.map} knows no register for it; leave it out")


def remarks(config: Config) -> list[str]:
    """Sentences for an installer about a configuration that is valid."""
    meter_map = meters.load(config.map)
    if meter_map.verified:
        return []
    return [
        f"The register map {meter_map.name} ({meter_map.manufacturer} {meter_map.model}) is not verified: "
        f"{meter_map.why_unverified} Compare the meter's display with `chargepoint status` before you bill."
    ]


async def open(config: Config, buses: Buses) -> "ModbusMeter":
    """The meter, found on its bus and asked once for everything; DriverError where it is not there or is another model."""
    bus = buses.get(config.bus)
    if bus is None:
        there = ", ".join(sorted(buses)) or "none"
        raise DriverError(f'bus "{config.bus}" is not open; there are: {there}. Check [buses] in the configuration.')
    if not isinstance(bus, Bus):
        raise DriverError(f'bus "{config.bus}" is no Modbus bus. Name one whose driver is modbus_rtu or modbus_tcp.')
    meter = ModbusMeter(config, bus)
    await meter.find()
    return meter


class ModbusMeter:
    """See ports.Meter. `quantities` is what this very meter gave when it was found."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self._config = config
        self._bus = bus
        self._map = meters.load(config.map)
        unit = config.unit_id if config.unit_id is not None else self._map.unit_id
        assert unit is not None, "Config refuses this"
        self._unit = unit
        self._blocks = blocks_of(items_of(self._map), self._map.max_read_registers, self._map.gap_registers)
        self._closed = False
        # The bus keeps the memory: this driver is opened anew after every failure.
        watch = bus.memory.setdefault(("energy", unit, self._map.name, config.reversed), EnergyWatch(_step_wh(self._map)))
        assert isinstance(watch, EnergyWatch)
        self._watch = watch
        self.quantities = frozenset(self._map.quantities)

    @property
    def name(self) -> str:
        return f"{self._bus.where}, unit {self._unit} ({self._map.name})"

    async def find(self) -> None:
        """Checks that this is the meter, and settles the requests that it takes; raises DriverError."""
        await self._check_model()
        await self._check_serial_number()
        settled: list[Block] = []
        read: list[tuple[Block, list[int]]] = []
        waiting = list(self._blocks)
        while waiting:
            block = waiting.pop(0)
            try:
                words = await self._words(block)
            except Refused as refusal:
                if refusal.code not in (1, 2, 3):
                    raise
                waiting[:0] = finer(block)
                if len(block.items) == 1 and block.items[0].quantity is Quantity.ENERGY_IMPORT:
                    raise DriverError(
                        f"{self.name}: the register of the imported energy is refused. Is it this model? ({refusal})"
                    ) from None
            else:
                settled.append(block)
                read.append((block, words))
        self._complain(proving.words_exchanged(self._map, read))
        self._blocks = _with_whole_numbers(settled, self._blocks)
        there = {item.quantity for block in self._blocks for item in block.items}
        if self._config.reversed and Quantity.ENERGY_EXPORT not in there:
            raise DriverError(f"{self.name}: reversed = true needs an export register, and this meter refuses it")
        self.quantities = frozenset(there)

    async def read(self) -> Reading:
        """One reading; DriverError where there is no energy, or one that cannot be believed."""
        if self._closed:
            raise DriverError(f"{self.name}: closed")
        numbers: dict[tuple[Quantity, int | None], float | None] = {}
        for block in self._blocks:
            words = await self._words(block)
            for item in block.items:
                key = _key(item)
                numbers[key] = _sum(numbers.get(key, 0.0), self._number(item, block, words))
        reading = self._reading({key: self._bounded(key[0], number) for key, number in numbers.items()})
        self._watch.check(reading.energy_import_wh, time.monotonic(), self._config.energy_rate_max_w, self.name)
        return reading

    async def serial_number(self) -> str | None:
        """As it is printed on the meter; None where its map knows no register for it, or the meter refuses it. DriverError."""
        register = self._map.serial_number
        if register is None:
            return None
        try:
            words = await self._bus.read(self._unit, register.function, register.address, register.registers)
        except Refused:
            return None
        return proving.serial_text(register, words, lsw_first=self._map.word_order == "lsw_first")

    async def close(self) -> None:
        """The bus stays: others are on it."""
        self._closed = True

    async def _words(self, block: Block) -> list[int]:
        return await self._bus.read(self._unit, block.function, block.address, block.count)

    async def _check_model(self) -> None:
        identity = self._map.identity
        if identity is None or not self._config.verify_model:
            return
        try:
            (code,) = await self._bus.read(self._unit, identity.function, identity.address, 1)
        except Refused:
            return  # older firmware has no such register
        self._complain(proving.another_model(identity, code))

    async def _check_serial_number(self) -> None:
        expected = self._config.serial_number
        if expected is None:
            return
        found = await self.serial_number()
        if found is None:
            raise DriverError(f"{self.name}: tells no serial number; leave serial_number out")
        self._complain(proving.another_meter(expected, found))

    def _complain(self, complaint: str | None) -> None:
        if complaint is not None:
            raise DriverError(f"{self.name}: {complaint}")

    def _number(self, item: Item, block: Block, words: list[int]) -> float | None:
        register = self._map.quantities[item.quantity]
        raw = decode(
            words[item.address - block.address : item.end - block.address],
            item.type,
            lsw_first=self._map.word_order == "lsw_first",
            extremes_invalid=self._map.invalid == "extremes",
        )
        return None if raw is None else item.sign * raw * register.scale

    def _bounded(self, quantity: Quantity, number: float | None) -> float | None:
        if number is None:
            return None
        tenfold_above = self._map.quantities[quantity].tenfold_above
        if tenfold_above is not None and number > tenfold_above:
            number /= 10
        number = round(number, DECIMALS)
        low, high = BOUNDS[quantity]
        return number if low <= number <= high else None

    def _reading(self, numbers: dict[tuple[Quantity, int | None], float | None]) -> Reading:
        turn = -1.0 if self._config.reversed else 1.0
        energies = (numbers.get((Quantity.ENERGY_IMPORT, None)), numbers.get((Quantity.ENERGY_EXPORT, None)))
        energy_import_wh, energy_export_wh = reversed(energies) if self._config.reversed else energies
        if energy_import_wh is None:
            raise DriverError(f"{self.name}: the energy register holds no valid number. Check the map and the meter's display.")

        def phases(quantity: Quantity) -> Phases:
            one, two, three = (numbers.get((quantity, phase)) for phase in range(3))
            return one, two, three

        return Reading(
            energy_import_wh=energy_import_wh,
            energy_export_wh=energy_export_wh,
            power_w=_turned(numbers.get((Quantity.POWER, None)), turn),
            power_w_phases=_each(phases(Quantity.POWER_PHASES), turn),
            # Some meters sign the current, some do not: the direction is in the power.
            current_a=_magnitudes(phases(Quantity.CURRENT)),
            voltage_v=phases(Quantity.VOLTAGE),
            frequency_hz=numbers.get((Quantity.FREQUENCY, None)),
            power_factor=numbers.get((Quantity.POWER_FACTOR, None)),
            temperature_c=numbers.get((Quantity.TEMPERATURE, None)),
            phase_sequence=PHASE_SEQUENCES.get(numbers.get((Quantity.PHASE_SEQUENCE, None))),
        )


def _with_whole_numbers(settled: Sequence[Block], wanted: Sequence[Block]) -> tuple[Block, ...]:
    """What was settled without the halves of differences: where one register of two is refused there is no number."""

    there, whole = (Counter(_key(item) for block in blocks for item in block.items) for blocks in (settled, wanted))
    halves = {key for key, count in there.items() if count < whole[key]}
    kept = (structs.replace(block, items=tuple(item for item in block.items if _key(item) not in halves)) for block in settled)
    return tuple(block for block in kept if block.items)


def _step_wh(meter_map: meters.MeterMap) -> float:
    """By how much the energy register rises at least; a floating one rises by little."""
    energy = meter_map.quantities[Quantity.ENERGY_IMPORT]
    return 0.0 if (energy.type or meter_map.type).startswith("float") else abs(energy.scale)


def _key(item: Item) -> tuple[Quantity, int | None]:
    return item.quantity, item.phase


def _sum(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one + two


def _turned(number: float | None, turn: float) -> float | None:
    return None if number is None else number * turn + 0.0  # no minus zero


def _each(phases: Phases, turn: float) -> Phases:
    one, two, three = (_turned(phase, turn) for phase in phases)
    return one, two, three


def _magnitudes(phases: Phases) -> Phases:
    if phases == NO_PHASES:
        return NO_PHASES
    one, two, three = (None if phase is None else abs(phase) for phase in phases)
    return one, two, three
