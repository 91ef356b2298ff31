"""The demo's parts as functions: conversation, accounts, styled text, keys."""

import io
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hil.demo.accounts import Session, judge
from hil.demo.conversation import line_of
from hil.demo.style import clip, make_tolerant, painted, text_of, wants_colour
from hil.demo.terminal import changes, keys_of

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
CLOCK = NOW.astimezone().strftime("%H:%M:%S")


def told(kind: str, direction: str = "in", action: str = "", **more: Any) -> str:
    frame = {"at": NOW.timestamp(), "kind": kind, "direction": direction, "action": action, "payload": {}, **more}
    text = text_of(line_of(frame))
    assert text.startswith(time.strftime("%H:%M:%S ", time.localtime(NOW.timestamp())))
    return text[9:]


def test_a_call_is_told_as_the_specification_names_its_fields() -> None:
    payload = {"connectorId": 1, "idTag": "04A2B3C4", "meterStart": 12345, "timestamp": NOW.isoformat()}
    expected = f"→ StartTransaction  connectorId 1, idTag 04A2B3C4, meterStart 12345, timestamp {CLOCK}"
    assert told("call", "in", "StartTransaction", payload=payload) == expected
    assert told("call", "out", "ClearCache") == "← ClearCache"


def test_a_stamp_of_another_day_or_no_stamp_stands_as_it_is() -> None:
    old = (NOW - timedelta(days=2)).isoformat()
    assert told("call", action="Heartbeat", payload={"timestamp": old}).endswith(old)
    assert told("call", action="Heartbeat", payload={"timestamp": "soon"}) == "→ Heartbeat  timestamp soon"


def test_an_answer_tells_its_status_first() -> None:
    payload = {"transactionId": 7, "idTagInfo": {"status": "Accepted", "parentIdTag": "P"}}
    assert told("result", "out", "StartTransaction", payload=payload) == (
        "← StartTransaction  Accepted, transactionId 7, parentIdTag P"
    )
    assert told("result", "out", "Heartbeat") == "← Heartbeat"
    assert told("result", "in", "Reset", payload={"status": "Accepted"}) == "→ Reset  Accepted"


def test_meter_values_are_told_by_their_newest() -> None:
    sample = {"value": "12862", "unit": "Wh", "measurand": "Energy.Active.Import.Register"}
    phase = {"value": "7360.0", "unit": "W", "measurand": "Power.Active.Import", "phase": "L1"}
    values = [{"timestamp": "x", "sampledValue": [{"value": "1"}]}, {"timestamp": "y", "sampledValue": [sample, phase]}]
    assert told("call", action="MeterValues", payload={"connectorId": 1, "meterValue": values[1:]}) == (
        "→ MeterValues  connectorId 1, meterValue (Energy 12862 Wh, Power.L1 7360.0 W)"
    )
    assert told("call", action="StopTransaction", payload={"transactionData": values}).endswith(
        "transactionData (2 times, the last Energy 12862 Wh, Power.L1 7360.0 W)"
    )


def test_what_is_no_conversation_is_told_too() -> None:
    assert told("error", "out", "Foo", code="NotImplemented", description="no") == "← Foo CALLERROR NotImplemented no"
    assert told("link", "-", payload={"event": "connected", "peer": "x"}) == "· the station is connected"
    assert told("link", "-", payload={"event": "closed", "code": 1006}) == "· the connection is closed (code 1006)"
    assert told("garbage", payload={"text": "\x1b[2J{"}) == "→ not OCPP: \\x1b[2J{"
    assert told("violation", "-", description="two at once") == "✗ violation: two at once"


def test_deep_payloads_end_somewhere() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(50):
        deep = {"b": [deep]}
    assert told("call", action="DataTransfer", payload=deep) == "→ DataTransfer  b ((b ((…))))"
    assert told("call", action="X", payload={"a": {"c": True, "d": None}}) == "→ X  a (c true, d None)"


def row(**more: Any) -> dict[str, Any]:
    whole = {
        "connector_id": 1,
        "id_tag": "A",
        "reason": "Local",
        "stopped": "2026-01-01T00:00:00Z",
        "meter_start_wh": 100,
        "meter_stop_wh": 350,
        "energy_wh": 250,
    }
    return {**whole, **more}


def test_books_that_agree_have_no_problems() -> None:
    sessions = [Session(1, "A", "Local", 100, 350), Session(2, "B", "Remote", 0, 5)]
    second = row(connector_id=2, id_tag="B", reason="Remote", meter_start_wh=0, meter_stop_wh=5, energy_wh=5)
    found = judge(sessions, [row(reason=None), second], {1: 250, 2: 5})
    assert (found.problems, found.booked_wh, found.metered_wh) == ([], 255, 255)
    table = [text_of(line) for line in found.table]
    assert table[0].split() == ["#", "connector", "id", "tag", "reason", "meterStart", "meterStop", "booked", "metered"]
    assert table[1].split() == ["1", "1", "A", "Local", "100", "350", "250", "250", "ok"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"meter_stop_wh": 349}, "transaction 1: register at the end (Wh) is 350, booked was 349"),
        ({"meter_start_wh": 99}, "transaction 1: register at the start (Wh) is 100, booked was 99"),
        ({"connector_id": 2}, "transaction 1: connector is 1, booked was 2"),
        ({"id_tag": "B"}, "transaction 1: id tag is A, booked was B"),
        ({"reason": "Other"}, "transaction 1: reason is Local, booked was Other"),
        (
            {"stopped": None, "reason": None, "meter_stop_wh": None, "energy_wh": None},
            "transaction 1: reason is Local, booked was none",
        ),
        ({"energy_wh": 249}, "connector 1: the register rose by 250 Wh in all, booked were 249 Wh"),
    ],
)
def test_each_difference_is_told(change: dict[str, Any], problem: str) -> None:
    found = judge([Session(1, "A", "Local", 100, 350)], [row(**change)], {1: 250})
    assert problem in found.problems


def test_a_lost_and_a_doubled_transaction_are_told() -> None:
    session = Session(1, "A", "Local", 100, 350)
    lost = judge([session], [], {1: 250})
    assert lost.problems[0] == "transaction 1: the session of A at connector 1 was never booked"
    assert text_of(lost.table[1]).endswith("DIFFERS")
    doubled = judge([session], [row(), row()], {1: 250})
    assert doubled.problems == [
        "transaction 2: booked, though nobody charged",
        "connector 1: the register rose by 250 Wh in all, booked were 500 Wh",
    ]


def test_a_session_without_energy_proves_nothing() -> None:
    found = judge([Session(1, "A", "Local", 100, 100)], [row(meter_stop_wh=100, energy_wh=0)], {1: 0})
    assert found.problems == ["transaction 1: no energy flowed, so nothing was proven"]


def test_a_line_is_cut_by_columns() -> None:
    line = (("bold", "ab"), ("", "日本"), ("dim", "xyz"))
    assert clip(line, 9) == line
    assert text_of(clip(line, 8)) == "ab日本x…"
    assert text_of(clip(line, 4)) == "ab…"
    assert [text_of(clip(line, width)) for width in (1, 0)] == ["…", ""]


def test_colour_is_for_those_who_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert painted((("bold", "a"), ("", "b")), colour=True) == "\x1b[1ma\x1b[0mb"
    assert painted((("bold", "a"), ("", "b")), colour=False) == "ab"

    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Tty())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Tty())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Tty())


def test_an_output_without_arrows_gets_plain_ones() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_tolerant(stream)
    stream.write("→ ← ✓ … ü")
    stream.flush()
    assert raw.getvalue() == b"> < + ~ ?"


def test_keys_are_told_apart() -> None:
    assert keys_of("pt\x1b[A\x1b[B\x1bOAq") == ["p", "t", "up", "down", "up", "q"]
    assert keys_of("\x1b[15~\x1b[1;5Cx") == ["x"]
    assert keys_of("\x1b") == ["escape"]
    assert keys_of("") == []


def test_only_what_changed_is_written() -> None:
    assert changes(["a", "b"], ["a", "b"]) == ""
    assert changes(["a", "b"], ["a", "c"]) == "\x1b[2;1Hc\x1b[K"
    assert changes([], ["a"]) == "\x1b[1;1Ha\x1b[K"
    assert changes(["a", "b", "c"], ["a"]) == "\x1b[2;1H\x1b[K\x1b[3;1H\x1b[K"
