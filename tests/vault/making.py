"""Certificates of every kind of goodness, and a vault's folder; keys are made once, since that is what costs."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from chargepoint.core import vault_records as vr
from chargepoint.messages import CertificateUse
from chargepoint.shell.vault import folder, work
from chargepoint.shell.vault.jobs import Job

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CENTRAL, MANUFACTURER = CertificateUse.CentralSystemRootCertificate, CertificateUse.ManufacturerRootCertificate
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def key(name: str) -> Key:
    """A key by its name; names that begin with rsa give RSA (rsa1024 a short one)."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65_537, key_size=1_024 if "1024" in name else 2_048)
    return ec.generate_private_key(ec.SECP256R1())


class Party(Struct, frozen=True):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(*form).decode()


def issue(
    name: str,
    by: Party | None = None,
    *,
    ca: bool = False,
    of: str | None = None,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=365),
    serial: int | None = None,
    organization: str = "",
    public: Any = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    path_length: int | None = None,
) -> Party:
    """A certificate of `name`, signed by itself or another. of: whose key it has. public: a public key from a request."""
    own = key(of or name)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    subject = x509.Name(names)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(public or own.public_key())
        .serial_number(serial or int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) | 1)
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Party(builder.sign(own if by is None else by.key, hashes.SHA256()), own)


def signed(csr: str, by: Party, **changes: Any) -> Party:
    """What an authority makes of a signing request."""
    request = x509.load_pem_x509_csr(csr.encode())
    name = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    found = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    organization = str(found[0].value) if found else ""
    given = {"organization": organization, "purposes": (ExtendedKeyUsageOID.CLIENT_AUTH,), "public": request.public_key()}
    return issue(changes.pop("name", str(name)), by, **{**given, **changes})


def signature(image: bytes, by: Party, way: str = "pss") -> str:
    """The base64 signature of an image. way: for RSA, "pss" or "pkcs1"."""
    digest, sha256 = hashlib.sha256(image).digest(), utils.Prehashed(hashes.SHA256())
    if isinstance(by.key, ec.EllipticCurvePrivateKey):
        raw = by.key.sign(digest, ec.ECDSA(sha256))
    else:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        raw = by.key.sign(digest, pss if way == "pss" else padding.PKCS1v15(), sha256)
    return base64.b64encode(raw).decode()


class Desk:
    """A vault's folder, and what is asked of it without a process between."""

    def __init__(self, path: Path, **named: str) -> None:
        self.places = folder.Places(folder=str(path / "certificates"), **named)
        self.image = path / "image"
        self.now = NOW

    def ask(self, request: vr.VaultRequest) -> Any:
        return work.do(self._job(), request)

    def contents(self) -> vr.VaultContents:
        return work.contents(self._job())

    def install(self, party: Party, use: CertificateUse = CENTRAL, length_max: int = 10, **more: Any) -> str:
        answer = self.ask(vr.InstallRoot(use=use, pem=party.pem, length_max=length_max, **more))
        assert isinstance(answer, vr.RootInstalled)
        return f"{answer.status}: {answer.why}".removesuffix(": ")

    def fingerprints(self, use: CertificateUse = CENTRAL) -> list[str]:
        return [root.fingerprint for root in folder.roots(self.places, use)]

    def file(self, name: str) -> Path:
        return self.places.path(name)

    def promote(self) -> None:
        """The new pair has connected."""
        new = folder.identity(self.file(folder.CLIENT_NEW))
        assert new is not None
        assert folder.promote(self.places, new)

    def files(self) -> set[str]:
        """The names of what lies in the folder."""
        here = Path(self.places.folder)
        return {path.name for path in here.iterdir()} if here.exists() else set()

    def _job(self) -> Job:
        return Job(places=self.places, now_s=self.now.timestamp(), image=str(self.image))


def print_of(party: Party) -> str:
    return party.certificate.fingerprint(hashes.SHA256()).hex()
