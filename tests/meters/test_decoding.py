"""Registers into numbers, by vectors written out by hand (IEEE 754 tables, two's complement, the Iskra types' definition)."""

import pytest

from drivers.meters import REGISTERS, Type
from drivers.meters.decoding import decode


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("type", "registers", "number"),
    [
        ("uint16", "FFFE", 65534),
        ("int16", "FFFE", -2),
        ("int16", "8000", -32768),
        ("uint32", "0001 0000", 65536),
        ("int32", "FFFF FFFE", -2),
        ("uint64", "0000 0001 0000 0000", 4294967296),
        ("int64", "FFFF FFFF FFFF FFFF", -1),
        ("float32", "4366 0000", 230.0),
        ("float32", "C12A 0000", -10.625),
        ("float32", "0000 0000", 0.0),
        ("float32", "41C5 851F", 24.69),
        ("float32", "4640 E4CD", 12345.2),
        ("float32", "497F FFFF", 1048575.9375),  # 2^20 - 2^-4: eight digits do not tell it from its neighbours
        ("float32", "7F7F FFFF", 3.4028235e38),
        ("float64", "40C8 1C8E 0000 0000", 12345.109375),
        ("iskra_t5", "FE00 59D8", 230.0),  # 23000 x 10^-2
        ("iskra_t5", "0100 0017", 230.0),  # 23 x 10^1
        ("iskra_t6", "00FF FFF6", -10.0),
        ("iskra_t6", "FF00 0064", 10.0),
        ("iskra_t7", "0000 2648", 0.98),
        ("iskra_t7", "FF00 2648", -0.98),
    ],
)
def test_numbers(type: Type, registers: str, number: float) -> None:
    assert decode(words(registers), type) == number


@pytest.mark.parametrize(
    ("type", "registers", "number"),
    [("int32", "FFFE FFFF", -2), ("float32", "0000 4366", 230.0), ("int64", "0005 0000 0000 0000", 5), ("uint16", "0102", 258)],
)
def test_least_significant_word_first(type: Type, registers: str, number: float) -> None:
    assert decode(words(registers), type, lsw_first=True) == number


@pytest.mark.parametrize("registers", ["7FC0 0000", "FFC0 0001", "7F80 0000", "FF80 0000", "FFFF FFFF"])
def test_nan_and_infinity_are_no_numbers(registers: str) -> None:
    assert decode(words(registers), "float32") is None


def test_nan_and_infinity_of_64_bits_are_no_numbers() -> None:
    assert decode(words("7FF8 0000 0000 0000"), "float64") is None
    assert decode(words("FFF0 0000 0000 0000"), "float64") is None


@pytest.mark.parametrize(
    ("type", "registers"),
    [
        ("uint16", "FFFF"),
        ("int16", "7FFF"),
        ("uint32", "FFFF FFFF"),
        ("int32", "7FFF FFFF"),
        ("uint64", "FFFF FFFF FFFF FFFF"),
        ("int64", "7FFF FFFF FFFF FFFF"),
    ],
)
def test_extremes_mean_no_value_where_the_map_says_so(type: Type, registers: str) -> None:
    assert decode(words(registers), type, extremes_invalid=True) is None
    assert decode(words(registers), type) is not None


def test_the_wrong_number_of_registers_is_a_mistake() -> None:
    for type, count in REGISTERS.items():
        with pytest.raises(ValueError, match=f"takes {count} registers"):
            decode([0] * (count + 1), type)
