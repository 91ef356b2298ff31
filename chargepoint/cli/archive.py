"""A backup's file: a tar with few names that are known, written readable by its owner only, and read with suspicion."""

import io
import json
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chargepoint.cli.common import CommandError

MANIFEST, DATABASE, CONFIGURATION, CERTIFICATES = "manifest.json", "station.db", "configuration.toml", "certificates/"
FORMAT = 1
SMALL_MAX = 4 << 20
DATABASE_MAX = 4 << 30
MEMBERS_MAX = 100
CHUNK = 1 << 20


def write(path: Path, manifest: Mapping[str, Any], database: Path, files: Mapping[str, Path]) -> None:
    """Writes the archive whole or not at all, mode 600. files: by their names in the archive. Raises CommandError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
                data = json.dumps(dict(manifest), indent=2).encode()
                head = tarfile.TarInfo(MANIFEST)
                head.size, head.mode = len(data), 0o600
                archive.addfile(head, io.BytesIO(data))
                for name, file in {DATABASE: database, **files}.items():
                    archive.add(file, name, recursive=False, filter=_anonymous)
            with open(beside, "rb") as written:
                os.fsync(written.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}; name another place") from error


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


class Archive:
    """An archive that was checked; use as a context manager. Raises CommandError for whatever it is not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> "Archive":
        try:
            self._tar = tarfile.open(self.path, "r:gz")
            self._members = {one.name: one for one in self._known()}
            self.manifest = self._manifest()
            self._to_the_end()
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            hint = "run it with sudo" if isinstance(error, PermissionError) else "name the file that chargepoint backup wrote"
            raise CommandError(f"{self.path} cannot be read: {error.strerror}; {hint}") from error
        except (OSError, tarfile.TarError, EOFError, ValueError, zlib.error) as error:
            raise CommandError(f"{self.path} is no backup of a station, or is damaged: {error}; take another one") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    @property
    def names(self) -> list[str]:
        return list(self._members)

    @property
    def certificates(self) -> list[str]:
        """Names of the files of the vault."""
        return [name.removeprefix(CERTIFICATES) for name in self._members if name.startswith(CERTIFICATES)]

    def extract(self, name: str, target: Path) -> None:
        """One file, mode 600. Raises CommandError."""
        try:
            source = self._tar.extractfile(self._members[name])
            assert source is not None
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as out:
                while chunk := source.read(CHUNK):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
        except KeyError as error:
            raise CommandError(f"{self.path} holds no {name}") from error
        except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
            raise CommandError(f"{name} cannot be taken out of {self.path}: {error}") from error

    def _known(self) -> list[tarfile.TarInfo]:
        found: list[tarfile.TarInfo] = []
        for member in self._tar:
            inner = member.name.removeprefix(CERTIFICATES)
            vault = member.name.startswith(CERTIFICATES) and inner not in ("", ".", "..") and "/" not in inner
            if not member.isreg() or not (vault or member.name in (MANIFEST, DATABASE, CONFIGURATION)):
                raise ValueError(f"it holds {member.name[:100]!r}")
            if member.size > (DATABASE_MAX if member.name == DATABASE else SMALL_MAX) or len(found) >= MEMBERS_MAX:
                raise ValueError("it is too large")
            found.append(member)
        return found

    def _to_the_end(self) -> None:
        """What is compressed has its checksum behind it, and a tar ends before: a byte that fell over shows here only."""
        assert self._tar.fileobj is not None
        while self._tar.fileobj.read(CHUNK):
            pass

    def _manifest(self) -> dict[str, Any]:
        member = self._members.get(MANIFEST)
        source = None if member is None else self._tar.extractfile(member)
        if source is None or DATABASE not in self._members:
            raise ValueError(f"it holds no {MANIFEST} or no {DATABASE}")
        manifest = json.loads(source.read(SMALL_MAX))
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ValueError("it was made by another version of this program")
        return manifest
