"""The client of the control socket: one request, one answer, JSON lines over a Unix stream socket."""

import json
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from chargepoint.cli.common import EXIT_NOT_RUNNING, EXIT_PROBLEM, CommandError

TIMEOUT_S = 5.0
LINE_SIZE_MAX = 8 * 1024 * 1024
CHUNK_SIZE = 65536
WATCH_S = 3_600.0


class ControlError(CommandError):
    """The service could not be asked, or gave no proper answer."""


class NotRunning(ControlError):
    """Nobody listens on the control socket."""


class Refused(ControlError):
    """The service answered that it will not or cannot do what was asked; the text is its own."""


class ControlClient:
    """Asks a running service. Use as a context manager; one connection serves any number of requests."""

    def __init__(self, path: str, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._id = 0
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> Self:
        try:
            self._connect()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def request(self, do: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request, as a dictionary; raises Refused with the service's words where it says no.

        Answers within the time-out or raises ControlError. Lines that belong to another request are skipped.
        """
        self._id += 1
        deadline_s = time.monotonic() + self._timeout_s
        line = json.dumps({"id": self._id, "do": do, **arguments}).encode() + b"\n"
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(line)
            while True:
                answer = _object(self._line(deadline_s))
                if answer.get("id") == self._id:
                    break
        except TimeoutError as error:
            raise ControlError(
                f"the service gave no answer within {self._timeout_s:g} s; look at its log: journalctl -u chargepoint"
            ) from error
        except OSError as error:
            raise ControlError(f"the connection to the service broke ({error.strerror}); it may just have ended") from error
        if answer.get("ok") is not True:
            raise Refused(f"the service says: {answer.get('error') or 'no, without a reason'}", EXIT_PROBLEM)
        return answer

    def events(self) -> Iterator[dict[str, Any]]:
        """Everything that a watcher is told (see the service's control socket), until the service ends. Raises ControlError."""
        self.request("watch")
        while True:
            try:
                answer = _object(self._line(time.monotonic() + WATCH_S))
            except TimeoutError:
                continue  # nothing has happened
            except OSError as error:
                raise ControlError(f"the connection to the service broke ({error.strerror}); it may just have ended") from error
            if "event" in answer:
                yield answer

    def _connect(self) -> None:
        self._socket.settimeout(self._timeout_s)
        try:
            self._socket.connect(self._path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise NotRunning(
                f"the service is not running (nobody listens on {self._path}). "
                "Start it: sudo systemctl start chargepoint, or: chargepoint run --config FILE. "
                "Why it does not stay: chargepoint check-config, and sudo chargepoint log",
                EXIT_NOT_RUNNING,
            ) from error
        except PermissionError as error:
            raise ControlError(
                f"this user may not talk to the service ({self._path}). "
                'Add yourself to the group chargepoint (sudo usermod -aG chargepoint "$USER", then log in again), or use sudo'
            ) from error
        except TimeoutError as error:
            raise ControlError(f"the service did not take the connection within {self._timeout_s:g} s") from error
        except OSError as error:
            raise ControlError(f"cannot connect to {self._path}: {error.strerror or error}") from error

    def _line(self, deadline_s: float) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > LINE_SIZE_MAX:
                raise ControlError("the service's answer is longer than 8 MiB; ask for less (--limit)")
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._socket.settimeout(left_s)
            chunk = self._socket.recv(CHUNK_SIZE)
            if not chunk:
                raise ControlError("the service closed the connection without an answer; look at its log")
            self._received += chunk
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line


def _object(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ControlError("what answers on the control socket does not speak JSON; is it the charge point's?") from error
    if not isinstance(answer, dict):
        raise ControlError("the service's answer is no JSON object; is it the same version as this command?")
    return answer
