"""Journals: recordings of the newest events as files, for whoever looks for a fault afterwards.

Owns the files `journal-NNNN.jsonl.gz` beside the database: written when the core came to an impossible state and when somebody
asks, never otherwise (cards wear out). At most `KEPT_MAX` are kept: the two oldest, which show how it began, and the newest.
"""

import asyncio
import base64
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chargepoint.core.step import Now
from chargepoint.durable import whole
from chargepoint.journal import program
from chargepoint.journal.recorder import Recorder
from chargepoint.shell.recent import stamp

log = logging.getLogger(__name__)

KEPT_MAX = 5
FIRST_KEPT = 2
ROOM_BYTES = 16 << 20  # with less free than this nothing is written: what is left is for billing
NAME = re.compile(r"journal-(\d{4,9})\.jsonl\.gz")

Body = dict[str, Any]


class Journals:
    """identity: whose they are. now: the clock that dates them. version: the program's."""

    def __init__(
        self, state_dir: Path, identity: str, recorder: Recorder, now: Callable[[], Now], version: Callable[[], str]
    ) -> None:
        self._state_dir = state_dir
        self._identity = identity
        self._recorder = recorder
        self._now = now
        self._version = version

    def recording(self, why: str) -> bytes:
        """Everything recorded so far, as the content of a file."""
        wall_s = self._now().wall_s
        about = {
            "station": self._identity,
            "version": self._version(),
            "program": program.digest(),
            "written": None if wall_s is None else stamp(wall_s),
            "why": why,
        }
        return self._recorder.recording(about)

    def keep(self, why: str) -> Path:
        """Writes a file, whole or not at all, and drops one where there are too many. Blocks; raises OSError."""
        content = self.recording(why)
        disk = os.statvfs(self._state_dir)
        if disk.f_bavail * disk.f_frsize < ROOM_BYTES + len(content):
            raise OSError(f"{self._state_dir} has no room for a journal: free {ROOM_BYTES >> 20} MiB on its disk")
        there = kept(self._state_dir)
        path = self._state_dir / f"journal-{1 + max((number for number, _ in there), default=0):04}.jsonl.gz"
        with whole(path) as file:
            file.write(content)
        while len(there) >= KEPT_MAX:
            there.pop(FIRST_KEPT)[1].unlink(missing_ok=True)
        return path

    def keep_after_failure(self) -> None:
        """The process ends with an impossible state; never raises."""
        try:
            path = self.keep("impossible state")
        except OSError as error:
            log.error("the journal of the last events could not be written: %s", error)
        else:
            log.critical(
                "the last %d events are in %s: send it to the makers (chargepoint replay shows it)", self._recorder.events, path
            )

    async def asked(self, arguments: Body) -> Body:
        """A request of the control socket: {"do": "journal"} writes a file, with "content": true it comes in the answer."""
        events = self._recorder.events
        if arguments.get("content") is True:
            content = self.recording("asked for")
            return {"content": base64.b64encode(content).decode(), "bytes": len(content), "events": events}
        path = await asyncio.to_thread(self.keep, "asked for")
        return {"file": str(path), "bytes": path.stat().st_size, "events": events}


def kept(state_dir: Path) -> list[tuple[int, Path]]:
    """The files that are there, the oldest first, with their numbers."""
    try:
        found = [(NAME.fullmatch(path.name), path) for path in state_dir.iterdir()]
    except OSError:
        return []
    return sorted((int(match[1]), path) for match, path in found if match)
