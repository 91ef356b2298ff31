"""Requests are held strictly and what is wrong with them gets the right CALLERROR code; timestamps are UTC."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from chargepoint.messages import (
    ACTIONS,
    ErrorCode,
    HeartbeatConf,
    PayloadError,
    ReserveNowReq,
    decode_conf,
    decode_req,
    encode_result,
    from_utc,
    to_utc,
)
from tests.messages_documents import NAMES, NOTHING, Path, full_document, places, replaced, schema_of, validator

bounded = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
REQUESTS = [name for name in NAMES if not name.endswith("Response")]
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)

Mutant = tuple[Path, object, ErrorCode]
WRONG: dict[str, list[object]] = {
    "object": ["x", []],
    "array": [{}, 1],
    "string": [5, True, ["x"]],
    "boolean": ["true", 1],
}


def refusal(name: str, payload: object) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        decode_req(ACTIONS[name], payload)
    return caught.value


def spelled(path: Path) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def mutants(schema: dict[str, Any]) -> Iterator[Mutant]:
    """Every way to break the full document in one place, and the code that it deserves."""
    for path, node in places(schema):
        for wrong in WRONG.get(node["type"], ["5", True, {}]):
            yield path, wrong, ErrorCode.TypeConstraintViolation if path else ErrorCode.FormationViolation
        if path:
            yield path, None, ErrorCode.TypeConstraintViolation
        for key in node.get("required", ()):
            yield (*path, key), NOTHING, ErrorCode.OccurenceConstraintViolation
        if node["type"] == "object":
            yield (*path, "unheardOf"), 1, ErrorCode.FormationViolation
        if node.get("minItems"):
            yield path, [], ErrorCode.OccurenceConstraintViolation
        if "enum" in node:
            yield path, "unheardOf", ErrorCode.PropertyConstraintViolation
            if node["enum"][0].swapcase() != node["enum"][0]:
                yield path, node["enum"][0].swapcase(), ErrorCode.PropertyConstraintViolation
        if "maxLength" in node:
            yield path, "x" * (node["maxLength"] + 1), ErrorCode.PropertyConstraintViolation
        if "format" in node:
            yield path, "", ErrorCode.PropertyConstraintViolation
            yield path, "yesterday at noon", ErrorCode.PropertyConstraintViolation
        if node["type"] == "integer":
            yield path, 3.5, ErrorCode.TypeConstraintViolation
            yield path, 2**63, ErrorCode.PropertyConstraintViolation
        if path and path[-1] in ("connectorId", "limit", "startPeriod", "stackLevel", "retries", "duration"):
            yield path, -1, ErrorCode.PropertyConstraintViolation


@pytest.mark.section("J 4.2.3")
@pytest.mark.parametrize("name", REQUESTS)
def test_every_broken_place_of_a_request_has_its_code_and_is_named(name: str) -> None:
    full = full_document(name)
    validator(name).validate(full)
    decode_req(ACTIONS[name], full)
    for path, value, code in mutants(schema_of(name)):
        error = refusal(name, replaced(full, path, value))
        assert (error.code, error.description.split(":")[0]) == (code, spelled(path)), (path, value, error.description)
        assert "allowed: " in error.description


@pytest.mark.parametrize(
    ("name", "document", "description"),
    [
        ("Reset", {"type": "hard"}, '$.type: "hard"; allowed: Hard, Soft'),
        ("Reset", {}, "$.type: missing; allowed: Hard, Soft"),
        ("Reset", {"type": "Hard", "when": 1}, "$.when: unknown field; allowed: type"),
        ("UnlockConnector", {"connectorId": 0}, "$.connectorId: 0; allowed: a whole number from 1 to 2147483647"),
        (
            "RemoteStopTransaction",
            {"transactionId": "7"},
            f"$.transactionId: text; allowed: a whole number from {-(2**63)} to {2**63 - 1}",
        ),
        ("Authorize", {"idTag": "x" * 21}, "$.idTag: 21 characters; allowed: text of at most 20 characters"),
        (
            "ChangeConfiguration",
            {"key": "AuthorizationKey", "value": 1234},
            "$.value: a number; allowed: text of at most 500 characters",
        ),
    ],
)
def test_a_refusal_tells_path_what_was_found_and_what_is_allowed(name: str, document: object, description: str) -> None:
    assert refusal(name, document).description == description


@pytest.mark.section("3.8")
@pytest.mark.parametrize("name", ["RemoteStartTransaction", "StartTransaction", "UnlockConnector"])
def test_connector_0_is_refused_where_the_text_asks_for_a_connector(name: str) -> None:
    error = refusal(name, {**full_document(name), "connectorId": 0})
    assert (error.code, error.description.split(";")[0]) == (ErrorCode.PropertyConstraintViolation, "$.connectorId: 0")


@pytest.mark.parametrize("value", ["secret" * 100, 31337, ["secret"]])
def test_a_refusal_never_repeats_a_value_that_may_be_a_secret(value: object) -> None:
    description = refusal("ChangeConfiguration", {"key": "AuthorizationKey", "value": value}).description
    assert "secret" not in description
    assert "31337" not in description


@pytest.mark.section("J 4.2.3")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", ErrorCode.FormationViolation),
        (b"{", ErrorCode.FormationViolation),
        (b"[" * 100_000, ErrorCode.FormationViolation),
        (b'{"x":' * 100_000, ErrorCode.FormationViolation),
        (b'{"type":"\xff"}', ErrorCode.FormationViolation),
        (b'{"type":"\\ud800"}', ErrorCode.PropertyConstraintViolation),
        (b'{"type":NaN}', ErrorCode.FormationViolation),
        (b'{"type":1e999}', ErrorCode.TypeConstraintViolation),
        (b'{"type":' + b"1" * 5000 + b"}", ErrorCode.FormationViolation),
        (b'{"type":null}', ErrorCode.TypeConstraintViolation),
    ],
)
def test_hostile_payloads_are_refused(text: bytes, code: ErrorCode) -> None:
    assert refusal("Reset", Raw(text)).code == code
    with pytest.raises(PayloadError):
        decode_conf(ACTIONS["Reset"], Raw(text))


def test_half_a_surrogate_pair_is_no_text() -> None:
    error = refusal("Authorize", Raw(b'{"idTag":"\\ud800"}'))
    assert (error.code, error.description) == (
        ErrorCode.FormationViolation,
        "$.idTag: half of a surrogate pair; allowed: Unicode text",
    )


@pytest.mark.parametrize("payload", [float("nan"), {"type": {1}}, {"type": "\ud800"}, {"type": 10**400}, {1: 2}])
def test_decoded_values_that_are_no_json_are_refused(payload: object) -> None:
    assert refusal("Reset", payload).code in (ErrorCode.FormationViolation, ErrorCode.TypeConstraintViolation)


@pytest.mark.parametrize(("number", "shown"), [("1e999", "Infinity"), ("1" * 400, "1" * 40 + "...")])
def test_a_number_beyond_all_floats_is_no_limit(number: str, shown: str) -> None:
    profile = json.dumps(full_document("SetChargingProfile"))
    error = refusal("SetChargingProfile", Raw(profile.replace("16.1", number).encode()))
    assert error.code == ErrorCode.PropertyConstraintViolation
    assert error.description.endswith(f": {shown}; allowed: a finite number of at least 0")


@pytest.mark.parametrize("limit", [0, 16, 16.25, 1e9])
def test_limits_of_any_number_of_decimals_are_taken(limit: float) -> None:
    document = full_document("SetChargingProfile")
    path = ("csChargingProfiles", "chargingSchedule", "chargingSchedulePeriod", 0, "limit")
    request = decode_req(ACTIONS["SetChargingProfile"], replaced(document, path, limit))
    assert f"limit={float(limit)}" in repr(request)


@pytest.mark.section("3.15")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-31T12:00:00Z", NOON),
        ("2030-01-31T14:30:00+02:30", NOON),
        ("2030-01-31T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2030-01-31T12:00:00.123456789Z", NOON.replace(microsecond=123_457)),
        ("2030-01-31T12:00:00", None),
        ("2030-01-31", None),
        ("2030-02-30T12:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-01:00", None),
    ],
)
def test_timestamps_of_requests_have_an_offset_and_become_utc(text: str, moment: datetime | None) -> None:
    document = {"connectorId": 1, "expiryDate": text, "idTag": "A", "reservationId": 1}
    if moment is None:
        assert refusal("ReserveNow", document).description.startswith("$.expiryDate: ")
        return
    request = decode_req(ACTIONS["ReserveNow"], document)
    assert isinstance(request, ReserveNowReq)
    assert (request.expiry_date, request.expiry_date.tzinfo) == (moment, UTC)


@given(st.floats(-60_000_000_000, 250_000_000_000))
@bounded
def test_seconds_become_utc_and_come_back_to_the_millisecond(ts_s: float) -> None:
    moment = to_utc(ts_s)
    assert moment.tzinfo is UTC
    assert abs(from_utc(moment) - ts_s) <= 0.000_6
    assert to_utc(from_utc(moment)) == moment


def test_a_moment_without_an_offset_is_utc() -> None:
    assert from_utc(datetime(1970, 1, 2)) == from_utc(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400.0
    with pytest.raises(OverflowError):
        to_utc(1e15)


@pytest.mark.section("3.15")
def test_sent_timestamps_end_in_z_with_milliseconds_at_most() -> None:
    sent = {
        encode_result("i", HeartbeatConf(current_time=moment))
        for moment in (NOON, NOON.replace(tzinfo=None), to_utc(from_utc(NOON)))
    }
    assert sent == {'[3,"i",{"currentTime":"2030-01-31T12:00:00Z"}]'}
    sharp = encode_result("i", HeartbeatConf(current_time=NOON.replace(microsecond=123_999)))
    assert sharp == '[3,"i",{"currentTime":"2030-01-31T12:00:00.123Z"}]'
