"""Local list: its version, and what an update of it must satisfy (OCPP 1.6 sections 3.5.2, 5.10, 5.15, 9.2).

Owns the version and the length of the list. Refuses to hold the list: it lies in the store, which may have 100,000 entries,
changes it in one commit and looks single ids up.

Rules.
1. An empty list has version 0, whatever was sent; a disabled one −1.
2. A Full update replaces the list; a Differential one whose version is not above the current one is VersionMismatch.
3. An entry without idTagInfo deletes, in a Differential update only; in a Full one it is an error. So is an id that stands
   twice in one update: which of the two counts nobody can know. The store finds that, as it finds a list that becomes too long.
4. What is longer than SendLocalListMaxLength, or would make the list longer than LocalAuthListMaxLength, fails, and the old
   list stays. One update at a time.
5. What the Central System says of an id is held against the list, which alone does not change by it: the difference is a
   LocalListConflict until the next update. An id that is not on the list is for the cache.
"""

from msgspec import Struct

from chargepoint.core.configuration_view import KeyReader
from chargepoint.core.effects import LookUp, StoreList
from chargepoint.core.records import IdTagRecord
from chargepoint.core.step import Step
from chargepoint.messages import (
    AuthorizationData,
    AuthorizationStatus,
    IdTagInfo,
    SendLocalListReq,
    UpdateStatus,
    UpdateType,
    from_utc,
)

VALID = (AuthorizationStatus.Accepted, AuthorizationStatus.ConcurrentTx)  # section 3.5.2; it is busy, not barred


class Updating(Struct, frozen=True):
    """The update that the store is at; its answer is owed to the CALL of this id, unless the link went away."""

    message_id: str | None


class Said(Struct, frozen=True):
    """What the Central System said of an id, until the store has told whether it is on the list."""

    id_tag: str
    info: IdTagInfo


class LocalList:
    def __init__(self, keys: KeyReader, version: int, length: int) -> None:
        self._keys = keys
        self._version = version
        self.length = length
        self.broken = False  # the store cannot write it
        self._updating: Updating | None = None
        self._said: dict[int, Said] = {}
        self._next_ticket = -1  # below 0: the tickets from 1 on are those of checks

    @property
    def version(self) -> int:
        if not self._keys.boolean("LocalAuthListEnabled"):
            return -1
        return self._version if self.length else 0

    def send(self, req: SendLocalListReq, message_id: str, step: Step) -> UpdateStatus | None:
        """The answer to SendLocalList; None where it follows when the store has the list."""
        if not self._keys.boolean("LocalAuthListEnabled"):
            return UpdateStatus.NotSupported
        full = req.update_type is UpdateType.Full
        entries = req.local_authorization_list or ()
        if not full and req.list_version <= self.version:
            return UpdateStatus.VersionMismatch
        wrong = self._wrong(req, entries, full)
        if wrong is not None:
            step.log("warning", f"The local list was not taken: {wrong}.")
            return UpdateStatus.Failed
        self._updating = Updating(message_id)
        step.then(
            StoreList(
                full=full,
                version=req.list_version,
                length_max=self._keys.whole("LocalAuthListMaxLength"),
                entries=entries,
            )
        )
        return None

    def stored(self, version: int, length: int, failure: str | None, step: Step) -> tuple[str | None, UpdateStatus]:
        """The store is done. The id of the CALL that waits (None: nobody does any more), and the answer."""
        assert self._updating is not None, "nobody asked for a new list"
        message_id, self._updating = self._updating.message_id, None
        if failure is not None:
            step.log("warning", f"The local list was not taken: {failure}.")
            return message_id, UpdateStatus.Failed
        self._version = version
        self.length = length
        step.log("info", f"The local list has version {version} and {length} entries.")
        return message_id, UpdateStatus.Accepted

    def hold_against(self, id_tag: str, info: IdTagInfo, step: Step) -> bool:
        """Authorize.conf and the like: the store is asked for the entry; False where there is no list to ask for."""
        if not self.length or not self._keys.boolean("LocalAuthListEnabled"):
            return False
        self._said[self._next_ticket] = Said(id_tag, info)
        step.then(LookUp(self._next_ticket, id_tag))
        self._next_ticket -= 1
        return True

    def said(self, ticket: int) -> Said | None:
        """What a look-up was for; None where it was not the list's."""
        return self._said.pop(ticket, None)

    @staticmethod
    def contradicts(listed: IdTagRecord, info: IdTagInfo, now_s: float | None) -> bool:
        """Whether list and Central System differ on whether an id is valid."""
        lapsed = listed.expiry_s is not None and now_s is not None and now_s >= listed.expiry_s
        return (listed.status in VALID and not lapsed) is not (info.status in VALID)

    def link_down(self) -> None:
        """The update goes on; nobody waits for its answer."""
        if self._updating is not None:
            self._updating = Updating(None)

    def _wrong(self, req: SendLocalListReq, entries: tuple[AuthorizationData, ...], full: bool) -> str | None:
        bound = self._keys.whole("SendLocalListMaxLength")
        if self._updating is not None:
            return "the one before it is still being stored"
        if self.broken:
            return "the store cannot write it"
        if len(entries) > bound:
            return f"it has {len(entries)} entries, and SendLocalListMaxLength is {bound}"
        if req.list_version < (1 if entries else 0):
            return f"its version is {req.list_version}, and that of a list with entries is above 0"
        if full and any(entry.id_tag_info is None for entry in entries):
            return "an entry of a Full update has no idTagInfo"
        return None


def twice(entries: tuple[AuthorizationData, ...]) -> str | None:
    """Why entries cannot be taken together: an id stands twice among them. For whoever stores them."""
    if len({entry.id_tag.casefold() for entry in entries}) == len(entries):
        return None
    seen: set[str] = set()
    for entry in entries:
        key = entry.id_tag.casefold()
        if key in seen:
            return f"{entry.id_tag!r} stands twice in it"
        seen.add(key)
    return None


def record_of(entry: AuthorizationData) -> IdTagRecord:
    """What is kept of an entry with idTagInfo. Not made in the step: for 10,000 of them it takes as long as to read them."""
    info = entry.id_tag_info
    assert info is not None
    expiry_s = None if info.expiry_date is None else from_utc(info.expiry_date)
    status = AuthorizationStatus.Accepted if info.status in VALID else info.status
    return IdTagRecord(id_tag=entry.id_tag, status=status, parent_id_tag=info.parent_id_tag, expiry_s=expiry_s)
