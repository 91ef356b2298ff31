"""Child processes: each with its own log file, its own session (a Ctrl-C is the demo's to handle) and a leash to the demo.

A child is only ever ended by its own process id.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
LEASH = Path(__file__).with_name("leash.py")
READY_S = 30.0
END_S = 7.0  # a station has 5 s after SIGTERM
TAIL_BYTES = 16_384
TAIL_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; the text says why and, where there is one, what to do."""


class Child:
    """A running process. `log` holds what it says on stderr (and on stdout, unless it says there when it is ready)."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(cls, name: str, command: list[str], log: Path, *, tells_ready: bool = False) -> Self:
        """Starts the command in the log's folder, where the project's packages can be imported."""
        known = os.environ.get("PYTHONPATH")
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{known}" if known else str(ROOT)}
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if tells_ready else file,
                stderr=file,
                cwd=log.parent,
                env=environment,
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> dict[str, Any]:
        """The line of JSON with which the child says that it is ready; raises DemoError where it ends or stays silent."""
        line = await self.said()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise DemoError(f"{self.name} said {line!r} where it should have said that it is ready")
        return answer

    async def said(self) -> bytes:
        """Its first line; raises DemoError where it ends or stays silent."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                line = await stdout.readline()
                if not line:
                    code = await self._process.wait()
                    raise DemoError(f"{self.name} did not start (exit status {code}):\n{self.tail()}")
        except TimeoutError:
            raise DemoError(f"{self.name} was not ready within {READY_S:g} s:\n{self.tail()}") from None
        return line

    async def wait(self) -> int:
        """The exit status; below 0 the number of the signal that ended it."""
        return await self._process.wait()

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.running:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def end(self) -> int:
        """SIGTERM, and after END_S SIGKILL; the exit status."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            return await self._process.wait()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(its log is empty)"
