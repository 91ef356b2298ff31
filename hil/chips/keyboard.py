"""A card reader that plays keyboard: a named pipe with the kernel's input events in it (linux/input.h)."""

import os
import struct
from pathlib import Path
from typing import Self

EVENT = struct.Struct("@llHHi")
CODES = {
    **{str(digit): digit + 1 for digit in range(1, 10)},
    "0": 11, "Q": 16, "W": 17, "E": 18, "R": 19, "T": 20, "Y": 21, "U": 22, "I": 23, "O": 24, "P": 25, "A": 30, "S": 31,
    "D": 32, "F": 33, "G": 34, "H": 35, "J": 36, "K": 37, "L": 38, "Z": 44, "X": 45, "C": 46, "V": 47, "B": 48, "N": 49,
    "M": 50, "-": 12, ".": 52,
}  # fmt: skip
ENTER, SHIFT, SCAN, EV_MSC = 28, 42, 4, 4


class Keyboard:
    """`path` is the device. Its time is its own: 2 ms a keystroke, and what `pause` adds. piece: bytes a write, 0: an event."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.piece = 0
        self._micros = 1_000_000_000
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def pause(self, seconds: float) -> None:
        self._micros += round(seconds * 1e6)

    def type(self, text: str, *, enter: bool = True) -> None:
        """Types as such readers do: capital letters with shift, and Enter."""
        for letter in text:
            if letter.isupper():
                self.event(1, SHIFT, 1)
            self.press(CODES[letter.upper()])
            if letter.isupper():
                self.event(1, SHIFT, 0)
        if enter:
            self.press(ENTER)

    def press(self, code: int) -> None:
        """One key down and up, with the scan code and the end of report that the kernel adds."""
        for value in (1, 0):
            self.event(EV_MSC, SCAN, 458_752 + code)
            self.event(1, code, value)
            self.event(0, 0, 0)

    def event(self, kind: int, code: int, value: int) -> None:
        self._micros += 333
        raw = EVENT.pack(*divmod(self._micros, 1_000_000), kind, code, value)
        step = self.piece or len(raw)
        for at in range(0, len(raw), step):
            os.write(self._pipe, raw[at : at + step])
