"""The live view on a terminal and without one."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hil.demo.terminal import ENTER, LEAVE
from tests.demo.running import DEMO, environment, left_behind, run, short_folder, until

COLUMNS, LINES = 100, 30
WRITTEN = re.compile(r"\x1b\[(\d+);1H(.*?)\x1b\[K", re.DOTALL)
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A pseudo terminal with a demo on it. `rows`: what a person sees."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (LINES, COLUMNS))
        self.before = termios.tcgetattr(self.slave)
        self.demo = subprocess.Popen(
            [*DEMO, "--connectors", "2"],
            cwd="/",
            env=environment(folder, **more),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )
        self.output = ""
        asyncio.get_running_loop().add_reader(self.master, self._read)

    @property
    def rows(self) -> list[str]:
        rows = [""] * LINES
        for row, text in WRITTEN.findall(self.output.rpartition("\x1b[2J")[2]):
            rows[int(row) - 1] = STYLE.sub("", text)
        return rows

    def shows(self, text: str) -> bool:
        return any(text in row for row in self.rows)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        try:
            await until(holds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; shown is\n" + "\n".join(self.rows)) from None

    async def sees(self, text: str) -> None:
        await self.until(repr(text), lambda: self.shows(text))

    async def ended(self) -> int:
        await self.until("the end", lambda: self.demo.poll() is not None)
        assert self.demo.returncode is not None
        return self.demo.returncode

    def close(self) -> None:
        if self.demo.poll() is None:
            self.demo.kill()
            self.demo.wait()
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    def _read(self) -> None:
        self.output += os.read(self.master, 65_536).decode(errors="replace")


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


@asynccontextmanager
async def terminal(folder: Path, **more: str) -> AsyncIterator[Terminal]:
    made = Terminal(folder, **more)
    try:
        yield made
    finally:
        made.close()


async def test_keys_charge_a_car_and_leave_the_terminal_as_it_was(folder: Path) -> None:
    async with terminal(folder) as screen:
        await screen.sees("▸ 1  Available")
        await screen.sees("registration Accepted")
        screen.type("p")
        await screen.sees("▸ 1  Preparing")
        screen.type("t")
        await screen.sees("contactor CLOSED   locked   lamp")
        await screen.sees("session of ••••B3C1")
        await screen.sees("→ StartTransaction  connectorId 1, idTag 04A2B3C1, meterStart 12345")
        screen.type("n")
        await screen.sees("network CUT")
        screen.type("nx")
        await screen.sees("no power; x starts the station")
        assert screen.shows("▸ 1  no power")
        screen.type("\x1b[B")
        await screen.sees("▸ 2  no power")
        screen.type("q")
        assert await screen.ended() == 0
        await screen.until("the last words", lambda: "booked 1 transaction" in screen.output)
        assert termios.tcgetattr(screen.slave) == screen.before
        assert (screen.output.count(ENTER), screen.output.count(LEAVE)) == (1, 1)
        told = screen.output.partition(LEAVE)[2]
        assert "1: connector 1, 04A2B3C1, still open" in told
        assert all(len(row) < COLUMNS for row in screen.rows)
    assert (left_behind(folder), os.listdir(folder)) == ([], [])


async def test_a_signal_and_a_new_size_find_the_terminal_in_order(folder: Path) -> None:
    async with terminal(folder, NO_COLOR="1") as screen:
        await screen.sees("▸ 1  Available")
        termios.tcsetwinsize(screen.slave, (LINES, 60))
        screen.demo.send_signal(signal.SIGWINCH)
        await screen.until("a narrow screen", lambda: screen.shows("▸ 1  Available") and max(map(len, screen.rows)) == 59)
        screen.demo.send_signal(signal.SIGTERM)
        assert await screen.ended() == 128 + signal.SIGTERM
        await screen.until("the old screen", lambda: screen.output.endswith(LEAVE))
        assert termios.tcgetattr(screen.slave) == screen.before
        assert not STYLE.search(screen.output)
    assert (left_behind(folder), os.listdir(folder)) == ([], [])


async def test_a_dumb_terminal_gets_lines_and_takes_keys(folder: Path) -> None:
    async with terminal(folder, TERM="dumb") as screen:
        await screen.until("a free connector", lambda: "connector 1  Available     free" in screen.output)
        screen.type("p")
        await screen.until("the answer to a key", lambda: "· you plug a car in at connector 1" in screen.output)
        await screen.until("a change", lambda: "connector 1  Preparing" in screen.output)
        screen.type("q")
        assert await screen.ended() == 0
        assert termios.tcgetattr(screen.slave) == screen.before
        assert "\x1b" not in screen.output


async def test_without_terminal_and_keys_it_says_so_and_ends(folder: Path) -> None:
    code, out, error = await run(folder)
    assert (code, error) == (0, "")
    assert "the keyboard is at its end; script/demo --auto plays an evening without keys" in out
    assert out.splitlines()[-1] == "The Central System booked 0 transactions."
