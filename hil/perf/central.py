"""A Central System that costs as little as it can: what is measured is the charge point, not its peer.

One thread, blocking, one charge point; answers are made beforehand and nothing is checked (hil.csms checks, and is measured
with as well). The same one stands before both charge points of a comparison.
"""

import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep, time
from typing import Any, Self

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from chargepoint.messages import to_utc
from hil.perf.process import CannotMeasure

WAIT_S = 30.0
RECEIVE_BYTES = 1 << 16

Payload = dict[str, Any]


class Silence(CannotMeasure):
    """What was waited for did not come."""


class Quiet(Silence):
    """Nothing came at all in the time given."""


class Central:
    """Listens on a port of its own at loopback. answer_s: how long every answer is on its way, the link's round trip.

    seen: how many CALLs of each action came. arrivals: when the last one of each did, monotonic seconds. heard: is told of
    every CALL, in the thread that serves.
    """

    def __init__(self, answer_s: float = 0.0) -> None:
        self.answer_s = answer_s
        self.seen: Counter[str] = Counter()
        self.arrivals: dict[str, float] = {}
        self.heard: Callable[[str, Payload], None] = lambda action, payload: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/ocpp"
        self._socket: socket.socket | None = None
        self._protocol = ServerProtocol()
        self._frames: list[list[Any]] = []
        self._number = 0
        self._transactions = 0
        self._awaited: tuple[str, list[Payload]] = ("", [])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._listener.close()

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def welcome(self, timeout_s: float = WAIT_S) -> None:
        """Waits for a charge point and its handshake; one that was connected before is hung up. Raises Silence."""
        self.hang_up()
        self._listener.settimeout(timeout_s)
        try:
            self._socket, _ = self._listener.accept()
        except TimeoutError:
            raise Silence(f"no charge point connected within {timeout_s:g} s") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames.clear()
        self._protocol = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")], max_size=None)
        late_s = monotonic() + timeout_s
        while True:
            for event in self._events(late_s):
                if isinstance(event, Request):
                    self._protocol.send_response(self._protocol.accept(event))
                    self._flush()
                    return

    def booted(self, timeout_s: float = WAIT_S) -> float:
        """Waits for a charge point and its BootNotification; when that came, monotonic seconds. Raises Silence."""
        self.welcome(timeout_s)
        before = self.seen["BootNotification"]
        self.serve(lambda: self.seen["BootNotification"] > before, timeout_s)
        return self.arrivals["BootNotification"]

    def call(self, action: str, payload: Payload, timeout_s: float = WAIT_S) -> Payload:
        """The answer to a CALL; CALLs of the charge point are answered meanwhile. Raises Silence, also for a CALLERROR."""
        answers: list[Payload] = []
        self._call(action, payload, answers)
        self.serve(lambda: bool(answers), timeout_s)
        return answers[0]

    def trigger(self, message: str, timeout_s: float = WAIT_S) -> None:
        """TriggerMessage until its answer and the message came, whichever is first. Raises Silence where it is not accepted."""
        before = self.seen[message]
        answers: list[Payload] = []
        self._call("TriggerMessage", {"requestedMessage": message}, answers)

        def both() -> bool:
            return bool(answers) and (self.seen[message] > before or answers[0].get("status") != "Accepted")

        self.serve(both, timeout_s)
        if answers[0].get("status") != "Accepted":
            raise Silence(f"TriggerMessage({message}) was answered {answers[0]}")

    def serve(self, until: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Answers CALLs until the condition holds, which is looked at after every frame; raises Silence after timeout_s."""
        late_s = monotonic() + timeout_s
        while not until():
            if not self._frames:
                self._receive(late_s)
            while self._frames and not until():
                self._take(self._frames.pop(0))

    def attend(self, seconds: float) -> None:
        """Answers CALLs for so long; raises Silence where the charge point goes away."""
        late_s = monotonic() + seconds
        while (left_s := late_s - monotonic()) > 0:
            with suppress(Quiet):
                self.serve(lambda: monotonic() >= late_s, left_s)

    def _call(self, action: str, payload: Payload, answers: list[Payload]) -> None:
        self._number += 1
        self._awaited = (f"c{self._number}", answers)
        self._send([2, self._awaited[0], action, payload])

    def _take(self, frame: list[Any]) -> None:
        match frame:
            case [2, str(message_id), str(action), payload]:
                self.seen[action] += 1
                self.arrivals[action] = monotonic()
                self.heard(action, payload)
                if self.answer_s:
                    sleep(self.answer_s)
                self._send([3, message_id, self._answer(action)])
            case [3, message_id, payload] if message_id == self._awaited[0]:
                self._awaited[1].append(payload)
            case _:
                raise Silence(f"the charge point sent {frame!r}")

    def _answer(self, action: str) -> Payload:
        match action:
            case "BootNotification":
                return {"currentTime": _now(), "interval": 300, "status": "Accepted"}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "Authorize" | "StopTransaction":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                self._transactions += 1
                return {"idTagInfo": {"status": "Accepted"}, "transactionId": self._transactions}
            case _:
                return {}

    def _send(self, frame: list[Any]) -> None:
        self._protocol.send_text(msgspec.json.encode(frame))
        self._flush()

    def _flush(self) -> None:
        if self._socket is None:
            raise Silence("the charge point is gone")
        for data in self._protocol.data_to_send():
            if data:
                self._socket.settimeout(WAIT_S)
                self._socket.sendall(data)

    def _receive(self, late_s: float) -> None:
        for event in self._events(late_s):
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._frames.append(msgspec.json.decode(event.data))
        self._flush()  # pongs

    def _events(self, late_s: float) -> list[Any]:
        if self._socket is None:
            raise Silence("the charge point is gone")
        self._socket.settimeout(max(0.001, late_s - monotonic()))
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise Quiet("the charge point said nothing more in time") from None
        except OSError:
            data = b""
        if not data:
            self.hang_up()
            raise Silence("the charge point has closed the connection")
        self._protocol.receive_data(data)
        return self._protocol.events_received()


def _now() -> str:
    return to_utc(time()).strftime("%Y-%m-%dT%H:%M:%SZ")
