"""A TCP proxy that is the bad network between a station and its Central System. It knows bytes, not frames.

    async with Proxy("127.0.0.1", cs.port) as proxy:
        ...                                       # the station dials proxy.port
        proxy.ways(up=Way(latency_s=0.2), down=Way(bytes_per_s=4_000))
        proxy.cut()                               # every connection is reset
        proxy.refuse = True                       # whoever connects is reset at once

`up` is the way to the server, `down` the way back. A frozen way keeps what it has and passes it on later, the end of a
connection included; a way that swallows loses it, so that connection can only be reset once the way is whole again. What a way
holds is bounded (`CHUNKS_MAX` pieces of at most `CHUNK` bytes): beyond that the sender's TCP waits.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

CHUNK = 4_096
CHUNKS_MAX = 64
SLICE_S = 0.05  # a slow way passes so much time's worth of bytes at once
NO_LINGER = struct.pack("ii", 1, 0)  # struct linger: close sends a reset


@dataclass(frozen=True, kw_only=True)
class Way:
    """How one direction passes bytes on. bytes_per_s None: as fast as they come."""

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    frozen: bool = False
    swallow: bool = False


CLEAR = Way()


class Proxy:
    """Forwards every connection on `port` (loopback, the kernel's choice) to host:target."""

    def __init__(self, host: str, target: int) -> None:
        self.port = 0
        self.refuse = False
        self.refused = 0
        self.swallowed_bytes = 0
        self.up = CLEAR
        self.down = CLEAR
        self._target = (host, target)
        self._links: set[_Link] = set()
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        links = list(self._links)
        self.cut()
        await asyncio.gather(*(link.ended.wait() for link in links))
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """How many are open, as far as the proxy knows."""
        return len(self._links)

    def ways(self, *, up: Way = CLEAR, down: Way = CLEAR) -> None:
        """From now on. Connections that lost bytes are reset as soon as neither way swallows."""
        self.up, self.down = up, down
        if not (up.swallow or down.swallow):
            for link in [link for link in self._links if link.spoilt]:
                link.cut()
        self._news.set()
        self._news = asyncio.Event()

    def cut(self) -> int:
        """Resets every connection, with whatever was under way on it; how many there were."""
        links = list(self._links)
        for link in links:
            link.cut()
        return len(links)

    async def changed(self) -> None:
        """Returns when `ways` was called."""
        await self._news.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            self.refused += 1
            _reset(writer)
            return
        try:
            ahead = await asyncio.open_connection(*self._target, limit=CHUNK)
        except OSError:
            self.refused += 1
            _reset(writer)
            return
        link = _Link(self, (reader, writer), ahead)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            link.ended.set()


class _Link:
    """One connection and its other half."""

    def __init__(
        self,
        proxy: Proxy,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.spoilt = False
        self.ended = asyncio.Event()
        self._proxy = proxy
        self._near = near
        self._far = far
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Until both ways have ended, or the connection is cut."""
        works: list[Coroutine[Any, Any, None]] = []
        for name, reader, writer in (("up", self._near[0], self._far[1]), ("down", self._far[0], self._near[1])):
            pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)
            works += [self._take(reader, pieces), self._pass(name, pieces, writer)]
        self._tasks = [asyncio.create_task(work) for work in works]
        await asyncio.wait(self._tasks)
        for _, writer in (self._near, self._far):
            _reset(writer)

    def cut(self) -> None:
        for task in self._tasks:
            task.cancel()
        for _, writer in (self._near, self._far):
            _reset(writer)

    async def _take(self, reader: asyncio.StreamReader, pieces: "asyncio.Queue[tuple[float, bytes]]") -> None:
        """Reads; an empty piece is the end."""
        clock = asyncio.get_running_loop().time
        piece = b"?"
        while piece:
            try:
                piece = await reader.read(CHUNK)
            except OSError:
                piece = b""
            await pieces.put((clock(), piece))

    async def _pass(self, name: str, pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            came_s, piece = await pieces.get()
            way = await self._thawed(name)
            await asyncio.sleep(max(0.0, came_s + way.latency_s - clock()))
            way = await self._thawed(name)
            if way.swallow:
                self.spoilt = True
                self._proxy.swallowed_bytes += len(piece)
            else:
                await _write(writer, piece, way.bytes_per_s)
            if not piece:
                return

    async def _thawed(self, name: str) -> Way:
        while (way := self._way(name)).frozen:
            await self._proxy.changed()
        return way

    def _way(self, name: str) -> Way:
        return self._proxy.up if name == "up" else self._proxy.down


async def _write(writer: asyncio.StreamWriter, piece: bytes, bytes_per_s: float | None) -> None:
    """Passes a piece on; an empty one ends this direction. A peer that is gone takes nothing."""
    size = len(piece) if bytes_per_s is None else max(1, int(bytes_per_s * SLICE_S))
    with suppress(OSError, RuntimeError):
        if not piece:
            writer.write_eof()
        for start in range(0, len(piece), max(1, size)):
            writer.write(piece[start : start + size])
            await writer.drain()
            if bytes_per_s is not None:
                await asyncio.sleep(SLICE_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection at once. To the peer that is a reset."""
    handle = writer.get_extra_info("socket")
    if handle is not None:
        with suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()
