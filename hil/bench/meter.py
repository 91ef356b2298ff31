"""The bench's energy meters: the registers of an Eastron SDM630, one unit address for each connector.

Input registers (function 4) hold big-endian float32, most significant word first; serial number and meter code stand in the
holding registers (function 3). Addresses are those on the wire, counted from 0.
"""

import struct
from collections.abc import Callable, Sequence

from hil.bench.outlet import PHASES, Outlet, register_kwh
from hil.bench.world import World

ILLEGAL_ADDRESS = 2
INPUT_REGISTERS = 382
SERIAL_ADDRESS = 0xFC00
METER_CODE = 0x0070
FREQUENCY_HZ = 50.0


def input_values(outlet: Outlet) -> dict[int, float]:
    """Register address -> value, in the meter's units (V, A, W, Hz, kWh)."""
    kwh = register_kwh(outlet.energy_wh)
    values = {30: 1.0, 32: 1.0, 34: 1.0, 52: outlet.power_w, 62: 1.0, 70: FREQUENCY_HZ, 72: kwh, 74: 0.0, 342: kwh}
    for phase in range(PHASES):
        current_a = outlet.drawn_current_a if phase < outlet.phases else 0.0
        values[2 * phase] = outlet.voltage_v
        values[6 + 2 * phase] = current_a
        values[12 + 2 * phase] = current_a * outlet.voltage_v
    return values


def _input_words(outlet: Outlet) -> list[int]:
    words = [0] * INPUT_REGISTERS
    for address, value in input_values(outlet).items():
        words[address : address + 2] = struct.unpack(">HH", struct.pack(">f", value))
    return words


def _holding_words(outlet: Outlet) -> list[int]:
    return [*struct.unpack(">HH", struct.pack(">I", 63_000_000 + outlet.number)), METER_CODE]


def registers(world: World, catch_up: Callable[[], None]) -> Callable[[int, int, int, int], Sequence[int] | int | None]:
    """What the slave asks for (unit, function, address, count): words, an exception code, or None for silence."""

    def read(unit: int, function: int, address: int, count: int) -> Sequence[int] | int | None:
        catch_up()
        outlet = world.outlets.get(unit)
        return None if outlet is None else register_words(outlet, function, address, count)

    return read


def register_words(outlet: Outlet, function: int, address: int, count: int) -> Sequence[int] | int | None:
    """What the meter of one outlet answers."""
    if not outlet.meter_answers:
        return None
    if function == 4:
        words, start = _input_words(outlet), 0
    else:
        words, start = _holding_words(outlet), SERIAL_ADDRESS
    first = address - start
    if first < 0 or first + count > len(words):
        return ILLEGAL_ADDRESS
    return words[first : first + count]
