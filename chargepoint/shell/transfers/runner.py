"""Watches over the process of one transfer: starts it, hears of its progress, and ends it when it takes too long.

Owns the three bounds of an attempt: its whole time, its pace (fewer than PACE_BYTES in stall_s: a server that plays dead), and
what the process may say. Cancelling `run` ends the process.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable

import msgspec

from chargepoint.processes import command, environment
from chargepoint.shell.redact import without_secrets
from chargepoint.shell.transfers.jobs import Done, Failed, Job, Line, Progress, decode_line, encode

log = logging.getLogger(__name__)

PACE_BYTES = 4_096
LINE_MAX = 64 * 1024
SAID_MAX = 2_000
END_S = 2.0
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


async def run(
    job: Job, *, attempt_s: float, stall_s: float, progress: Callable[[Progress], None] = lambda told: None
) -> Done | Failed:
    """One attempt, to its end. attempt_s: how long it may take; stall_s: see above."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command(module=__package__ or "chargepoint.shell.transfers"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(KEPT_ENVIRONMENT),
            limit=LINE_MAX,
            start_new_session=True,
        )
    except OSError as error:
        return Failed(f"no process can be started for the transfer: {error.strerror or error}")
    watch = _Watch(process, stall_s, progress)
    try:
        async with asyncio.timeout(attempt_s):
            return await watch.end(job)
    except TimeoutError:
        return Failed(f"the attempt took more than {attempt_s:g} s")
    finally:
        await _killed(process)


class _Watch:
    def __init__(self, process: asyncio.subprocess.Process, stall_s: float, progress: Callable[[Progress], None]) -> None:
        self._process = process
        self._stall_s = stall_s
        self._progress = progress
        self._moved = 0
        self._counted = 0

    async def end(self, job: Job) -> Done | Failed:
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        stdin.write(encode(job) + b"\n")
        said = asyncio.ensure_future(_last_words(stderr))
        hear = asyncio.ensure_future(self._hear(stdout))
        pace = asyncio.ensure_future(self._pace())
        try:
            await asyncio.wait({hear, pace}, return_when=asyncio.FIRST_COMPLETED)
            if not hear.done():
                return Failed(f"fewer than {PACE_BYTES} bytes moved within {self._stall_s:g} s")
            heard = hear.result()
            if heard is not None:
                return heard
            log.error("the process of a transfer broke: %s", without_secrets((await said).decode("utf-8", "replace")))
            return Failed("the process of the transfer broke; the log says more")
        finally:
            for task in (said, hear, pace):
                task.cancel()
            await asyncio.gather(said, hear, pace, return_exceptions=True)

    async def _hear(self, stdout: asyncio.StreamReader) -> Done | Failed | None:
        """Its last word; None where it went without one."""
        first: int | None = None
        while line := await stdout.readline():
            try:
                told: Line = decode_line(line)
            except msgspec.DecodeError:
                return None
            if not isinstance(told, Progress):
                return told
            first = told.size if first is None else first
            self._moved = max(self._moved, told.size - first)
            self._progress(told)
        return None

    async def _pace(self) -> None:
        """Ends when too little has moved."""
        while True:
            before = self._moved
            await asyncio.sleep(self._stall_s)
            if self._moved - before < PACE_BYTES:
                return


async def _last_words(stderr: asyncio.StreamReader) -> bytes:
    """The end of what it says there: a traceback names the error last."""
    said = b""
    while more := await stderr.read(SAID_MAX):
        said = (said + more)[-SAID_MAX:]
    return said


async def _killed(process: asyncio.subprocess.Process) -> None:
    """The process is gone, with whatever it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await process.wait()
