"""The message types against the official JSON schemas, in both directions."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw, structs
from msgspec import inspect as kinds

from chargepoint.messages import (
    ACTION_OF,
    ACTIONS,
    Confirmation,
    Message,
    Request,
    decode_conf,
    decode_req,
    encode_call,
    encode_result,
)
from tests.messages_documents import (
    NAMES,
    NOT_EMPTY,
    action_of,
    documents,
    meaning,
    message_of,
    places,
    schema_of,
    struct_values,
    validator,
    whole_range,
)

pytestmark = [pytest.mark.section("6"), pytest.mark.section("7")]

bounded = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
Z_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def decoded(name: str, document: object) -> Message:
    payload = Raw(json.dumps(document).encode())
    if not name.endswith("Response"):
        return decode_req(action_of(name), payload)
    message, leniences = decode_conf(action_of(name), payload)
    assert leniences == ()
    return message


def encoded(message: Message) -> Any:
    """The payload as it would stand in a frame."""
    if isinstance(message, Request):
        kind, message_id, action, payload = json.loads(encode_call("id", message))
        assert (kind, message_id, action) == (2, "id", ACTION_OF[type(message)].name)
    else:
        assert isinstance(message, Confirmation)
        kind, message_id, payload = json.loads(encode_result("id", message))
        assert (kind, message_id) == (3, "id")
    return payload


def test_every_schema_is_an_action_and_every_action_has_its_schemas() -> None:
    assert {name for action in ACTIONS for name in (action, f"{action}Response")} == set(NAMES)
    assert len(ACTIONS) == 39


def shape(node: Any) -> Any:
    """What a schema or a type allows, in one form for both."""
    match node:
        case kinds.UnionType(types):
            (only,) = (kind for kind in types if not isinstance(kind, kinds.NoneType))
            return shape(only)
        case kinds.StructType(_, fields):
            return {field.encode_name: (field.required, shape(field.type)) for field in fields}
        case kinds.VarTupleType(item, least):
            return ["array", least or 0, shape(item)]
        case kinds.EnumType(cls):
            return {member.value for member in cls}
        case kinds.StrType(_, longest, pattern):
            return ("string", "uri" if pattern else None, longest)
        case kinds.DateTimeType():
            return ("string", "date-time", None)
        case kinds.IntType(ge=least, le=most):
            return ("integer", least, most)
        case kinds.FloatType():
            return "number"
        case kinds.BoolType():
            return "boolean"
    raise AssertionError(f"no shape for {node}")


def schema_shape(node: dict[str, Any], name: str, key: str) -> Any:
    match node:
        case {"enum": words}:
            # One type serves both: the schema of StopTransaction alone does not know Hertz.
            return {*words, "Hertz"} if key == "unit" else set(words)
        case {"type": "object"}:
            assert node["additionalProperties"] is False
            required = node.get("required", ())
            return {key: (key in required, schema_shape(member, name, key)) for key, member in node["properties"].items()}
        case {"type": "array", "items": item}:
            return ["array", max(node.get("minItems", 0), int(key in NOT_EMPTY)), schema_shape(item, name, key)]
        case {"type": "string"}:
            return ("string", node.get("format"), node.get("maxLength"))
        case {"type": "integer"}:
            return ("integer", *whole_range(name, key))
    return node["type"]


@pytest.mark.parametrize("name", NAMES)
def test_names_bounds_and_words_are_those_of_the_schema(name: str) -> None:
    assert shape(kinds.type_info(message_of(name))) == schema_shape({"properties": {}, **schema_of(name)}, name, "")


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_frozen_keyword_only_and_leave_out_what_is_none(name: str) -> None:
    kind = message_of(name)
    options = kind.__struct_config__
    assert options.frozen
    assert options.forbid_unknown_fields
    assert options.omit_defaults
    assert all(field.required or field.default is None for field in structs.fields(kind))
    if kind.__struct_fields__:
        with pytest.raises(TypeError, match="positional"):
            kind("x")


@pytest.mark.parametrize("name", NAMES)
def test_valid_documents_decode_and_come_back_with_the_same_meaning(name: str) -> None:
    @bounded
    @given(documents(name))
    def holds(document: Any) -> None:
        validator(name).validate(document)
        again = encoded(decoded(name, document))
        validator(name).validate(again)
        assert meaning(again) == meaning(document)

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_structs_encode_to_valid_documents_and_decode_to_themselves(name: str) -> None:
    @bounded
    @given(struct_values(message_of(name)))
    def holds(message: Message) -> None:
        document = encoded(message)
        if name != "StopTransaction" or '"Hertz"' not in json.dumps(document):
            validator(name).validate(document)
        assert encoded(decoded(name, document)) == document
        for path, schema in places(schema_of(name)):
            if schema.get("format") == "date-time":
                for stamp in found(document, path):
                    assert Z_STAMP.fullmatch(stamp)

    holds()


def found(document: Any, path: tuple[str | int, ...]) -> list[Any]:
    """What stands at a path, every item of an array; nothing where an optional part is left out."""
    if not path:
        return [document]
    if isinstance(path[0], int):
        return [value for item in document for value in found(item, path[1:])]
    return found(document[path[0]], path[1:]) if path[0] in document else []


@given(st.data())
@bounded
def test_a_document_given_as_decoded_json_reads_as_its_text_does(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in NAMES if not name.endswith("Response")]))
    document = data.draw(documents(name))
    assert decode_req(action_of(name), document) == decoded(name, document)
