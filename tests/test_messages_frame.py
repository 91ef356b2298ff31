"""Frames: what is in them, and that nothing which comes over a socket raises."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from chargepoint.messages import (
    ACTIONS,
    BadFrame,
    Call,
    CallError,
    CallResult,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    DataTransferReq,
    ErrorCode,
    GetCompositeScheduleConf,
    GetCompositeScheduleStatus,
    GetConfigurationConf,
    HeartbeatReq,
    KeyValue,
    PayloadError,
    decode_conf,
    decode_req,
    encode_call,
    encode_error,
    encode_result,
    frame,
    parse_frame,
)

pytestmark = pytest.mark.section("J 4.2")

bounded = settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
FORMATION, PROTOCOL = ErrorCode.FormationViolation, ErrorCode.ProtocolError
LONG = "i" * 37


def test_the_three_frames() -> None:
    call = parse_frame('[2, "id", "Reset", {"type": "Hard"}]')
    assert isinstance(call, Call)
    assert (call.message_id, call.action, bytes(call.payload)) == ("id", "Reset", b'{"type": "Hard"}')
    result = parse_frame(b' [3,"id",{}]\n')
    assert isinstance(result, CallResult)
    assert (result.message_id, bytes(result.payload)) == ("id", b"{}")
    error = parse_frame('[4,"id","SomeCode","\u00fc",{"a":[1]}]')
    assert error == CallError(message_id="id", code="SomeCode", description="\u00fc", details={"a": [1]})


@pytest.mark.parametrize(
    ("text", "code", "description", "details"),
    [
        ('[4,"id","NotImplemented"]', "NotImplemented", "", {}),
        ('[4,"id","NotImplemented","x"]', "NotImplemented", "x", {}),
        ('[4,"id","NotImplemented",null,null]', "NotImplemented", "", {}),
        ('[4,"id",17,"x","y"]', "", "x", {}),
        ('[4,"id","X","x",{"a":1e999}]', "X", "x", {}),
    ],
)
def test_an_error_is_an_error_without_its_trimmings(text: str, code: str, description: str, details: Any) -> None:
    assert parse_frame(text) == CallError(message_id="id", code=code, description=description, details=details)


@pytest.mark.parametrize(
    ("text", "message_id", "code"),
    [
        ("", None, None),
        ("null", None, None),
        ("{}", None, None),
        ("[]", None, None),
        ("[2]", None, None),
        ('[2,17,"Reset",{}]', None, None),
        ('[2,null,"Reset",{}]', None, None),
        ('[2,"\\ud800","Reset",{}]', None, None),
        ('[2,"', None, None),
        (b"\xff\xfe\x00", None, None),
        ("[" * 1_000_000, None, None),
        ('[2,"\ud800","Reset",{}]', None, None),
        ('[2,"id"]', "id", FORMATION),
        ('[2,"id","Reset"]', "id", FORMATION),
        ('[2,"id","Reset",{},{}]', "id", FORMATION),
        ('[2,"id",17,{}]', "id", FORMATION),
        ('[2,"id","Reset",{]', "id", FORMATION),
        ('[2,"id","Reset",{"a":NaN}]', "id", FORMATION),
        ('[2,"id","Reset",{}] x', "id", FORMATION),
        ('[2,"id","Reset",' + "[" * 1_000_000, "id", FORMATION),
        (b'[2,"id","Reset",{"a":"\xff"}]', "id", FORMATION),
        ('[2,"id","Reset",{"a":"\ud800"}]', "id", FORMATION),
        ('[2,"","Reset",{}]', "", FORMATION),
        (f'[2,"{LONG}","Reset",{{}}]', LONG, FORMATION),
        ('[5,"id",{}]', "id", PROTOCOL),
        ('["2","id","Reset",{}]', "id", PROTOCOL),
        ('[2.0,"id","Reset",{}]', "id", FORMATION),
        ('[true,"id","Reset",{}]', "id", PROTOCOL),
        ("[" + "1" * 5000 + ',"id"]', "id", PROTOCOL),
        ('[1e999,"id"]', "id", PROTOCOL),
        ('[3,"id"]', "id", None),
        ('[3,"id",{},{}]', "id", None),
        ('[3,"id",{]', "id", None),
        ('[3,"",{}]', "", None),
        (f'[3,"{LONG}",{{}}]', LONG, None),
        ('[4,"id"]', "id", None),
        ('[4,"id","X","x",{},{}]', "id", None),
        ('[4,"id","X","x",{]', "id", None),
    ],
)
def test_bad_frames_say_what_can_be_answered(text: str | bytes, message_id: str | None, code: ErrorCode | None) -> None:
    bad = parse_frame(text)
    assert isinstance(bad, BadFrame)
    assert (bad.message_id, bad.code) == (message_id, code)
    assert bad.description


def test_numbers_out_of_range_in_a_payload_are_left_to_the_codec() -> None:
    call = parse_frame('[2,"id","Reset",{"type":1e999}]')
    assert isinstance(call, Call)
    with pytest.raises(PayloadError):
        decode_req(ACTIONS["Reset"], call.payload)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
frame_like = st.tuples(
    st.one_of(st.integers(0, 6), json_values),
    st.one_of(st.text(max_size=40), json_values),
    st.one_of(st.sampled_from(list(ACTIONS)), json_values),
    json_values,
    json_values,
).flatmap(lambda parts: st.integers(0, 5).map(lambda length: list(parts[:length])))
texts = st.one_of(
    st.text(),
    st.one_of(frame_like, json_values).map(json.dumps),
    frame_like.map(lambda parts: json.dumps(parts, ensure_ascii=False)),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame with a stretch of its bytes replaced."""
    data = draw(texts).encode(errors="surrogatepass")
    start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
    return data[:start] + draw(st.binary(max_size=8)) + data[start + length :]


def trouble(decode: Callable[[], object]) -> PayloadError | None:
    try:
        decode()
    except PayloadError as error:
        return error
    return None


@given(st.one_of(texts, damaged(), st.binary()))
@bounded
def test_no_frame_raises_and_every_call_can_be_answered(text: str | bytes) -> None:
    frame = parse_frame(text)
    match frame:
        case Call():
            assert 1 <= len(frame.message_id) <= 36
            action = ACTIONS.get(frame.action, ACTIONS["Reset"])
            if error := trouble(partial(decode_req, action, frame.payload)):
                answer = encode_error(frame.message_id, error.code, error.description)
                assert parse_frame(answer) == CallError(
                    message_id=frame.message_id, code=error.code, description=error.description[:255], details={}
                )
        case CallResult():
            troubles = [trouble(partial(decode_conf, action, frame.payload)) for action in ACTIONS.values()]
            assert all(error is None or error.description.startswith("$") for error in troubles)
        case BadFrame(code=ErrorCode()):
            assert frame.message_id is not None
            encode_error(frame.message_id, frame.code or "", frame.description).encode()
        case _:
            assert isinstance(frame, CallError | BadFrame)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36),
    st.text(st.characters(exclude_categories=["Cs"])),
)
@bounded
def test_what_is_encoded_is_parsed_back(message_id: str, data: str) -> None:
    request = DataTransferReq(vendor_id="v", data=data)
    text = encode_call(message_id, request)
    assert text.isascii()
    call = parse_frame(text)
    assert isinstance(call, Call)
    assert (call.message_id, call.action) == (message_id, "DataTransfer")
    assert decode_req(ACTIONS[call.action], call.payload) == request


@pytest.mark.parametrize("text", ["plain", 'quo"ted \\ and \n', "Grüße, 電力", "half a letter: \ud800", "\x00\x7f"])
def test_frames_are_ascii_and_written_alike_in_both_ways(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = GetConfigurationConf(configuration_key=(KeyValue(key="CpoName", readonly=False, value=text),), unknown_key=(text,))
    fast = encode_result(text[:36], conf)
    monkeypatch.setattr(frame, "is_simple", lambda kind: False)
    slow = encode_result(text[:36], conf)
    assert fast.isascii() == slow.isascii() is True
    assert (
        json.loads(fast)
        == json.loads(slow)
        == [3, text, {"configurationKey": [{"key": "CpoName", "readonly": False, "value": text}], "unknownKey": [text]}]
    )


def test_encoded_frames_are_compact() -> None:
    assert encode_call("1", HeartbeatReq()) == '[2,"1","Heartbeat",{}]'
    assert encode_error("1", ErrorCode.NotSupported, "") == '[4,"1","NotSupported","",{}]'
    assert encode_error("1", "X", "d", {"a": [1]}) == '[4,"1","X","d",{"a":[1]}]'


def test_a_description_is_cut_to_255_characters() -> None:
    frame = json.loads(encode_error("1", ErrorCode.GenericError, "d" * 1000))
    assert frame[3] == "d" * 255


@pytest.mark.parametrize("limit", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_never_sent(limit: float) -> None:
    period = ChargingSchedulePeriod(start_period=0, limit=limit)
    schedule = ChargingSchedule(charging_rate_unit=ChargingRateUnitType.A, charging_schedule_period=(period,))
    conf = GetCompositeScheduleConf(status=GetCompositeScheduleStatus.Accepted, charging_schedule=schedule)
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_result("1", conf)


def test_a_payload_stays_raw_until_it_is_decoded() -> None:
    big = '[2,"id","SendLocalList",{"listVersion":1,"updateType":"Full","localAuthorizationList":[' + ",".join(
        f'{{"idTag":"{number:08X}","idTagInfo":{{"status":"Accepted"}}}}' for number in range(10_000)
    )
    call = parse_frame(big + "]}]")
    assert isinstance(call, Call)
    assert isinstance(call.payload, Raw)
    assert repr(decode_req(ACTIONS["SendLocalList"], call.payload)).count("id_tag_info=IdTagInfo") == 10_000
