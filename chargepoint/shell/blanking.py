"""Secrets taken out of any text: the very words that are secrets of this station, in the forms in which they may stand.

Owns which values of the settings are secrets, and their forms: as they are, in hexadecimal digits, as JSON, in a URL, as Python
prints bytes, and as the header that proves the station. What blanks by the names of keys comes before (settings.redacted,
shell/redact); this is the second look, over everything that leaves the station for whoever helps.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct, structs

from chargepoint.settings import Settings
from chargepoint.shell.redact import BLANK, without_secrets
from chargepoint.tables import SECRET

WORD_MIN = 4  # a shorter secret is blanked where it stands alone, but not looked for in other words
URL_WORDS = re.compile(r"://([^/\s]*)@")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def secrets_of(settings: Settings) -> frozenset[str]:
    """The secrets that the settings hold."""
    return secrets_in(_plain(settings))


def secrets_in(document: Any) -> frozenset[str]:
    """The secrets in tables and lists: values of keys that are named like one, and the passwords of URLs."""
    return frozenset(value for value in _secrets(document) if value)


def blanker(secrets: Iterable[str], identity: str) -> Callable[[str], str]:
    """Takes secrets out of a text, in every form in which they may stand there; identity: what they prove together with."""
    forms = sorted({form for secret in secrets for form in _forms(secret, identity)}, key=len, reverse=True)
    known = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None

    def blank(text: str) -> str:
        text = PRIVATE_KEY.sub(BLANK, without_secrets(text))
        return known.sub(BLANK, text) if known is not None else text

    return blank


def _forms(secret: str, identity: str) -> Iterator[str]:
    as_bytes = secret.encode("utf-8", "surrogatepass")
    plain = [as_bytes, as_bytes.hex().encode()]
    try:
        plain.append(bytes.fromhex(secret))
    except ValueError:
        plain = plain[:2]
    for one in plain:
        if len(one) < WORD_MIN:
            continue
        text = one.decode("utf-8", "replace")
        yield from (text, quote(one, safe=""), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        yield from (repr(one)[2:-1], repr(one.decode("latin-1"))[1:-1], repr(list(one))[1:-1])  # as Python prints bytes
        yield from (one.hex(between) for between in " :-")
        for proof in (one, identity.encode() + b":" + one):
            yield from (encoded(proof).decode().rstrip("=") for encoded in (base64.b64encode, base64.urlsafe_b64encode))


def _secrets(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _secrets(inner, str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, key)
    elif isinstance(value, str):
        if SECRET.search(key):
            yield value
        for match in URL_WORDS.finditer(value):
            user, colon, password = match[1].partition(":")
            yield password if colon else user


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(inner) for name, inner in structs.asdict(value).items()}
    return {name: _plain(inner) for name, inner in value.items()} if isinstance(value, Mapping) else value
