"""The simulated Central System's book: each thing that may not come is found, and what may come is not."""

from typing import Any

import pytest

from hil.simulate.book import Book
from hil.simulate.limits import Limits, set_profile


def start(at: str, connector: int = 1, wh: int = 100) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": "A", "meterStart": wh, "timestamp": f"2026-01-01T{at}:00Z"}


def stop(number: int, at: str, wh: int) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": wh, "timestamp": f"2026-01-01T{at}:00Z", "reason": "Local"}


def values(number: int, at: str, wh: str) -> dict[str, Any]:
    sampled = [{"value": "16.0", "measurand": "Current.Import"}, {"value": wh}]
    return {"transactionId": number, "meterValue": [{"timestamp": f"2026-01-01T{at}:00Z", "sampledValue": sampled}]}


def good() -> Book:
    book = Book()
    book.start(start("10:00"))
    book.values(values(1, "10:10", "150"))
    book.values(values(1, "10:20", "210.5"))
    book.stop(stop(1, "10:30", 300))
    return book


def test_a_session_that_is_right_is_right_and_may_come_again() -> None:
    book = good()
    book.stop(stop(1, "10:30", 300))
    assert book.start(start("10:30", wh=300)) == 2
    assert book.violations == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda book: book.start(start("10:29")), "begins before 1 ended"),
        (lambda book: book.start(start("10:00")), "came again after its StopTransaction"),
        (lambda book: book.stop(stop(1, "10:30", 301)), "came again and differs"),
        (lambda book: book.stop(stop(7, "10:30", 301)), "never began"),
        (lambda book: book.values(values(7, "10:30", "1")), "never began"),
        (lambda book: book.values(values(1, "10:31", "300")), "after its StopTransaction"),
    ],
)
def test_what_may_not_follow_a_session_is_found(wrong: Any, words: str) -> None:
    book = good()
    wrong(book)
    assert [words in text for text in book.violations] == [True]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda book: book.values(values(1, "10:20", "149")), "fall"),
        (lambda book: book.values(values(1, "10:05", "200")), "go back in time"),
        (lambda book: book.stop(stop(1, "10:20", 149)), "ends at 149 Wh, after 200.0 Wh"),
        (lambda book: book.stop(stop(1, "10:05", 300)), "ended before"),
    ],
)
def test_what_may_not_happen_within_a_session_is_found(wrong: Any, words: str) -> None:
    book = Book()
    book.start(start("10:00"))
    book.values(values(1, "10:10", "200"))
    wrong(book)
    assert [words in text for text in book.violations] == [True]


def test_only_a_session_whose_start_was_refused_may_be_booked_after_a_later_one() -> None:
    book = Book()
    book.refused(start("10:00"))
    book.start(start("11:00", wh=300))
    book.stop(stop(1, "11:30", 400))
    book.start(start("10:00"))
    book.stop(stop(2, "10:30", 300))
    assert book.violations == []
    book.start(start("11:20", wh=350))
    assert ["begins before 1 ended" in text for text in book.violations] == [True]


def test_a_sample_that_was_asked_for_may_overtake_those_that_wait() -> None:
    book = Book()
    book.start(start("10:00"))
    asked = values(1, "10:20", "200")
    for sampled in asked["meterValue"][0]["sampledValue"]:
        sampled["context"] = "Trigger"
    book.values(asked)
    book.values(values(1, "10:15", "180"))
    assert book.violations == []
    book.stop(stop(1, "10:15", 200))
    book.values(asked)
    assert ["after its StopTransaction" in text for text in book.violations] == [True]


def test_limits_hold_from_their_acceptance_to_their_end() -> None:
    limits = Limits()
    for connector, limit_a in ((0, 20.0), (1, 13.0)):
        request = set_profile(connector, limit_a)
        limits.asked("SetChargingProfile", request)
        assert limits.exceeded({1: 32.0, 2: 32.0}) is None or connector
        limits.answered("SetChargingProfile", request, "Accepted")
    assert limits.exceeded({1: 13.0, 2: 7.0}) is None
    assert "13 A" in str(limits.exceeded({1: 14.0, 2: 6.0}))
    assert "20 A" in str(limits.exceeded({1: 13.0, 2: 8.0}))
    limits.answered("SetChargingProfile", set_profile(2, 1.0), "Rejected")
    assert limits.exceeded({1: 13.0, 2: 7.0}) is None
    limits.asked("ClearChargingProfile", {})
    assert limits.exceeded({1: 32.0, 2: 32.0}) is None
