"""Stories of UpdateFirmware: what is told, in which order, and what is waited for."""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import maintenance_records as keep
from tests.core.updating import COURSE, URL, asked, download, install, last, order, runs, station, told

pytestmark = pytest.mark.section("5.19")


def test_an_update_from_order_to_installed() -> None:
    world = station()
    order(world)
    assert last(world, fx.StartDownload).location == URL
    download(world)
    install(world)
    assert told(world) == COURSE[:3]
    assert world.exited == "firmware"
    runs(world, "2")
    world.restart()
    assert world.calls("BootNotification")[-1]["firmwareVersion"] == "2"
    assert told(world) == COURSE
    assert isinstance(world.maintenance[-1], fx.DropImage)
    assert world.store.firmware == keep.FirmwareRecord()


def test_the_answer_goes_before_the_first_notification() -> None:
    world = station()
    order(world)
    frames = [effect.text for effect in world.effects if isinstance(effect, fx.SendFrame)]
    answer = next(at for at, text in enumerate(frames) if text.startswith("[3,"))
    assert answer < next(at for at, text in enumerate(frames) if "FirmwareStatusNotification" in text)


def test_retrieve_date_is_waited_for() -> None:
    world = station()
    order(world, in_s=3600)
    world.advance(3599)
    assert not asked(world, fx.StartDownload)
    assert told(world) == []
    world.advance(1.1)
    assert len(asked(world, fx.StartDownload)) == 1
    assert told(world) == ["Downloading"]


def test_retries_as_told() -> None:
    world = station()
    order(world, retries=2, retryInterval=30)
    for attempt in range(1, 3):
        download(world, "404")
        assert told(world) == ["Downloading"]
        world.advance(29)
        assert len(asked(world, fx.StartDownload)) == attempt
        world.advance(1.1)
        assert len(asked(world, fx.StartDownload)) == attempt + 1
    download(world, "404")
    assert told(world) == ["Downloading", "DownloadFailed"]
    assert isinstance(world.maintenance[-1], fx.DropImage)
    world.advance(3600)
    assert len(asked(world, fx.StartDownload)) == 3


def test_retries_where_none_are_told() -> None:
    world = station()
    order(world)
    for _ in range(3):
        download(world, "404")
        world.advance(60.1)
    download(world, "404")
    assert told(world) == ["Downloading", "DownloadFailed"]
    assert len(asked(world, fx.StartDownload)) == 4


def test_no_retries_and_no_interval() -> None:
    world = station()
    order(world, retries=0)
    download(world, "404")
    assert told(world) == ["Downloading", "DownloadFailed"]
    order(world, retries=1, retryInterval=0)
    download(world, "404")
    world.advance(1.1)
    assert len(asked(world, fx.StartDownload)) == 3


def test_what_cannot_get_better_is_not_tried_again() -> None:
    world = station()
    order(world, retries=5)
    download(world, "too large", hopeless=True)
    assert told(world) == ["Downloading", "DownloadFailed"]
    world.advance(3600)
    assert len(asked(world, fx.StartDownload)) == 1


def test_a_retry_that_succeeds_is_not_seen() -> None:
    world = station()
    order(world, retries=2, retryInterval=5)
    download(world, "500")
    world.advance(6)
    download(world)
    assert told(world) == ["Downloading", "Downloaded", "Installing"]


def test_a_failed_installation_leaves_everything_as_it_was() -> None:
    world = station()
    order(world)
    download(world)
    install(world, None, "this is no image")
    assert told(world) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
    assert world.exited is None
    assert world.status() == "Available"
    assert isinstance(world.maintenance[-1], fx.DropImage)
    assert any("no image" in log.text for log in world.logs)


def test_an_installation_waits_for_running_transactions() -> None:
    world = station(2)
    world.plug(1)
    world.tap()
    order(world)
    download(world)
    assert told(world) == ["Downloading", "Downloaded"]
    assert not asked(world, fx.Install)
    assert (world.status(1), world.status(2)) == ("Charging", "Unavailable")
    world.tap()
    assert told(world) == ["Downloading", "Downloaded", "Installing"]
    assert world.status(1) == "Unavailable"
    install(world)
    assert world.exited == "firmware"


def test_no_session_begins_while_an_installation_waits() -> None:
    world = station(2)
    world.plug(1)
    world.tap("CARD1")
    order(world)
    download(world)
    world.plug(2)
    world.tap("CARD2")
    assert world.call("RemoteStartTransaction", connectorId=2, idTag="CARD3") == {"status": "Rejected"}
    assert len(world.calls("StartTransaction")) == 1
    world.tap("CARD1")
    install(world, None, "no image")
    assert world.status(2) == "Preparing"
    world.tap("CARD2")
    assert len(world.calls("StartTransaction")) == 2


def test_a_connector_that_is_held_back_is_not_reserved_and_a_reservation_outlasts_it() -> None:
    world = station(2)
    until = "2026-01-05T14:00:00Z"
    world.plug(1)
    world.tap("CARD1")
    reserve = {"expiryDate": until, "idTag": "CARD2"}
    assert world.call("ReserveNow", reserve, connectorId=2, reservationId=1) == {"status": "Accepted"}
    order(world)
    download(world)
    assert world.call("ReserveNow", reserve, connectorId=2, reservationId=1) == {"status": "Unavailable"}
    assert world.status(2) == "Unavailable"
    world.tap("CARD1")
    install(world, None, "no image")
    assert world.status(2) == "Reserved"


def test_who_waited_for_a_plug_does_so_no_longer() -> None:
    world = station()
    world.tap()
    order(world)
    download(world)
    world.plug()
    install(world, None, "no image")
    assert not world.calls("StartTransaction")


def test_a_new_order_takes_the_place_of_a_download() -> None:
    world = station()
    order(world)
    old = last(world, fx.StartDownload).job
    order(world, location="http://other.example.org/v3")
    assert last(world, fx.StartDownload).location == "http://other.example.org/v3"
    assert [type(effect) for effect in world.maintenance] == [fx.StartDownload, fx.DropImage, fx.StartDownload]
    world.deliver(ev.DownloadEnded(old, "cancelled"))
    world.deliver(ev.DownloadEnded(old))
    assert told(world) == ["Downloading", "Downloading"]
    download(world)
    assert told(world) == ["Downloading", "Downloading", "Downloaded", "Installing"]


def test_a_new_order_takes_the_place_of_one_that_waits() -> None:
    world = station()
    order(world, in_s=100)
    order(world, in_s=200, location="http://other.example.org/v3")
    world.advance(150)
    assert not asked(world, fx.StartDownload)
    world.advance(51)
    assert [effect.location for effect in asked(world, fx.StartDownload)] == ["http://other.example.org/v3"]


@pytest.mark.parametrize("version", ["2", None])
def test_an_order_during_an_installation_waits_for_its_end(version: str | None) -> None:
    world = station()
    order(world)
    download(world)
    order(world, location="http://other.example.org/v3")
    assert len(asked(world, fx.StartDownload)) == 1
    install(world, version, None if version else "no image")
    if version:
        runs(world, version)
        world.restart()
    world.advance(1)
    assert told(world) == [*COURSE[:3], "Installed" if version else "InstallationFailed", "Downloading"]
    assert last(world, fx.StartDownload).location == "http://other.example.org/v3"


def test_nothing_is_installed_while_the_station_leaves() -> None:
    world = station(draws_w=11_000, lag_s=0.5)
    world.plug()
    world.advance(1)
    world.tap()
    world.advance(3)
    order(world)
    download(world)
    world.ask("Reset", {"type": "Soft"})
    world.advance(5)
    assert world.exited == "soft_reset"
    assert not asked(world, fx.Install)


def test_without_an_installer_no_firmware_is_taken() -> None:
    world = station(can_install=False)
    payload = {"location": URL, "retrieveDate": world.csms.time()}
    assert world.refused("UpdateFirmware", payload) == "NotSupported"
    assert not asked(world, fx.StartDownload)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"location": URL}, "OccurenceConstraintViolation"),
        ({"location": URL, "retrieveDate": "tomorrow"}, "PropertyConstraintViolation"),
        ({"location": "not a url", "retrieveDate": "2026-01-01T00:00:00Z"}, "PropertyConstraintViolation"),
        ({"location": "http://x/" + "y" * 5000, "retrieveDate": "2026-01-01T00:00:00Z"}, "PropertyConstraintViolation"),
        ({"location": URL, "retrieveDate": "2026-01-01T00:00:00Z", "retries": -1}, "PropertyConstraintViolation"),
    ],
)
def test_a_wrong_order_gets_its_error(payload: dict[str, Any], code: str) -> None:
    world = station()
    assert world.refused("UpdateFirmware", payload) == code
    assert not world.maintenance


def test_no_log_and_no_status_shows_the_password() -> None:
    world = station()
    order(world)
    download(world, "the server refuses the login")
    world.restart()
    download(world)
    install(world, None, "no image")
    status, error = world.control("status")
    assert error is None
    assert "secret" not in str(status) + "".join(log.text for log in world.logs)
    assert status["maintenance"] == {"firmware": "resting", "diagnostics": "resting"}
