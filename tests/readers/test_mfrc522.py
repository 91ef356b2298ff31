"""The driver `mfrc522` on a model of its chip: cards, faults, clones."""

import logging
import random
import sys
from typing import Any

import pytest

from chargepoint.ports import DriverError
from drivers import mfrc522
from drivers.mfrc522.package import registers
from hil.chips.cards import Card, Telephone
from hil.chips.mfrc522 import Mfrc522
from tests.readers.wiring import Desk

UID4, UID7, UID10 = (bytes.fromhex(text) for text in ("c1a2b3d4", "04112233445566", "04112233445566778899"))


def started(**keys: Any) -> Desk:
    desk = Desk(**keys)
    desk.watch.start()
    return desk


@pytest.mark.section("7.28")
@pytest.mark.parametrize("uid", [UID4, UID7, UID10])
def test_a_card_is_one_tap_with_its_whole_number(uid: bytes) -> None:
    desk = started()
    card = desk.field.lay(Card(uid))
    assert desk.taps(3) == [uid.hex().upper()]
    desk.field.take(card)
    assert desk.taps(1) == []
    desk.field.lay(card)
    assert desk.taps(0.2) == [uid.hex().upper()]


def test_cards_that_share_their_first_bytes_are_different_cards() -> None:
    desk, tags = started(), []
    for uid in (UID7, UID7[:6] + b"\x00", UID10):
        card = desk.field.lay(Card(uid))
        tags += desk.taps(0.3)
        desk.field.take(card)
    assert len(set(tags)) == 3


@pytest.mark.parametrize("phase", range(6))
def test_a_tap_is_seen_within_150_ms(phase: int) -> None:
    desk = started()
    desk.taps(1 + phase / 100)
    desk.field.lay(Card(UID10))
    assert desk.taps(0.15 - mfrc522.Config().poll_s) == [UID10.hex().upper()]


def test_a_look_at_an_empty_field_is_a_few_transfers() -> None:
    desk = started()
    before = desk.chip.transfers
    desk.taps(10)
    looks = 10 / desk.config.poll_s
    assert (desk.chip.transfers - before) / looks < 9


def test_two_cards_at_once_are_no_card_until_one_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    desk = started()
    first, second = desk.field.lay(Card(UID4)), desk.field.lay(Card(UID7))
    with caplog.at_level(logging.WARNING):
        assert desk.taps(2) == []
    assert "several cards at once" in caplog.text
    desk.field.take(first)
    assert desk.taps(0.3) == [UID7.hex().upper()]
    assert second in desk.field.cards


def test_a_second_card_beside_a_first_does_not_tap_the_first_again() -> None:
    desk = started()
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]
    second = desk.field.lay(Card(UID7[:6] + b"\x77"))
    assert desk.taps(1) == []
    desk.field.take(second)
    assert desk.taps(1) == []


@pytest.mark.parametrize("frames", range(1, 9))
def test_a_card_that_leaves_in_the_middle_is_no_other_card(frames: int) -> None:
    desk = started()
    desk.field.lay(Card(UID10, leaves_after=frames))
    assert desk.taps(1) in ([], [UID10.hex().upper()])
    desk.field.clear()
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]


@pytest.mark.parametrize("seed", range(8))
def test_a_card_at_the_edge_of_the_field_taps_once(seed: int) -> None:
    desk, dice = started(), random.Random(seed)
    desk.field.lay(Card(UID7, fading=(dice.choice((True, True, True, False, None)) for _ in range(1_000))))
    assert desk.taps(4) == [UID7.hex().upper()]


def test_a_phone_with_random_numbers_is_refused() -> None:
    desk = started()
    desk.field.lay(Telephone(random.Random(1).randbytes))
    assert desk.taps(1) == []
    assert started(random_uid="accept").config.random_uid == "accept"


@pytest.mark.parametrize(("absent", "hint"), [(0x00, "MISO stays low"), (0xFF, "MISO stays high")])
def test_a_missing_chip_is_told_with_the_wires_to_look_at(absent: int, hint: str) -> None:
    desk = Desk()
    desk.chip.absent = absent
    with pytest.raises(DriverError, match=hint) as caught:
        desk.watch.start()
    assert "card reader mfrc522 on /dev/spidev0.0" in str(caught.value)
    assert "docs/readers.md" in str(caught.value)


@pytest.mark.parametrize("version", [0x91, 0x92, 0x88])
def test_known_chips_pass_their_self_test(version: int) -> None:
    desk = started(version=version, self_test="require")
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]


@pytest.mark.parametrize(("version", "words"), [(0x12, "counterfeit"), (0xB2, "unknown chip, version 0xB2")])
def test_other_chips_are_told_and_tried(version: int, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        desk = started(version=version)
    assert words in caplog.text
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]


class TestAClone:
    """A chip that calls itself an MFRC522 and gives other bytes in the self test."""

    @pytest.fixture(autouse=True)
    def broken_test(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hil.chips.mfrc522.SELF_TEST", {0x92: bytes(range(64))})

    def test_is_used_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            desk = started()
        assert "gives wrong bytes" in caplog.text
        desk.field.lay(Card(UID7))
        assert desk.taps(0.3) == [UID7.hex().upper()]

    def test_is_refused_where_the_self_test_is_required(self) -> None:
        with pytest.raises(DriverError, match="damaged or a clone"):
            started(self_test="require")

    def test_is_not_even_tested_where_that_is_off(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            started(self_test="off")
        assert caplog.text == ""


def test_a_clone_whose_reserved_bits_read_otherwise_is_used() -> None:
    desk = Desk()
    desk.chip.reserved = {0x11: 0x54, 0x15: 0x3F}
    desk.watch.start()
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]


def test_a_chip_that_forgets_what_it_is_told_is_refused() -> None:
    desk = Desk()
    desk.chip.reserved = {0x2D: 0x40}
    with pytest.raises(DriverError, match="register 0x2D reads 0x42 and was set to 0x02"):
        desk.watch.start()


def test_a_chip_that_starts_slowly_is_set_up_all_the_same() -> None:
    desk = started(reset_s=0.002)
    desk.field.lay(Card(UID7))
    assert desk.taps(0.3) == [UID7.hex().upper()]


def test_an_interrupted_supply_is_noticed_and_mended(caplog: pytest.LogCaptureFixture) -> None:
    desk = started()
    desk.taps(0.5)
    desk.chip.brown_out()
    with caplog.at_level(logging.WARNING):
        assert desk.taps(2) == []
    assert "the chip is reset" in caplog.text
    desk.field.lay(Card(UID4))
    assert desk.taps(0.3) == [UID4.hex().upper()]


def test_an_antenna_that_went_off_is_noticed_and_switched_on_again(caplog: pytest.LogCaptureFixture) -> None:
    desk = started()
    desk.taps(0.5)
    desk.chip.transfer(bytes([0x14 << 1, 0x80]))
    with caplog.at_level(logging.WARNING):
        assert desk.taps(1.5) == []
    assert "the antenna is off" in caplog.text
    assert desk.field.on


def test_a_card_that_lies_there_during_a_reset_does_not_tap_again() -> None:
    desk = started()
    desk.field.lay(Card(UID4))
    assert desk.taps(1) == [UID4.hex().upper()]
    desk.chip.brown_out()
    assert desk.taps(3) == []


@pytest.mark.parametrize(
    ("fault", "value", "words"),
    [
        ("error", OSError(110, "Connection timed out"), "Connection timed out"),
        ("absent", 0x00, "MISO stays low"),
        ("absent", 0xFF, "MISO stays high"),
        ("hung", True, "did not end a look"),
    ],
)
def test_a_fault_that_stays_gives_the_reader_up(fault: str, value: object, words: str) -> None:
    desk = started()
    desk.taps(0.5)
    setattr(desk.chip, fault, value)
    with pytest.raises(DriverError, match=words):
        desk.taps(5)


def test_a_process_that_is_kept_waiting_takes_what_the_chip_has_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    desk = started()
    desk.clock.late_s = 0.2
    desk.field.lay(Card(UID7))
    assert desk.taps(20) == [UID7.hex().upper()]
    assert caplog.text == ""


def test_a_chip_that_has_to_be_reset_again_and_again_is_given_up() -> None:
    desk = started()
    for _ in range(3):
        desk.chip.brown_out()
        assert desk.taps(2) == []
    desk.chip.brown_out()
    with pytest.raises(DriverError, match="for the 4th time within a minute"):
        desk.taps(2)


@pytest.mark.parametrize("seed", range(4))
def test_noise_on_the_wires_never_makes_another_card(seed: int) -> None:
    desk = started(seed=seed)
    desk.field.lay(Card(UID7))
    desk.chip.noise = 0.0005
    seen: list[str] = []
    for _ in range(10):
        try:
            seen += desk.taps(1)
        except DriverError:
            break
    assert set(seen) <= {UID7.hex().upper()}


def test_closing_leaves_the_antenna_off_and_the_port_free() -> None:
    desk = started()
    before = (desk.field.on, desk.spi.closed)
    desk.watch.close()
    assert [before, (desk.field.on, desk.spi.closed)] == [(True, False), (False, True)]


def test_what_a_reader_claims() -> None:
    assert mfrc522.claims(mfrc522.Config(device="/dev/spidev1.2", reset_gpio=25)) == ("SPI1.2", "GPIO25")
    assert mfrc522.claims(mfrc522.Config()) == ("SPI0.0",)
    with pytest.raises(ValueError, match="reset_gpio: GPIO0 belongs to"):
        mfrc522.Config(reset_gpio=0)


@pytest.mark.section("ISO/IEC 14443-3 B")
def test_the_chip_and_the_driver_agree_on_the_crc() -> None:
    """The coprocessor of the model, asked as the package mfrc522 asks it."""
    desk = started()
    package = desk.watch._chip._registers
    assert bytes(package.CalulateCRC(list(b"\x12\x34"))).hex() == "26cf"  # type: ignore[attr-defined]


def test_the_package_gets_no_pins() -> None:
    access = registers(Desk().spi)
    with pytest.raises(RuntimeError, match="has no pins here"):
        access.Close_MFRC522()  # type: ignore[attr-defined]
    assert "RPi" not in sys.modules


def test_the_model_answers_as_the_data_sheet_says_after_a_reset() -> None:
    chip = Mfrc522()
    assert chip.transfer(bytes([0x37 << 1 | 0x80, 0])) == b"\x00\x92"
    # Several addresses in one transfer: each byte answers for the address before it.
    assert chip.transfer(bytes([0x01 << 1 | 0x80, 0x11 << 1 | 0x80, 0])) == b"\x00\x20\x3f"
    chip.transfer(bytes([0x09 << 1, 1, 2, 3]))
    assert chip.transfer(bytes([0x0A << 1 | 0x80, 0])) == b"\x00\x03"
