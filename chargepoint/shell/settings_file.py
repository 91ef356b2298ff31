"""The settings file, for whoever configures the station from afar: shown, checked, and taken, always as a whole.

`settings_file` gives its text with every secret blanked, and a digest of it. `check_settings` (text) says what
`chargepoint check-config` says of a text. `take_settings` (text, digest) writes it, if it is fine and the file is still the one
that was shown. *** stands for a secret that stays as it is.

The check is a process of its own, however long it takes: this one runs a station. The file is replaced whole or not at all;
the one before stays beside it, with the ending .previous. What was taken holds from the next start on.
"""

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from chargepoint.durable import anew, sync_names
from chargepoint.processes import command, environment
from chargepoint.settings_masks import MaskError, masked, unmasked
from chargepoint.shell.control import Answerer, Refusal

CHECK_S = 45.0
TEXT_MAX = 48 * 1024  # of the control socket's 64 KiB a line

Body = dict[str, Any]


class SettingsFile:
    """path: the file that the service was started with; None: nobody told, and it can be neither shown nor changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path.absolute() if path is not None else None
        self._at_start = _digest(_read(self._path)) if self._path is not None and self._path.is_file() else ""
        self._one_at_a_time = asyncio.Lock()

    @property
    def requests(self) -> dict[str, Answerer]:
        """For the control socket."""
        return {"settings_file": self.shown, "check_settings": self.checked, "take_settings": self.taken}

    async def shown(self, _: Body) -> Body:
        path = self._there()
        content = _read(path)
        try:
            text = masked(_text(content))
        except MaskError as error:
            raise Refusal(f"{path}: {error}") from None
        return {
            "file": str(path),
            "text": text,
            "digest": _digest(content),
            "restart": _digest(content) != self._at_start,
            "writable": _writable(path),
        }

    async def checked(self, arguments: Body) -> Body:
        async with self._one_at_a_time:
            path = self._there()
            beside = self._laid_down(path, self._whole(path, arguments))
            try:
                return await _checked(beside, path)
            finally:
                beside.unlink(missing_ok=True)

    async def taken(self, arguments: Body) -> Body:
        async with self._one_at_a_time:
            path = self._there()
            before = _read(path)
            if arguments.get("digest") != _digest(before):
                raise Refusal(f"{path} was changed meanwhile; look at it again, then change it")
            beside = self._laid_down(path, self._whole(path, arguments))
            try:
                verdict = await _checked(beside, path)
                if not verdict["fine"]:
                    return {**verdict, "taken": False}
                await asyncio.to_thread(_replace, path, before, beside)
            finally:
                beside.unlink(missing_ok=True)
            now = _digest(_read(path))
            return {**verdict, "taken": True, "digest": now, "restart": now != self._at_start}

    def _there(self) -> Path:
        if self._path is None:
            raise Refusal("the service was not told which file its settings are in")
        return self._path

    @staticmethod
    def _whole(path: Path, arguments: Body) -> str:
        text = arguments.get("text")
        if not isinstance(text, str) or len(text) > TEXT_MAX:
            raise Refusal(f"text must be the settings as text, at most {TEXT_MAX} characters")
        try:
            return unmasked(text, _text(_read(path)))
        except MaskError as error:
            raise Refusal(str(error)) from None

    @staticmethod
    def _laid_down(path: Path, text: str) -> Path:
        """Beside the file, for paths in it are taken from there; as secret as the file itself."""
        beside = path.with_name(f".{path.name}.new")
        there = path.stat()
        try:
            with os.fdopen(anew(beside), "wb") as file:
                file.write(text.encode())
                os.fchmod(file.fileno(), there.st_mode & 0o777)
                # Where it is the right one already nothing is asked: the unit's sandbox knows no chown at all.
                if os.fstat(file.fileno()).st_gid != there.st_gid and (os.geteuid() == 0 or there.st_gid in os.getgroups()):
                    os.fchown(file.fileno(), -1, there.st_gid)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Refusal(f"the service may not write in {path.parent}: {error.strerror}") from error
        return beside


async def _checked(beside: Path, path: Path) -> Body:
    """What check-config says, with the file's own name."""
    process = await asyncio.create_subprocess_exec(
        *command("check-config", "--json", "--config", str(beside)),
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(CHECK_S):
            said = await process.stdout.read()
            await process.wait()
    except TimeoutError:
        raise Refusal(f"the check of the settings took longer than {CHECK_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        told = json.loads(said.decode().replace(str(beside), str(path)))
        verdict = {"fine": told["ok"], **{name: told[name] for name in ("problems", "remarks", "connects_to", "verdict")}}
    except (ValueError, KeyError, TypeError):
        raise Refusal("the settings could not be checked: check-config did not answer") from None
    return verdict


def _replace(path: Path, before: bytes, beside: Path) -> None:
    """Whole or not at all, also when the power goes; the content before stays beside it."""
    kept, there = path.with_name(f"{path.name}.previous"), path.stat()
    with os.fdopen(anew(kept), "wb") as file:
        file.write(before)
        os.fchmod(file.fileno(), there.st_mode & 0o777)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_names(path.parent)


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MaskError(f"it is no UTF-8 text ({error.reason})") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK)
