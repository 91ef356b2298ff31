"""A blank station: one that nobody has set up yet, and the code that lets somebody set it up from a phone.

Owns when a station counts as blank, and the code's life: made once, shown only where somebody at the station sees it, gone
with the set-up. Whoever can read it could as well lay a whole configuration on the card, and it opens nothing else.
"""

import contextlib
import grp
import os
import tomllib
from pathlib import Path

from chargepoint import settings_places
from chargepoint.durable import anew

CODE = "setup-code"
DONE = "set-up"  # written when a set-up is over (chargepoint-setup.path waits for it), or the station runs: once
TAKEN_OVER = "taken-over"  # the card's file became the configuration, see `commissioning`
DIGITS = 8
FILE_SIZE_MAX = 1024 * 1024
GROUP = "chargepoint"
EVERYWHERE = "0.0.0.0:8080"  # where the page of a blank station is to be seen, and of one that was set up from a phone


def is_blank(config: Path, *records: Path) -> bool:
    """Whether a station is still to be set up. records: files that are there once it has run.

    Without a file it is. With one that is no TOML, or names no identity, only where it has never been set up: a station whose
    file somebody has broken is mended by whoever may, not by whoever comes. A link is somebody's file, also where it leads to
    a place that is not there at the moment.
    """
    try:
        raw = config.read_bytes()[:FILE_SIZE_MAX]
    except FileNotFoundError:
        return not config.is_symlink()
    except OSError:
        return False
    try:
        station = tomllib.loads(raw.decode("utf-8-sig")).get("station")
    except (ValueError, RecursionError):
        station = None
    if isinstance(station, dict) and isinstance(station.get("identity"), str) and station["identity"]:
        return False
    folder = config.absolute().parent
    return not any(map(_may_be_there, (folder / TAKEN_OVER, folder / DONE, *records)))


def _may_be_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def code_of(folder: Path) -> str | None:
    """The code that is there; None where there is none, or we may not know it."""
    try:
        found = (folder / CODE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return found if len(found) == DIGITS and found.isdecimal() else None


def make_code(folder: Path) -> str:
    """The code, made where there is none yet. Readable for its owner and the service's group. Raises OSError."""
    found = code_of(folder)
    if found is not None:
        return found
    made = f"{int.from_bytes(os.urandom(16), 'big') % 10**DIGITS:0{DIGITS}d}"
    put(folder / CODE, made + "\n")
    return made


def forget_code(folder: Path) -> None:
    (folder / CODE).unlink(missing_ok=True)


def settle(config: Path, identity: str) -> None:
    """The station runs with this file, however it came there: no code is left, and it is remembered. A folder that cannot be
    written stays as it is. For the installed station's own file only: what lies beside others is not ours.
    """
    folder = config.absolute().parent
    if folder != settings_places.INSTALLED:
        return
    with contextlib.suppress(OSError):
        forget_code(folder)
        if not (folder / DONE).exists():
            put(folder / DONE, f"{identity}\n")


def shown(code: str) -> str:
    """As it is read aloud: in two halves."""
    return f"{code[: DIGITS // 2]} {code[DIGITS // 2 :]}"


def put(path: Path, text: str) -> None:
    """Whole or not at all, for its owner and the service's group. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with os.fdopen(anew(beside), "w") as file:
        file.write(text)
        file.flush()
        _for_the_group(file.fileno())
        os.fsync(file.fileno())
    beside.replace(path)


def _for_the_group(descriptor: int) -> None:
    """The service's group may read it, where there is such a group and we may give it something."""
    with contextlib.suppress(KeyError, PermissionError):
        group = grp.getgrnam(GROUP).gr_gid
        if os.fstat(descriptor).st_gid != group:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, 0o640)
