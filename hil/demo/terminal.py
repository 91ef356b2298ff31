"""The terminal: raw keys in, whole screens out, and everything as it was at the end, whatever happens.

Only lines that changed are written. Keys come one at a time; arrow keys as "up" and "down", other sequences are dropped.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence

from hil.demo.style import Line, painted

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # other screen, no cursor, no wrapping
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
SEQUENCE = re.compile(r"\x1b(?:[\[O][0-?]*[ -/]*([@-~]))?")
ARROWS = {"A": "up", "B": "down"}
READ_BYTES = 1_024
PENDING_MAX = 256


def keys_of(text: str) -> list[str]:
    """What was typed, key by key."""
    keys: list[str] = []
    place = 0
    while place < len(text):
        sequence = SEQUENCE.match(text, place)
        if sequence is None:
            keys.append(text[place])
            place += 1
            continue
        if sequence[1] in ARROWS:
            keys.append(ARROWS[sequence[1]])
        elif sequence[1] is None:
            keys.append("escape")
        place = sequence.end()
    return keys


class Keyboard:
    """Standard input, without waiting for Enter where it is a terminal. `ended`: nothing can come any more."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno() if sys.stdin is not None else -1
        self._keys: asyncio.Queue[str] = asyncio.Queue(PENDING_MAX)
        self._before: list[int | list[bytes | int]] | None = None
        self.ended = False

    def open(self) -> None:
        if self._fd < 0:
            self.ended = True
            return
        if os.isatty(self._fd):
            self._before = termios.tcgetattr(self._fd)
            self.listen()
        try:
            asyncio.get_running_loop().add_reader(self._fd, self._read)
        except PermissionError:  # a file, or /dev/null: nothing that can be waited for
            self.ended = True

    def listen(self) -> None:
        """Keys one by one and unseen; Ctrl-C and Ctrl-Z stay signals."""
        if self._before is not None:
            tty.setcbreak(self._fd, termios.TCSANOW)

    def restore(self) -> None:
        if self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
        self.restore()

    async def next(self, timeout_s: float) -> str | None:
        """The next key, or None after `timeout_s`."""
        if self._keys.empty() and self.ended:
            return None
        try:
            async with asyncio.timeout(timeout_s):
                return await self._keys.get()
        except TimeoutError:
            return None

    def pending(self) -> Iterator[str]:
        """What was typed meanwhile."""
        while not self._keys.empty():
            yield self._keys.get_nowait()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self.ended = True
            asyncio.get_running_loop().remove_reader(self._fd)
            return
        for key in keys_of(data.decode(errors="ignore")):
            if not self._keys.full():
                self._keys.put_nowait(key)


class Screen:
    """A full-screen view on standard output. Made by `full_screen`."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._shown: list[str] = []
        self._entered = False

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        size = shutil.get_terminal_size()
        return size.columns, size.lines

    def paint(self, lines: Sequence[Line]) -> None:
        """Shows the lines from the top; writes only what is not there already."""
        wanted = [painted(line, colour=self._colour) for line in lines]
        self._write(changes(self._shown, wanted))
        self._shown = wanted

    def forget(self) -> None:
        """Everything is to be written anew, after a change of size."""
        self._write("\x1b[2J")
        self._shown = []

    def enter(self) -> None:
        if not self._entered:
            self._entered = True
            self._write(ENTER)
            self.forget()

    def leave(self) -> None:
        if self._entered:
            self._entered = False
            self._write(LEAVE)

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()


def changes(shown: Sequence[str], wanted: Sequence[str]) -> str:
    """What turns one screen into another."""
    parts = [
        f"\x1b[{row};1H{line}\x1b[K"
        for row, line in enumerate(wanted, 1)
        if row > len(shown) or shown[row - 1] != line
    ]  # fmt: skip
    parts += [f"\x1b[{row};1H\x1b[K" for row in range(len(wanted) + 1, len(shown) + 1)]
    return "".join(parts)


@contextlib.contextmanager
def full_screen(keyboard: Keyboard, *, colour: bool) -> Iterator[Screen]:
    """The screen for as long as the block runs. A change of size is followed; Ctrl-Z gives the terminal back meanwhile."""
    screen = Screen(colour=colour)
    loop = asyncio.get_running_loop()

    def suspend() -> None:
        screen.leave()
        keyboard.restore()
        os.kill(os.getpid(), signal.SIGSTOP)  # goes on from here when the shell says so
        keyboard.listen()
        screen.enter()

    handlers: dict[int, Callable[[], None]] = {signal.SIGWINCH: screen.forget, signal.SIGTSTP: suspend}
    try:
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        screen.enter()
        yield screen
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        screen.leave()
