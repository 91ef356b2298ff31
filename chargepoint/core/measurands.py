"""Measurands: what may stand in a list of measured values, and what a meter's reading gives for it (OCPP 1.6 section 7.31).

Owns the mapping from a reading to SampledValues. Refuses to know when samples are taken. A member of a list is a measurand,
with the phase behind it where only one is wanted (`Voltage.L1-N`).
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from chargepoint.facts import Phases, Quantity, Reading
from chargepoint.messages import Location, Measurand, Phase, ReadingContext, SampledValue, UnitOfMeasure, ValueFormat

Value = tuple[Phase | None, float | None]
LINES = (Phase.L1, Phase.L2, Phase.L3)
LINES_TO_NEUTRAL = (Phase.L1_N, Phase.L2_N, Phase.L3_N)


class Offer(Struct, frozen=True):
    """What the station offers while it measures. phases: in use by the connector."""

    current_a: float
    phases: int = 3


class Source(Struct, frozen=True):
    """Where a measurand comes from. quantity None: the station itself knows it."""

    quantity: Quantity | None
    unit: UnitOfMeasure | None
    phases: tuple[Phase, ...]
    values: Callable[[Reading, Offer], list[Value]]
    decimals: int


def _total(pick: Callable[[Reading], float | None]) -> Callable[[Reading, Offer], list[Value]]:
    return lambda reading, offer: [(None, pick(reading))]


def _by_phase(names: tuple[Phase, ...], pick: Callable[[Reading], Phases]) -> Callable[[Reading, Offer], list[Value]]:
    return lambda reading, offer: list(zip(names, pick(reading), strict=True))


def _power(reading: Reading, offer: Offer) -> list[Value]:
    return [(None, reading.power_w), *zip(LINES, reading.power_w_phases, strict=True)]


def _power_offered(reading: Reading, offer: Offer) -> list[Value]:
    voltages = [volts for volts in reading.voltage_v[: offer.phases] if volts is not None] or [230.0]
    return [(None, offer.current_a * offer.phases * sum(voltages) / len(voltages))]


SOURCES: dict[Measurand, Source] = {
    Measurand.Energy_Active_Import_Register: Source(
        Quantity.ENERGY_IMPORT, UnitOfMeasure.Wh, (), _total(lambda reading: reading.energy_import_wh), 0
    ),
    Measurand.Energy_Active_Export_Register: Source(
        Quantity.ENERGY_EXPORT, UnitOfMeasure.Wh, (), _total(lambda reading: reading.energy_export_wh), 0
    ),
    Measurand.Power_Active_Import: Source(Quantity.POWER, UnitOfMeasure.W, LINES, _power, 1),
    Measurand.Current_Import: Source(
        Quantity.CURRENT, UnitOfMeasure.A, LINES, _by_phase(LINES, lambda reading: reading.current_a), 2
    ),
    Measurand.Voltage: Source(
        Quantity.VOLTAGE, UnitOfMeasure.V, LINES_TO_NEUTRAL, _by_phase(LINES_TO_NEUTRAL, lambda reading: reading.voltage_v), 1
    ),
    Measurand.Power_Factor: Source(Quantity.POWER_FACTOR, None, (), _total(lambda reading: reading.power_factor), 3),
    Measurand.Frequency: Source(Quantity.FREQUENCY, None, (), _total(lambda reading: reading.frequency_hz), 2),
    Measurand.Temperature: Source(
        Quantity.TEMPERATURE, UnitOfMeasure.Celsius, (), _total(lambda reading: reading.temperature_c), 1
    ),
    Measurand.Current_Offered: Source(
        None, UnitOfMeasure.A, (), lambda reading, offer: [(None, offer.current_a)], 1
    ),
    Measurand.Power_Offered: Source(None, UnitOfMeasure.W, (), _power_offered, 0),
}  # fmt: skip


class Wanted(Struct, frozen=True):
    """One member of a list. phase None: every value that the measurand has."""

    measurand: Measurand
    phase: Phase | None = None


def parse_member(member: str) -> Wanted | None:
    """The measurand and phase that a member names; None where there is no such thing."""
    if member in Measurand.__members__.values():
        return Wanted(Measurand(member))
    name, _, suffix = member.rpartition(".")
    if name in Measurand.__members__.values() and suffix in Phase.__members__.values():
        return Wanted(Measurand(name), Phase(suffix))
    return None


def parse_members(value: str) -> list[Wanted]:
    """The members of a list that was checked."""
    parsed = (parse_member(member.strip()) for member in value.split(",") if member.strip())
    return [wanted for wanted in parsed if wanted is not None]


def check_measurands(value: str) -> str | None:
    """What is wrong with a list of measurands, as far as no meter need be asked."""
    for member in value.split(","):
        name = member.strip()
        if not name:
            if value.strip():
                return "has an empty member"
            continue
        wanted = parse_member(name)
        if wanted is None:
            return f"{name!r} is no measurand of OCPP 1.6"
        source = SOURCES.get(wanted.measurand)
        if source is None:
            return f"{name!r} cannot be measured by this station"
        if wanted.phase is not None and wanted.phase not in source.phases:
            return f"{name!r}: no value of that phase can be had"
    return None


def missing_from(value: str, quantities: frozenset[Quantity]) -> str | None:
    """The first member of a checked list that meters with these quantities cannot give."""
    for wanted in parse_members(value):
        quantity = SOURCES[wanted.measurand].quantity
        if quantity is Quantity.POWER and wanted.phase is not None:
            quantity = Quantity.POWER_PHASES
        if quantity is not None and quantity not in quantities:
            return wanted.measurand if wanted.phase is None else f"{wanted.measurand}.{wanted.phase}"
    return None


def sample_values(
    members: list[Wanted],
    reading: Reading,
    offer: Offer,
    context: ReadingContext,
    *,
    energy_kwh: bool,
    register_offset_wh: float,
    location: Location = Location.Outlet,
) -> tuple[SampledValue, ...]:
    """The values of one sample, every attribute written out. register_offset_wh is taken off the import register."""
    shown = (
        (measurand, phase, number - register_offset_wh if measurand is Measurand.Energy_Active_Import_Register else number)
        for measurand, phase, number in _numbers(members, reading, offer)
    )
    return tuple(_sampled(measurand, phase, number, context, location, energy_kwh) for measurand, phase, number in shown)


def _numbers(members: list[Wanted], reading: Reading, offer: Offer) -> Iterator[tuple[Measurand, Phase | None, float]]:
    for wanted in members:
        for phase, number in SOURCES[wanted.measurand].values(reading, offer):
            if number is not None and (wanted.phase is None or wanted.phase is phase):
                yield wanted.measurand, phase, number


def whole_wh(energy_wh: float) -> int:
    """Energy as it is billed and told: whole Wh, cut off; a millionth more, as sums of floats fall a little short."""
    return int(energy_wh + 1e-6)


def _sampled(
    measurand: Measurand, phase: Phase | None, number: float, context: ReadingContext, location: Location, energy_kwh: bool
) -> SampledValue:
    unit, decimals = SOURCES[measurand].unit, SOURCES[measurand].decimals
    if unit is UnitOfMeasure.Wh:
        number = whole_wh(number)
        if energy_kwh:
            number, unit, decimals = number / 1000, UnitOfMeasure.kWh, 3
    return SampledValue(
        value=f"{number:.{decimals}f}",
        context=context,
        format=ValueFormat.Raw,
        measurand=measurand,
        phase=phase,
        location=location,
        unit=unit,
    )
