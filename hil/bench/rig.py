"""The rig: one world and everybody who must hear of its changes. Owns the only timer and the clock.

`catch_up` before anything is done to the world, `publish` after it: watchers and the station's parts then see every step.
"""

import asyncio
from collections.abc import Callable

from hil.bench.lines import LineProtocol
from hil.bench.world import World, changes


class Rig:
    """Shared by the control socket, the hardware socket and the meters of one bench; lives on one event loop."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients: set[LineProtocol] = set()
        self.watchers: set[LineProtocol] = set()
        self._listeners: list[Callable[[], None]] = []
        self.stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._seen = world.view()
        self._timer: asyncio.TimerHandle | None = None

    def clock(self) -> float:
        return self._loop.time()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls it after every step of the world, for what stands on the station's side."""
        self._listeners.append(listener)

    def catch_up(self) -> None:
        """Lets happen what is due, and brings the world to the present."""
        now = self.clock()
        while self.world.advance(now):
            self._tell()

    def publish(self) -> None:
        """Tells everybody what has changed and waits for what comes by itself."""
        self._tell()
        self.catch_up()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.world.next_deadline()
        if due is not None:
            self._timer = self._loop.call_at(due, self._due)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self.publish()

    def _tell(self) -> None:
        seen, self._seen = self._seen, self.world.view()
        lines = changes(seen, self._seen, self.world.now)
        # A slow watcher is dropped while it is written to, so the set may shrink: go through a copy.
        for watcher in list(self.watchers):
            for line in lines:
                watcher.write(line)
        for listener in self._listeners:
            listener()
