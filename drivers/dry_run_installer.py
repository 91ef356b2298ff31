"""An installer that installs nothing: any file is an image, and its version is remembered.

To rehearse an update on a real station, restart and notifications included: the version that BootNotification tells afterwards
is the configured one, or `dry-run-` and the beginning of the image's SHA-256. `chargepoint` itself stays as it is.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses, DriverError, InstallResult

BLOCK_BYTES = 1 << 20


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """folder: where the version is remembered, absolute. version: what every image is said to be. fails: with this sentence."""

    folder: Annotated[str, Meta(pattern=r"^/", description="must be an absolute path")]
    version: Annotated[str, Meta(max_length=50)] = ""
    fails: str = ""


class Installer:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept = Path(config.folder) / "dry-run-version"

    async def version(self) -> str | None:
        """What was installed last; None before the first time."""
        try:
            return (await asyncio.to_thread(self._kept.read_text, encoding="utf-8")).strip() or None
        except (OSError, UnicodeDecodeError):
            return None  # nothing was rehearsed yet

    async def install(self, path: str) -> InstallResult:
        version = await self._version_of(path)
        if self._config.fails:
            raise DriverError(self._config.fails)
        try:
            await asyncio.to_thread(self._keep, version)
        except OSError as error:
            raise DriverError(f"{self._kept} cannot be written: {error.strerror}") from error
        return InstallResult(version)

    async def outcome(self, path: str) -> InstallResult:
        version = await self._version_of(path)
        if await self.version() != version:
            raise DriverError("the installation was cut short")
        return InstallResult(version)

    async def close(self) -> None:
        """There is nothing to free."""

    async def _version_of(self, path: str) -> str:
        try:
            digest, size = await asyncio.to_thread(_digest, path)
        except OSError as error:
            raise DriverError(f"the image cannot be read: {error.strerror}") from error
        if size == 0:
            raise DriverError("the image is empty")
        return self._config.version or f"dry-run-{digest[:12]}"

    def _keep(self, version: str) -> None:
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        beside = self._kept.with_name(f"{self._kept.name}.new")
        beside.write_text(version + "\n", encoding="utf-8")
        beside.replace(self._kept)


def _digest(path: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def remarks(config: Config) -> list[str]:
    return ["the installer dry_run installs nothing: for rehearsals only"]


async def open(config: Config, buses: Buses) -> Installer:
    """Opens at once."""
    return Installer(config)
