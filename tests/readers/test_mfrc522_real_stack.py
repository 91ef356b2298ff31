"""The driver `mfrc522` in a process of its own, on real spidev and gpiozero, with a model of the chip behind them (layer C)."""

import errno
import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from hil.chips.cards import Card
from hil.chips.mfrc522 import Mfrc522
from hil.kernel import Change, Kernel, missing
from hil.kernel.child import Child
from hil.perf import card_reader

pytestmark = [
    pytest.mark.skipif(bool(missing("gpiozero", "lgpio")), reason=f"layer C: {missing('gpiozero', 'lgpio')}"),
    pytest.mark.skipif(bool(missing("spidev")), reason=f"layer C: {missing('spidev')}"),
]

# A station's part in small: opened through the registry, opened again when it is lost and a signal says that it may be.
PROGRAM = """
import asyncio, json, logging, signal, sys
from chargepoint.ports import DriverError
from chargepoint.registry import config_of

async def main():
    logging.basicConfig(format="%(message)s")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    module, config = config_of("reader", json.loads(sys.argv[1]))
    for _ in range(2):
        try:
            reader = await module.open(config, {})
            print("open", flush=True)
            async for card in reader.cards():
                print("card", card.id_tag, flush=True)
        except DriverError as error:
            print("lost:", error, flush=True)
            signal.sigwait({signal.SIGUSR1})
        else:
            await reader.close()

asyncio.run(main())
"""
UID7, UID10 = bytes.fromhex("04112233445566"), bytes.fromhex("04112233445566778899")


def reader(kernel: Kernel, **keys: Any) -> Child:
    return Child(kernel, ["-c", PROGRAM, json.dumps({"driver": "mfrc522", **keys})])


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


@pytest.fixture
def chip(kernel: Kernel) -> Mfrc522:
    made = Mfrc522()
    kernel.spi(0, 0, made)
    return made


@pytest.mark.section("7.28")
def test_cards_of_seven_and_ten_bytes_are_read_whole(kernel: Kernel, chip: Mfrc522) -> None:
    with reader(kernel, absence_s=0.5) as child:
        assert child.line() == "open"
        for uid in (UID7, UID10):
            card = chip.field.lay(Card(uid))
            assert child.line() == f"card {uid.hex().upper()}"
            chip.field.take(card)


def test_a_reader_is_opened_again_after_its_bus_broke(kernel: Kernel, chip: Mfrc522) -> None:
    with reader(kernel) as child:
        assert child.line() == "open"
        chip.error = OSError(errno.ETIMEDOUT, "")
        assert "timed out; the chip is reset" in child.line()
        assert child.line().startswith("lost: card reader mfrc522 on /dev/spidev0.0: ")
        chip.error = None
        child.signal(signal.SIGUSR1)
        assert child.line() == "open"
        chip.field.lay(Card(UID7))
        assert child.line() == f"card {UID7.hex().upper()}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOENT, "dtparam=spi=on in /boot/firmware/config.txt"),
        (errno.EACCES, "Add the service's user to the group `spi`"),
        (errno.EBUSY, "cannot be opened (Device or resource busy)"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_with_what_to_do(kernel: Kernel, error: int, words: str) -> None:
    kernel.refuse("/dev/spidev0.0", error)
    with reader(kernel) as child:
        said = child.line()
    assert said.startswith("lost: card reader mfrc522 on /dev/spidev0.0: ")
    assert words in said


def test_a_missing_chip_is_told(kernel: Kernel, chip: Mfrc522) -> None:
    chip.absent = 0xFF
    with reader(kernel) as child:
        assert "no chip answers (version 0xFF); the line MISO stays high" in child.line()


def test_the_reset_line_is_pulsed_and_held_high(kernel: Kernel, chip: Mfrc522) -> None:
    chip.absent = 0x00

    def wired(change: Change) -> None:
        chip.absent = None if change.level else 0x00

    kernel.watch(25, wired)
    with reader(kernel, reset_gpio=25) as child:
        assert child.line() == "open"
        assert [change.level for change in kernel.changes(25)][-2:] == [False, True]
        chip.field.lay(Card(UID7))
        assert child.line() == f"card {UID7.hex().upper()}"


def test_a_reset_pin_that_is_taken_is_told(kernel: Kernel, chip: Mfrc522) -> None:
    with Child(kernel, "import gpiozero, time; led = gpiozero.LED(25); print('on'); time.sleep(60)") as other:
        assert other.line() == "on"
        with reader(kernel, reset_gpio=25) as child:
            assert "its reset pin cannot be had: GPIO25 is held by" in child.line()


async def test_waiting_is_a_few_transfers_and_a_tap_is_timed() -> None:
    figures = await card_reader.measure(idle_s=1.0, taps=1)
    assert figures.spi_transfers_s is not None
    assert 20 < figures.spi_transfers_s < 130
    assert 0 < figures.tap_to_seen_ms < 2_000  # a busy machine's bound; the benchmark says what it is on a quiet one
