"""Housekeeping of the store: room, findings, checkpoints, and the way back from having none.

Owns when these are looked after. A checkpoint happens only while no session runs: a card that lies about its flush can then
corrupt the file only outside of one.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from chargepoint.core.events import StoreHealed, StoreTroubled
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.storeroom import StoreLike, Storeroom
from chargepoint.store.errors import StoreError

log = logging.getLogger(__name__)

ROOM_EVERY_S = 5.0
CHECKPOINT_EVERY_S = 60.0
REOPEN_EVERY_S = 30.0
REOPEN_SELDOM = 20


class RuntimeLike(Protocol):
    def store_failed(self, error: Exception) -> None: ...
    def restart(self, why: str) -> None: ...


async def keep_house(
    storeroom: Storeroom,
    inbox: Inbox,
    runtime: RuntimeLike,
    idle: Callable[[], bool],
    room_every_s: float = ROOM_EVERY_S,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
) -> None:
    """Tells the core of trouble with room and of its end; checkpoints when it may. Ends only with the store."""
    loop = asyncio.get_running_loop()
    troubled, told, merged_s = None, 0, loop.time()
    while True:
        try:
            trouble = await storeroom.call(storeroom.store.room)
            if storeroom.unsaved and idle() and loop.time() - merged_s >= checkpoint_every_s:
                merged_s = loop.time()
                await storeroom.checkpoint()
        except StoreError as error:
            runtime.store_failed(error)
            return
        if (trouble is None) != (troubled is None):
            inbox.put(StoreHealed() if trouble is None else StoreTroubled(trouble))
        troubled = trouble
        told = tell_findings(storeroom.store, told)
        await asyncio.sleep(room_every_s)


async def reopen(
    storeroom: Storeroom,
    open_again: Callable[[], StoreLike],
    begin: Callable[[StoreLike], object],
    runtime: RuntimeLike,
    idle: Callable[[], bool],
    every_s: float = REOPEN_EVERY_S,
) -> None:
    """Tries to open the store that could not be, and to begin with it; once that can be, the process starts again with it.

    The pause grows to REOPEN_SELDOM times every_s: each try reads the file, and may write.
    """
    pause_s = every_s
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, REOPEN_SELDOM * every_s)
        try:
            store = await storeroom.call(open_again)
            try:
                await storeroom.call(begin, store)
            finally:
                await storeroom.call(store.close)
        except StoreError as error:
            log.debug("still no store: %s", error)
            continue
        pause_s = every_s
        if idle():
            runtime.restart("the store can be opened again")
            return


def tell_findings(store: StoreLike, told: int = 0) -> int:
    """Logs what the store found since the last call; how many findings there are now."""
    for finding in store.findings[told:]:
        log.warning("%s", finding)
    return len(store.findings)
