"""Stories of GetLog and LogStatusNotification: which log, its name, retries, how an upload ends, and who gives way to whom."""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import maintenance_records as keep
from tests.core.central_system import Payload
from tests.core.harness import World

pytestmark = pytest.mark.section("security N01")

URL = "ftp://user:secret@files.example.org/in/"


def station(**more: Any) -> World:
    return World(**{"identity": "CP1", "file_transfer_protocols": ("FTP", "HTTP"), "wall": True, "security_profile": 2, **more})


def get_log(world: World, request_id: int = 7, kind: str = "SecurityLog", location: str = URL, **more: Any) -> Payload:
    log = {"remoteLocation": location, **more.pop("log", {})}
    return world.call("GetLog", logType=kind, requestId=request_id, log=log, **more)


def uploads(world: World) -> list[fx.StartUpload]:
    return [effect for effect in world.maintenance if isinstance(effect, fx.StartUpload)]


def end(world: World, error: str | None = None, **more: Any) -> None:
    """The attempt that is under way ends."""
    world.deliver(ev.UploadEnded(uploads(world)[-1].job, error, **more))


def told(world: World) -> list[tuple[str, int | None]]:
    return [(payload["status"], payload.get("requestId")) for payload in world.calls("LogStatusNotification")]


def test_a_security_log_from_order_to_end() -> None:
    world = station()
    times = {"oldestTimestamp": "2026-01-05T10:00:00Z", "latestTimestamp": "2026-01-05T11:00:00Z"}
    name = "CP1_2026-01-05T12-00-00Z_security.csv"
    assert get_log(world, log=times) == {"status": "Accepted", "filename": name}
    (upload,) = uploads(world)
    assert (upload.location, upload.file_name, upload.log) == (URL, name, "security")
    assert (upload.start_s, upload.stop_s) == (1_767_607_200.0, 1_767_610_800.0)
    end(world)
    assert told(world) == [("Uploading", 7), ("Uploaded", 7)]
    assert isinstance(world.maintenance[-1], fx.DropArchive)
    assert world.store.diagnostics == keep.DiagnosticsRecord()
    assert not world.calls("DiagnosticsStatusNotification")


def test_diagnostics_are_the_archive_that_get_diagnostics_gives() -> None:
    world = station()
    assert get_log(world, kind="DiagnosticsLog")["filename"] == "CP1_2026-01-05T12-00-00Z.tar.gz"
    assert uploads(world)[0].log == "diagnostics"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (None, "UploadFailure"),
        ("permission", "PermissionDenied"),
        ("unsupported", "NotSupportedOperation"),
        ("bad_request", "BadMessage"),
    ],
)
def test_a_failure_is_named_after_what_the_server_said(refusal: Any, status: str) -> None:
    world = station()
    get_log(world, retries=0)
    end(world, "no", refusal=refusal)
    assert told(world) == [("Uploading", 7), (status, 7)]


def test_retries_as_told() -> None:
    world = station()
    get_log(world, retries=2, retryInterval=10)
    for count in (1, 2):
        end(world, "500")
        world.advance(9)
        assert len(uploads(world)) == count
        world.advance(1.1)
    end(world, "500")
    world.advance(600)
    assert len(uploads(world)) == 3
    assert told(world) == [("Uploading", 7), ("UploadFailure", 7)]


@pytest.mark.parametrize(
    "more",
    [
        {"location": "gopher://files.example.org/in"},
        {"log": {"oldestTimestamp": "2026-01-05T11:00:00Z", "latestTimestamp": "2026-01-05T10:00:00Z"}},
    ],
)
def test_where_nothing_can_be_uploaded_it_is_rejected(more: dict[str, Any]) -> None:
    world = station()
    assert get_log(world, **more) == {"status": "Rejected"}
    assert not uploads(world)
    assert told(world) == []


def test_a_full_disk_has_no_room_for_a_log() -> None:
    world = station()
    world.deliver(ev.StoreTroubled("the disk is full"))
    assert get_log(world) == {"status": "Rejected"}


def test_a_second_one_cancels_the_first() -> None:
    world = station()
    get_log(world, 7)
    old = uploads(world)[-1]
    assert get_log(world, 8, "DiagnosticsLog")["status"] == "AcceptedCanceled"
    world.deliver(ev.UploadEnded(old.job))
    assert told(world) == [("Uploading", 7), ("Uploading", 8)], "the first one's end is nobody's any more"
    end(world)
    assert told(world)[-1] == ("Uploaded", 8)
    assert get_log(world, 9)["status"] == "Accepted"


def test_it_shares_the_one_upload_with_get_diagnostics() -> None:
    world = station()
    world.call("GetDiagnostics", location=URL)
    assert get_log(world)["status"] == "AcceptedCanceled"
    world.call("GetDiagnostics", location=URL)
    end(world)
    assert told(world) == [("Uploading", 7)]
    assert [payload["status"] for payload in world.calls("DiagnosticsStatusNotification")] == [
        "Uploading",
        "Uploading",
        "Uploaded",
    ]


@pytest.mark.parametrize("how", ["restart", "cut_power"])
@pytest.mark.parametrize("profiles", ["Core", "Core,FirmwareManagement"])
def test_a_restart_goes_on_with_the_same_log(how: str, profiles: str) -> None:
    world = station(keys={"SupportedFeatureProfiles": profiles})
    name = get_log(world, retries=1)["filename"]
    end(world, "500")
    getattr(world, how)()
    assert (uploads(world)[-1].file_name, uploads(world)[-1].log) == (name, "security")
    end(world, "500")
    assert told(world) == [("Uploading", 7), ("UploadFailure", 7)]


@pytest.mark.section("security 5.5")
def test_a_trigger_tells_what_is_under_way_and_idle_without_a_number() -> None:
    world = station()
    assert world.call("ExtendedTriggerMessage", requestedMessage="LogStatusNotification") == {"status": "Accepted"}
    assert told(world) == [("Idle", None)]
    get_log(world)
    world.call("ExtendedTriggerMessage", requestedMessage="LogStatusNotification")
    assert told(world)[1:] == [("Uploading", 7)] * 2
    world.call("TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
    assert world.calls("DiagnosticsStatusNotification") == [{"status": "Idle"}], "of a GetDiagnostics there is none"


@pytest.mark.section("security 5.5")
class TestExtendedTriggers:
    @pytest.mark.parametrize(
        ("message", "sent"),
        [
            ("BootNotification", "BootNotification"),
            ("Heartbeat", "Heartbeat"),
            ("StatusNotification", "StatusNotification"),
            ("MeterValues", "MeterValues"),
            ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
            ("LogStatusNotification", "LogStatusNotification"),
        ],
    )
    def test_each_sends_its_message_after_the_answer(self, message: str, sent: str) -> None:
        world = station()
        before = len(world.calls(sent))
        assert world.call("ExtendedTriggerMessage", requestedMessage=message, connectorId=1) == {"status": "Accepted"}
        world.advance(5)
        assert len(world.calls(sent)) == before + 1

    @pytest.mark.parametrize("message", ["StatusNotification", "MeterValues", "Heartbeat", "SignChargePointCertificate"])
    def test_of_no_connector_there_is_nothing_to_tell(self, message: str) -> None:
        world = station(keys={"CpoName": "Operator"})
        answer = world.call("ExtendedTriggerMessage", requestedMessage=message, connectorId=9)
        assert answer == {"status": "Rejected"}

    def test_a_pending_station_tells_too(self) -> None:
        world = station(online=False)
        world.csms.always("BootNotification", {"status": "Pending", "currentTime": "2026-01-05T12:00:00Z", "interval": 600})
        world.connect()
        world.call("ExtendedTriggerMessage", requestedMessage="FirmwareStatusNotification")
        assert world.calls("SignedFirmwareStatusNotification") == [{"status": "Idle"}]

    def test_what_nobody_can_ask_for_is_no_message(self) -> None:
        assert station().refused("ExtendedTriggerMessage", {"requestedMessage": "Dance"}) == "PropertyConstraintViolation"
