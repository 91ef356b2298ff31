"""The vault: the station's certificates and keys, and everything that must be worked out about them, beside the event loop.

Owns the order of what is asked (one thing at a time) and the bounds of the process that does it. Refuses to decide anything:
`folder` says what lies where, `work` what is right. Whatever breaks, an answer comes that changes nothing and trusts nobody.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec

from chargepoint.core.effects import AskVault
from chargepoint.core.events import Event, VaultAnswered, VaultSeen
from chargepoint.core.vault_records import VaultContents, VaultRequest, failed
from chargepoint.processes import command, environment
from chargepoint.shell.redact import without_secrets
from chargepoint.shell.vault import folder
from chargepoint.shell.vault.folder import Places
from chargepoint.shell.vault.jobs import Job, Result, decode_result, encode

log = logging.getLogger(__name__)

WAITING_MAX = 16
WORK_S = 300.0  # SHA-256 of the largest image, or an RSA key, on a slow card and a slow processor
ANSWER_MAX = 4 << 20
SAID_MAX = 2_000
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ")


class VaultError(Exception):
    """The process could not do its work."""


class Vault:
    """image: where a firmware download lies. now_s: the best time that is known, seconds since 1970 UTC. put: takes events.

    looked: what there is has been told once.
    """

    def __init__(self, places: Places, image: Path, now_s: Callable[[], float], put: Callable[[Event], None]) -> None:
        self.places = places
        self._image = image
        self._now_s = now_s
        self._put = put
        self._loop = asyncio.get_running_loop()
        self.looked = asyncio.Event()
        self._contents: VaultContents | None = None
        self._waiting: deque[AskVault | None] = deque()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Repairs what is open to others and tells what there is."""
        for sentence in folder.tighten(self.places):
            log.warning("certificates: %s", sentence)
        self._begin(None)

    def look(self) -> None:
        """The link changed files: what there is now is told. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._begin, None)

    def perform(self, effect: AskVault) -> None:
        """Returns at once and never raises; VaultAnswered follows."""
        if len(self._waiting) >= WAITING_MAX:
            self._put(VaultAnswered(effect.key, failed(effect.request, "too much is asked of the certificates at once")))
        else:
            self._begin(effect)

    async def stop(self) -> None:
        """What runs is given up: the files are as they were before it, or after it."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait({self._worker})

    def _begin(self, effect: AskVault | None) -> None:
        self._waiting.append(effect)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work(), name="vault")

    async def _work(self) -> None:
        while self._waiting:
            effect = self._waiting.popleft()
            request = None if effect is None else effect.request
            try:
                result = await self._done(request)
            except VaultError as error:
                log.error("certificates: %s", error)
                result = None
            if result is not None and result.contents != self._contents:
                self._contents = result.contents
                self._put(VaultSeen(result.contents))
            self.looked.set()
            if effect is not None:
                answer = None if result is None else result.answer
                why = "certificates cannot be worked on now; the station's log says why"
                self._put(VaultAnswered(effect.key, answer or failed(effect.request, why)))

    async def _done(self, request: VaultRequest | None) -> Result:
        if request is None and self._nothing_there():
            return Result(contents=VaultContents())
        if find_spec("cryptography") is None:
            raise VaultError("the Python package cryptography is missing; install chargepoint[security]")
        job = Job(places=self.places, now_s=self._now_s(), image=str(self._image), request=request)
        try:
            process = await asyncio.create_subprocess_exec(
                *command(module=__package__ or "chargepoint.shell.vault"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment(KEPT_ENVIRONMENT),
                start_new_session=True,
            )
        except OSError as error:
            raise VaultError(f"no process can be started: {error.strerror or error}") from error
        try:
            async with asyncio.timeout(WORK_S):
                said, complaint = await process.communicate(encode(job))
        except TimeoutError as error:
            raise VaultError(f"no answer within {WORK_S:g} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        try:
            return decode_result(said[:ANSWER_MAX])
        except msgspec.DecodeError as error:
            text = without_secrets(complaint[-SAID_MAX:].decode("utf-8", "replace"))
            raise VaultError(f"the process broke with status {process.returncode}: {text}") from error

    def _nothing_there(self) -> bool:
        """No process is needed to see that there are no certificates at all."""
        named = (self.places.central_system_root, self.places.manufacturer_root, self.places.client_certificate)
        return not any(named) and not Path(self.places.folder).exists()
