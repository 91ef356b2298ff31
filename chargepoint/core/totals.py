"""Totals: the readings of all connectors as one, for connector 0 (OCPP 1.6 section 4.7)."""

from collections.abc import Callable, Sequence

from chargepoint.facts import Phases, Reading


def total_of(readings: Sequence[Reading | None]) -> Reading | None:
    """Energy, power and current added up, the first voltage and frequency; None unless every connector has a reading."""
    known = [reading for reading in readings if reading is not None]
    if not known or len(known) < len(readings):
        return None
    first = known[0]
    return Reading(
        energy_import_wh=sum(reading.energy_import_wh for reading in known),
        energy_export_wh=_sum([reading.energy_export_wh for reading in known]),
        power_w=_sum([reading.power_w for reading in known]),
        power_w_phases=_phases(known, lambda reading: reading.power_w_phases),
        current_a=_phases(known, lambda reading: reading.current_a),
        voltage_v=first.voltage_v,
        frequency_hz=first.frequency_hz,
    )


def _sum(numbers: list[float | None]) -> float | None:
    present = [number for number in numbers if number is not None]
    return sum(present) if len(present) == len(numbers) else None


def _phases(readings: list[Reading], pick: Callable[[Reading], Phases]) -> Phases:
    columns = [pick(reading) for reading in readings]
    return (_sum([row[0] for row in columns]), _sum([row[1] for row in columns]), _sum([row[2] for row in columns]))
