"""Messages of the Firmware Management profile (OCPP 1.6, section 6). Owns their fields and bounds."""

from chargepoint.messages.enums import DiagnosticsStatus, FirmwareStatus
from chargepoint.messages.types import CiString255, Confirmation, Count, DurationS, Request, Timestamp, Uri


class DiagnosticsStatusNotificationReq(Request, frozen=True, kw_only=True):
    """6.17"""

    status: DiagnosticsStatus


class DiagnosticsStatusNotificationConf(Confirmation, frozen=True, kw_only=True):
    """6.18"""


class FirmwareStatusNotificationReq(Request, frozen=True, kw_only=True):
    """6.19"""

    status: FirmwareStatus


class FirmwareStatusNotificationConf(Confirmation, frozen=True, kw_only=True):
    """6.20"""


class GetDiagnosticsReq(Request, frozen=True, kw_only=True):
    """6.25. `retryInterval` in seconds; `location` is the directory to upload to."""

    location: Uri
    retries: Count | None = None
    retry_interval: DurationS | None = None
    start_time: Timestamp | None = None
    stop_time: Timestamp | None = None


class GetDiagnosticsConf(Confirmation, frozen=True, kw_only=True):
    """6.26. Without fileName there is nothing to upload."""

    file_name: CiString255 | None = None


class UpdateFirmwareReq(Request, frozen=True, kw_only=True):
    """6.55. `retrieveDate` is the moment after which the image may be fetched; `retryInterval` in seconds."""

    location: Uri
    retries: Count | None = None
    retrieve_date: Timestamp
    retry_interval: DurationS | None = None


class UpdateFirmwareConf(Confirmation, frozen=True, kw_only=True):
    """6.56"""
