"""The Python package `mfrc522`, held to what it does well: register access and set-up of the chip.

Its class is used without its constructor and without its pins. The constructor would drive a pin of its own choice (GPIO25)
as reset line, through RPi.GPIO, which a Raspberry Pi 5 does not have and which fights with gpiozero over pins. On a charging
station that pin may be a contactor's. So the package is loaded with a stand-in for RPi.GPIO that refuses everything, and the
reset line, where one is wired, belongs to this driver. Nor are its ways with cards used: they know 4-byte UIDs only, take the
check byte for a fifth one, and read a register 2,000 times where no card is there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from chargepoint.ports import DriverError


class Spi(Protocol):
    """What is used of spidev.SpiDev."""

    def xfer2(self, values: list[int], /) -> list[int]: ...

    def close(self) -> None: ...


class Registers(Protocol):
    """What is used of mfrc522.MFRC522."""

    def Write_MFRC522(self, addr: int, val: int) -> None: ...

    def Read_MFRC522(self, addr: int) -> int: ...

    def SetBitMask(self, reg: int, mask: int) -> None: ...

    def ClearBitMask(self, reg: int, mask: int) -> None: ...

    def MFRC522_Reset(self) -> None: ...

    def MFRC522_Init(self) -> None: ...

    def AntennaOff(self) -> None: ...


def registers(spi: Spi) -> Registers:
    """The package's register access on an SPI port that is open; raises DriverError where the package is missing."""
    kind = _package_class()
    access = kind.__new__(kind)
    access.spi = spi
    made: Registers = access
    return made


@cache
def _package_class() -> Any:
    try:
        with _without_pins():
            from mfrc522 import MFRC522
    except ImportError as error:
        raise DriverError(
            f"mfrc522: the Python package for the chip cannot be loaded ({error}). "
            "Install it without what it wants beside it: pip install --no-deps mfrc522"
        ) from error
    return MFRC522


class _NoPins(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(f"the package mfrc522 has no pins here (RPi.GPIO.{name})")


@contextmanager
def _without_pins() -> Iterator[None]:
    names = ("RPi", "RPi.GPIO")
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    parent, pins = ModuleType("RPi"), _NoPins("RPi.GPIO")
    parent.__dict__["GPIO"] = pins
    sys.modules.update({"RPi": parent, "RPi.GPIO": pins})
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)
