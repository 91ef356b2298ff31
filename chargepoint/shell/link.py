"""The link: one WebSocket to the Central System, opened again for ever (OCPP-J 1.6 sections 3 and 5.5).

Owns connecting, reconnecting with backoff, pings and the outgoing buffer. Refuses to understand frames. Every failure, be it a
401 or a wrong certificate, backs off and is tried again; the backoff begins anew only once the Central System has accepted the
station (`proven`) or a connection has lived for a minute. All calls return at once and none raises.
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chargepoint.core.events import FrameReceived, LinkAlive, LinkDown, LinkTrouble, LinkUp
from chargepoint.shell import link_words
from chargepoint.shell.address import Address, authorization, station_url, without_credentials
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.tls import MUTUAL, Trust, Use, root_of

log = logging.getLogger(__name__)
quiet = logging.getLogger(__name__ + ".websocket")  # its debug lines hold headers and frames, and so keys
quiet.setLevel(logging.ERROR)

SUBPROTOCOL = Subprotocol("ocpp1.6")
FRAME_SIZE_MAX = 4 * 1024 * 1024  # 10,000 entries of a local list are about 1.5 MB, 4 MB where every character is escaped
QUEUE_MAX = 2  # frames that may wait in the WebSocket, beside those in the inbox; then TCP slows the peer down
OUTGOING_MAX = 256
OUTGOING_SIZE_MAX = 4 * 1024 * 1024
LIFE_PROVES_S = 60.0
CLOSE_S = 1.0
FLUSH_S = 1.0
TOLD_MAX = 50
WATCH_EVERY_S = 30.0
AFTER_S = 10.0


class Dead(str):
    """The reason for the end of a connection on which nobody answers: no goodbye is said."""


STALLED = Dead("WebSocket: the Central System takes nothing any more; the connection is dead")


class Link:
    """The link of one station. pong_timeout_s: the longest wait for a pong or for a frame to leave."""

    def __init__(
        self,
        address: Address,
        authorization_key: str,
        trust: Trust,
        inbox: Inbox,
        *,
        pong_timeout_s: float = 20.0,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._address = address
        self._url = station_url(address)
        self._shown_url = without_credentials(self._url)
        self._key = authorization_key
        self._trust = trust
        self._use: Use | None = None  # of the newest attempt; None once it is proven
        self._trouble: LinkTrouble | None = None
        self._inbox = inbox
        self._pong_timeout_s = pong_timeout_s
        self._random = rand
        self._failures = 0
        self._up_s: float | None = None
        self._ping_interval_s = 0
        self._probe = False
        self._ping_news = asyncio.Event()
        self._outgoing: deque[str] = deque()
        self._outgoing_size = 0
        self._work = asyncio.Event()
        self._drained = asyncio.Event()
        self._leave: asyncio.Future[str] | None = None
        self._opened = 0
        self._admitted = 0
        self._hurry = asyncio.Event()
        self._connecting: asyncio.Task[ClientConnection] | None = None
        self._stopping = False
        self.task: asyncio.Task[None] | None = None
        self.tried = asyncio.Event()  # a first frame has left, or a first attempt to connect has failed
        self._told: set[str] = set()
        self._state, self._since_s, self._reason = "connecting", 0.0, ""

    def start(self, after: asyncio.Event | None = None) -> None:
        """after: what the core must hear of before the Central System can ask for it; waited for at most AFTER_S."""
        self._become("connecting")
        self.task = asyncio.get_running_loop().create_task(self._run(after), name="link")

    async def stop(self) -> None:
        """Sends what is buffered, says goodbye and ends, all within about `FLUSH_S + CLOSE_S`."""
        self._stopping = True
        self._close("the station stops")
        self._interrupt()
        if self.task is not None:
            await asyncio.wait({self.task}, timeout=FLUSH_S + CLOSE_S + 0.5)
            self.task.cancel()

    def admit(self) -> None:
        """The core knows of one more connection. What it sends belongs to the newest one that it knows, or to none."""
        self._admitted += 1

    def send(self, text: str) -> None:
        """Hands a frame to the connection that the core knows; a frame for one that is gone is dropped, as is its answer."""
        if not self._current():
            log.debug("a frame for a connection that is gone was dropped")
        elif len(self._outgoing) >= OUTGOING_MAX or self._outgoing_size + len(text) > OUTGOING_SIZE_MAX:
            self._close(STALLED)
        else:
            self._outgoing.append(text)
            self._outgoing_size += len(text)
            self._drained.clear()
            self._work.set()

    def proven(self) -> None:
        """The Central System accepted the station."""
        self._failures = 0
        self._told.clear()

    def probe(self) -> None:
        """A ping now: LinkAlive or LinkDown follows."""
        if self._current():
            self._probe = True
            self._ping_news.set()

    def close(self, reason: str) -> None:
        """Closes the connection that the core knows, after what is buffered has left; a new one is opened after the backoff."""
        if self._current():
            self._close(reason)

    def set_ping_interval(self, interval_s: int) -> None:
        self._ping_interval_s = max(0, interval_s)
        self._ping_news.set()

    def set_key(self, authorization_key: str) -> None:
        """A new AuthorizationKey: connects again at once with it."""
        self._key = authorization_key
        self._failures = 0
        self._close("a new AuthorizationKey is used")
        self._interrupt()

    def set_profile(self, profile: int) -> None:
        """The security profile; connects again at once where it is another one than before."""
        if profile == self._address.security_profile:
            return
        self._address = replace(self._address, security_profile=profile)
        self._url = station_url(self._address)
        self._shown_url = without_credentials(self._url)
        self._failures = 0
        self._close(f"security profile {profile} is used")
        self._interrupt()

    def view(self) -> dict[str, Any]:
        """For people. since_s: how long it has been in this state."""
        since_s = asyncio.get_running_loop().time() - self._since_s
        return {
            "state": self._state,
            "url": self._shown_url,
            "security_profile": self._address.security_profile,
            "since_s": round(since_s, 1),
            "reason": self._reason,
        }

    # One life after the other

    async def _run(self, after: asyncio.Event | None) -> None:
        if after is not None and not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AFTER_S):
                    await after.wait()
        while not self._stopping:
            self._hurry.clear()
            self._up_s = None
            self._use = self._trouble = None
            profile = self._address.security_profile
            reason = await self._live(profile)
            self.tried.set()
            self._unproven()
            if self._lived_s() >= LIFE_PROVES_S:
                self.proven()
            self._reason = reason
            self._say(logging.INFO if self._stopping else logging.WARNING, f"no link to the Central System: {reason}")
            self._inbox.put(LinkDown(reason, profile, self._trouble))
            if not self._stopping:
                await self._pause()
        self._become("stopped")

    def _unproven(self) -> None:
        """The attempt is over. Where no frame came over it, the next one may use something else."""
        if self._use is not None:
            self._trust.failed()

    async def _live(self, profile: int) -> str:
        """One attempt and, where it succeeds, one connection to its end; why there is none any more."""
        self._become("connecting")
        self._connecting = asyncio.create_task(self._connect())
        try:
            connection = await self._connecting
        except asyncio.CancelledError:
            if self._hurry.is_set():  # by `_interrupt`, not from outside
                return "the attempt was given up for a new one"
            self._connecting.cancel()
            raise
        except Exception as error:
            log.debug("the link failed", exc_info=True)
            self._trouble = link_words.trouble(error)
            return link_words.failure(error, self._url, self._address.connect_timeout_s)
        finally:
            self._connecting = None
        reason = ""
        try:
            served = connection.subprotocol == SUBPROTOCOL
            reason = await self._serve(connection, profile) if served else link_words.SUBPROTOCOL_NONE
            return reason
        finally:
            await _goodbye(connection, dead=isinstance(reason, Dead))

    async def _connect(self) -> ClientConnection:
        url, profile = self._url, self._address.security_profile
        # Profile 3 has the certificate in the place of the password.
        header = None if profile == MUTUAL else authorization(self._address.identity, self._key)
        context = None
        if url.startswith("wss:"):
            context, self._use = await asyncio.to_thread(self._trust.context, profile)
        return await connect(
            url,
            create_connection=Connection,
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": header} if header else None,
            ssl=context,
            proxy=None,
            compression=None,
            ping_interval=None,
            max_size=FRAME_SIZE_MAX,
            open_timeout=self._address.connect_timeout_s,
            close_timeout=CLOSE_S,
            max_queue=QUEUE_MAX,
            logger=quiet,
        )

    async def _serve(self, connection: ClientConnection, profile: int) -> str:
        """Reads, writes and pings until one of them, or a wish to leave, ends the connection."""
        self._leave = asyncio.get_running_loop().create_future()
        self._probe = False
        self._outgoing.clear()
        self._outgoing_size = 0
        self._drained.set()
        self._opened += 1
        self._up_s = asyncio.get_running_loop().time()
        self._become("connected")
        self._say(logging.INFO, f"connected to {self._shown_url}")
        self._inbox.put(LinkUp(self._shown_url, profile, root_of(connection.transport.get_extra_info("ssl_object"))))
        works = (
            self._read(connection),
            self._write(connection),
            self._ping(connection),
            self._wait_to_leave(self._leave),
            self._watch(connection),
        )
        tasks = [asyncio.create_task(_until_closed(work)) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._leave = None
            await asyncio.wait(tasks)
        return next(task for task in tasks if task in done).result()

    async def _read(self, connection: ClientConnection) -> str:
        while True:
            frame = await connection.recv()
            if self._use is not None:
                use, self._use = self._use, None
                await asyncio.to_thread(self._trust.proven, use)
            await self._inbox.put_frame(FrameReceived(frame))

    async def _write(self, connection: ClientConnection) -> str:
        while True:
            while self._outgoing:
                text = self._outgoing[0]
                try:
                    async with asyncio.timeout(self._pong_timeout_s):
                        await connection.send(text)
                except TimeoutError:
                    return STALLED
                self._outgoing.popleft()
                self._outgoing_size -= len(text)
                self.tried.set()
            self._drained.set()
            self._work.clear()
            await self._work.wait()

    async def _ping(self, connection: ClientConnection) -> str:
        while True:
            await self._ping_due()
            limit_s = min(self._ping_interval_s or self._pong_timeout_s, self._pong_timeout_s)
            try:
                async with asyncio.timeout(limit_s):
                    await (await connection.ping())
            except TimeoutError:
                return Dead(f"WebSocket: no pong within {limit_s:g} s; the connection is dead")
            self._inbox.put(LinkAlive())

    async def _ping_due(self) -> None:
        while not self._probe:
            self._ping_news.clear()
            try:
                async with asyncio.timeout(self._ping_interval_s or None):
                    await self._ping_news.wait()
            except TimeoutError:
                break
        self._probe = False

    async def _watch(self, connection: ClientConnection) -> str:
        """Ends a connection that was opened before the time was certain, once the time shows that it should not have been."""
        tls: ssl.SSLObject | None = connection.transport.get_extra_info("ssl_object")
        context = None if tls is None else tls.context
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if (text := self._trust.overdue(context)) is not None:
                return f"TLS certificate: {text}; found out since the time is known"

    async def _wait_to_leave(self, leave: asyncio.Future[str]) -> str:
        """Leaves when asked to, once what is buffered has gone."""
        reason = await leave
        if not isinstance(reason, Dead):
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._drained.wait()
            except TimeoutError:
                return f"{reason} (not all that was to be sent has left)"
        return reason

    async def _pause(self) -> None:
        """Waits between a half and all of a time that doubles with every failure, from reconnect_min_s to reconnect_max_s."""
        self._become("waiting")
        longest_s = self._address.reconnect_max_s
        ceiling_s = min(longest_s, 2 * self._address.reconnect_min_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        wait_s = max(min(self._address.reconnect_min_s, longest_s), ceiling_s * (0.5 + self._random() / 2))
        try:
            async with asyncio.timeout(wait_s):
                await self._hurry.wait()
        except TimeoutError:
            return

    # Small things

    def _current(self) -> bool:
        """There is a connection, and it is the one that the core knows."""
        return self._leave is not None and self._admitted == self._opened

    def _close(self, reason: str) -> None:
        if self._leave is not None and not self._leave.done():
            self._leave.set_result(reason)

    def _interrupt(self) -> None:
        """Ends a pause or an attempt that is under way."""
        self._hurry.set()
        if self._connecting is not None:
            self._connecting.cancel()

    def _lived_s(self) -> float:
        """How long the newest attempt's connection has been open; 0 where none came about."""
        return 0.0 if self._up_s is None else asyncio.get_running_loop().time() - self._up_s

    def _become(self, state: str) -> None:
        if state != self._state or not self._since_s:
            self._state, self._since_s = state, asyncio.get_running_loop().time()
        if state == "connected":
            self._reason = ""

    def _say(self, level: int, text: str) -> None:
        """Logs each distinct text once until the link has proven itself."""
        if text not in self._told:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            self._told.add(text)
            log.log(level, "%s", text)


class Connection(ClientConnection):
    """Tells of a TLS error that ends the handshake of the WebSocket: in TLS 1.3 the station's certificate is refused there."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if isinstance(exc, ssl.SSLError) and self.response is None:
            self.protocol.handshake_exc = exc


async def _until_closed(work: Coroutine[Any, Any, str]) -> str:
    """What a part of a connection ends with; a connection that closes, or whatever else breaks, is a reason like others."""
    try:
        return await work
    except ConnectionClosed as error:
        return link_words.closed(error)
    except Exception as error:  # one connection must not end the link
        log.exception("the connection is given up")
        return f"WebSocket: {type(error).__name__}: {error}"


async def _goodbye(connection: ClientConnection, *, dead: bool) -> None:
    if dead:
        connection.transport.abort()
    try:
        async with asyncio.timeout(CLOSE_S + 0.5):
            await connection.close()
    except TimeoutError:
        connection.transport.abort()
