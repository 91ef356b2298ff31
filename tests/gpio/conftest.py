"""Layer A: the drivers on gpiozero's MockFactory. The edges of its pins come on a descriptor, as the kernel's do."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("gpiozero", reason="layer A of GPIO: gpiozero is missing: pip install '.[pi]'")

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from chargepoint.ports import DriverError
from drivers.gpio import bare
from drivers.gpio.pins import Pull


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
        """The world drives an input, from a thread that is not the event loop's."""
        line = self.factory.pin(f"GPIO{pin}")
        await asyncio.to_thread(line.drive_high if level else line.drive_low)


class MockInput:
    """In place of `bare.InputLine`."""

    def __init__(self, pin: int, pull: Pull) -> None:
        self.pin = pin
        self._pin = Device.pin_factory.pin(f"GPIO{pin}")
        self._pin.input_with_pull({"up": "up", "down": "down", "none": "floating"}[pull])
        self.fd, self._tells = os.pipe2(os.O_NONBLOCK)
        self._pin.when_changed = self._changed

    def _changed(self, _ticks: object, _state: object) -> None:
        os.write(self._tells, b"e")

    def level(self) -> bool:
        try:
            return bool(self._pin.state)
        except OSError as error:
            raise DriverError(f"GPIO{self.pin}: {error}") from error

    def edges(self) -> int:
        try:
            edges = os.read(self.fd, bare.EVENTS_MAX)
        except BlockingIOError:
            return 0
        if not edges:
            raise DriverError(f"GPIO{self.pin}: it says no more")
        return len(edges)

    def end(self) -> None:
        """The kernel tells no more edges, ever."""
        self._pin.when_changed = None
        os.close(self._tells)

    def close(self) -> None:
        if self._pin.when_changed is not None:
            self.end()
        os.close(self.fd)


@pytest.fixture
def header(monkeypatch: pytest.MonkeyPatch) -> Iterator[Header]:
    monkeypatch.setattr(bare, "InputLine", MockInput)
    factory = Device.pin_factory = MockFactory()
    yield Header(factory)
    factory.reset()
    Device.pin_factory = None
