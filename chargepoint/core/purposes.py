"""Purposes: why a CALL was sent and why an id tag is checked, as values that come back with the outcome.

Owns these two unions. Waiting is a value here, never a closure: it can be printed, stored and compared.
"""

from typing import Literal

from msgspec import Struct

from chargepoint.messages import ChargingProfile


class ForBoot(Struct, frozen=True):
    """BootNotification."""


class ForHeartbeat(Struct, frozen=True):
    """Heartbeat."""


class ForAuthorize(Struct, frozen=True):
    ticket: int
    id_tag: str


class ForStatus(Struct, frozen=True):
    """StatusNotification; which one, the notifier knows."""


class ForRow(Struct, frozen=True):
    """The outbox row that is under way."""

    seq: int


class ForLive(Struct, frozen=True):
    """Meter values that are worth nothing later: of no transaction, or triggered."""


class ForData(Struct, frozen=True):
    """DataTransfer that the control socket asked for."""

    ticket: int


class ForNotice(Struct, frozen=True):
    """FirmwareStatusNotification or DiagnosticsStatusNotification; which one, the block's notices know."""

    about: Literal["firmware", "diagnostics"]


class ForSecurityEvent(Struct, frozen=True):
    """SecurityEventNotification; which one, the security log knows."""


class ForCertificate(Struct, frozen=True):
    """SignCertificate."""


CallPurpose = (
    ForBoot
    | ForHeartbeat
    | ForAuthorize
    | ForStatus
    | ForRow
    | ForLive
    | ForData
    | ForNotice
    | ForSecurityEvent
    | ForCertificate
)


class ByCard(Struct, frozen=True):
    """A card was laid on a reader."""

    reader: int


class ByRemote(Struct, frozen=True):
    """RemoteStartTransaction, accepted already; connector None: the next one that is plugged. profile: its TxProfile."""

    connector: int | None
    profile: ChargingProfile | None = None


CheckPurpose = ByCard | ByRemote
