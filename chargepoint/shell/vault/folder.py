"""The vault's folder: which files hold certificates and keys, and how they change without a moment of half a file.

Owns `STATE_DIR/certificates` (0700, every file 0600): `roots.json` (all roots and what was deleted of the settings' ones, in
one file, so that a change is whole or not at all), `client.pem` (key and chain in use), `client-new.pem` (a pair that has not
connected yet), `request.pem` (the key and the signing request that a chain is waited for). Refuses to look into certificates:
the link needs this module in every station, and `cryptography` costs memory. Raises FolderError.

A power cut at any point leaves: the request before or after; the new pair beside the old one; never a key without its chain.
"""

import hashlib
import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chargepoint.durable import sync_names, whole
from chargepoint.messages import CertificateUse

FILE_MAX = 1 << 20
REMOVED_MAX = 200
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


class FolderError(Exception):
    """A file of certificates cannot be used; the text names it."""


class Places(Struct, frozen=True, kw_only=True):
    """folder: of the vault. The rest are files that the settings name; their roots count as long as they are not deleted."""

    folder: str
    central_system_root: str | None = None
    manufacturer_root: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def path(self, name: str) -> Path:
        return Path(self.folder) / name


class Root(Struct, frozen=True, kw_only=True):
    """A trusted certificate. fallback: an older one that counts until the one in force has proven itself."""

    pem: str
    fallback: bool = False

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.pem)


class Kept(Struct, frozen=True, kw_only=True):
    """What roots.json holds. removed: fingerprints of roots that the settings name and that were deleted."""

    central_system: tuple[Root, ...] = ()
    manufacturer: tuple[Root, ...] = ()
    removed: tuple[str, ...] = ()

    def of(self, use: CertificateUse) -> tuple[Root, ...]:
        return self.central_system if use is CertificateUse.CentralSystemRootCertificate else self.manufacturer

    def having(self, use: CertificateUse, roots: tuple[Root, ...]) -> "Kept":
        if use is CertificateUse.CentralSystemRootCertificate:
            return replace(self, central_system=roots)
        return replace(self, manufacturer=roots)


class Pair(Struct, frozen=True, kw_only=True):
    """A client's chain and its key, which may be one file. new: it has not connected yet."""

    certificate_file: str
    key_file: str | None = None
    new: bool = False


ROOTS, CLIENT, CLIENT_NEW, REQUEST = "roots.json", "client.pem", "client-new.pem", "request.pem"

_decoder = msgspec.json.Decoder(Kept)


def kept(places: Places) -> Kept:
    """What was installed and deleted. A file that cannot be read trusts nobody: a deleted root must not come back by damage."""
    path = places.path(ROOTS)
    try:
        return _decoder.decode(_read(path))
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, ValueError) as error:
        hint = "move it away to begin again with the roots of [security]"
        raise FolderError(f"{path} is damaged ({error}); {hint}") from error


def keep(places: Places, what: Kept) -> None:
    """Replaces roots.json; raises OSError."""
    write(places.path(ROOTS), msgspec.json.format(msgspec.json.encode(what)))


def roots(places: Places, use: CertificateUse) -> tuple[Root, ...]:
    """All that count: the installed ones, then those of the settings' file that were not deleted."""
    here = kept(places)
    installed = here.of(use)
    known = {root.fingerprint for root in installed} | set(here.removed)
    return (*installed, *(root for root in of_settings(places, use) if root.fingerprint not in known))


def of_settings(places: Places, use: CertificateUse) -> tuple[Root, ...]:
    """The roots of the file that the settings name, each once."""
    central = use is CertificateUse.CentralSystemRootCertificate
    name = places.central_system_root if central else places.manufacturer_root
    if name is None:
        return ()
    key = "central_system_root" if central else "manufacturer_root"
    try:
        text = _read(Path(name)).decode("ascii", "replace")
    except OSError as error:
        raise FolderError(f"[security] {key} {name} cannot be used: {error.strerror or error}") from error
    found = {fingerprint(pem): Root(pem=pem) for pem in certificates(text)}
    if not found:
        raise FolderError(f"[security] {key} {name} cannot be used: there is no certificate in PEM in it")
    return tuple(found.values())


def pairs(places: Places) -> tuple[Pair, ...]:
    """The client's pairs: a new one first, then the one in use. The settings' one counts until the vault has its own."""
    found = []
    if places.path(CLIENT_NEW).exists():
        found.append(Pair(certificate_file=str(places.path(CLIENT_NEW)), new=True))
    if places.path(CLIENT).exists():
        found.append(Pair(certificate_file=str(places.path(CLIENT))))
    elif places.client_certificate is not None:
        found.append(Pair(certificate_file=places.client_certificate, key_file=places.client_key))
    return tuple(found)


def identity(path: str | Path) -> tuple[int, int] | None:
    """What tells a file from the one that takes its place; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def promote(places: Places, new: tuple[int, int]) -> bool:
    """The new pair of this identity has connected: it takes the place of the old one. False where it is another by now.

    Raises OSError.
    """
    if identity(places.path(CLIENT_NEW)) != new:
        return False
    os.replace(places.path(CLIENT_NEW), places.path(CLIENT))
    sync_names(Path(places.folder))
    return True


def discard_new(places: Places) -> None:
    """The new pair is given up. Raises OSError."""
    places.path(CLIENT_NEW).unlink(missing_ok=True)


def drop_fallback(places: Places) -> None:
    """The Central System's root in force has proven itself: older ones count no more. Raises FolderError, OSError."""
    here = kept(places)
    gone = {root.fingerprint for root in here.central_system if root.fallback}
    if gone:
        left = tuple(root for root in here.central_system if not root.fallback)
        keep(places, without_settings(places, replace(here, central_system=left), gone))


def without_settings(places: Places, here: Kept, gone: set[str]) -> Kept:
    """Writes down which roots of the settings' files count no more: those files stay as they are."""
    named = {root.fingerprint for use in CertificateUse for root in of_settings(places, use)}
    removed = (*(one for one in here.removed if one not in gone), *sorted(gone & named))
    return replace(here, removed=removed[-REMOVED_MAX:])  # the oldest are of files that are long gone


def certificates(text: str) -> list[str]:
    """Every certificate in PEM in a text, each as its own text."""
    return [found[0] + "\n" for found in CERTIFICATE.finditer(text)]


def fingerprint(pem: str) -> str:
    """SHA-256 of the certificate, in hexadecimal; of the text where it is none (nothing else has that one)."""
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.strip())
    except ValueError:
        der = pem.encode()
    return hashlib.sha256(der).hexdigest()


def write(path: Path, content: bytes) -> None:
    """The file has this content or the one before, whenever the power goes; only the service may read it. Raises OSError."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with whole(path) as file:
        file.write(content)


def tighten(places: Places) -> Iterator[str]:
    """Repairs the modes of the folder and its files; a sentence for each that was open to others. Never raises."""
    folder = Path(places.folder)
    if not folder.is_dir():
        return
    for path, mode in [(folder, 0o700), *((inner, 0o600) for inner in sorted(folder.iterdir()) if inner.is_file())]:
        try:
            if path.stat().st_mode & 0o777 & ~mode:
                path.chmod(mode)
                yield f"{path} was open to others; it is not any more"
        except OSError as error:
            yield f"{path} cannot be kept from others: {error.strerror or error}"


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        content = file.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise OSError(f"it is larger than {FILE_MAX >> 20} MiB")
    return content
