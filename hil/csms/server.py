"""The Central System: listens, checks who connects, and gives every station its line.

async with CentralSystem() as cs:
    station = await cs.station("CK_XXX_0001")       # the station connects to cs.url
    await station.call("RemoteStartTransaction", {"idTag": "04A2B3C4", "connectorId": 1})
    await station.expect("StatusNotification", connectorId=1, status="Preparing")
    assert not cs.violations
"""

import asyncio
import base64
import binascii
import hmac
import http
import socket
import ssl
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hil.csms.books import Books, Note
from hil.csms.desk import Settings
from hil.csms.line import Line
from hil.csms.office import Office
from hil.csms.rules import WELCOME, Reception, Rules
from hil.csms.station import Station
from hil.csms.times import Clock

SUBPROTOCOL = Subprotocol("ocpp1.6")
PATH = "/ocpp"
FRAME_BYTES_MAX = 2**20
STATIONS_MAX = 1000
IDENTITY_LENGTH_MAX = 255
CLOSE_TIMEOUT_S = 1.0
OPEN_TIMEOUT_S = 60.0


class _Socket(ServerConnection):
    """A connection that knows how it is to be received, and counts pings."""

    identity: str = ""
    reception: Reception = WELCOME
    pings_to: Station | None = None

    def process_event(self, event: Any) -> None:
        if isinstance(event, WireFrame) and event.opcode is Opcode.PING and self.pings_to is not None:
            self.pings_to.pings += 1
            self.pings_to.changed()
        super().process_event(event)


class CentralSystem:
    """A test Central System for OCPP 1.6J.

    host: an address or name; anything but loopback is for rigs. port: 0 is any free one, which is kept while offline.
    tls: makes it wss. books_file: see Books. settings, rules, books, clock may be changed at any time.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        settings: Settings | None = None,
        books_file: Path | None = None,
        first_transaction_id: int = 1,
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.clock = Clock()
        self.settings = Settings() if settings is None else settings
        self.books = Books(clock=self.clock, path=books_file, first_id=first_transaction_id)
        self.office = Office(self.settings, self.clock, self.books)
        self.books.on_complaint = self.office.tell_complaint
        self.stations: dict[str, Station] = {}
        self.refusals = 0  # handshakes that got an HTTP error
        self._server: Server | None = None
        self._holder: socket.socket | None = None
        self._back: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()
        self._listening = asyncio.Event()

    @property
    def rules(self) -> Rules:
        """What goes wrong on purpose."""
        return self.office.rules

    @property
    def violations(self) -> list[Note]:
        """What stations did against the protocol."""
        return self.books.violations

    @property
    def complaints(self) -> list[Note]:
        """What the books have against stations."""
        return self.books.complaints

    @property
    def url(self) -> str:
        """What a station is given; it appends `/` and its identity."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}{PATH}"

    @property
    def online(self) -> bool:
        """Whether it listens."""
        return self._listening.is_set()

    async def wait_online(self) -> None:
        """Waits until it listens, such as after `go_offline(seconds)`."""
        await self._listening.wait()

    async def __aenter__(self) -> "CentralSystem":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Binds and listens. Raises OSError."""
        self.books.save()
        self._holder = _bound(self.host, self.port)
        self.port = self._holder.getsockname()[1]
        try:
            await self.go_online()
        except BaseException:
            self._holder.close()
            raise

    async def stop(self) -> None:
        """Closes every connection with 1001 and the port."""
        if self._back is not None:
            self._back.cancel()
        async with self._switching:
            await self._down(graceful=True)
        if self._holder is not None:
            self._holder.close()

    async def go_online(self) -> None:
        """Listens again, on the same port; nothing happens if it does."""
        async with self._switching:
            if self._server is not None:
                return
            listener = _bound(self.host, self.port)
            try:
                self._server = await serve(
                    self._handle,
                    sock=listener,
                    ssl=self.tls,
                    process_request=self._receive,
                    select_subprotocol=_choose,
                    create_connection=_Socket,
                    compression=None,
                    open_timeout=OPEN_TIMEOUT_S,
                    ping_interval=None,  # the station pings (WebSocketPingInterval); a half-open test wants no help
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=FRAME_BYTES_MAX,
                )
            except BaseException:
                listener.close()
                raise
            self._listening.set()

    async def go_offline(self, seconds: float | None = None) -> None:
        """Refuses connections and cuts those there are, for so many seconds or until go_online."""
        if self._back is not None:
            self._back.cancel()
            self._back = None
        async with self._switching:
            await self._down(graceful=False)
        if seconds is not None:
            self._back = asyncio.create_task(self._return(seconds))

    def cut(self, identity: str | None = None) -> int:
        """Ends the TCP connections now, of one station or of all; it goes on listening. Returns how many."""
        cut = [station for station in self.stations.values() if station.connected and identity in (None, station.identity)]
        for station in cut:
            station.cut()
        return len(cut)

    async def station(self, identity: str, *, timeout_s: float = 5.0) -> Station:
        """The station, as soon as it is connected. Raises AssertionError at the time-out, which lists who is connected."""
        known = self.known(identity)
        try:
            await known.wait_connected(timeout_s=timeout_s)
        except AssertionError:
            there = [s.identity for s in self.stations.values() if s.connected] or ["nobody"]
            text = f"{identity} did not connect in {timeout_s:g} s; connected: {', '.join(there)}; {self.refusals} refused"
            raise AssertionError(text) from None
        return known

    def known(self, identity: str) -> Station:
        """The station, connected or not. Raises OverflowError beyond 1,000 stations."""
        if identity not in self.stations:
            if len(self.stations) >= STATIONS_MAX:
                raise OverflowError(f"{STATIONS_MAX} stations are the most")
            self.stations[identity] = Station(self.office, identity)
        return self.stations[identity]

    async def _return(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._back = None
        await self.go_online()

    async def _down(self, *, graceful: bool) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        self._listening.clear()
        for connection in tuple(server.all_connections):
            station = self.stations.get(getattr(connection, "identity", ""))
            frozen = station is not None and station.line is not None and station.line.frozen
            if not graceful or frozen:
                connection.transport.abort()
        server.close()
        await server.wait_closed()

    async def _receive(self, connection: ServerConnection, request: Request) -> Response | None:
        """Decides on the handshake: None goes on."""
        assert isinstance(connection, _Socket)
        identity = unquote(request.path.partition("?")[0].rpartition("/")[2])
        connection.identity = identity
        if not 0 < len(identity) <= IDENTITY_LENGTH_MAX:
            return self._refuse(connection, http.HTTPStatus.NOT_FOUND, "no identity in the path")
        connection.reception = self.rules.receive(identity)
        if connection.reception.delay_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(connection.reception.delay_s):
                    await connection.wait_closed()
        if connection.reception.http is not None:
            return self._refuse(connection, connection.reception.http, "a rule says so")
        if self.settings.identities is not None and identity not in self.settings.identities:
            return self._refuse(connection, http.HTTPStatus.NOT_FOUND, "this identity is not known")
        password = self.settings.password_of(identity)
        if password is not None and not _authorized(request.headers, identity, password):
            return self._refuse(connection, http.HTTPStatus.UNAUTHORIZED, "wrong or missing Basic authentication")
        if identity not in self.stations and len(self.stations) >= STATIONS_MAX:
            return self._refuse(connection, http.HTTPStatus.SERVICE_UNAVAILABLE, f"{STATIONS_MAX} stations are the most")
        return None

    def _refuse(self, connection: _Socket, status: int, why: str) -> Response:
        self.refusals += 1
        frame = self.office.frame(
            connection.identity, 0, "-", "link", payload={"event": "refused", "status": int(status), "reason": why}
        )
        if (station := self.stations.get(connection.identity)) is not None:
            station.record(frame)
            station.changed()
        else:
            self.office.tell(frame)
        response = connection.respond(http.HTTPStatus(status), f"{why}\n")
        if status == http.HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        return response

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Socket)
        reception = connection.reception
        station = self.known(connection.identity)
        station.connections += 1
        line = Line(self.office, station, connection, station.connections)
        connection.pings_to = station
        offered = connection.request.headers.get_all("Sec-WebSocket-Protocol") if connection.request is not None else []
        line.note("connected", subprotocol=connection.subprotocol, peer=str(connection.remote_address))
        if SUBPROTOCOL not in [name.strip() for header in offered for name in header.split(",")]:
            station.violate(f"the handshake offers the subprotocols {offered}; ocpp1.6 is expected")
        if reception.close:
            line.note("closed", reason="a rule says so")
            await connection.close()
            return
        former = station.line
        station.attach(line)
        if former is not None:
            former.abort()
        if reception.freeze:
            line.freeze()
        await line.run()


def _choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    assert isinstance(connection, _Socket)
    return SUBPROTOCOL if SUBPROTOCOL in offered and connection.reception.subprotocol else None


def _authorized(headers: Headers, identity: str, password: bytes) -> bool:
    """Basic authentication with a password of any bytes (OCPP-J 1.6 section 6.2)."""
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        plain = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    # The identity may contain a colon, so it is not split off but compared as a whole.
    return hmac.compare_digest(plain, identity.encode() + b":" + password)


def _bound(host: str, port: int) -> socket.socket:
    """A bound socket. One that never listens keeps the port ours while another listens or none does."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        with suppress(OSError):
            bound.close()
        raise
    return bound


TLS_VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_tls(
    certificate: Path, key: Path, client_ca: Path | None = None, *, version: str | None = None, ciphers: str | None = None
) -> ssl.SSLContext:
    """TLS with this certificate; client_ca: clients must show a certificate of it (security profile 3).

    version: speak this one only, one of `TLS_VERSIONS` (1.2 and newer where left out). ciphers: these suites of TLS 1.2 only,
    as OpenSSL names them. Raises OSError (ssl.SSLError included) for files that cannot be used, or suites that there are not.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of 1.1: a station must refuse it
            context.minimum_version = context.maximum_version = TLS_VERSIONS[version]
    if ciphers is not None or version == "1.1":
        context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
