"""The door: HTTP as it comes from outside, bounded in every direction before anything else sees it.

Owns size and time of a request, the number of connections, the Host header, and slow readers. What it lets in is one whole
request that `microdot` reads from memory. Refuses in plain words what does not fit.

Bounds: `CLIENTS_MAX` connections; at the bound the one that has been telling its request for longest is closed. A request's
head: HEAD_MAX bytes, HEADERS_MAX headers, within READ_S; its body: BODY_MAX bytes within BODY_S. A reader that takes nothing
for WRITE_S is closed. One request a connection.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

log = logging.getLogger(__name__)

CLIENTS_MAX = 160
HEAD_MAX = 12 * 1024
LINE_MAX = 2_000  # microdot reads no longer line
HEADERS_MAX = 60
BODY_MAX = 192 * 1024
READ_S = 8.0
BODY_S = 15.0
WRITE_S = 15.0
REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

Handler = Callable[[asyncio.StreamReader, Any], Awaitable[None]]  # the second: a `Writer`


class Refused(Exception):
    """A request that is not let in."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Writer:
    """What `microdot` writes to: waits for a slow reader, but not for long."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def awrite(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise OSError(32, "the reader has gone")
        self._writer.write(data)
        try:
            async with asyncio.timeout(WRITE_S):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise OSError(32, "the reader takes nothing") from None

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._writer.get_extra_info(name, default)


class Door:
    """handle: gets whole requests. names: the host names, besides addresses, under which the page may be asked for.
    at: the address that it may be reached at; None: any. A socket that was opened before the settings were there may be wider.
    """

    def __init__(self, handle: Handler, names: Iterable[str], at: str | None = None) -> None:
        self._handle = handle
        self._at = at
        self._names = frozenset(name.lower() for name in names)
        self._clients: set[asyncio.StreamWriter] = set()
        self._telling: dict[asyncio.StreamWriter, None] = {}  # those whose request is not there yet, the oldest first
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._make_room()
        self._clients.add(writer)
        self._telling[writer] = None
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.debug("a reader is gone: %s", error)
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            self._clients.discard(writer)
            self._telling.pop(writer, None)
            writer.close()

    async def close(self) -> None:
        """Ends every conversation."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _make_room(self) -> None:
        if len(self._clients) >= CLIENTS_MAX:
            oldest = next(iter(self._telling), None) or next(iter(self._clients))
            self._clients.discard(oldest)
            self._telling.pop(oldest, None)
            oldest.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await self._request(reader)
            self._check_place(writer)
        except Refused as refused:
            await _say(writer, refused)
            return
        self._telling.pop(writer, None)
        whole = asyncio.StreamReader()
        whole.feed_data(request)
        whole.feed_eof()
        gone = asyncio.ensure_future(_gone(reader))
        handling = asyncio.ensure_future(self._handle(whole, Writer(writer)))
        try:
            await asyncio.wait({gone, handling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (gone, handling):
                if not one.done():
                    one.cancel()
            await asyncio.gather(gone, handling, return_exceptions=True)
        if not handling.cancelled() and (error := handling.exception()) is not None and not isinstance(error, OSError):
            log.error("a request could not be handled", exc_info=error)

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            raise Refused(408, f"The request did not come within {READ_S:g} seconds.") from None
        except asyncio.LimitOverrunError:
            raise Refused(431, f"The request's head is longer than {HEAD_MAX} bytes.") from None
        length = self._checked(head)
        if not length:
            return head
        try:
            async with asyncio.timeout(BODY_S):
                return head + await reader.readexactly(length)
        except TimeoutError:
            raise Refused(408, f"The form did not come within {BODY_S:g} seconds.") from None

    def _checked(self, head: bytes) -> int:
        """How long the body is; Refused where the head is none that is let in."""
        lines = head[:-4].split(b"\r\n")
        words = lines[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or not words[1].startswith(b"/") or not head.isascii():
            raise Refused(400, "This is no request that a browser makes.")
        if len(lines) > HEADERS_MAX or max(map(len, lines)) > LINE_MAX:
            raise Refused(431, "The request has too many headers, or too long ones.")
        headers: dict[bytes, bytes] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            key = name.lower()
            if (
                not colon
                or not name.strip()
                or name != name.strip()
                or (key in headers and key in (b"host", b"content-length"))
            ):
                raise Refused(400, "A header of the request cannot be read.")
            headers[key] = value.strip()
        if b"transfer-encoding" in headers:
            raise Refused(411, "The form must say how long it is (Content-Length).")
        self._check_host(headers.get(b"host", b"").decode())
        told = headers.get(b"content-length", b"0")
        if not told.isdigit() or len(told) > 12:
            raise Refused(400, "The length of the form is no number.")
        if int(told) > BODY_MAX:
            raise Refused(413, f"The form is larger than {BODY_MAX // 1024} KiB.")
        return int(told)

    def _check_place(self, writer: asyncio.StreamWriter) -> None:
        here = str((writer.get_extra_info("sockname") or ("",))[0]).removeprefix("::ffff:")
        if self._at is not None and here != self._at:
            raise Refused(403, "The station's settings do not have its page at this address; see listen in [panel].")

    def _check_host(self, told: str) -> None:
        """A name that is none of ours was led here by a name server: the page of a stranger would speak through its reader."""
        host = told.rpartition(":")[0] if told.rpartition(":")[2].isdigit() and not told.endswith("]") else told
        host = host.strip("[]").rstrip(".").lower()
        if host in self._names:
            return
        for family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, ValueError):
                socket.inet_pton(family, host)
                return
        raise Refused(
            421,
            "This station is not known by that name. Use its address, or add the name to `names` in [panel] of its settings.",
        )


def own_names(more: Iterable[str] = ()) -> set[str]:
    """By which names this machine is reached."""
    host = socket.gethostname().lower()
    return {"localhost", host, f"{host.partition('.')[0]}.local", *(name.lower() for name in more)}


async def _gone(reader: asyncio.StreamReader) -> None:
    """Returns when the other side has closed; what it says beside its one request is thrown away."""
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


async def _say(writer: asyncio.StreamWriter, refused: Refused) -> None:
    """The refusal in a few words, for a person; the rest of what comes is not waited for."""
    body = f"{refused}\n".encode()
    head = (
        f"HTTP/1.0 {refused.status} {REASONS[refused.status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    writer.write(head.encode() + body)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await writer.drain()
