"""Payload to message and back: strict for what the Central System asks, lenient for what it answers.

Owns the decision what may be taken. Requests are decoded by msgspec; only a payload that fails is walked a second time, to
say which CALLERROR code it deserves and why. Answers that fail the strict way are walked leniently, since a station that
refuses `"interval": "60"` is dead; every lenience applied is named. Implements OCPP-J 1.6, section 4.2.3 (error codes).

Leniences, in answers only:

- an object may have unknown fields (ignored), be `[]` or null where it could be empty, and its optional fields may be null
  or unreadable (left out); `interval` that is missing or unreadable is 0, which leaves it to the charge point;
- a number may be written as text, a whole number with a fraction of zero;
- text may be any other JSON value (its JSON is taken) and, up to 255 characters, longer than its bound. That is harmless: of
  what a Central System answers only parentIdTag has a bound, it is compared and never sent, and a cut one would make two
  groups of cards one;
- an enumeration's word may differ in case; an unknown AuthorizationStatus is Invalid (the transactionId beside it is needed);
- a timestamp may lack its offset (UTC) and be written in any way of ISO 8601 that Python reads.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec
from msgspec import inspect as kinds

from chargepoint.messages.actions import Action
from chargepoint.messages.core import BootNotificationConf
from chargepoint.messages.enums import AuthorizationStatus
from chargepoint.messages.errors import ErrorCode, PayloadError
from chargepoint.messages.types import Confirmation, Dateless, Request, Timestamp, as_utc

M = TypeVar("M", bound=Dateless)

_NOTES_MAX = 20
_SHOWN_MAX = 40
_LENIENT_TEXT_MAX = 255
_WHOLE_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,19})(?:\.0*)?\s*")
_FALLBACKS: Mapping[tuple[type[Dateless], str], object] = {(BootNotificationConf, "interval"): 0}
_KINDS = {dict: "an object", list: "an array", str: "text", bool: "a boolean", int: "a number", float: "a number"}


def decode_req(action: Action, payload: object) -> Request:
    """The request in a CALL's payload (msgspec.Raw, or decoded JSON); raises PayloadError where it is not exactly that."""
    raw = _raw(payload)
    message, trouble = _strict(action.req, raw)
    if message is None or trouble:
        _Walk(lenient=False).struct(action.req, _plain(raw), "$")
    if message is None:
        raise PayloadError(ErrorCode.FormationViolation, f"$: {trouble}")
    return message


def decode_conf(action: Action, payload: object) -> tuple[Confirmation, tuple[str, ...]]:
    """The confirmation in a CALLRESULT's payload, and the leniences that it needed, each as a path and a sentence.

    A lenience reads the same whatever the value was, so that it can be logged once. Raises PayloadError where what is needed
    is missing or unreadable.
    """
    raw = _raw(payload)
    message, trouble = _strict(action.conf, raw)
    if message is not None and not trouble:
        return message, ()
    walk = _Walk(lenient=True)
    return walk.struct(action.conf, _plain(raw), "$"), tuple(walk.notes)


def _strict(cls: type[M], raw: msgspec.Raw) -> tuple[M | None, str]:
    """The message, if msgspec takes it, and what there is to look into: msgspec's complaint, or a null that it let pass."""
    try:
        message = _decoder(cls).decode(raw)
    except (ValueError, RecursionError) as error:
        return None, str(error) or type(error).__name__
    return message, "null" if b"null" in bytes(raw) else ""


@cache
def _decoder(cls: type[M]) -> msgspec.json.Decoder[M]:
    return msgspec.json.Decoder(cls)


def _raw(payload: object) -> msgspec.Raw:
    if isinstance(payload, msgspec.Raw):
        return payload
    try:
        return msgspec.Raw(msgspec.json.encode(payload))
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        raise PayloadError(ErrorCode.FormationViolation, f"$: no JSON: {error}") from None


def _plain(raw: msgspec.Raw) -> Any:
    try:
        return json.loads(bytes(raw).decode(), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise PayloadError(ErrorCode.FormationViolation, f"$: no JSON that can be read: {error}") from None


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


class _Field(NamedTuple):
    name: str
    kind: kinds.Type
    required: bool


@cache
def _fields(cls: type[Dateless]) -> Mapping[str, _Field]:
    info = kinds.type_info(cls)
    assert isinstance(info, kinds.StructType)
    return {field.encode_name: _Field(field.name, _without_none(field.type), field.required) for field in info.fields}


def _without_none(kind: kinds.Type) -> kinds.Type:
    if not isinstance(kind, kinds.UnionType):
        return kind
    (only,) = (member for member in kind.types if not isinstance(member, kinds.NoneType))
    return only


def _fail(code: ErrorCode, path: str, found: str, allowed: str) -> NoReturn:
    raise PayloadError(code, f"{path}: {found}; allowed: {allowed}")


def _wrong_type(path: str, found: object, allowed: str) -> NoReturn:
    _fail(ErrorCode.TypeConstraintViolation, path, _kind(found), allowed)


def _wrong_value(path: str, found: str, allowed: str) -> NoReturn:
    _fail(ErrorCode.PropertyConstraintViolation, path, found, allowed)


def _kind(found: object) -> str:
    return _KINDS.get(type(found), "null")


def _shown(found: object) -> str:
    text = json.dumps(found)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


class _Walk:
    """Walks decoded JSON along the types of a message; the first thing that cannot be taken raises PayloadError."""

    def __init__(self, *, lenient: bool) -> None:
        self.lenient = lenient
        self.notes: list[str] = []

    def struct(self, cls: type[M], found: object, path: str) -> M:
        fields = _fields(cls)
        document = self._object(found, path)
        for name in (name for name in document if name not in fields):
            if not self.lenient:
                _fail(ErrorCode.FormationViolation, f"{path}.{_shown(name)[1:-1]}", "unknown field", ", ".join(fields))
            self._note(f"{path}.{_shown(name)[1:-1]}", "unknown field, ignored")
        values = {}
        for name, field in fields.items():
            try:
                if name in document and not (document[name] is None and self._skips_null(field, f"{path}.{name}")):
                    values[field.name] = self._value(field.kind, document[name], f"{path}.{name}")
                elif field.required:
                    _fail(ErrorCode.OccurenceConstraintViolation, f"{path}.{name}", "missing", _allowed(field.kind))
            except PayloadError as error:
                if not self.lenient or (field.required and (cls, field.name) not in _FALLBACKS):
                    raise
                if field.required:
                    values[field.name] = _FALLBACKS[cls, field.name]
                self._note(
                    f"{path}.{name}", f"unreadable, {'a default taken' if field.required else 'left out'} ({error.code})"
                )
        return cls(**values)

    def _object(self, found: object, path: str) -> dict[str, Any]:
        if isinstance(found, dict):
            return found
        if self.lenient and (found is None or found == []):
            self._note(path, f"{_kind(found)} taken as an empty object")
            return {}
        code = ErrorCode.FormationViolation if path == "$" else ErrorCode.TypeConstraintViolation
        _fail(code, path, _kind(found), "an object")

    def _skips_null(self, field: _Field, path: str) -> bool:
        if not self.lenient or field.required:
            return False
        self._note(path, "null, left out")
        return True

    def _note(self, path: str, lenience: str) -> None:
        if len(self.notes) < _NOTES_MAX:
            self.notes.append(f"{path}: {lenience}")

    def _value(self, kind: kinds.Type, found: Any, path: str) -> object:
        match kind:
            case kinds.StructType():
                assert issubclass(kind.cls, Dateless)
                return self.struct(kind.cls, found, path)
            case kinds.VarTupleType():
                return self._items(kind, found, path)
            case kinds.EnumType():
                return self._word(kind, found, path)
            case kinds.StrType():
                return self._text(kind, found, path)
            case kinds.IntType():
                return self._whole(kind, found, path)
            case kinds.FloatType():
                return self._number(kind, found, path)
            case kinds.DateTimeType():
                return self._timestamp(found, path)
            case kinds.BoolType():
                return found if isinstance(found, bool) else _wrong_type(path, found, _allowed(kind))
            case _:
                raise AssertionError(f"no rule for {kind}")

    def _items(self, kind: kinds.VarTupleType, found: Any, path: str) -> tuple[object, ...]:
        if not isinstance(found, list):
            _wrong_type(path, found, _allowed(kind))
        if len(found) < (kind.min_length or 0):
            _fail(ErrorCode.OccurenceConstraintViolation, path, f"{len(found)} items", _allowed(kind))
        return tuple(self._value(kind.item_type, item, f"{path}[{index}]") for index, item in enumerate(found))

    def _word(self, kind: kinds.EnumType, found: Any, path: str) -> object:
        if not isinstance(found, str):
            _wrong_type(path, found, _allowed(kind))
        for member in kind.cls:
            if member.value == found:
                return member
        if self.lenient:
            alike = [member for member in kind.cls if member.value.casefold() == found.casefold()]
            if len(alike) == 1:
                self._note(path, "upper and lower case differ from the specification's")
                return alike[0]
            if kind.cls is AuthorizationStatus:
                self._note(path, "unknown status taken as Invalid")
                return AuthorizationStatus.Invalid
        _wrong_value(path, _shown(found), _allowed(kind))

    def _text(self, kind: kinds.StrType, found: Any, path: str) -> str:
        if not isinstance(found, str):
            if not self.lenient or found is None:
                _wrong_type(path, found, _allowed(kind))
            self._note(path, f"{_kind(found)} taken as text")
            found = json.dumps(found, separators=(",", ":"))
        text = str(found)
        if any("\ud800" <= character <= "\udfff" for character in text):
            _fail(ErrorCode.FormationViolation, path, "half of a surrogate pair", "Unicode text")
        if kind.max_length is not None and len(text) > kind.max_length:
            if not self.lenient or len(text) > _LENIENT_TEXT_MAX:
                _wrong_value(path, f"{len(text)} characters", _allowed(kind))
            self._note(path, f"longer than {kind.max_length} characters")
        if kind.pattern is not None and not re.search(kind.pattern, text):
            _wrong_value(path, _shown(text), _allowed(kind))
        return text

    def _whole(self, kind: kinds.IntType, found: Any, path: str) -> int:
        number = found
        if self.lenient and isinstance(found, str) and (digits := _WHOLE_NUMBER.fullmatch(found)):
            self._note(path, "text taken as a number")
            number = int(digits[1])
        elif self.lenient and isinstance(found, float) and found.is_integer():
            self._note(path, "fraction of zero dropped")
            number = int(found)
        if not isinstance(number, int) or isinstance(number, bool):
            _wrong_type(path, found, _allowed(kind))
        if (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le):
            _wrong_value(path, _shown(number), _allowed(kind))
        return number

    def _number(self, kind: kinds.FloatType, found: Any, path: str) -> float:
        number = math.nan
        try:
            if self.lenient and isinstance(found, str):
                number = float(found)
                self._note(path, "text taken as a number")
            elif isinstance(found, int | float) and not isinstance(found, bool):
                number = float(found)
            else:
                _wrong_type(path, found, _allowed(kind))
        except ValueError:
            _wrong_type(path, found, _allowed(kind))
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or (kind.ge is not None and number < kind.ge):
            _wrong_value(path, _shown(found), _allowed(kind))
        return number

    def _timestamp(self, found: Any, path: str) -> datetime:
        allowed = _allowed(kinds.DateTimeType())
        if not isinstance(found, str):
            _wrong_type(path, found, allowed)
        try:
            return as_utc(msgspec.convert(found, Timestamp))
        except ValueError:
            if not self.lenient:
                _wrong_value(path, _shown(found), allowed)
        try:
            moment = as_utc(datetime.fromisoformat(found.strip()))
        except ValueError:
            _wrong_value(path, _shown(found), allowed)
        self._note(path, "not RFC 3339 with an offset; read as ISO 8601, UTC where it has no offset")
        return moment


def _allowed(kind: kinds.Type) -> str:
    match kind:
        case kinds.StructType():
            return "an object"
        case kinds.VarTupleType():
            return f"an array of at least {kind.min_length} item" if kind.min_length else "an array"
        case kinds.EnumType():
            return ", ".join(member.value for member in kind.cls)
        case kinds.StrType() if kind.pattern:
            return "a URI like ftp://host/path"
        case kinds.StrType():
            return "text" if kind.max_length is None else f"text of at most {kind.max_length} characters"
        case kinds.IntType():
            return f"a whole number from {kind.ge} to {kind.le}"
        case kinds.FloatType():
            return "a finite number" if kind.ge is None else f"a finite number of at least {kind.ge}"
        case kinds.BoolType():
            return "true or false"
        case _:
            return "a date and time with an offset, like 2030-01-31T12:00:00Z"
