"""Security, as the certification tool plays it, as far as the core can show it: profiles, certificates, log, firmware."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import vault_records as vr
from chargepoint.messages import CertificateHashData, CertificateStatus, DeleteCertificateStatus, HashAlgorithm
from tests.certification import tool
from tests.core.central_system import Payload
from tests.core.harness import World
from tests.core.securing import CONTENTS, CSR, PEM, answer, ask
from tests.core.updating import URL, download, install, runs

EVENT = "SecurityEventNotification"
NOTICE = "SignedFirmwareStatusNotification"
GIVEN = "4F43415F4F4354545F61646D696E5F74657374"  # the tool's new password, 19 bytes as hexadecimal
USED = "00112233445566778899AABBCCDDEEFF"
SIGNATURE = "c2lnbmF0dXJl"
HASHES = CertificateHashData(
    hash_algorithm=HashAlgorithm.SHA256, issuer_name_hash="AB", issuer_key_hash="CD", serial_number="1F"
)
LISTED = {"hashAlgorithm": "SHA256", "issuerNameHash": "AB", "issuerKeyHash": "CD", "serialNumber": "1F"}


def connected_with(profile: int, **more: Any) -> World:
    """A station whose link has this profile, with all that a higher one needs."""
    world = World(security_profile=profile, key_mark="settings", wall=True, reconnect_s=1.0, **more)
    world.deliver(ev.VaultSeen(CONTENTS))
    world.advance(5)
    world.forget()
    return world


@pytest.mark.section("tool TC_073")
@pytest.mark.parametrize("profile", [1, 2])
def test_each_new_password_is_used_by_a_new_connection(profile: int) -> None:
    world = connected_with(profile)
    for key in (GIVEN, USED):
        before = len(world.effects)
        world.configure("AuthorizationKey", key)
        kinds = [effect for effect in world.effects[before:] if isinstance(effect, fx.SendFrame | fx.SetCredentials)]
        assert isinstance(kinds[0], fx.SendFrame), "the answer goes over the connection that there is"
        assert kinds[-1] == fx.SetCredentials(key)


def renewed(world: World, accepted: bool, why: str = "") -> Payload:
    """Memory state RenewChargePointCertificate: trigger, signing request, signed certificate; the last one's confirmation."""
    world.configure("CpoName", "TOOL")
    world.csms.always("SignCertificate", {"status": "Accepted"})
    assert world.call("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate") == {"status": "Accepted"}
    request = world.asked_vault[-1].request
    assert isinstance(request, vr.MakeRequest)
    assert (request.common_name, request.organization) == ("SN-1", "TOOL")
    answer(world, vr.RequestMade(csr=CSR))
    tool.expect(world, "SignCertificate", csr=CSR)
    return ask(world, "CertificateSigned", {"certificateChain": PEM}, vr.ChainTaken(accepted=accepted, why=why))


@pytest.mark.section("tool TC_074")
def test_a_new_certificate_is_used_by_a_new_connection() -> None:
    world = connected_with(3, serial_number="SN-1")
    assert renewed(world, accepted=True) == {"status": "Accepted"}
    assert not world.up
    world.advance(2.0)
    assert world.up


@pytest.mark.section("tool TC_077")
def test_a_certificate_of_the_station_that_is_no_good_is_refused_and_an_event() -> None:
    world = connected_with(3, serial_number="SN-1")
    assert renewed(world, accepted=False, why="no installed root vouches for it") == {"status": "Rejected"}
    assert world.up
    world.expect_call(EVENT, type="InvalidChargePointCertificate")


@pytest.mark.section("tool TC_075_1")
@pytest.mark.section("tool TC_075_2")
@pytest.mark.parametrize("use", ["ManufacturerRootCertificate", "CentralSystemRootCertificate"])
def test_a_root_is_installed_and_listed(use: str) -> None:
    world = connected_with(2)
    installed = vr.RootInstalled(status=CertificateStatus.Accepted)
    assert ask(world, "InstallCertificate", {"certificateType": use, "certificate": PEM}, installed) == {"status": "Accepted"}
    listed = ask(world, "GetInstalledCertificateIds", {"certificateType": use}, vr.RootsListed(hashes=(HASHES,)))
    assert listed == {"status": "Accepted", "certificateHashData": [LISTED]}


@pytest.mark.section("tool TC_076")
def test_a_root_is_deleted_and_listed_no_more() -> None:
    world = connected_with(2)
    deleted = vr.RootDeleted(status=DeleteCertificateStatus.Accepted)
    assert ask(world, "DeleteCertificate", {"certificateHashData": LISTED}, deleted) == {"status": "Accepted"}
    use = {"certificateType": "CentralSystemRootCertificate"}
    assert ask(world, "GetInstalledCertificateIds", use, vr.RootsListed(hashes=())) == {"status": "NotFound"}


@pytest.mark.section("tool TC_079")
def test_the_security_log_is_uploaded() -> None:
    world = connected_with(1, file_transfer_protocols=("FTP", "HTTP"))
    log = {"remoteLocation": "ftp://files.example.org/in/"}
    assert world.call("GetLog", logType="SecurityLog", requestId=7, log=log)["status"] == "Accepted"
    tool.expect(world, "LogStatusNotification", status="Uploading", requestId=7)
    upload = next(effect for effect in reversed(world.maintenance) if isinstance(effect, fx.StartUpload))
    world.deliver(ev.UploadEnded(upload.job, None))
    tool.expect(world, "LogStatusNotification", status="Uploaded", requestId=7)
    tool.expect_nothing(world)


class TestSignedFirmware:
    @staticmethod
    def station() -> World:
        return connected_with(1, can_install=True, firmware_version="1", file_transfer_protocols=("FTP",))

    @staticmethod
    def ordered(world: World) -> None:
        """The order, with the dates that the tool gives, and the download to its end."""
        long_ago = datetime.fromtimestamp(world.wall_s - 7_200.0, UTC).isoformat().replace("+00:00", "Z")
        firmware = {"location": URL, "retrieveDateTime": long_ago, "installDateTime": long_ago}
        firmware |= {"signingCertificate": PEM, "signature": SIGNATURE}
        good = vr.FirmwareCertificateChecked(valid=True, why="")
        confirmed = ask(world, "SignedUpdateFirmware", {"requestId": 5, "firmware": firmware}, good)
        assert confirmed == {"status": "Accepted"}
        tool.expect(world, NOTICE, status="Downloading", requestId=5)
        download(world)

    @pytest.mark.section("tool TC_080")
    def test_it_is_installed(self) -> None:
        world = self.station()
        self.ordered(world)
        tool.expect(world, NOTICE, status="Downloaded")
        answer(world, vr.FirmwareSignatureChecked(valid=True, why=""))
        tool.expect_both(world, (NOTICE, {"status": "SignatureVerified"}), tool.status("Unavailable"))
        tool.expect(world, NOTICE, status="Installing")
        install(world)
        tool.expect(world, NOTICE, status="InstallRebooting")
        assert world.exited == "firmware"
        runs(world, "2")
        world.restart()
        tool.expect(world, "BootNotification", firmwareVersion="2")
        tool.expect_both(world, tool.status("Available", 0), tool.status("Available", 1))
        tool.expect(world, NOTICE, status="Installed", requestId=5)
        assert world.calls(EVENT, type="FirmwareUpdated")
        tool.expect_nothing(world)

    @pytest.mark.section("tool TC_081")
    def test_a_signature_that_is_no_good(self) -> None:
        world = self.station()
        self.ordered(world)
        tool.expect(world, NOTICE, status="Downloaded")
        answer(world, vr.FirmwareSignatureChecked(valid=False, why="it is that of another image"))
        tool.expect_both(world, (NOTICE, {"status": "InvalidSignature"}))
        assert len(world.calls(EVENT, type="InvalidFirmwareSignature")) == 1
        tool.expect_nothing(world)


@pytest.mark.section("tool TC_083")
@pytest.mark.parametrize("profile", [1, 2])
def test_a_higher_profile_is_used_after_the_reset(profile: int) -> None:
    world = connected_with(profile, serial_number="SN-1")
    if profile == 2:
        assert renewed(world, accepted=True) == {"status": "Accepted"}
    world.configure("SecurityProfile", profile + 1)
    assert world.call("Reset", type="Hard") == {"status": "Accepted"}
    world.advance(5)
    assert (world.exited, world.profile) == ("hard_reset", profile), "the tool's answer came over the connection that it knew"
    world.forget()
    world.restart()
    assert world.profile == profile + 1
    tool.expect(world, "BootNotification")
    tool.expect_both(world, tool.status("Available", 0), tool.status("Available", 1))
    world.reconnect_s = None
    world.disconnect()
    for _ in range(100):  # the server speaks the lower profile alone, for as long as it likes
        world.deliver(ev.LinkDown("TLS: no secure connection", world.profile))
    assert world.profile == profile + 1


@pytest.mark.section("tool TC_084")
@pytest.mark.parametrize("profile", [2, 3])
def test_a_lower_profile_is_refused(profile: int) -> None:
    world = connected_with(profile)
    assert world.call("ChangeConfiguration", key="SecurityProfile", value=str(profile - 1)) == {"status": "Rejected"}
    assert (world.up, world.profile) == (True, profile)
