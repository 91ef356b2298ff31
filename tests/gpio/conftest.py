"""Layer A: the drivers on gpiozero's MockFactory. Its pins call back on the caller's thread: stories use another."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gpiozero", reason="layer A of GPIO: gpiozero is missing: pip install '.[pi]'")

from gpiozero import Device
from gpiozero.pins.mock import MockFactory


class Header:
    """The pins of a mocked header."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory

    def level(self, pin: int) -> bool:
        return bool(self.factory.pin(f"GPIO{pin}").state)

    def levels(self, pin: int) -> list[bool]:
        """Every level that a pin has had."""
        return [bool(seen.state) for seen in self.factory.pin(f"GPIO{pin}").states]

    def is_output(self, pin: int) -> bool:
        return bool(self.factory.pin(f"GPIO{pin}").function == "output")

    async def drive(self, pin: int, level: bool) -> None:
        """The world drives an input, and gpiozero calls back on a thread that is not the event loop's."""
        line = self.factory.pin(f"GPIO{pin}")
        await asyncio.to_thread(line.drive_high if level else line.drive_low)


@pytest.fixture
def header() -> Iterator[Header]:
    factory = Device.pin_factory = MockFactory()
    yield Header(factory)
    factory.reset()
    Device.pin_factory = None
