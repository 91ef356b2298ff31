"""From frames to whole UIDs: vectors of ISO/IEC 14443-3, and any cards in a modelled field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cards.iso14443 import Seen, Trouble, bcc, crc_a, halt, identify, is_random
from hil.chips.cards import Card, Field, bits_of, bytes_of

UIDS = st.sampled_from((4, 7, 10)).flatmap(lambda length: st.binary(min_size=length, max_size=length))


def proper(uid: bytes) -> bool:
    """Whether a maker may give a card this UID: none of single size begins with the cascade tag."""
    return len(uid) > 4 or uid[0] != 0x88


class Air:
    """A reader without a chip: frames straight into the field."""

    def __init__(self, *cards: Card) -> None:
        self.field = Field()
        self.field.power(True)
        self.frames: list[bytes] = []
        for card in cards:
            self.field.lay(card)

    def exchange(self, frame: bytes, bits: int) -> Seen:
        self.frames.append(frame)
        reply = self.field.send(bits_of(frame)[: 8 * len(frame) - 8 + bits] if bits else bits_of(frame))
        if reply is None:
            return None
        if reply.collision is not None:
            return Trouble.COLLISION
        return Trouble.GARBLED if reply.broken else bytes_of(reply.bits)


class Script:
    """Answers as written, whatever is asked."""

    def __init__(self, *answers: Seen) -> None:
        self._answers = list(answers)

    def exchange(self, frame: bytes, bits: int) -> Seen:
        return self._answers.pop(0)


@pytest.mark.section("ISO/IEC 14443-3 B")
@pytest.mark.parametrize(
    ("data", "crc"), [("0000", "a01e"), ("1234", "26cf"), ("5000", "57cd"), ("3000", "02a8"), ("08", "b6dd")]
)
def test_the_crc_is_that_of_the_standard(data: str, crc: str) -> None:
    assert crc_a(bytes.fromhex(data)).hex() == crc


@pytest.mark.section("ISO/IEC 14443-3 6.5.4")
@pytest.mark.parametrize(("part", "check"), [("88047ac1", 0x37), ("00000000", 0), ("ffffffff", 0), ("01020408", 0x0F)])
def test_the_check_byte_is_the_exclusive_or(part: str, check: int) -> None:
    assert bcc(bytes.fromhex(part)) == check


@pytest.mark.section("ISO/IEC 14443-3 6.5")
def test_a_seven_byte_card_is_asked_frame_by_frame_as_the_standard_has_it() -> None:
    air = Air(Card(bytes.fromhex("047ac1d2e3f405")))
    assert identify(air.exchange) == bytes.fromhex("047ac1d2e3f405")
    halt(air.exchange)
    one, two = bytes.fromhex("937088047ac137"), bytes.fromhex("9570d2e3f405c0")
    expected = [b"\x52", b"\x93\x20", one + crc_a(one), b"\x95\x20", two + crc_a(two), bytes.fromhex("500057cd")]
    assert air.frames == expected


@pytest.mark.section("ISO/IEC 14443-3 6.5")
@given(uid=UIDS.filter(proper))
@settings(max_examples=60, deadline=None)
def test_every_uid_is_read_whole_and_again_after_halt(uid: bytes) -> None:
    air = Air(Card(uid))
    for _ in range(3):
        assert identify(air.exchange) == uid
        halt(air.exchange)


@pytest.mark.section("ISO/IEC 14443-3 6.5")
@given(first=UIDS.filter(proper), second=UIDS.filter(proper))
@settings(max_examples=80, deadline=None)
def test_of_two_cards_none_is_ever_another_card(first: bytes, second: bytes) -> None:
    air = Air(Card(first), Card(second))
    for _ in range(4):
        seen = identify(air.exchange)
        # Two cards with one number cannot be told apart.
        assert first == second or not isinstance(seen, bytes)


@pytest.mark.section("ISO/IEC 14443-3 6.5")
@given(
    uid=UIDS.filter(proper),
    fading=st.lists(st.sampled_from((True, True, False, None)), max_size=30),
    leaves_after=st.none() | st.integers(0, 12),
)
@settings(max_examples=120, deadline=None)
def test_a_card_at_the_edge_of_the_field_is_read_whole_or_not_at_all(
    uid: bytes, fading: list[bool | None], leaves_after: int | None
) -> None:
    air = Air(Card(uid, fading=fading, leaves_after=leaves_after))
    for _ in range(6):
        seen = identify(air.exchange)
        assert not isinstance(seen, bytes) or seen == uid


@pytest.mark.section("ISO/IEC 14443-3 6.5")
@given(st.lists(st.none() | st.sampled_from(Trouble) | st.binary(max_size=12), min_size=7, max_size=7))
@settings(max_examples=150, deadline=None)
def test_no_answers_whatever_make_a_uid_without_its_checks(answers: list[Seen]) -> None:
    seen = identify(Script(*answers).exchange)
    assert seen is None or isinstance(seen, Trouble) or len(seen) in (4, 7, 10)


def sak(value: int) -> bytes:
    return bytes([value]) + crc_a(bytes([value]))


PART = bytes.fromhex("0102030404")
TAGGED = bytes.fromhex("8801020388")


@pytest.mark.section("ISO/IEC 14443-3 6.5.4")
@pytest.mark.parametrize(
    "answers",
    [
        (b"\x04",),
        (b"\x04\x00", PART[:4] + b"\x05"),
        (b"\x04\x00", PART[:4]),
        (b"\x04\x00", PART, b"\x08"),
        (b"\x04\x00", PART, b"\x08\x00\x00"),
        (b"\x04\x00", PART, sak(0x04)),
        (b"\x04\x00", TAGGED, sak(0x08)),
        (b"\x04\x00", TAGGED, sak(0x04), None),
        (b"\x04\x00", TAGGED, sak(0x04), TAGGED, sak(0x04), TAGGED, sak(0x04)),
    ],
    ids=[
        "half an ATQA",
        "a wrong check byte",
        "no check byte",
        "a SAK without its CRC",
        "a SAK with a wrong CRC",
        "more to follow without the cascade tag",
        "a single UID that begins with the cascade tag",
        "silence in the middle",
        "a fourth level",
    ],
)
def test_answers_that_break_the_rules_are_no_uid(answers: tuple[Seen, ...]) -> None:
    assert identify(Script(*answers).exchange) is Trouble.GARBLED


@pytest.mark.section("ISO/IEC 14443-3 6.5.4")
def test_random_numbers_are_those_of_four_bytes_that_begin_with_08() -> None:
    assert is_random(bytes.fromhex("08112233"))
    assert not is_random(bytes.fromhex("09112233"))
    assert not is_random(bytes.fromhex("08112233445566"))
