"""Modbus slaves for benches and tests: RTU on a pseudo terminal, and TCP, with faults that a real line has.

Owns framing, CRC and misbehaviour; refuses to know what a register means: that is the `Read` and `Write` functions' business.
Follows the Modbus Application Protocol V1.1b3 (functions 1, 3, 4, and with a `Write` 5, 6, 16; any other gets exception 1) and
Modbus over Serial Line V1.02.
"""

import asyncio
import os
import struct
import time
import tty
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

# (unit, function, address, count) -> register words, an exception code, or None for silence
Read = Callable[[int, int, int, int], Sequence[int] | int | None]
# (unit, function, address, values) -> True, an exception code, or None for silence
Write = Callable[[int, int, int, Sequence[int]], bool | int | None]
# What one answer comes out as: pieces, each sent after its delay counted from the piece before.
Pieces = list[tuple[float, bytes]]

ILLEGAL_FUNCTION = 1
ILLEGAL_DATA_VALUE = 3
MAX_COUNT = 125
READS = (1, 3, 4)
WRITES = (5, 6, 16)
LOG_LENGTH = 2_000


class FaultKind(StrEnum):
    """What may go wrong with one answer. CRC is RTU's alone, TRANSACTION and CUT are TCP's."""

    CRC = "crc"
    LATE = "late"
    SILENT = "silent"
    TRUNCATED = "truncated"
    SPLIT = "split"
    WRONG_UNIT = "wrong_unit"
    WRONG_FUNCTION = "wrong_function"
    WRONG_COUNT = "wrong_count"
    GARBAGE = "garbage"
    TRANSACTION = "transaction"
    CUT = "cut"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One spoilt answer. delay_s: how late (LATE) or how long the pause in the middle is (SPLIT). unit: whose answer."""

    kind: FaultKind
    delay_s: float = 0.0
    unit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it was seen on the line; at_s is `time.monotonic`. values: what a write carries."""

    at_s: float
    unit: int
    function: int
    address: int
    count: int
    values: tuple[int, ...] = ()


class _Slave:
    """What both transports share: the answer to a request, the faults and the log."""

    impossible: frozenset[FaultKind] = frozenset()

    def __init__(self, read: Read, write: Write | None) -> None:
        self._read = read
        self._write = write
        self._faults: list[Fault] = []
        self.log: deque[Request] = deque(maxlen=LOG_LENGTH)
        self.bad_frames = 0
        self.requests = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def asked(self, requests: int) -> None:
        """Returns when so many requests for registers have come since the start."""
        if self.requests < requests:
            seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((requests, seen))
            await seen

    def _note(self, request: Request) -> None:
        self.log.append(request)
        self.requests += 1
        for requests, seen in self._waiting:
            if self.requests >= requests and not seen.done():
                seen.set_result(None)
        self._waiting = [(requests, seen) for requests, seen in self._waiting if not seen.done()]

    def fail(self, kind: FaultKind | str, *, times: int = 1, delay_s: float = 0.0, unit: int | None = None) -> None:
        """Spoils the next `times` answers (of one unit, or of any). Faults wait in line, the oldest that fits goes first."""
        kind = FaultKind(kind)
        if kind in self.impossible:
            raise ValueError(f"{type(self).__name__} cannot do the fault {kind!r}")
        self._faults += [Fault(kind=kind, delay_s=delay_s, unit=unit)] * times

    def heal(self) -> None:
        """Forgets every fault that has not struck yet."""
        self._faults.clear()

    def _next_fault(self, unit: int) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if fault.unit in (None, unit):
                return self._faults.pop(index)
        return None

    def _answer(self, unit: int, request: bytes) -> bytes | None:
        """The answer's PDU for a request's PDU (function code first), or None for silence."""
        function = request[0]
        if function in WRITES and self._write is not None:
            return self._written(unit, function, request)
        if function not in READS:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        if len(request) != 5:
            return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
        address, count = struct.unpack(">HH", request[1:])
        self._note(Request(at_s=time.monotonic(), unit=unit, function=function, address=address, count=count))
        if not 1 <= count <= MAX_COUNT:
            return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
        words = self._read(unit, function, address, count)
        if words is None:
            return None
        if isinstance(words, int):
            return bytes([function | 0x80, words])
        if len(words) != count:
            raise ValueError(f"asked for {count} registers from {address}, the read function gave {len(words)}")
        if function == 1:
            bits = sum(bool(bit) << place for place, bit in enumerate(words)).to_bytes((count + 7) // 8, "little")
            return bytes([function, len(bits)]) + bits
        return struct.pack(f">BB{count}H", function, 2 * count, *words)

    def _written(self, unit: int, function: int, request: bytes) -> bytes | None:
        assert self._write is not None
        values: tuple[int, ...]
        if function == 16:
            if len(request) < 8 or len(request) != 6 + request[5] or request[5] != 2 * request[4]:
                return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
            address, count = struct.unpack(">HH", request[1:5])
            values = struct.unpack(f">{count}H", request[6:])
        else:
            if len(request) != 5 or (function == 5 and request[3:] not in (b"\xff\0", b"\0\0")):
                return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
            address, value = struct.unpack(">HH", request[1:])
            values = (int(bool(value)) if function == 5 else value,)
        self._note(
            Request(at_s=time.monotonic(), unit=unit, function=function, address=address, count=len(values), values=values)
        )
        done = self._write(unit, function, address, values)
        if done is None:
            return None
        return request[:5] if done is True else bytes([function | 0x80, int(done)])

    def _pieces(self, unit: int, pdu: bytes, frame: Callable[[int, bytes], bytes]) -> Pieces:
        """The answer as it travels, with the next fault in it."""
        fault = self._next_fault(unit)
        if fault is None:
            return [(0.0, frame(unit, pdu))]
        whole = frame(unit, pdu)
        match fault.kind:
            case FaultKind.CRC:
                return [(0.0, whole[:-1] + bytes([whole[-1] ^ 0x55]))]
            case FaultKind.LATE:
                return [(fault.delay_s, whole)]
            case FaultKind.SILENT | FaultKind.CUT:
                return []
            case FaultKind.TRUNCATED:
                return [(0.0, whole[: len(whole) // 2])]
            case FaultKind.SPLIT:
                return [(0.0, whole[:3]), (fault.delay_s, whole[3:])]
            case FaultKind.WRONG_UNIT:
                return [(0.0, frame(unit % 247 + 1, pdu))]
            case FaultKind.WRONG_FUNCTION:
                return [(0.0, frame(unit, bytes([pdu[0] ^ 0x07]) + pdu[1:]))]
            case FaultKind.WRONG_COUNT:
                return [(0.0, frame(unit, bytes([pdu[0], pdu[1] + 2]) + pdu[2:] + b"\x12\x34"))]
            case FaultKind.GARBAGE:
                return [(0.0, b"\x00\xfe\x03\x80" + whole)]
            case FaultKind.TRANSACTION:
                return [(0.0, bytes([whole[0] ^ 0x40]) + whole[1:])]


def crc16(data: bytes) -> bytes:
    """CRC of Modbus over Serial Line, section 6.2.2, low byte first as it is sent."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class RtuSlave(_Slave):
    """Slaves on a serial line. `port` is the path that a master opens, the same after a restart if `link` is given.

    Units that `read` is silent about are not on the line. line_time: answers come no sooner than request and answer take at
    `baud` (11 bits a character). Bytes that nobody fetches are lost, as on a wire.
    """

    impossible = frozenset({FaultKind.TRANSACTION, FaultKind.CUT})

    def __init__(
        self,
        read: Read,
        baud: int = 9_600,
        *,
        line_time: bool = False,
        link: Path | None = None,
        write: Write | None = None,
    ) -> None:
        super().__init__(read, write)
        self._char_s = 11 / baud
        self._line_time = line_time
        self._link = link
        self._buffer = b""
        self._master = self._held = -1
        self._timers: set[asyncio.TimerHandle] = set()
        self._stale: asyncio.TimerHandle | None = None
        self.port = ""

    async def __aenter__(self) -> Self:
        # Our own hold on the master's side keeps the line alive while nobody has it open.
        self._master, self._held = os.openpty()
        tty.setraw(self._held)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._held)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.port)
            self.port = str(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        for timer in (*self._timers, self._stale):
            if timer is not None:
                timer.cancel()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        os.close(self._held)
        os.close(self._master)

    def _readable(self) -> None:
        try:
            self._buffer += os.read(self._master, 4_096)
        except BlockingIOError:
            return
        if self._stale is not None:
            self._stale.cancel()
        while (frame := self._take_frame()) is not None:
            self._serve(frame)
        # What makes no frame is forgotten after a silence, as a slave on a wire does after 3.5 characters.
        self._stale = asyncio.get_running_loop().call_later(max(0.02, 4 * self._char_s), self._forget)

    def _forget(self) -> None:
        if self._buffer:
            self.bad_frames += 1
            self._buffer = b""

    def _take_frame(self) -> bytes | None:
        """The next whole request without its CRC; what does not check is thrown away with all that follows it."""
        if len(self._buffer) < 4:
            return None
        if self._buffer[1] in (1, 2, 3, 4, 5, 6):
            length = 8
        elif self._buffer[1] in (15, 16):
            length = 9 + self._buffer[6] if len(self._buffer) > 6 else 9
        else:
            length = len(self._buffer)
        if len(self._buffer) < length:
            return None
        frame, self._buffer = self._buffer[:length], self._buffer[length:]
        if crc16(frame[:-2]) != frame[-2:]:
            self.bad_frames += 1
            self._buffer = b""
            return None
        return frame[:-2]

    def _serve(self, frame: bytes) -> None:
        pdu = self._answer(frame[0], frame[1:])
        if pdu is None or frame[0] == 0:
            return
        wait_s = 0.0
        for delay_s, piece in self._pieces(frame[0], pdu, lambda unit, body: _with_crc(bytes([unit]) + body)):
            wait_s += delay_s
            if self._line_time:
                wait_s += (len(piece) + 3.5 + len(frame) + 2) * self._char_s
            self._send_after(wait_s, piece)

    def _send_after(self, wait_s: float, data: bytes) -> None:
        if wait_s <= 0:
            self._send(data)
            return

        def fire() -> None:
            self._timers.discard(timer)
            self._send(data)

        timer = asyncio.get_running_loop().call_later(wait_s, fire)
        self._timers.add(timer)

    def send(self, data: bytes) -> None:
        """Puts bytes on the line that nobody asked for."""
        self._send(data)

    def _send(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            os.write(self._master, data)


def _with_crc(body: bytes) -> bytes:
    return body + crc16(body)


class TcpSlave(_Slave):
    """Slaves behind one TCP port, any number of connections. `port` is the one listened on, also where 0 was asked for."""

    impossible = frozenset({FaultKind.CRC})

    def __init__(self, read: Read, host: str = "127.0.0.1", port: int = 0, *, write: Write | None = None) -> None:
        super().__init__(read, write)
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        return len(self._writers)

    def cut(self) -> None:
        """Ends every connection at once, without a farewell (RST); new ones are taken."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._start(asyncio.get_running_loop().create_task(self._client(reader, writer)))

    def _start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                if protocol != 0 or not 2 <= length <= 254:
                    self.bad_frames += 1
                    return
                self._serve(writer, transaction, unit, await reader.readexactly(length - 1))
        except (asyncio.IncompleteReadError, OSError):
            return  # the master went away, or was cut off
        finally:
            self._writers.discard(writer)
            writer.close()

    def _serve(self, writer: asyncio.StreamWriter, transaction: int, unit: int, request: bytes) -> None:
        pdu = self._answer(unit, request)
        if pdu is None:
            return
        if any(fault.kind is FaultKind.CUT and fault.unit in (None, unit) for fault in self._faults[:1]):
            self._faults.pop(0)
            writer.transport.abort()
            return

        def frame(unit: int, body: bytes) -> bytes:
            return struct.pack(">HHHB", transaction, 0, len(body) + 1, unit) + body

        pieces = self._pieces(unit, pdu, frame)
        if all(delay_s <= 0 for delay_s, _ in pieces):
            writer.write(b"".join(piece for _, piece in pieces))
            return
        self._start(asyncio.get_running_loop().create_task(self._send_late(writer, pieces)))

    async def _send_late(self, writer: asyncio.StreamWriter, pieces: Pieces) -> None:
        for delay_s, piece in pieces:
            await asyncio.sleep(delay_s)
            if writer.is_closing():
                return
            writer.write(piece)
