"""Rules of misbehaviour: what the Central System does wrong on purpose, for the next messages or for all of them."""

import dataclasses
import difflib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hil.csms.frames import ERROR_CODES, Payload
from hil.csms.schemas import FROM_STATION

ANY = "*"
CONNECT = "connect"
RULES_KEPT = 1000
DELAY_S_MAX = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Misbehaviour:
    """What happens to one CALL of a station instead of the regular answer; everything combines with `delay_s`.

    book: whether the message enters the books (a lost answer) or not (a lost message); left out, it does, except with `error`.
    """

    delay_s: float = 0.0  # before the answer, or before the connection is closed
    drop: bool = False  # no answer
    error: str | None = None  # a CALLERROR with this code
    description: str = ""  # of the CALLERROR
    close: bool = False  # close the connection instead of answering
    freeze: bool = False  # stop reading from the connection and do not answer: half-open
    twice: bool = False  # the same answer two times
    payload: Any = None  # answer with exactly this, whatever its type
    merge: Payload | None = None  # the regular answer with these fields replaced; a field with the value None is left out
    message_id: str | None = None  # answer under this id instead of the right one
    raw: str | None = None  # send this text instead of a frame
    book: bool | None = None

    @property
    def booked(self) -> bool:
        """Whether the message enters the books."""
        return self.error is None if self.book is None else self.book


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What happens to one connection attempt, rule name `connect`."""

    http: int | None = None  # refuse the handshake with this status, 300 to 599
    close: bool = False  # accept and close at once
    subprotocol: bool = True  # False: choose none
    freeze: bool = False  # accept and never read: half-open
    delay_s: float = 0.0  # before the handshake is answered


REGULAR = Misbehaviour()
WELCOME = Reception()
What = Misbehaviour | Reception
W = TypeVar("W", Misbehaviour, Reception)


@dataclass(eq=False)
class _Rule:
    action: str
    identity: str | None
    what: What
    left: int | None  # None: for ever


@dataclass
class Rules:
    """The rules in force. Rules for the next messages come before rules for all; among equals the oldest first."""

    _next: deque[_Rule] = field(default_factory=deque)
    _always: list[_Rule] = field(default_factory=list)

    def next(self, action: str, *, times: int = 1, identity: str | None = None, **what: Any) -> None:
        """For the next `times` messages of this action ("*": any CALL, "connect": connection attempts).

        identity: only for this station. what: fields of Misbehaviour, or of Reception for "connect".
        Raises ValueError, which names the argument, what it was and what is allowed.
        """
        if type(times) is not int or not 1 <= times <= 1_000_000:
            raise ValueError(f"times: a whole number from 1 to 1000000 is expected, found {times!r}")
        if len(self._next) >= RULES_KEPT:
            raise ValueError(f"there are {RULES_KEPT} rules already; clear some")
        self._next.append(_Rule(action, identity, build(action, what), times))

    def always(self, action: str, *, identity: str | None = None, **what: Any) -> None:
        """For all messages of this action until `clear`; replaces the former rule of the same action and station."""
        rule = _Rule(action, identity, build(action, what), None)
        self._always = [old for old in self._always if (old.action, old.identity) != (action, identity)]
        if len(self._always) >= RULES_KEPT:
            raise ValueError(f"there are {RULES_KEPT} rules already; clear some")
        self._always.append(rule)

    def clear(self, action: str | None = None) -> None:
        """Behave again: for one action, or altogether."""
        self._next = deque(rule for rule in self._next if action not in (None, rule.action))
        self._always = [rule for rule in self._always if action not in (None, rule.action)]

    def take(self, identity: str, action: str) -> Misbehaviour:
        """The rule for a CALL that has just come; counts it."""
        return self._find(identity, (action, ANY), REGULAR)

    def receive(self, identity: str) -> Reception:
        """The rule for a connection attempt; counts it."""
        return self._find(identity, (CONNECT,), WELCOME)

    def listing(self) -> list[dict[str, Any]]:
        """The rules in force, for people."""
        rules = []
        for rule in (*self._next, *self._always):
            what = {f.name: getattr(rule.what, f.name) for f in dataclasses.fields(rule.what)}
            defaults = WELCOME if isinstance(rule.what, Reception) else REGULAR
            what = {name: value for name, value in what.items() if value != getattr(defaults, name)}
            rules.append({"action": rule.action, "identity": rule.identity, "left": rule.left, **what})
        return rules

    def _find(self, identity: str, actions: tuple[str, ...], otherwise: W) -> W:
        for rule in (*self._next, *self._always):
            if rule.action in actions and rule.identity in (None, identity) and isinstance(rule.what, type(otherwise)):
                if rule.left is not None:
                    rule.left -= 1
                    if rule.left == 0:
                        self._next.remove(rule)
                return rule.what
        return otherwise


def build(action: str, what: dict[str, Any]) -> What:
    """The rule that these fields describe. Raises ValueError as `Rules.next` does."""
    known_actions = (*sorted(FROM_STATION), ANY, CONNECT)
    if action not in known_actions:
        raise ValueError(f"action: {action!r} is none that a station sends{_nearest(action, known_actions)}")
    kind = Reception if action == CONNECT else Misbehaviour
    names = [f.name for f in dataclasses.fields(kind)]
    for name, value in what.items():
        if name not in names:
            raise ValueError(f"{name}: unknown for {action}{_nearest(name, names)}; known: {', '.join(names)}")
        _check(name, value)
    rule: What = kind(**what)
    if isinstance(rule, Misbehaviour):
        ends = [n for n in ("drop", "error", "close", "freeze", "raw") if getattr(rule, n)]
        if len(ends) > 1:
            raise ValueError(f"{' and '.join(ends)} exclude each other; choose one")
    return rule


def _check(name: str, value: Any) -> None:
    flags = ("drop", "close", "freeze", "twice", "subprotocol")
    if name in flags and type(value) is not bool:
        raise ValueError(f"{name}: true or false is expected, found {value!r}")
    if name == "book" and value is not None and type(value) is not bool:
        raise ValueError(f"book: true or false is expected, found {value!r}")
    if name == "delay_s" and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= DELAY_S_MAX):
        raise ValueError(f"delay_s: seconds from 0 to {DELAY_S_MAX:.0f} are expected, found {value!r}")
    if name == "http" and (type(value) is not int or not 300 <= value <= 599):
        raise ValueError(f"http: a status from 300 to 599 is expected, found {value!r}")
    if name == "error" and (not isinstance(value, str) or not value):
        raise ValueError(f"error: a CALLERROR code such as {sorted(ERROR_CODES)[0]} is expected, found {value!r}")
    if name in ("description", "message_id", "raw") and value is not None and not isinstance(value, str):
        raise ValueError(f"{name}: a text is expected, found {value!r}")
    if name == "merge" and not isinstance(value, dict):
        raise ValueError(f"merge: an object with the fields to replace is expected, found {value!r}")


def _nearest(word: str, words: list[str] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else ""
