"""A line: one websocket connection of a station, with the Central System's side of OCPP-J 1.6 on it.

Reads frames, answers CALLs as the desk and the rules say, hands answers to the station, and watches that the station
keeps to the protocol: one CALL at a time, fresh message ids, nothing but BootNotification before it is accepted.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from hil.csms.desk import Refused
from hil.csms.frames import (
    CALL_ERROR,
    CALL_RESULT,
    GARBAGE_SHOWN,
    MESSAGE_ID_LENGTH,
    Call,
    Failure,
    Frame,
    Malformed,
    Payload,
    parse,
    write,
)
from hil.csms.office import Office
from hil.csms.rules import Misbehaviour
from hil.csms.station import NotConnected, Station

IDS_KEPT = 2000
ANSWERS_OPEN_MAX = 200
EARLY_FRACTION = 0.9  # of the interval: a BootNotification that comes earlier comes too early
BOOKED = ("StartTransaction", "StopTransaction", "MeterValues")


class Line:
    """Runs until the connection ends."""

    def __init__(self, office: Office, station: Station, socket: ServerConnection, number: int) -> None:
        self.office = office
        self.station = station
        self.number = number
        self._socket = socket
        self.frozen = False
        self._ids: deque[str] = deque(maxlen=IDS_KEPT)
        self._open: tuple[str, str, float] | None = None  # id, action, arrival of the CALL that we have not answered
        self._answers: set[asyncio.Task[None]] = set()
        self._refused_until: float | None = None  # BootNotification was not accepted; monotonic, s; None: accepted or unknown

    async def run(self) -> None:
        """Reads until the end of the connection."""
        reason = ""
        try:
            async for message in self._socket:
                self._read(message)
        except ConnectionClosed as error:
            reason = str(error)
            if error.sent is not None and error.sent.code == 1009:
                self.station.violate("a frame of more than 1 MiB")
        finally:
            for task in tuple(self._answers):
                task.cancel()
            self.note("closed", reason=reason, code=self._socket.close_code)
            self.station.detach(self)

    async def send(self, text: str) -> None:
        """Sends a frame. Raises NotConnected."""
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise NotConnected(f"{self.station.identity}: the connection is closed: {error}") from None

    async def close(self, code: int, reason: str) -> None:
        """The closing handshake; a frozen connection is cut, since it would never finish one."""
        if self.frozen:
            self.abort()
        await self._socket.close(code, reason)

    def abort(self) -> None:
        """The TCP connection ends at once."""
        self._socket.transport.abort()

    def freeze(self) -> None:
        """No byte is read from now on, no pong is sent."""
        self.frozen = True
        self._transport().pause_reading()
        self.note("frozen")

    def thaw(self) -> None:
        """Reads again."""
        if self.frozen:
            self.frozen = False
            self._transport().resume_reading()
            self.note("thawed")

    def _transport(self) -> asyncio.Transport:
        transport = self._socket.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    def note(self, event: str, **details: Any) -> None:
        """Something happened to the connection."""
        payload = {"event": event, **{name: value for name, value in details.items() if value not in (None, "")}}
        self.station.record(self.office.frame(self.station.identity, self.number, "-", "link", payload=payload))

    def _frame(self, kind: Any, direction: Any, **rest: Any) -> Frame:
        frame = self.office.frame(self.station.identity, self.number, direction, kind, **rest)
        self.station.record(frame)
        return frame

    def _read(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._frame("garbage", "in", payload={"text": repr(message[:GARBAGE_SHOWN])})
            self.station.violate("a binary frame; OCPP-J sends text")
            return
        try:
            frame = parse(message)
        except Malformed as error:
            self._frame("garbage", "in", message_id=error.message_id, payload={"text": message[:GARBAGE_SHOWN]})
            self.station.violate(f"a malformed frame: {error}")
            if error.is_call and error.message_id:
                self._later(self._send_error(error.message_id, "FormationViolation", str(error)[:255]))
            self.station.changed()
            return
        if isinstance(frame, Call):
            self._called(frame)
        else:
            action = self.station.answered(frame)
            if isinstance(frame, Failure):
                self._frame(
                    "error",
                    "in",
                    action=action,
                    message_id=frame.message_id,
                    payload=frame.details,
                    code=frame.code,
                    description=frame.description,
                )
            else:
                self._frame("result", "in", action=action, message_id=frame.message_id, payload=frame.payload)
        self.station.changed()

    def _called(self, call: Call) -> None:
        action, identity = call.action, self.station.identity
        rule = self.office.rules.take(identity, action)
        frame = self._frame("call", "in", action=action, message_id=call.message_id, payload=call.payload)
        self._check_discipline(call)
        problems = self.office.desk.examine(action, call.payload)
        for problem in problems:
            self.station.violate(str(problem))
        refusal: Refused | None = None
        answer: Payload = {}
        if action == "BootNotification":
            self.station.boot = call.payload
        try:
            answer = self.office.desk.answer(identity, action, call.payload, problems, book=rule.booked)
        except Refused as error:
            refusal = error
        if rule.freeze:
            self.freeze()
        if len(self._answers) >= ANSWERS_OPEN_MAX:
            self.station.violate(f"{ANSWERS_OPEN_MAX} CALLs without waiting for an answer")
            self.abort()
            return
        if rule.payload is not None:
            answer, refusal = rule.payload, None
        elif rule.merge is not None:
            merged = {**answer, **rule.merge}
            answer, refusal = {name: value for name, value in merged.items() if value is not None}, None
        if rule.drop or rule.freeze:
            return
        if rule.close:
            self._later(self._close(rule.delay_s))
            return
        if rule.error is not None:
            refusal = Refused(rule.error, rule.description)
        if refusal is None:
            frame.reply = answer
            self._follow(call, answer, booked=rule.booked)
        self._later(self._answer(call, rule, answer, refusal))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(self._deliver(work))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _deliver(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except NotConnected:
            self.note("answer lost")
        self.station.changed()

    def _follow(self, call: Call, answer: Any, *, booked: bool) -> None:
        """What the answer changes on our side."""
        if not isinstance(answer, dict):
            return
        if call.action == "BootNotification":
            interval = answer.get("interval")
            wait_s = float(interval) if isinstance(interval, int | float) and interval > 0 else 0.0
            accepted = answer.get("status") == "Accepted"
            self._refused_until = None if accepted else time.monotonic() + wait_s * EARLY_FRACTION
            if accepted:
                self.station.triggered.clear()
        elif call.action == "StartTransaction" and booked:
            self.office.books.told(self.station.identity, call.payload, answer)

    async def _close(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self.abort()

    async def _answer(self, call: Call, rule: Misbehaviour, answer: Any, refusal: Refused | None) -> None:
        if rule.delay_s:
            await asyncio.sleep(rule.delay_s)
        message_id = call.message_id if rule.message_id is None else rule.message_id
        if self._open is not None and self._open[0] == call.message_id:
            self._open = None
        for _ in range(2 if rule.twice else 1):
            if rule.raw is not None:
                self._frame("garbage", "out", message_id=message_id, payload={"text": rule.raw[:GARBAGE_SHOWN]})
                await self.send(rule.raw)
            elif refusal is not None:
                await self._send_error(message_id, refusal.code, refusal.description, call.action)
            else:
                shown = answer if isinstance(answer, dict) else {"": answer}
                self._frame("result", "out", action=call.action, message_id=message_id, payload=shown)
                await self.send(write(CALL_RESULT, message_id, answer))

    async def _send_error(self, message_id: str, code: str, description: str, action: str = "") -> None:
        self._frame("error", "out", action=action, message_id=message_id, code=code, description=description)
        await self.send(write(CALL_ERROR, message_id, code, description, {}))

    def _check_discipline(self, call: Call) -> None:
        now = time.monotonic()
        station, action = self.station, call.action
        if len(call.message_id) > MESSAGE_ID_LENGTH:
            station.violate(f"{action}: the message id has {len(call.message_id)} characters; {MESSAGE_ID_LENGTH} are allowed")
        if call.message_id in self._ids:
            station.violate(f"{action}: the message id {call.message_id!r} was used before on this connection")
        self._ids.append(call.message_id)
        if self._open is not None and now - self._open[2] < self.office.settings.patience_s:
            waiting = self._open[1]
            station.violate(f"{action} while {waiting} is not answered yet: one CALL at a time")
            if action in BOOKED and waiting in BOOKED:
                self.office.books.complain(station.identity, f"two messages in flight: {waiting} and {action}")
        self._open = (call.message_id, action, now)
        refused_until = self._refused_until
        if action == "BootNotification":
            self._refused_until = now  # nothing else until this one is accepted
        if refused_until is None:
            return
        if action == "BootNotification":
            if now < refused_until and action not in station.triggered:
                station.violate(f"BootNotification {refused_until - now:.1f} s before the interval is over")
        elif action not in station.triggered:
            station.violate(f"{action} before BootNotification was accepted")
