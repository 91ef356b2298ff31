"""Maintenance: UpdateFirmware and GetDiagnostics, and what they mean for connectors and process (OCPP 1.6 sections 5.9, 5.19).

Owns the answers to both, and the way from the blocks `firmware` and `diagnostics` to the rest of the station. Refuses to know
how files are moved.

Rules.
1. GetDiagnostics.conf has no fileName where nothing can be uploaded: the location's protocol is none of
   SupportedFileTransferProtocols, startTime lies behind stopTime, or the disk has no room for an archive.
2. UpdateFirmware is NotSupported where the station has no installer. It has no status of its own: everything else that is wrong
   with it shows as DownloadFailed or InstallationFailed.
3. While an installation waits or runs, connectors without a session are Unavailable. After it the process ends as with a Reset.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.departure import Departure
from chargepoint.core.diagnostics import RETRIES as UPLOAD_RETRIES
from chargepoint.core.diagnostics import RETRY_INTERVAL_S as UPLOAD_RETRY_INTERVAL_S
from chargepoint.core.events import DownloadEnded, InstallEnded, UploadEnded
from chargepoint.core.faults import Fault
from chargepoint.core.firmware import RETRIES, RETRY_INTERVAL_S
from chargepoint.core.maintenance_records import DiagnosticsOrder, FirmwareOrder
from chargepoint.core.step import Step
from chargepoint.messages import (
    ErrorCode,
    GetDiagnosticsConf,
    GetDiagnosticsReq,
    PayloadError,
    UpdateFirmwareConf,
    UpdateFirmwareReq,
    from_utc,
    to_utc,
)

PROFILE = "FirmwareManagement"
LOCATION_MAX = 4_096
NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


class Maintenance:
    def __init__(self, blocks: Blocks, departure: Departure) -> None:
        self._blocks = blocks
        self._departure = departure

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
        _bound(req.location)
        order = FirmwareOrder(
            location=req.location,
            retrieve_at_s=from_utc(req.retrieve_date),
            retries=RETRIES if req.retries is None else req.retries,
            retry_interval_s=RETRY_INTERVAL_S if req.retry_interval is None else req.retry_interval,
        )
        self._blocks.firmware.ordered(order, step)
        return UpdateFirmwareConf()

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
            file_name=self._file_name(step),
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
            case UploadEnded(job=job, error=error, hopeless=hopeless):
                blocks.diagnostics.upload_ended(job, error, hopeless, step)
            case InstallEnded(job=job, version=version, error=error, checked=checked):
                running = blocks.site.firmware_version
                if blocks.firmware.install_ended(job, version, error, running, checked, step) and blocks.leaving is None:
                    self._departure.begin("firmware", step)

    def hold_back(self) -> None:
        """Connectors without a session are not given a new one while an installation waits or runs."""
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

    def _file_name(self, step: Step) -> str:
        """The station's identity and the time, in characters that every server takes."""
        identity = "".join(character if character in NAME_CHARACTERS else "_" for character in self._blocks.site.identity)
        now_s = self._blocks.clock.now_s(step)
        when = f"{step.stamp.boot}-{int(step.mono_s)}" if now_s is None else to_utc(now_s).strftime("%Y-%m-%dT%H-%M-%SZ")
        return f"{identity.lstrip('.') or 'station'}_{when}.tar.gz"


def _bound(location: str) -> None:
    if len(location) > LOCATION_MAX:
        text = f"location: at most {LOCATION_MAX} characters, found {len(location)}"
        raise PayloadError(ErrorCode.PropertyConstraintViolation, text)
