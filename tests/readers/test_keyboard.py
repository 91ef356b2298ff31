"""Readers that play keyboard: keystrokes to id tags, and the driver on a pipe of input events."""

import asyncio
import errno
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.ports import DriverError
from drivers import keyboard
from drivers.cards.keystrokes import KEYS, TYPED_MAX, Format, Misread, Spoilt, Typist, tag_of
from hil.chips.keyboard import CODES, Keyboard

BOUND_S = 5.0


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Keyboard]:
    with Keyboard(tmp_path / "event0") as made:
        yield made


async def opened(reader: Keyboard, **keys: Any) -> keyboard.Reader:
    return await keyboard.open(keyboard.Config(device=str(reader.path), grab=False, **keys), {})


async def soon(cards: AsyncIterator[Any]) -> str:
    tag: str = (await asyncio.wait_for(anext(cards), BOUND_S)).id_tag
    return tag


@pytest.mark.section("7.28")
@pytest.mark.parametrize(
    ("typed", "keys", "tag"),
    [
        ("04a1b2c3", {}, "04A1B2C3"),
        ("04112233445566", {}, "04112233445566"),
        ("04A1B2C3", {"uid_order": "reversed"}, "C3B2A104"),
        ("0077705923", {"format": "decimal"}, "04A1B2C3"),
        ("77705923", {"format": "decimal"}, "04A1B2C3"),
        ("3283263748", {"format": "decimal", "uid_order": "reversed"}, "04A1B2C3"),
        ("0001144735395781990", {"format": "decimal", "uid_bytes": 7}, "0411217AA09D66"),
        ("0000000001", {"format": "decimal"}, "00000001"),
        ("K-17.4", {"format": "text"}, "K-17.4"),
    ],
)
async def test_what_is_typed_becomes_an_id_tag(reader: Keyboard, typed: str, keys: dict[str, Any], tag: str) -> None:
    opened_reader = await opened(reader, **keys)
    reader.type(typed)
    assert await soon(opened_reader.cards()) == tag
    await opened_reader.close()


@given(st.binary(min_size=4, max_size=4), st.sampled_from(("as_read", "reversed")))
@settings(max_examples=60, deadline=None)
def test_decimal_and_hexadecimal_readers_name_a_card_alike(uid: bytes, order: Any) -> None:
    decimal = tag_of(f"{int.from_bytes(uid, 'big'):010}", "decimal", order, 4)
    assert decimal == tag_of(uid.hex(), "hex", order, 4)


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("123", "hex"),
        ("12XY", "hex"),
        ("00112233445566778899AA", "hex"),
        ("12A4", "decimal"),
        ("4294967296", "decimal"),
        ("123456789012345678901", "text"),
    ],
)
def test_what_cannot_be_a_number_is_refused_without_saying_it(typed: str, form: Format) -> None:
    with pytest.raises(Misread) as caught:
        tag_of(typed, form, "as_read", 4)
    assert typed not in str(caught.value)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300), st.integers(0, 2), st.floats(0, 0.6)), max_size=120))
@settings(max_examples=80, deadline=None)
def test_no_keystrokes_whatever_make_a_line_that_is_too_long(events: list[tuple[int, int, int, float]]) -> None:
    typist, now = Typist(), 0.0
    for kind, code, value, later_s in events:
        now += later_s
        line = typist.event(kind, code, value, now)
        assert line is None or isinstance(line, Spoilt) or 1 <= len(line) <= TYPED_MAX


def test_every_key_has_one_letter() -> None:
    assert {CODES[letter] for letter in KEYS.values()} <= set(KEYS)


async def test_half_a_number_is_forgotten_after_a_pause(reader: Keyboard) -> None:
    opened_reader = await opened(reader)
    reader.type("04A1", enter=False)
    reader.pause(2.0)
    reader.type("11223344")
    assert await soon(opened_reader.cards()) == "11223344"
    await opened_reader.close()


async def test_a_number_that_is_typed_twice_is_one_tap(reader: Keyboard) -> None:
    opened_reader = await opened(reader)
    for typed in ("11223344", "11223344", "55667788"):
        reader.type(typed)
    cards = opened_reader.cards()
    assert [await soon(cards), await soon(cards)] == ["11223344", "55667788"]
    await opened_reader.close()


@pytest.mark.parametrize("spoil", ["other key", "lost", "too long", "not hexadecimal"])
async def test_what_is_spoilt_is_told_and_the_next_card_is_read(
    reader: Keyboard, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened_reader = await opened(reader)
    reader.type("1122", enter=False)
    if spoil == "other key":
        reader.press(57)
    elif spoil == "lost":
        reader.event(0, 3, 0)
    elif spoil == "too long":
        reader.type("1" * TYPED_MAX, enter=False)
    else:
        reader.type("XYZ", enter=False)
    reader.type("3344")
    reader.type("55667788")
    with caplog.at_level(logging.WARNING):
        assert await soon(opened_reader.cards()) == "55667788"
    assert len(caplog.records) == 1
    assert "1122" not in caplog.text
    await opened_reader.close()


async def test_events_may_come_in_pieces(reader: Keyboard) -> None:
    opened_reader = await opened(reader)
    reader.piece = 7
    reader.type("04A1B2C3")
    assert await soon(opened_reader.cards()) == "04A1B2C3"
    await opened_reader.close()


async def test_a_reader_that_is_pulled_out_is_told(reader: Keyboard) -> None:
    opened_reader = await opened(reader)
    reader.unplug()
    with pytest.raises(DriverError, match="the reader is gone"):
        await soon(opened_reader.cards())
    await opened_reader.close()


async def test_closing_ends_the_cards(reader: Keyboard) -> None:
    opened_reader = await opened(reader)
    await opened_reader.close()
    await opened_reader.close()
    assert [card async for card in opened_reader.cards()] == []


@pytest.mark.parametrize(
    ("error", "words"),
    [(errno.EACCES, "group `input`"), (errno.ENOENT, "there is no such device"), (errno.EIO, "cannot be opened")],
)
async def test_a_device_that_cannot_be_opened_is_told(monkeypatch: pytest.MonkeyPatch, error: int, words: str) -> None:
    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DriverError, match=words):
        await keyboard.open(keyboard.Config(device="/dev/input/event0"), {})


async def test_the_device_is_taken_for_itself_alone(reader: Keyboard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda _, request, value: asked.append((request, value)))
    opened_reader = await keyboard.open(keyboard.Config(device=str(reader.path)), {})
    await opened_reader.close()
    assert asked == [(ord("E") << 8 | 0x90 | 1 << 30 | 4 << 16, 1)]  # _IOW('E', 0x90, int)


async def test_what_cannot_be_taken_is_told(reader: Keyboard, monkeypatch: pytest.MonkeyPatch) -> None:
    config = keyboard.Config(device=str(reader.path))
    with pytest.raises(DriverError, match="this is no input device"):
        await keyboard.open(config, {})

    def busy(*_: object) -> int:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(fcntl, "ioctl", busy)
    with pytest.raises(DriverError, match="another program has taken it"):
        await keyboard.open(config, {})


def test_names_that_change_and_numbers_for_everybody_are_worth_a_remark() -> None:
    assert len(keyboard.remarks(keyboard.Config(device="/dev/input/event3", grab=False))) == 2
    assert keyboard.remarks(keyboard.Config(device="/dev/input/by-id/usb-Reader-event-kbd")) == []
    assert keyboard.claims(keyboard.Config(device="/dev/input/event3")) == ("/dev/input/event3",)
