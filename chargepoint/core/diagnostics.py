"""Diagnostics: the course of a GetDiagnostics or a GetLog, from its order to the upload (OCPP 1.6 sections 4.4, 5.9, 7.24; N01
of the security extension).

Owns the state, the attempts, and which DiagnosticsStatusNotification or LogStatusNotification is owed. Refuses to know what an
archive holds and how it is sent: it asks for that and hears how it ended.

Rules.
1. Uploading, then Uploaded or UploadFailed: each told once an upload, not once an attempt. Idle is only ever triggered.
2. `retries` attempts follow the first one (3 where not given), each retryInterval seconds (60 where not given, at least 1)
   after the one before ended; all send the same archive. A restart of the station goes on with the same attempt.
3. An order that comes during another one takes its place, without a word on the old one; both kinds share one upload.
4. A LogStatusNotification says how the server refused a log, where it did: PermissionDenied, NotSupportedOperation, BadMessage.
"""

from chargepoint.core.effects import DropArchive, StartUpload
from chargepoint.core.maintenance_records import (
    DiagnosticsNotice,
    DiagnosticsOrder,
    DiagnosticsRecord,
    DiagnosticsState,
    LogNotice,
    PutDiagnostics,
    Refusal,
    Resting,
    Uploading,
)
from chargepoint.core.notices import End, Notices
from chargepoint.core.step import Step
from chargepoint.messages import DiagnosticsStatus, UploadLogStatus

RETRIES = 3
RETRY_INTERVAL_S = 60
RETRY_MIN_S = 1
REFUSALS: dict[Refusal, UploadLogStatus] = {
    "permission": UploadLogStatus.PermissionDenied,
    "unsupported": UploadLogStatus.NotSupportedOperation,
    "bad_request": UploadLogStatus.BadMessage,
}


class Diagnostics:
    def __init__(self, record: DiagnosticsRecord) -> None:
        self.state: DiagnosticsState = record.state
        self.notices: Notices[DiagnosticsNotice] = Notices(record.owed)
        self._job = 0
        self._retry_s: float | None = None

    @property
    def status(self) -> DiagnosticsStatus:
        """What a triggered notification tells."""
        under_way = isinstance(self.state, Uploading) and self.state.order.request_id is None
        return DiagnosticsStatus.Uploading if under_way else DiagnosticsStatus.Idle

    @property
    def log_notice(self) -> LogNotice | None:
        """What a triggered LogStatusNotification tells; None: Idle."""
        request_id = self.state.order.request_id if isinstance(self.state, Uploading) else None
        return None if request_id is None else LogNotice(UploadLogStatus.Uploading, request_id)

    @property
    def word(self) -> str:
        """For people: resting or uploading."""
        return type(self.state).__name__.lower()

    def ordered(self, order: DiagnosticsOrder, step: Step) -> bool:
        """The upload begins when the station settles, after the answer. True where another one was given up for it."""
        gives_way = isinstance(self.state, Uploading)
        if gives_way:
            step.log("info", "An upload of diagnostics gives way to a new one.")
            self._drop(step)
        self.state = Uploading(order)
        self._retry_s = step.mono_s
        self._owe(order, DiagnosticsStatus.Uploading, UploadLogStatus.Uploading, step)
        return gives_way

    def resume(self, offered: bool, step: Step) -> None:
        """After a start of the process. offered: the feature profile is switched on."""
        if not isinstance(self.state, Uploading):
            return
        if offered or self.state.order.request_id is not None:
            self._retry_s = step.mono_s
        else:
            step.log("warning", "An upload of diagnostics is given up: FirmwareManagement is switched off.")
            self._drop(step)
            self.state = Resting()
            self._store(step)

    def settle(self, step: Step) -> None:
        """Begins the attempt that is due."""
        if isinstance(self.state, Uploading) and self._retry_s is not None and step.mono_s >= self._retry_s:
            order = self.state.order
            self._retry_s = None
            self._job += 1
            step.then(StartUpload(self._job, order.location, order.file_name, order.start_s, order.stop_s, order.log))

    def upload_ended(self, job: int, error: str | None, hopeless: bool, refusal: Refusal | None, step: Step) -> None:
        """How an attempt ended; error None: the archive is there."""
        if job != self._job or not isinstance(self.state, Uploading):
            return
        order, failed = self.state.order, self.state.failed + 1
        if error is None:
            step.log("info", f"The diagnostics {order.file_name} are uploaded.")
            self._end(order, DiagnosticsStatus.Uploaded, UploadLogStatus.Uploaded, step)
        elif hopeless or failed > order.retries:
            step.log("error", f"The diagnostics could not be uploaded: {error}")
            log_status = UploadLogStatus.UploadFailure if refusal is None else REFUSALS[refusal]
            self._end(order, DiagnosticsStatus.UploadFailed, log_status, step)
        else:
            wait_s = max(order.retry_interval_s, RETRY_MIN_S)
            step.log("warning", f"An upload of diagnostics failed: {error}; again in {wait_s} s.")
            self._retry_s = step.mono_s + wait_s
            self.state = Uploading(order, failed)
            self._store(step)

    def ended(self, kind: End, step: Step) -> None:
        """A notification met its end (`rpc.Outcome.kind`)."""
        if self.notices.ended(kind):
            self._store(step)

    def deadline(self) -> float | None:
        return self._retry_s

    def _end(self, order: DiagnosticsOrder, status: DiagnosticsStatus, log_status: UploadLogStatus, step: Step) -> None:
        self._drop(step)
        self.state = Resting()
        self._owe(order, status, log_status, step)

    def _drop(self, step: Step) -> None:
        """Stops the transfer and removes the archive."""
        self._job += 1
        self._retry_s = None
        step.then(DropArchive())

    def _owe(self, order: DiagnosticsOrder, status: DiagnosticsStatus, log_status: UploadLogStatus, step: Step) -> None:
        self.notices.add(status if order.request_id is None else LogNotice(log_status, order.request_id))
        self._store(step)

    def _store(self, step: Step) -> None:
        step.change(PutDiagnostics(DiagnosticsRecord(state=self.state, owed=self.notices.owed)))
