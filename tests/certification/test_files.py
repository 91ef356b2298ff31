"""Updates of firmware and diagnostics, as the certification tool plays them."""

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from tests.certification import tool
from tests.core.harness import World
from tests.core.updating import URL, download, install, order, runs, station

NOTICE = "FirmwareStatusNotification"
LOG_URL = "ftp://user:secret@files.example.org/logs/"


def installing() -> World:
    """A station that has downloaded an image and installs it."""
    world = station()
    world.forget()
    order(world)
    tool.expect(world, NOTICE, status="Downloading")
    download(world)
    tool.expect_both(world, tool.status("Unavailable"), (NOTICE, {"status": "Downloaded"}))
    tool.expect(world, NOTICE, status="Installing")
    return world


@pytest.mark.section("tool TC_044_1")
def test_firmware_is_downloaded_and_installed() -> None:
    world = installing()
    install(world)
    assert world.exited == "firmware"
    runs(world, "2")
    world.restart()
    assert tool.expect(world, "BootNotification")["firmwareVersion"] == "2"
    tool.expect_both(world, tool.status("Available", 0), tool.status("Available", 1))
    tool.expect(world, NOTICE, status="Installed")
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_044_2")
def test_firmware_that_is_not_there() -> None:
    world = station()
    world.forget()
    order(world, location=URL.replace("v2", "does_not_exist_v2"), retries=0)
    tool.expect(world, NOTICE, status="Downloading")
    download(world, "404")
    tool.expect(world, NOTICE, status="DownloadFailed")
    world.advance(600.0)
    tool.expect_nothing(world)
    assert world.status() == "Available"
    tool.charging(world)


@pytest.mark.section("tool TC_044_3")
def test_firmware_that_cannot_be_installed() -> None:
    world = installing()
    install(world, None, "no image")
    tool.expect_both(world, (NOTICE, {"status": "InstallationFailed"}), tool.status("Available"))
    tool.expect_nothing(world)
    tool.charging(world)


class TestDiagnostics:
    NOTICE = "DiagnosticsStatusNotification"

    def ordered(self, **more: int) -> World:
        world = station()
        world.forget()
        assert world.call("GetDiagnostics", {"location": LOG_URL, **more})["fileName"]
        tool.expect(world, self.NOTICE, status="Uploading")
        return world

    @staticmethod
    def ends(world: World, error: str | None = None) -> None:
        upload = next(effect for effect in reversed(world.maintenance) if isinstance(effect, fx.StartUpload))
        assert upload.location == LOG_URL
        world.deliver(ev.UploadEnded(upload.job, error))

    @pytest.mark.section("tool TC_045_1")
    def test_they_are_uploaded(self) -> None:
        world = self.ordered()
        self.ends(world)
        tool.expect(world, self.NOTICE, status="Uploaded")
        tool.expect_nothing(world)

    @pytest.mark.section("tool TC_045_2")
    def test_they_cannot_be_uploaded(self) -> None:
        world = self.ordered(retries=0)
        self.ends(world, "550 no such directory")
        tool.expect(world, self.NOTICE, status="UploadFailed")
        world.advance(600.0)
        tool.expect_nothing(world)
        tool.charging(world)
