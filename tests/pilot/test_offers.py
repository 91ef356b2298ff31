"""When a new duty comes onto the pilot: less at once, more not sooner than 5 s after the last change (IEC 61851-1 annex A)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec61851.offers import SPACING_S, Offers

pytestmark = pytest.mark.section("IEC 61851-1 A")


def test_the_first_offer_is_shown_at_once() -> None:
    offers = Offers()
    assert offers.want(16, 0) == 16
    assert offers.due_s() is None


def test_less_is_shown_at_once_and_more_waits() -> None:
    offers = Offers()
    offers.want(16, 0)
    assert offers.want(10, 1) == 10
    assert offers.want(32, 2) == 10
    assert offers.due_s() == 6
    assert offers.at(5.9) == 10
    assert offers.at(6) == 32
    assert offers.due_s() is None


def test_nothing_is_offered_at_once_and_a_new_start_need_not_wait() -> None:
    offers = Offers()
    offers.want(16, 0)
    assert offers.want(None, 0.5) is None
    assert offers.want(20, 1) == 20


def test_a_wish_that_is_withdrawn_while_it_waits_never_comes() -> None:
    offers = Offers()
    offers.want(16, 0)
    offers.want(32, 1)
    assert offers.want(16, 2) == 16
    assert offers.due_s() is None
    assert offers.at(60) == 16


@given(st.lists(st.tuples(st.floats(0, 4), st.none() | st.floats(6, 80)), min_size=1, max_size=30))
def test_whatever_is_wanted_never_more_is_shown_and_rises_keep_their_distance(wishes: list[tuple[float, float | None]]) -> None:
    offers, now_s = Offers(), 0.0
    changed_s: float | None = None
    shown: float | None = None
    for pause_s, wish in wishes:
        now_s += pause_s
        before, shown = shown, offers.want(wish, now_s)
        assert (shown or 0) <= (wish or 0)
        if before is not None and shown is not None and shown > before:
            assert changed_s is not None
            assert now_s >= changed_s + SPACING_S
        if shown != before:
            changed_s = now_s
    due_s = offers.due_s()
    assert offers.at(now_s if due_s is None else due_s) == wishes[-1][1]
