"""The archivist: asks every room what it knows, and has an archive of diagnostics made of it, beside the event loop.

Owns what is asked for. What one of them cannot tell is missing in the archive, which says so; the archive is made nevertheless.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from chargepoint.core.maintenance_records import Log
from chargepoint.settings import Settings, redacted
from chargepoint.shell.recent import Recent
from chargepoint.shell.transfers.jobs import MIB

PAGE = 1_000
ROWS_MAX = 20_000
ASK_S = 10.0

Body = dict[str, Any]
Table = list[dict[str, Any]]


class ControlLike(Protocol):
    async def status(self) -> Body: ...
    async def ask(self, do: str, arguments: Body) -> Body: ...


class Archivist:
    """health: the state of every part. ledger(limit, offset), security_log(limit, offset): pages of them, the newest first.
    authorization_key: the one that is in use.
    """

    def __init__(
        self,
        settings: Settings,
        firmware_version: str,
        control: ControlLike,
        health: Callable[[], Table],
        recent: Recent,
        ledger: Callable[[int, int], Awaitable[Table]],
        dead_letters: Callable[[int], Awaitable[Table]],
        security_log: Callable[[int, int], Awaitable[Table]],
        authorization_key: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._firmware_version = firmware_version
        self._control = control
        self._health = health
        self._recent = recent
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._security_log = security_log
        self._authorization_key = authorization_key
        self._missing: list[str] = []

    async def archive(self, path: Path, log: Log, start_s: float | None, stop_s: float | None) -> None:
        """Makes one of a kind for a time (seconds since 1970 UTC); raises OSError, and StoreError for a security log."""
        from chargepoint.shell.blanking import blanker, secrets_of  # loaded when an archive is wanted
        from chargepoint.shell.diagnostics import Known, build, write_security_log

        if log == "security":
            lines = await self._all(self._security_log)
            await asyncio.to_thread(write_security_log, path, lines, start_s, stop_s)
            return
        self._missing = []
        status: Body = await self._asked("status", self._control.status(), {})
        keys: Body = await self._asked("keys", self._control.ask("get_settings", {"names": []}), {})
        secrets = secrets_of(self._settings) | {self._authorization_key()}
        known = Known(
            station=self._settings.station.identity,
            status=status,
            health=self._health(),
            configuration={"settings": redacted(self._settings), "keys": keys.get("keys", [])},
            firmware_version=self._firmware_version,
            ledger=await self._asked("ledger", self._all(self._ledger), []),
            dead_letters=await self._asked("dead letters", self._dead_letters(PAGE), []),
            security_log=await self._asked("security log", self._all(self._security_log), []),
            log=self._recent.between(start_s, stop_s),
            missing=tuple(self._missing),
            start_s=start_s,
            stop_s=stop_s,
            blank=blanker(secrets, self._settings.station.identity),
        )
        await asyncio.to_thread(build, path, known, self._settings.transfers.diagnostics_mib_max * MIB)

    @staticmethod
    async def _all(pages: Callable[[int, int], Awaitable[Table]]) -> Table:
        rows: Table = []
        while len(rows) < ROWS_MAX:
            page = await pages(PAGE, len(rows))
            rows += page
            if len(page) < PAGE:
                break
        return rows

    async def _asked(self, what: str, answer: Awaitable[Any], otherwise: Any) -> Any:
        """The answer, or `otherwise` and a remark: an archive is wanted most where something is wrong."""
        try:
            async with asyncio.timeout(ASK_S):
                return await answer
        except Exception as error:
            self._missing.append(f"{what}: {type(error).__name__}: {error}"[:300])
            return otherwise
