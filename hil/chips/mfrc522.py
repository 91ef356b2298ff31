"""The chip MFRC522 at its registers (NXP data sheet, revision 3.9), behind SPI, with cards in its field.

Owns registers, FIFO, commands, CRC coprocessor, timer, interrupt bits and the time that frames take on the air. What the air
does is the business of `cards`. Left out: MFAuthent (silent, as without a key), baud rates other than 106 kBd, receiver tuning.
"""

import random
import threading
import time
from collections.abc import Callable

from drivers.mfrc522.reference import SELF_TEST
from hil.chips.cards import Bits, Field, Reply, bits_of, bytes_of, crc

RESET_VALUES = {
    0x01: 0x20, 0x02: 0x80, 0x04: 0x14, 0x07: 0x21, 0x0B: 0x08, 0x0C: 0x10, 0x0E: 0xA0, 0x11: 0x3F, 0x14: 0x80, 0x16: 0x10,
    0x17: 0x84, 0x18: 0x84, 0x19: 0x4D, 0x1C: 0x62, 0x1F: 0xEB, 0x21: 0xFF, 0x22: 0xFF, 0x24: 0x26, 0x26: 0x48, 0x27: 0x88,
    0x28: 0x20, 0x29: 0x20, 0x33: 0x80, 0x36: 0x40,
}  # fmt: skip
COMMAND, COM_IRQ, DIV_IRQ, ERROR, STATUS1, FIFO_DATA, FIFO_LEVEL = 0x01, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0A
CONTROL, BIT_FRAMING, COLL, MODE, TX_MODE, RX_MODE, TX_CONTROL = 0x0C, 0x0D, 0x0E, 0x11, 0x12, 0x13, 0x14
CRC_HIGH, CRC_LOW, T_MODE, T_PRESCALER, T_RELOAD_HIGH, T_RELOAD_LOW = 0x21, 0x22, 0x2A, 0x2B, 0x2C, 0x2D
AUTO_TEST, VERSION = 0x36, 0x37
READ_ONLY = {ERROR, STATUS1, CRC_HIGH, CRC_LOW, VERSION}

IDLE, MEM, CALC_CRC, TRANSMIT, NO_CHANGE, RECEIVE, TRANSCEIVE, AUTHENT, SOFT_RESET = 0, 1, 3, 4, 7, 8, 12, 14, 15
TX_IRQ, RX_IRQ, IDLE_IRQ, ERR_IRQ, TIMER_IRQ, CRC_IRQ = 0x40, 0x20, 0x10, 0x02, 0x01, 0x04
BUFFER_OVERFLOW, COLL_ERR, CRC_ERR, PARITY_ERR = 0x10, 0x08, 0x04, 0x02
FIFO_MAX = 64
BIT_S = 128 / 13.56e6
FRAME_DELAY_S = 1172 / 13.56e6
CRC_PRESETS_FOR_CARDS = 0x01  # 0x6363, of ModeReg
TEST_S = 0.001


class Mfrc522:
    """`transfer` is the SPI port. absent: the byte that MISO then reads. noise: the chance of each bit on the wires to turn.

    reset_s: how long the chip is deaf after a reset. error: raised by the next transfers, as the kernel's ioctl would fail.
    hung: commands begin and never end. reserved: bits that read as one whatever is written.
    """

    def __init__(
        self,
        field: Field | None = None,
        version: int = 0x92,
        *,
        clock: Callable[[], float] = time.monotonic,
        reset_s: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.field = field if field is not None else Field()
        self.version = version
        self.absent: int | None = None
        self.noise = 0.0
        self.error: OSError | None = None
        self.hung = False
        self.reserved: dict[int, int] = {}
        self.transfers = 0
        self._clock = clock
        self._reset_s = reset_s
        self._dice = random.Random(seed)
        self._lock = threading.RLock()
        self._buffer = bytes(25)
        self._reset()

    def transfer(self, tx: bytes) -> bytes:
        """One transfer with chip select low, section 8.1.2: the first byte is an address; reading gives it one byte later."""
        with self._lock:
            self.transfers += 1
            if self.error is not None:
                raise self.error
            if self.absent is not None:
                return bytes([self.absent]) * len(tx)
            self._advance()
            heard = self._noisy(tx)
            if not heard or self._clock() < self._deaf_until:
                # The oscillator starts: only CommandReg's PowerDown bit is seen.
                return bytes(0x30 if at else 0 for at in range(len(tx)))
            if heard[0] & 0x80:
                return self._noisy(bytes([0, *(self._read(address >> 1 & 0x3F) for address in heard[:-1])]))
            for value in heard[1:]:
                self._write(heard[0] >> 1 & 0x3F, value)
            return self._noisy(bytes(len(tx)))

    def brown_out(self) -> None:
        """The supply was interrupted: all that was set is gone."""
        with self._lock:
            self.field.power(False)
            self._reset()

    def _noisy(self, data: bytes) -> bytes:
        if not self.noise:
            return data
        return bytes(byte ^ sum((self._dice.random() < self.noise) << place for place in range(8)) for byte in data)

    def _reset(self) -> None:
        self._registers = {address: RESET_VALUES.get(address, 0) for address in range(64)}
        self._registers[VERSION] = self.version
        self._fifo = bytearray()
        self._pending: list[tuple[float, Callable[[], None]]] = []
        self._timer_at: float | None = None
        self._deaf_until = self._clock() + self._reset_s
        self.field.power(False)

    def _advance(self) -> None:
        """What has happened since the last transfer, in the order in which it happened."""
        now = self._clock()
        while True:
            timer = [(self._timer_at, self._time_out)] if self._timer_at is not None else []
            due = [event for event in (*self._pending, *timer) if event[0] <= now]
            if not due or self.hung:
                return
            at, act = min(due, key=lambda event: event[0])
            if (at, act) in self._pending:
                self._pending.remove((at, act))
            act()

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._pending.append((when, act))

    def _read(self, address: int) -> int:
        match address:
            case 0x09:
                return self._fifo.pop(0) if self._fifo else 0
            case 0x0A:
                return len(self._fifo)
            case 0x0C:
                return self._registers[CONTROL] & 0x07
        return self._registers[address] | self.reserved.get(address, 0)

    def _write(self, address: int, value: int) -> None:
        match address:
            case 0x01:
                self._command(value)
            case 0x04 | 0x05:
                bits = value & 0x7F
                self._registers[address] = (
                    (self._registers[address] | bits) if value & 0x80 else self._registers[address] & ~bits
                )
            case 0x09:
                if len(self._fifo) == FIFO_MAX:
                    self._fail(BUFFER_OVERFLOW)
                else:
                    self._fifo.append(value)
            case 0x0A:
                if value & 0x80:
                    self._fifo.clear()
                    self._registers[ERROR] &= ~BUFFER_OVERFLOW
            case 0x0C:
                if value & 0x80:
                    self._timer_at = None
                if value & 0x40:
                    self._start_timer(self._clock())
            case 0x0D:
                self._registers[BIT_FRAMING] = value & 0x7F
                if value & 0x80 and self._registers[COMMAND] & 0x0F == TRANSCEIVE:
                    self._send(value & 0x07)
            case 0x0E:
                self._registers[COLL] = self._registers[COLL] & 0x7F | value & 0x80
            case 0x14:
                self._registers[TX_CONTROL] = value
                self.field.power(value & 0x03 != 0)
            case _ if address not in READ_ONLY:
                self._registers[address] = value

    def _command(self, value: int) -> None:
        command = value & 0x0F
        if command == NO_CHANGE:
            return
        self._pending.clear()
        self._registers[COMMAND] = value & 0x3F
        self._registers[ERROR] = 0
        match command:
            case 15:
                self._reset()
            case 1:
                self._buffer = bytes(self._fifo[:25]) if self._fifo else self._buffer
                self._fifo.clear()
                self._end_command()
            case 3 if self._registers[AUTO_TEST] & 0x0F == 0x09:
                self._at(self._clock() + TEST_S, self._test_done)
            case 3:
                self._calculate()
            case 4:
                self._fifo.clear()
                self._end_command()

    def _end_command(self) -> None:
        self._registers[COMMAND] &= 0x30
        self._registers[COM_IRQ] |= IDLE_IRQ

    def _test_done(self) -> None:
        good = self._buffer == bytes(25)
        self._fifo = bytearray(SELF_TEST.get(self.version, bytes(64)) if good else bytes(FIFO_MAX))

    def _calculate(self) -> None:
        """The CRC coprocessor; it goes on with what is written until another command comes, which nobody here needs."""
        preset = self._registers[MODE] & 0x03
        given = crc(self._fifo) if preset == CRC_PRESETS_FOR_CARDS else b"\x00\x00"
        self._fifo.clear()
        self._registers[CRC_LOW], self._registers[CRC_HIGH] = given
        self._registers[DIV_IRQ] |= CRC_IRQ
        self._registers[STATUS1] |= 0x60

    def _send(self, last_bits: int) -> None:
        data = bytes(self._fifo)
        self._fifo.clear()
        if self._registers[TX_MODE] & 0x80:
            data += crc(data)
        frame = bits_of(data)
        if last_bits and frame:
            frame = frame[: len(frame) - 8 + last_bits]
        sent_at = self._clock() + _air_s(len(frame))
        self._at(sent_at, lambda: self._sent(frame, sent_at))

    def _sent(self, frame: Bits, at: float) -> None:
        self._registers[COM_IRQ] |= TX_IRQ
        reply = self.field.send(frame)
        if reply is not None:
            # With TAuto the timer stops with the first bits that come: before it can run out.
            self._at(at + FRAME_DELAY_S + _air_s(len(reply.bits)), lambda: self._received(reply))
        elif self._registers[T_MODE] & 0x80:
            self._start_timer(at)

    def _start_timer(self, at: float) -> None:
        prescaler = (self._registers[T_MODE] & 0x0F) << 8 | self._registers[T_PRESCALER]
        reload = self._registers[T_RELOAD_HIGH] << 8 | self._registers[T_RELOAD_LOW]
        self._timer_at = at + (reload + 1) * (2 * prescaler + 1) / 13.56e6

    def _time_out(self) -> None:
        self._timer_at = None
        self._registers[COM_IRQ] |= TIMER_IRQ

    def _received(self, reply: Reply) -> None:
        bits = list(reply.bits)
        self._registers[COLL] = self._registers[COLL] & 0x80 | 0x20
        if reply.collision is not None:
            self._fail(COLL_ERR)
            place = reply.collision + 1  # counted from 1; 32 reads as 0
            self._registers[COLL] = self._registers[COLL] & 0x80 | (place & 0x1F if place <= 32 else 0x20)
            if not self._registers[COLL] & 0x80:
                bits[reply.collision :] = [0] * (len(bits) - reply.collision)
        if reply.broken:
            self._fail(PARITY_ERR)
        data = bytes_of([0] * (self._registers[BIT_FRAMING] >> 4 & 7) + bits)
        if self._registers[RX_MODE] & 0x80:
            if crc(data[:-2]) != data[-2:]:
                self._fail(CRC_ERR)
            data = data[:-2]
        self._fifo = bytearray(data[:FIFO_MAX])
        self._registers[CONTROL] = (len(bits) + (self._registers[BIT_FRAMING] >> 4 & 7)) % 8
        self._registers[COM_IRQ] |= RX_IRQ

    def _fail(self, error: int) -> None:
        self._registers[ERROR] |= error
        self._registers[COM_IRQ] |= ERR_IRQ


def _air_s(bits: int) -> float:
    """How long a frame is on the air at 106 kBd: start, parity after each byte, end."""
    return (2 + bits + bits // 8) * BIT_S
