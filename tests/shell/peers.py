"""Central Systems as a link may meet them, on loopback; and one place that keeps what the link reports."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chargepoint.core.events import Event, FrameReceived, LinkDown, LinkUp
from chargepoint.shell.address import Address
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.link import Link
from chargepoint.shell.moment import Moment
from chargepoint.shell.tls import Trust
from chargepoint.shell.vault.folder import Places
from tests.shell.fakes import until

OCPP16 = [Subprotocol("ocpp1.6")]
Handler = Callable[[ServerConnection], Awaitable[None]]


async def listen(connection: ServerConnection) -> None:
    """Takes everything, says nothing."""
    async for _ in connection:
        pass


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


class Peer:
    """A server and what it saw. connects: requests for a WebSocket, refused ones included; asked_s: when each came."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.asked_s: list[float] = []
        self.connections: list[ServerConnection] = []
        self.status: HTTPStatus | None = None
        self.moved_to: str | None = None

    @property
    def connects(self) -> int:
        return len(self.requests)


@asynccontextmanager
async def peer(handler: Handler = listen, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Peer]:
    """A WebSocket server; set `status` to have it refuse with that, `moved_to` (a URL) to have it redirect."""
    here = Peer()

    def on_request(connection: ServerConnection, request: Request) -> Response | None:
        here.requests.append(request)
        here.asked_s.append(time.monotonic())
        if here.moved_to is not None:
            response = connection.respond(HTTPStatus.FOUND, "elsewhere")
            response.headers["Location"] = here.moved_to
            return response
        return None if here.status is None else connection.respond(here.status, "no")

    async def handle(connection: ServerConnection) -> None:
        here.connections.append(connection)
        await handler(connection)

    options = {"subprotocols": OCPP16, "ping_interval": None, "close_timeout": 0.2, **options}
    async with serve(handle, "127.0.0.1", 0, ssl=tls, process_request=on_request, **options) as server:
        here.port = next(iter(server.sockets)).getsockname()[1]
        yield here


@asynccontextmanager
async def raw_peer(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], *, buffer_bytes: int | None = None
) -> AsyncIterator[int]:
    """A TCP server that speaks whatever it likes; its port. buffer_bytes: what it takes before anybody reads it."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handle(reader, writer)

    listening = socket.create_server(("127.0.0.1", 0))
    if buffer_bytes is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    server = await asyncio.start_server(connected, sock=listening, limit=buffer_bytes or 1 << 16)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


@contextmanager
def tls_peer(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server that says why it refuses a handshake, as those of asyncio do not; its port. It knows no WebSocket."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    inner, _ = server.accept()
                except OSError:
                    return  # closed: the test is over
                inner.settimeout(2.0)
                with contextlib.suppress(OSError), context.wrap_socket(inner, True, do_handshake_on_connect=False) as tls:
                    try:
                        tls.do_handshake()
                    except ssl.SSLError:
                        while socket.socket.recv(tls, 4_096):
                            pass  # a reset for what nobody read would overtake the reason

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(3.0)
    assert not thread.is_alive()


class Listener:
    """Stands where the runtime stands: takes every event, admits a new connection, writes everything down."""

    def __init__(self, link: Link, inbox: Inbox) -> None:
        self.link = link
        self.inbox = inbox
        self.events: list[Event] = []
        self.admits = True
        self.stops_after: type[Event] | None = None

    async def run(self) -> None:
        while True:
            event = await self.inbox.take(None)
            assert event is not None
            if isinstance(event, LinkUp) and self.admits:
                self.link.admit()
            self.events.append(event)
            if self.stops_after is type(event):
                return

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def up(self, times: int = 1) -> None:
        await until(lambda: len(self.of(LinkUp)) >= times, f"{times} times LinkUp; {self.events[-3:]}")

    async def down(self, times: int = 1) -> str:
        """The newest reason, once there are so many."""
        await until(lambda: len(self.of(LinkDown)) >= times, f"{times} times LinkDown; {self.events[-3:]}")
        return str(self.of(LinkDown)[-1].reason)

    async def frames(self, count: int) -> list[str | bytes]:
        await until(lambda: len(self.of(FrameReceived)) >= count, f"{count} frames; {self.events[-3:]}")
        return [event.text for event in self.of(FrameReceived)]


def address(port: int, **changes: Any) -> Address:
    wanted = {
        "url": f"ws://127.0.0.1:{port}/ocpp",
        "identity": "CP 1/ü",
        "reconnect_min_s": 0.01,
        "reconnect_max_s": 0.04,
        "connect_timeout_s": 2.0,
    }
    return Address(**{**wanted, **changes})


def trusting(folder: str = "/nonexistent", at: Moment | None = None, /, **files: str) -> Trust:
    """files: as the settings name them. at: the best known time; the machine's own, taken for synchronised, where left out."""

    def now() -> Moment:
        return at or Moment(at_s=time.time(), floor_s=time.time(), sure=True, told=True)

    return Trust(Places(folder=folder, **files), now)


@asynccontextmanager
async def linked(there: Address, key: str = "", trust: Trust | None = None, **options: Any) -> AsyncIterator[Listener]:
    """A link that runs, and its listener. trust: no certificates at all where it is left out."""
    inbox = Inbox()
    link = Link(there, key, trust or trusting(), inbox, **options)
    listener = Listener(link, inbox)
    listening = asyncio.create_task(listener.run())
    link.start()
    try:
        yield listener
    finally:
        await link.stop()
        assert link.task is not None
        assert link.task.done()
        listening.cancel()
