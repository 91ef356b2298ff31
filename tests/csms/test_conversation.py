"""The Central System answers like a real one, sends CALLs, and notes what a station does wrong."""

import asyncio
import json
from collections.abc import Iterator

import pytest

import hil.csms.schemas as payload_checks
from hil.csms import SCHEMAS_AVAILABLE, CallError, CentralSystem, NoAnswer, NotConnected
from hil.csms.times import from_iso
from tests.csms.fake_station import BOOT, IDENTITY, FakeStation, fake_station, stamp, start_of, stop_of, values_of

schemas = pytest.mark.skipif(not SCHEMAS_AVAILABLE, reason="needs the schemas: pip install ocpp jsonschema")


async def test_a_charge_from_boot_to_stop(cs: CentralSystem, station: FakeStation) -> None:
    boot = await station.ask("BootNotification", BOOT)
    assert boot["status"] == "Accepted"
    assert boot["interval"] == 300
    assert abs((from_iso(boot["currentTime"]) or 0) - (from_iso(stamp()) or 0)) < 2
    available = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": stamp()}
    assert await station.ask("StatusNotification", available) == {}
    assert set(await station.ask("Heartbeat")) == {"currentTime"}
    assert await station.ask("Authorize", {"idTag": "04A2B3C4"}) == {"idTagInfo": {"status": "Accepted"}}
    started = await station.ask("StartTransaction", start_of())
    assert started["idTagInfo"] == {"status": "Accepted"}
    number = started["transactionId"]
    assert await station.ask("MeterValues", values_of(number, "2500")) == {}
    assert await station.ask("StopTransaction", stop_of(number, idTag="04A2B3C4")) == {"idTagInfo": {"status": "Accepted"}}
    (row,) = cs.books.table()
    assert (row["energy_wh"], row["meter_values"], row["repeats"], row["doubled"]) == (3000, 1, 0, False)
    assert cs.violations == []
    assert cs.complaints == []


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
        ("FirmwareStatusNotification", {"status": "Idle"}, {}),
        ("LogStatusNotification", {"status": "Idle"}, {}),
        ("SignedFirmwareStatusNotification", {"status": "Idle"}, {}),
        ("SecurityEventNotification", {"type": "StartupOfTheDevice", "timestamp": stamp()}, {}),
        ("SignCertificate", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, {"status": "Accepted"}),
    ],
)
async def test_every_other_action_has_its_answer(
    cs: CentralSystem, station: FakeStation, action: str, payload: dict[str, object], answer: object
) -> None:
    assert await station.ask(action, payload) == answer
    assert cs.violations == []


async def test_id_tags_are_looked_up_without_regard_to_case(cs: CentralSystem, station: FakeStation) -> None:
    cs.settings.set_id("abcd", "Blocked", parent_id_tag="FLEET")
    cs.settings.set_id("OLD", expiry_date="2020-01-01T00:00:00Z")
    cs.settings.set_id("*", "Invalid")
    assert (await station.ask("Authorize", {"idTag": "ABCD"}))["idTagInfo"] == {"status": "Blocked", "parentIdTag": "FLEET"}
    assert (await station.ask("Authorize", {"idTag": "old"}))["idTagInfo"]["status"] == "Expired"
    assert (await station.ask("Authorize", {"idTag": "other"}))["idTagInfo"] == {"status": "Invalid"}


async def test_a_second_transaction_of_one_tag_is_concurrent_where_that_is_set(cs: CentralSystem, station: FakeStation) -> None:
    cs.settings.concurrent_tx = True
    assert (await station.ask("StartTransaction", start_of(connector=1)))["idTagInfo"]["status"] == "Accepted"
    assert (await station.ask("StartTransaction", start_of(connector=2)))["idTagInfo"]["status"] == "ConcurrentTx"


async def test_calls_to_the_station_wait_for_one_another(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    station.answers["ClearCache"] = None
    slow = asyncio.create_task(there.call("ClearCache", timeout_s=0.3))
    quick = asyncio.create_task(there.call("Reset", {"type": "Soft"}, timeout_s=3))
    with pytest.raises(NoAnswer, match=r"did not answer ClearCache in 0\.3 s"):
        await slow
    assert await quick == {"status": "Accepted"}
    assert [action for action, _ in station.calls] == ["ClearCache", "Reset"]


async def test_a_station_is_answered_while_our_call_is_open(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    station.answers["Reset"] = None
    calling = asyncio.create_task(there.call("Reset", {"type": "Hard"}, timeout_s=5))
    assert "currentTime" in await station.ask("Heartbeat")
    assert not calling.done()
    await station.socket.close()
    with pytest.raises(NotConnected, match="ended before the answer"):
        await calling
    with pytest.raises(NotConnected, match="is not connected"):
        await there.call("ClearCache")


async def test_a_call_error_of_the_station_is_raised(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    station.answers["GetLog"] = ["NotSupported", "no logs here"]
    with pytest.raises(CallError, match="GetLog: NotSupported no logs here") as caught:
        await there.call("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "http://x"}})
    assert caught.value.code == "NotSupported"
    assert cs.violations == []
    station.answers["GetLog"] = ["Nonsense", ""]
    with pytest.raises(CallError):
        await there.call("GetLog", check_it=False)
    assert "'Nonsense' is none of OCPP 1.6" in str(cs.violations[0])


@schemas
async def test_our_own_calls_are_checked_unless_told_not_to(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    with pytest.raises(ValueError, match=r"Reset\.req\.type"):
        await there.call("Reset", {"type": "Warm"})
    with pytest.raises(ValueError, match="no action that a Central System sends"):
        await there.call("Heartbeat")
    await there.call("Reset", {"type": "Warm"}, check_it=False)
    assert station.calls == [("Reset", {"type": "Warm"})]


@schemas
async def test_a_limit_with_one_decimal_is_no_violation(cs: CentralSystem, station: FakeStation) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 21.4}]}
    station.answers["GetCompositeSchedule"] = {"status": "Accepted", "chargingSchedule": schedule}
    await (await cs.station(IDENTITY)).call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert cs.violations == []
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 21.43}]
    await (await cs.station(IDENTITY)).call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    assert "not a multiple of" in str(cs.violations[0])


VIOLATIONS = {
    "an empty boot": ("BootNotification", {}, "'chargePointVendor' is a required property", "OccurenceConstraintViolation"),
    "a foreign field": ("Heartbeat", {"x": 1}, "Additional properties", "FormationViolation"),
    "a text as number": (
        "StartTransaction",
        start_of() | {"meterStart": "1"},
        "is not of type 'integer'",
        "TypeConstraintViolation",
    ),
    "a long tag": ("Authorize", {"idTag": "x" * 21}, "is too long", "PropertyConstraintViolation"),
    "an unknown action": ("Explode", {}, "no action of OCPP 1.6", "NotImplemented"),
    "an action of ours": ("Reset", {"type": "Soft"}, "sent by the Central System only", "NotSupported"),
}


@schemas
@pytest.mark.parametrize("name", VIOLATIONS)
async def test_a_violation_is_noted_and_refused(cs: CentralSystem, station: FakeStation, name: str) -> None:
    action, payload, text, code = VIOLATIONS[name]
    message_id = await station.post(action, payload)
    frame = await station.next()
    assert frame is not None
    assert frame[:3] == [4, message_id, code]
    assert text in str(cs.violations[0])
    assert cs.books.rows == []


MILD: dict[str, tuple[dict[str, object], str]] = {
    "local time": ({"timestamp": "2026-01-01T00:00:00+01:00"}, "UTC with a Z"),
    "connector 0 charging": ({"connectorId": 0, "status": "Charging"}, "connector 0 knows"),
}


@pytest.mark.parametrize("name", MILD)
async def test_what_the_schemas_allow_and_the_specification_does_not_is_noted(
    cs: CentralSystem, station: FakeStation, name: str
) -> None:
    change, text = MILD[name]
    status: dict[str, object] = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": stamp()}
    assert await station.ask("StatusNotification", status | change) == {}
    assert text in str(cs.violations[0])


FRAMES = {
    "no json": ("{", "no JSON"),
    "an object": ("{}", "a frame is a JSON array"),
    "an unknown type": ('[9,"1",{}]', "none of 2, 3, 4"),
    "three elements": ('[2,"1","Heartbeat"]', "has 4 elements, this has 3"),
    "a list as payload": ('[2,"1","Heartbeat",[]]', "the payload is a JSON object"),
    "not a number": ('[2,"1","Heartbeat",{"a":NaN}]', "NaN is no JSON number"),
    "a key twice": ('[2,"1","Heartbeat",{"a":1,"a":2}]', "appears twice"),
    "deep": ("[" * 100_000, "no JSON"),
    "an answer nobody asked for": ('[3,"1",{}]', "was not asked or is answered"),
    "a number as id": ('[2,1,"Heartbeat",{}]', "the message id is a text"),
}


@pytest.mark.parametrize("name", FRAMES)
async def test_a_malformed_frame_is_noted_and_the_line_lives_on(cs: CentralSystem, station: FakeStation, name: str) -> None:
    text, wanted = FRAMES[name]
    await station.socket.send(text)
    await station.post("Heartbeat")
    while (frame := await station.next()) is not None and frame[0] == 4:
        assert frame[2] == "FormationViolation"
    assert frame is not None
    assert "currentTime" in frame[2]
    assert wanted in str(cs.violations[0])


async def test_binary_frames_and_frames_over_a_mebibyte_are_noted(cs: CentralSystem, station: FakeStation) -> None:
    await station.socket.send(b"\x00")
    await station.socket.send(json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 2**20}]))
    assert await station.next() is None
    there = cs.known(IDENTITY)
    await there.wait_disconnected()
    assert [note.text for note in there.violations] == ["a binary frame; OCPP-J sends text", "a frame of more than 1 MiB"]


async def test_two_calls_at_once_and_a_repeated_id_are_noted(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.next("StartTransaction", delay_s=0.2)
    await station.post("StartTransaction", start_of(), "a")
    await station.post("MeterValues", values_of(None, "1"), "b")
    await station.post("Heartbeat", {}, "b")
    for _ in range(3):
        assert await station.next() is not None
    texts = [note.text for note in cs.violations]
    assert "MeterValues while StartTransaction is not answered yet: one CALL at a time" in texts
    assert "Heartbeat: the message id 'b' was used before on this connection" in texts
    assert "two messages in flight: StartTransaction and MeterValues" in [note.text for note in cs.complaints]


async def test_a_station_that_is_not_accepted_must_wait(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.next("BootNotification", merge={"status": "Pending", "interval": 30})
    assert (await station.ask("BootNotification", BOOT))["status"] == "Pending"
    await station.ask("Heartbeat")
    there = await cs.station(IDENTITY)
    await there.call("TriggerMessage", {"requestedMessage": "StatusNotification"})
    status = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
    await station.ask("StatusNotification", status)
    await station.ask("BootNotification", BOOT)
    await station.ask("Heartbeat")
    texts = [note.text for note in cs.violations]
    assert texts[0] == "Heartbeat before BootNotification was accepted"
    assert texts[1].startswith("BootNotification 2")
    assert texts[1].endswith("s before the interval is over")
    assert len(texts) == 2


async def test_expect_takes_messages_once_and_says_what_came_instead(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    status = {"connectorId": 1, "errorCode": "NoError", "timestamp": stamp()}
    waiting = asyncio.create_task(there.expect("StatusNotification", connectorId=1, status="Preparing"))
    for name in ("Available", "Preparing"):
        await station.ask("StatusNotification", status | {"status": name})
    assert (await waiting)["status"] == "Preparing"
    await station.ask("StartTransaction", start_of())
    with pytest.raises(AssertionError, match=r"(?s)no StatusNotification.*not consumed.*StartTransaction") as caught:
        await there.expect("StatusNotification", status="Available", timeout_s=0.05)  # outdated by Preparing
    assert "'meterStart': 1000" in str(caught.value)
    frame = await there.expect("StartTransaction", meterStart=lambda wh: wh > 500, reservationId=None)
    assert frame.reply is not None
    assert frame.reply["transactionId"] == cs.books.rows[0].transaction_id
    await there.never("StartTransaction", within_s=0.05)
    await station.ask("Heartbeat")
    with pytest.raises(AssertionError, match="should not have"):
        await there.never("Heartbeat", within_s=0.05)
    there.forget()
    with pytest.raises(AssertionError, match="nothing else came"):
        await there.expect("Heartbeat", timeout_s=0.01)


async def test_the_log_has_both_directions_in_order(cs: CentralSystem, station: FakeStation) -> None:
    await station.ask("Heartbeat")
    there = await cs.station(IDENTITY)
    await there.call("ClearCache")
    kinds = [(frame.direction, frame.kind, frame.action) for frame in there.messages]
    assert kinds == [
        ("-", "link", ""),
        ("in", "call", "Heartbeat"),
        ("out", "result", "Heartbeat"),
        ("out", "call", "ClearCache"),
        ("in", "result", "ClearCache"),
    ]
    assert [frame.seq for frame in there.messages] == sorted(frame.seq for frame in there.messages)


async def test_a_second_connection_takes_over(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    async with fake_station(cs.url) as second:
        assert await there.wait_connected(after=1) == 2
        assert await station.next() is None
        await second.ask("Heartbeat")
        assert await there.call("ClearCache") == {"status": "Accepted"}
        assert [action for action, _ in second.calls] == ["ClearCache"]


async def test_a_station_that_never_comes_is_named(cs: CentralSystem, station: FakeStation) -> None:
    await cs.station(IDENTITY)
    with pytest.raises(AssertionError, match=r"CK_OTHER did not connect in 0\.01 s; connected: CK_XXX_0001"):
        await cs.station("CK_OTHER", timeout_s=0.01)


@pytest.fixture
def without_schemas(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(payload_checks, "_FOLDER", None)
    payload_checks._validator.cache_clear()
    yield
    payload_checks._validator.cache_clear()


@pytest.mark.usefixtures("without_schemas")
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", {"connectorId": 1}),
        ("StartTransaction", start_of() | {"meterStart": True}),
        ("StopTransaction", stop_of(1, transactionData=[7])),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [5]}]}),
        ("MeterValues", {"connectorId": 1, "meterValue": "x"}),
        ("DataTransfer", {"vendorId": 5}),
        ("Authorize", {}),
    ],
)
async def test_without_the_schemas_what_is_booked_is_still_checked(
    cs: CentralSystem, station: FakeStation, action: str, payload: dict[str, object]
) -> None:
    message_id = await station.post(action, payload)
    frame = await station.next()
    assert frame is not None
    assert frame[:3] == [4, message_id, "TypeConstraintViolation"]
    assert len(cs.violations) >= 1
    assert (await station.ask("StartTransaction", start_of()))["transactionId"] == 1
