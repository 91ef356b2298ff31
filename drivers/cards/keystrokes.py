"""What a reader that plays keyboard types, as a card's number: keys in, id tags out (linux/input-event-codes.h).

Owns keys, lines and the conversions between what is printed on cards, typed by readers and known by Central Systems. Refuses to
know files and clocks.
"""

from enum import StrEnum
from typing import Literal

from drivers.cards.desk import UidOrder, id_tag

TYPED_MAX = 40
ID_TAG_MAX = 20  # IdToken, OCPP 1.6 section 7.28
PAUSE_S = 1.0

Format = Literal["hex", "decimal", "text"]

EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
KEY_DOWN = 1
ENTERS = frozenset({28, 96})
SILENT = frozenset({29, 42, 54, 56, 58, 69, 97, 100, 125, 126})  # shift, control, alt, locks, super
KEYS = {
    **dict(zip(range(2, 12), "1234567890", strict=True)),
    **dict(zip(range(16, 26), "QWERTYUIOP", strict=True)),
    **dict(zip(range(30, 39), "ASDFGHJKL", strict=True)),
    **dict(zip(range(44, 51), "ZXCVBNM", strict=True)),
    **dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)),
    12: "-",
    52: ".",
}


class Spoilt(StrEnum):
    """Why what was typed is no line."""

    OTHER_KEY = "a key was pressed that stands for no letter or digit"
    TOO_LONG = f"more than {TYPED_MAX} characters were typed without Enter"
    LOST = "the kernel lost keystrokes"


class Typist:
    """Puts keystrokes together to lines; an Enter ends one, and a pause of `PAUSE_S` begins a new one."""

    def __init__(self) -> None:
        self._typed = ""
        self._spoilt: Spoilt | None = None
        self._last_s = 0.0

    def event(self, kind: int, code: int, value: int, at_s: float) -> str | Spoilt | None:
        """A line that ends with this event, or what spoilt it; at_s: the event's own time."""
        if kind == EV_SYN and code == SYN_DROPPED:
            self._spoilt = Spoilt.LOST
        if kind != EV_KEY or value != KEY_DOWN or code in SILENT:
            return None
        if at_s - self._last_s > PAUSE_S:
            self._typed, self._spoilt = "", None
        self._last_s = at_s
        if code in ENTERS:
            typed, spoilt = self._typed, self._spoilt
            self._typed, self._spoilt = "", None
            return spoilt or typed or None
        if code not in KEYS:
            self._spoilt = self._spoilt or Spoilt.OTHER_KEY
        elif len(self._typed) == TYPED_MAX:
            self._spoilt = self._spoilt or Spoilt.TOO_LONG
        else:
            self._typed += KEYS[code]
        return None


class Misread(Exception):
    """What was typed is no number of the kind that the configuration names; a sentence that does not repeat the number."""


def tag_of(typed: str, form: Format, order: UidOrder, uid_bytes: int) -> str:
    """The id tag for a typed line; raises Misread. uid_bytes: how long the UID behind a decimal number is, 4, 7 or 10."""
    if form == "text":
        if len(typed) > ID_TAG_MAX:
            raise Misread(f"{len(typed)} characters were typed, and an id tag has at most {ID_TAG_MAX}")
        return typed if order == "as_read" else typed[::-1]
    if form == "decimal":
        if not (typed.isascii() and typed.isdecimal()):
            raise Misread('what was typed is no decimal number; if the reader types hexadecimal, set format = "hex"')
        number = int(typed)
        if number >= 1 << 8 * uid_bytes:
            raise Misread(f'the number typed is larger than {uid_bytes} bytes hold; set uid_bytes, or format = "text"')
        return id_tag(number.to_bytes(uid_bytes, "big"), order)
    try:
        uid = bytes.fromhex(typed)
    except ValueError as error:
        raise Misread("what was typed is not pairs of hexadecimal digits; see `format` in docs/readers.md") from error
    if not 1 <= len(uid) <= ID_TAG_MAX // 2:
        raise Misread(f"{len(uid)} bytes were typed, and a UID has at most {ID_TAG_MAX // 2}")
    return id_tag(uid, order)
