"""Answers to our own CALLs are read leniently, and every lenience is named."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec import Raw

from chargepoint.messages import (
    ACTIONS,
    AuthorizationStatus,
    AuthorizeConf,
    BootNotificationConf,
    Confirmation,
    DataTransferConf,
    DataTransferStatus,
    GetConfigurationConf,
    GetInstalledCertificateIdsConf,
    GetInstalledCertificateStatus,
    IdTagInfo,
    KeyValue,
    MeterValuesConf,
    PayloadError,
    RegistrationStatus,
    SendLocalListConf,
    StartTransactionConf,
    UpdateStatus,
    decode_conf,
)
from tests.messages_documents import NAMES, Path, documents, full_document, replaced

bounded = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
ANSWERS = [name for name in NAMES if name.endswith("Response")]
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


def lenient(name: str, document: object) -> tuple[Confirmation, tuple[str, ...]]:
    return decode_conf(ACTIONS[name], Raw(json.dumps(document).encode()))


BOOT = {"status": "Accepted", "currentTime": "2030-01-31T12:00:00Z", "interval": 60}
BOOTED = BootNotificationConf(status=RegistrationStatus.Accepted, current_time=NOON, interval=60)
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


def started(**info: Any) -> StartTransactionConf:
    return StartTransactionConf(transaction_id=7, id_tag_info=IdTagInfo(**{"status": AuthorizationStatus.Accepted, **info}))


ISO = "not RFC 3339 with an offset; read as ISO 8601, UTC where it has no offset"
CASE = "upper and lower case differ from the specification's"


@pytest.mark.parametrize(
    ("name", "document", "message", "leniences"),
    [
        ("BootNotification", {**BOOT, "interval": "60"}, BOOTED, ["$.interval: text taken as a number"]),
        ("BootNotification", {**BOOT, "interval": " 60.0 "}, BOOTED, ["$.interval: text taken as a number"]),
        ("BootNotification", {**BOOT, "interval": 60.0}, BOOTED, ["$.interval: fraction of zero dropped"]),
        ("BootNotification", {**BOOT, "status": "ACCEPTED"}, BOOTED, [f"$.status: {CASE}"]),
        ("BootNotification", {**BOOT, "vendor": {"x": 1}}, BOOTED, ["$.vendor: unknown field, ignored"]),
        ("BootNotification", {**BOOT, "currentTime": "2030-01-31T12:00:00"}, BOOTED, [f"$.currentTime: {ISO}"]),
        ("BootNotification", {**BOOT, "currentTime": "20300131T120000.000Z"}, BOOTED, [f"$.currentTime: {ISO}"]),
        ("BootNotification", {**BOOT, "currentTime": "2030-01-31T12:00:00+00:00"}, BOOTED, []),
        ("BootNotification", {**BOOT, "currentTime": "2030-01-31T12:00:00.000000000Z"}, BOOTED, []),
        *(
            (
                "BootNotification",
                document,
                BootNotificationConf(status=BOOTED.status, current_time=NOON, interval=0),
                [lenience],
            )
            for document, lenience in [
                (
                    {"status": "Accepted", "currentTime": BOOT["currentTime"]},
                    "$.interval: unreadable, a default taken (OccurenceConstraintViolation)",
                ),
                ({**BOOT, "interval": None}, "$.interval: unreadable, a default taken (TypeConstraintViolation)"),
                ({**BOOT, "interval": -1}, "$.interval: unreadable, a default taken (PropertyConstraintViolation)"),
                ({**BOOT, "interval": "soon"}, "$.interval: unreadable, a default taken (TypeConstraintViolation)"),
            ]
        ),
        ("StartTransaction", {**STARTED, "transactionId": "7"}, started(), ["$.transactionId: text taken as a number"]),
        (
            "StartTransaction",
            {**STARTED, "idTagInfo": {"status": "NoCredit"}},
            started(status=AuthorizationStatus.Invalid),
            ["$.idTagInfo.status: unknown status taken as Invalid"],
        ),
        (
            "StartTransaction",
            {**STARTED, "idTagInfo": {"status": "concurrenttx", "parentIdTag": None}},
            started(status=AuthorizationStatus.ConcurrentTx),
            ["$.idTagInfo.parentIdTag: null, left out", f"$.idTagInfo.status: {CASE}"],
        ),
        (
            "StartTransaction",
            {**STARTED, "idTagInfo": {"status": "Accepted", "expiryDate": ""}},
            started(),
            ["$.idTagInfo.expiryDate: unreadable, left out (PropertyConstraintViolation)"],
        ),
        (
            "Authorize",
            {"idTagInfo": {"status": "Accepted", "parentIdTag": "p" * 255}},
            AuthorizeConf(id_tag_info=IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="p" * 255)),
            ["$.idTagInfo.parentIdTag: longer than 20 characters"],
        ),
        (
            "Authorize",
            {"idTagInfo": {"status": "Accepted", "parentIdTag": "p" * 256}},
            AuthorizeConf(id_tag_info=IdTagInfo(status=AuthorizationStatus.Accepted)),
            ["$.idTagInfo.parentIdTag: unreadable, left out (PropertyConstraintViolation)"],
        ),
        (
            "Authorize",
            {"idTagInfo": {"status": "Accepted", "parentIdTag": 815}},
            AuthorizeConf(id_tag_info=IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="815")),
            ["$.idTagInfo.parentIdTag: a number taken as text"],
        ),
        (
            "DataTransfer",
            {"status": "Accepted", "data": {"a": [1, None]}},
            DataTransferConf(status=DataTransferStatus.Accepted, data='{"a":[1,null]}'),
            ["$.data: an object taken as text"],
        ),
        ("MeterValues", [], MeterValuesConf(), ["$: an array taken as an empty object"]),
        ("MeterValues", None, MeterValuesConf(), ["$: null taken as an empty object"]),
        (
            "SendLocalList",
            {"status": "VERSIONMISMATCH"},
            SendLocalListConf(status=UpdateStatus.VersionMismatch),
            [f"$.status: {CASE}"],
        ),
        (
            "GetInstalledCertificateIds",
            {"status": "NotFound", "certificateHashData": []},
            GetInstalledCertificateIdsConf(status=GetInstalledCertificateStatus.NotFound),
            ["$.certificateHashData: unreadable, left out (OccurenceConstraintViolation)"],
        ),
        (
            "GetConfiguration",
            {"configurationKey": [{"key": "A", "readonly": False, "value": 5, "x": 1}]},
            GetConfigurationConf(configuration_key=(KeyValue(key="A", readonly=False, value="5"),)),
            ["$.configurationKey[0].x: unknown field, ignored", "$.configurationKey[0].value: a number taken as text"],
        ),
    ],
)
def test_every_lenience_in_answers_is_applied_and_named(
    name: str, document: object, message: Confirmation, leniences: list[str]
) -> None:
    assert lenient(name, document) == (message, tuple(leniences))


@pytest.mark.parametrize("text", ["16", "16.0", "1.6e1"])
def test_a_limit_written_as_text_is_a_number_in_answers(text: str) -> None:
    document = full_document("GetCompositeScheduleResponse")
    path: Path = ("chargingSchedule", "chargingSchedulePeriod", 0, "limit")
    message, leniences = lenient("GetCompositeSchedule", replaced(document, path, text))
    assert message == lenient("GetCompositeSchedule", replaced(document, path, 16))[0]
    assert leniences == ("$.chargingSchedule.chargingSchedulePeriod[0].limit: text taken as a number",)


@pytest.mark.parametrize(
    ("name", "document", "path"),
    [
        ("BootNotification", [], "$.status"),
        ("BootNotification", {**BOOT, "status": "Maybe"}, "$.status"),
        ("BootNotification", {**BOOT, "status": 1}, "$.status"),
        ("BootNotification", {**BOOT, "currentTime": "noon"}, "$.currentTime"),
        ("BootNotification", {**BOOT, "currentTime": 1_900_000_000}, "$.currentTime"),
        ("Heartbeat", {}, "$.currentTime"),
        ("Heartbeat", "now", "$"),
        ("StartTransaction", {**STARTED, "transactionId": "seven"}, "$.transactionId"),
        ("StartTransaction", {**STARTED, "transactionId": 7.5}, "$.transactionId"),
        ("StartTransaction", {**STARTED, "transactionId": "9" * 19}, "$.transactionId"),
        ("StartTransaction", {**STARTED, "transactionId": True}, "$.transactionId"),
        ("StartTransaction", {"transactionId": 7}, "$.idTagInfo"),
        ("StartTransaction", {"transactionId": 7, "idTagInfo": None}, "$.idTagInfo.status"),
    ],
)
def test_an_answer_without_what_is_needed_is_refused(name: str, document: object, path: str) -> None:
    with pytest.raises(PayloadError) as caught:
        lenient(name, document)
    assert caught.value.description.split(":")[0] == path


@pytest.mark.parametrize("name", ANSWERS)
def test_reading_an_answer_leniently_changes_nothing_else(name: str) -> None:
    @bounded
    @given(documents(name))
    def holds(document: Any) -> None:
        action = name.removesuffix("Response")
        strict, none = lenient(action, document)
        assert none == ()
        assert lenient(action, {**document, "unheardOf": 1}) == (strict, ("$.unheardOf: unknown field, ignored",))

    holds()


def test_leniences_are_bounded_in_number_and_length() -> None:
    message, leniences = lenient("MeterValues", {"x" * 10_000 + str(number): number for number in range(100)})
    assert message == MeterValuesConf()
    assert len(leniences) == 20
    assert max(map(len, leniences)) < 100


def test_a_lenience_reads_the_same_whatever_the_value_was() -> None:
    assert (
        lenient("BootNotification", {**BOOT, "interval": "60"})[1] == lenient("BootNotification", {**BOOT, "interval": "9"})[1]
    )
