"""Settings secrets: where a secret lies that the settings file only names, and whether others can read it.

Owns the three homes of a secret: in the file itself, in a file of its own, or as a credential of systemd (LoadCredential=),
which is a file in $CREDENTIALS_DIRECTORY. Refuses to show any of it: a problem names place, key and what is allowed.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chargepoint.tables import Checker, allowed_text, shown

SIZE_MAX = 4_096
DIRECTORY = "CREDENTIALS_DIRECTORY"
OTHERS = 0o077

HOMES = {
    ("central_system", "authorization_key"): ("authorization_key_file", "authorization_key_credential"),
    ("security", "client_key"): ("client_key_credential",),
}
"""Which keys of a section say where a secret lies, beside the one that holds it (client_key names a file as it is)."""


def check(checker: Checker, document: Mapping[str, Any], base: Path) -> None:
    """Each secret has one home, and a file that is named is there."""
    for (section, key), others in HOMES.items():
        table = document.get(section)
        if not isinstance(table, dict):
            continue
        given = [name for name in (key, *others) if table.get(name)]
        if len(given) > 1:
            checker.add(section, given[1], "", f"must not stand beside {given[0]}", "keep one of them")
        named = table.get(f"{key}_file")
        if isinstance(named, str) and named and not _may_be_there(base / named):
            checker.add(section, f"{key}_file", shown(named), "must be a file that is there", f"looked for it in {base}")


class Found(Struct, frozen=True):
    """A table with its secrets in their places, and what is worth a look."""

    table: Any
    remarks: tuple[str, ...] = ()


def filled_in(checker: Checker, section: str, table: Any, kind: Any, environ: Mapping[str, str], *, starting: bool) -> Found:
    """central_system with the authorization_key that it names. kind: the type that the key must have.

    starting: the station is about to run; otherwise a credential may be missing, since only the service is given it.
    """
    remarks: list[str] = []
    path = _place(checker, section, table, "authorization_key", environ, remarks, starting=starting)
    if path is None:
        return Found(table, tuple(remarks))
    key = path[0]
    content = _content(checker, section, key, path[1])
    if content is None:
        return Found(table, tuple(remarks))
    try:
        msgspec.convert(content, kind)
    except msgspec.ValidationError:
        checker.add(section, key, f"{len(content)} characters that are not shown", f"its content {allowed_text(kind)}")
        return Found(table, tuple(remarks))
    return Found(replace(table, authorization_key=content), tuple(remarks))


def with_key_file(checker: Checker, section: str, table: Any, environ: Mapping[str, str], *, starting: bool) -> Found:
    """security with the file of client_key where that is a credential."""
    remarks: list[str] = []
    path = _place(checker, section, table, "client_key", environ, remarks, starting=starting)
    return Found(table if path is None else replace(table, client_key=str(path[1])), tuple(remarks))


def open_to_others(path: str | Path) -> str | None:
    """A sentence where others than its owner may read a file; its group may, where the file is somebody else's.

    So it may where root gave its file a group (mode 640): the service's user reads it by that.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    mode = found.st_mode & 0o777
    given = found.st_uid == 0 and found.st_gid != 0
    others = OTHERS if found.st_uid == os.geteuid() and not given else 0o007
    if not mode & others:
        return None
    return f"{path} holds a secret and is open to others (mode {mode:o}); chmod {600 if others == OTHERS else 640} it"


def tighten(paths: Iterable[str | None]) -> Iterator[str]:
    """Takes files of secrets away from others, where they are this user's; a sentence for each that was open."""
    for path in paths:
        if path is None or (sentence := open_to_others(path)) is None:
            continue
        try:
            os.chmod(path, os.stat(path).st_mode & 0o700)
        except OSError:
            yield sentence
        else:
            yield f"{path} held a secret and was open to others; it is not any more"


def _place(
    checker: Checker,
    section: str,
    table: Any,
    key: str,
    environ: Mapping[str, str],
    remarks: list[str],
    *,
    starting: bool,
) -> tuple[str, Path] | None:
    """The key that names where the secret lies, and that place; None where none does, or it cannot be known."""
    file, credential = getattr(table, f"{key}_file", None), getattr(table, f"{key}_credential", None)
    if file:
        if (sentence := open_to_others(file)) is not None:
            remarks.append(f"[{section}] {sentence}")
        return f"{key}_file", Path(file)
    if not credential:
        return None
    directory = environ.get(DIRECTORY)
    if directory:
        return f"{key}_credential", Path(directory) / credential
    if starting:
        hint = f"give the unit LoadCredential={credential}:/path/to/it"
        checker.add(section, f"{key}_credential", shown(credential), "needs the credentials of systemd", hint)
    else:
        remarks.append(f"[{section}] {key}_credential {credential} is seen by the service only; nothing can be said of it here")
    return None


def _content(checker: Checker, section: str, key: str, path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            raw = file.read(SIZE_MAX + 1)
    except OSError as error:
        checker.add(section, key, shown(str(path)), f"cannot be read: {error.strerror or error}")
        return None
    text = raw.decode("utf-8", "replace").strip()
    if not text or len(raw) > SIZE_MAX:
        checker.add(section, key, "nothing" if not text else "more than 4 KiB", "must hold the secret and nothing else")
        return None
    return text


def _may_be_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True  # the service's user may well be allowed what this one is not
    except OSError:
        return False  # a name that no file can have
