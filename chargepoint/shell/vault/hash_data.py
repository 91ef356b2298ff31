"""The names that certificates have in messages: CertificateHashData ("Improved security for OCPP 1.6-J", section 5).

issuerNameHash is over the DER of the issuer's name, issuerKeyHash over the bits of the issuer's public key without tag and
length (as OCSP has it, RFC 6960), the serial number in hexadecimal without leading zeros.
"""

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chargepoint.messages import CertificateHashData, HashAlgorithm
from chargepoint.shell.vault.checks import issued


def of(
    certificate: x509.Certificate, others: Sequence[x509.Certificate], algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> CertificateHashData:
    """others: where the issuer may be found. A root is its own; so is, for want of a better one, what has an unknown issuer."""
    issuer = certificate
    if certificate.issuer != certificate.subject:
        issuer = next((other for other in others if issued(certificate, other)), certificate)

    def digest(content: bytes) -> str:
        return hashlib.new(algorithm.value.lower(), content).hexdigest()

    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=digest(certificate.issuer.public_bytes()),
        issuer_key_hash=digest(_key_bits(issuer)),
        serial_number=f"{certificate.serial_number:x}",
    )


def same(left: CertificateHashData, right: CertificateHashData) -> bool:
    """In any case of letters, and whether or not somebody wrote leading zeros."""
    return _normal(left) == _normal(right)


def _normal(data: CertificateHashData) -> tuple[str, ...]:
    serial = data.serial_number.lower().lstrip("0")
    return data.hash_algorithm, data.issuer_name_hash.lower(), data.issuer_key_hash.lower(), serial


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The contents of subjectPublicKey: SubjectPublicKeyInfo is a sequence of the algorithm and a bit string."""
    whole = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _, inside, _ = _element(whole)
    _, _, after_algorithm = _element(inside)
    _, bits, _ = _element(after_algorithm)
    return bits[1:]  # the first byte counts unused bits


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, contents and what follows of the first element. The library itself wrote it, so it is well formed."""
    length, start = der[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + count]), 2 + count
    return der[0], der[start : start + length], der[start + length :]
