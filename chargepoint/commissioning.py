"""Commissioning from the card: a chargepoint.toml on the FAT partition becomes the station's configuration.

Owns when a file is taken over (there is none in force, or the card's has changed), the order of writing, and that no secret
stays on a partition that any laptop reads. Knows nothing of lamps and services.

The order, so that a power cut at any step is only a beginning from the start: everything is written beside its place and
flushed; the files that the configuration names are renamed into place, then the configuration itself, which is the moment from
which it is in force; then secrets leave the card; last the card's file is remembered as taken over. Until that last step the
next start does all of it again, with the same outcome.

A secret leaves the card in one of three ways. The authorization_key moves to a file of its own and is only named by what stays
on the card, so that a later change of, say, the url needs no key. Files that hold secrets are deleted from the card. Where a
secret stands in another place, the whole file leaves the card.
"""

import contextlib
import grp
import hashlib
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from msgspec import structs

from chargepoint.durable import anew, sync_names
from chargepoint.registry import CheckedFile, check_file
from chargepoint.settings import FILE_SIZE_MAX
from chargepoint.tables import SECRET, Problem

NAME = "chargepoint.toml"
ERROR = "chargepoint-error.txt"
STATUS = "chargepoint-status.txt"
# What editors, hidden extensions and second downloads make of the name.
DISGUISED = re.compile(r"chargepoint(?!-).*\.(toml|txt|rtf)\Z", re.IGNORECASE)
OTHER = re.compile(r"[^.].*\.toml\Z", re.IGNORECASE)  # an example, or one of many stations, that nobody has renamed
RECORD = "taken-over"
STAGE = ".taking-over"
STAGED = 0o600  # nobody else's until it is in force
KEY_FILE = "authorization-key"
NAMED = (
    ("central_system", "authorization_key_file"),
    ("security", "central_system_root"),
    ("security", "manufacturer_root"),
    ("security", "client_certificate"),
    ("security", "client_key"),
)
SECRET_FILES = ("authorization_key_file", "client_key")
# However it is spelled; what comes of replacing it is compared with what was meant.
KEY = re.compile(r"""(?<![\w-])(["']?)authorization_key\1(?P<is>\s*=\s*)("[^"\n]*"|'[^'\n]*')""")
GROUP = "chargepoint"


class Outcome(NamedTuple):
    """What became of the card's file. checked: the check's findings, where it was checked. left: secrets that are still there.

    absent: there is none. unchanged: it was taken over before. taken: it is in force now. refused: it is wrong. beside: another
    file, that somebody may have meant.
    """

    kind: Literal["absent", "unchanged", "taken", "refused"]
    checked: CheckedFile | None = None
    left: tuple[str, ...] = ()
    beside: Path | None = None


def take_over(card: Path, etc: Path) -> Outcome:
    """Takes the file of a card into the folder `etc`, where it is new and right. Raises OSError."""
    source = card / NAME
    stage = etc / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    other = next(iter(_others(card, DISGUISED)), None)
    if not source.exists():
        if other is None:
            return Outcome("absent")
        hint = f"rename it to {NAME}; Windows hides the end of a name unless told otherwise"
        if other.suffix.lower() == ".rtf":
            hint = f"it must be plain text (TextEdit: Format, Make Plain Text), and be called {NAME}"
        return _refused(Problem(file=str(other), allowed="has another name than the one that is looked for", hint=hint))
    raw = _content(source)
    if isinstance(raw, Problem):
        return _refused(raw)
    if (etc / NAME).exists() and _remembered(etc) == _digest(raw):
        return Outcome("unchanged", beside=other)
    etc.mkdir(parents=True, exist_ok=True)
    stage.mkdir(mode=0o700)
    try:
        checked, text = _staged(raw, card, etc, stage)
        if checked.problems:
            return Outcome("refused", checked)
        _put_in_force(stage, etc)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    left = _clear(card, raw, text)
    return Outcome("taken", checked, _remember(card, etc, left), other)


def unrenamed(card: Path) -> str | None:
    """The name of a configuration that lies on the card and is called otherwise; None: there is none."""
    for path in (*_others(card, DISGUISED), *_others(card, OTHER)):
        content = _content(path)
        if isinstance(content, bytes) and "central_system" in _document(content):
            return path.name
    return None


def _others(card: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Files of such names, the one that is looked for left out."""
    try:
        found = sorted(path for path in card.iterdir() if pattern.fullmatch(path.name) and path.is_file())
    except OSError:
        return []
    return [path for path in found if path.name.lower() != NAME or not (card / NAME).exists()]


def _staged(raw: bytes, card: Path, etc: Path, stage: Path) -> tuple[CheckedFile, bytes | None]:
    """Lays everything down in `stage` and checks it there; the text that may stay on the card, None: none may."""
    document = _document(raw)
    problems = list(_copied(document, card, etc, stage))
    text, key = _without_key(raw, document)
    if key:
        _write(stage / KEY_FILE, key.encode(), STAGED)
    _write(stage / NAME, raw if text is None else text, STAGED)
    checked = check_file(stage / NAME)
    found = tuple(problems) + tuple(_seen_from(problem, card, stage) for problem in checked.problems)
    remarks = tuple(remark.replace(str(stage), str(etc)) for remark in checked.remarks)
    return CheckedFile(None if found else checked.settings, found, remarks), text


def _copied(document: Mapping[str, Any], card: Path, etc: Path, stage: Path) -> Iterator[Problem]:
    """Copies the files that a configuration names beside itself; one that is not on the card may be there from before."""
    for section, key in NAMED:
        name = _table(document, section).get(key)
        if not isinstance(name, str) or not name or os.path.isabs(name):
            continue
        if ".." in Path(name).parts:
            yield Problem(file=str(card / NAME), section=section, key=key, allowed="must lie beside the file, on the card")
            continue
        for folder in (card, etc):
            content = _content(folder / name)
            if isinstance(content, bytes):
                _write(stage / name, content, STAGED)
                break


def _without_key(raw: bytes, document: Mapping[str, Any]) -> tuple[bytes | None, str]:
    """The file with its authorization_key in a file of its own, and that key. None: no secret can be taken out of it."""
    key = _table(document, "central_system").get("authorization_key")
    if not isinstance(key, str) or not key:
        return (None if _secrets(document) else raw), ""
    wanted = {**document, "central_system": {**document["central_system"], "authorization_key_file": KEY_FILE}}
    del wanted["central_system"]["authorization_key"]
    text = KEY.sub(rf'authorization_key_file\g<is>"{KEY_FILE}"', raw.decode("utf-8-sig"))
    if _document(text.encode()) != wanted or _secrets(wanted):
        return None, ""
    return text.encode(), key


def _secrets(value: object) -> bool:
    """Whether a secret stands anywhere in a document."""
    if isinstance(value, dict):
        return any((isinstance(inner, str) and inner and SECRET.search(key)) or _secrets(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_secrets, value))


def _put_in_force(stage: Path, etc: Path) -> None:
    """The configuration itself goes last: with its rename it is in force."""
    group = _group()
    files = sorted((path for path in stage.rglob("*") if path.is_file()), key=lambda path: path == stage / NAME)
    for path in files:
        os.chmod(path, 0o640 if group is not None else 0o600)
        if group is not None:
            os.chown(path, 0, group)
        place = etc / path.relative_to(stage)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
        sync_names(place.parent)


def _clear(card: Path, raw: bytes, text: bytes | None) -> list[str]:
    """Takes secrets off the card; those that stay, with the reason."""
    left = []
    for path, content in _to_clear(card, raw, text):
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                replace(path, content)
            sync_names(card)
        except OSError as error:
            left.append(f"{path}: {error.strerror or error}")
    return left


def _to_clear(card: Path, raw: bytes, text: bytes | None) -> Iterator[tuple[Path, bytes | None]]:
    """What must change on the card: a file's new content, None where it goes."""
    document = _document(raw)
    if text != raw:
        yield card / NAME, text
    for section, key in NAMED:
        name = _table(document, section).get(key)
        if key in SECRET_FILES and isinstance(name, str) and name and not os.path.isabs(name) and (card / name).is_file():
            yield card / name, None


def _remember(card: Path, etc: Path, left: list[str]) -> tuple[str, ...]:
    """From now on the card's file is one that was taken over."""
    raw = _content(card / NAME)
    replace(etc / RECORD, _digest(raw).encode() if isinstance(raw, bytes) else b"")
    return tuple(left)


def replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; raises OSError. A power cut leaves the old one or the new one."""
    beside = path.with_name(f"{path.name}.new")
    try:
        _write(beside, content)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_names(path.parent)


def _refused(problem: Problem) -> Outcome:
    return Outcome("refused", CheckedFile(None, (problem,), ()))


def _seen_from(problem: Problem, card: Path, stage: Path) -> Problem:
    """A problem of the staged file, told of the card's."""
    texts = {
        name: value.replace(str(stage), str(card)) for name, value in structs.asdict(problem).items() if isinstance(value, str)
    }
    return structs.replace(problem, **texts)


def _content(path: Path) -> bytes | Problem:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_SIZE_MAX + 1)
    except IsADirectoryError:
        return Problem(file=str(path), allowed="is a folder", hint="lay the file itself beside config.txt")
    except OSError as error:
        return Problem(file=str(path), allowed=f"cannot be read: {error.strerror or error}", hint="is the card whole?")
    if len(raw) > FILE_SIZE_MAX:
        return Problem(file=str(path), found="more than 1 MiB", allowed="a configuration is far smaller")
    return raw


def _document(raw: bytes) -> dict[str, Any]:
    """The TOML of a file, empty where it is none: what is wrong with it the check says."""
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name)
    return table if isinstance(table, dict) else {}


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _remembered(etc: Path) -> str:
    try:
        return (etc / RECORD).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _group() -> int | None:
    """The service's group; None where there is none, or we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def _write(path: Path, content: bytes, mode: int = 0o640) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(anew(path, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
