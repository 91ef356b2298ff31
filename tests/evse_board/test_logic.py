"""When a board that closes by itself is offered a current: never so that it closes where the station does not want it
closed.
"""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.facts import PilotState
from drivers.evse_board.logic import ANSWER_S, ENERGY, Logic

pytestmark = pytest.mark.section("IEC 61851-1 A")

A, B, C, D, E, F = PilotState


def logic(*, contactor: bool = True) -> Logic:
    made = Logic()
    made.has_contactor = contactor
    return made


def test_a_charge() -> None:
    one = logic()
    one.see(A, 0)
    assert one.wanted_a(0) is None
    one.see(B, 1)
    one.offer(16.0)
    assert one.wanted_a(1) == 16.0, "the car must be able to ask"
    one.see(C, 2)
    assert one.wanted_a(2.1) == 16.0, "the order is waited for"
    one.command(True)
    assert one.wanted_a(60) == 16.0
    one.offer(10.0)
    assert one.wanted_a(61) == 10.0
    one.command(False)
    one.offer(None)
    assert one.wanted_a(62) is None


def test_a_car_that_pauses_may_ask_again() -> None:
    one = logic()
    one.see(B, 0)
    one.offer(16.0)
    one.see(C, 1)
    one.command(True)
    one.see(B, 10)
    one.command(False)
    assert one.wanted_a(11) == 16.0
    one.see(C, 100)
    assert one.wanted_a(100.1) == 16.0
    one.command(True)
    assert one.wanted_a(200) == 16.0


def test_a_car_that_asked_before_the_offer_gets_none_before_the_order() -> None:
    one = logic()
    one.see(C, 0)
    one.offer(16.0)
    assert one.wanted_a(0) is None
    one.command(True)
    assert one.wanted_a(1) == 16.0


def test_an_order_that_does_not_come_withdraws_the_offer_for_the_visit() -> None:
    one = logic()
    one.see(B, 0)
    one.offer(16.0)
    one.see(C, 1)
    assert one.wanted_a(1 + ANSWER_S + 0.01) is None
    one.see(B, 3)
    assert one.wanted_a(3) is None, "a relay must not clatter"
    one.see(A, 4)
    assert one.wanted_a(4) == 16.0


@pytest.mark.parametrize("how", ["ordered", "offered anew"])
def test_a_refused_car_is_taken_back(how: str) -> None:
    one = logic()
    one.see(B, 0)
    one.offer(16.0)
    one.see(C, 1)
    one.wanted_a(9)
    if how == "ordered":
        one.command(True)
        assert one.wanted_a(10) == 16.0
    else:
        one.see(B, 9)
        one.offer(10.0)
        assert one.wanted_a(10) == 10.0


def test_an_order_to_open_withdraws_at_once_while_the_car_asks() -> None:
    one = logic()
    one.see(B, 0)
    one.offer(16.0)
    one.see(C, 1)
    one.command(True)
    one.command(False)
    assert one.wanted_a(1.01) is None


def test_without_a_contactor_of_its_own_the_board_follows_the_offer() -> None:
    one = logic(contactor=False)
    one.see(C, 0)
    one.offer(16.0)
    assert one.wanted_a(99) == 16.0
    one.offer(None)
    assert one.wanted_a(99) is None


MOVES = st.one_of(
    st.tuples(st.just("offer"), st.none() | st.sampled_from([6.0, 16.0])),
    st.tuples(st.just("command"), st.booleans()),
    st.tuples(st.just("see"), st.sampled_from(PilotState)),
)


@given(st.lists(st.tuples(MOVES, st.floats(0, 2)), max_size=40))
def test_without_the_order_a_car_that_asks_is_offered_nothing_for_long(moves: list[tuple[tuple[str, object], float]]) -> None:
    """A board looked after every 0.1 s, closed whenever a car asks while a current is offered."""
    one, now_s, ordered, state, offered = logic(), 0.0, False, A, None
    closed_for_s = 0.0
    for (what, value), pause_s in moves:
        match what:
            case "offer":
                one.offer(value)  # type: ignore[arg-type]
                offered = value
            case "command":
                one.command(bool(value))
                ordered = bool(value)
            case _:
                state = PilotState(str(value))
        for _ in count():
            one.see(state, now_s)
            wanted_a = one.wanted_a(now_s)
            assert wanted_a in (None, offered)
            closed_for_s = closed_for_s + 0.1 if wanted_a is not None and state in ENERGY and not ordered else 0.0
            assert closed_for_s <= ANSWER_S + 0.3
            now_s, pause_s = now_s + 0.1, pause_s - 0.1
            if pause_s <= 0:
                break
