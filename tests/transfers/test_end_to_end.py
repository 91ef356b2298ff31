"""Firmware and diagnostics with everything real: bench, station as a process, Central System, a file server."""

import io
import json
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.rig import Rig, rig
from tests.shell.fakes import until
from tests.transfers.http_server import Fault, FileServer, running

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(90)]

RESTART = 75
PADDING = "# " + "x" * 60 + "\n"
FIRST = "BootNotification"


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    async with running() as server:
        server.files["/v2"] = b"chargepoint-firmware 2.0.0\n" + PADDING.encode() * 10_000
        server.files["/bad"] = b"chargepoint-firmware 3.0.0\nfail\n"
        server.files["/odd"] = b"this is something else\n"
        server.tags["/v2"] = '"2"'
        yield server


async def order(made: Rig, url: str, **more: object) -> None:
    date = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    assert await made.call("UpdateFirmware", location=url, retrieveDate=date, **more) == {}


async def told(made: Rig, *statuses: str) -> None:
    """These FirmwareStatusNotifications, in this order and no other between them."""
    for status in statuses:
        assert (await made.expect("FirmwareStatusNotification"))["status"] == status


async def again(made: Rig, status: int = RESTART) -> str:
    """The process ends by itself and is started again, as a service manager would; the version that it tells."""
    assert made.process is not None
    assert await made.process.exited() == status
    await made.start()
    boot = await made.expect("BootNotification", timeout_s=20)
    return str(boot["firmwareVersion"])


async def empty(folder: Path) -> None:
    """Nothing is left of a transfer, soon after its end was told."""
    await until(lambda: not list(folder.iterdir()), f"{folder} is empty")


async def test_an_update_from_the_order_to_the_new_version(files: FileServer) -> None:
    async with rig() as made:
        await made.boot()
        assert made.sent(FIRST)[0]["firmwareVersion"] == "1.0.0"
        await order(made, files.url("/v2", "user:secret"))
        await told(made, "Downloading", "Downloaded", "Installing")
        assert await again(made) == "2.0.0"
        await told(made, "Installed")
        assert (await made.ask("status"))["firmware_version"] == "2.0.0"
        await empty(made.directory / "state" / "firmware")
        assert "secret" not in made.log.read_text()
        made.clean()


async def test_what_fails_leaves_the_old_version(files: FileServer) -> None:
    """An image that fails, a file that is no image, and none at all."""
    async with rig() as made:
        await made.boot()
        for path in ("/bad", "/odd"):
            await order(made, files.url(path))
            await told(made, "Downloading", "Downloaded", "Installing", "InstallationFailed")
        await order(made, files.url("/nothing"), retries=1, retryInterval=1)
        await told(made, "Downloading", "DownloadFailed")
        assert [request.path for request in files.requests][-2:] == ["/nothing", "/nothing"]
        await made.logged("404")
        await made.call("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        await told(made, "Idle")
        await made.call("TriggerMessage", requestedMessage="BootNotification")
        assert (await made.expect("BootNotification"))["firmwareVersion"] == "1.0.0"
        made.clean()


async def test_a_power_cut_in_the_middle_of_a_download(files: FileServer) -> None:
    async with rig() as made:
        await made.boot()
        files.faults.append(Fault(trickle=32_768, pause_s=0.1))
        await order(made, files.url("/v2"))
        await told(made, "Downloading")
        part = made.directory / "state" / "firmware" / "image.part"
        while not (part.exists() and part.stat().st_size >= 65_536):
            await made.call("GetConfiguration", key=["HeartbeatInterval"])  # the link lives meanwhile
        await made.kill()
        await made.start()
        assert (await made.expect("BootNotification", timeout_s=20))["firmwareVersion"] == "1.0.0"
        await told(made, "Downloaded", "Installing")
        assert await again(made) == "2.0.0"
        await told(made, "Installed")
        assert int(files.requests[-1].headers["range"].removeprefix("bytes=").removesuffix("-")) >= 65_536
        made.clean()


async def test_a_power_cut_in_the_middle_of_an_installation(files: FileServer) -> None:
    async with rig(config={"installer.install_s": 30.0}) as made:
        await made.boot()
        await order(made, files.url("/v2"))
        await told(made, "Downloading", "Downloaded", "Installing")
        assert await made.call("Reset", type="Soft") == {"status": "Rejected"}
        await made.kill()
        await made.start()
        assert (await made.expect("BootNotification", timeout_s=20))["firmwareVersion"] == "1.0.0"
        await told(made, "InstallationFailed")
        made.clean()


async def test_an_installation_waits_for_the_transaction(files: FileServer) -> None:
    async with rig(connectors=2) as made:
        await made.boot(connectors=2)
        await made.charging(1)
        await order(made, files.url("/v2"))
        await told(made, "Downloading", "Downloaded")
        await made.status(2, "Unavailable")
        await made.bench.do("tap", id_tag="04A2B3C4")
        await made.expect("StopTransaction", reason="Local")
        await told(made, "Installing")
        assert await again(made) == "2.0.0"
        await told(made, "Installed")
        made.clean()


@pytest.mark.section("5.9")
async def test_diagnostics_arrive_and_hold_what_they_should(files: FileServer) -> None:
    async with rig() as made:
        await made.boot()
        await made.charging(1, id_tag="04A2B3C4D5E6F7")
        await made.bench.do("tap", id_tag="04A2B3C4D5E6F7")
        await made.expect("StopTransaction")
        files.faults.append(Fault(status=500))
        location = files.url("/in/", "user:hunter2x")
        answer = await made.call("GetDiagnostics", location=location, retries=2, retryInterval=1)
        name = answer["fileName"]
        assert name.startswith("CK_XXX_0001_20")
        assert (await made.expect("DiagnosticsStatusNotification"))["status"] == "Uploading"
        assert (await made.expect("DiagnosticsStatusNotification"))["status"] == "Uploaded"
        with tarfile.open(fileobj=io.BytesIO(files.uploads[f"/in/{name}"])) as archive:
            members = {
                member.name.rpartition("/")[2]: (archive.extractfile(member) or io.BytesIO()).read().decode()
                for member in archive.getmembers()
            }
        assert set(members) == {
            *("status.json", "health.json", "configuration.json", "versions.json", "ledger.csv", "dead_letters.csv"),
            *("security.csv", "log.txt", "journal.txt", "manifest.json"),
        }
        assert json.loads(members["status.json"])["identity"] == "CK_XXX_0001"
        assert {part["part"] for part in json.loads(members["health.json"])} >= {"meter", "reader", "contactor"}
        assert "station CK_XXX_0001 runs" in members["log.txt"]
        assert members["ledger.csv"].count("\n") == 2
        assert "04A2B3C4" not in "".join(members.values())
        assert "hunter2x" not in "".join(members.values())
        await empty(made.directory / "state" / "diagnostics")
        assert "hunter2x" not in made.log.read_text()
        made.clean()


async def test_neither_hangs_nor_outlives_a_stop(files: FileServer) -> None:
    async with rig() as made:
        await made.boot()
        files.always = Fault(silent=True)
        await order(made, files.url("/v2"))
        await files.arrived.wait()
        assert made.process is not None
        status, took_s = await made.process.terminate()
        assert (status, took_s < 5) == (0, True)
        made.clean()
