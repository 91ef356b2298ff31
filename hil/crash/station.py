"""The station's process and what a service manager does for it: it is started again whenever it ends by itself.

Owns the exit statuses: which of them are well, and when. A kill is ours and no end of its own.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hil.crash.disk import set_quota
from hil.demo.processes import Child

COMMAND = (sys.executable, "-m", "chargepoint", "run")
RESET_STATUS = 75
STORE_STATUS = 74
AGAIN_S = 0.2  # what a service manager waits before it starts a process again
STARTS_KEPT = 40  # logs


class StationProcess:
    """command: what is the station, without `--config FILE`. trouble takes what must not have happened, in words.

    disk_failing: whether an end with status 74 is well at present.
    """

    def __init__(self, command: tuple[str, ...], config: Path, logs: Path, trouble: Callable[[str], None]) -> None:
        self.disk_failing = False
        self.quota_bytes: int | None = None
        self.starts = 0
        self.own_ends = 0
        self._command = command
        self._config = config
        self._logs = logs
        self._trouble = trouble
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        logs.mkdir(exist_ok=True)

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Starts it; returns at once."""
        self._gone.clear()
        await self._begin()
        self._keeper = asyncio.create_task(self._keep())

    async def kill(self) -> bool:
        """SIGKILL; False where it was just between two starts, or had ended."""
        await self._let_go()
        assert self._child is not None
        await self._child.kill()
        return await self._child.wait() == -signal.SIGKILL

    async def expose(self) -> int | None:
        """Its process id, for somebody who kills it: it is not started again. None where there is no process."""
        await self._let_go()
        assert self._child is not None
        return self._child.pid if self._child.running else None

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        await self._let_go()
        assert self._child is not None
        return await self._child.end()

    def limit(self, bytes_max: int | None) -> None:
        """A quota on every file, for this process and those that follow."""
        self.quota_bytes = bytes_max
        if self.running:
            assert self._child is not None
            set_quota(self._child.pid, bytes_max)

    def tail(self) -> str:
        return self._child.tail() if self._child is not None else "(never started)"

    async def _begin(self) -> None:
        self.starts += 1
        log = self._logs / f"station-{self.starts:04}.log"
        old = self._logs / f"station-{self.starts - STARTS_KEPT:04}.log"
        old.unlink(missing_ok=True)
        self._child = await Child.start("the station", [*self._command, "--config", str(self._config)], log)
        if self.quota_bytes is not None:
            set_quota(self._child.pid, self.quota_bytes)

    async def _keep(self) -> None:
        """Until it is let go. A start is never left half done: nobody would know the process."""
        while True:
            assert self._child is not None
            if not await self._first(self._child.wait()):
                return
            status = await self._child.wait()
            self.own_ends += 1
            if status != RESET_STATUS and not (status == STORE_STATUS and self.disk_failing):
                last = self._child.tail(5).replace("\n", " | ")
                self._trouble(f"the station ended by itself with status {status}, see {self._child.log.name}: {last}")
            if not await self._first(asyncio.sleep(AGAIN_S)):
                return
            await self._begin()

    async def _first(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Waits for something; False where the process is let go before."""
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self._gone.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        return not self._gone.is_set()

    async def _let_go(self) -> None:
        if self._keeper is not None:
            self._gone.set()
            await self._keeper
            self._keeper = None
