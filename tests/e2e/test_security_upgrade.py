"""A station without any security becomes one with all of it, by commands of its Central System alone, over real TLS."""

import base64
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.conftest import Rigs
from tests.e2e.rig import READY_S, Rig
from tests.transfers.http_server import FileServer, running

pytestmark = [pytest.mark.section("security A00"), pytest.mark.timeout(120)]

KEY = "5EC2E75EC2E75EC2E75EC2E75EC2E75E"
IMAGE = b"chargepoint-firmware 2.0.0\n"
RESTART = 75


class Maker:
    """The manufacturer: a root, and a certificate that signs code."""

    def __init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._certificate("Maker", self.root_key)
        self.signer = self._certificate("Maker's code", self.key)

    def _certificate(self, name: str, key: ec.EllipticCurvePrivateKey) -> str:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maker")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=key is self.root_key, path_length=None), critical=True)
        )
        return builder.sign(self.root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def signature(self, image: bytes) -> str:
        return base64.b64encode(self.key.sign(image, ec.ECDSA(hashes.SHA256()))).decode()


def _sign(csr: str, authority: trustme.CA) -> str:
    """What the operator's authority makes of a signing request."""
    request = x509.load_pem_x509_csr(csr.encode())
    assert request.is_signature_valid
    root = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(root.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    async with running() as server:
        server.files["/v2"] = IMAGE
        yield server


async def becomes(made: Rig, authority: trustme.CA, profile: int) -> None:
    """The station raises its profile, the server speaks it from now on, and the station comes back by itself."""
    assert await made.set_key("SecurityProfile", profile) == "Accepted"
    await made.cs.go_offline()
    made.cs.tls = None
    if profile >= 2:
        tls = made.cs.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        if profile == 3:
            tls.verify_mode = ssl.CERT_REQUIRED
            authority.configure_trust(tls)
    if profile == 3:
        made.cs.settings.password = None
        made.cs.settings.passwords.clear()
    await made.cs.go_online()
    await made.station.wait_connected(timeout_s=10.0)
    await made.expect("Heartbeat", timeout_s=READY_S)


async def delete(made: Rig, hash_data: object) -> str:
    answer = await made.station.call("DeleteCertificate", {"certificateHashData": hash_data}, timeout_s=READY_S)
    return str(answer["status"])


async def event(made: Rig, kind: str) -> None:
    await made.expect("SecurityEventNotification", type=kind, timeout_s=READY_S)


async def update(made: Rig, maker: Maker, url: str, request_id: int, signature: str, signer: str | None = None) -> str:
    # Past by any clock: the station's is half a round trip behind the Central System's, and would tell DownloadScheduled.
    date = (datetime.now(UTC) - timedelta(seconds=10)).isoformat().replace("+00:00", "Z")
    firmware = {
        "location": url,
        "retrieveDateTime": date,
        "signingCertificate": signer or maker.signer,
        "signature": signature,
    }
    answer = await made.station.call("SignedUpdateFirmware", {"requestId": request_id, "firmware": firmware}, timeout_s=READY_S)
    return str(answer["status"])


async def told(made: Rig, request_id: int, *statuses: str) -> None:
    for status in statuses:
        frame = await made.expect("SignedFirmwareStatusNotification", timeout_s=READY_S)
        assert (frame["status"], frame["requestId"]) == (status, request_id)


@pytest.mark.section("security A01")
@pytest.mark.section("security A02")
@pytest.mark.section("security A04")
@pytest.mark.section("security A05")
@pytest.mark.section("security L01")
@pytest.mark.section("security M03")
@pytest.mark.section("security M04")
@pytest.mark.section("security M05")
@pytest.mark.section("security N01")
@pytest.mark.section("tool TC_074")
@pytest.mark.section("tool TC_077")
@pytest.mark.section("tool TC_079")
@pytest.mark.section("tool TC_080")
@pytest.mark.section("tool TC_081")
async def test_from_no_security_to_mutual_tls_and_signed_firmware_by_commands_alone(rigs: Rigs, files: FileServer) -> None:
    authority, maker = trustme.CA(), Maker()
    made = await rigs()
    await made.boot()
    assert await made.set_key("AuthorizationKey", KEY) == "Accepted"
    made.cs.settings.password = bytes.fromhex(KEY)
    await made.station.wait_connected(after=made.station.connections, timeout_s=10.0)
    await becomes(made, authority, 1)

    async def install(use: str, pem: str) -> str:
        answer = await made.station.call("InstallCertificate", {"certificateType": use, "certificate": pem}, timeout_s=READY_S)
        return str(answer["status"])

    assert await made.set_key("SecurityProfile", 2) == "Rejected", "there is no root yet"
    assert await install("CentralSystemRootCertificate", "no certificate") == "Rejected"
    await event(made, "InvalidCentralSystemCertificate")
    assert await install("CentralSystemRootCertificate", authority.cert_pem.bytes().decode()) == "Accepted"
    await becomes(made, authority, 2)
    assert await install("CentralSystemRootCertificate", trustme.CA().cert_pem.bytes().decode()) == "Accepted"
    listed = await made.station.call(
        "GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}, timeout_s=READY_S
    )
    assert [await delete(made, one) for one in listed["certificateHashData"]] == ["Failed", "Accepted"], "the first is in use"

    assert await made.set_key("SecurityProfile", 3) == "Rejected", "there is no certificate yet"
    assert await made.set_key("CpoName", "Operator") == "Accepted"
    trigger = {"requestedMessage": "SignChargePointCertificate"}
    assert await made.call("ExtendedTriggerMessage", **trigger) == {"status": "Accepted"}
    csr = (await made.expect("SignCertificate", timeout_s=READY_S))["csr"]

    async def signed(pem: str) -> str:
        answer = await made.station.call("CertificateSigned", {"certificateChain": pem}, timeout_s=READY_S)
        return str(answer["status"])

    assert await signed(_sign(csr, trustme.CA())) == "Rejected", "of another authority"
    await event(made, "InvalidChargePointCertificate")
    assert await signed(_sign(csr, authority)) == "Accepted"
    await becomes(made, authority, 3)
    assert await made.key("SecurityProfile") == "3"

    url = files.url("/v2")
    assert await update(made, maker, url, 1, maker.signature(IMAGE)) == "InvalidCertificate", "there is no manufacturer root"
    await event(made, "InvalidFirmwareSigningCertificate")
    assert await install("ManufacturerRootCertificate", maker.root) == "Accepted"
    assert await update(made, maker, url, 2, maker.signature(b"another image")) == "Accepted"
    await told(made, 2, "Downloading", "Downloaded", "InvalidSignature")
    await event(made, "InvalidFirmwareSignature")
    assert await update(made, maker, url, 3, maker.signature(IMAGE)) == "Accepted"
    await told(made, 3, "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
    assert made.process is not None
    assert await made.process.exited() == RESTART
    await made.start()
    assert (await made.expect("BootNotification", timeout_s=READY_S))["firmwareVersion"] == "2.0.0"
    await told(made, 3, "Installed")
    await event(made, "FirmwareUpdated")

    log = {"remoteLocation": files.url("/in/")}
    answer = await made.call("GetLog", logType="SecurityLog", requestId=4, log=log)
    assert answer["status"] == "Accepted"
    for status in ("Uploading", "Uploaded"):
        frame = await made.expect("LogStatusNotification", timeout_s=READY_S)
        assert (frame["status"], frame["requestId"]) == (status, 4)
    text = files.uploads[f"/in/{answer['filename']}"].decode()
    for kind in ("StartupOfTheDevice", "InvalidFirmwareSignature", "ReconfigurationOfSecurityParameters", "FirmwareUpdated"):
        assert f",{kind}," in text
    assert KEY not in text.upper()
    code, said, _ = await made.command("security-log", "--config", str(made.config))
    assert code == 0
    assert "SecurityProfile is '3'" in said
    made.clean()
