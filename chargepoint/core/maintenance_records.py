"""Records of firmware updates and diagnostics uploads: what a restart in the middle of one must still know.

Owns the states of both courses as unions of frozen values, and the changes that store them. OCPP 1.6:
sections 4.4, 4.5, 5.9 and 5.19.
"""

from typing import Literal

from msgspec import Struct

from chargepoint.messages import DiagnosticsStatus, FirmwareStatus, SignedFirmwareStatus, UploadLogStatus

Log = Literal["diagnostics", "security"]
Refusal = Literal["permission", "unsupported", "bad_request"]
"""How a server refused an upload."""


class SignedNotice(Struct, frozen=True, tag="signed"):
    """A SignedFirmwareStatusNotification."""

    status: SignedFirmwareStatus
    request_id: int


class LogNotice(Struct, frozen=True, tag="log"):
    """A LogStatusNotification."""

    status: UploadLogStatus
    request_id: int


FirmwareNotice = FirmwareStatus | SignedNotice
DiagnosticsNotice = DiagnosticsStatus | LogNotice


class Signature(Struct, frozen=True, kw_only=True):
    """What SignedUpdateFirmware adds. certificate: PEM. signature: base64. install_at_s: seconds since 1970 UTC."""

    request_id: int
    certificate: str
    signature: str
    install_at_s: float | None = None


class FirmwareOrder(Struct, frozen=True, kw_only=True):
    """An UpdateFirmware.req, or with `signed` a SignedUpdateFirmware.req whose certificate was found good. location: a URL that
    may hold a password. retrieve_at_s: seconds since 1970 UTC.
    """

    location: str
    retrieve_at_s: float
    retries: int
    retry_interval_s: int
    signed: Signature | None = None


class Resting(Struct, frozen=True, tag="resting"):
    """Nothing is under way."""


class Waiting(Struct, frozen=True, tag="waiting"):
    """For retrieveDate. announced: DownloadScheduled was told."""

    order: FirmwareOrder
    announced: bool = False


class Downloading(Struct, frozen=True, tag="downloading"):
    """failed: attempts that met no good end."""

    order: FirmwareOrder
    failed: int = 0


class Verifying(Struct, frozen=True, tag="verifying"):
    """The image is there, and its signature is looked at. verified: it was before, and that was told; announced: see
    Downloaded.
    """

    order: FirmwareOrder
    verified: bool = False
    announced: bool = False


class Downloaded(Struct, frozen=True, tag="downloaded"):
    """The image is there, its signature (if any) is good; installDateTime and running transactions are waited for.

    announced: InstallScheduled was told.
    """

    order: FirmwareOrder
    announced: bool = False


class Installing(Struct, frozen=True, tag="installing"):
    """The installer has the image. What became of it after a restart, only the installer knows."""

    order: FirmwareOrder


class Installed(Struct, frozen=True, tag="installed"):
    """The process is to end; its next start must run this version."""

    version: str
    request_id: int | None = None


FirmwareState = Resting | Waiting | Downloading | Verifying | Downloaded | Installing | Installed


class FirmwareRecord(Struct, frozen=True, kw_only=True):
    """next: an order that came while the installer was at work. owed: notifications without an answer, the oldest first.

    last: the newest status of a signed update.
    """

    state: FirmwareState = Resting()
    next: FirmwareOrder | None = None
    owed: tuple[FirmwareNotice, ...] = ()
    last: SignedNotice | None = None


class DiagnosticsOrder(Struct, frozen=True, kw_only=True):
    """A GetDiagnostics.req, or with request_id a GetLog.req. location: a directory's URL that may hold a password. start_s,
    stop_s: seconds since 1970 UTC.
    """

    location: str
    file_name: str
    retries: int
    retry_interval_s: int
    start_s: float | None = None
    stop_s: float | None = None
    log: Log = "diagnostics"
    request_id: int | None = None


class Uploading(Struct, frozen=True, tag="uploading"):
    """failed: attempts that met no good end."""

    order: DiagnosticsOrder
    failed: int = 0


DiagnosticsState = Resting | Uploading


class DiagnosticsRecord(Struct, frozen=True, kw_only=True):
    """owed: notifications without an answer, the oldest first."""

    state: DiagnosticsState = Resting()
    owed: tuple[DiagnosticsNotice, ...] = ()


class PutFirmware(Struct, frozen=True):
    record: FirmwareRecord


class PutDiagnostics(Struct, frozen=True):
    record: DiagnosticsRecord
