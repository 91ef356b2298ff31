"""Frames of OCPP-J 1.6 (section 4) as plain values, and the strict reading of what a station sends.

Knows nothing of actions and payloads but that a payload is an object.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

Payload = dict[str, Any]
Direction = Literal["in", "out", "-"]
Kind = Literal["call", "result", "error", "link", "violation", "complaint", "garbage"]

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
MESSAGE_ID_LENGTH = 36
GARBAGE_SHOWN = 2000

ERROR_CODES = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)


@dataclass(kw_only=True)
class Frame:
    """One thing that happened between a station and the Central System, in either direction, in the order it happened.

    at: arrival or departure, Unix time in seconds, of the true clock. direction: "in" is from the station, "-" is neither.
    kind: call, result, error (CALLERROR), link (payload["event"] says what), violation and complaint (description says
    what the station did wrong), garbage (payload["text"], no OCPP frame). connection counts the station's connections from 1.
    """

    seq: int
    at: float
    identity: str
    connection: int
    direction: Direction
    kind: Kind
    action: str = ""
    message_id: str = ""
    payload: Payload = field(default_factory=dict)
    code: str = ""
    description: str = ""
    reply: Payload | None = None  # of a station's CALL: the answer as decided at its arrival; None: no CALLRESULT

    def __getitem__(self, name: str) -> Any:
        """A field of the payload."""
        return self.payload[name]

    def as_dict(self) -> dict[str, Any]:
        """For the control socket: without what is empty."""
        whole = {
            "seq": self.seq,
            "at": round(self.at, 3),
            "identity": self.identity,
            "connection": self.connection,
            "direction": self.direction,
            "kind": self.kind,
            "payload": self.payload,
        }
        for name in ("action", "message_id", "code", "description"):
            if value := getattr(self, name):
                whole[name] = value
        return whole


@dataclass(frozen=True)
class Call:
    """A CALL: `[2, id, action, payload]`."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True)
class Result:
    """A CALLRESULT: `[3, id, payload]`."""

    message_id: str
    payload: Payload


@dataclass(frozen=True)
class Failure:
    """A CALLERROR: `[4, id, code, description, details]`."""

    message_id: str
    code: str
    description: str
    details: Payload


class Malformed(ValueError):
    """A frame that is none of OCPP-J's three. message_id: as far as it could be read."""

    def __init__(self, problem: str, message_id: str = "", *, is_call: bool = False) -> None:
        super().__init__(problem)
        self.message_id = message_id
        self.is_call = is_call


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> Payload:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} appears twice in one object")
    return table


def parse(text: str) -> Call | Result | Failure:
    """Reads one frame strictly. Raises Malformed, which says what is wrong with it."""
    try:
        frame = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from None
    if not isinstance(frame, list) or not frame:
        raise Malformed(f"a frame is a JSON array, this is {type(frame).__name__}")
    kind, message_id = frame[0], frame[1] if len(frame) > 1 else None
    lengths = {CALL: 4, CALL_RESULT: 3, CALL_ERROR: 5}
    readable = message_id if isinstance(message_id, str) else ""
    if type(kind) is not int or kind not in lengths:
        raise Malformed(f"message type {kind!r} is none of 2, 3, 4", readable)
    if not readable:
        raise Malformed(f"the message id is a text, this is {message_id!r}", is_call=kind == CALL)
    if len(frame) != lengths[kind]:
        raise Malformed(
            f"a frame of type {kind} has {lengths[kind]} elements, this has {len(frame)}", readable, is_call=kind == CALL
        )
    texts = {CALL: frame[2:3], CALL_RESULT: [], CALL_ERROR: frame[2:4]}[kind]
    if not all(isinstance(item, str) for item in texts):
        raise Malformed(f"texts expected, found {texts!r}", readable, is_call=kind == CALL)
    if not isinstance(frame[-1], dict):
        raise Malformed(f"the payload is a JSON object, this is {type(frame[-1]).__name__}", readable, is_call=kind == CALL)
    if kind == CALL:
        return Call(readable, frame[2], frame[3])
    if kind == CALL_RESULT:
        return Result(readable, frame[2])
    return Failure(readable, frame[2], frame[3], frame[4])


def write(*elements: Any) -> str:
    """A frame as it goes on the wire."""
    return json.dumps(elements, ensure_ascii=False, separators=(",", ":"))
