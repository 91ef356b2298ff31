"""The desk where cards are laid down: what a reader sees at each look becomes a tap, once.

Owns when a card counts as new, what a UID is called, and what is told of cards that cannot be used. Refuses to know readers.
"""

import logging
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chargepoint.facts import Card
from drivers.cards.iso14443 import Seen, Trouble, is_random

log = logging.getLogger(__name__)

UidOrder = Literal["as_read", "reversed"]
RandomUid = Literal["refuse", "accept"]
Absence = Annotated[float, Meta(ge=0.5, le=10)]

REMEMBERED_MAX = 8
GAP_S = 0.4  # between two looks; drivers look more often
EDGE_S = 5.0
TELL_AGAIN_S = 10.0
ANY_RANDOM = b"random"


class Presence:
    """Which cards lie there. absence_s: how long one must be away until it counts as laid down anew."""

    def __init__(self, absence_s: float) -> None:
        self._absence_s = absence_s
        self._looked_s: float | None = None
        self._last_s: dict[bytes, float] = {}  # when a card was noticed last, read or only disturbed
        self._read_s: dict[bytes, float] = {}

    def looked(self, now_s: float) -> None:
        """Before what was seen is told. While nobody looked no card was away: where the processor or the chip was busy with
        something else, a card that lies there must not end its own session. That holds for `EDGE_S` at most.
        """
        unseen_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s - GAP_S, EDGE_S)
        self._looked_s = now_s
        if unseen_s > 0:
            for times in (self._last_s, self._read_s):
                times.update({key: at_s + unseen_s for key, at_s in times.items()})

    def seen(self, key: bytes, now_s: float) -> bool:
        """A card was read; True where it has just been laid down."""
        self._forget(now_s)
        new = key not in self._last_s
        if new and len(self._last_s) >= REMEMBERED_MAX:
            self._drop(min(self._last_s, key=self._last_s.__getitem__))
        self._last_s[key] = self._read_s[key] = now_s
        return new

    def disturbed(self, now_s: float) -> None:
        """Something answered that could not be read: a card at the edge of the field is still there, for `EDGE_S` at most."""
        self._forget(now_s)
        for key, read_s in self._read_s.items():
            if now_s - read_s <= EDGE_S:
                self._last_s[key] = now_s

    def occupied(self, now_s: float) -> bool:
        return any(now_s - last_s < self._absence_s for last_s in self._last_s.values())

    def _forget(self, now_s: float) -> None:
        for key in [key for key, last_s in self._last_s.items() if now_s - last_s >= self._absence_s]:
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        del self._last_s[key]
        del self._read_s[key]


class Rules(Struct, frozen=True, kw_only=True):
    """See docs/readers.md for what each of them means."""

    uid_order: UidOrder = "as_read"
    random_uid: RandomUid = "refuse"
    absence_s: float = 0.8


class Desk:
    """One reader's. what: how the reader is named in what is told."""

    def __init__(self, what: str, rules: Rules) -> None:
        self._what = what
        self._rules = rules
        self._presence = Presence(rules.absence_s)
        self._told_s: dict[str, float] = {}

    def look(self, seen: Seen, now_s: float) -> Card | None:
        """The card that has just been laid down, if this look is the one that shows it. now_s: monotonic."""
        self._presence.looked(now_s)
        if seen is None:
            return None
        if isinstance(seen, Trouble):
            self._presence.disturbed(now_s)
            if seen is Trouble.COLLISION:
                self._tell("collision", now_s, "several cards at once: none of them is read; lay one on alone")
            return None
        if not self._presence.seen(ANY_RANDOM if is_random(seen) else seen, now_s):
            return None
        if is_random(seen) and self._rules.random_uid == "refuse":
            self._tell(
                "random",
                now_s,
                "a card or phone gives a random number, another one at each tap; it is refused. "
                'random_uid = "accept" passes such numbers on',
            )
            return None
        return Card(id_tag=id_tag(seen, self._rules.uid_order))

    def occupied(self, now_s: float) -> bool:
        """Whether a card lies there, or has been away for less than the absence."""
        return self._presence.occupied(now_s)

    def _tell(self, matter: str, now_s: float, words: str) -> None:
        if now_s - self._told_s.get(matter, -TELL_AGAIN_S) >= TELL_AGAIN_S:
            self._told_s[matter] = now_s
            log.warning("%s: %s", self._what, words)


def id_tag(uid: bytes, order: UidOrder) -> str:
    """A UID of at most 10 bytes as an IdToken: upper-case hexadecimal, 8, 14 or 20 characters."""
    return (uid if order == "as_read" else uid[::-1]).hex().upper()
