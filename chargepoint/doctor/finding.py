"""A finding: what the doctor says of one part, and whom it may ask meanwhile.

Owns the form: one line of cause, one of fix, and the readings for a report. What can be wrong stands in `words`.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct, field

from chargepoint.doctor import words
from chargepoint.tables import printable

TEXT_MAX = 600

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""ask(do, **arguments): a request to the running service; raises AskError."""


class AskError(Exception):
    """The running service could not be asked, or said no; the text says which."""


class Level(StrEnum):
    OK = "ok"
    REMARK = "remark"
    WRONG = "wrong"
    SKIPPED = "skipped"


class Part(StrEnum):
    """What can be looked at by itself, in the order of looking."""

    CONFIG = "config"
    DISK = "disk"
    CLOCK = "clock"
    POWER = "power"
    WATCHDOG = "watchdog"
    PORTS = "ports"
    METER = "meter"
    READER = "reader"
    INPUTS = "inputs"
    PILOT = "pilot"
    LOCK = "lock"
    CONTACTOR = "contactor"
    LIGHT = "light"
    CENTRAL_SYSTEM = "central-system"


HARDWARE = (Part.METER, Part.READER, Part.INPUTS, Part.PILOT, Part.LOCK, Part.CONTACTOR, Part.LIGHT)


class Finding(Struct, frozen=True, kw_only=True):
    """What was found of one part. where: which of them ("connector 1"), empty for the only one. code: see `words`, empty where
    nothing is wrong. facts: readings by their names, for a report.
    """

    part: Part
    level: Level
    text: str
    where: str = ""
    code: str = ""
    fix: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.part} {self.where}".rstrip()


class Person(Protocol):
    """Whoever stands before the station and may be asked."""

    async def confirm(self, question: str) -> bool:
        """Yes or no, within the time that they take."""

    async def tell(self, text: str) -> None:
        """What to do now; the doctor goes on at once."""


def well(part: Part, text: str, where: str = "", **facts: str) -> Finding:
    return Finding(part=part, level=Level.OK, text=_line(text), where=where, facts=facts)


def skipped(part: Part, text: str, where: str = "") -> Finding:
    return Finding(part=part, level=Level.SKIPPED, text=_line(text), where=where)


def wrong(code: str, text: str, where: str = "", *, fix: str = "", facts: dict[str, str] | None = None) -> Finding:
    """A finding of `words`: its part, its level and, unless another one is given, its fix."""
    known = words.KNOWN[code]
    return Finding(
        part=Part(known.part),
        level=Level.REMARK if known.remark else Level.WRONG,
        text=_line(text),
        where=where,
        code=code,
        fix=_line(fix or known.fix),
        facts=facts or {},
    )


def _line(text: str) -> str:
    return printable(text, TEXT_MAX)
