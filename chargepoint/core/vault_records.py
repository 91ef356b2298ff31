"""Vault records: what the core may ask of the station's certificates and keys, and the answers, as frozen values.

Owns this vocabulary. Refuses to know files, keys and how a certificate is checked: no private key ever crosses this border.
An answer always comes; where the vault cannot work at all it is the answer that changes nothing and trusts nobody (`failed`).
"Improved security for OCPP 1.6-J", edition 2, sections 2.6 and 4.
"""

from typing import Literal, assert_never

from msgspec import Struct

from chargepoint.messages import (
    CertificateHashData,
    CertificateStatus,
    CertificateUse,
    DeleteCertificateStatus,
    HashAlgorithm,
)

KeyType = Literal["P-256", "RSA-2048", "RSA-3072"]


class InstallRoot(Struct, frozen=True, tag="install_root", kw_only=True):
    """InstallCertificate. length_max: CertificateStoreMaxLength, over both uses.

    signed_by_old: AdditionalRootCertificateCheck, for Central System roots. The new one must be signed by the one in force and
    takes its place; the old one stays as fallback until a connection has proven the new one.
    """

    use: CertificateUse
    pem: str
    length_max: int
    signed_by_old: bool = False


class RootInstalled(Struct, frozen=True, tag="root_installed", kw_only=True):
    """full: it was refused for want of room alone, not for what it is."""

    status: CertificateStatus
    why: str = ""
    full: bool = False


class ListRoots(Struct, frozen=True, tag="list_roots", kw_only=True):
    """GetInstalledCertificateIds."""

    use: CertificateUse
    algorithm: HashAlgorithm = HashAlgorithm.SHA256


class RootsListed(Struct, frozen=True, tag="roots_listed", kw_only=True):
    hashes: tuple[CertificateHashData, ...]


class DeleteRoot(Struct, frozen=True, tag="delete_root", kw_only=True):
    """DeleteCertificate. keep_last: the last Central System root must stay (security profile 2 or 3). in_use: fingerprint of
    the one that vouches for the connection; it must stay, too.
    """

    hash_data: CertificateHashData
    keep_last: bool
    in_use: str | None = None


class RootDeleted(Struct, frozen=True, tag="root_deleted", kw_only=True):
    status: DeleteCertificateStatus
    why: str = ""


class MakeRequest(Struct, frozen=True, tag="make_request", kw_only=True):
    """A new key pair and a signing request for it. An earlier request is forgotten; the pair in use stays.

    common_name: what the station is known by; organization: CpoName, left out where empty.
    """

    common_name: str
    organization: str
    key_type: KeyType = "P-256"


class RequestMade(Struct, frozen=True, tag="request_made", kw_only=True):
    """csr: in PEM; empty where none could be made, and `why` says so."""

    csr: str
    why: str = ""


class TakeChain(Struct, frozen=True, tag="take_chain", kw_only=True):
    """CertificateSigned: the chain for the newest request, leaf first. size_max: CertificateSignedMaxChainSize."""

    pem: str
    size_max: int


class ChainTaken(Struct, frozen=True, tag="chain_taken", kw_only=True):
    """accepted: the link uses it from its next connection on; the old pair stays until the new one has connected."""

    accepted: bool
    why: str = ""


class CheckFirmwareCertificate(Struct, frozen=True, tag="check_firmware_certificate", kw_only=True):
    """SignedUpdateFirmware's signingCertificate against the manufacturer's roots."""

    pem: str


class FirmwareCertificateChecked(Struct, frozen=True, tag="firmware_certificate_checked", kw_only=True):
    valid: bool
    why: str = ""


class CheckFirmwareSignature(Struct, frozen=True, tag="check_firmware_signature", kw_only=True):
    """The image that was downloaded against the certificate (checked once more) and the signature, base64."""

    pem: str
    signature: str


class FirmwareSignatureChecked(Struct, frozen=True, tag="firmware_signature_checked", kw_only=True):
    valid: bool
    why: str = ""


VaultRequest = (
    InstallRoot | ListRoots | DeleteRoot | MakeRequest | TakeChain | CheckFirmwareCertificate | CheckFirmwareSignature
)
VaultAnswer = (
    RootInstalled | RootsListed | RootDeleted | RequestMade | ChainTaken | FirmwareCertificateChecked | FirmwareSignatureChecked
)


class VaultContents(Struct, frozen=True, kw_only=True):
    """What the vault holds. client_since_s, client_until_s: the validity of the newest client certificate, seconds since 1970
    UTC; None: there is none. client_problem: why it cannot be used, where that is so.
    """

    central_system_roots: int = 0
    manufacturer_roots: int = 0
    client_since_s: float | None = None
    client_until_s: float | None = None
    client_problem: str = ""


def failed(request: VaultRequest, why: str) -> VaultAnswer:
    """The answer where the vault itself cannot work: nothing is changed, nobody trusted."""
    match request:
        case InstallRoot():
            return RootInstalled(status=CertificateStatus.Failed, why=why)
        case ListRoots():
            return RootsListed(hashes=())
        case DeleteRoot():
            return RootDeleted(status=DeleteCertificateStatus.Failed, why=why)
        case MakeRequest():
            return RequestMade(csr="", why=why)
        case TakeChain():
            return ChainTaken(accepted=False, why=why)
        case CheckFirmwareCertificate():
            return FirmwareCertificateChecked(valid=False, why=why)
        case CheckFirmwareSignature():
            return FirmwareSignatureChecked(valid=False, why=why)
        case _:
            assert_never(request)
