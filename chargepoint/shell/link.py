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

from chargepoint.core.events import FrameReceived, LinkAlive, LinkDown, LinkTrouble, LinkUp
from chargepoint.shell import link_words
from chargepoint.shell.address import Address, station_url, without_credentials
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.tls import Trust, Use, root_of
from chargepoint.shell.websocket import CLOSE_S, SUBPROTOCOL, WebSocket, dial

log = logging.getLogger(__name__)

UNWRITTEN_MAX = 4 * 1024 * 1024
LIFE_PROVES_S = 60.0
FLUSH_S = 1.0
TOLD_MAX = 50
WATCH_EVERY_S = 30.0
AFTER_S = 10.0
AT_ONCE_MAX, SOON_SIZE_MAX = 2, 8 * 1024  # frames of one turn of the loop that need not be queued: drivers want their turn too
GIVEN_UP = "the attempt was given up for a new one"


class Dead(str):
    """The reason for the end of a connection on which nobody answers: no goodbye is said."""


STALLED = Dead("WebSocket: the Central System takes nothing any more; the connection is dead")


class Link:
    """The link of one station. pong_timeout_s: the longest wait for a pong or for a frame to leave, while the
    Central System takes no byte of what waits for it.
    """

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
        self._websocket: WebSocket | None = None
        self._held: deque[FrameReceived] = deque()
        self._holding, self._delivered = asyncio.Event(), asyncio.Event()
        self._leave: asyncio.Future[str] | None = None
        self._opened = 0
        self._admitted = 0
        self._hurry = asyncio.Event()
        self._connecting: asyncio.Task[WebSocket] | None = None
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
        websocket = self._websocket
        if websocket is None or not self._current():
            log.debug("a frame for a connection that is gone was dropped")
        elif websocket.unwritten + len(text) > UNWRITTEN_MAX:
            self._close(STALLED)
        else:
            websocket.send(text)
            self.tried.set()

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

    @property
    def authorization_key(self) -> str:
        """The one in use, hexadecimal; empty where there is none."""
        return self._key

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

    def allow_wildcards(self, allowed: bool) -> None:
        """What AllowCentralSystemTLSWildcards says, from the next connection on."""
        self._address = replace(self._address, wildcards=allowed)

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
            websocket = await self._connecting
        except asyncio.CancelledError:
            if self._hurry.is_set():  # by `_interrupt`, not from outside
                return GIVEN_UP
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
            if self._hurry.is_set():  # `_interrupt` came when there was nothing to cancel any more
                return GIVEN_UP
            served = websocket.subprotocol == SUBPROTOCOL
            reason = await self._serve(websocket, profile) if served else link_words.SUBPROTOCOL_NONE
            return reason
        finally:
            await _goodbye(websocket, dead=isinstance(reason, Dead))

    async def _connect(self) -> WebSocket:
        address, context = self._address, None
        if self._url.startswith("wss:"):
            context, self._use = await asyncio.to_thread(self._trust.context, address.security_profile, address.wildcards)
        return await dial(address, self._key, context, address.connect_timeout_s)

    async def _serve(self, websocket: WebSocket, profile: int) -> str:
        """Reads, writes and pings until the end, or a wish to leave, ends the connection."""
        self._leave = asyncio.get_running_loop().create_future()
        self._probe = False
        self._held.clear()
        self._delivered.set()
        self._opened += 1
        self._up_s = asyncio.get_running_loop().time()
        self._become("connected")
        self._say(logging.INFO, f"connected to {self._shown_url}")
        self._inbox.put(LinkUp(self._shown_url, profile, root_of(websocket.tls)))
        self._websocket = websocket
        websocket.listen(self._heard)
        works = [
            self._end(websocket),
            self._deliver(websocket),
            self._watch_writing(websocket),
            self._ping(websocket),
            self._wait_to_leave(self._leave, websocket),
        ]
        if websocket.tls is not None:
            works.append(self._watch_time(websocket.tls))
        tasks = [asyncio.create_task(_until_broken(work)) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._leave = self._websocket = None
            await asyncio.wait(tasks)
        return next(task for task in tasks if task in done).result()

    def _heard(self, message: str | bytes) -> None:
        """A frame goes to the inbox at once, unless there is something before it: then the peer waits with it."""
        event, websocket = FrameReceived(message), self._websocket
        soon = websocket is not None and websocket.taken < AT_ONCE_MAX and len(message) < SOON_SIZE_MAX
        if self._held or self._use is not None or not self._inbox.put_frame_now(event, at_once=soon):
            self._held.append(event)
            self._delivered.clear()
            self._holding.set()
            if websocket is not None:
                websocket.pause()

    async def _deliver(self, websocket: WebSocket) -> str:
        """What is held: until the certificates are known to be good, and until the inbox has room."""
        while True:
            await self._holding.wait()
            if self._use is not None:
                use, self._use = self._use, None
                await asyncio.to_thread(self._trust.proven, use)
            while self._held:
                await self._inbox.put_frame(self._held[0])
                self._held.popleft()
            self._holding.clear()
            self._delivered.set()
            websocket.resume()

    async def _end(self, websocket: WebSocket) -> str:
        """What came before the end is heard before it."""
        error = await asyncio.shield(websocket.closed)
        await self._delivered.wait()
        return link_words.closed(error)

    async def _watch_writing(self, websocket: WebSocket) -> str:
        """Ends a connection whose peer takes nothing."""
        while True:
            await websocket.full.wait()
            if not await websocket.patiently(websocket.writable.wait(), self._pong_timeout_s, lambda: None):
                return STALLED

    async def _ping(self, websocket: WebSocket) -> str:
        while True:
            await self._ping_due()
            limit_s = min(self._ping_interval_s or self._pong_timeout_s, self._pong_timeout_s)
            if not await websocket.patiently(websocket.ping(), limit_s, lambda: self._inbox.put(LinkAlive())):
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

    async def _watch_time(self, tls: ssl.SSLObject) -> str:
        """Ends a connection that was opened before the time was certain, once the time shows that it should not have been."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if (text := self._trust.overdue(tls.context)) is not None:
                return f"TLS certificate: {text}; found out since the time is known"

    async def _wait_to_leave(self, leave: asyncio.Future[str], websocket: WebSocket) -> str:
        """Leaves when asked to, once what is buffered has gone."""
        reason = await leave
        if not isinstance(reason, Dead):
            try:
                async with asyncio.timeout(FLUSH_S):
                    await websocket.writable.wait()
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


async def _until_broken(work: Coroutine[Any, Any, str]) -> str:
    """What a part of a connection ends with; whatever breaks is a reason like others."""
    try:
        return await work
    except Exception as error:  # one connection must not end the link
        log.exception("the connection is given up")
        return f"WebSocket: {type(error).__name__}: {error}"


async def _goodbye(websocket: WebSocket, *, dead: bool) -> None:
    if dead:
        websocket.abort()
    await websocket.close()
