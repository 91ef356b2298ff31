"""The judge: books against meters, message by message. Pure: it is given everything, and can be given wrong books.

What must hold:
- every Wh that the bench's meters counted is booked exactly once (registers of the rows cover what flowed, without a gap and
  without an overlap), and every row has its end;
- a message that came again was the same: id tag, registers, stamp, reason;
- dates go forward, within a session and from one to the next at a connector, and none comes from a clock that was never set;
- nobody complained: neither the books nor the protocol's rules.
What a cut log excuses is in `excuses`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hil.crash.excuses import ENDED_BY_HAND, Excuses, Interval
from hil.crash.witness import Complaint, Draw
from hil.csms import Frame, Note, Row
from hil.csms.books import FIRST_YEAR
from hil.csms.times import from_iso

PROBLEMS_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """registers_wh: connector → first and last reading of the bench's meter. messages: every billing CALL, as heard."""

    rows: Sequence[Row]
    messages: Sequence[Frame]
    complaints: Sequence[Complaint]
    violations: Sequence[Note]
    strays: Sequence[dict[str, Any]]
    draws: Sequence[Draw]
    registers_wh: dict[int, tuple[int, int]]
    excuses: Excuses


@dataclass
class Verdict:
    """problems in words; empty: the books balance."""

    sessions: int = 0
    lost: int = 0
    doubled: int = 0
    energy_wh: int = 0
    energy_difference_wh: int = 0
    excused_wh: int = 0
    repeats: int = 0
    problems: list[str] = field(default_factory=list)

    def problem(self, text: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(text)


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict(sessions=len(evidence.rows), repeats=sum(row.repeats for row in evidence.rows))
    for connector, (first_wh, last_wh) in sorted(evidence.registers_wh.items()):
        _judge_energy(evidence, connector, first_wh, last_wh, verdict)
    for row in evidence.rows:
        if row.stopped is None:
            verdict.lost += 1
            verdict.problem(f"transaction {row.transaction_id} at connector {row.connector_id} was never stopped")
    _judge_dates(evidence, verdict)
    _judge_stops(evidence, verdict)
    _judge_complaints(evidence, verdict)
    for note in evidence.violations:
        verdict.problem(f"violation: {note.text}")
    return verdict


def _judge_energy(evidence: Evidence, connector: int, first_wh: int, last_wh: int, verdict: Verdict) -> None:
    """The register from first to last, cut where anything begins or ends, and how often each piece is booked."""
    booked = [
        Interval(connector, row.meter_start_wh, row.meter_stop_wh)
        for row in evidence.rows
        if row.connector_id == connector and row.meter_stop_wh is not None
    ]
    excused = [one for one in _excused(evidence) if one.connector == connector]
    draws = [draw for draw in evidence.draws if draw.connector == connector]
    edges = {first_wh, last_wh}
    edges |= {edge for one in (*booked, *excused) for edge in (one.from_wh, one.to_wh)}
    edges |= {edge for draw in draws for edge in (draw.from_wh, draw.to_wh)}
    marks = sorted(edges)
    wrong: list[tuple[Interval, int]] = []
    for from_wh, to_wh in pairwise(marks):
        piece = Interval(connector, from_wh, to_wh)
        times = sum(1 for one in booked if _within(piece, one))
        flowed = 1 if first_wh <= from_wh and to_wh <= last_wh else 0
        verdict.energy_wh += flowed * (to_wh - from_wh)
        if times == flowed:
            continue
        if any(_within(piece, one) for one in excused):
            verdict.excused_wh += to_wh - from_wh
            continue
        wrong.append((piece, times - flowed))
        verdict.energy_difference_wh += abs(times - flowed) * (to_wh - from_wh)
        how = "not booked" if times < flowed else f"booked {times} times"
        verdict.problem(f"connector {connector}: the energy from {from_wh} to {to_wh} Wh is {how}")
    for draw in draws:
        verdict.lost += any(by < 0 and _touch(piece, draw) for piece, by in wrong)
        verdict.doubled += any(by > 0 and _touch(piece, draw) for piece, by in wrong)


def _excused(evidence: Evidence) -> list[Interval]:
    """Energy of sessions that are gone, and of those that went on after they had been booked whole: the Central System does
    not take their second StopTransaction.
    """
    intervals = list(evidence.excuses.intervals)
    rows = {row.transaction_id: row for row in evidence.rows if row.transaction_id in evidence.excuses.stopped_twice}
    for stray in evidence.strays:
        row = rows.get(stray["payload"].get("transactionId"))
        if row is not None and row.meter_stop_wh is not None and stray["action"] == "StopTransaction":
            intervals.append(Interval(row.connector_id, row.meter_stop_wh, stray["payload"]["meterStop"]))
    return intervals


def _judge_dates(evidence: Evidence, verdict: Verdict) -> None:
    last: dict[int, tuple[float, str]] = {}
    for row in evidence.rows:
        dates = [("start", row.started)]
        values = _without_repeats(row, evidence.excuses)
        dates += [("a meter value", str(value.get("timestamp"))) for value in values]
        if row.stopped is not None and row.reason != ENDED_BY_HAND and row.transaction_id not in evidence.excuses.stopped_twice:
            dates.append(("stop", row.stopped))
        for what, text in dates:
            date_s = from_iso(text)
            if date_s is None or date_s < FIRST_YEAR:
                verdict.problem(f"transaction {row.transaction_id}: {what} is dated {text}")
                continue
            before_s, before = last.get(row.connector_id, (0.0, ""))
            if date_s < before_s:
                verdict.problem(f"transaction {row.transaction_id}: {what} is dated {text}, before {before}")
            last[row.connector_id] = (date_s, f"{what} of transaction {row.transaction_id}, {text}")


def _judge_stops(evidence: Evidence, verdict: Verdict) -> None:
    """Every StopTransaction of a transaction says the same."""
    said: dict[int, Counter[str]] = {}
    for message in evidence.messages:
        if message.action == "StopTransaction":
            text = json.dumps(message.payload, sort_keys=True)
            said.setdefault(message.payload.get("transactionId", -1), Counter())[text] += 1
    allowed = Counter([*evidence.excuses.stopped_twice, *evidence.excuses.told_twice])
    for number, texts in said.items():
        if len(texts) > 1 + allowed[number]:
            verdict.doubled += 1
            verdict.problem(f"transaction {number} was stopped in {len(texts)} different ways: {' and '.join(texts)}")
    known = {number for row in evidence.rows for number in (row.transaction_id, *row.told)}
    for stray in evidence.strays:
        number = stray["payload"].get("transactionId")
        if number not in known:
            verdict.problem(f"{stray['action']} of transaction {number}, which was never started")


def _judge_complaints(evidence: Evidence, verdict: Verdict) -> None:
    seen: set[str] = set()
    repeats: set[int] = set()
    for number, message in enumerate(evidence.messages):
        text = json.dumps([message.action, message.payload], sort_keys=True)
        if text in seen:
            repeats.add(number)
        seen.add(text)
    second_stops = Counter(evidence.excuses.stopped_twice)
    for complaint in evidence.complaints:
        note = complaint.note
        again = complaint.message in repeats and note.transaction_id in evidence.excuses.repeated
        about = evidence.messages[complaint.message] if 0 <= complaint.message < len(evidence.messages) else None
        went_on = evidence.excuses.goes_on and note.transaction_id in evidence.excuses.stopped_twice
        if about is not None and about.action == "MeterValues" and (again or (went_on and "after its Stop" in note.text)):
            continue
        if note.text.startswith("a second, different StopTransaction") and note.transaction_id is not None:
            second_stops[note.transaction_id] -= 1
            if second_stops[note.transaction_id] >= 0 or again:
                continue
        verdict.problem(f"complaint: {note.text}")


def _without_repeats(row: Row, excuses: Excuses) -> list[dict[str, Any]]:
    """Its meter values, each once where they were allowed to come again."""
    if row.transaction_id not in excuses.repeated:
        return row.meter_values
    seen: set[str] = set()
    values = []
    for value in row.meter_values:
        text = json.dumps({name: item for name, item in value.items() if name != "received"}, sort_keys=True)
        if text not in seen:
            seen.add(text)
            values.append(value)
    return values


def _within(piece: Interval, whole: Interval) -> bool:
    return whole.from_wh <= piece.from_wh and piece.to_wh <= whole.to_wh


def _touch(piece: Interval, draw: Draw) -> bool:
    return piece.from_wh < draw.to_wh and draw.from_wh < piece.to_wh
