"""A file server that can be told to misbehave: HTTP/1.1 on loopback, one request a connection, with or without TLS."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

BLOCK = 64 * 1024


class Request(Struct, frozen=True):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Fault(Struct, frozen=True, kw_only=True):
    """How the next answer is wrong. status: instead of the file. location: a redirect. cut_after: bytes of the body, then the
    connection is reset. claim: the Content-Length that is told. endless: the body has no end. pause_s: before every
    `trickle` bytes; silent: nothing is answered at all. no_range, other_range: Range is ignored, or answered with bytes nobody
    asked for. chunked: no length is told. headers: more of them.
    """

    status: int = 0
    location: str = ""
    cut_after: int | None = None
    claim: int | None = None
    endless: bool = False
    trickle: int = 0
    pause_s: float = 0.0
    silent: bool = False
    no_range: bool = False
    other_range: bool = False
    chunked: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class FileServer:
    """files: what GET finds, by path. faults: for the next requests, one each. uploads: what PUT brought."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.uploads: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.password: str | None = None
        self.port = 0
        self.scheme = "http"
        self.arrived = asyncio.Event()

    def url(self, path: str, credentials: str = "") -> str:
        return f"{self.scheme}://{credentials and credentials + '@'}localhost:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(await _request(reader), writer)
        except ValueError:
            _head(writer, 400, {"Content-Length": "0"})
        except (OSError, EOFError):
            pass  # the client went away, which some stories want
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self.arrived.set()
        fault = self.faults.popleft() if self.faults else self.always or Fault()
        if fault.silent:
            await asyncio.sleep(60)
        if fault.location:
            _head(writer, fault.status or 302, {"Location": fault.location, "Content-Length": "0"})
        elif fault.status:
            _head(writer, fault.status, {"Content-Length": "0"})
        elif self.password is not None and request.headers.get("authorization") != self.password:
            _head(writer, 401, {"Content-Length": "0"})
        elif request.method == "PUT":
            self.uploads[request.path] = request.body
            _head(writer, 201, {"Content-Length": "0"})
        elif request.path not in self.files:
            _head(writer, 404, {"Content-Length": "0"})
        else:
            await self._send_file(request, fault, writer)
        await writer.drain()

    async def _send_file(self, request: Request, fault: Fault, writer: asyncio.StreamWriter) -> None:
        body = self.files[request.path]
        headers = dict(fault.headers)
        if tag := self.tags.get(request.path):
            headers["ETag"] = tag
        status, at = 200, _range(request.headers.get("range", ""))
        matches = request.headers.get("if-range", tag) == tag
        if at is not None and not fault.no_range and matches:
            if at >= len(body):
                _head(writer, 416, {**headers, "Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
                return
            at = at + 7 if fault.other_range else at
            headers["Content-Range"] = f"bytes {at}-{len(body) - 1}/{len(body)}"
            status, body = 206, body[at:]
        if fault.chunked:
            _head(writer, status, {**headers, "Transfer-Encoding": "chunked"})
            for start in range(0, len(body), BLOCK):
                part = body[start : start + BLOCK]
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            writer.write(b"0\r\n\r\n")
            return
        if not fault.endless:
            headers["Content-Length"] = str(len(body) if fault.claim is None else fault.claim)
        _head(writer, status, headers)
        await _body(body, fault, writer)


async def _body(body: bytes, fault: Fault, writer: asyncio.StreamWriter) -> None:
    if fault.endless:
        while True:
            writer.write(bytes(BLOCK))
            await writer.drain()
    elif fault.trickle:
        for start in range(0, len(body), fault.trickle):
            writer.write(body[start : start + fault.trickle])
            await writer.drain()
            await asyncio.sleep(fault.pause_s)
    elif fault.cut_after is not None:
        writer.write(body[: fault.cut_after])
        await writer.drain()
    else:
        writer.write(body)


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[FileServer]:
    """A server on a port of its own; ends with everything it has open."""
    server = FileServer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await server.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the story is over
        finally:
            tasks.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    server.scheme = "http" if tls is None else "https"
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readexactly(1)).decode("latin-1")
    if not head.isalpha():
        raise ValueError("this is no HTTP")
    head += (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


def _head(writer: asyncio.StreamWriter, status: int, headers: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} whatever", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def _range(text: str) -> int | None:
    number = text.removeprefix("bytes=").removesuffix("-")
    return int(number) if text and number.isdecimal() else None
