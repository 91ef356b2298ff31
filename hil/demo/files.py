"""The operator's file server: hands out firmware by GET and takes diagnostics by PUT, over HTTP on the loopback.

One request a connection, everything in memory, everything bounded; what is not there is 404.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 64 << 20
UPLOADS_MAX = 8
CONNECTION_S = 30.0


class FileServer:
    """offered: path → file. taken: what was put, path → file. given: paths that were handed out whole, in order."""

    def __init__(self, offered: Mapping[str, bytes]) -> None:
        self.offered = dict(offered)
        self.taken: dict[str, bytes] = {}
        self.given: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its request to its end."""
        try:
            async with asyncio.timeout(CONNECTION_S):
                await self._answer(reader, writer)
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            writer.transport.abort()  # half an answer must not look like a whole one
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, *_ = [*head[0].split(" "), "", ""]
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        match method:
            case "GET":
                body = self.offered.get(path)
                await _send(writer, HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK, body or b"")
                if body is not None:
                    self.given.append(path)
            case "PUT":
                await _send(writer, await self._take(path, fields.get("content-length", ""), reader))
            case _:
                await _send(writer, HTTPStatus.METHOD_NOT_ALLOWED)

    async def _take(self, path: str, length: str, reader: asyncio.StreamReader) -> HTTPStatus:
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED
        if int(length) > BODY_BYTES_MAX or len(self.taken) >= UPLOADS_MAX:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        self.taken[path] = await reader.readexactly(int(length))
        return HTTPStatus.CREATED


async def _send(writer: asyncio.StreamWriter, status: HTTPStatus, body: bytes = b"") -> None:
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


@asynccontextmanager
async def file_server(offered: Mapping[str, bytes]) -> AsyncIterator[FileServer]:
    """A server for as long as the block runs, on a port of the kernel's choice."""
    files = FileServer(offered)
    async with await asyncio.start_server(files.serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX) as server:
        files.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield files
