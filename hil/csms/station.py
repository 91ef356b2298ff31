"""A station as the Central System sees it: its log, waiting for its messages, and CALLs to it.

Outlives its connections. Knows nothing of sockets: a Line carries frames.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from hil.csms.books import Note
from hil.csms.frames import CALL, ERROR_CODES, Failure, Frame, Payload, Result, write
from hil.csms.office import Office
from hil.csms.schemas import TO_STATION, check

FRAMES_KEPT = 50_000
INBOX_KEPT = 10_000
SHOWN_ON_TIMEOUT = 20
LATE_KEPT = 200
T = TypeVar("T")


class CallError(Exception):
    """The station answered with a CALLERROR."""

    def __init__(self, action: str, failure: Failure) -> None:
        super().__init__(f"{action}: {failure.code} {failure.description} {failure.details or ''}".rstrip())
        self.code = failure.code
        self.description = failure.description
        self.details = failure.details


class NoAnswer(TimeoutError):
    """The station did not answer in time."""


class NotConnected(ConnectionError):
    """The station is not connected, or its connection ended before the answer."""


class Carrier(Protocol):
    """A connection, as far as a station needs it."""

    number: int
    frozen: bool

    async def send(self, text: str) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    def abort(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


class Station:
    """One station, by its identity."""

    def __init__(self, office: Office, identity: str) -> None:
        self.office = office
        self.identity = identity
        self.messages: deque[Frame] = deque(maxlen=FRAMES_KEPT)
        self.line: Carrier | None = None
        self.connections = 0
        self.boot: Payload | None = None  # the last BootNotification.req
        self.pings = 0
        self.triggered: set[str] = set()  # messages asked for before the registration was accepted
        self._inbox: deque[Frame] = deque(maxlen=INBOX_KEPT)  # CALLs not yet consumed by expect
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._calling = asyncio.Lock()
        self._open: tuple[str, str, Payload, asyncio.Future[Payload]] | None = None  # id, action, request, answer of our CALL
        self._late: deque[tuple[str, str]] = deque(maxlen=LATE_KEPT)  # ids and actions we gave up waiting for

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.line is not None

    @property
    def violations(self) -> list[Note]:
        """What this station did against the protocol."""
        return [note for note in self.office.books.violations if note.identity == self.identity]

    @property
    def complaints(self) -> list[Note]:
        """What the books have against this station."""
        return [note for note in self.office.books.complaints if note.identity == self.identity]

    # Waiting

    async def until(self, probe: Callable[[], T | None], timeout_s: float) -> T:
        """Waits until the probe gives something; it is asked now and after every change. Raises TimeoutError."""
        found = probe()
        if found is not None:
            return found
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        entry = (probe, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._waiting.remove(entry)

    def changed(self) -> None:
        """Something happened: ask every waiting probe."""
        for probe, future in tuple(self._waiting):
            if not future.done() and (found := probe()) is not None:
                future.set_result(found)

    async def expect(
        self, action: str, /, *, timeout_s: float = 5.0, where: Callable[[Frame], bool] | None = None, **fields: Any
    ) -> Frame:
        """Waits for the next CALL of the station that matches and was not consumed yet, and consumes it.

        fields: payload fields by their OCPP names: a value, a function of the value, or None for a field that must be absent.
        A StatusNotification consumes the older ones of its connector too, since it outdates them; whatever else does not
        match stays for later expectations. Raises AssertionError at the time-out, with what came instead.
        """
        try:
            return await self.until(lambda: self._take(action, fields, where), timeout_s)
        except TimeoutError:
            wanted = ", ".join(f"{name}={value!r}" for name, value in fields.items())
            raise AssertionError(f"no {action}({wanted}) from {self.identity} in {timeout_s:g} s; {self._instead()}") from None

    async def never(self, action: str, /, *, within_s: float, **fields: Any) -> None:
        """Watches for within_s seconds. Raises AssertionError if a matching CALL that was not consumed is there or comes."""
        try:
            frame = await self.until(lambda: self._take(action, fields, None), within_s)
        except TimeoutError:
            return
        raise AssertionError(f"{action} came from {self.identity}, and should not have: {frame.payload}")

    def forget(self) -> None:
        """Consumes everything that came so far: later expectations look at later messages only."""
        self._inbox.clear()

    async def wait_connected(self, *, after: int = 0, timeout_s: float = 5.0) -> int:
        """Waits for a connection whose number is above `after`, and returns its number. Raises AssertionError."""
        try:
            return await self.until(
                lambda: self.connections if self.connected and self.connections > after else None, timeout_s
            )
        except TimeoutError:
            text = f"{self.identity} did not connect in {timeout_s:g} s; {self.connections} connections so far"
            raise AssertionError(text) from None

    async def wait_disconnected(self, *, timeout_s: float = 5.0) -> None:
        """Waits until there is no connection. Raises AssertionError."""
        try:
            await self.until(lambda: None if self.connected else True, timeout_s)
        except TimeoutError:
            raise AssertionError(f"{self.identity} is still connected after {timeout_s:g} s") from None

    # Talking

    async def call(
        self, action: str, payload: Payload | None = None, *, timeout_s: float = 30.0, check_it: bool = True
    ) -> Payload:
        """Sends a CALL and returns the payload of its answer; waits for the one before it, within the same time.

        check_it=False sends what the schemas forbid. Raises ValueError (payload against the schema), CallError (CALLERROR),
        NoAnswer (time-out), NotConnected.
        """
        payload = {} if payload is None else payload
        if check_it:
            problems = [problem for problem in check(action, payload, "req") if problem.grave]
            if action not in TO_STATION:
                raise ValueError(f"{action} is no action that a Central System sends; check_it=False sends it all the same")
            if problems:
                raise ValueError(f"{problems[0]}; check_it=False sends it all the same")
        try:
            async with asyncio.timeout(timeout_s), self._calling:
                return await self._exchange(action, payload)
        except TimeoutError:
            raise NoAnswer(f"{self.identity} did not answer {action} in {timeout_s:g} s") from None

    async def send_raw(self, text: str) -> None:
        """Sends any text as a frame. Raises NotConnected."""
        await self._carrier().send(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends the connection with the closing handshake, if there is one."""
        if self.line is not None:
            await self.line.close(code, reason)

    def cut(self) -> None:
        """Ends the TCP connection at once, if there is one."""
        if self.line is not None:
            self.line.abort()

    def freeze(self) -> None:
        """Stops reading: the connection is half-open until `thaw` or `cut`. Raises NotConnected."""
        self._carrier().freeze()

    def thaw(self) -> None:
        """Reads again. Raises NotConnected."""
        self._carrier().thaw()

    # For the line

    def record(self, frame: Frame) -> None:
        """Into the log, to the listeners, and for a CALL of the station into the inbox."""
        self.messages.append(frame)
        if frame.direction == "in" and frame.kind == "call":
            self._inbox.append(frame)
        self.office.tell(frame)

    def violate(self, text: str) -> None:
        """The station broke the protocol."""
        self.office.books.violate(self.identity, text)
        self.record(self.office.frame(self.identity, self.connections, "-", "violation", description=text))

    def attach(self, line: Carrier) -> None:
        """A connection is open; the newest takes over."""
        self.line = line
        self.changed()

    def detach(self, line: Carrier) -> None:
        """A connection has ended."""
        if self.line is line:
            self.line = None
            if self._open is not None and not self._open[3].done():
                self._open[3].set_exception(NotConnected(f"{self.identity}: the connection ended before the answer"))
        self.changed()

    def answered(self, answer: Result | Failure) -> str:
        """An answer has come. Returns the action it belongs to, or "" for a stray one (a violation)."""
        if self._open is None or self._open[0] != answer.message_id:
            late = next((action for message_id, action in self._late if message_id == answer.message_id), "")
            if not late:
                self.violate(f"an answer to {answer.message_id!r}, which was not asked or is answered already")
            return late
        _, action, payload, future = self._open
        self._open = None
        if isinstance(answer, Failure):
            if answer.code not in ERROR_CODES:
                self.violate(f"CALLERROR code {answer.code!r} is none of OCPP 1.6: {', '.join(sorted(ERROR_CODES))}")
            if len(answer.description) > 255:
                self.violate(f"errorDescription has {len(answer.description)} characters; 255 are allowed")
            if not future.done():
                future.set_exception(CallError(action, answer))
            return action
        for problem in check(action, answer.payload, "conf") if action in TO_STATION else []:
            self.violate(str(problem))
        self._follow(action, payload, answer.payload)
        if not future.done():
            future.set_result(answer.payload)
        return action

    def _follow(self, action: str, payload: Payload, answer: Payload) -> None:
        """A new AuthorizationKey counts from the moment the station accepts it: it reconnects at once."""
        if action == "ChangeConfiguration" and payload.get("key") == "AuthorizationKey" and answer.get("status") == "Accepted":
            key = str(payload.get("value"))
            with suppress(ValueError):  # hexadecimal, as the security white paper has it; else the text itself
                self.office.settings.passwords[self.identity] = bytes.fromhex(key)
                return
            self.office.settings.passwords[self.identity] = key.encode()

    def _carrier(self) -> Carrier:
        if self.line is None:
            raise NotConnected(f"{self.identity} is not connected")
        return self.line

    async def _exchange(self, action: str, payload: Payload) -> Payload:
        line = self._carrier()
        message_id = str(uuid.uuid4())
        future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._open = (message_id, action, payload, future)
        if action in ("TriggerMessage", "ExtendedTriggerMessage"):
            self.triggered.add(str(payload.get("requestedMessage")))
        outgoing = {"action": action, "message_id": message_id, "payload": payload}
        self.record(self.office.frame(self.identity, line.number, "out", "call", **outgoing))
        try:
            await line.send(write(CALL, message_id, action, payload))
            return await future
        finally:
            if self._open is not None and self._open[0] == message_id:
                self._late.append((message_id, action))
                self._open = None

    def _take(self, action: str, fields: Payload, where: Callable[[Frame], bool] | None) -> Frame | None:
        for frame in self._inbox:
            if frame.action == action and _matches(frame.payload, fields) and (where is None or where(frame)):
                self._consume(frame)
                return frame
        return None

    def _consume(self, taken: Frame) -> None:
        def outdated(frame: Frame) -> bool:
            same = frame.action == taken.action == "StatusNotification"
            return same and frame.seq < taken.seq and frame.payload.get("connectorId") == taken.payload.get("connectorId")

        kept = [frame for frame in self._inbox if frame is not taken and not outdated(frame)]
        self._inbox = deque(kept, maxlen=INBOX_KEPT)

    def _instead(self) -> str:
        if not self._inbox:
            state = "connected" if self.connected else "not connected"
            return f"nothing else came that was not consumed; it is {state}, {self.connections} connections so far"
        lines = [f"  {frame.action} {frame.payload}" for frame in list(self._inbox)[-SHOWN_ON_TIMEOUT:]]
        return f"not consumed (the last {len(lines)} of {len(self._inbox)}):\n" + "\n".join(lines)


def _matches(payload: Payload, fields: Payload) -> bool:
    for name, wanted in fields.items():
        if wanted is None or name not in payload:
            if wanted is not None or name in payload:
                return False
        elif not (wanted(payload[name]) if callable(wanted) else payload[name] == wanted):
            return False
    return True
