"""Rows of the table: what is measured together, its keys, and the mark that each key is to reach."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

Figures = dict[str, float]
"""Values by key: those that the row promises, and others beside them that help to understand."""


@dataclass(frozen=True)
class Plan:
    """How to measure. disk: a folder on a real disk. quick: few repetitions, to see that it works; worth nothing as figures."""

    disk: Path
    quick: bool = False


@dataclass(frozen=True)
class Mark:
    """What a figure is to reach: at most `limit`, or at least it. last_line: the key stands in the last line of a run."""

    key: str
    limit: float
    unit: str = ""
    at_least: bool = False
    last_line: bool = True

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}{unit}".replace(",", " ")


@dataclass(frozen=True)
class Row:
    """A measurement. about: what it is, for the table. seconds: about how long it takes on two cores."""

    name: str
    about: str
    measure: Callable[[Plan], Awaitable[Figures]]
    marks: tuple[Mark, ...]
    seconds: int = 10
