"""Stories of SignedUpdateFirmware: certificate and signature before anything is installed, dates, cancelling, power cuts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import maintenance_records as keep
from chargepoint.core import vault_records as vr
from tests.core.central_system import Payload
from tests.core.harness import World
from tests.core.securing import PEM, answer, asked, kept
from tests.core.securing import told as events_told
from tests.core.updating import URL, download, install, last, order, runs

pytestmark = pytest.mark.section("security L01")

SIGNATURE = "c2lnbmF0dXJl"
GOOD = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"]


def station(connectors: int = 1, **more: Any) -> World:
    site = {"can_install": True, "firmware_version": "1", "file_transfer_protocols": ("FTP",), "wall": True}
    return World(connectors, **{**site, "security_profile": 2, **more})


def date(world: World, in_s: float) -> str:
    return datetime.fromtimestamp(world.wall_s + in_s, UTC).isoformat().replace("+00:00", "Z")


def ask(world: World, request_id: int = 5, in_s: float = 0.0, install_in_s: float | None = None, **more: Any) -> str:
    """SignedUpdateFirmware; the id of the CALL. The vault is asked and has not answered."""
    firmware: Payload = {
        "location": URL, "retrieveDateTime": date(world, in_s), "signingCertificate": PEM, "signature": SIGNATURE,
    }  # fmt: skip
    if install_in_s is not None:
        firmware["installDateTime"] = date(world, install_in_s)
    return world.ask("SignedUpdateFirmware", {"requestId": request_id, "firmware": firmware, **more})


def certificate(world: World, valid: bool = True, why: str = "") -> None:
    """The vault has looked at the signing certificate."""
    assert asked(world).request == vr.CheckFirmwareCertificate(pem=PEM)
    answer(world, vr.FirmwareCertificateChecked(valid=valid, why=why))


def signature(world: World, valid: bool = True, why: str = "") -> None:
    """The vault has looked at the image."""
    assert asked(world).request == vr.CheckFirmwareSignature(pem=PEM, signature=SIGNATURE)
    answer(world, vr.FirmwareSignatureChecked(valid=valid, why=why))


def ordered(world: World, **more: Any) -> str:
    """An order whose certificate is good; the status of the confirmation."""
    message_id = ask(world, **more)
    certificate(world)
    return status(world, message_id)


def status(world: World, message_id: str) -> str:
    confirmed = world.answers[message_id]
    assert isinstance(confirmed, dict)
    return str(confirmed["status"])


def told(world: World, request_id: int = 5) -> list[str]:
    return [payload["status"] for payload in world.calls("SignedFirmwareStatusNotification", requestId=request_id)]


def count(world: World, kind: type[Any]) -> int:
    return sum(isinstance(effect, kind) for effect in world.maintenance)


class TestTheCourse:
    def test_from_the_order_to_the_version_that_runs(self) -> None:
        world = station()
        assert ordered(world) == "Accepted"
        assert last(world, fx.StartDownload).location == URL
        download(world)
        assert count(world, fx.Install) == 0, "nothing is installed before its signature is known"
        signature(world)
        install(world)
        assert world.exited == "firmware"
        runs(world, "2")
        world.restart()
        assert told(world) == GOOD
        assert "FirmwareUpdated" in events_told(world)
        assert not world.calls("FirmwareStatusNotification")
        assert isinstance(world.store.firmware.state, keep.Resting)

    def test_a_certificate_that_nobody_vouches_for_begins_nothing(self) -> None:
        world = station()
        message_id = ask(world)
        certificate(world, valid=False, why="no manufacturer root is installed")
        assert status(world, message_id) == "InvalidCertificate"
        assert events_told(world)[-1] == "InvalidFirmwareSigningCertificate"
        assert world.maintenance == []
        assert told(world) == []

    def test_a_signature_that_is_not_good_leaves_the_old_version_and_no_image(self) -> None:
        world = station()
        ordered(world)
        download(world)
        signature(world, valid=False, why="it is that of another image")
        assert told(world) == ["Downloading", "Downloaded", "InvalidSignature"]
        assert events_told(world)[-1] == "InvalidFirmwareSignature"
        assert isinstance(world.maintenance[-1], fx.DropImage)
        assert count(world, fx.Install) == 0
        assert world.exited is None
        assert "FirmwareUpdated" not in kept(world)

    def test_a_download_that_fails(self) -> None:
        world = station()
        ordered(world, retries=1, retryInterval=10)
        download(world, "404")
        world.advance(11)
        download(world, "404")
        assert told(world) == ["Downloading", "DownloadFailed"]

    def test_an_installer_that_fails(self) -> None:
        world = station()
        ordered(world)
        download(world)
        signature(world)
        install(world, None, "no package")
        assert told(world) == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallationFailed"]

    @pytest.mark.parametrize("more", [{"can_install": False}])
    def test_without_an_installer_it_is_rejected(self, more: dict[str, Any]) -> None:
        world = station(**more)
        assert status(world, ask(world)) == "Rejected"
        assert not world.asked_vault

    def test_an_order_whose_connection_went_away_before_its_answer_is_none(self) -> None:
        world = station()
        ask(world)
        world.disconnect()
        world.connect()
        certificate(world)
        assert world.maintenance == []


class TestDates:
    def test_a_download_that_is_for_later(self) -> None:
        world = station()
        ordered(world, in_s=3600)
        assert told(world) == ["DownloadScheduled"]
        world.advance(3599)
        assert count(world, fx.StartDownload) == 0
        world.advance(2)
        assert told(world) == ["DownloadScheduled", "Downloading"]

    def test_an_installation_that_is_for_later_keeps_nobody_from_charging_until_then(self) -> None:
        world = station()
        ordered(world, install_in_s=3600)
        download(world)
        signature(world)
        assert told(world) == ["Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"]
        assert world.status(1) == "Available"
        world.plug()
        world.tap()
        assert world.status(1) == "Charging"
        world.advance(3601)
        assert count(world, fx.Install) == 0, "the session is waited for"
        world.tap()
        world.advance(10)
        assert count(world, fx.Install) == 1
        assert told(world)[-1] == "Installing"
        world.unplug()
        assert world.status(1) == "Unavailable"

    def test_a_date_that_is_over_is_now(self) -> None:
        world = station()
        ordered(world, in_s=-3600, install_in_s=-60)
        download(world)
        signature(world)
        assert told(world) == ["Downloading", "Downloaded", "SignatureVerified", "Installing"]


class TestAnotherOrder:
    @pytest.mark.parametrize("stage", ["scheduled", "downloading", "verifying", "waiting"])
    def test_it_cancels_the_one_before(self, stage: str) -> None:
        world = station()
        ordered(world, in_s=3600 if stage == "scheduled" else 0, install_in_s=3600)
        if stage in ("verifying", "waiting"):
            download(world)
        old = asked(world)
        if stage == "waiting":
            signature(world)
        before = told(world)
        assert ordered(world, request_id=6) == "AcceptedCanceled"
        answer(world, vr.FirmwareSignatureChecked(valid=True), old)
        download(world)
        signature(world)
        assert told(world) == before, "not a word more on the old one"
        assert told(world, 6) == ["Downloading", "Downloaded", "SignatureVerified", "Installing"]

    def test_while_the_installer_is_at_work_it_is_rejected(self) -> None:
        world = station()
        ordered(world)
        download(world)
        signature(world)
        assert status(world, ask(world, 6)) == "Rejected"
        install(world)
        assert told(world, 6) == []

    def test_and_so_is_one_whose_certificate_was_looked_at_meanwhile(self) -> None:
        world = station()
        ordered(world)
        download(world)
        late = ask(world, 6)
        question = asked(world)
        answer(world, vr.FirmwareSignatureChecked(valid=True), world.asked_vault[-2])
        assert count(world, fx.Install) == 1
        answer(world, vr.FirmwareCertificateChecked(valid=True), question)
        assert status(world, late) == "Rejected"


class TestPlainUpdateFirmware:
    @pytest.mark.parametrize("profile", [2, 3])
    def test_with_tls_firmware_must_be_signed(self, profile: int) -> None:
        world = station(security_profile=profile)
        payload = {"location": URL, "retrieveDate": date(world, 0)}
        assert world.refused("UpdateFirmware", payload) == "NotSupported"
        assert world.maintenance == []

    def test_and_where_there_is_a_root_to_check_it_with_over_restarts_too(self) -> None:
        world = station(security_profile=0)
        world.deliver(ev.VaultSeen(vr.VaultContents(manufacturer_roots=1)))
        payload = {"location": URL, "retrieveDate": date(world, 0)}
        assert world.refused("UpdateFirmware", payload) == "NotSupported"
        world.restart()
        assert world.refused("UpdateFirmware", payload) == "NotSupported", "before the vault was looked at, too"
        world.deliver(ev.VaultSeen(vr.VaultContents()))
        order(world)

    @pytest.mark.parametrize(
        ("downloaded", "after", "failed"),
        [(False, "a root", "DownloadFailed"), (True, "a root", "InstallationFailed"), (True, "TLS", "InstallationFailed")],
    )
    def test_one_that_was_taken_before_firmware_had_to_be_signed_is_not_installed(
        self, downloaded: bool, after: str, failed: str
    ) -> None:
        world = station(security_profile=0, key_mark="settings")
        world.plug(1)
        world.tap()
        order(world)
        if downloaded:
            download(world)  # it waits for the end of the session
        if after == "a root":
            world.deliver(ev.VaultSeen(vr.VaultContents(manufacturer_roots=1)))
        else:
            world.deliver(ev.VaultSeen(vr.VaultContents(central_system_roots=1)))
            assert world.call("ChangeConfiguration", key="SecurityProfile", value="2") == {"status": "Accepted"}
        world.tap()
        assert count(world, fx.Install) == 0
        assert isinstance(world.maintenance[-1], fx.DropImage)
        assert world.calls("FirmwareStatusNotification")[-1]["status"] == failed
        assert isinstance(world.store.firmware.state, keep.Resting)

    def test_an_unsigned_update_gives_way_to_a_signed_one(self) -> None:
        world = station(security_profile=1)
        order(world)
        assert ordered(world) == "AcceptedCanceled"
        download(world)
        signature(world)
        assert told(world) == ["Downloading", "Downloaded", "SignatureVerified", "Installing"]


class TestPowerCuts:
    """Each state of an update, and what the next start makes of it."""

    @pytest.mark.parametrize("how", ["restart", "cut_power"])
    def test_in_every_state_the_update_goes_on_and_each_status_is_told_once(self, how: str) -> None:
        world = station()

        def cut() -> None:
            getattr(world, how)()

        ordered(world, in_s=3600, install_in_s=7200)
        cut()
        world.advance(3600)
        cut()
        download(world)
        cut()
        signature(world)
        cut()
        signature(world)  # looked at once more, for the image lay there
        cut()
        world.advance(3600)
        signature(world)
        cut()
        world.deliver(ev.InstallEnded(last(world, fx.CheckInstall).job, "2", checked=True))
        assert world.exited == "firmware"
        runs(world, "2")
        cut()
        assert told(world) == [
            "DownloadScheduled",
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "InstallScheduled",
            *GOOD[3:],
        ]

    def test_an_image_that_changed_while_it_lay_there_is_not_installed(self) -> None:
        world = station()
        ordered(world, install_in_s=3600)
        download(world)
        signature(world)
        world.cut_power()
        signature(world, valid=False, why="it is that of another image")
        world.advance(7200)
        assert count(world, fx.Install) == 0
        assert told(world)[-1] == "InvalidSignature"

    def test_a_version_that_does_not_come_up(self) -> None:
        world = station()
        ordered(world)
        download(world)
        signature(world)
        install(world, "2")
        world.cut_power()
        assert told(world)[-1] == "InstallationFailed"

    def test_without_firmware_management_signed_updates_go_on(self) -> None:
        world = station(keys={"SupportedFeatureProfiles": "Core"})
        ordered(world)
        world.restart()
        download(world)
        assert told(world) == ["Downloading", "Downloaded"]


class TestTriggers:
    def trigger(self, world: World) -> Payload:
        world.call("ExtendedTriggerMessage", requestedMessage="FirmwareStatusNotification")
        return world.calls("SignedFirmwareStatusNotification")[-1]

    def test_the_last_status_with_its_number(self) -> None:
        world = station()
        assert self.trigger(world) == {"status": "Idle"}
        ordered(world, retries=0)
        assert self.trigger(world) == {"status": "Downloading", "requestId": 5}
        download(world, "404")
        assert self.trigger(world) == {"status": "DownloadFailed", "requestId": 5}
        world.restart()
        assert self.trigger(world) == {"status": "DownloadFailed", "requestId": 5}

    def test_idle_after_an_installation(self) -> None:
        world = station()
        ordered(world)
        download(world)
        signature(world)
        install(world)
        runs(world, "2")
        world.restart()
        assert told(world)[-1] == "Installed"
        assert self.trigger(world) == {"status": "Idle"}

    def test_the_trigger_of_plain_ocpp_tells_in_its_own_words(self) -> None:
        world = station()
        ordered(world)
        download(world)
        world.call("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        assert world.calls("FirmwareStatusNotification") == [{"status": "Downloaded"}]
