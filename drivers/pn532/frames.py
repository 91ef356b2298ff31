"""Frames between a host and a PN532 (NXP UM0701-02 section 6.2.1), without a line: bytes in, bytes out.

A frame is 00 00 FF, length and its complement, then direction (D4 to the chip, D5 from it), code and data, their checksum, 00.
"""

from enum import Enum

from msgspec import Struct

WAKE_UP = b"\x55\x55" + bytes(14)
ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
DATA_MAX = 263
BUFFER_MAX = 1_024
TO_CHIP, FROM_CHIP, ERROR = 0xD4, 0xD5, 0x7F


class Answer(Struct, frozen=True):
    """code: that of the command, plus 1."""

    code: int
    data: bytes


class Signal(Enum):
    """What comes besides answers. ERROR: the chip did not understand the command. DAMAGED: bytes that are no frame."""

    ACK = "ack"
    NACK = "nack"
    ERROR = "error"
    DAMAGED = "damaged"


def command(code: int, data: bytes = b"") -> bytes:
    """A frame to the chip. data: at most 253 bytes, which no command here comes near."""
    return frame(bytes([TO_CHIP, code]) + data)


def frame(body: bytes) -> bytes:
    """A normal frame round a body of 2 to 255 bytes."""
    if not 2 <= len(body) <= 255:
        raise ValueError(f"a frame holds 2 to 255 bytes, not {len(body)}")
    return b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


class Decoder:
    """Finds the frames in what the line brings, piece by piece. What it holds is bounded by `BUFFER_MAX`."""

    def __init__(self) -> None:
        self._buffer = b""

    def clear(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Answer | Signal]:
        """Everything that is complete now."""
        self._buffer += data
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        if len(self._buffer) > BUFFER_MAX:
            self._buffer = b""
            found.append(Signal.DAMAGED)
        return found

    def _next(self) -> Answer | Signal | None:
        start = self._buffer.find(b"\x00\xff")
        if start < 0:
            self._buffer = self._buffer[-1:]
            return None
        self._buffer = self._buffer[start:]
        head = self._buffer[2:7]
        if len(head) < 2:
            return None
        if head[:2] == b"\x00\xff":
            return self._take(4, Signal.ACK)
        if head[:2] == b"\xff\x00":
            return self._take(4, Signal.NACK)
        if head[:2] == b"\xff\xff":  # an extended frame
            if len(head) < 5:
                return None
            begin, length, fits = 7, head[2] << 8 | head[3], sum(head[2:5]) & 0xFF == 0
        else:
            begin, length, fits = 4, head[0], sum(head[:2]) & 0xFF == 0
        if not fits or not 1 <= length <= DATA_MAX + 2:
            return self._take(2, Signal.DAMAGED)
        if len(self._buffer) < begin + length + 1:
            return None
        body = self._buffer[begin : begin + length]
        if (sum(body) + self._buffer[begin + length]) & 0xFF:
            return self._take(2, Signal.DAMAGED)
        return self._take(begin + length + 1, _meaning(body))

    def _take(self, length: int, what: Answer | Signal) -> Answer | Signal:
        self._buffer = self._buffer[length:]
        return what


def _meaning(body: bytes) -> Answer | Signal:
    if body[0] == ERROR:
        return Signal.ERROR
    if body[0] != FROM_CHIP or len(body) < 2:
        return Signal.DAMAGED
    return Answer(body[1], body[2:])
