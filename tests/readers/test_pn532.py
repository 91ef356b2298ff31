"""The driver `pn532` on a model of its chip behind a pseudo terminal, and its frames by themselves."""

import asyncio
import fcntl
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.facts import Card as Tap
from chargepoint.ports import DriverError
from drivers import pn532
from drivers.cards.iso14443 import Trouble
from drivers.pn532 import frames, line
from drivers.pn532.frames import Answer, Decoder, Signal
from hil.chips.cards import Card, Telephone
from hil.chips.pn532 import Fault, Pn532

BOUND_S = 5.0
UID4, UID7, UID10 = (bytes.fromhex(text) for text in ("c1a2b3d4", "04112233445566", "04112233445566778899"))


@pytest.fixture
async def chip() -> AsyncIterator[Pn532]:
    async with Pn532() as made:
        yield made


async def opened(chip: Pn532, **keys: Any) -> pn532.Reader:
    return await pn532.open(pn532.Config(port=chip.port, poll_s=0.02, absence_s=0.5, **keys), {})


async def soon(cards: AsyncIterator[Tap]) -> str:
    return (await asyncio.wait_for(anext(cards), BOUND_S)).id_tag


async def looks(chip: Pn532, more: int) -> None:
    """Returns when the field was looked at so many times more."""
    await asyncio.wait_for(chip.looks.more(more), BOUND_S)


class TestFrames:
    """UM0701-02 section 6.2.1."""

    def test_a_command_is_framed_as_the_manual_shows(self) -> None:
        assert frames.command(0x02).hex() == "0000ff02fed4022a00"
        assert frames.command(0x4A, b"\x01\x00").hex() == "0000ff04fcd44a0100e100"

    @pytest.mark.parametrize(
        ("raw", "meaning"),
        [
            ("0000ff00ff00", Signal.ACK),
            ("0000ffff0000", Signal.NACK),
            ("0000ff01ff7f8100", Signal.ERROR),
            ("0000ff06fad50332010607e800", Answer(0x03, bytes.fromhex("32010607"))),
            ("0000ffffff0003fdd54b00e000", Answer(0x4B, b"\x00")),
            ("0000ff06fad50332010607e900", Signal.DAMAGED),
            ("0000ff06fbd50332010607e800", Signal.DAMAGED),
            ("0000ff02fed4022a00", Signal.DAMAGED),
        ],
    )
    def test_what_comes_is_understood(self, raw: str, meaning: Answer | Signal) -> None:
        assert Decoder().feed(bytes.fromhex(raw))[0] == meaning

    @given(st.lists(st.binary(max_size=200), max_size=5), st.binary(max_size=8), st.integers(1, 7))
    @settings(max_examples=100, deadline=None)
    def test_answers_are_found_in_any_pieces(self, answers: list[bytes], noise: bytes, piece: int) -> None:
        noise = noise.replace(b"\xff", b"\xfe")
        raw = b"".join(noise + b"\x01" + frames.frame(b"\xd5\x4b" + data) for data in answers)
        decoder, found = Decoder(), []
        for at in range(0, len(raw), piece):
            found += decoder.feed(raw[at : at + piece])
        assert found == [Answer(0x4B, data) for data in answers]

    @given(st.lists(st.binary(max_size=400), max_size=20))
    @settings(max_examples=60, deadline=None)
    def test_noise_is_bounded_and_never_an_exception(self, pieces: list[bytes]) -> None:
        decoder = Decoder()
        for piece in pieces:
            assert len(decoder.feed(piece)) <= len(piece) + frames.BUFFER_MAX
        assert len(decoder._buffer) <= frames.BUFFER_MAX

    @given(st.binary(max_size=40))
    @settings(max_examples=100, deadline=None)
    def test_no_bytes_whatever_are_half_a_uid(self, answer: bytes) -> None:
        seen = pn532.targets(answer)
        assert seen is None or isinstance(seen, Trouble) or len(seen) in (4, 7, 10)


@pytest.mark.section("7.28")
@pytest.mark.parametrize("tags_kept", [False, True], ids=["plain firmware", "firmware that keeps cascade tags"])
async def test_uids_are_read_whole(tags_kept: bool) -> None:
    async with Pn532(tags_kept=tags_kept) as chip:
        reader = await opened(chip)
        cards = reader.cards()
        for uid in (UID4, UID7, UID10):
            card = chip.field.lay(Card(uid))
            assert await soon(cards) == uid.hex().upper()
            chip.field.take(card)
        await reader.close()


async def test_a_card_that_lies_there_is_one_tap_and_one_that_comes_back_another(chip: Pn532) -> None:
    reader = await opened(chip)
    cards = reader.cards()
    card = chip.field.lay(Card(UID7))
    assert await soon(cards) == UID7.hex().upper()
    again = asyncio.ensure_future(anext(cards))
    await looks(chip, 30)  # more than the absence
    assert not again.done()
    chip.field.take(card)
    await looks(chip, 30)
    chip.field.lay(card)
    assert (await asyncio.wait_for(again, BOUND_S)).id_tag == UID7.hex().upper()
    await reader.close()


async def test_two_cards_at_once_and_random_numbers_are_no_tap(chip: Pn532) -> None:
    reader = await opened(chip)
    cards = reader.cards()
    both = [chip.field.lay(Card(UID4)), chip.field.lay(Card(UID7))]
    tap = asyncio.ensure_future(anext(cards))
    await looks(chip, 3)
    for card in both:
        chip.field.take(card)
    phone = chip.field.lay(Telephone(random.Random(1).randbytes))
    await looks(chip, 3)
    assert not tap.done()
    chip.field.take(phone)
    chip.field.lay(both[1])
    assert (await asyncio.wait_for(tap, BOUND_S)).id_tag == UID7.hex().upper()
    await reader.close()


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_that_passes_costs_nothing(chip: Pn532, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "ANSWER_S", 0.1)
    chip.faults += [fault]
    reader = await opened(chip)
    chip.faults += [fault]
    chip.field.lay(Card(UID7))
    assert await soon(reader.cards()) == UID7.hex().upper()
    await reader.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.DEAF, "no answer. Check its supply, TX and RX"),
        (Fault.SILENT, "took a command and did not answer"),
        (Fault.NACK, "damaged"),
        (Fault.CHECKSUM, "damaged"),
        (Fault.GARBAGE, "damaged"),
        (Fault.SYNTAX, "is it a PN532?"),
    ],
)
async def test_a_fault_that_stays_gives_the_reader_up(
    chip: Pn532, fault: Fault, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "ANSWER_S", 0.1)
    reader = await opened(chip)
    chip.faults += [fault] * 20
    with pytest.raises(DriverError, match=words):
        await soon(reader.cards())
    await reader.close()
    chip.faults.clear()
    await (await opened(chip)).close()


async def test_a_line_that_is_pulled_out_is_told(chip: Pn532) -> None:
    reader = await opened(chip)
    cards = asyncio.ensure_future(anext(reader.cards()))
    await looks(chip, 1)
    chip.unplug()
    with pytest.raises(DriverError, match="the port is gone"):
        await asyncio.wait_for(cards, BOUND_S)
    await reader.close()


async def test_something_else_on_the_port_is_told() -> None:
    async with Pn532(firmware=b"\x07\x00\x00\x00") as chip:
        with pytest.raises(DriverError, match="no PN532"):
            await opened(chip)
        await asyncio.sleep(0)


async def test_closing_ends_the_cards_without_an_error(chip: Pn532) -> None:
    reader = await opened(chip)

    async def follow() -> list[Tap]:
        return [card async for card in reader.cards()]

    following = asyncio.create_task(follow())
    await looks(chip, 1)
    await reader.close()
    await reader.close()
    assert await asyncio.wait_for(following, BOUND_S) == []


async def test_a_port_that_is_not_there_or_taken_is_told(tmp_path: Path, chip: Pn532) -> None:
    with pytest.raises(DriverError, match="there is no such port"):
        await pn532.open(pn532.Config(port=str(tmp_path / "none")), {})
    with pytest.raises(DriverError, match=r"enable_uart=1 in /boot/firmware/config\.txt"):
        await pn532.open(pn532.Config(port="/dev/serial77"), {})
    other = os.open(chip.port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(DriverError, match="another program has it"):
        await opened(chip)
    os.close(other)


def test_what_a_reader_claims() -> None:
    assert pn532.claims(pn532.Config(port="/dev/serial0")) == ("/dev/serial0",)
