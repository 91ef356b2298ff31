"""The shell's part of firmware and diagnostics: every attempt ends as an event, one thing at a time, nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.events import DownloadEnded, Event, InstallEnded, UploadEnded
from chargepoint.ports import DriverError, InstallResult
from chargepoint.settings import Transfers
from chargepoint.shell.maintenance import Maintenance, Places, protocols
from tests.shell.fakes import until
from tests.transfers.conftest import IMAGE
from tests.transfers.http_server import Fault, FileServer

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(60)]


class FakeInstaller:
    """outcomes: for each installation: the version, or what is raised."""

    def __init__(self) -> None:
        self.outcomes: list[str | Exception] = []
        self.asked: list[str] = []
        self.closed = False

    async def version(self) -> str | None:
        return None

    async def install(self, path: str) -> InstallResult:
        self.asked.append(f"install {Path(path).name}")
        return self._next()

    async def outcome(self, path: str) -> InstallResult:
        self.asked.append(f"outcome {Path(path).name}")
        return self._next()

    async def close(self) -> None:
        self.closed = True

    def _next(self) -> InstallResult:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return InstallResult(outcome)


class Shop:
    """A Maintenance and what came of it."""

    def __init__(self, folder: Path, installer: FakeInstaller | None) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.made: list[tuple[str, float | None, float | None]] = []
        self.archive_error: Exception | None = None
        bounds = Transfers(firmware_mib_max=1, attempt_s_max=20.0, stall_s=5.0)
        self.maintenance = Maintenance(Places(state_dir=folder), bounds, installer, self._archive, self.events.append)

    async def do(self, effect: fx.MaintenanceEffect, events: int) -> Event:
        """Performs it and waits until so many events have come in all; the newest one."""
        self.maintenance.perform(effect)
        await until(lambda: len(self.events) >= events, f"event {events} after {effect}")
        return self.events[-1]

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    async def _archive(self, path: Path, log: str, start_s: float | None, stop_s: float | None) -> None:
        if self.archive_error is not None:
            raise self.archive_error
        self.made.append((path.name, start_s, stop_s))
        await asyncio.to_thread(path.parent.mkdir, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, b"archive")


@pytest.fixture
def installer() -> FakeInstaller:
    return FakeInstaller()


@pytest.fixture
async def shop(tmp_path: Path, installer: FakeInstaller) -> AsyncIterator[Shop]:
    one = Shop(tmp_path, installer)
    yield one
    await one.maintenance.stop()
    assert installer.closed


async def test_a_download_ends_as_an_event(shop: Shop, server: FileServer) -> None:
    assert await shop.do(fx.StartDownload(1, server.url("/image")), 1) == DownloadEnded(1)
    assert (shop.folder / "firmware" / "image").read_bytes() == IMAGE


async def test_a_failed_download_says_why_and_keeps_its_part(shop: Shop, server: FileServer) -> None:
    server.faults.append(Fault(cut_after=100_000))
    ended = await shop.do(fx.StartDownload(1, server.url("/image")), 1)
    assert isinstance(ended, DownloadEnded)
    assert "after 100000" in (ended.error or "")
    assert not ended.hopeless
    assert shop.files() == ["firmware/image.part", "firmware/image.part.json"]
    await shop.do(fx.StartDownload(2, server.url("/image")), 2)
    shop.maintenance.perform(fx.DropImage())
    await until(lambda: shop.files() == [])


@pytest.mark.parametrize("url", ["gopher://x/image", "http:///image", "http://[::1/image", "ftp://localhost"])
async def test_a_url_that_cannot_be_used_is_hopeless(shop: Shop, url: str) -> None:
    ended = await shop.do(fx.StartDownload(1, url), 1)
    assert isinstance(ended, DownloadEnded)
    assert ended.hopeless


async def test_an_image_above_the_setting_is_hopeless(shop: Shop, server: FileServer) -> None:
    server.files["/image"] = bytes((1 << 20) + 1)
    ended = await shop.do(fx.StartDownload(1, server.url("/image")), 1)
    assert isinstance(ended, DownloadEnded)
    assert ended.hopeless


async def test_what_is_given_up_ends_before_the_next_begins(shop: Shop, server: FileServer) -> None:
    server.always = Fault(trickle=1_000, pause_s=0.02)
    shop.maintenance.perform(fx.StartDownload(1, server.url("/image")))
    await until(lambda: "firmware/image.part" in shop.files())
    server.always = None
    server.files["/other"] = IMAGE[::-1]
    shop.maintenance.perform(fx.DropImage())
    shop.maintenance.perform(fx.StartDownload(2, server.url("/image")))
    shop.maintenance.perform(fx.DropImage())
    assert await shop.do(fx.StartDownload(3, server.url("/other")), 1) == DownloadEnded(3)
    assert (shop.folder / "firmware" / "image").read_bytes() == IMAGE[::-1]
    assert shop.events == [DownloadEnded(3)]


async def test_installations_end_as_events(shop: Shop, installer: FakeInstaller) -> None:
    installer.outcomes = ["2.0", DriverError("no image"), RuntimeError("oops"), "3" * 80]
    assert await shop.do(fx.Install(1), 1) == InstallEnded(1, "2.0")
    assert await shop.do(fx.Install(2), 2) == InstallEnded(2, None, "no image")
    assert await shop.do(fx.CheckInstall(3), 3) == InstallEnded(3, None, "the installer broke: RuntimeError: oops", True)
    assert await shop.do(fx.CheckInstall(4), 4) == InstallEnded(4, "3" * 50, None, True)
    assert installer.asked == ["install image", "install image", "outcome image", "outcome image"]


async def test_without_an_installer_nothing_is_installed(tmp_path: Path) -> None:
    shop = Shop(tmp_path, None)
    ended = await shop.do(fx.CheckInstall(1), 1)
    assert isinstance(ended, InstallEnded)
    assert "no installer" in (ended.error or "")
    await shop.maintenance.stop()


@pytest.mark.section("5.9")
async def test_an_archive_is_made_once_and_sent(shop: Shop, server: FileServer) -> None:
    server.faults.append(Fault(status=500))
    upload = fx.StartUpload(1, server.url("/in/", "user:secret"), "CP1_now.tar.gz", 10.0, 20.0)
    failed = await shop.do(upload, 1)
    assert isinstance(failed, UploadEnded)
    assert "500" in (failed.error or "")
    assert await shop.do(upload, 2) == UploadEnded(1)
    assert server.uploads == {"/in/CP1_now.tar.gz": b"archive"}
    assert shop.made == [("CP1_now.tar.gz", 10.0, 20.0)]
    shop.maintenance.perform(fx.DropArchive())
    await until(lambda: shop.files() == [])


@pytest.mark.section("5.9")
async def test_a_new_archive_takes_the_place_of_the_old_one(shop: Shop, server: FileServer) -> None:
    await shop.do(fx.StartUpload(1, server.url("/in"), "a.tar.gz"), 1)
    await shop.do(fx.StartUpload(2, server.url("/in"), "b.tar.gz"), 2)
    assert shop.files() == ["diagnostics/b.tar.gz"]
    assert set(server.uploads) == {"/in/a.tar.gz", "/in/b.tar.gz"}


@pytest.mark.section("5.9")
async def test_an_archive_that_cannot_be_made_is_a_failed_upload(shop: Shop, server: FileServer) -> None:
    shop.archive_error = OSError(28, "No space left on device")
    ended = await shop.do(fx.StartUpload(1, server.url("/in"), "a.tar.gz"), 1)
    assert isinstance(ended, UploadEnded)
    assert "No space left" in (ended.error or "")
    assert server.requests == []


@pytest.mark.section("5.9")
async def test_a_query_stays_with_the_location(shop: Shop, server: FileServer) -> None:
    await shop.do(fx.StartUpload(1, server.url("/in?sig=a%2Fb&x=1"), "a.tar.gz"), 1)
    assert list(server.uploads) == ["/in/a.tar.gz?sig=a%2Fb&x=1"]


async def test_firmware_and_diagnostics_do_not_wait_for_one_another(shop: Shop, server: FileServer) -> None:
    server.faults.append(Fault(silent=True))
    shop.maintenance.perform(fx.StartDownload(1, server.url("/image")))
    await server.arrived.wait()
    assert await shop.do(fx.StartUpload(2, server.url("/in"), "a.tar.gz"), 1) == UploadEnded(2)


def test_the_protocols_are_those_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert protocols() == ("FTP", "FTPS", "HTTP", "HTTPS", "SFTP")
    monkeypatch.setattr("chargepoint.shell.maintenance.find_spec", lambda name: None)
    assert protocols() == ("FTP", "FTPS", "HTTP", "HTTPS")
