"""Stories of GetDiagnostics: the name of the archive, what is told, retries, restarts."""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import maintenance_records as keep
from tests.core.harness import World

pytestmark = pytest.mark.section("5.9")

URL = "http://user:secret@files.example.org/in/"


def station(**more: Any) -> World:
    return World(**{"identity": "CK_XXX_0001", "file_transfer_protocols": ("FTP", "HTTP"), "wall": True, **more})


def order(world: World, location: str = URL, **more: Any) -> str | None:
    """GetDiagnostics; the name of the file."""
    name = world.call("GetDiagnostics", location=location, **more).get("fileName")
    assert name is None or isinstance(name, str)
    return name


def uploads(world: World) -> list[fx.StartUpload]:
    return [effect for effect in world.maintenance if isinstance(effect, fx.StartUpload)]


def told(world: World) -> list[str]:
    return [payload["status"] for payload in world.calls("DiagnosticsStatusNotification")]


def end(world: World, error: str | None = None, *, hopeless: bool = False) -> None:
    """The attempt that is under way ends."""
    world.deliver(ev.UploadEnded(uploads(world)[-1].job, error, hopeless))


def test_an_upload_from_order_to_end() -> None:
    world = station()
    name = order(world, startTime="2026-01-05T10:00:00Z", stopTime="2026-01-05T11:00:00Z")
    assert name == "CK_XXX_0001_2026-01-05T12-00-00Z.tar.gz"
    (upload,) = uploads(world)
    assert (upload.location, upload.file_name) == (URL, name)
    assert (upload.start_s, upload.stop_s) == (1_767_607_200.0, 1_767_610_800.0)
    end(world)
    assert told(world) == ["Uploading", "Uploaded"]
    assert isinstance(world.maintenance[-1], fx.DropArchive)
    assert world.store.diagnostics == keep.DiagnosticsRecord()


@pytest.mark.parametrize(
    ("identity", "name"),
    [("a/b c", "a_b_c_"), ("../../etc", "_.._etc_"), ("Säule 1", "S_ule_1_"), ("...", "station_"), ("é" * 48, "_" * 49)],
)
def test_a_name_that_every_server_takes(identity: str, name: str) -> None:
    given = order(station(identity=identity))
    assert given == f"{name}2026-01-05T12-00-00Z.tar.gz"


def test_a_name_without_a_clock() -> None:
    world = station(online=False, wall=False)
    world.csms.always("BootNotification", {"status": "Pending", "currentTime": "1970-01-01T00:00:00Z", "interval": 60})
    world.connect()
    assert order(world) == "CK_XXX_0001_1-20.tar.gz"


@pytest.mark.parametrize(
    "payload",
    [
        {"location": "gopher://files.example.org/in"},
        {"location": "SFTP://files.example.org/in"},
        {"location": URL, "startTime": "2026-01-05T10:00:00Z", "stopTime": "2026-01-05T09:59:59Z"},
    ],
)
def test_where_nothing_can_be_uploaded_there_is_no_name(payload: dict[str, Any]) -> None:
    world = station()
    assert world.call("GetDiagnostics", payload) == {}
    assert not world.maintenance
    assert told(world) == []


def test_a_full_disk_has_no_room_for_an_archive() -> None:
    world = station()
    world.deliver(ev.StoreTroubled("the disk is full"))
    assert order(world) is None
    world.deliver(ev.StoreHealed())
    assert order(world) is not None


def test_schemes_are_the_same_in_any_case() -> None:
    assert order(station(), "Http://files.example.org/in") is not None


def test_retries_as_told() -> None:
    world = station()
    order(world, retries=1, retryInterval=10)
    end(world, "500")
    world.advance(9)
    assert len(uploads(world)) == 1
    world.advance(1.1)
    assert len(uploads(world)) == 2
    assert uploads(world)[0].file_name == uploads(world)[1].file_name
    end(world, "500")
    assert told(world) == ["Uploading", "UploadFailed"]
    world.advance(600)
    assert len(uploads(world)) == 2


def test_retries_where_none_are_told() -> None:
    world = station()
    order(world)
    for _ in range(3):
        end(world, "500")
        world.advance(60.1)
    end(world, "500")
    assert len(uploads(world)) == 4
    assert told(world) == ["Uploading", "UploadFailed"]


def test_what_cannot_get_better_is_not_tried_again() -> None:
    world = station()
    order(world)
    end(world, "no room", hopeless=True)
    assert told(world) == ["Uploading", "UploadFailed"]


def test_a_new_order_takes_the_place_of_an_upload() -> None:
    world = station()
    first = order(world)
    job = uploads(world)[-1].job
    world.advance(2)
    second = order(world)
    assert first != second
    world.deliver(ev.UploadEnded(job))
    assert told(world) == ["Uploading", "Uploading"]
    assert [type(effect) for effect in world.maintenance] == [fx.StartUpload, fx.DropArchive, fx.StartUpload]
    end(world)
    assert told(world) == ["Uploading", "Uploading", "Uploaded"]


def test_a_restart_goes_on_with_the_upload_and_tells_nothing_twice() -> None:
    world = station()
    name = order(world)
    world.cut_power()
    assert uploads(world)[-1].file_name == name
    assert len(uploads(world)) == 2
    end(world)
    assert told(world) == ["Uploading", "Uploaded"]


def test_switching_the_profile_off_gives_an_upload_up() -> None:
    world = station()
    order(world)
    fields = {name: getattr(world.site, name) for name in world.site.__struct_fields__}
    world.site = type(world.site)(**{**fields, "first_keys": {"SupportedFeatureProfiles": "Core"}})
    world.restart()
    assert len(uploads(world)) == 1
    assert world.store.diagnostics.state == keep.Resting()


@pytest.mark.section("4.4")
def test_notices_wait_for_the_link_and_come_in_order() -> None:
    world = station()
    order(world)
    world.disconnect()
    end(world)
    assert told(world) == ["Uploading"]
    world.restart()
    assert told(world) == ["Uploading", "Uploaded"]


@pytest.mark.section("5.17")
def test_trigger_tells_the_state_after_its_answer() -> None:
    world = station()
    trigger = {"requestedMessage": "DiagnosticsStatusNotification"}
    assert world.call("TriggerMessage", trigger) == {"status": "Accepted"}
    assert told(world) == ["Idle"]
    order(world)
    world.call("TriggerMessage", trigger)
    assert told(world) == ["Idle", "Uploading", "Uploading"]
    end(world)
    world.call("TriggerMessage", trigger)
    assert told(world)[3:] == ["Uploaded", "Idle"]


def test_firmware_and_diagnostics_go_side_by_side() -> None:
    world = station(can_install=True)
    order(world)
    world.call("UpdateFirmware", location=URL, retrieveDate=world.csms.time())
    end(world)
    download = next(effect for effect in world.maintenance if isinstance(effect, fx.StartDownload))
    world.deliver(ev.DownloadEnded(download.job, "404", hopeless=True))
    assert told(world) == ["Uploading", "Uploaded"]
    assert [one["status"] for one in world.calls("FirmwareStatusNotification")] == ["Downloading", "DownloadFailed"]


@pytest.mark.section("9")
@pytest.mark.parametrize("protocols", [(), ("FTP", "FTPS", "HTTP", "HTTPS")])
def test_the_protocols_can_be_read(protocols: tuple[str, ...]) -> None:
    world = station(file_transfer_protocols=protocols)
    (key,) = world.call("GetConfiguration", key=["SupportedFileTransferProtocols"])["configurationKey"]
    assert key == {"key": "SupportedFileTransferProtocols", "readonly": True, "value": ",".join(protocols)}
