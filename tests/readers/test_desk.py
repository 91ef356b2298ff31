"""What counts as a tap."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cards.desk import EDGE_S, REMEMBERED_MAX, Desk, Rules
from drivers.cards.iso14443 import Seen, Trouble

A, B = bytes.fromhex("04a1b2c3"), bytes.fromhex("04112233445566")
LOOK_S = 0.1


def taps(seen: list[Seen], rules: Rules | None = None) -> list[str]:
    """The id tags of looks that are LOOK_S apart."""
    desk = Desk("reader", rules or Rules())
    looks = (desk.look(one, 100 + LOOK_S * at) for at, one in enumerate(seen))
    return [card.id_tag for card in looks if card is not None]


def test_a_card_that_lies_there_is_one_tap() -> None:
    assert taps([None, A, A, A, A, None, None]) == ["04A1B2C3"]


def test_a_card_that_was_away_is_a_tap_again() -> None:
    assert taps([A, A, *[None] * 9, A]) == ["04A1B2C3"] * 2


@pytest.mark.parametrize("gap", [[None] * 3, [Trouble.GARBLED] * 12, [None, Trouble.GARBLED, None, None] * 3])
def test_a_card_at_the_edge_of_the_field_does_not_tap_twice(gap: list[Seen]) -> None:
    assert taps([A, *gap, A, *gap, A]) == ["04A1B2C3"]


def test_noise_does_not_hold_a_card_for_ever() -> None:
    noise: list[Seen] = [Trouble.GARBLED] * round((EDGE_S + 2) / LOOK_S)
    assert taps([A, *noise, A]) == ["04A1B2C3"] * 2


def test_a_card_that_nobody_looked_at_was_not_away() -> None:
    desk = Desk("reader", Rules())
    assert desk.look(A, 100.0) is not None
    assert desk.look(A, 103.0) is None
    for at_s in (103.1, 103.2, 103.3):
        assert desk.look(None, at_s) is None
    assert desk.look(A, 106.0) is None, "away for 0.3 s, and then nobody looked"
    for at_s in (106.2, 106.4, 106.6, 106.8):
        assert desk.look(None, at_s) is None
    assert desk.look(A, 106.9) is not None, "away for 0.9 s"
    assert desk.look(A, 120.0) is not None, "nobody looked for longer than anybody believes"


def test_two_cards_that_are_read_in_turn_are_two_taps() -> None:
    assert taps([A, B, A, B, A, B]) == ["04A1B2C3", "04112233445566"]


@given(st.lists(st.none() | st.sampled_from([*Trouble, A, B]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_between_two_taps_of_a_card_lies_a_real_absence(seen: list[Seen]) -> None:
    desk, last_seen_s, tapped = Desk("reader", Rules()), dict[bytes, float](), 0
    for at, one in enumerate(seen):
        now = LOOK_S * at
        card = desk.look(one, now)
        if card is not None:
            assert isinstance(one, bytes)
            assert now - last_seen_s.get(one, -10) >= 0.8 - 1e-9
            tapped += 1
        if isinstance(one, bytes):
            last_seen_s[one] = now
    assert tapped >= len(last_seen_s)


def test_what_is_remembered_is_bounded() -> None:
    cards = [bytes([1, 2, 3, number]) for number in range(3 * REMEMBERED_MAX)]
    assert len(taps([*cards])) == len(cards)


def test_bytes_may_be_turned_round() -> None:
    assert taps([A, B], Rules(uid_order="reversed")) == ["C3B2A104", "66554433221104"]


def test_a_random_number_is_refused_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert taps([bytes.fromhex("08112233")] * 5) == []
    assert [record.message for record in caplog.records if "random number" in record.message] != []
    assert len(caplog.records) == 1


def test_random_numbers_that_are_accepted_are_one_card_while_it_lies_there() -> None:
    phone: list[Seen] = [bytes([8, 1, 2, number]) for number in range(10)]
    assert taps(phone, Rules(random_uid="accept")) == ["08010200"]


def test_several_cards_at_once_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert taps([Trouble.COLLISION] * 8) == []
    assert [record.message for record in caplog.records] == [
        "reader: several cards at once: none of them is read; lay one on alone"
    ]
