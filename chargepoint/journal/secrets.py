"""Secrets: what a recording may not tell, replaced so that a replay goes on as before.

Owns what is a secret: the value of AuthorizationKey, wherever it stands, and user, password and query of a URL. Each is
replaced by letters of the same shape that depend on it and on a salt of this process: the same secret gets the same letters in
events, effects and state, so the core does with them what it did with it. Nobody can get back from the letters to the secret.
"""

import hashlib
import json
import re
from typing import Any

import msgspec

# Text without any of these holds no secret. A \u may spell any name; a \/ is a slash, escaped again by what it is written into.
_SUSPECT = (b"authorization", b"\\u", *(b":" + b"\\" * escapes + b"/" for escapes in range(5)))
_NAMES = frozenset({"authorizationkey", "authorization_key"})
_URL = re.compile(r"(:\\?/\\?/)([^\s\"]+)")
_HEX = "0123456789abcdef"
_OTHER = "ghijklmnopqrstuvwxyz"


class Blanker:
    """salt: any bytes that are not written down anywhere."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def lines(self, encoded: list[bytes]) -> bytes:
        """Lines of JSON, each with its end, without their secrets; the very same bytes where there are none."""
        whole = b"\n".join(encoded) + b"\n"
        if not _is_suspect(whole):
            return whole
        return b"".join(self._line(line) + b"\n" for line in encoded)

    def _line(self, encoded: bytes) -> bytes:
        if not _is_suspect(encoded):
            return encoded
        value = msgspec.json.decode(encoded)
        blanked = self.value(value)
        return encoded if blanked == value else msgspec.json.encode(blanked)

    def value(self, value: Any) -> Any:
        """Plain values without their secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            speaks_of_it = any(is_name(item) for item in value.values())
            return {
                key: self.letters(item)
                if isinstance(item, str) and (is_name(key) or (speaks_of_it and key.lower() == "value"))
                else self.value(item)
                for key, item in value.items()
            }
        return value

    def text(self, text: str) -> str:
        """A frame is JSON within a text. One that cannot be read but speaks of the key loses everything that may be one."""
        speaks_of_it = "authorizationkey" in text.lower()
        if (speaks_of_it or "\\" in text) and text.lstrip()[:1] in ("[", "{"):
            try:
                value = json.loads(text)
                blanked = self.value(value)
                if blanked != value:
                    return json.dumps(blanked, ensure_ascii=False, separators=(",", ":"))
            except (ValueError, RecursionError):
                pass  # no JSON: looked through as text below
        if speaks_of_it and not is_name(text):
            text = re.sub(r"[0-9A-Fa-f]{8,}", lambda found: self.letters(found[0]), text)
        return _URL.sub(lambda found: found[1] + self._url(found[2]), text) if ":/" in text or ":\\/" in text else text

    def _url(self, rest: str) -> str:
        """What follows the two slashes: a password may hold an @, so the last one before the path counts."""
        place, mark, query = rest.partition("?")
        path = re.search(r"\\?/", place)
        host = place[: path.start()] if path else place
        if "@" in host:
            user, _, name = host.rpartition("@")
            place = f"{self.letters(user)}@{name}{place[len(host) :]}"
        return place + mark + self.letters(query)

    def letters(self, secret: str) -> str:
        """Hexadecimal digits for such digits, letters for letters, punctuation as it is: what was a key is one still."""
        stream = hashlib.shake_128(self._salt + secret.encode("utf-8", "surrogatepass")).digest(len(secret))
        return "".join(_like(letter, byte) for letter, byte in zip(secret, stream, strict=True))


def _like(letter: str, byte: int) -> str:
    if letter.lower() in _HEX:
        return _HEX[byte % len(_HEX)]
    return _OTHER[byte % len(_OTHER)] if letter.isalnum() else letter


def _is_suspect(encoded: bytes) -> bool:
    lower = encoded.lower()
    return any(mark in lower for mark in _SUSPECT)


def is_name(value: object) -> bool:
    return isinstance(value, str) and value.lower() in _NAMES
