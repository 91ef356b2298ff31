"""Effects: everything that a station may ask of the world, as frozen values.

Owns the vocabulary that the core speaks to the shell, which performs the effects of a step in their order: de-energise,
commit, then energise, send and show. Refuses to know how any of them is done.
"""

from typing import Any, Literal

from msgspec import Struct

from chargepoint.core.maintenance_records import Log as LogKind
from chargepoint.core.records import Change, Stamp
from chargepoint.core.vault_records import VaultRequest
from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.messages import AuthorizationData


class OpenContactor(Struct, frozen=True, tag=True):
    """Before the commit: opening waits for nothing."""

    connector: int


class CloseContactor(Struct, frozen=True, tag=True):
    """trial: for an installer's test, where no car is; else for a car that asks for power."""

    connector: int
    trial: bool = False


class OfferCurrent(Struct, frozen=True, tag=True):
    """current_a: 6 to 80 A by PWM, None: no energy is offered."""

    connector: int
    current_a: float | None


class MoveLock(Struct, frozen=True, tag=True):
    connector: int
    locked: bool


class Show(Struct, frozen=True, tag=True):
    connector: int
    pattern: Pattern
    refusal: Refusal | None = None
    trouble: Trouble | None = None


class AdjustLights(Struct, frozen=True, tag=True):
    """Every lamp of the station."""

    lights: Lights


class ReadMeter(Struct, frozen=True, tag=True):
    """Read now, not at the next poll."""

    connector: int


class Commit(Struct, frozen=True, tag=True):
    """All of it or nothing, on the disk before any effect after it. now: the newest instant known."""

    changes: tuple[Change, ...]
    now: Stamp


class SendFrame(Struct, frozen=True, tag=True):
    text: str


class LinkProven(Struct, frozen=True, tag=True):
    """The Central System accepted the station: the reconnect backoff may begin anew."""


class ProbeLink(Struct, frozen=True, tag=True):
    """Send a ping; LinkAlive or LinkDown tells."""


class CloseLink(Struct, frozen=True, tag=True):
    """Close the WebSocket; the shell connects again by itself."""

    reason: str


class SetPingInterval(Struct, frozen=True, tag=True):
    """WebSocketPingInterval; 0: no pings."""

    interval_s: int


class SetCredentials(Struct, frozen=True, tag=True):
    """A new AuthorizationKey (hexadecimal): connect again with it."""

    authorization_key: str


class SetSecurityProfile(Struct, frozen=True, tag=True):
    """The security profile that the link uses from now on: it connects again with it where it was another."""

    profile: int


class AllowWildcards(Struct, frozen=True, tag=True):
    """AllowCentralSystemTLSWildcards: from the next connection on, with security profile 2 or 3."""

    allowed: bool


class AskVault(Struct, frozen=True, tag=True):
    """Ask for something that concerns certificates and keys; VaultAnswered with the same key comes some time later.

    key: whatever the asker knows the answer by.
    """

    key: str
    request: VaultRequest


class LookUp(Struct, frozen=True, tag=True):
    """Ask the store for an id tag; LookedUp answers, at once and in the same process."""

    ticket: int
    id_tag: str


class FetchRows(Struct, frozen=True, tag=True):
    """Ask the store for the oldest rows, without those of some transactions; RowsFetched answers at once."""

    limit: int
    without: tuple[int, ...] = ()


class FetchDeadLetter(Struct, frozen=True, tag=True):
    ticket: int
    seq: int


class StoreList(Struct, frozen=True, tag=True):
    """Change the local list, all of it or nothing, beside everything else; ListStored answers when it is done.

    entries: as they came; one without idTagInfo deletes, and `local_list.record_of` makes records of the others. full: they
    are the list, else they change it. Refused is what makes it longer than length_max, and an id that stands in them `twice`.
    """

    full: bool
    version: int
    length_max: int
    entries: tuple[AuthorizationData, ...]


class Reply(Struct, frozen=True, tag=True):
    """The answer to a ControlAsked: error, or what was asked for."""

    ticket: int
    body: dict[str, Any]
    error: str | None = None


class StartDownload(Struct, frozen=True, tag=True):
    """One attempt to fetch a firmware image; what an earlier one brought is gone on with. DownloadEnded answers.

    location: a URL that may hold a password.
    """

    job: int
    location: str


class Install(Struct, frozen=True, tag=True):
    """Install the image that was downloaded. InstallEnded answers."""

    job: int


class CheckInstall(Struct, frozen=True, tag=True):
    """What became of an installation that a restart cut short? InstallEnded answers, when it is certain."""

    job: int


class DropImage(Struct, frozen=True, tag=True):
    """The download ends where one runs, and whatever it brought is removed."""


class StartUpload(Struct, frozen=True, tag=True):
    """One attempt to put the archive file_name into the directory location; it is made once. UploadEnded answers.

    start_s, stop_s: the time it is to tell of, seconds since 1970 UTC. location: a URL that may hold a password. log: what the
    archive is: diagnostics, or the security log alone.
    """

    job: int
    location: str
    file_name: str
    start_s: float | None = None
    stop_s: float | None = None
    log: LogKind = "diagnostics"


class DropArchive(Struct, frozen=True, tag=True):
    """The upload ends where one runs, and the archive is removed."""


class Exit(Struct, frozen=True, tag=True):
    """The process ends: everything that must survive is stored. A reset is followed by a start of the service manager."""

    kind: Literal["stop", "restart", "soft_reset", "hard_reset", "firmware"]


LogEvent = Literal[
    "accepted", "session_begins", "session_ends", "status", "part_lost", "part_back", "fault_latched", "faults_cleared",
    "card_refused", "dead_letter", "store_fault", "leaving",
]  # fmt: skip


class Log(Struct, frozen=True, tag=True, omit_defaults=True):
    """A line for people. event: what programs know it by, where they may want to."""

    level: Literal["debug", "info", "warning", "error"]
    text: str
    connector: int | None = None
    transaction: int | None = None
    event: LogEvent | None = None


MaintenanceEffect = StartDownload | Install | CheckInstall | DropImage | StartUpload | DropArchive

LinkEffect = (
    SendFrame | LinkProven | ProbeLink | CloseLink | SetPingInterval | SetCredentials | SetSecurityProfile | AllowWildcards
)

Effect = (
    OpenContactor
    | CloseContactor
    | OfferCurrent
    | MoveLock
    | Show
    | AdjustLights
    | ReadMeter
    | Commit
    | LinkEffect
    | AskVault
    | LookUp
    | FetchRows
    | FetchDeadLetter
    | StoreList
    | MaintenanceEffect
    | Reply
    | Exit
    | Log
)
