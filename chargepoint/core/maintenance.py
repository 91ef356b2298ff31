"""Maintenance: UpdateFirmware, SignedUpdateFirmware, GetDiagnostics and GetLog, and what they mean for connectors and process
(OCPP 1.6 sections 5.9, 5.19; L01 and N01 of the security extension).

Owns the answers to them, and the way from the blocks `firmware` and `diagnostics` to the rest of the station. Refuses to know
how files are moved.

Rules.
1. GetDiagnostics.conf has no fileName where nothing can be uploaded: the location's protocol is none of
   SupportedFileTransferProtocols, startTime lies behind stopTime, or the disk has no room for an archive.
2. UpdateFirmware is NotSupported where the station has no installer. It has no status of its own: everything else that is wrong
   with it shows as DownloadFailed or InstallationFailed.
   It is NotSupported, too, where firmware must be signed: with a profile of TLS in use, or with a manufacturer root installed
   (L01.FR.20). One that was taken before that is given up.
3. SignedUpdateFirmware is answered when the vault has looked at its certificate. A certificate that no manufacturer root
   vouches for is InvalidCertificate; RevokedCertificate is never told, for no revocation list is read: a root that was deleted
   makes its certificates invalid. While the installer is at work it is Rejected.
4. GetLog is Rejected where GetDiagnostics has no fileName.
5. While an installation waits or runs, connectors without a session are Unavailable. After it the process ends as with a Reset.
"""

from msgspec import Struct

from chargepoint.core.blocks import Blocks
from chargepoint.core.departure import Departure
from chargepoint.core.diagnostics import RETRIES as UPLOAD_RETRIES
from chargepoint.core.diagnostics import RETRY_INTERVAL_S as UPLOAD_RETRY_INTERVAL_S
from chargepoint.core.effects import AskVault, SendFrame
from chargepoint.core.events import DownloadEnded, InstallEnded, UploadEnded
from chargepoint.core.faults import Fault
from chargepoint.core.firmware import RETRIES, RETRY_INTERVAL_S
from chargepoint.core.maintenance_records import DiagnosticsOrder, FirmwareOrder, Log, Signature
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.step import Step
from chargepoint.core.vault_records import (
    CheckFirmwareCertificate,
    FirmwareCertificateChecked,
    FirmwareSignatureChecked,
    VaultAnswer,
)
from chargepoint.core.watch import Watch
from chargepoint.messages import (
    ErrorCode,
    GetDiagnosticsConf,
    GetDiagnosticsReq,
    GetLogConf,
    GetLogReq,
    LogStatus,
    LogType,
    PayloadError,
    SignedUpdateFirmwareConf,
    SignedUpdateFirmwareReq,
    UpdateFirmwareConf,
    UpdateFirmwareReq,
    UpdateFirmwareStatus,
    encode_result,
    from_utc,
    to_utc,
)

PROFILE = "FirmwareManagement"
LOCATION_MAX = 4_096
ASKED_MAX = 4
CERTIFICATE = "firmware-certificate-"
NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


class Asked(Struct, frozen=True):
    """A SignedUpdateFirmware whose certificate is being looked at."""

    message_id: str
    order: FirmwareOrder


class Maintenance:
    def __init__(self, blocks: Blocks, departure: Departure, watch: Watch) -> None:
        self._blocks = blocks
        self._departure = departure
        self._watch = watch
        self._asked: dict[str, Asked] = {}
        self._count = 0

    def started(self, step: Step) -> None:
        """What was under way when the process ended goes on."""
        offered = PROFILE in self._blocks.keys.members("SupportedFeatureProfiles")
        self._blocks.firmware.resume(self._blocks.site.firmware_version, offered, step)
        self._blocks.diagnostics.resume(offered, step)

    def update_firmware(self, req: UpdateFirmwareReq, _: str, step: Step) -> UpdateFirmwareConf:
        """Section 5.19."""
        if not self._blocks.site.can_install:
            raise PayloadError(
                ErrorCode.NotSupported, "this station has no installer for firmware ([installer] in its settings)"
            )
        if self._blocks.security.signed_firmware_only:
            raise PayloadError(ErrorCode.NotSupported, "firmware must be signed here: SignedUpdateFirmware")
        _bound(req.location)
        order = FirmwareOrder(
            location=req.location,
            retrieve_at_s=from_utc(req.retrieve_date),
            retries=RETRIES if req.retries is None else req.retries,
            retry_interval_s=RETRY_INTERVAL_S if req.retry_interval is None else req.retry_interval,
        )
        self._blocks.firmware.ordered(order, step)
        return UpdateFirmwareConf()

    def signed_update(self, req: SignedUpdateFirmwareReq, message_id: str, step: Step) -> SignedUpdateFirmwareConf | None:
        """L01. The answer comes when the vault has looked at the certificate."""
        wrong = self._no_update()
        if wrong is not None:
            step.log("warning", f"A signed firmware update is rejected: {wrong}.")
            return SignedUpdateFirmwareConf(status=UpdateFirmwareStatus.Rejected)
        firmware = req.firmware
        order = FirmwareOrder(
            location=firmware.location,
            retrieve_at_s=from_utc(firmware.retrieve_date_time),
            retries=RETRIES if req.retries is None else req.retries,
            retry_interval_s=RETRY_INTERVAL_S if req.retry_interval is None else req.retry_interval,
            signed=Signature(
                request_id=req.request_id,
                certificate=firmware.signing_certificate,
                signature=firmware.signature,
                install_at_s=None if firmware.install_date_time is None else from_utc(firmware.install_date_time),
            ),
        )
        self._count += 1
        key = f"{CERTIFICATE}{self._count}"
        self._asked[key] = Asked(message_id, order)
        step.then(AskVault(key, CheckFirmwareCertificate(pem=firmware.signing_certificate)))
        return None

    def answered(self, key: str, answer: VaultAnswer, step: Step) -> bool:
        """The vault's answer; False where the question was none of these."""
        match answer:
            case FirmwareCertificateChecked(valid=valid, why=why):
                asked = self._asked.pop(key, None)
                if asked is not None:
                    status = self._certificate_checked(asked.order, valid, why, step)
                    step.then(SendFrame(encode_result(asked.message_id, SignedUpdateFirmwareConf(status=status))))
                return asked is not None
            case FirmwareSignatureChecked(valid=valid, why=why):
                if self._blocks.firmware.signature_checked(key, valid, why, step):
                    self._watch.raise_event(SecurityEvent.InvalidFirmwareSignature, why, step)
                return True
            case _:
                return False

    def link_down(self) -> None:
        """Whoever asked for an update and was not answered yet has to ask again."""
        self._asked.clear()

    def get_log(self, req: GetLogReq, _: str, step: Step) -> GetLogConf:
        """N01."""
        oldest, latest = req.log.oldest_timestamp, req.log.latest_timestamp
        start_s = None if oldest is None else from_utc(oldest)
        stop_s = None if latest is None else from_utc(latest)
        wrong = self._no_upload(req.log.remote_location, start_s, stop_s)
        if wrong is not None:
            step.log("warning", f"No log is uploaded: {wrong}.")
            return GetLogConf(status=LogStatus.Rejected)
        log: Log = "security" if req.log_type is LogType.SecurityLog else "diagnostics"
        order = DiagnosticsOrder(
            location=req.log.remote_location,
            file_name=self._file_name(step, log),
            retries=UPLOAD_RETRIES if req.retries is None else req.retries,
            retry_interval_s=UPLOAD_RETRY_INTERVAL_S if req.retry_interval is None else req.retry_interval,
            start_s=start_s,
            stop_s=stop_s,
            log=log,
            request_id=req.request_id,
        )
        gives_way = self._blocks.diagnostics.ordered(order, step)
        return GetLogConf(status=LogStatus.AcceptedCanceled if gives_way else LogStatus.Accepted, filename=order.file_name)

    def get_diagnostics(self, req: GetDiagnosticsReq, _: str, step: Step) -> GetDiagnosticsConf:
        """Section 5.9."""
        _bound(req.location)
        start_s = None if req.start_time is None else from_utc(req.start_time)
        stop_s = None if req.stop_time is None else from_utc(req.stop_time)
        wrong = self._no_upload(req.location, start_s, stop_s)
        if wrong is not None:
            step.log("warning", f"No diagnostics are uploaded: {wrong}.")
            return GetDiagnosticsConf()
        order = DiagnosticsOrder(
            location=req.location,
            file_name=self._file_name(step, "diagnostics"),
            retries=UPLOAD_RETRIES if req.retries is None else req.retries,
            retry_interval_s=UPLOAD_RETRY_INTERVAL_S if req.retry_interval is None else req.retry_interval,
            start_s=start_s,
            stop_s=stop_s,
        )
        self._blocks.diagnostics.ordered(order, step)
        return GetDiagnosticsConf(file_name=order.file_name)

    def ended(self, event: DownloadEnded | UploadEnded | InstallEnded, step: Step) -> None:
        """A transfer or the installer came to an end."""
        blocks = self._blocks
        match event:
            case DownloadEnded(job=job, error=error, hopeless=hopeless):
                blocks.firmware.download_ended(job, error, hopeless, step)
            case UploadEnded(job=job, error=error, hopeless=hopeless, refusal=refusal):
                blocks.diagnostics.upload_ended(job, error, hopeless, refusal, step)
            case InstallEnded(job=job, version=version, error=error, checked=checked):
                running = blocks.site.firmware_version
                if blocks.firmware.install_ended(job, version, error, running, checked, step) and blocks.leaving is None:
                    self._departure.begin("firmware", step)

    def hold_back(self, step: Step) -> None:
        """Connectors without a session are not given a new one while an installation waits or runs."""
        if self._blocks.security.signed_firmware_only:
            self._blocks.firmware.signed_only(step)
        self._blocks.firmware.look(self._blocks.clock.now_s(step))
        for connector in self._blocks.connectors.values():
            connector.held_back = self._blocks.firmware.holds

    def settle(self, step: Step) -> None:
        """Begins what is due."""
        blocks = self._blocks
        idle = blocks.leaving is None and not any(one.in_transaction for one in blocks.connectors.values())
        before = blocks.firmware.holds
        blocks.firmware.settle(blocks.clock.now_s(step), idle, step)
        blocks.diagnostics.settle(step)
        assert blocks.firmware.holds == before, "a download or an installation that is only begun holds nothing new back"

    def deadline(self) -> float | None:
        offset_s = self._blocks.clock.peek_s(0.0)
        times = [self._blocks.firmware.deadline(offset_s), self._blocks.diagnostics.deadline()]
        return min((time for time in times if time is not None), default=None)

    def _no_update(self) -> str | None:
        """Why no signed update can begin now, None where it can."""
        if not self._blocks.site.can_install:
            return "this station has no installer for firmware ([installer] in its settings)"
        if self._blocks.firmware.installing or self._blocks.leaving is not None:
            return "an installation is under way, or the station is about to start again"
        if len(self._asked) >= ASKED_MAX:
            return f"{ASKED_MAX} of them wait for their certificate to be checked already"
        return None

    def _certificate_checked(self, order: FirmwareOrder, valid: bool, why: str, step: Step) -> UpdateFirmwareStatus:
        if not valid:
            self._watch.raise_event(SecurityEvent.InvalidFirmwareSigningCertificate, why, step)
            return UpdateFirmwareStatus.InvalidCertificate
        wrong = self._no_update()
        if wrong is not None:
            step.log("warning", f"A signed firmware update is rejected: {wrong}.")
            return UpdateFirmwareStatus.Rejected
        cancels = not self._blocks.firmware.resting
        self._blocks.firmware.ordered(order, step)
        return UpdateFirmwareStatus.AcceptedCanceled if cancels else UpdateFirmwareStatus.Accepted

    def _no_upload(self, location: str, start_s: float | None, stop_s: float | None) -> str | None:
        """Why nothing can be uploaded, None where it can."""
        protocol = location.partition(":")[0].upper()
        if protocol not in self._blocks.site.file_transfer_protocols:
            return f"{protocol[:20]} is none of {', '.join(self._blocks.site.file_transfer_protocols) or 'no protocols'}"
        if start_s is not None and stop_s is not None and start_s > stop_s:
            return "startTime lies behind stopTime"
        if Fault.STORE_TROUBLED in self._blocks.station_faults:
            return "the disk has no room for an archive"
        return None

    def _file_name(self, step: Step, log: Log) -> str:
        """The station's identity and the time, in characters that every server takes."""
        identity = "".join(character if character in NAME_CHARACTERS else "_" for character in self._blocks.site.identity)
        now_s = self._blocks.clock.now_s(step)
        when = f"{step.stamp.boot}-{int(step.mono_s)}" if now_s is None else to_utc(now_s).strftime("%Y-%m-%dT%H-%M-%SZ")
        end = "_security.csv" if log == "security" else ".tar.gz"
        return f"{identity.lstrip('.') or 'station'}_{when}{end}"


def _bound(location: str) -> None:
    if len(location) > LOCATION_MAX:
        text = f"location: at most {LOCATION_MAX} characters, found {len(location)}"
        raise PayloadError(ErrorCode.PropertyConstraintViolation, text)
