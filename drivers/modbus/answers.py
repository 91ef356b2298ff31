"""What counts as the answer to a request, byte for byte.

Owns the last check before pymodbus sees anything: unit, function, register count, CRC or transaction number must all be
those of the request that is open; everything else is kept out, and remembered for the error text. Refuses to know ports and
time. Modbus Application Protocol V1.1b3 sections 6.1, 6.3 to 6.6, 6.12 and 7; Modbus over Serial Line V1.02 section 2.5.1.
"""

import struct
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

SEEN_MAX = 512
REFUSED = 0x80


READ_COILS, READ_HOLDING, READ_INPUT, WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 1, 3, 4, 5, 6, 16
KINDS = {1: "coil", 3: "holding register", 4: "input register", 5: "coil", 6: "holding register", 16: "holding register"}


class Request(Struct, frozen=True):
    """Functions 1 (coils), 3 (holding) and 4 (input): a read of `count` (1 to 125) from `address`. Functions 5 (one coil, 0 or
    1), 6 (one register) and 16 (registers): a write of `values`, as many as `count`.
    """

    unit: int
    function: int
    address: int
    count: int
    values: tuple[int, ...] = ()

    def __str__(self) -> str:
        kind = KINDS[self.function]
        which = f"{kind} {self.address}" if self.count == 1 else f"{kind}s {self.address} to {self.address + self.count - 1}"
        written = f" = {', '.join(map(str, self.values))}" if self.values else ""
        return f"unit {self.unit}, {which}{written}"

    @property
    def data_bytes(self) -> int:
        """Of what a read brings."""
        return (self.count + 7) // 8 if self.function == READ_COILS else 2 * self.count

    @property
    def answer_head(self) -> bytes:
        """What every granted answer begins with, from the unit on."""
        head = bytes([self.unit, self.function])
        match self.function:
            case 5:
                return head + struct.pack(">HH", self.address, 0xFF00 if self.values[0] else 0)
            case 6:
                return head + struct.pack(">HH", self.address, self.values[0])
            case 16:
                return head + struct.pack(">HH", self.address, self.count)
        return head + bytes([self.data_bytes])

    @property
    def answer_size(self) -> int:
        """Bytes of a granted answer, from the unit on, without a CRC."""
        return 6 if self.values else 3 + self.data_bytes

    @property
    def characters(self) -> int:
        """Bytes of request and granted answer on a serial line, both CRCs included."""
        return (9 + 2 * self.count if self.function == WRITE_REGISTERS else 8) + self.answer_size + 2


class Answers(Protocol):
    """Stands between a line and pymodbus. `seen` are the bytes since the request that made no answer yet."""

    seen: bytes

    def expect(self, request: Request) -> None: ...

    def forget(self) -> None: ...

    def sent(self, data: bytes) -> None: ...

    def received(self, buffer: bytes) -> bytes:
        """The exact frame of the answer in all that has come since the request, or nothing as long as there is none."""


class RtuAnswers:
    """Frames with a CRC. A valid answer is found behind an echo or a glitch of the line driver too. The answer to a write of
    one coil or register is its echo, letter by letter: what such a write did is known only when it was read back.
    """

    def __init__(self, crc: Callable[[bytes], bytes]) -> None:
        self._crc = crc
        self._request: Request | None = None
        self.seen = b""

    def expect(self, request: Request) -> None:
        self._request = request
        self.seen = b""

    def forget(self) -> None:
        self._request = None

    def sent(self, data: bytes) -> None:
        """A serial request carries nothing that its answer must repeat beyond what `expect` was told."""

    def received(self, buffer: bytes) -> bytes:
        request = self._request
        if request is None:
            return b""
        self.seen = buffer[-SEEN_MAX:]
        answer = self._find(buffer, request.answer_head, request.answer_size + 2)
        answer = answer or self._find(buffer, bytes([request.unit, request.function | REFUSED]), 5)
        if answer:
            self._request = None
        return answer

    def _find(self, buffer: bytes, head: bytes, size: int) -> bytes:
        at = buffer.find(head)
        while 0 <= at <= len(buffer) - size:
            frame = buffer[at : at + size]
            if self._crc(frame[:-2]) == frame[-2:]:
                return frame
            at = buffer.find(head, at + 1)
        return b""


class TcpAnswers:
    """Frames with a transaction number. A late answer to an older request is passed over."""

    def __init__(self) -> None:
        self._request: Request | None = None
        self._transaction = b""
        self.seen = b""

    def expect(self, request: Request) -> None:
        self._request = request
        self._transaction = b""
        self.seen = b""

    def forget(self) -> None:
        self._request = None

    def sent(self, data: bytes) -> None:
        self._transaction = data[:2]

    def received(self, buffer: bytes) -> bytes:
        request = self._request
        if request is None or not self._transaction:
            return b""
        self.seen = buffer[-SEEN_MAX:]
        at = 0
        while at + 9 <= len(buffer) and buffer[at + 2 : at + 4] == b"\0\0":
            end = at + 6 + int.from_bytes(buffer[at + 4 : at + 6])
            frame = buffer[at:end]
            if len(buffer) < end:
                return b""
            granted = frame[6:].startswith(request.answer_head) and len(frame) == 6 + request.answer_size
            refused = frame[6:8] == bytes([request.unit, request.function | REFUSED]) and len(frame) == 9
            if frame[:2] == self._transaction and (granted or refused):
                self._request = None
                return frame
            at = end
        return b""
