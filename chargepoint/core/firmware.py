"""Firmware: the course of an UpdateFirmware or a SignedUpdateFirmware, from its order to the version that runs (OCPP 1.6
sections 4.5, 5.19, 7.25; L01 of the security extension).

Owns the state, the attempts, and which FirmwareStatusNotification or SignedFirmwareStatusNotification is owed. Refuses to know
transfers, installers and certificates: it asks for what they do and hears how they ended.

Rules.
1. Downloading, then Downloaded or DownloadFailed, then Installing, then Installed or InstallationFailed: each told once an
   update, not once an attempt. Idle is only ever triggered. A signed update also tells DownloadScheduled and InstallScheduled
   where it waits for a date, SignatureVerified or InvalidSignature after Downloaded, and InstallRebooting.
2. The first attempt begins at retrieveDate; `retries` more follow (3 where not given), each retryInterval seconds (60 where not
   given, at least 1) after the one before ended. What cannot get better (a size, a protocol) is not tried again. A restart of
   the station goes on with the same attempt.
3. An order that comes during another one takes its place, without a word on the old one; while the installer is at work it
   waits for its end (a signed one is Rejected before it comes here).
4. The installation waits for installDateTime and until no transaction runs; from that date on no connector begins a new one
   (`holds`).
5. An installation that a restart cut short ends as the installer says. Installed is owed only by a start that runs the version.
6. Of a signed order no installation begins whose signature was not found good in this run of the process: after a restart the
   image is looked at once more. An image that fails is removed.
7. Where firmware must be signed from now on, an unsigned order from before is given up (`signed_only`), unless the installer is
   at work on it already.
"""

from chargepoint.core.effects import AskVault, CheckInstall, DropImage, Install, StartDownload
from chargepoint.core.maintenance_records import (
    Downloaded,
    Downloading,
    FirmwareNotice,
    FirmwareOrder,
    FirmwareRecord,
    FirmwareState,
    Installed,
    Installing,
    PutFirmware,
    Resting,
    SignedNotice,
    Verifying,
    Waiting,
)
from chargepoint.core.notices import End, Notices
from chargepoint.core.step import Step
from chargepoint.core.vault_records import CheckFirmwareSignature
from chargepoint.messages import FirmwareStatus, SignedFirmwareStatus

RETRIES = 3
RETRY_INTERVAL_S = 60
RETRY_MIN_S = 1
SIGNATURE = "firmware-signature-"
Status = SignedFirmwareStatus


class Firmware:
    def __init__(self, record: FirmwareRecord) -> None:
        self.state: FirmwareState = record.state
        self._next = record.next
        self._last = record.last
        self.notices: Notices[FirmwareNotice] = Notices(record.owed)
        self._job = 0
        self._retry_s: float | None = None
        self._ready = False  # installDateTime has come
        self.updated: str | None = None  # a version that was installed runs, since somebody looked

    @property
    def holds(self) -> bool:
        """An installation waits or runs: no session may begin."""
        return self.installing or (isinstance(self.state, Downloaded) and self._ready)

    @property
    def installing(self) -> bool:
        return isinstance(self.state, Installing | Installed)

    @property
    def resting(self) -> bool:
        return isinstance(self.state, Resting)

    @property
    def status(self) -> FirmwareStatus:
        """What a triggered FirmwareStatusNotification tells."""
        match self.state:
            case Downloading():
                return FirmwareStatus.Downloading
            case Verifying() | Downloaded():
                return FirmwareStatus.Downloaded
            case Installing() | Installed():
                return FirmwareStatus.Installing
            case Resting() | Waiting():
                return FirmwareStatus.Idle

    @property
    def signed_notice(self) -> SignedNotice | None:
        """What a triggered SignedFirmwareStatusNotification tells: the last status (L01.FR.28 and 29); None: Idle."""
        return None if self._last is not None and self._last.status is Status.Installed else self._last

    @property
    def word(self) -> str:
        """For people: resting, waiting, downloading, verifying, downloaded, installing or installed."""
        return type(self.state).__name__.lower()

    def ordered(self, order: FirmwareOrder, step: Step) -> None:
        """UpdateFirmware, or SignedUpdateFirmware with a certificate that was found good."""
        if self.installing:
            step.log("info", "A firmware update waits until the installer is done with the one before.")
            self._next = order
        else:
            if not self.resting:
                step.log("info", "A firmware update gives way to a new one.")
                self._drop(step)
            self.state = Waiting(order)
        self.store(step)

    def resume(self, version: str, offered: bool, step: Step) -> None:
        """After a start of the process, which runs `version`. offered: the feature profile is switched on."""
        match self.state:
            case Waiting(order=order) | Downloading(order=order) | Downloaded(order=order) if not (offered or order.signed):
                step.log("warning", "A firmware update is given up: FirmwareManagement is switched off.")
                self._drop(step)
                self._end(None, None, step)
            case Downloading(order=order):
                self._download(order, step)
            case Verifying(order=order, verified=verified, announced=announced):
                self._look_at_signature(Verifying(order, verified, announced), step)
            case Downloaded(order=order, announced=announced) if order.signed is not None:
                self._look_at_signature(Verifying(order, True, announced), step)
            case Installing():
                step.log("warning", "The station was restarted during an installation; its end is looked up.")
                self._job += 1
                step.then(CheckInstall(self._job))
            case Installed(version=wanted, request_id=request_id):
                self._verify(wanted, version, request_id, step)
            case Resting() | Waiting() | Downloaded():
                pass

    def signed_only(self, step: Step) -> None:
        """Firmware must be signed: what was ordered without a signature before that is given up."""
        if self._next is not None and self._next.signed is None:
            self._next = None
            self.store(step)
        match self.state:
            case Waiting(order=order) | Downloading(order=order) | Downloaded(order=order) if order.signed is None:
                step.log("warning", "A firmware update is given up: firmware must be signed now (SignedUpdateFirmware).")
                failed = Status.InstallationFailed if isinstance(self.state, Downloaded) else Status.DownloadFailed
                self._drop(step)
                self._end(order, failed, step)
            case _:
                pass

    def look(self, now_s: float | None) -> None:
        """Whether the date of an installation has come. now_s: seconds since 1970 UTC, where known."""
        if isinstance(self.state, Downloaded):
            at_s = _install_at_s(self.state.order)
            self._ready = self._ready or at_s is None or (now_s is not None and now_s >= at_s)
        else:
            self._ready = False

    def settle(self, now_s: float | None, idle: bool, step: Step) -> None:
        """Begins what is due. now_s: seconds since 1970 UTC, where known. idle: no transaction runs."""
        match self.state:
            case Waiting(order=order) if now_s is not None and now_s >= order.retrieve_at_s:
                self.state = Downloading(order)
                self._owe(order, Status.Downloading, step)
                self._download(order, step)
            case Waiting(order=order, announced=False) if order.signed is not None:
                self.state = Waiting(order, True)
                self._owe(order, Status.DownloadScheduled, step)
            case Downloading(order=order) if self._retry_s is not None and step.mono_s >= self._retry_s:
                self._download(order, step)
            case Downloaded(order=order, announced=False) if not self._ready:
                self.state = Downloaded(order, True)
                self._owe(order, Status.InstallScheduled, step)
            case Downloaded(order=order) if self._ready and idle:
                self.state = Installing(order)
                self._owe(order, Status.Installing, step)
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
            self._owe(order, Status.Downloaded, step)
            if order.signed is not None:
                self._look_at_signature(Verifying(order), step)
        elif hopeless or failed > order.retries:
            step.log("error", f"The firmware could not be downloaded: {error}")
            self._drop(step)
            self._end(order, Status.DownloadFailed, step)
        else:
            wait_s = max(order.retry_interval_s, RETRY_MIN_S)
            step.log("warning", f"A firmware download failed: {error}; again in {wait_s} s.")
            self._retry_s = step.mono_s + wait_s
            self.state = Downloading(order, failed)
            self.store(step)

    def signature_checked(self, key: str, valid: bool, why: str, step: Step) -> bool:
        """The vault looked at the image. True where its signature is found not to be good: an event."""
        if key != f"{SIGNATURE}{self._job}" or not isinstance(self.state, Verifying):
            return False
        order, verified = self.state.order, self.state.verified
        if not valid:
            step.log("error", f"The firmware is not installed, for its signature is not good: {why}")
            self._drop(step)
            self._end(order, Status.InvalidSignature, step)
            return True
        self.state = Downloaded(order, self.state.announced)
        if verified:
            self.store(step)
        else:
            self._owe(order, Status.SignatureVerified, step)
        return False

    def install_ended(
        self, job: int, installed: str | None, error: str | None, version: str, checked: bool, step: Step
    ) -> bool:
        """How the installer ended. True: the process must end, so that the installed version runs.

        version: what runs now. checked: it tells of an installation that a restart cut short.
        """
        if job != self._job or not isinstance(self.state, Installing):
            return False
        order = self.state.order
        request_id = None if order.signed is None else order.signed.request_id
        if installed is None:
            step.log("error", f"The firmware could not be installed, {version or 'the old one'} stays: {error}")
            self._drop(step)
            self._end(order, Status.InstallationFailed, step)
            return False
        if checked and installed == version:
            self._verify(installed, version, request_id, step)
            return False
        step.log("info", f"The firmware {installed} is installed; the station starts again with it.")
        self.state = Installed(installed, request_id)
        self._owe(order, Status.InstallRebooting, step)
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
            case Downloaded(order=order) if not self._ready:
                at_s = _install_at_s(order)
                return None if offset_s is None or at_s is None else at_s - offset_s
            case _:
                return None

    def store(self, step: Step) -> None:
        record = FirmwareRecord(state=self.state, next=self._next, owed=self.notices.owed, last=self._last)
        step.change(PutFirmware(record))

    def _download(self, order: FirmwareOrder, step: Step) -> None:
        self._retry_s = None
        self._job += 1
        step.then(StartDownload(self._job, order.location))

    def _look_at_signature(self, state: Verifying, step: Step) -> None:
        assert state.order.signed is not None
        self.state = state
        self._job += 1
        self.store(step)
        signed = state.order.signed
        request = CheckFirmwareSignature(pem=signed.certificate, signature=signed.signature)
        step.then(AskVault(f"{SIGNATURE}{self._job}", request))

    def _verify(self, wanted: str, version: str, request_id: int | None, step: Step) -> None:
        """The process runs `version` now."""
        self._drop(step)
        if wanted == version:
            step.log("info", f"The station runs the firmware {version}.")
            self.updated = version
        else:
            step.log("error", f"The firmware {wanted} was installed, but {version or 'another one'} runs.")
        self._rest()
        self._tell(request_id, Status.Installed if wanted == version else Status.InstallationFailed, step)

    def _end(self, order: FirmwareOrder | None, status: Status | None, step: Step) -> None:
        """The update is over; the order that waited for that goes on."""
        self._rest()
        if order is None or status is None:
            self.store(step)
        else:
            self._owe(order, status, step)

    def _rest(self) -> None:
        self._retry_s = None
        self.state = Resting() if self._next is None else Waiting(self._next)
        self._next = None

    def _drop(self, step: Step) -> None:
        """Stops the transfer and removes what it brought."""
        self._job += 1
        step.then(DropImage())

    def _owe(self, order: FirmwareOrder, status: Status, step: Step) -> None:
        self._tell(None if order.signed is None else order.signed.request_id, status, step)

    def _tell(self, request_id: int | None, status: Status, step: Step) -> None:
        """A status of a signed update, or of another one where OCPP 1.6 has it."""
        if request_id is not None:
            self._last = SignedNotice(status, request_id)
            self.notices.add(self._last)
        elif status.name in FirmwareStatus.__members__:
            self.notices.add(FirmwareStatus[status.name])
        self.store(step)


def _install_at_s(order: FirmwareOrder) -> float | None:
    return None if order.signed is None else order.signed.install_at_s
