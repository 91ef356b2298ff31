"""Frames of OCPP-J 1.6, section 4: text to Call, CallResult or CallError and back.

Owns the envelope. Knows no actions beyond the name that a message is sent under; a payload stays raw JSON until somebody
decodes it, so that a big frame is parsed once. Whatever comes in, `parse_frame` answers with a value and never raises.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Raw, Struct

from chargepoint.messages.actions import ACTION_OF
from chargepoint.messages.errors import ErrorCode
from chargepoint.messages.types import Confirmation, Message, Request, as_utc, is_simple

CALL, CALLRESULT, CALLERROR = 2, 3, 4
MESSAGE_ID_MAX = 36
DESCRIPTION_MAX = 255

_FRAME = msgspec.json.Decoder(list[Raw])
_ANY = msgspec.json.Decoder()
_HEAD = re.compile(r'\s*\[\s*([0-9]+)\s*,\s*"([^"\\\x00-\x1f\ud800-\udfff]*)"\s*(?:,|\]|$)')
_UNREADABLE = object()


class Call(Struct, frozen=True, kw_only=True):
    """[2, id, action, payload]; the payload is not looked into, not even whether it is an object."""

    message_id: str
    action: str
    payload: Raw


class CallResult(Struct, frozen=True, kw_only=True):
    """[3, id, payload]"""

    message_id: str
    payload: Raw


class CallError(Struct, frozen=True, kw_only=True):
    """[4, id, code, description, details]. The code is whatever the peer wrote; details are an object, {} where unreadable."""

    message_id: str
    code: str
    description: str
    details: dict[str, object]


class BadFrame(Struct, frozen=True, kw_only=True):
    """A frame that is none of the three.

    message_id: where one could be read. code: what to answer with in a CALLERROR; None where nothing may be answered: no id,
    or an answer to one of our own CALLs, which is then as good as lost. description says what is wrong.
    """

    message_id: str | None
    code: ErrorCode | None
    description: str


Frame = Call | CallResult | CallError | BadFrame


def parse_frame(text: str | bytes) -> Frame:
    """What a websocket message holds. Bytes, of a binary message too, are read as UTF-8."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        parts = _FRAME.decode(text)
    except (ValueError, RecursionError) as error:
        return _salvaged(text, str(error) or type(error).__name__)
    return _frame(parts)


def _salvaged(text: str | bytes, trouble: str) -> BadFrame:
    """What is left of a frame that is no JSON array: its head may still tell type and id."""
    start = text[:1024].decode(errors="replace") if isinstance(text, bytes) else text[:1024]
    head = _HEAD.match(start)
    if head is None:
        return BadFrame(message_id=None, code=None, description=f"no OCPP frame: {trouble}")
    return _bad(int(head[1]), head[2], f"no JSON: {trouble}")


def _frame(parts: list[Raw]) -> Frame:
    if len(parts) < 2:
        return BadFrame(message_id=None, code=None, description=f"an array of {len(parts)}; a frame has 3 elements or more")
    kind, message_id = _read(parts[0]), _read(parts[1])
    if not isinstance(message_id, str):
        return BadFrame(message_id=None, code=None, description="the message id, element 2, is no text")
    if type(kind) is not int or kind not in (CALL, CALLRESULT, CALLERROR):
        return _bad(kind, message_id, "unknown message type, element 1; known are 2, 3 and 4")
    if not 1 <= len(message_id) <= MESSAGE_ID_MAX:
        return _bad(kind, message_id, f"the message id has {len(message_id)} characters; allowed are 1 to {MESSAGE_ID_MAX}")
    if kind == CALL:
        return _call(message_id, parts)
    if kind == CALLRESULT:
        return _call_result(message_id, parts)
    return _call_error(message_id, parts)


def _bad(kind: object, message_id: str, description: str) -> BadFrame:
    if kind in (CALLRESULT, CALLERROR):
        return BadFrame(message_id=message_id, code=None, description=description)
    code = ErrorCode.FormationViolation if kind == CALL else ErrorCode.ProtocolError
    return BadFrame(message_id=message_id, code=code, description=description)


def _call(message_id: str, parts: list[Raw]) -> Frame:
    if len(parts) != 4:
        return _bad(CALL, message_id, f"a CALL of {len(parts)} elements; it has 4")
    action = _read(parts[2])
    if not isinstance(action, str):
        return _bad(CALL, message_id, "the action, element 3, is no text")
    return Call(message_id=message_id, action=action, payload=parts[3])


def _call_result(message_id: str, parts: list[Raw]) -> Frame:
    if len(parts) != 3:
        return _bad(CALLRESULT, message_id, f"a CALLRESULT of {len(parts)} elements; it has 3")
    return CallResult(message_id=message_id, payload=parts[2])


def _call_error(message_id: str, parts: list[Raw]) -> Frame:
    """Details, and the description too, are often left out: an error is an error without them."""
    if not 3 <= len(parts) <= 5:
        return _bad(CALLERROR, message_id, f"a CALLERROR of {len(parts)} elements; it has 5")
    code, description, details = (*map(_read, parts[2:]), None, None)[:3]
    return CallError(
        message_id=message_id,
        code=code if isinstance(code, str) else "",
        description=description if isinstance(description, str) else "",
        details=details if isinstance(details, dict) else {},
    )


def _read(part: Raw) -> object:
    """The value, or one that is of no JSON type where it cannot be read (a number out of range, half a surrogate pair)."""
    try:
        return _ANY.decode(part)
    except (ValueError, RecursionError):
        return _UNREADABLE


def encode_call(message_id: str, req: Request) -> str:
    """The CALL that carries a request. Raises ValueError where a number in it is not finite."""
    return f'[{CALL},{_text(message_id)},"{ACTION_OF[type(req)].name}",{_payload(req)}]'


def encode_result(message_id: str, conf: Confirmation) -> str:
    """The CALLRESULT that carries a confirmation. Raises ValueError where a number in it is not finite."""
    return f"[{CALLRESULT},{_text(message_id)},{_payload(conf)}]"


def encode_error(message_id: str, code: str, description: str, details: Mapping[str, object] | None = None) -> str:
    """The CALLERROR; its description is cut to 255 characters. Details are any JSON."""
    return _text([CALLERROR, message_id, code, description[:DESCRIPTION_MAX], dict(details or {})])


def _payload(message: Message) -> str:
    """A message as JSON in ASCII. msgspec writes it several times as fast, but dates and fractions not as they must be."""
    if is_simple(type(message)):
        try:
            return _SIMPLE.encode(message).decode("ascii")
        except UnicodeError:
            pass  # there are letters in it that must be escaped
    return _text(msgspec.to_builtins(message, builtin_types=(datetime,)))


def _stamp(value: object) -> str:
    """UTC with Z, and milliseconds where there are any: some receivers read no more than three digits."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no place in a frame")
    moment = as_utc(value)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds").replace("+00:00", "Z")


_SIMPLE = msgspec.json.Encoder()
_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_stamp).encode
