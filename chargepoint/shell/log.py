"""Logging of the service: plain lines on stderr, written by a thread of its own; under systemd the journal's fields with them.

Owns the form of a line, and the promise that a full pipe or a stalled journal stops nobody: lines wait in a bounded queue, and
at the bound the newest are counted, not kept. The journal's fields (CONNECTOR, TRANSACTION, EVENT, MESSAGE_ID) are told in
docs/log.md. Written out here instead of taken from systemd-python: it is one datagram, and no library to install. Where the
journal does not take it, the line goes to stderr with its priority before it (sd-daemon(3)).
"""

import logging
import os
import queue
import socket
import sys
import threading
from collections.abc import Mapping
from functools import cache
from typing import IO

LINES_MAX = 1_000
JOURNAL = "/run/systemd/journal/socket"
MESSAGE_MAX = 32 * 1024  # characters; a datagram takes some 200 kB
SEND_S = 5.0  # for a journal that is busy; after it the line goes to stderr
MESSAGE_IDS = "b0a8f3c2-6a0e-5c51-8d36-6f2f0a4c1e77"  # the name space of events
FLUSH_S = 0.5
PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class ThreadedHandler(logging.Handler):
    """Hands finished lines to a thread that writes them; `emit` never waits."""

    def __init__(self, stream: IO[str], lines_max: int = LINES_MAX) -> None:
        super().__init__()
        self.stream = stream
        self._lines: queue.Queue[tuple[str, logging.LogRecord] | None] = queue.Queue(lines_max)
        self._lost = 0
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._lost:
                line = f"({self._lost} lines were lost: nobody took them)\n{line}"
            self._lines.put_nowait((line, record))
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
        while (one := self._lines.get()) is not None:
            try:
                self.write(*one)
                if self._lines.empty():
                    self.stream.flush()
            except (OSError, ValueError):
                return  # nobody is left who could be told
            finally:
                self._lines.task_done()

    def write(self, line: str, record: logging.LogRecord) -> None:
        """Writes one; called by the thread. Raises OSError or ValueError where nobody takes anything any more."""
        self.stream.write(line + "\n")


class JournalHandler(ThreadedHandler):
    """Sends each line with its fields to the journal's own socket (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, stream: IO[str], journal: str = JOURNAL, lines_max: int = LINES_MAX) -> None:
        self._journal = journal
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(SEND_S)
        super().__init__(stream, lines_max)

    def write(self, line: str, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(datagram(line, record), self._journal)
        except OSError:
            prefix = f"<{PRIORITY.get(record.levelno, 6)}>"
            super().write("\n".join(prefix + part for part in line.split("\n")), record)

    def close(self) -> None:
        super().close()
        self._socket.close()


def datagram(line: str, record: logging.LogRecord) -> bytes:
    """A line and its fields as the journal takes them. A line that is too long for a datagram is cut."""
    fields = {"MESSAGE": line[:MESSAGE_MAX], "PRIORITY": PRIORITY.get(record.levelno, 6), "SYSLOG_IDENTIFIER": "chargepoint"}
    fields |= {"LOGGER": record.name, "CODE_FILE": record.pathname, "CODE_LINE": record.lineno}
    for name in ("connector", "transaction", "event"):
        if (value := getattr(record, name, None)) is not None:
            fields[name.upper()] = value
    if "EVENT" in fields:
        fields["MESSAGE_ID"] = message_id(str(fields["EVENT"]))
    return b"".join(_field(name, str(value)) for name, value in fields.items())


@cache
def message_id(event: str) -> str:
    """The journal's MESSAGE_ID of an event: the same in every version."""
    import uuid  # the first event of a start is not its first word

    return uuid.uuid5(uuid.UUID(MESSAGE_IDS), event).hex


def _field(name: str, value: str) -> bytes:
    """With its length where it has more than one line."""
    raw = value.encode("utf-8", "replace")
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"


def start(level: str, stream: IO[str] | None = None, environ: Mapping[str, str] = os.environ) -> ThreadedHandler:
    """Sends the log of the whole process to stderr; close the handler at the end."""
    stream = stream or sys.stderr
    handler: ThreadedHandler
    if _is_journal(stream, environ.get("JOURNAL_STREAM", "")):
        handler = JournalHandler(stream)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = ThreadedHandler(stream)
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
