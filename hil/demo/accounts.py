"""Accounts: what the meters say of each session against what the Central System booked. Pure.

The meters are read at the bench, before and after each session, past the station: a second opinion on every Wh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.demo.style import Line

HEADS = ("#", "connector", "id tag", "reason", "meterStart", "meterStop", "booked", "metered", "")
RIGHT = frozenset({0, 1, 4, 5, 6, 7})


@dataclass
class Session:
    """A session as it was played. before_wh, after_wh: the meter's register. reason: what StopTransaction should say."""

    connector: int
    id_tag: str
    reason: str
    before_wh: int
    after_wh: int | None = None

    @property
    def metered_wh(self) -> int | None:
        return None if self.after_wh is None else self.after_wh - self.before_wh


@dataclass
class Judgement:
    """The comparison. problems: everything that does not agree, in words; empty: all is well."""

    table: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    booked_wh: int = 0
    metered_wh: int = 0


def judge(sessions: Sequence[Session], rows: Sequence[Mapping[str, Any]], risen_wh: Mapping[int, int]) -> Judgement:
    """sessions: as played, in order. rows: as booked, in order. risen_wh: by how much each connector's register rose in all."""
    found = Judgement()
    cells = [list(HEADS)]
    for place in range(max(len(sessions), len(rows))):
        session = sessions[place] if place < len(sessions) else None
        row = rows[place] if place < len(rows) else None
        wrong = _differences(session, row)
        found.problems += [f"transaction {place + 1}: {text}" for text in wrong]
        cells.append([str(place + 1), *_cells(session, row), "DIFFERS" if wrong else "ok"])
    booked: dict[int, int] = dict.fromkeys(risen_wh, 0)
    for row in rows:
        booked[row["connector_id"]] = booked.get(row["connector_id"], 0) + (row["energy_wh"] or 0)
    for connector, booked_wh in sorted(booked.items()):
        risen = risen_wh.get(connector, 0)
        if risen != booked_wh:
            found.problems.append(f"connector {connector}: the register rose by {risen} Wh in all, booked were {booked_wh} Wh")
    found.booked_wh = sum(booked.values())
    found.metered_wh = sum(risen_wh.values())
    found.table = _columns(cells)
    return found


def _differences(session: Session | None, row: Mapping[str, Any] | None) -> list[str]:
    if session is None:
        return ["booked, though nobody charged"]
    if row is None:
        return [f"the session of {session.id_tag} at connector {session.connector} was never booked"]
    played = {
        "connector": (session.connector, row["connector_id"]),
        "id tag": (session.id_tag, row["id_tag"]),
        "reason": (session.reason, "none" if row["stopped"] is None else row["reason"] or "Local"),
        "register at the start (Wh)": (session.before_wh, row["meter_start_wh"]),
        "register at the end (Wh)": (session.after_wh, row["meter_stop_wh"]),
    }
    wrong = [f"{name} is {true}, booked was {booked}" for name, (true, booked) in played.items() if true != booked]
    if not wrong and session.metered_wh == 0:
        wrong.append("no energy flowed, so nothing was proven")
    return wrong


def _cells(session: Session | None, row: Mapping[str, Any] | None) -> list[str]:
    booked = ["-"] * 6 if row is None else [
        str(row["connector_id"]),
        str(row["id_tag"]),
        "(open)" if row["stopped"] is None else str(row["reason"] or "Local"),
        str(row["meter_start_wh"]),
        _number(row["meter_stop_wh"]),
        _number(row["energy_wh"]),
    ]  # fmt: skip
    return [*booked, _number(session.metered_wh if session is not None else None)]


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _columns(cells: list[list[str]]) -> list[Line]:
    widths = [max(len(row[at]) for row in cells) for at in range(len(HEADS))]
    lines: list[Line] = []
    for number, row in enumerate(cells):
        *others, verdict = row
        sized = enumerate(zip(others, widths, strict=False))
        text = "  ".join(cell.rjust(width) if at in RIGHT else cell.ljust(width) for at, (cell, width) in sized)
        style = "bold" if number == 0 else ""
        lines.append(((style, f"{text}  "), ("good" if verdict == "ok" else "bad", verdict)))
    return lines
