"""One part's connection to a bench: JSON lines over a Unix socket (docs/hardware-socket.md).

Owns opening, the hello, reading and loss. A command on a lost connection does nothing: the loss itself is told by
`receive`, which raises DriverError, and the bench has let go of whatever the connection held.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Self

import msgspec

from chargepoint.ports import DriverError

OPEN_S = 2.0
CLOSE_S = 1.0
LINE_MAX = 4_096
PENDING_MAX = 65_536

Message = dict[str, Any]


class Connection:
    """A part that the bench has taken. `what` names the part in every error."""

    def __init__(self, what: str, socket: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.what = what
        self.closed = False
        self._socket = socket
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, what: str, socket: str, hello: Message) -> Self:
        """Connects and says which part this is; raises DriverError within `OPEN_S`."""
        try:
            async with asyncio.timeout(OPEN_S):
                reader, writer = await asyncio.open_unix_connection(socket, limit=LINE_MAX)
                connection = cls(what, socket, reader, writer)
                try:
                    connection.send(hello)
                    await connection._greeting()
                except BaseException:
                    writer.transport.abort()
                    raise
        except TimeoutError as error:
            raise DriverError(f"{what}: the bench at {socket} did not answer within {OPEN_S:g} s; restart it") from error
        except OSError as error:
            start = f"start the bench with python -m hil.bench --dir {socket.rpartition('/')[0] or '.'}"
            raise DriverError(f"{what}: no bench at {socket} ({error.strerror or error}); {start}") from error
        return connection

    async def _greeting(self) -> None:
        answer = await self.receive()
        if answer.get("ok") is not True:
            raise DriverError(f"{self.what}: the bench at {self._socket} refused: {answer.get('error', answer)}")

    def send(self, message: Message) -> None:
        """Hands a line to the socket before it returns; never blocks, never raises. See the module on lost connections."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        transport.write(msgspec.json.encode(message) + b"\n")
        if transport.get_write_buffer_size() > PENDING_MAX:
            transport.abort()  # a bench that does not read is lost; receive tells so

    async def receive(self) -> Message:
        """The bench's next line; raises DriverError when the connection is lost or says what cannot be understood."""
        try:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise DriverError(f"{self.what}: the bench has closed the connection at {self._socket}; does it still run?")
            message = msgspec.json.decode(line)
        except (OSError, ValueError, RecursionError) as error:
            raise DriverError(f"{self.what}: the connection to the bench at {self._socket} broke: {error}") from error
        if not isinstance(message, dict):
            raise self.misunderstood(message)
        return message

    def misunderstood(self, message: Any) -> DriverError:
        """The error for a line that is not what this part is told (bench and station of different versions)."""
        return DriverError(f"{self.what}: the bench at {self._socket} sent {message!r}, which this part does not know")

    async def close(self) -> None:
        """Sends what is still to be sent and closes, within `CLOSE_S`; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            pass  # lost before: there is nothing left to close


def place(part: str, number: int) -> str:
    """How a part of a connector is named in an error."""
    return f"virtual {part} of connector {number}"


@contextlib.contextmanager
def quiet_when_closed(connection: Connection) -> Iterator[None]:
    """Turns the loss that our own `close` causes into an end without error."""
    try:
        yield
    except DriverError:
        if not connection.closed:
            raise
