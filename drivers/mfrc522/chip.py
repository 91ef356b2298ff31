"""The chip MFRC522 (NXP data sheet, revision 3.9): presence, set-up, self test, and one frame over the air and back.

Owns what the chip is told and what its registers mean. Refuses to know cards and SPI. Waits by the interrupt bits of the chip's
own timer: a look without a card is nine short transfers.
"""

import time
from collections.abc import Callable
from typing import Final

from drivers.cards.iso14443 import Seen, Trouble
from drivers.mfrc522.package import Registers
from drivers.mfrc522.reference import NAMES, SELF_TEST

# Registers, data sheet section 9.2; the package's names for them are its own.
COMMAND: Final = 0x01
COM_IRQ: Final = 0x04
ERROR: Final = 0x06
FIFO_DATA: Final = 0x09
FIFO_LEVEL: Final = 0x0A
CONTROL: Final = 0x0C
BIT_FRAMING: Final = 0x0D
COLL: Final = 0x0E
MODE: Final = 0x11
TX_CONTROL: Final = 0x14
TX_ASK: Final = 0x15
RF_CFG: Final = 0x26
T_MODE: Final = 0x2A
T_PRESCALER: Final = 0x2B
T_RELOAD_HIGH: Final = 0x2C
T_RELOAD_LOW: Final = 0x2D
AUTO_TEST: Final = 0x36
VERSION: Final = 0x37

IDLE, MEM, CALC_CRC, TRANSCEIVE = 0x00, 0x01, 0x03, 0x0C
POWER_DOWN = 0x10
FLUSH = 0x80
START_SEND = 0x80
ALL_IRQS = 0x7F
RX_IRQ, IDLE_IRQ, ERR_IRQ, TIMER_IRQ = 0x20, 0x10, 0x02, 0x01
COLL_ERR, ANY_ERR = 0x08, 0x1F  # protocol, parity, CRC, collision, overflow
ANTENNA = 0x03
GAIN_MASK = 0x70

# A card answers 91 us after the last bit, ISO/IEC 14443-3 section 6.2.1.1. The timer ticks at 0.5 ms, as the package sets it.
TIMER_TICKS = 2
FIRST_LOOK_S = 0.0018
NEXT_LOOK_S = 0.0005
TIMER_SILENT_S = 0.05
RESET_S = 0.05
SELF_TEST_S = 0.2
NO_CHIP = (0x00, 0xFF)

SET_UP = {MODE: 0x3D, TX_ASK: 0x40, T_MODE: 0x8D, T_PRESCALER: 0x3E, T_RELOAD_HIGH: 0, T_RELOAD_LOW: TIMER_TICKS}
DEFINED = {MODE: 0xAB, TX_ASK: 0x40}  # the other bits are reserved and may read as anything


class ChipTrouble(Exception):
    """The chip does not do what it should; a sentence for an installer."""


class Chip:
    """A chip behind its registers. clock and pause: seconds; the chip is slow in comparison to neither."""

    def __init__(
        self,
        registers: Registers,
        gain: int,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._registers = registers
        self._write = registers.Write_MFRC522
        self._read = registers.Read_MFRC522
        self._gain = gain
        self._clock = clock
        self._pause = pause
        self.version = 0

    def set_up(self) -> None:
        """From whatever state to an antenna that is on; raises ChipTrouble where no chip answers or what it is told is lost."""
        self._registers.MFRC522_Reset()
        self._until_awake()
        self.version = self._read(VERSION)
        if self.version in NO_CHIP:
            raise ChipTrouble(_no_chip(self.version))
        self._registers.MFRC522_Init()
        self._until_awake()
        for register, value in SET_UP.items():
            self._write(register, value)
        self._registers.ClearBitMask(COLL, 0x80)  # bits after a collision read as zero
        self._registers.ClearBitMask(RF_CFG, GAIN_MASK)
        self._registers.SetBitMask(RF_CFG, self._gain)
        self._registers.SetBitMask(TX_CONTROL, ANTENNA)
        self.check()

    def check(self) -> None:
        """Whether the chip is there and still as it was set up; raises ChipTrouble. Eight transfers."""
        if (version := self._read(VERSION)) != self.version:
            raise ChipTrouble(
                f"the chip's version reads 0x{version:02X} and was 0x{self.version:02X}: bits are lost on the way. "
                "Shorten the wires or lower speed_hz"
            )
        if self._read(TX_CONTROL) & ANTENNA != ANTENNA:
            raise ChipTrouble("the antenna is off: the chip has lost its settings, so its 3.3 V supply was interrupted")
        for register, value in SET_UP.items():
            if ((found := self._read(register)) ^ value) & DEFINED.get(register, 0xFF):
                raise ChipTrouble(
                    f"register 0x{register:02X} reads 0x{found:02X} and was set to 0x{value:02X}: "
                    "the supply was interrupted or bits are lost on the wires; shorten them or lower speed_hz"
                )

    def name(self) -> str:
        """What the version says the chip is."""
        return NAMES.get(self.version, f"unknown chip, version 0x{self.version:02X}")

    def self_test(self) -> bool | None:
        """The digital self test, section 16.1.1: None where nobody knows what this version should give.

        Leaves the chip unusable: `set_up` goes after it.
        """
        expected = SELF_TEST.get(self.version)
        if expected is None:
            return None
        self._registers.MFRC522_Reset()
        self._until_awake()
        self._write(FIFO_LEVEL, FLUSH)
        for _ in range(25):
            self._write(FIFO_DATA, 0)
        self._write(COMMAND, MEM)
        self._write(AUTO_TEST, 0x09)
        self._write(FIFO_DATA, 0)
        self._write(COMMAND, CALC_CRC)
        # The level, for some chips do not set the interrupt bit of the CRC here.
        give_up_at = self._clock() + SELF_TEST_S
        while self._read(FIFO_LEVEL) < len(expected) and self._clock() < give_up_at:
            self._pause(NEXT_LOOK_S)
        self._write(COMMAND, IDLE)
        given = bytes(self._read(FIFO_DATA) for _ in expected)
        self._write(AUTO_TEST, 0)
        return given == expected

    def exchange(self, frame: bytes, bits: int) -> Seen:
        """One frame and its answer (`iso14443.Exchange`); raises ChipTrouble where the chip's timer never runs out."""
        self._write(COMMAND, IDLE)
        self._write(COM_IRQ, ALL_IRQS)
        self._write(FIFO_LEVEL, FLUSH)
        for byte in frame:
            self._write(FIFO_DATA, byte)
        self._write(COMMAND, TRANSCEIVE)
        self._write(BIT_FRAMING, START_SEND | bits)
        irq = self._wait()
        if irq & ERR_IRQ:
            errors = self._read(ERROR)
            if errors & ANY_ERR:
                return Trouble.COLLISION if errors & COLL_ERR else Trouble.GARBLED
        if not irq & (RX_IRQ | IDLE_IRQ):
            return None
        count = self._read(FIFO_LEVEL) & 0x7F
        if not count or self._read(CONTROL) & 0x07:
            return Trouble.GARBLED
        return bytes(self._read(FIFO_DATA) for _ in range(min(count, 64)))

    def antenna_off(self) -> None:
        self._registers.AntennaOff()

    def _wait(self) -> int:
        give_up_at = self._clock() + TIMER_SILENT_S
        self._pause(FIRST_LOOK_S)
        while True:
            late = self._clock() > give_up_at  # known before the chip is asked: it may be this process that was kept waiting
            irq = self._read(COM_IRQ)
            if irq != 0xFF and irq & (RX_IRQ | IDLE_IRQ | ERR_IRQ | TIMER_IRQ):
                return irq
            if irq == 0xFF or late:
                raise ChipTrouble(
                    f"the chip did not end a look at the field (interrupts 0x{irq:02X}): it hangs, or its wires are loose"
                )
            self._pause(NEXT_LOOK_S)

    def _until_awake(self) -> None:
        """After a reset the oscillator takes a moment, section 8.8.2; a chip that is not there is found by its version."""
        give_up_at = self._clock() + RESET_S
        while self._read(COMMAND) & POWER_DOWN and self._clock() < give_up_at:
            self._pause(NEXT_LOOK_S)


def _no_chip(version: int) -> str:
    why = (
        "the line MISO stays low: check 3.3 V, ground and the reset line (RST must be high)"
        if version == 0x00
        else "the line MISO stays high: check chip select (SDA to CE0 or CE1, as in `device`) and MISO, MOSI and SCK"
    )
    return f"no chip answers (version 0x{version:02X}); {why}. See docs/readers.md for the wiring"
