"""Stories of firmware updates over restarts, resets, power cuts and cut links, and of what a TriggerMessage is told."""

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import maintenance_records as keep
from tests.core.central_system import After, Refuse, Silence
from tests.core.updating import COURSE, URL, asked, checked, download, fields, install, last, order, runs, station, told

pytestmark = pytest.mark.section("5.19")


def test_retrieve_date_is_waited_for_over_a_power_cut() -> None:
    world = station()
    order(world, in_s=3600)
    world.cut_power(60)
    world.advance(3500)
    assert not asked(world, fx.StartDownload)
    world.advance(50)
    assert len(asked(world, fx.StartDownload)) == 1


def test_a_date_that_passed_in_the_dark_is_due_at_once() -> None:
    world = station()
    order(world, in_s=3600)
    world.cut_power(7200)
    assert len(asked(world, fx.StartDownload)) == 1
    assert told(world) == ["Downloading"]


def test_without_a_clock_nothing_is_due() -> None:
    world = station()
    order(world, in_s=10)
    world.wall = False
    world.cut_power(online=False)
    world.advance(3600)
    assert not asked(world, fx.StartDownload)
    world.connect()
    world.advance(1)
    assert len(asked(world, fx.StartDownload)) == 1


def test_a_restart_goes_on_with_the_download_and_tells_nothing_twice() -> None:
    world = station()
    order(world, retries=1, retryInterval=5)
    download(world, "cut")
    world.restart()
    assert last(world, fx.StartDownload).location == URL
    download(world, "cut")
    assert told(world) == ["Downloading", "DownloadFailed"]


def test_a_restart_between_download_and_installation() -> None:
    world = station()
    world.plug()
    world.tap()
    order(world)
    download(world)
    world.cut_power()
    assert told(world) == ["Downloading", "Downloaded", "Installing"]
    assert len(asked(world, fx.Install)) == 1
    install(world)
    assert world.exited == "firmware"


def test_a_power_cut_during_an_installation_that_was_done() -> None:
    world = station()
    order(world)
    download(world)
    runs(world, "2")
    world.cut_power()
    assert told(world) == COURSE[:3]
    assert world.status() == "Unavailable"
    checked(world, "2")
    assert told(world) == COURSE
    assert world.exited is None
    assert world.status() == "Available"


def test_a_power_cut_during_an_installation_that_was_not_done() -> None:
    world = station()
    order(world)
    download(world)
    world.cut_power()
    checked(world, None, "it was not complete")
    assert told(world) == [*COURSE[:3], "InstallationFailed"]
    assert world.status() == "Available"


def test_an_installation_that_ended_after_the_start_wants_another_one() -> None:
    """The package's own script restarted the service in the middle of the installation."""
    world = station()
    order(world)
    download(world)
    world.restart()
    checked(world, "2")
    assert world.exited == "firmware"
    runs(world, "2")
    world.restart()
    assert told(world) == COURSE


def test_another_version_than_the_installed_one_runs() -> None:
    world = station()
    order(world)
    download(world)
    install(world)
    world.restart()
    assert told(world) == [*COURSE[:3], "InstallationFailed"]
    assert world.exited is None


def test_the_end_waits_until_installing_is_delivered() -> None:
    world = station()
    world.csms.once("FirmwareStatusNotification", {}, {}, After(5, {}))
    order(world)
    download(world)
    install(world)
    assert (world.exited, world.status()) == (None, "Unavailable")
    world.advance(5.1)
    assert world.exited == "firmware"


def test_the_end_does_not_wait_for_ever() -> None:
    world = station()
    world.csms.once("FirmwareStatusNotification", {}, {}, Silence())
    order(world)
    download(world)
    install(world)
    world.advance(16)
    assert world.exited == "firmware"
    runs(world, "2")
    world.restart()
    assert told(world) == [*COURSE[:3], "Installing", "Installed"]


def test_notices_wait_for_the_link_and_come_in_order() -> None:
    world = station()
    order(world, in_s=10)
    world.disconnect()
    world.advance(11)
    download(world)
    install(world)
    assert told(world) == []
    assert world.exited == "firmware"
    runs(world, "2")
    world.restart(online=False)
    assert told(world) == []
    world.connect()
    assert told(world) == COURSE
    assert world.store.firmware.owed == ()


def test_a_notice_that_lost_its_link_is_told_again() -> None:
    world = station()
    world.csms.always("FirmwareStatusNotification", Silence())
    order(world)
    world.disconnect()
    world.csms.friendly("FirmwareStatusNotification")
    world.connect()
    assert told(world) == ["Downloading", "Downloading"]


def test_a_central_system_that_never_answers_holds_nothing_up() -> None:
    world = station(keys={"HeartbeatInterval": 5, "WebSocketPingInterval": 5})
    world.csms.always("FirmwareStatusNotification", Silence())
    order(world)
    for _ in range(200):
        world.advance(1)
        if world.up:
            world.deliver(ev.LinkAlive())
    assert told(world) == ["Downloading"] * 3
    world.csms.friendly("FirmwareStatusNotification")
    download(world)
    assert told(world)[3:] == ["Downloaded", "Installing"]


def test_a_refused_notice_is_not_repeated() -> None:
    world = station()
    world.csms.once("FirmwareStatusNotification", Refuse())
    order(world)
    download(world)
    assert told(world) == ["Downloading", "Downloaded", "Installing"]


def test_a_reset_does_not_cut_an_installer_short() -> None:
    world = station()
    order(world)
    download(world)
    assert world.call("Reset", type="Hard") == {"status": "Rejected"}
    install(world, None, "no image")
    assert world.call("Reset", type="Hard") == {"status": "Accepted"}


def test_a_reset_during_a_download_goes_on_with_it() -> None:
    world = station()
    order(world)
    assert world.call("Reset", type="Hard") == {"status": "Accepted"}
    assert world.exited == "hard_reset"
    world.restart()
    assert len(asked(world, fx.StartDownload)) == 2
    assert told(world) == ["Downloading"]


@pytest.mark.section("5.17")
def test_trigger_tells_the_state_after_its_answer() -> None:
    world = station()

    def trigger() -> str:
        assert world.call("TriggerMessage", requestedMessage="FirmwareStatusNotification") == {"status": "Accepted"}
        return told(world)[-1]

    assert trigger() == "Idle"
    order(world, in_s=10)
    assert trigger() == "Idle"
    world.plug()
    world.tap()
    world.advance(11)
    assert trigger() == "Downloading"
    download(world)
    assert trigger() == "Downloaded"
    world.tap()
    assert trigger() == "Installing"
    install(world, None, "no image")
    assert trigger() == "Idle"


@pytest.mark.section("5.17")
def test_trigger_does_not_overtake_what_is_owed() -> None:
    world = station()
    world.csms.once("FirmwareStatusNotification", Silence())
    order(world)
    download(world)
    world.ask("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    world.deliver(ev.LinkAlive())
    world.advance(29)
    world.deliver(ev.LinkAlive())
    world.advance(15)
    assert told(world) == ["Downloading", "Downloading", "Downloaded", "Installing", "Installing"]


@pytest.mark.section("5.17")
def test_trigger_before_the_station_is_accepted() -> None:
    world = station(online=False)
    world.csms.always("BootNotification", {"status": "Pending", "currentTime": world.csms.time(), "interval": 60})
    world.connect()
    assert world.call("TriggerMessage", requestedMessage="FirmwareStatusNotification") == {"status": "Accepted"}
    assert told(world) == ["Idle"]


def test_a_profile_that_is_switched_off_is_not_offered() -> None:
    world = station(keys={"SupportedFeatureProfiles": "Core,RemoteTrigger"})
    assert world.refused("UpdateFirmware", {"location": URL, "retrieveDate": world.csms.time()}) == "NotSupported"
    assert world.refused("GetDiagnostics", {"location": URL}) == "NotSupported"
    for message in ("FirmwareStatusNotification", "DiagnosticsStatusNotification"):
        assert world.call("TriggerMessage", requestedMessage=message) == {"status": "NotImplemented"}


def test_switching_the_profile_off_gives_an_update_up() -> None:
    world = station()
    order(world, in_s=100)
    world.site = type(world.site)(**{**fields(world), "first_keys": {"SupportedFeatureProfiles": "Core"}})
    world.restart()
    world.advance(200)
    assert not asked(world, fx.StartDownload)
    assert world.store.firmware.state == keep.Resting()
