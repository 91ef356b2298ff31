"""RPC: calls and answers over one WebSocket, one CALL outstanding in each direction (OCPP-J 1.6 section 4).

Owns message ids, the CALL in flight, its time-out and the check whether a silent peer still lives. Refuses to know what the
calls mean: each carries a purpose that its owner gave it and gets back with the outcome.

Rules.
1. Ids are never used twice: the run of the process, then a count.
2. A CALL without an answer in time is a failed attempt only if the peer was heard in the last PROBE_S seconds or answers a
   ping; a peer that does neither has its connection closed, and the attempt does not count.
3. An answer that comes after the time-out, over the same connection, is handed on as late: its owner may still have a use for
   it. Answers that nobody waits for are logged and dropped.
"""

from typing import Generic, Literal, TypeVar

from msgspec import Struct

from chargepoint.core.effects import CloseLink, ProbeLink, SendFrame
from chargepoint.core.step import Step
from chargepoint.messages import ACTIONS, CallError, CallResult, PayloadError, decode_conf, encode_call

PROBE_S = 10.0
MAX_LENIENCES = 200
LATE_MAX = 32  # CALLs that timed out and may be answered yet; the oldest is forgotten

P = TypeVar("P")


class InFlight(Struct, Generic[P]):
    message_id: str
    action: str
    purpose: P
    sent_s: float
    deadline_s: float
    heard_s: float | None = None
    probing: bool = False


class Outcome(Struct, Generic[P], frozen=True, kw_only=True):
    """What became of a CALL: an answer, a CALLERROR, a time-out on a living link, or a link that went away under it.

    waited_s: from the request to its answer. late: the CALL had timed out, and its owner was told so.
    """

    purpose: P
    kind: Literal["answered", "error", "timeout", "lost"]
    conf: object = None
    text: str = ""
    waited_s: float = 0.0
    late: bool = False


class Rpc(Generic[P]):
    def __init__(self, run: int, call_timeout_s: float) -> None:
        self._run = run
        self._count = 0
        self._timeout_s = call_timeout_s
        self._leniences: set[str] = set()
        self.up = False
        self.in_flight: InFlight[P] | None = None
        self._timed_out: dict[str, InFlight[P]] = {}

    @property
    def free(self) -> bool:
        return self.up and self.in_flight is None

    def deadline(self) -> float | None:
        return self.in_flight.deadline_s if self.in_flight else None

    def link_up(self) -> None:
        self.up = True

    def link_down(self) -> Outcome[P] | None:
        self.up = False
        self._timed_out.clear()
        return self._end("lost", text="the connection went away")

    def call(self, action: str, req: object, purpose: P, step: Step) -> None:
        """Sends a CALL; only when `free`."""
        assert self.free, "one CALL at a time"
        self._count += 1
        message_id = f"{self._run}-{self._count}"
        self.in_flight = InFlight(message_id, action, purpose, step.mono_s, step.mono_s + self._timeout_s)
        step.then(SendFrame(encode_call(message_id, req)))  # type: ignore[arg-type]

    def heard(self, mono_s: float) -> bool:
        """Anything at all came from the peer. True where it was waited for: then the waiting is over, no answer is to come."""
        flight = self.in_flight
        if flight is None:
            return False
        flight.heard_s = mono_s
        if flight.probing:
            flight.deadline_s = mono_s
        return flight.probing

    def answer(self, frame: CallResult | CallError, step: Step) -> Outcome[P] | None:
        """The outcome that an answer brings; None for one that nobody waits for."""
        flight = self.in_flight
        if flight is None or frame.message_id != flight.message_id:
            return self._answer_late(frame, step)
        if isinstance(frame, CallError):
            return self._end("error", text=f"{frame.code}: {frame.description}"[:300])
        try:
            conf, leniences = decode_conf(ACTIONS[flight.action], frame.payload)
        except PayloadError as error:
            step.log("warning", f"The answer to {flight.action} cannot be read: {error.description}")
            return self._end("error", text=f"unreadable answer: {error.description}"[:300])
        self._note(flight.action, leniences, step)
        return self._end("answered", conf=conf, waited_s=step.mono_s - flight.sent_s)

    def unreadable(self, message_id: str, description: str) -> Outcome[P] | None:
        """The outcome of a frame that was meant as the answer but is none; None where nobody waits for it."""
        if self.in_flight is None or self.in_flight.message_id != message_id:
            return None
        return self._end("error", text=f"unreadable answer: {description}"[:300])

    def tick(self, step: Step) -> Outcome[P] | None:
        flight = self.in_flight
        if flight is None or step.mono_s < flight.deadline_s:
            return None
        if flight.heard_s is not None and flight.heard_s >= step.mono_s - PROBE_S:
            self._timed_out[flight.message_id] = flight
            if len(self._timed_out) > LATE_MAX:
                del self._timed_out[next(iter(self._timed_out))]
            return self._end("timeout", text=f"no answer to {flight.action} within {self._timeout_s:g} s")
        if not flight.probing:
            flight.probing = True
            flight.deadline_s = step.mono_s + PROBE_S
            step.then(ProbeLink())
            return None
        step.last(CloseLink(f"no sign of life while {flight.action} waited for its answer"))
        self.up = False
        return self._end("lost", text="the connection is dead")

    def _answer_late(self, frame: CallResult | CallError, step: Step) -> Outcome[P] | None:
        """An answer to another CALL than the one in flight: to one that timed out, or to none."""
        flight = self._timed_out.pop(frame.message_id, None)
        if flight is not None and isinstance(frame, CallResult):
            try:
                conf, leniences = decode_conf(ACTIONS[flight.action], frame.payload)
            except PayloadError:
                pass  # as good as none: the attempt has failed already
            else:
                self._note(flight.action, leniences, step)
                waited_s = step.mono_s - flight.sent_s
                return Outcome(purpose=flight.purpose, kind="answered", conf=conf, waited_s=waited_s, late=True)
        step.log("warning", f"An answer with id {frame.message_id[:40]!r} that nobody waits for was dropped.")
        return None

    def _end(
        self,
        kind: Literal["answered", "error", "timeout", "lost"],
        *,
        conf: object = None,
        text: str = "",
        waited_s: float = 0.0,
    ) -> Outcome[P] | None:
        flight, self.in_flight = self.in_flight, None
        return Outcome(purpose=flight.purpose, kind=kind, conf=conf, text=text, waited_s=waited_s) if flight else None

    def _note(self, action: str, leniences: tuple[str, ...], step: Step) -> None:
        for lenience in leniences:
            line = f"{action}.conf: {lenience}"
            if line not in self._leniences and len(self._leniences) < MAX_LENIENCES:
                self._leniences.add(line)
                step.log("warning", f"{line} (accepted; said once)")
