"""Records of firmware updates and diagnostics uploads: what a restart in the middle of one must still know.

Owns the states of both courses as unions of frozen values, and the changes that store them. OCPP 1.6:
sections 4.4, 4.5, 5.9 and 5.19.
"""

from msgspec import Struct

from chargepoint.messages import DiagnosticsStatus, FirmwareStatus


class FirmwareOrder(Struct, frozen=True, kw_only=True):
    """An UpdateFirmware.req. location: a URL that may hold a password. retrieve_at_s: seconds since 1970 UTC."""

    location: str
    retrieve_at_s: float
    retries: int
    retry_interval_s: int


class Resting(Struct, frozen=True, tag="resting"):
    """Nothing is under way."""


class Waiting(Struct, frozen=True, tag="waiting"):
    """For retrieveDate."""

    order: FirmwareOrder


class Downloading(Struct, frozen=True, tag="downloading"):
    """failed: attempts that met no good end."""

    order: FirmwareOrder
    failed: int = 0


class Downloaded(Struct, frozen=True, tag="downloaded"):
    """The image is there; running transactions are waited for."""

    order: FirmwareOrder


class Installing(Struct, frozen=True, tag="installing"):
    """The installer has the image. What became of it after a restart, only the installer knows."""

    order: FirmwareOrder


class Installed(Struct, frozen=True, tag="installed"):
    """The process is to end; its next start must run this version."""

    version: str


FirmwareState = Resting | Waiting | Downloading | Downloaded | Installing | Installed


class FirmwareRecord(Struct, frozen=True, kw_only=True):
    """next: an order that came while the installer was at work. owed: notifications without an answer, the oldest first."""

    state: FirmwareState = Resting()
    next: FirmwareOrder | None = None
    owed: tuple[FirmwareStatus, ...] = ()


class DiagnosticsOrder(Struct, frozen=True, kw_only=True):
    """A GetDiagnostics.req. location: a directory's URL that may hold a password. start_s, stop_s: seconds since 1970 UTC."""

    location: str
    file_name: str
    retries: int
    retry_interval_s: int
    start_s: float | None = None
    stop_s: float | None = None


class Uploading(Struct, frozen=True, tag="uploading"):
    """failed: attempts that met no good end."""

    order: DiagnosticsOrder
    failed: int = 0


DiagnosticsState = Resting | Uploading


class DiagnosticsRecord(Struct, frozen=True, kw_only=True):
    """owed: notifications without an answer, the oldest first."""

    state: DiagnosticsState = Resting()
    owed: tuple[DiagnosticsStatus, ...] = ()


class PutFirmware(Struct, frozen=True):
    record: FirmwareRecord


class PutDiagnostics(Struct, frozen=True):
    record: DiagnosticsRecord
