"""The store behind a thread: SQLite may wait for a slow card, the event loop may not.

Owns the one thread that touches the store, so that its connection has one user. Refuses to know what is stored. Where no store
can be opened, `NoStore` stands in: the station runs, keeps nothing, and therefore begins no session.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from chargepoint.core.effects import Commit, StoreList
from chargepoint.core.events import ListStored
from chargepoint.core.local_list import record_of, twice
from chargepoint.core.records import IdTagRecord, OutboxRow, Snapshot, TransactionRecord, next_boot
from chargepoint.store.errors import StoreError
from chargepoint.store.local_list import PIECE, TooLong

NOTHING_KEPT = "nothing can be stored at present"

log = logging.getLogger(__name__)

T = TypeVar("T")


class StoreLike(Protocol):
    """What the shell asks of a store. Every call may raise chargepoint.store.StoreError; `room` says why there is none."""

    findings: tuple[str, ...]
    set_aside: bool
    merges: int

    def snapshot(self) -> Snapshot: ...
    def commit(self, commit: Commit) -> None: ...
    def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]: ...
    def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[OutboxRow, ...], int]: ...
    def dead_letter(self, seq: int) -> OutboxRow | None: ...
    def transaction(self, key: int) -> TransactionRecord | None: ...
    def dead_letters(self, limit: int) -> list[dict[str, Any]]: ...
    def ledger(self, limit: int, offset: int) -> list[dict[str, Any]]: ...
    def security_log(self, limit: int, offset: int) -> list[dict[str, Any]]: ...
    def session(self, key: int) -> dict[str, Any] | None: ...
    def unconfirmed_wh(self) -> int: ...
    def list_generation(self) -> int: ...
    def lay_list_down(self, generation: int, piece: Sequence[IdTagRecord]) -> None: ...
    def enforce_list(self, generation: int, version: int, length_max: int) -> int: ...
    def change_list(self, puts: Sequence[IdTagRecord], deletes: Sequence[str], version: int, length_max: int) -> int: ...
    def sweep_list(self) -> bool: ...
    def room(self) -> str | None: ...
    def checkpoint(self) -> None: ...
    def close(self) -> None: ...


class NoStore:
    """Keeps nothing."""

    findings: tuple[str, ...] = ()
    set_aside = False
    merges = 0

    def __init__(self, kernel_boot_id: str, mono_s: float) -> None:
        self._boot = next_boot((), kernel_boot_id, mono_s)

    def snapshot(self) -> Snapshot:
        return Snapshot(run=0, boots=(self._boot,), keys={}, stop_samples={})

    def commit(self, commit: Commit) -> None:
        """Nothing can be kept, and the core knows it (Started.store_fault)."""

    def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]:
        return None, None

    def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[OutboxRow, ...], int]:
        return (), 0

    def dead_letter(self, seq: int) -> OutboxRow | None:
        return None

    def transaction(self, key: int) -> TransactionRecord | None:
        return None

    def dead_letters(self, limit: int) -> list[dict[str, Any]]:
        return []

    def ledger(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return []

    def security_log(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return []

    def session(self, key: int) -> dict[str, Any] | None:
        return None

    def unconfirmed_wh(self) -> int:
        return 0

    def list_generation(self) -> int:
        raise StoreError(NOTHING_KEPT)

    def lay_list_down(self, generation: int, piece: Sequence[IdTagRecord]) -> None:
        raise StoreError(NOTHING_KEPT)

    def enforce_list(self, generation: int, version: int, length_max: int) -> int:
        raise StoreError(NOTHING_KEPT)

    def change_list(self, puts: Sequence[IdTagRecord], deletes: Sequence[str], version: int, length_max: int) -> int:
        raise StoreError(NOTHING_KEPT)

    def sweep_list(self) -> bool:
        return False

    def room(self) -> str | None:
        return None

    def checkpoint(self) -> None:
        """There is nothing to move."""

    def close(self) -> None:
        """There is nothing to close."""


class Storeroom:
    """One store, one thread. `unsaved`: something was written since the last checkpoint."""

    def __init__(self, thread: ThreadPoolExecutor, store: StoreLike) -> None:
        self._thread = thread
        self.store = store
        self.unsaved = False

    async def commit(self, commit: Commit) -> None:
        self.unsaved = True
        await self.call(self.store.commit, commit)

    async def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]:
        return await self.call(self.store.look_up, id_tag)

    async def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[OutboxRow, ...], int]:
        return await self.call(self.store.fetch_rows, limit, without)

    async def dead_letter(self, seq: int) -> tuple[OutboxRow | None, TransactionRecord | None]:
        """A dead letter and the transaction that it belongs to; None where there is no such letter."""
        row = await self.call(self.store.dead_letter, seq)
        return row, None if row is None else await self.call(self.store.transaction, row.transaction)

    async def store_list(self, effect: StoreList) -> ListStored:
        """Changes the local list piece by piece: what is stored meanwhile waits for one piece at most.

        A list that cannot be stored leaves the old one, and is no reason to end the process.
        """
        try:
            if (wrong := await self.call(twice, effect.entries)) is not None:
                return ListStored(effect.version, 0, wrong)
            length = await (self._replace_list(effect) if effect.full else self._change_list(effect))
        except (StoreError, TooLong) as error:
            return ListStored(effect.version, 0, str(error))
        except Exception as error:  # no memory, a mistake of ours: without an answer no list would ever be taken again
            log.exception("the local list of version %d could not be stored", effect.version)
            return ListStored(effect.version, 0, f"{type(error).__name__}: {error}")
        return ListStored(effect.version, length)

    async def _change_list(self, effect: StoreList) -> int:
        def change() -> int:
            puts = [record_of(entry) for entry in effect.entries if entry.id_tag_info is not None]
            deletes = [entry.id_tag for entry in effect.entries if entry.id_tag_info is None]
            return self.store.change_list(puts, deletes, effect.version, effect.length_max)

        return await self.call(change)

    async def _replace_list(self, effect: StoreList) -> int:
        await self._sweep_list()  # what a power cut left must not come into force
        generation = await self.call(self.store.list_generation)

        def lay_down(start: int) -> None:
            piece = effect.entries[start : start + PIECE]
            self.store.lay_list_down(generation, [record_of(entry) for entry in piece])

        for start in range(0, len(effect.entries), PIECE):
            await self.call(lay_down, start)
        length = await self.call(self.store.enforce_list, generation, effect.version, effect.length_max)
        try:
            await self._sweep_list()
        except Exception as error:  # whatever it is, the new list is in force
            log.warning("what the old local list left goes with the next one: %s: %s", type(error).__name__, error)
        return length

    async def _sweep_list(self) -> None:
        self.unsaved = True
        while await self.call(self.store.sweep_list):
            pass

    async def dead_letters(self, limit: int) -> list[dict[str, Any]]:
        return await self.call(self.store.dead_letters, limit)

    async def ledger(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return await self.call(self.store.ledger, limit, offset)

    async def security_log(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return await self.call(self.store.security_log, limit, offset)

    async def session(self, key: int) -> dict[str, Any] | None:
        return await self.call(self.store.session, key)

    async def checkpoint(self) -> None:
        self.unsaved = False
        await self.call(self.store.checkpoint)

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """Runs something in the store's thread, after whatever waits there already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
