"""Settings as text that may be shown: secrets blanked, and put back where the text comes back changed.

Owns the two directions. A secret is the value of a key whose name says so (`tables.SECRET`), wherever it stands, and user and
password within a URL. What cannot be blanked for certain is not shown at all: the blanked text is read again and compared.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from chargepoint.tables import SECRET

MASK = "***"
_ASSIGNED = re.compile(r"""([A-Za-z0-9_-]+)(["']?[ \t]*=[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""")
_IN_URL = re.compile(r"""(://)[^\s/"'@]*(?:@[^\s/"'@]*)*@""")
_HELD = re.compile(r"\*\*\*(\d+)\*\*\*")

Path = tuple[str | int, ...]


class MaskError(Exception):
    """The text cannot be shown, or not be put together again; a sentence says why."""


def masked(text: str) -> str:
    """The text with every secret blanked. Raises MaskError."""
    document = _parsed(text)
    shown = _IN_URL.sub(rf"\1{MASK}@", _ASSIGNED.sub(_blanked, text))
    secrets = {value for value in _secrets(document).values() if value}
    for path, value in _secrets(_parsed(shown)).items():
        if value not in ("", MASK):
            raise MaskError(f"{_told(path)} is written so that it cannot be blanked; write it on one line, in plain quotes")
    for value in secrets:
        if len(value) >= 8 and value in shown:
            raise MaskError("a secret stands a second time in the file; take it out of there first")
    return shown


def unmasked(text: str, known: str) -> str:
    """A text that was shown blanked, and perhaps changed, with the secrets of the text `known` back in their places."""
    numbers = iter(range(len(text)))
    held = re.sub(re.escape(MASK), lambda _: f"***{next(numbers)}***", text)
    try:
        document = tomllib.loads(held)
    except (tomllib.TOMLDecodeError, RecursionError):
        return text  # whoever checks it says what is wrong with it
    old = dict(_texts(_parsed(known), ()))
    found: dict[str, str] = {}
    for path, value in _texts(document, ()):
        for match in _HELD.finditer(value):
            found[match[0]] = _secret_of(path, value, match[0], old)
    return _HELD.sub(lambda match: found.get(match[0], MASK), held)


def _secret_of(path: Path, value: str, held: str, old: dict[Path, str]) -> str:
    """What stood at the path, as it is written between quotes."""
    before = old.get(path, "")
    if value == held and before:
        return _quoted(before)
    if f"://{held}@" in value and (match := _IN_URL.search(before)):
        return _quoted(match[0][3:-1])
    raise MaskError(f"{_told(path)}: *** stands for a secret that is kept, and there is none there; write the secret itself")


def _blanked(match: re.Match[str]) -> str:
    return f'{match[1]}{match[2]}"{MASK}"' if SECRET.search(match[1]) and len(match[3]) > 2 else match[0]


def _secrets(document: dict[str, Any]) -> dict[Path, str]:
    return {path: value for path, value in _texts(document, ()) if isinstance(path[-1], str) and SECRET.search(path[-1])}


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _texts(inner, (*path, at))
    elif isinstance(value, str):
        yield path, value


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MaskError(f"the file on the disk is no TOML ({error}); mend it by hand first") from None


def _quoted(value: str) -> str:
    return re.sub(r'[\x00-\x1f"\\\x7f]', lambda match: f"\\u{ord(match[0]):04x}", value)


def _told(path: Path) -> str:
    return ".".join(str(name) for name in path)[:100]
