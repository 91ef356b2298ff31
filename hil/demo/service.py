"""The station's process and its service manager: power on, power cut, orderly stop, and the start after a Reset.

The station never starts itself again: it ends with RESTART_STATUS, and whoever runs it does. Here that is the demo.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from hil.demo.processes import Child

COMMAND = (sys.executable, "-m", "chargepoint", "run")
RESTART_STATUS = 75
RESTARTS_MAX = 5
RESTARTS_S = 30.0


class Service:
    """One station. changed: called whenever its process came or went. `ended`: why it does not run, if it ended by itself.

    starts, restarts: how often it was started at all, and because it asked to be.
    """

    def __init__(self, command: tuple[str, ...] | None, log: Path, changed: Callable[[], None]) -> None:
        self._command = command or COMMAND
        self._log = log
        self._changed = changed
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.ended: str | None = None
        self.starts = 0
        self.restarts = 0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def power(self, config: Path) -> None:
        """The station gets power; nothing happens where it has it already."""
        if not self.running:
            await self._let_go()
            self.ended = None
            self._keeper = asyncio.create_task(self._keep(await self._start(config), config))

    async def cut(self) -> None:
        """kill -9: to the station it is a power cut."""
        await self._let_go()
        if self._child is not None:
            await self._child.kill()
        self._changed()

    async def stop(self) -> int | None:
        """SIGTERM; the exit status, None where there was no station."""
        await self._let_go()
        code = await self._child.end() if self._child is not None else None
        self._changed()
        return code

    def tail(self) -> str:
        """The last lines of the station's log."""
        return self._child.tail() if self._child is not None else "(the station was never started)"

    async def _start(self, config: Path) -> Child:
        self._child = await Child.start("the station", [*self._command, "--config", str(config)], self._log)
        self.starts += 1
        self._changed()
        return self._child

    async def _keep(self, child: Child, config: Path) -> None:
        """Until it ends otherwise, a station that asks for it is started again; one that keeps asking is not."""
        restarts: deque[float] = deque(maxlen=RESTARTS_MAX)
        while (code := await child.wait()) == RESTART_STATUS:
            if len(restarts) == RESTARTS_MAX and time.monotonic() - restarts[0] < RESTARTS_S:
                self.ended = f"asked to be started again {RESTARTS_MAX + 1} times within {RESTARTS_S:g} s; it stays off"
                break
            restarts.append(time.monotonic())
            self.restarts += 1
            child = await self._start(config)
        else:
            self.ended = f"ended by itself, {f'by signal {-code}' if code < 0 else f'exit status {code}'}"
        self._changed()

    async def _let_go(self) -> None:
        """What happens to the process from here on is ours, and no reason to start it again."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
