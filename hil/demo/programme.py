"""The programme: the acts of an evening, which of them came out right, how long they took and what they showed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hil.demo.style import Line

HEADS = ("#", "act", "seconds", "shown", "")
RIGHT = frozenset({0, 2})
NOT_PLAYED, FAILED, OK = "not played", "FAILED", "ok"


@dataclass
class Entry:
    """An act. shown: what could be seen of it, for the table."""

    name: str
    verdict: str = NOT_PLAYED
    took_s: float | None = None
    shown: list[str] = field(default_factory=list)


def table(entries: Sequence[Entry]) -> list[Line]:
    """One line an act, under a head."""
    rows = [list(HEADS)]
    for number, one in enumerate(entries, 1):
        took = "-" if one.took_s is None else f"{one.took_s:.1f}"
        rows.append([str(number), one.name, took, "; ".join(one.shown) or "-", one.verdict])
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS) - 1)]
    lines: list[Line] = []
    for number, (*cells, verdict) in enumerate(rows):
        sized = enumerate(zip(cells, widths, strict=True))
        text = "  ".join(cell.rjust(width) if at in RIGHT else cell.ljust(width) for at, (cell, width) in sized)
        lines.append((("bold" if number == 0 else "", f"{text}  "), ("good" if verdict == OK else "bad", verdict)))
    return lines
