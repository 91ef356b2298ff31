"""Stories of frames that are wrong: each gets the CALLERROR that it deserves, and the station goes on."""

import json

import pytest

from tests.core.central_system import Refuse, Silence
from tests.core.harness import World

pytestmark = pytest.mark.section("J 4.2.3")


def code_of(world: World, text: str | bytes, message_id: str) -> str | None:
    """The code that a frame was answered with; None where there was no answer."""
    world.receive(text)
    answer = world.answers.get(message_id)
    assert answer is None or isinstance(answer, Refuse), answer
    return answer.code if answer is not None else None


@pytest.mark.parametrize("action", ["Dance", "", "getconfiguration", "ChargePointReset", "Get" * 2_000, "Ü", "\u0000"])
def test_an_unknown_action_is_not_implemented(world: World, action: str) -> None:
    assert world.refused(action, {}) == "NotImplemented"


@pytest.mark.parametrize(
    "action",
    [
        "CancelReservation", "SendLocalList", "GetLocalListVersion", "SetChargingProfile",
        "ClearChargingProfile", "GetCompositeSchedule", "UpdateFirmware", "GetDiagnostics",
    ],
)  # fmt: skip
def test_an_action_of_a_profile_that_is_not_offered_is_not_supported(action: str) -> None:
    world = World(keys={"SupportedFeatureProfiles": "Core"})
    assert world.refused(action, {}) == "NotSupported"


@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat", "Authorize", "StartTransaction", "StatusNotification"])
def test_what_only_a_charge_point_sends_is_not_supported(world: World, action: str) -> None:
    assert world.refused(action, {}) == "NotSupported"


def test_a_profile_that_is_switched_off_is_not_supported() -> None:
    world = World(keys={"SupportedFeatureProfiles": "Core"})
    assert world.refused("TriggerMessage", {"requestedMessage": "Heartbeat"}) == "NotSupported"
    assert world.call("ClearCache") == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Reset", {}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Medium"}, "PropertyConstraintViolation"),
        ("Reset", {"type": "soft"}, "PropertyConstraintViolation"),
        ("Reset", {"type": 1}, "TypeConstraintViolation"),
        ("Reset", {"type": None}, "TypeConstraintViolation"),
        ("Reset", {"type": "Soft", "now": True}, "FormationViolation"),
        ("Reset", [], "FormationViolation"),
        ("Reset", None, "FormationViolation"),
        ("Reset", "Soft", "FormationViolation"),
        ("UnlockConnector", {"connectorId": "1"}, "TypeConstraintViolation"),
        ("UnlockConnector", {"connectorId": 1.5}, "TypeConstraintViolation"),
        ("UnlockConnector", {"connectorId": 0}, "PropertyConstraintViolation"),
        ("UnlockConnector", {"connectorId": -1}, "PropertyConstraintViolation"),
        ("UnlockConnector", {"connectorId": 10**30}, "PropertyConstraintViolation"),
        ("ChangeAvailability", {"connectorId": 1}, "OccurenceConstraintViolation"),
        ("ChangeConfiguration", {"key": "k" * 51, "value": "1"}, "PropertyConstraintViolation"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": 60}, "TypeConstraintViolation"),
        ("GetConfiguration", {"key": "HeartbeatInterval"}, "TypeConstraintViolation"),
        ("GetConfiguration", {"key": [None]}, "TypeConstraintViolation"),
        ("RemoteStartTransaction", {"idTag": "T" * 21}, "PropertyConstraintViolation"),
        ("RemoteStartTransaction", {"connectorId": 1}, "OccurenceConstraintViolation"),
        ("RemoteStopTransaction", {"transactionId": "1"}, "TypeConstraintViolation"),
        ("RemoteStopTransaction", {"transactionId": True}, "TypeConstraintViolation"),
        ("TriggerMessage", {"requestedMessage": "StartTransaction"}, "PropertyConstraintViolation"),
        ("DataTransfer", {"messageId": "x"}, "OccurenceConstraintViolation"),
        ("DataTransfer", {"vendorId": "v" * 256}, "PropertyConstraintViolation"),
    ],
)
def test_a_payload_that_is_not_what_the_schema_says_is_told_what_is_wrong(
    world: World, action: str, payload: object, code: str
) -> None:
    text = json.dumps([2, "bad", action, payload])
    assert code_of(world, text, "bad") == code
    answer = world.answers["bad"]
    assert isinstance(answer, Refuse)
    assert answer.description.startswith("$")
    assert world.exited is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[2,"x","ClearCache"]', "FormationViolation"),
        ('[2,"x"]', "FormationViolation"),
        ('[2,"x","ClearCache",{},{}]', "FormationViolation"),
        ('[2,"x",7,{}]', "FormationViolation"),
        ('[2,"x","ClearCache",{}', "FormationViolation"),
        ('[2,"x","ClearCache",{"a":}]', "FormationViolation"),
        ('[5,"x","ClearCache",{}]', "ProtocolError"),
        ('[0,"x",{}]', "ProtocolError"),
        ('["2","x","ClearCache",{}]', "ProtocolError"),
    ],
)
def test_a_bad_frame_with_an_id_gets_a_callerror(world: World, text: str, code: str) -> None:
    assert code_of(world, text, "x") == code
    assert world.up


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "{}", "[]", "[2]", "null", '[2,null,"ClearCache",{}]', '[2,5,"ClearCache",{}]',
        b"\xff\xfe", b"\x00", "[" * 5_000,
    ],
)  # fmt: skip
def test_a_frame_without_a_readable_id_gets_no_answer_and_harms_nothing(world: World, text: str | bytes) -> None:
    frames = len(world.answers)
    world.receive(text)
    assert len(world.answers) == frames
    assert world.up
    assert any(log.level == "warning" and "could not be read" in log.text for log in world.logs)
    assert world.call("ClearCache") == {"status": "Accepted"}


def test_an_answer_to_our_own_call_that_cannot_be_read_gets_no_answer(world: World) -> None:
    """A CALLERROR answers CALLs only."""
    world.csms.once("Heartbeat", Silence())
    world.advance(301)
    ours = world.sent[-1].message_id
    world.receive('[3,"other"]')
    world.receive(f'[3,"{ours}"]')
    world.receive(f'[4,"{ours}"]')
    assert not world.answers


def test_a_callerror_shows_no_secret(world: World) -> None:
    secret = "AB" * 300
    world.receive(json.dumps([2, "bad", "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret}]))
    answer = world.answers["bad"]
    assert isinstance(answer, Refuse)
    assert "ABAB" not in answer.description
    assert not any("ABAB" in log.text for log in world.logs)
