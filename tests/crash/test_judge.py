"""The judge can fail: every way in which books may be wrong is found, and a cut log excuses what it took and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from hil.crash.autopsy import Cut, Session
from hil.crash.excuses import ENDED_BY_HAND, Excuses, Interval, row_of
from hil.crash.judge import Evidence, Verdict, judge
from hil.crash.witness import Complaint, Draw
from hil.csms import Books, Frame, Note, Row

ME = "CK_XXX_0001"
CARD = "04A2B3C4"


def stamp(second: int) -> str:
    return f"2026-11-03T09:{second // 60:02}:{second % 60:02}.000Z"


class Story:
    """A Central System's books, filled message by message as a station would."""

    def __init__(self) -> None:
        self.books = Books()
        self.messages: list[Frame] = []
        self.complaints: list[Complaint] = []
        self.draws: list[Draw] = []
        self.excuses = Excuses()
        self.registers_wh = {1: (100, 100)}
        self.books.on_complaint = lambda note: self.complaints.append(Complaint(note, len(self.messages) - 1))

    def hear(self, action: str, book: bool = True, **payload: Any) -> Row | None:
        self.messages.append(
            Frame(
                seq=len(self.messages), at=0.0, identity=ME, connection=1, direction="in", kind="call", action=action,
                payload=payload,
            )
        )  # fmt: skip
        if not book:
            return None
        match action:
            case "StartTransaction":
                return self.books.start(ME, payload)
            case "StopTransaction":
                return self.books.stop(ME, payload)
            case _:
                return self.books.meter_values(ME, payload)

    def start(self, wh: int, second: int, card: str = CARD) -> Row:
        row = self.hear("StartTransaction", connectorId=1, idTag=card, meterStart=wh, timestamp=stamp(second))
        assert row is not None
        return row

    def value(self, number: int, wh: int, second: int) -> None:
        value = {"timestamp": stamp(second), "sampledValue": [{"value": str(wh)}]}
        self.hear("MeterValues", connectorId=1, transactionId=number, meterValue=[value])

    def stop(self, number: int, wh: int, second: int, reason: str = "Local", book: bool = True) -> None:
        self.hear("StopTransaction", book, transactionId=number, meterStop=wh, timestamp=stamp(second), reason=reason)

    def flows(self, to_wh: int) -> None:
        """The bench's meter counts on."""
        first, last = self.registers_wh[1]
        self.draws.append(Draw(1, last, to_wh))
        self.registers_wh[1] = (first, to_wh)

    def session(self, from_wh: int, to_wh: int, second: int) -> Row:
        """One that is as it should be."""
        row = self.start(from_wh, second)
        self.value(row.transaction_id, from_wh, second + 1)
        self.stop(row.transaction_id, to_wh, second + 5)
        self.flows(to_wh)
        return row

    def verdict(self) -> Verdict:
        return judge(
            Evidence(
                rows=self.books.rows,
                messages=self.messages,
                complaints=self.complaints,
                violations=self.books.violations,
                strays=self.books.strays,
                draws=self.draws,
                registers_wh=self.registers_wh,
                excuses=self.excuses,
            )
        )


@pytest.fixture
def story() -> Story:
    """Two sessions, booked as they were."""
    story = Story()
    story.session(100, 300, 0)
    story.session(300, 350, 10)
    return story


def test_books_that_are_right_balance(story: Story) -> None:
    verdict = story.verdict()
    assert verdict.problems == []
    assert (verdict.sessions, verdict.lost, verdict.doubled) == (2, 0, 0)
    assert (verdict.energy_wh, verdict.energy_difference_wh, verdict.excused_wh) == (250, 0, 0)


def test_the_same_message_again_is_nobodys_fault(story: Story) -> None:
    row = story.start(350, 20)
    story.start(350, 20)
    story.value(row.transaction_id, 350, 21)
    story.value(row.transaction_id, 350, 21)
    story.stop(row.transaction_id, 400, 25)
    story.stop(row.transaction_id, 400, 25)
    story.flows(400)
    verdict = story.verdict()
    assert verdict.problems == []
    assert verdict.repeats == 3


def test_a_session_that_was_never_booked_is_lost(story: Story) -> None:
    story.flows(420)
    verdict = story.verdict()
    assert (verdict.lost, verdict.doubled, verdict.energy_difference_wh) == (1, 0, 70)
    assert verdict.problems == ["connector 1: the energy from 350 to 420 Wh is not booked"]


def test_a_session_without_an_end_is_lost(story: Story) -> None:
    story.start(350, 20)
    story.flows(420)
    verdict = story.verdict()
    assert verdict.lost == 2  # its energy, and its row
    assert "transaction 3 at connector 1 was never stopped" in verdict.problems


def test_a_session_that_is_booked_twice_is_doubled(story: Story) -> None:
    story.session(350, 400, 20)
    again = story.start(350, 30, card="04A2B3C5")
    story.stop(again.transaction_id, 400, 35)
    verdict = story.verdict()
    assert (verdict.lost, verdict.doubled, verdict.energy_difference_wh) == (0, 1, 50)
    assert verdict.problems == ["connector 1: the energy from 350 to 400 Wh is booked 2 times"]


@pytest.mark.parametrize(("stop_wh", "difference_wh"), [(399, 1), (401, 1), (350, 50)])
def test_one_watthour_is_enough(story: Story, stop_wh: int, difference_wh: int) -> None:
    row = story.start(350, 20)
    story.stop(row.transaction_id, stop_wh, 25)
    story.flows(400)
    assert story.verdict().energy_difference_wh == difference_wh
    assert story.verdict().problems != []


def test_differences_that_cancel_out_are_found_all_the_same() -> None:
    story = Story()
    first = story.start(100, 0)
    story.stop(first.transaction_id, 290, 5)
    story.flows(300)
    second = story.start(300, 10)
    story.stop(second.transaction_id, 360, 15)
    story.flows(350)
    verdict = story.verdict()
    assert sum(row.energy_wh or 0 for row in story.books.rows) == verdict.energy_wh == 250
    assert verdict.energy_difference_wh == 20
    assert verdict.lost == 1


def test_a_second_stop_that_says_something_else_is_found(story: Story) -> None:
    story.stop(2, 350, 15, reason="PowerLoss")
    verdict = story.verdict()
    assert verdict.doubled == 1
    assert "was stopped in 2 different ways" in verdict.problems[0]
    story.stop(2, 351, 16)
    assert any(text.startswith("complaint: a second, different StopTransaction") for text in story.verdict().problems)


def test_what_was_never_started_is_found(story: Story) -> None:
    story.stop(99, 400, 20)
    texts = story.verdict().problems
    assert "StopTransaction of transaction 99, which was never started" in texts


def test_dates_that_go_back_are_found_to_the_millisecond(story: Story) -> None:
    story.books.rows[1].started = "2026-11-03T09:00:04.999Z"
    assert story.verdict().problems == [
        "transaction 2: start is dated 2026-11-03T09:00:04.999Z, before stop of transaction 1, 2026-11-03T09:00:05.000Z"
    ]


@pytest.mark.parametrize("date", ["1970-01-01T00:00:07Z", "soon"])
def test_a_date_of_a_clock_that_was_never_set_is_found(story: Story, date: str) -> None:
    story.books.rows[1].stopped = date
    assert f"transaction 2: stop is dated {date}" in story.verdict().problems


def test_meter_values_after_the_stop_and_violations_are_found(story: Story) -> None:
    story.value(2, 350, 16)
    story.books.violate(ME, "two at once")
    texts = story.verdict().problems
    assert "complaint: MeterValues of transaction 2 after its StopTransaction" in texts
    assert "violation: two at once" in texts


# What a cut log excuses


def kept(row: Row, stop_wh: int | None = None) -> Session:
    return Session(
        key=row.transaction_id,
        connector=row.connector_id,
        id_tag=row.id_tag.lower(),
        meter_start_wh=row.meter_start_wh,
        meter_stop_wh=stop_wh,
        started_s=None,
        closed=stop_wh is not None,
    )


def unbooked(from_wh: int) -> Session:
    return Session(key=9, connector=1, id_tag="GONE", meter_start_wh=from_wh, meter_stop_wh=None, started_s=None, closed=False)


def test_a_session_that_is_gone_is_excused_with_its_energy_and_no_more(story: Story) -> None:
    story.flows(420)
    story.excuses.add(Cut(gone=[unbooked(350)]), story.books.rows, {1: 420})
    verdict = story.verdict()
    assert (verdict.problems, verdict.lost, verdict.excused_wh) == ([], 0, 70)
    assert story.excuses.reasons == [
        "session of GONE at connector 1, 350 to 420 Wh: the cut log took its start, and nothing of it was booked"
    ]
    story.flows(430)
    assert story.verdict().energy_difference_wh == 10


def test_a_gone_session_that_was_left_open_is_ended_by_hand(story: Story) -> None:
    row = story.start(350, 20)
    story.flows(420)
    story.excuses.add(Cut(gone=[kept(row)]), story.books.rows, {1: 420})
    assert (row.meter_stop_wh, row.reason) == (420, ENDED_BY_HAND)
    story.session(420, 500, 30)
    assert story.verdict().problems == []


def test_of_two_gone_sessions_the_first_ends_where_the_second_begins(story: Story) -> None:
    story.flows(420)
    story.excuses.add(Cut(gone=[unbooked(350), replace(unbooked(400), key=10)]), story.books.rows, {1: 420})
    assert story.excuses.intervals == [Interval(1, 350, 400), Interval(1, 400, 420)]


def test_a_session_that_is_open_again_may_be_stopped_once_more_and_only_once(story: Story) -> None:
    story.excuses.add(Cut(reopened=[kept(story.books.rows[1])]), story.books.rows, {1: 350})
    story.stop(2, 350, 30, reason="PowerLoss")
    assert story.verdict().problems == []
    story.stop(2, 350, 30, reason="PowerLoss")  # the same again
    assert story.verdict().problems == []
    story.stop(2, 350, 40, reason="PowerLoss")
    assert len(story.verdict().problems) == 2


def test_a_stop_that_was_heard_and_not_booked_may_be_another_when_the_session_was_open_again(story: Story) -> None:
    row = story.start(350, 20)
    story.stop(row.transaction_id, 400, 25, book=False)
    story.flows(420)
    story.excuses.add(Cut(reopened=[kept(row)]), story.books.rows, {1: 420}, {row.transaction_id})
    story.stop(row.transaction_id, 420, 30, reason="PowerLoss")
    assert story.verdict().problems == []
    story.excuses.told_twice.clear()
    assert [
        f"transaction {row.transaction_id} was stopped in 2 different ways" in text for text in story.verdict().problems
    ] == [True]


def test_energy_of_a_session_that_went_on_after_it_was_booked_whole_is_excused_up_to_its_second_end(story: Story) -> None:
    story.excuses.add(Cut(reopened=[kept(story.books.rows[1])]), story.books.rows, {1: 350})
    story.flows(420)
    story.value(2, 380, 25)
    story.stop(2, 410, 30)
    verdict = story.verdict()
    assert (verdict.energy_difference_wh, verdict.excused_wh) == (10, 60)
    assert "complaint: MeterValues of transaction 2 after its StopTransaction" in verdict.problems
    story.excuses.goes_on = True
    assert story.verdict().problems == ["connector 1: the energy from 410 to 420 Wh is not booked"]


def test_messages_that_wait_again_may_come_again_but_must_be_the_same(story: Story) -> None:
    story.excuses.add(Cut(repeated=[kept(story.books.rows[1], 350)]), story.books.rows, {1: 350})
    story.value(2, 300, 11)
    story.stop(2, 350, 15)
    assert story.verdict().problems == []
    story.value(2, 300, 12)
    assert story.verdict().problems != []
    story = replaced(story)
    story.value(1, 100, 1)
    assert story.verdict().problems == ["complaint: MeterValues of transaction 1 after its StopTransaction"]


def replaced(story: Story) -> Story:
    """The same story with other excuses: none for the first session."""
    fresh = Story()
    fresh.session(100, 300, 0)
    fresh.session(300, 350, 10)
    fresh.excuses = story.excuses
    return fresh


def test_a_session_is_known_by_connector_card_register_and_date(story: Story) -> None:
    row = story.books.rows[1]
    assert row_of(kept(row), story.books.rows) is row
    assert row_of(replace(kept(row), connector=2), story.books.rows) is None
    assert row_of(replace(kept(row), id_tag="OTHER"), story.books.rows) is None
    assert row_of(replace(kept(row), started_s=1.0), story.books.rows) is None


def test_a_complaint_without_a_message_is_no_excuse(story: Story) -> None:
    story.complaints.append(Complaint(Note(0.0, ME, "something", None), -1))
    assert story.verdict().problems == ["complaint: something"]
