"""Documents and structs for the tests of the messages: made from the official JSON schemas, and from the types themselves."""

import copy
import json
import pathlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import hypothesis.strategies as st
import jsonschema
import ocpp.v16
from msgspec import inspect as kinds

from chargepoint.messages import ACTIONS, Action, Message

Json = Any
Schema = dict[str, Any]
Path = tuple[str | int, ...]
NOTHING = object()

SCHEMAS = pathlib.Path(ocpp.v16.__file__).parent / "schemas"
NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))
MAX32 = 2**31 - 1
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("date-time")(lambda text: not isinstance(text, str) or RFC_3339.fullmatch(text) is not None)
FORMATS.checks("uri")(lambda text: not isinstance(text, str) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S", text) is not None)

# Where the types are stricter than the schemas, by the text of the specification: whole numbers by property name, and
# the actions whose connectorId cannot be 0.
WHOLE = {
    "connectorId": (0, MAX32),
    "duration": (0, MAX32),
    "interval": (0, MAX32),
    "numberPhases": (1, 3),
    "retries": (0, MAX32),
    "retryInterval": (0, MAX32),
    "stackLevel": (0, MAX32),
    "startPeriod": (0, MAX32),
}
FROM_ONE = {"RemoteStartTransaction", "StartTransaction", "UnlockConnector"}
NOT_EMPTY = {"chargingSchedulePeriod", "sampledValue"}


def action_of(name: str) -> Action:
    return ACTIONS[name.removesuffix("Response")]


def message_of(name: str) -> type[Message]:
    action = action_of(name)
    return action.conf if name.endswith("Response") else action.req


@cache
def schema_of(name: str) -> Schema:
    """The schema with its references put in place, the title of its message, and without multipleOf (any limit is taken)."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig"))
    inlined: Schema = _inlined(schema, schema.get("definitions", {}))
    return inlined


def _inlined(node: Json, definitions: Json) -> Json:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items() if key not in ("definitions", "multipleOf")}


@cache
def validator(name: str) -> jsonschema.protocols.Validator:
    schema = schema_of(name)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=FORMATS)


def whole_range(name: str, key: str) -> tuple[int, int]:
    low, high = WHOLE.get(key, (-(2**63), 2**63 - 1))
    return (1 if key == "connectorId" and name in FROM_ONE else low), high


def stamps() -> st.SearchStrategy[str]:
    """RFC 3339: any offset, no fraction or one of 1 to 6 digits."""
    moments = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1))
    offsets = st.sampled_from(["Z", "+00:00", "+02:00", "-09:30", "+14:00"])
    return st.builds(
        lambda moment, digits, offset: moment.replace(microsecond=0).isoformat() + digits + offset,
        moments,
        st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,6}", fullmatch=True)),
        offsets,
    )


def texts(longest: int | None) -> st.SearchStrategy[str]:
    """Unicode text up to its bound; long ones are filled up, since drawing thousands of characters takes its time."""
    drawn = st.text(max_size=min(longest or 40, 40))
    return drawn if longest is None else st.one_of(drawn, drawn.map(lambda text: text.ljust(longest, "x")))


def documents(name: str) -> st.SearchStrategy[Json]:
    """Valid documents of a schema."""
    return _documents(schema_of(name), name, "")


def _documents(schema: Schema, name: str, key: str) -> st.SearchStrategy[Json]:
    match schema:
        case {"enum": words}:
            return st.sampled_from(words)
        case {"type": "object"}:
            members = {key: _documents(member, name, key) for key, member in schema.get("properties", {}).items()}
            required = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {key: members[key] for key in members if key in required},
                optional={key: members[key] for key in members if key not in required},
            )
        case {"type": "array", "items": item}:
            least = max(schema.get("minItems", 0), key in NOT_EMPTY)
            return st.lists(_documents(item, name, key), min_size=least, max_size=3)
        case {"type": "string", "format": "date-time"}:
            return stamps()
        case {"type": "string", "format": "uri"}:
            return st.sampled_from(["ftp://user:secret@example.org/logs", "https://example.org/a%20b?c=d#e", "sftp:x"])
        case {"type": "string"}:
            return texts(schema.get("maxLength"))
        case {"type": "integer"}:
            return st.integers(*whole_range(name, key))
        case {"type": "number"}:
            return st.one_of(st.integers(0, 10**9), st.integers(0, 10**7).map(lambda tenths: tenths / 10))
        case {"type": "boolean"}:
            return st.booleans()
    raise AssertionError(f"no rule for {schema}")


def full_document(name: str) -> Json:
    """One valid document with every property in it, always the same."""
    return _full(schema_of(name), name, "")


def _full(schema: Schema, name: str, key: str) -> Json:
    match schema:
        case {"enum": words}:
            return words[-1]
        case {"type": "object"}:
            return {key: _full(member, name, key) for key, member in schema.get("properties", {}).items()}
        case {"type": "array", "items": item}:
            return [_full(item, name, key)]
        case {"type": "string", "format": "date-time"}:
            return "2030-01-31T12:00:00.5Z"
        case {"type": "string", "format": "uri"}:
            return "ftp://example.org/x"
    return {"string": "x", "integer": 3, "number": 16.1, "boolean": True}[schema["type"]]


def places(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Every place of the full document, with the schema that holds there."""
    yield path, schema
    for key, member in schema.get("properties", {}).items():
        yield from places(member, (*path, key))
    if "items" in schema:
        yield from places(schema["items"], (*path, 0))


def replaced(document: Any, path: Path, value: object) -> Any:
    """The document with another value at a path, or without it (NOTHING)."""
    if not path:
        return value
    document = copy.copy(document)
    if len(path) == 1 and value is NOTHING:
        del document[path[0]]
    else:
        document[path[0]] = replaced(document[path[0]] if len(path) > 1 else None, path[1:], value)
    return document


def struct_values(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Structs made from nothing but their own types."""
    info = kinds.type_info(kind)
    assert isinstance(info, kinds.StructType)
    required = {field.name: _values(field.type) for field in info.fields if field.required}
    optional = {field.name: _values(field.type) for field in info.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))


def _values(kind: kinds.Type) -> st.SearchStrategy[Any]:
    match kind:
        case kinds.UnionType(types):
            return st.one_of([_values(member) for member in types])
        case kinds.NoneType():
            return st.none()
        case kinds.StructType(cls):
            return struct_values(cls)  # type: ignore[type-var, arg-type, unused-ignore]
        case kinds.VarTupleType(item, least):
            return st.lists(_values(item), min_size=least or 0, max_size=3).map(tuple)
        case kinds.EnumType(cls):
            return st.sampled_from(list(cls))
        case kinds.StrType(pattern=str()):
            return st.just("http://example.org/")
        case kinds.StrType(max_length=longest):
            return texts(longest)
        case kinds.IntType(ge=least, le=most):
            return st.integers(least, most)
        case kinds.FloatType(ge=least):
            return st.floats(least, allow_infinity=False, allow_nan=False)
        case kinds.DateTimeType():
            moments = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1))
            zones = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=45))])
            return st.builds(lambda moment, zone: moment.replace(tzinfo=zone), moments, zones)
        case kinds.BoolType():
            return st.booleans()
    raise AssertionError(f"no rule for {kind}")


def meaning(node: Json) -> Json:
    """A document with its timestamps as moments, whole milliseconds, so that two spellings of one moment are equal."""
    match node:
        case dict():
            return {key: meaning(value) for key, value in node.items()}
        case list():
            return [meaning(item) for item in node]
        case str() if RFC_3339.fullmatch(node):
            moment = datetime.fromisoformat(node).astimezone(UTC)
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return node
