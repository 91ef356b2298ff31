"""Events: everything that can happen to a station, as frozen values.

Owns the vocabulary that the shell speaks to the core. Refuses to know where an event came from. Facts are named as in
IEC 61851-1; `began_s` and the like are monotonic seconds of this boot.
"""

from typing import Any, Literal

from msgspec import Struct

from chargepoint.core.maintenance_records import Refusal
from chargepoint.core.records import IdTagRecord, OutboxRow, TransactionRecord
from chargepoint.core.vault_records import VaultAnswer, VaultContents
from chargepoint.facts import Card, Input, Pilot, Quantity, Reading

LinkTrouble = Literal["server_certificate", "own_certificate", "password", "tls_version", "cipher_suite"]


class Started(Struct, frozen=True, tag=True):
    """The process runs. store_fault: why nothing can be stored, where that is so (the snapshot is then empty). log_lost: the
    database was set aside, and with it the security log.
    """

    store_fault: str | None = None
    log_lost: bool = False


class StopAsked(Struct, frozen=True, tag=True):
    """The service manager ends the process (SIGTERM)."""


class Tick(Struct, frozen=True, tag=True):
    """The deadline that the station named has come."""


class LinkUp(Struct, frozen=True, tag=True):
    """A WebSocket with subprotocol ocpp1.6 is open. profile: the security profile with which it was begun. root: fingerprint of
    the root that vouches for the server, where there is TLS.
    """

    url: str
    profile: int = 0
    root: str | None = None


class LinkDown(Struct, frozen=True, tag=True):
    """The WebSocket is gone, or an attempt to open one failed; the shell tries again by itself.

    profile: the security profile with which it was begun. trouble: what of security it failed for, where it did.
    """

    reason: str
    profile: int = 0
    trouble: LinkTrouble | None = None


class LinkAlive(Struct, frozen=True, tag=True):
    """A pong came: the peer is there, even if it does not answer a CALL."""


class FrameReceived(Struct, frozen=True, tag=True):
    text: str | bytes


class PilotSeen(Struct, frozen=True, tag=True):
    connector: int
    pilot: Pilot


class ContactorSeen(Struct, frozen=True, tag=True):
    connector: int
    closed: bool


class LockSeen(Struct, frozen=True, tag=True):
    connector: int
    locked: bool


class MeterOpened(Struct, frozen=True, tag=True):
    """The meter's driver works and says what it can give."""

    connector: int
    quantities: frozenset[Quantity]


class MeterRead(Struct, frozen=True, tag=True):
    """began_s: when the reading was begun; what happened before it is in it."""

    connector: int
    reading: Reading
    began_s: float


class CardSeen(Struct, frozen=True, tag=True):
    reader: int
    card: Card


class InputSeen(Struct, frozen=True, tag=True):
    input: Input


class PartLost(Struct, frozen=True, tag=True):
    """A driver failed. part: meter, contactor, pilot, lock, reader, indicator or inputs. number: connector or reader.
    self_test: a contactor's residual current device did not pass its own.
    """

    part: str
    number: int
    why: str
    self_test: bool = False


class PartBack(Struct, frozen=True, tag=True):
    """A part that was lost works. Contactors and inputs tell it when they work for the first time, too: what was commanded
    before did not reach the one, and nothing was known of the others.
    """

    part: str
    number: int


class LookedUp(Struct, frozen=True, tag=True):
    """The answer to a LookUp: the entry on the local list and the one in the cache, where there are such."""

    ticket: int
    listed: IdTagRecord | None = None
    cached: IdTagRecord | None = None


class RowsFetched(Struct, frozen=True, tag=True):
    """The answer to a FetchRows: the oldest rows of the outbox, in order. total: how many it holds altogether."""

    rows: tuple[OutboxRow, ...]
    total: int


class DeadLetterFetched(Struct, frozen=True, tag=True):
    """The answer to a FetchDeadLetter, with the transaction that the row belongs to; None where there is no such letter."""

    ticket: int
    row: OutboxRow | None
    transaction: TransactionRecord | None = None


class ListStored(Struct, frozen=True, tag=True):
    """The answer to a StoreList, some time later. failure: why the list stayed as it was, in words."""

    version: int
    length: int
    failure: str | None = None


class DownloadEnded(Struct, frozen=True, tag=True):
    """An attempt of StartDownload ended; error None: the image is there. hopeless: another attempt cannot help."""

    job: int
    error: str | None = None
    hopeless: bool = False


class UploadEnded(Struct, frozen=True, tag=True):
    """An attempt of StartUpload ended; error None: the archive is at its place. hopeless: another attempt cannot help. refusal:
    how the server refused it, where it did.
    """

    job: int
    error: str | None = None
    hopeless: bool = False
    refusal: Refusal | None = None


class InstallEnded(Struct, frozen=True, tag=True):
    """The installer ended: the version that is installed now, or why it is still the old one. checked: see CheckInstall."""

    job: int
    version: str | None = None
    error: str | None = None
    checked: bool = False


class VaultSeen(Struct, frozen=True, tag=True):
    """What certificates the station has: soon after the start, and before the answer to whatever changed it."""

    contents: VaultContents


class VaultAnswered(Struct, frozen=True, tag=True):
    """The answer to the AskVault of this key."""

    key: str
    answer: VaultAnswer


class StoreTroubled(Struct, frozen=True, tag=True):
    """The store can hardly keep more (a full disk): what is there is kept, new sessions must not begin."""

    reason: str


class StoreHealed(Struct, frozen=True, tag=True):
    """The store has room again."""


class ControlAsked(Struct, frozen=True, tag=True):
    """A request of the control socket that is the core's to answer."""

    ticket: int
    do: str
    arguments: dict[str, Any]


Event = (
    Started
    | StopAsked
    | Tick
    | LinkUp
    | LinkDown
    | LinkAlive
    | FrameReceived
    | PilotSeen
    | ContactorSeen
    | LockSeen
    | MeterOpened
    | MeterRead
    | CardSeen
    | InputSeen
    | PartLost
    | PartBack
    | LookedUp
    | RowsFetched
    | DeadLetterFetched
    | ListStored
    | DownloadEnded
    | UploadEnded
    | InstallEnded
    | VaultSeen
    | VaultAnswered
    | StoreTroubled
    | StoreHealed
    | ControlAsked
)
