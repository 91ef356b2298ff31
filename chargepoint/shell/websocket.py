"""A WebSocket to the Central System: the library's protocol between asyncio's transport and whoever listens (RFC 6455).

Owns opening it with the station's credentials, whole messages, the pong to a ping, and the goodbye (OCPP-J 1.6 section 3).
Refuses to open it again, and to understand messages. A message is handed over in the very turn of the loop in which it comes,
and one that is sent is written at once: no task stands between socket and station. Redirects are not followed: the address of
the Central System is the installer's to choose.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from struct import unpack_from

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLOSED, CONNECTING, OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from chargepoint.shell.address import Address, authorization, station_url
from chargepoint.shell.tls import MUTUAL

quiet = logging.getLogger(__name__)  # the library's debug lines hold headers and frames, and so keys
quiet.setLevel(logging.ERROR)

SUBPROTOCOL = Subprotocol("ocpp1.6")
FRAME_SIZE_MAX = 4 * 1024 * 1024  # 10,000 entries of a local list are about 1.5 MB, 4 MB where every character is escaped
UNWRITTEN_HIGH = 32 * 1024  # bytes; with more than this waiting to be written the connection is not `writable`
READ_BYTES = 32 * 1024  # at once: one buffer of its own, where asyncio's would be 256 KB new from the kernel for every read
CLOSE_S = 1.0
NEXT_ADDRESS_S = 0.25  # RFC 8305: an address that does not answer (IPv6 without a way out) must not keep the next one waiting

LOOK_S = 2.0  # how often it is looked whether a peer that is waited for takes bytes
TCP_INFO_BYTES, UNACKED_AT, ACKED_AT = 128, 24, 120  # struct tcp_info of Linux: a u32 and a u64

Take = Callable[[str | bytes], object]


async def dial(address: Address, authorization_key: str, context: ssl.SSLContext | None, timeout_s: float) -> "WebSocket":
    """An open WebSocket, whatever subprotocol was chosen; nothing is read from it before `listen`.

    Raises AddressError, TimeoutError, OSError (ssl.SSLError among them) and websockets' InvalidHandshake and InvalidURI:
    `link_words` has words for all of them.
    """
    url = station_url(address)
    # Profile 3 has the certificate in the place of the password (security white paper, section 2.5).
    header = None if address.security_profile == MUTUAL else authorization(address.identity, authorization_key)
    uri = parse_uri(url)
    protocol = ClientProtocol(uri, subprotocols=[SUBPROTOCOL], max_size=FRAME_SIZE_MAX, logger=quiet)
    async with asyncio.timeout(timeout_s):
        loop = asyncio.get_running_loop()
        _, websocket = await loop.create_connection(
            lambda: WebSocket(protocol, header), uri.host, uri.port, ssl=context, happy_eyeballs_delay=NEXT_ADDRESS_S
        )
        try:
            await websocket.opened
        except BaseException:
            websocket.abort()
            raise
    return websocket


class WebSocket(asyncio.BufferedProtocol):
    """One connection, from `dial`. Plain calls never raise, whatever the connection is doing.

    closed: done once the connection is gone, with what is known of its end. writable: cleared while so much waits to be
    written that the peer must be slow or gone; full: the opposite. taken: messages that were handed over before in this turn.
    """

    def __init__(self, protocol: ClientProtocol, authorization_header: str | None) -> None:
        loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._header = authorization_header
        self._take: Take | None = None
        self._early: list[str | bytes] = []
        self._parts: list[bytes | bytearray | memoryview] = []
        self._is_text = True
        self._failed = False
        self.taken = 0
        self._pings = 0
        self._pong: tuple[bytes, asyncio.Future[None]] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[ConnectionClosed] = loop.create_future()
        self.writable, self.full = asyncio.Event(), asyncio.Event()
        self.writable.set()

    @property
    def subprotocol(self) -> str | None:
        """What the Central System chose."""
        return self._protocol.subprotocol

    @property
    def tls(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        return found

    @property
    def unwritten(self) -> int:
        """Bytes that wait to be written."""
        return self.transport.get_write_buffer_size()

    def listen(self, take: Take) -> None:
        """From now on `take` gets every message, text or bytes, in the order in which they come."""
        self._take = take
        early, self._early = self._early, []
        for message in early:
            take(message)
        self.resume()

    def pause(self) -> None:
        """Reads no further, so that TCP slows the peer down. What has been read already still comes."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def send(self, text: str) -> None:
        """Writes a message; nothing where a goodbye has begun."""
        if self._protocol.state is OPEN:
            self._protocol.send_text(text.encode())
            self._write()

    def ping(self) -> asyncio.Future[None]:
        """Done with the pong; never, where none comes. One ping at a time."""
        pong = asyncio.get_running_loop().create_future()
        if self._protocol.state is not CLOSED:
            self._pings += 1
            self._pong = (b"%d" % self._pings, pong)
            self._protocol.send_ping(self._pong[0])
            self._write()
        return pong

    async def patiently(self, wanted: Awaitable[object], silent_s: float, takes: Callable[[], object]) -> bool:
        """Waits for something of the peer; False once that has neither come nor has the peer taken a byte of what waits for it
        for silent_s. takes: called whenever it has: over a slow line an answer comes after all that was written before.
        """
        task = asyncio.ensure_future(wanted)
        look_s, quiet_s = min(LOOK_S, silent_s / 2), 0.0
        acked, _ = self._sent()
        try:
            while quiet_s < silent_s:
                if (await asyncio.wait({task}, timeout=look_s))[0]:
                    return True
                before, (acked, unacked) = acked, self._sent()
                quiet_s += look_s
                if acked > before and (unacked or self.unwritten):
                    quiet_s = 0.0
                    takes()
            return False
        finally:
            task.cancel()

    def _sent(self) -> tuple[int, int]:
        """Bytes that the peer's machine has acknowledged, and packets that it has not yet; 0 where this machine cannot tell."""
        with contextlib.suppress(OSError, AttributeError):
            info = self.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
            if len(info) == TCP_INFO_BYTES:
                return unpack_from("=Q", info, ACKED_AT)[0], unpack_from("=I", info, UNACKED_AT)[0]
        return 0, 0

    async def close(self) -> None:
        """Says goodbye and waits for the end, for CLOSE_S at most."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._write()
        self._expect_end()
        await asyncio.wait({self.closed})

    def abort(self) -> None:
        """Ends the connection without a goodbye."""
        self.transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(UNWRITTEN_HIGH)
        request = self._protocol.connect()
        if self._header is not None:
            request.headers["Authorization"] = self._header
        request.headers["User-Agent"] = "chargepoint"
        self._protocol.send_request(request)
        self._write()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._protocol.receive_data(bytes(self._buffer[:nbytes]))
        self._proceed()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._proceed()

    def pause_writing(self) -> None:
        self.writable.clear()
        self.full.set()

    def resume_writing(self) -> None:
        self.full.clear()
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        if self._patience is not None:
            self._patience.cancel()
        if not self.opened.done():
            # In TLS 1.3 the station's certificate is refused only after the handshake of TLS.
            error = exc if isinstance(exc, ssl.SSLError) else self._protocol.handshake_exc
            self.opened.set_exception(error or ConnectionResetError())
        self.resume_writing()
        if not self.closed.done():
            self.closed.set_result(self._protocol.close_exc)

    # What comes

    def _proceed(self) -> None:
        """What the protocol makes of what it was given: answers to write, and events."""
        events = self._protocol.events_received()
        self.taken = 0
        self._write()
        if not self.opened.done():
            self._open()
        for event in events:
            if isinstance(event, Frame) and not self._failed:
                self._frame(event)
        if self._protocol.close_expected():
            self._expect_end()

    def _open(self) -> None:
        if self._protocol.handshake_exc is not None:
            self.opened.set_exception(self._protocol.handshake_exc)
        elif self._protocol.state is not CONNECTING:  # a peer may say goodbye in the very packet that opens
            self.opened.set_result(None)
            self.pause()  # until `listen`

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                if frame.fin:
                    self._whole(frame.data)
                else:
                    self._parts = [frame.data]
            case Opcode.CONT:
                if frame.data:  # empty ones have no size that would bound their number
                    self._parts.append(frame.data)
                if frame.fin:
                    parts, self._parts = self._parts, []
                    self._whole(b"".join(parts))
            case Opcode.PONG if self._pong is not None and frame.data == self._pong[0]:
                _, pong = self._pong
                self._pong = None
                if not pong.done():
                    pong.set_result(None)

    def _whole(self, data: bytes | bytearray | memoryview) -> None:
        try:
            message = str(data, "utf-8") if self._is_text else bytes(data)
        except UnicodeDecodeError as error:
            self._failed = True
            self._protocol.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            self._write()
            return
        if self._take is None:
            self._early.append(message)
        else:
            self._take(message)
            self.taken += 1

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()

    def _expect_end(self) -> None:
        """A goodbye is said: a peer that does not close the connection then has it closed."""
        if self._patience is None and not self.closed.done():
            self._patience = asyncio.get_running_loop().call_later(CLOSE_S, self.abort)
