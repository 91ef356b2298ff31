"""Stations with a mistake, for `--station`: the crash run must find each of them.

`python careless_station.py MISTAKE run --config FILE`
- sends_first: frames leave before the commit that records them (the step rule broken);
- forgets_stops: StopTransactions are not stored;
- holds_on: a process that nobody can kill holds the contactors' connections.
"""

import asyncio
import os
import sys
from typing import Any

from chargepoint.cli.main import main
from chargepoint.core import effects as fx
from chargepoint.core.records import PutRow, StopBody
from chargepoint.shell.runtime import Runtime
from chargepoint.store import Store

LATE_S = 0.3
HELD_S = 4


def sends_first() -> None:
    handle = Runtime._ask_store

    async def late(self: Runtime, effect: Any) -> None:
        if isinstance(effect, fx.Commit):
            asyncio.get_running_loop().call_later(LATE_S, lambda: self._store.store.commit(effect))  # type: ignore[attr-defined]
        else:
            await handle(self, effect)

    Runtime._ask_store = late  # type: ignore[method-assign]


def forgets_stops() -> None:
    complete = Store.commit

    def forgetful(self: Store, commit: fx.Commit) -> None:
        kept = tuple(one for one in commit.changes if not (isinstance(one, PutRow) and isinstance(one.row.body, StopBody)))
        complete(self, fx.Commit(kept, commit.now))

    Store.commit = forgetful  # type: ignore[method-assign]


def holds_on() -> None:
    """A child has every descriptor, and outlives the kill."""
    closing = Runtime._close_contactor

    def close(self: Runtime, connector: int, *, trial: bool) -> None:
        closing(self, connector, trial=trial)
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", f"import time; time.sleep({HELD_S})"])

    Runtime._close_contactor = close  # type: ignore[method-assign]
    _inheritable()


def _inheritable() -> None:
    """Sockets survive the exec of a child."""
    import socket

    made = socket.socket.__init__

    def make(self: socket.socket, *arguments: Any, **more: Any) -> None:
        made(self, *arguments, **more)
        self.set_inheritable(True)

    socket.socket.__init__ = make  # type: ignore[method-assign]


MISTAKES = {one.__name__: one for one in (sends_first, forgets_stops, holds_on)}

if __name__ == "__main__":
    MISTAKES[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
