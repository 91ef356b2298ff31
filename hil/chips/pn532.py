"""The chip PN532 on a pseudo terminal (NXP UM0701-02, HSU), with cards in its field.

Owns frames, sleep, the commands of a card reader, and misbehaviour. Anticollision is done bit by bit, over the frames of the
modelled cards.
"""

import asyncio
import os
import tty
from collections import deque
from contextlib import suppress
from enum import StrEnum
from typing import Self

from hil.chips.cards import CASCADE, CASCADE_TAG, HLTA, REQA, Bits, Field, bits_of, bytes_of, crc

ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
SYNTAX_ERROR = bytes.fromhex("0000ff01ff7f8100")
FIRMWARE = bytes.fromhex("32010607")


class Fault(StrEnum):
    """What may go wrong with one command. DEAF: nothing at all. SILENT: acknowledged and busy with it until the host gives up.

    LATE: the answer to an earlier command comes first.
    """

    DEAF = "deaf"
    SILENT = "silent"
    NACK = "nack"
    CHECKSUM = "checksum"
    GARBAGE = "garbage"
    SYNTAX = "syntax"
    LATE = "late"


class Looks:
    """Counts the looks at the field, for tests that wait for some."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def more(self, count: int) -> None:
        """Returns after so many more."""
        seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._count + count, seen))
        await seen

    def one_more(self) -> None:
        self._count += 1
        for wanted, seen in self._waiting:
            if self._count >= wanted and not seen.done():
                seen.set_result(None)


class Pn532:
    """`port` is the path to open. tags_kept: the firmware leaves cascade tags in UIDs. firmware: what it says of itself.

    One fault strikes one command, in the order of `faults`; a checksum is broken once more for each repetition asked for.
    """

    def __init__(self, field: Field | None = None, *, tags_kept: bool = False, firmware: bytes = FIRMWARE) -> None:
        self.field = field if field is not None else Field()
        self.faults: deque[Fault] = deque()
        self.looks = Looks()
        self.asleep = True
        self.port = ""
        self._tags_kept = tags_kept
        self._firmware = firmware
        self._buffer = b""
        self._busy = False
        self._last = b""
        self._master = self._held = -1

    async def __aenter__(self) -> Self:
        self._master, self._held = os.openpty()
        tty.setraw(self._held)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._held)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        """The line is gone, as with an adapter that was pulled out."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._held)
            os.close(self._master)
            self._master = -1

    def send(self, data: bytes) -> None:
        """Puts bytes on the line."""
        with suppress(BlockingIOError):
            os.write(self._master, data)

    def _readable(self) -> None:
        try:
            self._buffer += os.read(self._master, 4_096)
        except BlockingIOError:
            return
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        if self.asleep:
            # UM0701-02 section 7.2.11: what comes before the wake-up is not heard.
            _, woken, self._buffer = self._buffer.partition(b"\x55")
            if not woken:
                return False
            self.asleep = False
        _, start, rest = self._buffer.partition(b"\x00\x00\xff")
        if not start or len(rest) < 2:
            return False
        if rest[:2] in (ACK[3:5], NACK[3:5]):
            if rest[:2] == NACK[3:5]:
                self._say_again()
            self._busy = False
            self._buffer = rest[2:]
            return True
        length = rest[0]
        if len(rest) < length + 3:
            return False
        body, checksum = rest[2 : 2 + length], rest[2 + length]
        self._buffer = rest[length + 3 :]
        if (rest[0] + rest[1]) & 0xFF == 0 and (sum(body) + checksum) & 0xFF == 0 and body[:1] == b"\xd4" and length >= 2:
            self._execute(body[1], body[2:])
        return True

    def _execute(self, code: int, data: bytes) -> None:
        if self._busy:
            return
        fault = self.faults.popleft() if self.faults else None
        if fault is Fault.DEAF:
            return
        self._busy = fault is Fault.SILENT
        self.send({Fault.NACK: NACK, Fault.GARBAGE: b"\x00\xff\x07\x13\x37\x00"}.get(fault, ACK) if fault else ACK)
        if fault in (Fault.NACK, Fault.GARBAGE, Fault.SILENT):
            return
        if fault is Fault.LATE:
            self.send(bytes.fromhex("0000ff03fdd5130018"))
        answer = self._answer(code, data)
        if answer is None or fault is Fault.SYNTAX:
            self._last = SYNTAX_ERROR
        else:
            body = bytes([0xD5, code + 1]) + answer
            self._last = b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])
        if fault is Fault.CHECKSUM:
            self.send(self._last[:-2] + bytes([self._last[-2] ^ 0x10, 0]))
        else:
            self.send(self._last)

    def _say_again(self) -> None:
        if self.faults and self.faults[0] is Fault.CHECKSUM:
            self.faults.popleft()
            self.send(self._last[:-2] + bytes([self._last[-2] ^ 0x10, 0]))
        else:
            self.send(self._last)

    def _answer(self, code: int, data: bytes) -> bytes | None:
        match code:
            case 0x02:
                return self._firmware
            case 0x12 | 0x14:
                return b""
            case 0x32 if data[:1] == b"\x01":
                self.field.power(data[1] & 1 == 1)
                return b""
            case 0x32:
                return b""
            case 0x4A:
                return self._list(data[0])
        return None

    def _list(self, most: int) -> bytes:
        """InListPassiveTarget: finds cards that are awake, and puts each to sleep before it looks for the next."""
        self.looks.one_more()
        self.field.power(True)
        found: list[bytes] = []
        while len(found) < most and (uid := self._activate()) is not None:
            self.field.send(bits_of(bytes(HLTA) + crc(HLTA)))
            found.append(uid)
        cards = (bytes([number, 0, 4, 8, len(uid)]) + uid for number, uid in enumerate(found, 1))
        return bytes([len(found)]) + b"".join(cards)

    def _activate(self) -> bytes | None:
        if self.field.send(bits_of([REQA])[:7]) is None:
            return None
        uid = b""
        for select in CASCADE:
            part = self._anticollision(select)
            if part is None:
                return None
            request = bytes([select, 0x70]) + part
            sak = self.field.send(bits_of(request + crc(request)))
            if sak is None or sak.broken:
                return None
            if not bytes_of(sak.bits)[0] & 4:
                return uid + part[:4]
            uid += part[:4] if self._tags_kept and part[0] == CASCADE_TAG else part[1:4]
        return None

    def _anticollision(self, select: int) -> bytes | None:
        known: Bits = []
        while True:
            nvb = (2 + len(known) // 8) << 4 | len(known) % 8
            reply = self.field.send([*bits_of([select, nvb]), *known])
            if reply is None or reply.broken:
                return None
            if reply.collision is None:
                part = bytes_of([*known, *reply.bits])
                return part if len(part) == 5 and part[0] ^ part[1] ^ part[2] ^ part[3] == part[4] else None
            known += [*reply.bits[: reply.collision], 1]
            if len(known) > 31:
                return None
