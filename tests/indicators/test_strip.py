"""What a WS2812 reads off the data line: pulses of the lengths that its maker names, decoded again here."""

from itertools import groupby

import pytest

from drivers.indicators.strip import HERTZ, LAMPS_MAX, Encoding, encoded

ENCODINGS: tuple[Encoding, ...] = ("3bit", "8bit")


def levels(data: bytes) -> list[int]:
    return [byte >> place & 1 for byte in data for place in range(7, -1, -1)]


def pulses_ns(data: bytes, encoding: Encoding) -> list[tuple[float, float]]:
    """How long each pulse is high, and then low."""
    runs = [(level, sum(1 for _ in run) * 1e9 / HERTZ[encoding]) for level, run in groupby(levels(data))]
    assert runs[0][0] == 0, "the line is low before the first pulse"
    return [(high[1], low[1]) for high, low in zip(runs[1::2], runs[2::2], strict=True)]


def read(data: bytes, encoding: Encoding) -> bytes:
    """The bytes that a strip takes over: WS2812B data sheet, T0H 220 to 500 ns, T1H 550 to 1000 ns."""
    bits = []
    for high_ns, _ in pulses_ns(data, encoding):
        assert 220 <= high_ns <= 500 or 550 <= high_ns <= 1_000, f"a pulse of {high_ns} ns is neither"
        bits.append(high_ns >= 550)
    return bytes(
        sum(bit << (7 - place) for place, bit in enumerate(bits[start : start + 8])) for start in range(0, len(bits), 8)
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("order", "expected"), [("GRB", "34 12 56 00 ff 80"), ("RGB", "12 34 56 ff 00 80"), ("BGR", "56 34 12 80 00 ff")]
)
def test_a_strip_reads_the_colours_in_its_order(encoding: Encoding, order: str, expected: str) -> None:
    data = encoded([(0x12, 0x34, 0x56), (0xFF, 0x00, 0x80)], order, encoding)
    assert read(data, encoding) == bytes.fromhex(expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_byte_arrives(encoding: Encoding) -> None:
    colours = [(value, 255 - value, value ^ 0x5A) for value in range(0, 256, 3)]
    assert read(encoded(colours, "RGB", encoding), encoding) == bytes(part for colour in colours for part in colour)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bits_follow_at_800_khz_and_the_end_is_a_reset(encoding: Encoding) -> None:
    pulses = pulses_ns(encoded([(0xA5, 0x00, 0xFF)] * 3, "GRB", encoding), encoding)
    assert all(high_ns + low_ns == pytest.approx(1_250, abs=1) for high_ns, low_ns in pulses[:-1])
    assert pulses[-1][1] >= 280_000, "WS2812B: dark for more than 280 us before the colours are taken over"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_longest_strip_fits_into_one_transfer(encoding: Encoding) -> None:
    assert len(encoded([(1, 2, 3)] * LAMPS_MAX[encoding], "GRB", encoding)) <= 4_096
