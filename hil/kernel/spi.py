"""SPI devices of the emulated kernel: one Python object a chip select, behind the ioctls of spidev."""

import errno
import struct
from typing import Protocol

from hil.kernel import abi
from hil.kernel.lines import Busy

SEGMENTS_MAX = 512


class SpiDevice(Protocol):
    def transfer(self, tx: bytes) -> bytes:
        """As many bytes as it is sent, with the chip selected throughout. OSError: the bus fails."""


class SpiFile:
    """An open /dev/spidevB.C: mode, word size and speed as they were set, and the transfers."""

    def __init__(self, device: SpiDevice) -> None:
        self._device = device
        self.settings = {1: b"\0", 2: b"\0", 3: b"\x08", 4: struct.pack("=I", 500_000), 5: bytes(4)}

    def ioctl(self, request: int, payload: bytes) -> bytes:
        """The answer's bytes; raises Busy."""
        number, writes = request & 0xFF, bool(request >> 30 & 1)
        if request >> 8 & 0xFF != abi.SPI_TYPE:
            raise Busy(errno.ENOTTY)
        if number == 0:
            return self._message(payload, (request >> 16 & 0x3FFF) // abi.SPI_SEGMENT.size)
        if number not in self.settings:
            raise Busy(errno.ENOTTY)
        if writes:
            self.settings[number] = payload
            if number in (1, 5):  # one register, seen with 8 and with 32 bits
                self.settings[1], self.settings[5] = payload[:1], payload[:1] + self.settings[5][1:4]
        return self.settings[number]

    def transfer(self, tx: bytes) -> bytes:
        """Raises Busy where the chip's model fails the bus or answers nonsense."""
        try:
            rx = self._device.transfer(tx)
        except OSError as error:
            raise Busy(error.errno or errno.EIO) from error
        if len(rx) != len(tx):
            raise Busy(errno.EIO)
        return rx

    def _message(self, payload: bytes, count: int) -> bytes:
        """Segments are one transfer with the chip selected throughout, unless one asks for a break after it."""
        if not 0 < count <= SEGMENTS_MAX:
            raise Busy(errno.EINVAL)
        at, tx, rx = count * abi.SPI_SEGMENT.size, b"", b""
        for position in range(count):
            fields = abi.SPI_SEGMENT.unpack_from(payload, position * abi.SPI_SEGMENT.size)
            length, breaks = fields[2], bool(fields[6])
            tx += payload[at : at + length]
            at += length
            if breaks or position == count - 1:
                rx += self.transfer(tx)
                tx = b""
        return rx
