"""JSON lines on a socket, bounded both ways: what the control and the hardware socket share.

A line that is too long is skipped to its end and reported. What a peer does not fetch is kept up to a bound; then the peer
is told why and dropped, so that a slow peer never holds up the world.
"""

import asyncio
import contextlib
import sys
from typing import Any

import msgspec

PENDING_MAX = 1 << 20
FAREWELL_S = 2.0


def log(text: str) -> None:
    """A line on stderr for whoever runs the bench; a closed stderr is no reason to end."""
    with contextlib.suppress(OSError, ValueError):
        print(f"bench: {text}", file=sys.stderr, flush=True)


def decode(line: bytes) -> Any:
    """The JSON value of a line; raises ValueError with words where it is none."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(f"not a line of JSON: {error}") from error


class LineProtocol(asyncio.Protocol):
    """One connection. Subclasses take lines and say what an overlong one leads to."""

    line_max = 65_536
    pending_max = PENDING_MAX
    name = "peer"

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False
        self._transport: asyncio.Transport | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()

    def line_received(self, line: bytes) -> None:
        raise NotImplementedError

    def line_too_long(self) -> None:
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        if self._farewell is not None:
            self._farewell.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self.ended and (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._skipping:
                self._skipping = False
            elif end > self.line_max:
                self.line_too_long()
            elif line.strip():
                self.line_received(line)
        if len(self._buffer) > self.line_max:
            self._buffer.clear()
            if not self._skipping:
                self._skipping = True
                self.line_too_long()

    def write(self, message: dict[str, Any]) -> None:
        """Sends a line, or keeps it until the peer fetches it; drops a peer that has left too much lying."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(msgspec.json.encode(message) + b"\n")
        waiting = self._transport.get_write_buffer_size()
        if waiting > self.pending_max:
            self.end(f"too slow: {waiting} bytes were not fetched; connect again and ask for the state")

    def end(self, reason: str = "") -> None:
        """Says why, if a reason is given, and closes once that is fetched or `FAREWELL_S` is over."""
        if self._transport is None or self._transport.is_closing():
            return
        if reason:
            log(f"{self.name} dropped: {reason}")
            self._transport.write(msgspec.json.encode({"ok": False, "error": reason}) + b"\n")
        self._transport.close()
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL_S, self._transport.abort)
