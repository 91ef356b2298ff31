"""Registers into numbers. Knows types and word orders, no meter. What is no number (NaN, infinity, "no value") becomes None.

A float so small that it is written without its leading bit is none either: no meter measures 1e-38 of anything, but the words
of a true number in the wrong order look like that.
"""

import math
import struct
from collections.abc import Sequence

from drivers.meters import REGISTERS, Type

_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q"}
_FLOATS = {"float32": ">f", "float64": ">d"}
_NORMAL_MIN = {"float32": 2.0**-126, "float64": 2.0**-1022}


def decode(words: Sequence[int], type: Type, *, lsw_first: bool = False, extremes_invalid: bool = False) -> float | None:
    """The raw number in the registers, most significant first unless lsw_first; bytes inside one are big-endian always.

    extremes_invalid: all bits set (unsigned) and the greatest number (signed) stand for no value.
    """
    if len(words) != REGISTERS[type]:
        raise ValueError(f"{type} takes {REGISTERS[type]} registers, not {len(words)}")
    data = struct.pack(f">{len(words)}H", *(reversed(words) if lsw_first else words))
    if type in _FLOATS:
        (number,) = struct.unpack(_FLOATS[type], data)
        if not math.isfinite(number) or 0.0 < abs(number) < _NORMAL_MIN[type]:
            return None
        return _shortest(number, data) if type == "float32" else float(number)
    if type in _FORMATS:
        (whole,) = struct.unpack(_FORMATS[type], data)
        bits = 8 * len(data)
        greatest = (1 << bits) - 1 if type.startswith("u") else (1 << (bits - 1)) - 1
        return None if extremes_invalid and whole == greatest else float(whole)
    return _iskra(data, type)


def _shortest(number: float, data: bytes) -> float:
    """The decimal with the fewest digits that makes these 32 bits: 24.69 kWh is 24690 Wh, not 24690.0009."""
    for digits in (6, 7, 8):
        candidate = float(f"{number:.{digits}g}")
        try:
            if struct.pack(">f", candidate) == data:
                return candidate
        except OverflowError:
            break  # rounded up beyond the greatest number
    return number


def _iskra(data: bytes, type: Type) -> float:
    """T5: decimal exponent and unsigned mantissa of 24 bits. T6: the mantissa signed. T7: power factor with two signs."""
    if type == "iskra_t7":
        factor = int.from_bytes(data[2:]) / 10_000
        return -factor if data[0] == 0xFF else factor
    mantissa = int.from_bytes(data[1:], signed=type == "iskra_t6")
    exponent = int.from_bytes(data[:1], signed=True)
    return float(mantissa) * 10.0**exponent
