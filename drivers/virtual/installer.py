"""The bench's installer: an image is a text file, and installing it writes its version down.

The first line is `chargepoint-firmware VERSION`; a second line `fail` makes the installation fail; anything else is no image.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses, DriverError, InstallResult

MAGIC = "chargepoint-firmware"
VERSION_MAX = 50  # firmwareVersion of BootNotification.req, section 6.5
LOOKED_AT_BYTES = 4_096


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """state_dir: where the installed version is kept, in `firmware-version`. install_s: how long an installation takes."""

    state_dir: Annotated[str, Meta(min_length=1)]
    install_s: Annotated[float, Meta(ge=0, le=600)] = 0.0


class Installer:
    def __init__(self, config: Config) -> None:
        self._kept = Path(config.state_dir) / "firmware-version"
        self._install_s = config.install_s

    async def version(self) -> str | None:
        """What was installed last; None before the first time."""
        try:
            return (await asyncio.to_thread(self._kept.read_text, encoding="utf-8")).strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DriverError(f"{self._kept} cannot be read ({error}): remove it") from error

    async def install(self, path: str) -> InstallResult:
        version, fails = await asyncio.to_thread(_image, path)
        await asyncio.sleep(self._install_s)
        if fails:
            raise DriverError(f"the image of {version} says that it fails")
        try:
            await asyncio.to_thread(self._keep, version)
        except OSError as error:
            raise DriverError(f"{self._kept} cannot be written ({error.strerror}): free some space there") from error
        return InstallResult(version)

    async def outcome(self, path: str) -> InstallResult:
        version, _ = await asyncio.to_thread(_image, path)
        if await self.version() != version:
            raise DriverError(f"the installation of {version} was cut short")
        return InstallResult(version)

    async def close(self) -> None:
        """There is nothing to free."""

    def _keep(self, version: str) -> None:
        """Whole or not at all, whatever happens meanwhile."""
        beside = self._kept.with_name(f"{self._kept.name}.new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._kept)
        folder = os.open(self._kept.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _image(path: str) -> tuple[str, bool]:
    """Version, and whether the image fails on purpose; raises DriverError for what is no image."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(LOOKED_AT_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DriverError(f"this is no firmware image ({error})") from error
    first, *rest = text.splitlines() or [""]
    magic, _, version = first.partition(" ")
    if magic != MAGIC or not version or not version.isprintable() or " " in version or len(version) > VERSION_MAX:
        raise DriverError(f"this is no firmware image: its first line must be {MAGIC!r} and a version, found {first[:60]!r}")
    return version, bool(rest) and rest[0].strip() == "fail"


async def open(config: Config, buses: Buses) -> Installer:
    """Opens at once."""
    return Installer(config)
