"""What counts as the answer to a request, byte for byte.

Owns the last check before pymodbus sees anything: unit, function, register count, CRC or transaction number must all be
those of the request that is open; everything else is kept out, and remembered for the error text. Refuses to know ports and
time. Modbus Application Protocol V1.1b3 sections 6.3, 6.4 and 7; Modbus over Serial Line V1.02 section 2.5.1.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

SEEN_MAX = 512
REFUSED = 0x80


class Request(Struct, frozen=True):
    """A read of `count` registers (1 to 125) from `address`, function 3 (holding) or 4 (input)."""

    unit: int
    function: int
    address: int
    count: int

    def __str__(self) -> str:
        kind = "holding" if self.function == 3 else "input"
        last = self.address + self.count - 1
        which = f"{kind} register {self.address}" if self.count == 1 else f"{kind} registers {self.address} to {last}"
        return f"unit {self.unit}, {which}"


class Answers(Protocol):
    """Stands between a line and pymodbus. `seen` are the bytes since the request that made no answer yet."""

    seen: bytes

    def expect(self, request: Request) -> None: ...

    def forget(self) -> None: ...

    def sent(self, data: bytes) -> None: ...

    def received(self, buffer: bytes) -> bytes:
        """The exact frame of the answer in all that has come since the request, or nothing as long as there is none."""


class RtuAnswers:
    """Frames with a CRC. A valid answer is found behind an echo or a glitch of the line driver too."""

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
        answer = self._find(buffer, bytes([request.unit, request.function, 2 * request.count]), 5 + 2 * request.count)
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
        head = bytes([request.unit, request.function, 2 * request.count])
        at = 0
        while at + 9 <= len(buffer) and buffer[at + 2 : at + 4] == b"\0\0":
            end = at + 6 + int.from_bytes(buffer[at + 4 : at + 6])
            frame = buffer[at:end]
            if len(buffer) < end:
                return b""
            granted = frame[6:9] == head and len(frame) == 9 + 2 * request.count
            refused = frame[6:8] == bytes([request.unit, request.function | REFUSED]) and len(frame) == 9
            if frame[:2] == self._transaction and (granted or refused):
                self._request = None
                return frame
            at = end
        return b""
