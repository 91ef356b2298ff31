"""Maintenance: carries out what the core asks of transfers, archives and the installer.

Owns the files of both under the state directory (`firmware/image`, `diagnostics/NAME`) and the order of what happens to
them: for firmware and for diagnostics one thing at a time each, what is given up ends before the next begins. Refuses to
decide: every attempt ends as an event, whatever broke. `perform` returns at once and never raises.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, assert_never

from msgspec import Struct

from chargepoint.core import effects as fx
from chargepoint.core.events import DownloadEnded, Event, InstallEnded, UploadEnded
from chargepoint.core.maintenance_records import Log
from chargepoint.ports import DriverError, Installer
from chargepoint.settings import Transfers
from chargepoint.shell.transfers import address, partial, runner
from chargepoint.shell.transfers.jobs import MIB, Done, Failed, Job, Progress, TransferError
from chargepoint.shell.vault.folder import Places as Certificates

log = logging.getLogger(__name__)

FREE_MIN_BYTES = 32 * MIB  # stays free for what the station must store
INSTALL_S = 7_200.0
VERSION_MAX = 50
STOP_S = 1.0
TELL_EVERY_BYTES = 16 * MIB

Archive = Callable[[Path, Log, float | None, float | None], Awaitable[None]]
Put = Callable[[Event], None]
Work = Callable[[], Coroutine[Any, Any, None]]


def protocols() -> tuple[str, ...]:
    """SupportedFileTransferProtocols: what can be used here."""
    return ("FTP", "FTPS", "HTTP", "HTTPS", *(("SFTP",) if find_spec("asyncssh") is not None else ()))


class Places(Struct, frozen=True, kw_only=True):
    """state_dir: where files are kept. certificates: their Central System roots are trusted like the system's authorities."""

    state_dir: Path
    certificates: Certificates | None = None

    @property
    def image(self) -> Path:
        return self.state_dir / "firmware" / "image"

    @property
    def archives(self) -> Path:
        return self.state_dir / "diagnostics"


class Maintenance:
    """installer: None where there is none. archive: makes one of a kind at a path, for a time. put: takes every event."""

    def __init__(self, places: Places, bounds: Transfers, installer: Installer | None, archive: Archive, put: Put) -> None:
        self._places = places
        self._bounds = bounds
        self._installer = installer
        self._archive = archive
        self._put = put
        self._firmware = _Lane("firmware")
        self._diagnostics = _Lane("diagnostics")

    def perform(self, effect: fx.MaintenanceEffect) -> None:
        match effect:
            case fx.StartDownload(job=job, location=location):
                self._firmware.begin(lambda: self._download(job, location))
            case fx.Install(job=job):
                self._firmware.begin(lambda: self._install(job, checked=False))
            case fx.CheckInstall(job=job):
                self._firmware.begin(lambda: self._install(job, checked=True))
            case fx.DropImage():
                self._firmware.begin(self._drop_image, removes=True)
            case fx.StartUpload():
                self._diagnostics.begin(lambda: self._upload(effect))
            case fx.DropArchive():
                self._diagnostics.begin(self._drop_archives, removes=True)
            case _:
                assert_never(effect)

    async def stop(self) -> None:
        """Ends what runs; its files stay for the next start."""
        await asyncio.gather(self._firmware.stop(), self._diagnostics.stop())
        if self._installer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._installer.close()

    async def _download(self, job: int, location: str) -> None:
        where = address.shown(location)
        log.info("firmware: downloading %s", where)
        told = _Told(f"firmware: of {where}")
        task = self._job("download", location, self._places.image, self._bounds.firmware_mib_max * MIB)
        self._put(await self._attempt(task, told.hear, lambda why, failed: DownloadEnded(job, why, failed.hopeless)))

    async def _upload(self, effect: fx.StartUpload) -> None:
        def ended(why: str | None, failed: Failed) -> UploadEnded:
            return UploadEnded(effect.job, why, failed.hopeless, failed.refusal)

        path = self._places.archives / effect.file_name
        try:
            if not path.exists():
                await asyncio.to_thread(_empty, self._places.archives)
                await self._archive(path, effect.log, effect.start_s, effect.stop_s)
            target = address.within(effect.location, effect.file_name)
        except TransferError as error:
            self._put(ended(str(error), Failed(str(error), error.hopeless)))
            return
        except Exception as error:
            log.error("diagnostics: the archive could not be made", exc_info=error)
            self._put(ended(f"the archive could not be made: {error}", Failed("")))
            return
        log.info("diagnostics: sending %s to %s", effect.file_name, address.shown(target))
        task = self._job("upload", target, path, self._bounds.diagnostics_mib_max * MIB)
        self._put(await self._attempt(task, lambda progress: None, ended))

    async def _attempt(self, job: Job, hear: Callable[[Progress], None], ended: Callable[[str | None, Failed], Event]) -> Event:
        try:
            outcome = await runner.run(job, attempt_s=self._bounds.attempt_s_max, stall_s=self._bounds.stall_s, progress=hear)
        except Exception as error:
            log.error("a transfer broke", exc_info=error)
            outcome = Failed(f"the transfer broke: {type(error).__name__}")
        match outcome:
            case Done(size=size, moved=moved):
                log.info("%s of %d bytes is done, %d of them in this attempt", job.do, size, moved)
                return ended(None, Failed(""))
            case Failed(why=why):
                return ended(why, outcome)

    async def _install(self, job: int, *, checked: bool) -> None:
        image = str(self._places.image)
        try:
            if self._installer is None:
                raise DriverError("there is no installer in the settings, or it could not be opened")
            async with asyncio.timeout(INSTALL_S):
                result = await (self._installer.outcome(image) if checked else self._installer.install(image))
        except DriverError as error:
            self._put(InstallEnded(job, None, str(error), checked))
        except TimeoutError:
            self._put(InstallEnded(job, None, f"the installer took more than {INSTALL_S:g} s", checked))
        except Exception as error:  # code of a driver runs here: whatever it raises is a failed installation
            log.error("the installer broke", exc_info=error)
            self._put(InstallEnded(job, None, f"the installer broke: {type(error).__name__}: {error}"[:300], checked))
        else:
            self._put(InstallEnded(job, result.version[:VERSION_MAX], None, checked))

    async def _drop_image(self) -> None:
        with _complaining("firmware"):
            await asyncio.to_thread(partial.remove, str(self._places.image))

    async def _drop_archives(self) -> None:
        with _complaining("diagnostics"):
            await asyncio.to_thread(_empty, self._places.archives)

    def _job(self, do: Any, url: str, path: Path, size_max: int) -> Job:
        return Job(
            do=do,
            url=url,
            path=str(path),
            size_max=size_max,
            free_min=FREE_MIN_BYTES,
            silence_s=self._bounds.stall_s,
            certificates=self._places.certificates,
            known_hosts=str(self._places.state_dir / "known_hosts"),
        )


class _Lane:
    """One thing at a time, in the order of asking.

    A new one cancels the transfer that runs and takes the place of one that waits; what removes files is always carried out.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[tuple[Work, bool]] = []
        self._running: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[None] | None = None

    def begin(self, work: Work, *, removes: bool = False) -> None:
        self._waiting = [(other, True) for other, other_removes in self._waiting if other_removes and not removes]
        self._waiting.append((work, removes))
        if self._running is not None:
            self._running.cancel()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work(), name=self._name)

    async def stop(self) -> None:
        self._waiting.clear()
        if self._running is not None:
            self._running.cancel()
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=STOP_S)
            self._worker.cancel()

    async def _work(self) -> None:
        while self._waiting:
            work, removes = self._waiting.pop(0)
            task = asyncio.get_running_loop().create_task(work(), name=self._name)
            self._running = None if removes else task
            await asyncio.wait({task})
            self._running = None
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("%s: a mistake", self._name, exc_info=error)


class _Told:
    """Tells now and then how far a download is."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = TELL_EVERY_BYTES

    def hear(self, progress: Progress) -> None:
        if progress.size >= self._next:
            self._next = progress.size + TELL_EVERY_BYTES
            total = "" if progress.total is None else f" of {progress.total >> 20}"
            log.info("%s %d%s MiB are here", self._what, progress.size >> 20, total)


@contextlib.contextmanager
def _complaining(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("%s: what is not needed any more cannot be removed: %s", what, error)


def _empty(folder: Path) -> None:
    """Removes the files of a folder."""
    if folder.is_dir():
        for path in folder.iterdir():
            if not path.is_dir():
                path.unlink(missing_ok=True)
