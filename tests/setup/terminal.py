"""A person at a terminal: a process on a pseudo terminal, what it shows, and what is typed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
CHILD = """
import sys
from chargepoint.setup import searching
ports = sys.argv[1].split(",") if sys.argv[1] else []
searching.ports = lambda root=None: ports
from chargepoint.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


class Terminal:
    """`chargepoint ARGUMENTS`, or another command, as a person sees it. ports: the serial ports that the machine is to have."""

    def __init__(self, *arguments: str, ports: tuple[str, ...] = (), command: Sequence[str] = ()) -> None:
        self._command = list(command) or [sys.executable, "-c", CHILD, ",".join(ports), *arguments]
        self.shown = ""
        self._seen = 0

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, close_fds=True
        )
        os.close(slave)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def answer(self, question: str, line: str) -> None:
        """Types a line once the question stands there."""
        self.sees(question)
        os.write(self._master, line.encode() + b"\n")

    def sees(self, text: str) -> None:
        """Waits until the text is shown after what was seen before."""
        until_s = time.monotonic() + PATIENCE_S
        while (at := self.shown.find(text, self._seen)) < 0:
            assert time.monotonic() < until_s, f"never shown: {text!r} in\n{self.shown}"
            assert self._more(until_s), f"it ended without {text!r}:\n{self.shown}"
        self._seen = at + len(text)

    def interrupt(self) -> None:
        """Ctrl-C, until it is heard: one that comes just before Python waits for a line is noticed with the next."""
        while self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)

    def hang_up(self) -> None:
        """End of input: Ctrl-D."""
        os.write(self._master, b"\x04")

    def ends(self) -> int:
        """The exit status, with everything shown until then."""
        until_s = time.monotonic() + PATIENCE_S
        while self._more(until_s):
            assert time.monotonic() < until_s, self.shown
        return self._process.wait(PATIENCE_S)

    def _more(self, until_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, until_s - time.monotonic()))
        if not ready:
            return False
        try:
            came = os.read(self._master, 65_536)
        except OSError:  # the other side is closed
            return False
        self.shown += came.decode(errors="replace").replace("\r\n", "\n")
        return bool(came)
