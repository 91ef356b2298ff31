"""The kernel's GPIO (version 2) and SPI interfaces as bytes: what linux/gpio.h and linux/spi/spidev.h say, nothing more."""

import struct
from typing import NamedTuple

GPIO_CHIP_INFO = 0x8044B401
GPIO_LINE_INFO = 0xC100B405
GPIO_LINE_REQUEST = 0xC250B407
GPIO_SET_CONFIG = 0xC110B40D
GPIO_GET_VALUES = 0xC010B40E
GPIO_SET_VALUES = 0xC010B40F

USED, ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING, OPEN_DRAIN, OPEN_SOURCE, PULL_UP, PULL_DOWN, NO_PULL = (
    1 << bit for bit in range(11)
)
RISING_EVENT, FALLING_EVENT = 1, 2
ATTRIBUTE_FLAGS, ATTRIBUTE_VALUES = 1, 2
LINES_MAX = 64
ATTRIBUTES_MAX = 10

SPI_TYPE = 0x6B
SPI_SEGMENT = struct.Struct("=QQIIHBBBBBx")

_CONFIG = struct.Struct("=QI20x")
_ATTRIBUTE = struct.Struct("=I4xQQ")
_EVENT = struct.Struct("=QIIII24x")
_VALUES = struct.Struct("=QQ")


class Config(NamedTuple):
    """What is asked for one line of a request. value: the level to drive first, None where none was given."""

    flags: int
    value: bool | None


class Request(NamedTuple):
    lines: tuple[int, ...]
    consumer: str
    configs: tuple[Config, ...]


def chip_info(name: str, label: str, lines: int) -> bytes:
    return struct.pack("=32s32sI", name.encode(), label.encode(), lines)


def line_info(name: str, consumer: str, number: int, flags: int) -> bytes:
    return struct.pack("=32s32sIIQ176x", name.encode(), consumer.encode(), number, 0, flags)


def event(at_ns: int, rising: bool, number: int, sequence: int) -> bytes:
    return _EVENT.pack(at_ns, RISING_EVENT if rising else FALLING_EVENT, number, sequence, sequence)


def values(raw: bytes) -> tuple[int, int]:
    """Bits and mask."""
    bits, mask = _VALUES.unpack(raw)
    return bits, mask


def values_bytes(bits: int, mask: int) -> bytes:
    return _VALUES.pack(bits, mask)


def request(raw: bytes) -> Request:
    (count,) = struct.unpack_from("=I", raw, 560)
    lines = struct.unpack_from("=64I", raw, 0)[: min(count, LINES_MAX)]
    consumer = raw[256:288].split(b"\0", 1)[0].decode(errors="replace")
    return Request(lines, consumer, configs(raw[288:560], len(lines)))


def configs(raw: bytes, lines: int) -> tuple[Config, ...]:
    """gpio_v2_line_config for each of so many lines."""
    flags, count = _CONFIG.unpack_from(raw, 0)
    each = [Config(flags, None) for _ in range(lines)]
    for attribute in range(min(count, ATTRIBUTES_MAX)):
        kind, value, mask = _ATTRIBUTE.unpack_from(raw, _CONFIG.size + attribute * _ATTRIBUTE.size)
        for position in range(lines):
            if mask >> position & 1 and kind == ATTRIBUTE_FLAGS:
                each[position] = each[position]._replace(flags=value)
            elif mask >> position & 1 and kind == ATTRIBUTE_VALUES:
                each[position] = each[position]._replace(value=bool(value >> position & 1))
    return tuple(each)
