"""A program under the emulated kernel: started, heard line by line, ended."""

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from hil.kernel.broker import Kernel

ROOT = Path(__file__).parents[2]
WAIT_S = 10.0


class Child:
    """A process under a kernel. program: Python text, or a list: arguments for this Python (`["-m", "chargepoint", ...]`)."""

    def __init__(self, kernel: Kernel, program: str | Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        arguments = ["-c", program] if isinstance(program, str) else list(program)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**kernel.environment(), "GPIOZERO_PIN_FACTORY": "lgpio", "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.heard: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._ear = threading.Thread(target=self._hear, daemon=True)
        self._ear.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def line(self, timeout_s: float = WAIT_S) -> str:
        """The next line that it prints; raises AssertionError with all it said where none comes."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            line = None
        assert line is not None, "the process said no more than:\n" + "\n".join(self.heard)
        return line

    def ends(self, timeout_s: float = WAIT_S) -> int:
        """Waits for its end; the exit status."""
        status = self.process.wait(timeout_s)
        self._ear.join(timeout_s)
        return status

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: it does nothing any more, only the kernel does."""
        self.process.kill()
        self.ends()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
        self.process.stdout.close()
