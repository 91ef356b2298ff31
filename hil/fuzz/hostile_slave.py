"""Hostile slave: a Modbus slave that answers as a plan says, and knows afterwards which answers could be believed.

Owns framing of requests and answers, and the spoiling of answers. Modbus Application Protocol V1.1b3 sections 6.3, 6.4 and 7.
"""

import asyncio
import struct
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct, field

from hil.modbus_slave import Read, Request, crc16

LATEST_MS = 1_000  # no answer comes later: so long a line is left alone after a missing one
Small = Annotated[int, Meta(ge=-1_000, le=1_000)]


class Harm(Struct, frozen=True):
    """Bytes put in the place of `gone` others, from place `at` on (modulo the length)."""

    at: int
    gone: Annotated[int, Meta(ge=0, le=300)] = 0
    new: Annotated[str, Meta(max_length=2_000, pattern="^([0-9a-f]{2})*$")] = ""


class Piece(Struct, frozen=True, omit_defaults=True):
    """Something sent `after_ms` after the request: the right answer, with changes before and after it is sealed (CRC, header).

    refusal: an exception instead. words: these registers instead of the right ones, over and over. more: so many registers more
    or fewer. unit, function, transaction: added to the right ones. raw: these bytes instead of all that.
    """

    after_ms: Annotated[int, Meta(ge=0, le=LATEST_MS)] = 0
    refusal: Annotated[int, Meta(ge=0, le=255)] | None = None
    words: Annotated[str, Meta(max_length=400, pattern="^([0-9a-f]{4})*$")] = ""
    more: Small = 0
    unit: Small = 0
    function: Small = 0
    transaction: Small = 0
    raw: Annotated[str, Meta(max_length=4_000, pattern="^([0-9a-f]{2})*$")] = ""
    harms: Annotated[list[Harm], Meta(max_length=8)] = field(default_factory=list)


class Step(Struct, frozen=True, omit_defaults=True):
    """What happens on one request. cut: the connection ends instead."""

    pieces: Annotated[list[Piece], Meta(max_length=12)] = field(default_factory=list)
    cut: bool = False


class Heard:
    """A request, and every byte that was sent on it."""

    def __init__(self, request: Request, transaction: bytes) -> None:
        self.request = request
        self.transaction = transaction
        self.sent = b""

    def believable(self, tcp: bool) -> list[list[int]]:
        """Registers of everything in the bytes that is an answer to this request, whole and sealed."""
        request, size = self.request, 2 * self.request.count
        head = bytes([request.unit, request.function, size])
        if tcp:
            head = self.transaction + struct.pack(">HH", 0, 3 + size) + head
        found = []
        at = self.sent.find(head)
        while at >= 0:
            body = self.sent[at : at + len(head) + size]
            seal = self.sent[at + len(head) + size :][:2]
            if len(body) == len(head) + size and (tcp or seal == crc16(body)):
                found.append(list(struct.unpack(f">{request.count}H", body[len(head) :])))
            at = self.sent.find(head, at + 1)
        return found

    def answered(self) -> bool:
        """On a serial line: whether a master takes the request for answered."""
        refused = bytes([self.request.unit, self.request.function | 0x80])
        places = (at for at in range(len(self.sent) - 4) if self.sent.startswith(refused, at))
        return bool(self.believable(False)) or any(self.sent[at + 3 : at + 5] == crc16(self.sent[at : at + 3]) for at in places)


class HostileSlave(asyncio.Protocol):
    """One for all connections. Steps are taken one a request; after the last one every answer is right and comes at once."""

    def __init__(self, tcp: bool, read: Read, steps: Sequence[Step]) -> None:
        self._tcp = tcp
        self._read = read
        self._steps = list(steps)
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.heard: list[Heard] = []

    @property
    def harmless(self) -> bool:
        """The plan is at its end."""
        return not self._steps

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        size = 12 if self._tcp else 8
        while len(self._buffer) >= size:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self._serve(frame)

    def _serve(self, frame: bytes) -> None:
        if self._tcp:
            assert frame[2:6] == b"\0\0\0\6", f"the station sent {frame.hex(' ')}"
        else:
            assert crc16(frame[:-2]) == frame[-2:], f"the station sent {frame.hex(' ')}"
        unit, function, address, count = struct.unpack(">BBHH", frame[6:] if self._tcp else frame[:-2])
        at_s = asyncio.get_running_loop().time()
        heard = Heard(Request(at_s=at_s, unit=unit, function=function, address=address, count=count), frame[:2])
        self.heard.append(heard)
        step = self._steps.pop(0) if self._steps else Step([Piece()])
        if step.cut and self._transport is not None:
            self._transport.abort()
        for piece in step.pieces:
            asyncio.get_running_loop().call_later(piece.after_ms / 1_000, self._send, heard, piece, self._transport)

    def _send(self, heard: Heard, piece: Piece, transport: asyncio.Transport | None) -> None:
        if transport is None or transport is not self._transport or transport.is_closing():
            return
        data = self._bytes(heard, piece)
        if not self._tcp and not piece.raw and heard.answered():
            return  # a second answer may be anybody's on a serial line, and no master can know
        # A stream has no gaps: what one answer lacks is taken from whatever comes next, and no master can know.
        (self.heard[-1] if self._tcp else heard).sent += data
        transport.write(data)

    def _bytes(self, heard: Heard, piece: Piece) -> bytes:
        data = bytes.fromhex(piece.raw) or self._sealed(heard, piece)
        for harm in piece.harms:
            at = harm.at % (len(data) + 1)
            data = data[:at] + bytes.fromhex(harm.new) + data[at + harm.gone :]
        return data

    def _sealed(self, heard: Heard, piece: Piece) -> bytes:
        request = heard.request
        answer = self._read(request.unit, request.function, request.address, request.count)
        refusal = piece.refusal if piece.refusal is not None else answer if isinstance(answer, int) else None
        if answer is None:
            return b""
        if refusal is not None or isinstance(answer, int):
            body = bytes([(request.function | 0x80) + piece.function & 0xFF, (refusal or 0) & 0xFF])
        else:
            count = max(0, min(126, request.count + piece.more))
            words = list(answer)
            if piece.words:
                words = [int(piece.words[at : at + 4], 16) for at in range(0, len(piece.words), 4)]
            words = (words * (count // len(words) + 1))[:count]
            body = struct.pack(f">BB{count}H", request.function + piece.function & 0xFF, 2 * count, *words)
        body = bytes([request.unit + piece.unit & 0xFF]) + body
        if not self._tcp:
            return body + crc16(body)
        transaction = int.from_bytes(heard.transaction) + piece.transaction & 0xFFFF
        return struct.pack(">HHH", transaction, 0, len(body)) + body
