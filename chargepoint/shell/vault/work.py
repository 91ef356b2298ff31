"""What is done with certificates and keys, one function for each request. Runs in a process of its own (`__main__`).

Owns the answers ("Improved security for OCPP 1.6-J", sections 2.6 and 4). Refuses to decide when: the core asks. What is on the
disk changes as the last thing of a function, in one step (`folder`).
"""

import base64
import binascii
import hashlib
from typing import assert_never

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from chargepoint.core import vault_records as vr
from chargepoint.messages import CertificateStatus, CertificateUse, DeleteCertificateStatus
from chargepoint.shell.vault import checks, folder, hash_data
from chargepoint.shell.vault.checks import Wrong, reading
from chargepoint.shell.vault.jobs import Job

CENTRAL, MANUFACTURER = CertificateUse.CentralSystemRootCertificate, CertificateUse.ManufacturerRootCertificate


def do(job: Job, request: vr.VaultRequest) -> vr.VaultAnswer:
    """The answer to a request; raises FolderError and OSError where the folder cannot be used."""
    match request:
        case vr.InstallRoot():
            return _install(job, request)
        case vr.ListRoots(use=use, algorithm=algorithm):
            here = _trusted(job, use)
            return vr.RootsListed(hashes=tuple(hash_data.of(one, here, algorithm) for one in here))
        case vr.DeleteRoot():
            return _delete(job, request)
        case vr.MakeRequest():
            return _make_request(job, request)
        case vr.TakeChain():
            try:
                _take_chain(job, request)
            except Wrong as wrong:
                return vr.ChainTaken(accepted=False, why=str(wrong))
            return vr.ChainTaken(accepted=True)
        case vr.CheckFirmwareCertificate(pem=pem):
            try:
                _firmware_certificate(job, pem)
            except Wrong as wrong:
                return vr.FirmwareCertificateChecked(valid=False, why=str(wrong))
            return vr.FirmwareCertificateChecked(valid=True)
        case vr.CheckFirmwareSignature():
            try:
                _firmware_signature(job, request)
            except Wrong as wrong:
                return vr.FirmwareSignatureChecked(valid=False, why=str(wrong))
            return vr.FirmwareSignatureChecked(valid=True)
        case _:
            assert_never(request)


def contents(job: Job) -> vr.VaultContents:
    """What the vault holds now. What cannot be used counts as not there."""
    counts = {}
    for use in (CENTRAL, MANUFACTURER):
        try:
            counts[use] = len(_trusted(job, use))
        except folder.FolderError:
            counts[use] = 0  # the link says why, with every attempt
    since_s, until_s, problem = None, None, ""
    pair = next(iter(folder.pairs(job.places)), None)
    if pair is not None:
        try:
            since_s, until_s = _usable(pair)
            if until_s < job.now_s:
                problem = "the station's certificate has expired"
        except Wrong as wrong:
            problem = str(wrong)
    return vr.VaultContents(
        central_system_roots=counts[CENTRAL],
        manufacturer_roots=counts[MANUFACTURER],
        client_since_s=since_s,
        client_until_s=until_s,
        client_problem=problem,
    )


def _install(job: Job, request: vr.InstallRoot) -> vr.RootInstalled:
    here = folder.roots(job.places, request.use)
    kept = folder.kept(job.places)
    try:
        new = checks.all_of(request.pem, "what is to be installed")
        if len(new) != 1:
            raise Wrong(f"one certificate is installed at a time, found {len(new)}")
        checks.sound(new[0], job.now_s)
        checks.authority(new[0])
        if new[0].issuer == new[0].subject:
            with reading(checks.shown(new[0])):
                new[0].verify_directly_issued_by(new[0])
        pem = new[0].public_bytes(serialization.Encoding.PEM).decode()
        if any(root.fingerprint == folder.fingerprint(pem) and not root.fallback for root in here):
            return vr.RootInstalled(status=CertificateStatus.Accepted, why="it is installed already")
        in_force = [root for root in here if not root.fallback]
        replaces = request.signed_by_old and request.use is CENTRAL and bool(in_force)
        if replaces:
            checks.path(new, _loaded(in_force), job.now_s)
    except (Wrong, InvalidSignature) as wrong:
        return vr.RootInstalled(status=CertificateStatus.Rejected, why=str(wrong) or "its own signature is wrong")
    if replaces:
        # Whatever was fallback goes; all that is in force becomes it, the settings' roots included.
        roots = (folder.Root(pem=pem), *(replace(root, fallback=True) for root in in_force))
    else:
        roots = (*(root for root in kept.of(request.use) if root.pem != pem), folder.Root(pem=pem))
    others = len(folder.roots(job.places, MANUFACTURER if request.use is CENTRAL else CENTRAL))
    count = others + (len(roots) if replaces else len(here) + 1)
    if count > request.length_max:
        why = f"there is room for {request.length_max} certificates (CertificateStoreMaxLength); delete one first"
        return vr.RootInstalled(status=CertificateStatus.Rejected, why=why, full=True)
    changed = kept.having(request.use, roots)
    print_ = folder.fingerprint(pem)
    folder.keep(job.places, replace(changed, removed=tuple(one for one in changed.removed if one != print_)))
    return vr.RootInstalled(status=CertificateStatus.Accepted)


def _delete(job: Job, request: vr.DeleteRoot) -> vr.RootDeleted:
    wanted = request.hash_data
    for use in (CENTRAL, MANUFACTURER):
        roots = folder.roots(job.places, use)
        loaded = _loaded(roots)
        for root, certificate in zip(roots, loaded, strict=True):
            if not hash_data.same(hash_data.of(certificate, loaded, wanted.hash_algorithm), wanted):
                continue
            if use is CENTRAL and request.keep_last and len(roots) == 1:
                why = "it is the last Central System root, and the security profile needs one"
                return vr.RootDeleted(status=DeleteCertificateStatus.Failed, why=why)
            if use is CENTRAL and root.fingerprint == request.in_use:
                why = "it vouches for the connection over which this was asked"
                return vr.RootDeleted(status=DeleteCertificateStatus.Failed, why=why)
            _remove(job, use, root.fingerprint)
            return vr.RootDeleted(status=DeleteCertificateStatus.Accepted)
    return vr.RootDeleted(status=DeleteCertificateStatus.NotFound)


def _remove(job: Job, use: CertificateUse, print_: str) -> None:
    kept = folder.kept(job.places)
    left = tuple(root for root in kept.of(use) if root.fingerprint != print_)
    if left and all(root.fallback for root in left):
        left = tuple(replace(root, fallback=False) for root in left)
    folder.keep(job.places, folder.without_settings(job.places, kept.having(use, left), {print_}))


def _make_request(job: Job, request: vr.MakeRequest) -> vr.RequestMade:
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if request.key_type == "P-256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=int(request.key_type.removeprefix("RSA-")))
    try:
        with reading("the name of the station"):
            names = [x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)]
            if request.organization:
                names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, request.organization))
            signed = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    except Wrong as wrong:
        return vr.RequestMade(csr="", why=str(wrong))
    csr = signed.public_bytes(serialization.Encoding.PEM)
    folder.write(job.places.path(folder.REQUEST), _private(key) + csr)
    return vr.RequestMade(csr=csr.decode())


def _take_chain(job: Job, request: vr.TakeChain) -> None:
    if len(request.pem.encode()) > request.size_max:
        raise Wrong(
            f"the chain has {len(request.pem.encode())} bytes, at most {request.size_max} (CertificateSignedMaxChainSize)"
        )
    asked = _waiting_request(job)
    chain = checks.all_of(request.pem, "the chain")
    leaf = chain[0]
    with reading(checks.shown(leaf)):
        if not _same_key(leaf.public_key(), asked.public_key()):
            raise Wrong("the certificate is not for the key of the newest signing request")
    for word, of in (("common name", checks.common_name), ("organization", checks.organization)):
        if of(asked.subject) and of(leaf.subject) != of(asked.subject):
            raise Wrong(f"the certificate has the {word} {of(leaf.subject)[:80]!r}, asked for was {of(asked.subject)[:80]!r}")
    checks.leaf_for(leaf, checks.CLIENT, "clients of TLS")
    checks.path(chain, _trusted(job, CENTRAL), job.now_s)
    key = serialization.load_pem_private_key(job.places.path(folder.REQUEST).read_bytes(), None)
    chain_pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain if one.issuer != one.subject)
    folder.write(job.places.path(folder.CLIENT_NEW), _private(key) + chain_pem)
    job.places.path(folder.REQUEST).unlink()


def _waiting_request(job: Job) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(job.places.path(folder.REQUEST).read_bytes())
    except FileNotFoundError:
        raise Wrong("no signing request waits for a certificate") from None
    except ValueError as error:
        raise Wrong(f"the signing request on the disk is damaged: {error}; ask for a new one") from error


def _firmware_certificate(job: Job, pem: str) -> x509.Certificate:
    chain = checks.all_of(pem, "signingCertificate")
    roots = _trusted(job, MANUFACTURER)
    if not roots:
        raise Wrong("no manufacturer root is installed")
    checks.leaf_for(chain[0], checks.CODE, "signing code")
    checks.path(chain, roots, job.now_s)
    return chain[0]


def _firmware_signature(job: Job, request: vr.CheckFirmwareSignature) -> None:
    certificate = _firmware_certificate(job, request.pem)
    try:
        signature = base64.b64decode("".join(request.signature.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("the signature is not base64") from None
    with open(job.image, "rb") as image:
        digest = hashlib.file_digest(image, "sha256").digest()
    key, sha256 = certificate.public_key(), utils.Prehashed(hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        ways: list[padding.PSS | padding.PKCS1v15 | None] = [None]
    else:
        ways = [padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), padding.PKCS1v15()]
    for way in ways:
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, digest, ec.ECDSA(sha256))
            elif isinstance(key, rsa.RSAPublicKey) and way is not None:
                key.verify(signature, digest, way, sha256)
            else:
                raise Wrong("firmware is signed with RSA or ECDSA, this certificate has another kind of key")
        except InvalidSignature:
            continue
        return
    raise Wrong("the signature is not that of this image (SHA-256 with RSA or ECDSA)")


def _trusted(job: Job, use: CertificateUse) -> list[x509.Certificate]:
    return _loaded(folder.roots(job.places, use))


def _loaded(roots: tuple[folder.Root, ...] | list[folder.Root]) -> list[x509.Certificate]:
    try:
        with reading("an installed root"):
            return [x509.load_pem_x509_certificate(root.pem.encode()) for root in roots]
    except Wrong as wrong:
        raise folder.FolderError(str(wrong)) from wrong


def _usable(pair: folder.Pair) -> tuple[float, float]:
    """When the pair's certificate begins and ends; Wrong where key and certificate do not go together."""
    try:
        with open(pair.certificate_file, "rb") as file:
            chain = checks.all_of(file.read(folder.FILE_MAX).decode("ascii", "replace"), pair.certificate_file)
        with open(pair.key_file or pair.certificate_file, "rb") as file, reading("the station's key"):
            key = serialization.load_pem_private_key(file.read(folder.FILE_MAX), None)
            if not _same_key(key.public_key(), chain[0].public_key()):
                raise Wrong("the station's key is not that of its certificate")
    except OSError as error:
        raise Wrong(f"{error.filename} cannot be used: {error.strerror or error}") from error
    return chain[0].not_valid_before_utc.timestamp(), chain[0].not_valid_after_utc.timestamp()


def _same_key(left: PublicKeyTypes, right: PublicKeyTypes) -> bool:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return left.public_bytes(*form) == right.public_bytes(*form)


def _private(key: PrivateKeyTypes) -> bytes:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form)
