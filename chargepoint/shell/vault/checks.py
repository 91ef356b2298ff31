"""Whether a certificate may be trusted, and for what. Everything that is not raises Wrong with a reason for the installer.

Owns the rules ("Improved security for OCPP 1.6-J", section 2.6): keys of at least 112 bits, SHA-256 or better, the time, and a
path whose every issuer is an authority and that ends at an installed root. Refuses to read or write files.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from chargepoint.shell.vault.folder import certificates

RSA_BITS_MIN = 2_048
CURVE_BITS_MIN = 224
PATH_MAX = 6
SLACK_S = 86_400.0  # whoever issued it may have a clock that is ahead of this station's
CLIENT, CODE = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING
UNDERSTOOD = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
)
BROKEN = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


T = TypeVar("T", bound=x509.ExtensionType)


class Wrong(Exception):
    """What is wrong with a certificate, a chain or a signature."""


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever the library says of broken input is a Wrong."""
    try:
        yield
    except BROKEN as error:
        raise Wrong(f"{what} cannot be read: {str(error)[:200] or type(error).__name__}") from error


def all_of(pem: str, what: str) -> list[x509.Certificate]:
    """The certificates of a text, at least one and at most PATH_MAX."""
    found = certificates(pem)
    if not found:
        raise Wrong(f"{what} holds no certificate in PEM")
    if len(found) > PATH_MAX:
        raise Wrong(f"{what} holds {len(found)} certificates, at most {PATH_MAX} are taken")
    with reading(what):
        return [x509.load_pem_x509_certificate(one.encode()) for one in found]


def sound(certificate: x509.Certificate, now_s: float) -> None:
    """Strong enough, in its time, and without a demand that is not understood."""
    name = shown(certificate)
    with reading(name):
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
            raise Wrong(f"{name} has an RSA key of {key.key_size} bits, at least {RSA_BITS_MIN} are needed")
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < CURVE_BITS_MIN:
            raise Wrong(f"{name} has a curve of {key.curve.key_size} bits, at least {CURVE_BITS_MIN} are needed")
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise Wrong(f"{name} has a key of a kind that is not taken (RSA and elliptic curves are)")
        digest = certificate.signature_hash_algorithm
        if isinstance(digest, hashes.MD5 | hashes.SHA1):
            raise Wrong(f"{name} is signed with {digest.name}, which is broken")
        for extension in certificate.extensions:
            if extension.critical and not isinstance(extension.value, UNDERSTOOD):
                raise Wrong(f"{name} makes a demand that this station does not understand ({extension.oid.dotted_string})")
    in_time(certificate, now_s)


def in_time(certificate: x509.Certificate, now_s: float) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now_s > ends.timestamp():
        raise Wrong(f"{shown(certificate)} expired at {ends:%Y-%m-%d %H:%M} UTC")
    if now_s + SLACK_S < begins.timestamp():
        now = datetime.fromtimestamp(now_s, UTC)
        raise Wrong(f"{shown(certificate)} is valid from {begins:%Y-%m-%d %H:%M} UTC only; here it is {now:%Y-%m-%d %H:%M}")


def authority(certificate: x509.Certificate, below: int = 0) -> None:
    """It may sign certificates. below: how many authorities stand between it and the last certificate."""
    name = shown(certificate)
    with reading(name):
        constraints = _extension(certificate, x509.BasicConstraints)
        usage = _extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca:
        raise Wrong(f"{name} is no certificate of an authority (basicConstraints CA)")
    if constraints.path_length is not None and below > constraints.path_length:
        raise Wrong(f"{name} may not stand so far from the last certificate (path length {constraints.path_length})")
    if usage is not None and not usage.key_cert_sign:
        raise Wrong(f"{name} may not sign certificates (key usage)")


def leaf_for(certificate: x509.Certificate, purpose: ObjectIdentifier, word: str) -> None:
    """It may be used for a purpose: nothing in it says otherwise."""
    name = shown(certificate)
    with reading(name):
        usage = _extension(certificate, x509.KeyUsage)
        purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and not usage.digital_signature:
        raise Wrong(f"{name} may not be used for signatures (key usage)")
    if purposes is not None and purpose not in purposes and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in purposes:
        raise Wrong(f"{name} is not made for {word} (extended key usage)")


def path(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now_s: float) -> None:
    """The first of the chain leads to an anchor over others of it, each sound; raises Wrong."""
    current, others = chain[0], list(chain[1:])
    sound(current, now_s)
    problem = ""
    for below in range(PATH_MAX):
        for anchor in anchors:
            if issued(current, anchor):
                try:
                    sound(anchor, now_s)
                    authority(anchor, below)
                    return
                except Wrong as wrong:
                    problem = str(wrong)
        issuer = next((other for other in others if issued(current, other)), None)
        if issuer is None:
            break
        sound(issuer, now_s)
        authority(issuer, below)
        others.remove(issuer)
        current = issuer
    raise Wrong(problem or f"{shown(current)} is signed by {_name(current.issuer)}, which is no installed root")


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """The signature of the certificate is the issuer's."""
    if certificate == issuer:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *BROKEN):
        return False
    return True


def common_name(name: x509.Name) -> str:
    return _attribute(name, NameOID.COMMON_NAME)


def organization(name: x509.Name) -> str:
    return _attribute(name, NameOID.ORGANIZATION_NAME)


def shown(certificate: x509.Certificate) -> str:
    try:
        return f"the certificate {_name(certificate.subject)}"
    except BROKEN:
        return "a certificate"


def _attribute(name: x509.Name, kind: ObjectIdentifier) -> str:
    return next((str(attribute.value) for attribute in name.get_attributes_for_oid(kind)), "")


def _name(name: x509.Name) -> str:
    text = common_name(name) or name.rfc4514_string()
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80]) or "without a name"


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
