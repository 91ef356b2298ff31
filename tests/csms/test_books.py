"""What the books recognise, and what they complain about."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hil.csms import Books, CentralSystem
from tests.csms.fake_station import IDENTITY, FakeStation, fake_station, stamp, start_of, stop_of, values_of


@pytest.fixture
def books() -> Books:
    return Books()


def complaints(books: Books) -> list[str]:
    return [note.text for note in books.complaints]


def test_the_same_start_again_is_the_same_row(books: Books) -> None:
    message = start_of(at="2026-05-01T10:00:00.000Z")
    first = books.start("A", message)
    again = books.start("A", message | {"timestamp": "2026-05-01T10:00:00Z", "idTag": "04a2b3c4"})
    elsewhere = books.start("B", message)
    assert again is first
    assert elsewhere is not first
    assert (first.repeats, len(first.start_received), first.doubled) == (1, 2, False)
    assert elsewhere.transaction_id != first.transaction_id
    assert complaints(books) == []


DOUBLES: dict[str, dict[str, Any]] = {
    "stamped anew": {"timestamp": "2026-05-01T10:00:05Z"},
    "another meter": {"meterStart": 1001},
    "another tag": {"idTag": "FFFF"},
}


@pytest.mark.parametrize("name", DOUBLES)
def test_one_session_reported_in_two_ways_is_doubled(books: Books, name: str) -> None:
    message = start_of(at="2026-05-01T10:00:00Z")
    first = books.start("A", message)
    second = books.start("A", message | DOUBLES[name])
    assert first is not second
    assert first.doubled
    assert second.doubled
    assert complaints(books) == ["two different StartTransactions of what seems one session: 1 and 2"]


def test_the_same_stop_again_is_a_repeat_and_a_different_one_a_complaint(books: Books) -> None:
    number = books.start("A", start_of()).transaction_id
    message = stop_of(number)
    row = books.stop("A", message)
    assert books.stop("A", message) is row
    assert row is not None
    assert (row.repeats, len(row.stop_received), row.energy_wh, row.reason) == (1, 2, 3000, "Local")
    assert complaints(books) == []
    assert books.stop("A", message | {"meterStop": 5000}) is None
    assert row.energy_wh == 3000
    assert row.doubled
    assert complaints(books) == ["a second, different StopTransaction of transaction 1"]
    assert [stray["payload"]["meterStop"] for stray in books.strays] == [5000]


def test_meter_values_are_kept_in_order_and_a_repeat_once(books: Books) -> None:
    number = books.start("A", start_of()).transaction_id
    first, second = values_of(number, "1100"), values_of(number, "1200")
    for message in (first, second, second):
        row = books.meter_values("A", message)
    assert row is not None
    assert [value["sampledValue"][0]["value"] for value in row.meter_values] == ["1100", "1200"]
    assert row.repeats == 1
    assert books.meter_values("A", values_of(None, "5")) is None
    assert len(books.loose) == 1
    assert complaints(books) == []


def test_an_id_that_a_rule_told_finds_its_row(books: Books) -> None:
    message = start_of(at="2026-05-01T10:00:00Z")
    row = books.start("A", message)
    books.told("A", message, {"transactionId": 0, "idTagInfo": {"status": "Blocked"}})
    books.told("A", message, {"transactionId": "seven"})
    later = start_of(connector=2, meter_wh=9000, at="2026-05-01T11:00:00Z")
    other = books.start("A", later)
    books.told("A", later, {"transactionId": 0})
    assert books.stop("A", stop_of(0, 4000, "2026-05-01T12:00:00Z")) is row
    assert books.stop("A", stop_of(0, 9500, "2026-05-01T12:00:00Z")) is other
    assert (row.told, row.status) == ([0], "Blocked")
    assert complaints(books) == []


DAY = "2026-05-01T"
ORDERS: dict[str, tuple[list[tuple[str, dict[str, Any]]], str]] = {
    "stop before start": ([("stop", stop_of(9))], "StopTransaction of transaction 9, which was never started"),
    "values before start": ([("values", values_of(9, "1"))], "MeterValues of transaction 9, which was never started"),
    "values after stop": (
        [("start", start_of()), ("stop", stop_of(1)), ("values", values_of(1, "1500"))],
        "MeterValues of transaction 1 after its StopTransaction",
    ),
    "another connector's values": (
        [("start", start_of()), ("values", values_of(1, "1500", connector=2))],
        "MeterValues of transaction 1 from connector 2; it runs on 1",
    ),
    "a start beside an open one": (
        [("start", start_of()), ("start", start_of("OTHER", at=stamp(-5)))],
        "StartTransaction on connector 1 while transaction 1 runs there",
    ),
    "a falling meter": ([("start", start_of()), ("stop", stop_of(1, 500))], "meterStop 500 is below meterStart 1000"),
    "a falling register": (
        [("start", start_of()), ("values", values_of(1, "1500")), ("values", values_of(1, "1400"))],
        "the energy register fell from 1500 to 1400 Wh",
    ),
    "values before the start's time": (
        [("start", start_of(at=f"{DAY}10:00:00Z")), ("values", values_of(1, "1500", at=f"{DAY}09:59:58Z"))],
        f"MeterValues stamped {DAY}09:59:58Z, before {DAY}10:00:00Z of the message before it",
    ),
    "a stop before the start's time": (
        [("start", start_of(at=f"{DAY}10:00:00Z")), ("stop", stop_of(1, at=f"{DAY}09:00:00Z"))],
        f"StopTransaction stamped {DAY}09:00:00Z, before {DAY}10:00:00Z of the message before it",
    ),
    "a start before the last stop": (
        [
            ("start", start_of(at=f"{DAY}10:00:00Z")),
            ("stop", stop_of(1, at=f"{DAY}11:00:00Z")),
            ("start", start_of(meter_wh=4000, at=f"{DAY}10:30:00Z")),
        ],
        f"StartTransaction stamped {DAY}10:30:00Z, before the stop of 1 at {DAY}11:00:00Z",
    ),
    "a clock that was never set": (
        [("start", start_of(at="1970-01-01T00:00:12Z"))],
        "StartTransaction.timestamp is 1970-01-01T00:00:12Z: a clock that was never set",
    ),
    "the future": (
        [("start", start_of(at="2125-01-01T00:00:00Z"))],
        "StartTransaction.timestamp is 2125-01-01T00:00:00Z: in the future",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_disorder_is_complained_about(books: Books, name: str) -> None:
    messages, text = ORDERS[name]
    books_do = {"start": books.start, "stop": books.stop, "values": books.meter_values}
    for what, message in messages:
        assert complaints(books) == []
        books_do[what]("A", message)
    assert complaints(books) == [text]


async def test_stamps_are_checked_in_every_message(cs: CentralSystem, station: FakeStation) -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "1970-01-01T00:00:00Z"}
    await station.ask("StatusNotification", status)
    assert "a clock that was never set" in str(cs.complaints[0])
    assert (await cs.station(IDENTITY)).complaints == cs.complaints


async def test_the_file_has_the_books_before_the_station_has_its_answer(tmp_path: Path) -> None:
    file = tmp_path / "books.json"
    async with CentralSystem(books_file=file, first_transaction_id=500) as cs, fake_station(cs.url) as station:
        assert json.loads(file.read_text())["transactions"] == []
        number = (await station.ask("StartTransaction", start_of()))["transactionId"]
        assert [row["transaction_id"] for row in json.loads(file.read_text())["transactions"]] == [number] == [500]
        await station.ask("MeterValues", values_of(number, "2000"))
        await station.ask("StopTransaction", stop_of(number, reason="Remote"))
        (row,) = json.loads(file.read_text())["transactions"]
    assert (row["energy_wh"], row["reason"], row["start_deliveries"], row["stop_deliveries"]) == (3000, "Remote", 1, 1)
    assert row["meter_values"][0]["sampledValue"] == [{"value": "2000", "unit": "Wh"}]
    assert os.listdir(tmp_path) == ["books.json"]
