"""Installs a Debian package: the station's firmware is the package that it was installed from.

What happens. The image is looked at as the service's user: it must be a whole .deb of this package and architecture, and
`dpkg --dry-run` must take it. Then the package's own unit installs it as root, asked for by a file that it waits for and takes
away at the end; or `command` does, in a unit of its own, for the package's scripts may restart the service. What counts is what
dpkg says afterwards. The image of a good installation is kept as FOLDER/installed.deb; where a
later one leaves the package half installed, that one is put back. docs/firmware.md tells what the service's user must be
allowed.
"""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses, DriverError, InstallResult

ASK_S = 60.0
SAID_MAX = 400
POLL_S = 1.0
REQUEST = "install.request"  # chargepoint-install.path waits for it
LOG = Path("/run/chargepoint-install/log")  # what dpkg said there
INSTALLED = "installed"
UNPACKED = ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")

Words = Annotated[str, Meta(min_length=1, max_length=500)]


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """package: its name. folder: where its last good image is kept, and the request for the package's own unit; absolute.
    command: what installs instead of that unit, as its words; {image} is the image's path. unit: the unit in which the command
    does it, to wait for it after a restart; "": none. timeout_s: how long it may take. root: another root than /, for images
    that are being made.
    """

    package: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9+.\-]+\Z", description="must be a package's name: small letters, digits, + . -")
    ] = "chargepoint"
    folder: Annotated[str, Meta(pattern=r"^/", description="must be an absolute path")] = "/var/lib/chargepoint/firmware"
    command: Annotated[tuple[Words, ...], Meta(min_length=1)] | None = None
    unit: str = ""
    timeout_s: Annotated[float, Meta(ge=1, le=7_200)] = 900.0
    root: Annotated[str, Meta(pattern=r"^/", description="must be an absolute path")] | None = None


class Image(Struct, frozen=True):
    """What a .deb says of itself."""

    package: str
    version: str
    architecture: str


class State(Struct, frozen=True):
    """What dpkg says of the package: its status (`installed` is well) and version."""

    status: str
    version: str


class Installer:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept = Path(config.folder) / "installed.deb"
        self._request = Path(config.folder) / REQUEST

    async def version(self) -> str | None:
        """The version whose files are in place; None where the package is not installed."""
        state = await self._state()
        return state.version if state is not None and state.status in UNPACKED else None

    async def install(self, path: str) -> InstallResult:
        image = await self._inspect(path)
        before = await self._state()
        await self._run("dpkg", *self._options(), "--dry-run", "--install", path)
        return await self._carry_out(path, image, before)

    async def outcome(self, path: str) -> InstallResult:
        """Waits for an installation that goes on without us. One that a power cut left half done is done again."""
        await self._unit_ended()
        image = await self._inspect(path)
        state = await self._state()
        if state == State(INSTALLED, image.version):
            await self._keep(path)
            return InstallResult(image.version)
        if state is not None and state.status == INSTALLED:
            raise DriverError(f"the installation of {image.version} was cut short; {state.version} is still installed")
        return await self._carry_out(path, image, None)

    async def close(self) -> None:
        """An installation goes on without us."""

    async def _carry_out(self, path: str, image: Image, before: State | None) -> InstallResult:
        failure = await self._command(path)
        state = await self._state()
        if state == State(INSTALLED, image.version):
            await self._keep(path)
            return InstallResult(image.version)
        failure = failure or f"the command ended well, but dpkg has {_shown(state)}"
        if state is not None and state == before:
            raise DriverError(f"{self._config.package} {image.version}: {failure}")
        raise DriverError(f"{self._config.package} {image.version}: {failure}; {await self._put_back(path)}")

    async def _put_back(self, path: str) -> str:
        """The package is neither the old nor the new one: the last good image is installed again. What came of it, in words."""
        if not self._kept.exists():
            return f"there is no {self._kept} to go back to: install the package by hand"
        try:
            await asyncio.to_thread(shutil.copyfile, self._kept, path)
            kept = await self._inspect(path)
        except (OSError, DriverError) as error:
            return f"{self._kept} could not be put back ({error}): install the package by hand"
        failure = await self._command(path)
        state = await self._state()
        if state == State(INSTALLED, kept.version):
            return f"{kept.version} was put back"
        return f"{kept.version} could not be put back ({failure or _shown(state)}): install the package by hand"

    async def _inspect(self, path: str) -> Image:
        """Raises DriverError where the file is not a whole .deb of this package for this machine."""
        fields = ("Package", "Version", "Architecture")
        said = await self._run("dpkg-deb", "--show", "--showformat=" + "".join(f"${{{name}}}\\n" for name in fields), path)
        lines = said.splitlines()
        if len(lines) != len(fields):
            raise DriverError("the image is a Debian archive without package, version and architecture")
        image = Image(*lines)
        if image.package != self._config.package:
            raise DriverError(f"the image is the package {image.package[:60]}, and {self._config.package} is wanted")
        machine = (await self._run("dpkg", "--print-architecture")).strip()
        if image.architecture not in (machine, "all"):
            raise DriverError(f"the image is for {image.architecture[:20]}, and this machine is {machine}")
        await self._run("dpkg-deb", "--fsys-tarfile", path, keep=False)  # reads all of it: a damaged one ends here
        return image

    async def _state(self) -> State | None:
        """None where the package is not known."""
        form = "--showformat=${db:Status-Status} ${Version}\\n"
        try:
            said = await self._run("dpkg-query", *self._options(), "--show", form, self._config.package)
        except DriverError:
            return None  # dpkg-query has no other way to say so
        status, _, version = said.strip().partition(" ")
        return State(status, version)

    async def _command(self, path: str) -> str | None:
        """Installs; why it failed, None where that is not known or it did not."""
        if self._config.command is None:
            return await self._ask()
        words = [word.replace("{image}", path) for word in self._config.command]
        try:
            await self._run(*words, limit_s=self._config.timeout_s)
        except DriverError as error:
            return str(error)
        return None

    async def _ask(self) -> str | None:
        """Asks the package's unit, and waits until it is done."""
        try:
            self._request.parent.mkdir(parents=True, exist_ok=True)
            self._request.touch(mode=0o600)
        except OSError as error:
            return f"{self._request} cannot be written: {error.strerror or error}"
        if not await self._taken():
            self._request.unlink(missing_ok=True)
            return f"nobody took {self._request} away within {self._config.timeout_s:g} s: is chargepoint-install.path enabled?"
        try:
            said = await asyncio.to_thread(LOG.read_text, errors="replace")
        except OSError:
            return None
        return " ".join(said.split())[-SAID_MAX:] or None

    async def _taken(self) -> bool:
        """Waits until the request is gone; whether it is."""
        for _ in range(round(self._config.timeout_s / POLL_S)):
            if not self._request.exists():
                return True
            await asyncio.sleep(POLL_S)
        return not self._request.exists()

    async def _unit_ended(self) -> None:
        """Waits until the installation is over that goes on without us."""
        if self._config.command is None:
            await self._taken()
            return
        if not self._config.unit or shutil.which("systemctl") is None:
            return
        for _ in range(round(self._config.timeout_s / POLL_S)):
            if (await self._answer("systemctl", "is-active", self._config.unit)) not in ("active", "activating"):
                return
            await asyncio.sleep(POLL_S)

    async def _answer(self, *words: str) -> str:
        """What a command says, though it may say it with an exit status."""
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        said, _ = await process.communicate()
        return said.decode("utf-8", "replace").strip()

    async def _keep(self, path: str) -> None:
        """The image is good: it is what a later failure goes back to. A disk without room for it is no failure."""
        beside = self._kept.with_name("installed.deb.new")
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._kept.parent.mkdir, parents=True, exist_ok=True)
            await asyncio.to_thread(shutil.copyfile, path, beside)
            await asyncio.to_thread(beside.replace, self._kept)

    def _options(self) -> tuple[str, ...]:
        return () if self._config.root is None else (f"--root={self._config.root}",)

    async def _run(self, *words: str, limit_s: float = ASK_S, keep: bool = True) -> str:
        """What a command says on stdout; raises DriverError with its last words where it fails."""
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if keep else asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            )
        except OSError as error:
            raise DriverError(f"{words[0]} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(limit_s):
                said, complained = await process.communicate()
        except TimeoutError:
            raise DriverError(f"{words[0]} took more than {limit_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            last = " ".join(complained.decode("utf-8", "replace").split())[-SAID_MAX:]
            raise DriverError(f"{words[0]} failed ({process.returncode}): {last or 'without a word'}")
        return said.decode("utf-8", "replace") if keep else ""


def _shown(state: State | None) -> str:
    return "no such package" if state is None else f"{state.version} as {state.status}"


def remarks(config: Config) -> list[str]:
    if config.command is None:
        return []
    said = " ".join(config.command)
    return [f"the service's user must be allowed to run: {said} (docs/firmware.md)"]


async def open(config: Config, buses: Buses) -> Installer:
    """Raises DriverError where there is no dpkg."""
    if shutil.which("dpkg") is None:
        raise DriverError("there is no dpkg: the installer deb works on Debian only")
    return Installer(config)
