"""A chip model on wires: the driver's own Watch on it, in a time of its own."""

from typing import Any

from chargepoint.facts import Card as Tap
from drivers import mfrc522
from drivers.mfrc522.chip import Chip
from drivers.mfrc522.package import registers
from hil.chips.mfrc522 import Mfrc522


class Clock:
    """Time that goes on by itself a little at each look, and by what is slept. late_s: how much longer every sleep takes, where
    others want the processor.
    """

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.late_s = 0.0

    def __call__(self) -> float:
        self.now_s += 20e-6  # about what a transfer takes
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds + self.late_s


class Spi:
    """As much of spidev as is used, on a model."""

    def __init__(self, model: Mfrc522) -> None:
        self._model = model
        self.closed = False

    def xfer2(self, values: list[int], /) -> list[int]:
        return list(self._model.transfer(bytes(values)))

    def close(self) -> None:
        self.closed = True


class Desk:
    """A reader whose field is looked at on demand. Every value of `keys` is one of the driver's Config."""

    def __init__(self, version: int = 0x92, *, reset_s: float = 0.0, seed: int = 0, **keys: Any) -> None:
        self.clock = Clock()
        self.chip = Mfrc522(version=version, clock=self.clock, reset_s=reset_s, seed=seed)
        self.field = self.chip.field
        self.spi = Spi(self.chip)
        self.config = mfrc522.Config(**keys)
        chip = Chip(registers(self.spi), mfrc522.GAINS[self.config.gain_db], self.clock, self.clock.sleep)
        self.watch = mfrc522.Watch(self.config, self.spi, None, chip, self.clock, self.clock.sleep)

    def taps(self, seconds: float) -> list[str]:
        """The id tags that are reported in so much time."""
        end_s, tags = self.clock.now_s + seconds, []
        while self.clock.now_s < end_s:
            self.clock.sleep(self.watch.pause_s())
            tap: Tap | None = self.watch.look()
            if tap is not None:
                tags.append(tap.id_tag)
        return tags
