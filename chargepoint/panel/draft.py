"""A set-up that is under way: what has been answered, kept over reloads and power cuts until it is a settings file.

Owns the file `setup.json` of the page's state (mode 0600, whole or not at all), the code's tries, and the search that runs in
the background. The first start of a blank station voids every password that was made before.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chargepoint import blank
from chargepoint.panel.guard import Access, Guard, key_of
from chargepoint.panel.hands import Body, Hands, NoHands

log = logging.getLogger(__name__)

DRAFT = "setup.json"
RAN = "configured"  # of the page's state: there was a usable settings file once
WRONG_MAX = 1_000  # of codes, until the machine is started again
BOOT = Path("/proc/sys/kernel/random/boot_id")
PAGE = {"page": blank.EVERYWHERE}  # whoever sets a station up from a phone wants to see its page there afterwards


class Closed(Exception):
    """Too many wrong codes: nobody gets in before the next start of the machine."""


class Draft:
    """config: the file to be. access: the page's passwords. hands: see there."""

    def __init__(self, config: Path, access: Access, hands: Hands) -> None:
        self._config = config
        self._access = access
        self._path = access.directory / DRAFT
        self._search: asyncio.Task[None] | None = None
        self._told: dict[str, Any] = {}
        self.hands = hands
        self.progress = ""
        self.trouble = ""
        self._taking = asyncio.Lock()  # a thumb that comes down twice saves once
        self._over = False  # by our own doing
        self.changed: Callable[[], None] = lambda: None

    @property
    def blank(self) -> bool:
        return not self._over and is_blank(self._config, self._access.directory)

    @property
    def overtaken(self) -> bool:
        """Somebody else has set the station up."""
        return not self._over and not self._taking.locked() and not self.blank

    def admits(self, cookie: str) -> bool:
        """Whether a session counts: once there is a settings file, only that of whoever saved it, see `end`."""
        return self._over or self.blank or self._told.get("taker") == key_of(cookie)

    @property
    def answers(self) -> Body:
        return dict(self._told.get("answers", {}))

    @property
    def found(self) -> Body:
        """What the search found, and what may be chosen besides."""
        return dict(self._told.get("found", {}))

    @property
    def tested(self) -> Body:
        """The last test of the Central System: its findings, and the address that they are of."""
        return dict(self._told.get("tested", {}))

    @property
    def searching(self) -> bool:
        return self._search is not None and not self._search.done()

    def open(self) -> str | None:
        """Reads what is there, or begins; the code, where this process may know it. Raises OSError."""
        directory = self._access.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._told = _read(self._path) or {}
        if not self._told:
            self._access.reset("installer")
            self._access.set("viewer", None)
            self._put(began=True)
        with contextlib.suppress(OSError):
            return blank.make_code(self._config.absolute().parent)
        return blank.code_of(self._config.absolute().parent)

    def enter(self, guard: Guard, told: str, address: str) -> str | None:
        """A session's cookie for the right code. Raises TooManyTries, Closed."""
        wrong = self._told.get("wrong", {})
        boot = _boot()
        count = int(wrong.get("count", 0)) if wrong.get("boot") == boot else 0
        if count >= WRONG_MAX:
            raise Closed
        code = blank.code_of(self._config.absolute().parent) or ""
        cookie = guard.enter_by_code("".join(told.split()), code, address)
        if cookie is None:
            self._put(wrong={"boot": boot, "count": count + 1})
        return cookie

    @property
    def has_code(self) -> bool:
        return blank.code_of(self._config.absolute().parent) is not None

    def answer(self, **answers: Any) -> None:
        self._put(answers={**self.answers, **answers})

    def mark(self, cookie: str) -> str:
        """Tells answers from others, for whom the cookie is; it says nothing of them."""
        return hmac.new(cookie.encode(), json.dumps(self.whole(), sort_keys=True).encode(), hashlib.sha256).hexdigest()

    def keep_test(self, dials: str, findings: list[Body]) -> None:
        self._put(tested={"dials": dials, "findings": findings})

    def whole(self) -> Body:
        """The answers, as those of a file of them."""
        return {**self.answers, **PAGE}

    def look(self) -> None:
        """Searches, unless that is under way."""
        if not self.searching:
            self.progress, self.trouble = "", ""
            self._search = asyncio.get_running_loop().create_task(self._look(), name="search")

    async def leave(self) -> None:
        if self._search is not None:
            self._search.cancel()
            await asyncio.gather(self._search, return_exceptions=True)

    async def take(self, cookie: str) -> Body:
        """Makes the answers a settings file; then they are forgotten here, for they hold a secret. Raises NoHands.

        From then on a session is one of a station at work, and the code let in whoever knew it: only the cookie's stays. Its
        key is kept meanwhile, so that this holds as well when the power goes.
        """
        async with self._taking:
            if self._over:
                return {"taken": True}
            await self.leave()  # the service is about to want the lines that are searched
            self._put(taker=key_of(cookie))
            told = await self.hands.ask("take", self.whole())
            if told["taken"]:
                self._over = True
                end(self._access)
            else:
                self._put(taker="")
            return told

    async def _look(self) -> None:
        try:
            self._put(found=await self.hands.ask("look", {}, self._tell))
        except NoHands as error:
            self.trouble = str(error)
            with contextlib.suppress(NoHands):
                self._put(found=await self.hands.ask("choices", {}))
        finally:
            self.progress = ""
            asyncio.get_running_loop().call_soon(self.changed)

    def _tell(self, text: str) -> None:
        self.progress = text
        self.changed()

    def _put(self, **told: Any) -> None:
        if self._over:
            return  # what comes late would leave behind what is forgotten
        self._told |= told
        self._access.keep(self._path, json.dumps(self._told).encode())


def is_blank(config: Path, state: Path) -> bool:
    """Whether the page sets the station up. state: the page's own."""
    return blank.is_blank(config, state / RAN)


def end(access: Access) -> None:
    """The set-up is over, whoever ended it: of those that it let in only who saved it stays. Raises OSError."""
    told = _read(access.directory / DRAFT)
    if told is not None:
        access.end_sessions(but=str(told.get("taker", "")))
        (access.directory / DRAFT).unlink()


def remember(access: Access) -> None:
    """The station has a settings file: whatever becomes of it, it is set up. Raises OSError."""
    end(access)
    ran = access.directory / RAN
    if not ran.exists():
        os.close(os.open(ran, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _read(path: Path) -> dict[str, Any] | None:
    """What is kept of a set-up, empty where it is damaged; None where nothing is."""
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _boot() -> str:
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
