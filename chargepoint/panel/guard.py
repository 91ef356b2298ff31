"""The guard: who is let in, as what, and for how long.

Owns the file `access.json` of the page's state (mode 0600): per role a salted scrypt hash, and the sessions by the hash of
their cookies, so that they outlive a process that ends when nobody looks. The installer's password is made at the first start
and lies in `first-password` until somebody logs in with it; from then on nobody can read any password anywhere.

Bounds: `SESSIONS_MAX` sessions, the oldest goes; a session lasts `SESSION_S` without a request and `SESSION_WHOLE_S` at most;
`TRIES_MAX` tries within TRIES_S from one address and `ALL_TRIES_MAX` from all of them. One password is checked at a time.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal

from chargepoint.durable import anew

log = logging.getLogger(__name__)

Role = Literal["installer", "viewer"]
ROLES: tuple[Role, ...] = ("installer", "viewer")

# OWASP's scrypt setting with the least memory (8 MiB), so that a small board can afford it: about a second on a Raspberry Pi 4.
COST = {"n": 2**13, "r": 8, "p": 10, "maxmem": 32 * 1024 * 1024}
PASSWORD_MIN, PASSWORD_MAX = 10, 200
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that can be taken for another
SESSIONS_MAX = 40
SESSION_S = 12 * 3600.0
SESSION_WHOLE_S = 7 * 86_400.0
TOUCH_S = 1800.0  # a session that is used is written again no more often than this
TRIES_MAX, ALL_TRIES_MAX, TRIES_S = 5, 20, 60.0


class TooManyTries(Exception):
    """wait_s: when the next try is let through."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"wait {wait_s:.0f} s")
        self.wait_s = wait_s


class Access:
    """The file. Every change reads it anew, for the command line changes it as well."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "access.json"
        self._first = directory / "first-password"

    def prepare(self) -> None:
        """Makes the folder and, where there is none yet, the installer's password. Raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if "installer" not in self.read()["passwords"]:
            self.reset("installer")

    def reset(self, role: Role) -> str:
        """A new password that nobody chose; whoever is logged in as that role is not any more."""
        password = "-".join("".join(_letter() for _ in range(4)) for _ in range(4))
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.set(role, password)
        if role == "installer":
            self.keep(self._first, password.encode() + b"\n")
        return password

    def first_password(self) -> str | None:
        """The installer's, as long as nobody has used it."""
        try:
            return self._first.read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None

    def forget_first(self) -> None:
        self._first.unlink(missing_ok=True)

    def set(self, role: Role, password: str | None) -> None:
        """None: nobody can log in as that role."""
        told = self.read()
        if password is None:
            told["passwords"].pop(role, None)
        else:
            salt = os.urandom(16)
            told["passwords"][role] = f"{_text(salt)}:{_text(_hash(password, salt))}"
        told["sessions"] = {key: one for key, one in told["sessions"].items() if one["role"] != role}
        self.write(told)

    def end_sessions(self, but: str = "") -> None:
        """Nobody is logged in any more. but: the `key_of` a cookie that stays."""
        told = self.read()
        told["sessions"] = {key: one for key, one in told["sessions"].items() if key == but}
        self.write(told)

    def read(self) -> dict[str, Any]:
        try:
            told = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {"passwords": {}, "sessions": {}}
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}; remove it, and a new password is made at the next start") from None
        if not isinstance(told, dict) or not all(isinstance(told.get(name), dict) for name in ("passwords", "sessions")):
            raise ValueError(f"{self._path}: it is damaged; remove it, and a new password is made at the next start")
        return told

    def write(self, told: dict[str, Any]) -> None:
        self.keep(self._path, json.dumps(told).encode())

    def keep(self, path: Path, content: bytes) -> None:
        """Whole or not at all, and never readable by anybody else; the folder's owner owns it, whoever writes."""
        owner = self.directory.stat()
        beside = path.with_name(path.name + ".new")
        with os.fdopen(anew(beside), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        beside.rename(path)


class Guard:
    """now: seconds since 1970, as sessions are kept by. mono: for the limits of tries."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._tries: dict[str, deque[float]] = {}
        self._all_tries: deque[float] = deque()
        self._checking = asyncio.Lock()

    async def log_in(self, password: str, address: str) -> tuple[str, Role] | None:
        """The new session's cookie and its role; None where the password is none. Raises TooManyTries."""
        self._count_try(address)
        async with self._checking:
            role = await asyncio.to_thread(self._role_of, password[: PASSWORD_MAX + 1])
        if role is None:
            log.warning("a login from %s was refused", address)
            return None
        self._forgive(address)
        if role == "installer":
            self._access.forget_first()
        log.info("a login from %s as %s", address, role)
        return self._begin(role), role

    def enter_by_code(self, told: str, code: str, address: str) -> str | None:
        """An installer's cookie for whoever knows the code of a blank station. Raises TooManyTries."""
        self._count_try(address)
        if not code or not hmac.compare_digest(told.encode("utf-8", "replace")[:PASSWORD_MAX], code.encode()):
            log.warning("a code from %s was refused", address)
            return None
        self._forgive(address)
        return self._begin("installer")

    def session(self, cookie: str) -> Role | None:
        """Whose session a cookie is; None where it is none, or none any more."""
        if not 20 <= len(cookie) <= 100:
            return None
        told = self._access.read()
        key, now_s = key_of(cookie), time.time()
        one = told["sessions"].get(key)
        if not isinstance(one, dict) or not _lives(one, now_s):
            return None
        if now_s - one["used_s"] > TOUCH_S:
            one["used_s"] = now_s
            self._access.write(told)
        role: Role | None = next((role for role in ROLES if role == one["role"]), None)
        return role

    def log_out(self, cookie: str) -> None:
        told = self._access.read()
        if told["sessions"].pop(key_of(cookie), None) is not None:
            self._access.write(told)

    async def change(self, old: str, new: str, role: Role, address: str) -> str | None:
        """The installer gives a role a new password. Returns why not, in words. Raises TooManyTries."""
        self._count_try(address)
        if not PASSWORD_MIN <= len(new) <= PASSWORD_MAX:
            return "A password has {least} to {most} characters."
        async with self._checking:
            if await asyncio.to_thread(self._role_of, old[: PASSWORD_MAX + 1]) != "installer":
                return "The present password is not right."
            await asyncio.to_thread(self._access.set, role, new)
        self._forgive(address)
        return None

    def first_password(self) -> str | None:
        """The installer's, until somebody has used or noted it."""
        return self._access.first_password()

    def forget_first(self) -> None:
        self._access.forget_first()

    def has_password(self, role: Role) -> bool:
        return role in self._access.read()["passwords"]

    def _begin(self, role: Role) -> str:
        cookie = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        told, now_s = self._access.read(), time.time()
        sessions = {key: one for key, one in told["sessions"].items() if _lives(one, now_s)}
        while len(sessions) >= SESSIONS_MAX:
            del sessions[min(sessions, key=lambda key: float(sessions[key]["used_s"]))]
        told["sessions"] = {**sessions, key_of(cookie): {"role": role, "began_s": now_s, "used_s": now_s}}
        self._access.write(told)
        return cookie

    def _role_of(self, password: str) -> Role | None:
        """Blocks for a second on a small board."""
        found: Role | None = None
        known = self._access.read()["passwords"]
        for role in ROLES:
            salt, _, kept = str(known.get(role, "")).partition(":")
            if kept and hmac.compare_digest(_hash(password, _raw(salt)), _raw(kept)):
                found = found or role
        return found

    def _forgive(self, address: str) -> None:
        """A try that was right is no guess."""
        self._tries.pop(address, None)
        self._all_tries.pop()

    def _count_try(self, address: str) -> None:
        now_s = time.monotonic()
        self._tries = {one: tries for one, tries in self._tries.items() if tries[-1] > now_s - TRIES_S}
        for tries, most in (
            (self._tries.setdefault(address, deque([now_s - TRIES_S])), TRIES_MAX),
            (self._all_tries, ALL_TRIES_MAX),
        ):
            while tries and tries[0] <= now_s - TRIES_S:
                tries.popleft()
            if len(tries) >= most:
                raise TooManyTries(TRIES_S - (now_s - tries[0]))
            tries.append(now_s)


def _letter() -> str:
    """Any of LETTERS, each as likely as the others."""
    while (number := os.urandom(1)[0]) >= len(LETTERS) * (256 // len(LETTERS)):
        pass
    return LETTERS[number % len(LETTERS)]


def csrf(cookie: str) -> str:
    """What a form of this session must carry; a stranger's page cannot know it."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def _lives(one: dict[str, Any], now_s: float) -> bool:
    """A clock that was set back ends no session."""
    return now_s - float(one["used_s"]) < SESSION_S and now_s - float(one["began_s"]) < SESSION_WHOLE_S


def key_of(cookie: str) -> str:
    """What is kept of a session's cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, dklen=32, **COST)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text)
