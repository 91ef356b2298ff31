"""Local list: its version, and what an update of it must satisfy (OCPP 1.6 sections 3.5.2, 5.10, 5.15, 9.2).

Owns the version and the length of the list. Refuses to hold the list: it lies in the store, which may have 100,000 entries,
changes it in one commit and looks single ids up.

Rules.
1. An empty list has version 0, whatever was sent; a disabled one −1.
2. A Full update replaces the list; a Differential one whose version is not above the current one is VersionMismatch.
3. An entry without idTagInfo deletes, in a Differential update only; in a Full one it is an error.
4. What is longer than SendLocalListMaxLength, or would make the list longer than LocalAuthListMaxLength, fails, and the old
   list stays. One update at a time; of an id that stands twice in it the last counts.
"""

from msgspec import Struct

from chargepoint.core.configuration_view import KeyReader
from chargepoint.core.effects import StoreList
from chargepoint.core.records import IdTagRecord
from chargepoint.core.step import Step
from chargepoint.messages import AuthorizationData, SendLocalListReq, UpdateStatus, UpdateType, from_utc


class Updating(Struct, frozen=True):
    """The update that the store is at; its answer is owed to the CALL of this id, unless the link went away."""

    message_id: str | None


class LocalList:
    def __init__(self, keys: KeyReader, version: int, length: int) -> None:
        self._keys = keys
        self._version = version
        self.length = length
        self.broken = False  # the store cannot write it
        self._updating: Updating | None = None

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
                puts=tuple(_record(entry) for entry in entries if entry.id_tag_info is not None),
                deletes=tuple(entry.id_tag for entry in entries if entry.id_tag_info is None),
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
        if req.list_version <= 0:
            return f"its version is {req.list_version}, and must be above 0"
        if full and any(entry.id_tag_info is None for entry in entries):
            return "an entry of a Full update has no idTagInfo"
        return None


def _record(entry: AuthorizationData) -> IdTagRecord:
    info = entry.id_tag_info
    assert info is not None
    expiry_s = None if info.expiry_date is None else from_utc(info.expiry_date)
    return IdTagRecord(id_tag=entry.id_tag, status=info.status, parent_id_tag=info.parent_id_tag, expiry_s=expiry_s)
