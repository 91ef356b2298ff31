"""Logging of the service: plain lines on stderr, written by a thread of its own.

Owns the form of a line, and the promise that a full pipe or a stalled journal stops nobody: lines wait in a bounded queue, and
at the bound the newest are counted, not kept. Under systemd a line begins with its priority (sd-daemon(3)) and has no time, for
the journal has its own.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Mapping
from typing import IO

LINES_MAX = 1_000
FLUSH_S = 0.5
PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class ThreadedHandler(logging.Handler):
    """Hands finished lines to a thread that writes them; `emit` never waits."""

    def __init__(self, stream: IO[str], lines_max: int = LINES_MAX) -> None:
        super().__init__()
        self.stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(lines_max)
        self._lost = 0
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._lost:
                line = f"({self._lost} lines were lost: nobody took them)\n{line}"
            self._lines.put_nowait(line)
            self._lost = 0
        except queue.Full:
            self._lost += 1
        except Exception:  # a record that cannot be formatted is a mistake of the caller: shown as logging shows it
            self.handleError(record)

    def flush(self) -> None:
        """Waits until everything is written, for at most `FLUSH_S`; not at all where nobody writes any more.

        At the end of the process logging waits here with the handler locked: a thread that dies waiting for the lock keeps it.
        """
        with self._lines.all_tasks_done:
            done = self._lines.all_tasks_done
            done.wait_for(lambda: self._lines.unfinished_tasks == 0 or not self._writer.is_alive(), FLUSH_S)

    def close(self) -> None:
        """Writes what waits, for at most `FLUSH_S`, and ends the thread."""
        try:
            self._lines.put(None, timeout=FLUSH_S)
            self._writer.join(FLUSH_S)
        except queue.Full:
            self._lost += 1
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self.stream.write(line + "\n")
                if self._lines.empty():
                    self.stream.flush()
            except (OSError, ValueError):
                return  # nobody is left who could be told
            finally:
                self._lines.task_done()


class JournalFormatter(logging.Formatter):
    """Priority before every line, so that a traceback stays one thing in the journal."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{PRIORITY.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).split("\n"))


def start(level: str, stream: IO[str] | None = None, environ: Mapping[str, str] = os.environ) -> ThreadedHandler:
    """Sends the log of the whole process to stderr; close the handler at the end."""
    handler = ThreadedHandler(stream or sys.stderr)
    if _is_journal(handler.stream, environ.get("JOURNAL_STREAM", "")):
        handler.setFormatter(JournalFormatter("%(message)s"))
    else:
        form = logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below a warning these libraries write frames and headers, and with them keys that no log may hold.
    for name in ("websockets", "asyncio", "pymodbus"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def _is_journal(stream: IO[str], named: str) -> bool:
    """Whether the stream is the one of $JOURNAL_STREAM (device:inode); redirected children inherit the variable too."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{found.st_dev}:{found.st_ino}"
