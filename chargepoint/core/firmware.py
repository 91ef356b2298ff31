"""Firmware: the course of an UpdateFirmware, from its order to the version that runs (OCPP 1.6 sections 4.5, 5.19, 7.25).

Owns the state, the attempts, and which FirmwareStatusNotification is owed. Refuses to know transfers and installers: it asks
for them and hears how they ended.

Rules.
1. Downloading, then Downloaded or DownloadFailed, then Installing, then Installed or InstallationFailed: each told once an
   update, not once an attempt. Idle is only ever triggered.
2. The first attempt begins at retrieveDate; `retries` more follow (3 where not given), each retryInterval seconds (60 where not
   given, at least 1) after the one before ended. What cannot get better (a size, a protocol) is not tried again. A restart of
   the station goes on with the same attempt.
3. An order that comes during another one takes its place, without a word on the old one; while the installer is at work it
   waits for its end.
4. The installation waits until no transaction runs; meanwhile no connector begins a new one (`holds`).
5. An installation that a restart cut short ends as the installer says. Installed is owed only by a start that runs the version.
"""

from chargepoint.core.effects import CheckInstall, DropImage, Install, StartDownload
from chargepoint.core.maintenance_records import (
    Downloaded,
    Downloading,
    FirmwareOrder,
    FirmwareRecord,
    FirmwareState,
    Installed,
    Installing,
    PutFirmware,
    Resting,
    Waiting,
)
from chargepoint.core.notices import End, Notices
from chargepoint.core.step import Step
from chargepoint.messages import FirmwareStatus

RETRIES = 3
RETRY_INTERVAL_S = 60
RETRY_MIN_S = 1


class Firmware:
    def __init__(self, record: FirmwareRecord) -> None:
        self.state: FirmwareState = record.state
        self._next = record.next
        self.notices = Notices(record.owed)
        self._job = 0
        self._retry_s: float | None = None

    @property
    def holds(self) -> bool:
        """An installation waits or runs: no session may begin."""
        return isinstance(self.state, Downloaded | Installing | Installed)

    @property
    def installing(self) -> bool:
        return isinstance(self.state, Installing | Installed)

    @property
    def status(self) -> FirmwareStatus:
        """What a triggered notification tells."""
        match self.state:
            case Downloading():
                return FirmwareStatus.Downloading
            case Downloaded():
                return FirmwareStatus.Downloaded
            case Installing() | Installed():
                return FirmwareStatus.Installing
            case Resting() | Waiting():
                return FirmwareStatus.Idle

    @property
    def word(self) -> str:
        """For people: resting, waiting, downloading, downloaded, installing or installed."""
        return type(self.state).__name__.lower()

    def ordered(self, order: FirmwareOrder, step: Step) -> None:
        """UpdateFirmware."""
        if self.installing:
            step.log("info", "A firmware update waits until the installer is done with the one before.")
            self._next = order
        else:
            if not isinstance(self.state, Resting):
                step.log("info", "A firmware update gives way to a new one.")
                self._drop(step)
            self.state = Waiting(order)
        self.store(step)

    def resume(self, version: str, offered: bool, step: Step) -> None:
        """After a start of the process, which runs `version`. offered: the feature profile is switched on."""
        match self.state:
            case Waiting() | Downloading() | Downloaded() if not offered:
                step.log("warning", "A firmware update is given up: FirmwareManagement is switched off.")
                self._drop(step)
                self._end(None, step)
            case Downloading(order=order):
                self._download(order, step)
            case Installing():
                step.log("warning", "The station was restarted during an installation; its end is looked up.")
                self._job += 1
                step.then(CheckInstall(self._job))
            case Installed(version=wanted):
                self._verify(wanted, version, step)
            case Resting() | Waiting() | Downloaded():
                pass

    def settle(self, now_s: float | None, idle: bool, step: Step) -> None:
        """Begins what is due. now_s: seconds since 1970 UTC, where known. idle: no transaction runs."""
        match self.state:
            case Waiting(order=order) if now_s is not None and now_s >= order.retrieve_at_s:
                self.state = Downloading(order)
                self._owe(FirmwareStatus.Downloading, step)
                self._download(order, step)
            case Downloading(order=order) if self._retry_s is not None and step.mono_s >= self._retry_s:
                self._download(order, step)
            case Downloaded(order=order) if idle:
                self.state = Installing(order)
                self._owe(FirmwareStatus.Installing, step)
                step.log("info", "The firmware is being installed.")
                self._job += 1
                step.then(Install(self._job))

    def download_ended(self, job: int, error: str | None, hopeless: bool, step: Step) -> None:
        """How an attempt ended; error None: the image is there."""
        if job != self._job or not isinstance(self.state, Downloading):
            return
        order, failed = self.state.order, self.state.failed + 1
        if error is None:
            step.log("info", "The firmware is downloaded.")
            self.state = Downloaded(order)
            self._owe(FirmwareStatus.Downloaded, step)
        elif hopeless or failed > order.retries:
            step.log("error", f"The firmware could not be downloaded: {error}")
            self._drop(step)
            self._end(FirmwareStatus.DownloadFailed, step)
        else:
            wait_s = max(order.retry_interval_s, RETRY_MIN_S)
            step.log("warning", f"A firmware download failed: {error}; again in {wait_s} s.")
            self._retry_s = step.mono_s + wait_s
            self.state = Downloading(order, failed)
            self.store(step)

    def install_ended(
        self, job: int, installed: str | None, error: str | None, version: str, checked: bool, step: Step
    ) -> bool:
        """How the installer ended. True: the process must end, so that the installed version runs.

        version: what runs now. checked: it tells of an installation that a restart cut short.
        """
        if job != self._job or not isinstance(self.state, Installing):
            return False
        if installed is None:
            step.log("error", f"The firmware could not be installed, {version or 'the old one'} stays: {error}")
            self._drop(step)
            self._end(FirmwareStatus.InstallationFailed, step)
            return False
        if checked and installed == version:
            self._verify(installed, version, step)
            return False
        step.log("info", f"The firmware {installed} is installed; the station starts again with it.")
        self.state = Installed(installed)
        self.store(step)
        return True

    def ended(self, kind: End, step: Step) -> None:
        """A notification met its end (`rpc.Outcome.kind`)."""
        if self.notices.ended(kind):
            self.store(step)

    def deadline(self, offset_s: float | None) -> float | None:
        """offset_s: wall clock minus monotonic clock, where known."""
        match self.state:
            case Waiting(order=order):
                return None if offset_s is None else order.retrieve_at_s - offset_s
            case Downloading():
                return self._retry_s
            case _:
                return None

    def store(self, step: Step) -> None:
        step.change(PutFirmware(FirmwareRecord(state=self.state, next=self._next, owed=self.notices.owed)))

    def _download(self, order: FirmwareOrder, step: Step) -> None:
        self._retry_s = None
        self._job += 1
        step.then(StartDownload(self._job, order.location))

    def _verify(self, wanted: str, version: str, step: Step) -> None:
        """The process runs `version` now."""
        self._drop(step)
        if wanted == version:
            step.log("info", f"The station runs the firmware {version}.")
            self._end(FirmwareStatus.Installed, step)
        else:
            step.log("error", f"The firmware {wanted} was installed, but {version or 'another one'} runs.")
            self._end(FirmwareStatus.InstallationFailed, step)

    def _end(self, status: FirmwareStatus | None, step: Step) -> None:
        """The update is over; the order that waited for that goes on."""
        self._retry_s = None
        self.state = Resting() if self._next is None else Waiting(self._next)
        self._next = None
        if status is None:
            self.store(step)
        else:
            self._owe(status, step)

    def _drop(self, step: Step) -> None:
        """Stops the transfer and removes what it brought."""
        self._job += 1
        step.then(DropImage())

    def _owe(self, status: FirmwareStatus, step: Step) -> None:
        self.notices.add(status)
        self.store(step)
