"""Strips of WS2812 lamps on the data line of an SPI bus (MOSI; clock and select stay free).

Owns how colours become the bits that a strip reads. A strip takes 800,000 bits a second, long pulses for ones and short ones
for zeros: each is drawn by several bits of the bus.
"""

from collections.abc import Sequence
from typing import Literal

Encoding = Literal["3bit", "8bit"]
Rgb = tuple[int, int, int]  # 0 to 255 each

HERTZ: dict[Encoding, int] = {"3bit": 2_400_000, "8bit": 6_400_000}
LAMPS_MAX: dict[Encoding, int] = {"3bit": 400, "8bit": 150}  # spidev sends 4,096 bytes without a gap
RESET_S = 300e-6  # dark after the last bit: then a strip takes over what it has read

_SYMBOLS: dict[Encoding, tuple[int, int, int]] = {"3bit": (3, 0b100, 0b110), "8bit": (8, 0b1100_0000, 0b1111_1000)}


def _table(encoding: Encoding) -> tuple[bytes, ...]:
    """For every byte what is sent for it: three bytes or eight."""
    width, zero, one = _SYMBOLS[encoding]
    sent = []
    for value in range(256):
        bits = 0
        for place in range(7, -1, -1):
            bits = bits << width | (one if value >> place & 1 else zero)
        sent.append(bits.to_bytes(width))
    return tuple(sent)


_TABLES: dict[Encoding, tuple[bytes, ...]] = {encoding: _table(encoding) for encoding in HERTZ}


def encoded(colours: Sequence[Rgb], order: str, encoding: Encoding) -> bytes:
    """What is sent for a strip whose first lamp has the first colour. order: in which a lamp reads its bytes, as "GRB"."""
    table = _TABLES[encoding]
    places = ["RGB".index(letter) for letter in order]
    # The line idles where the last bit left it: a dark byte before the first pulse makes that one as long as the others.
    reset = bytes(round(RESET_S * HERTZ[encoding] / 8))
    return b"".join([b"\0", *(table[colour[place]] for colour in colours for place in places), reset])
