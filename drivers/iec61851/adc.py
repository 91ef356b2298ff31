"""An MCP3008 on SPI: eight voltages with 10 bits. Microchip DS21295, section 5 (serial communications).

Owns the three bytes of a conversion and what a missing chip looks like. One conversion takes 24 clocks, and some 20 to 100 us
of the kernel's and Python's time around them.
"""

from collections.abc import Sequence
from typing import Protocol

from chargepoint.ports import DriverError

COUNT_MAX = 1_023
NULL_BIT = 0x04  # low in every true answer: a line that is pulled up shows it high


class Spi(Protocol):
    """What is used of `spidev.SpiDev`."""

    max_speed_hz: int
    mode: int

    def open(self, bus: int, device: int) -> None: ...

    def xfer2(self, data: Sequence[int]) -> Sequence[int]: ...

    def close(self) -> None: ...


class Adc:
    """The chip behind /dev/spidevBUS.DEVICE. Calls block for one transfer; one thread at a time."""

    def __init__(self, spi: Spi, where: str, reference_v: float) -> None:
        self._spi = spi
        self.where = where
        self.reference_v = reference_v

    def volts(self, channel: int) -> float:
        """One conversion of channel 0 to 7; raises DriverError where no chip answers or SPI fails."""
        try:
            _, high, low = self._spi.xfer2([0x01, (0x08 | channel) << 4, 0x00])
        except OSError as error:
            raise DriverError(
                f"{self.where}: the transfer failed ({error.strerror or error}). Check the SPI driver."
            ) from error
        if high & NULL_BIT:
            raise DriverError(
                f"{self.where}: no MCP3008 answers there. Check its supply, the wires DIN, DOUT, CLK and CS, and spi_bus and "
                "spi_device in the configuration."
            )
        return ((high & 0x03) << 8 | low) * self.reference_v / COUNT_MAX

    def close(self) -> None:
        self._spi.close()


def open_adc(bus: int, device: int, hz: int, reference_v: float) -> Adc:
    """Opens the port; DriverError says what is missing. Whether a chip is there shows with the first conversion."""
    where = f"/dev/spidev{bus}.{device}"
    try:
        # Only a station that measures its pilot itself needs this package.
        import spidev
    except ImportError as error:
        raise DriverError(f"{where}: the Python package spidev is not installed ({error}). Install the extra `pi`.") from error
    spi: Spi = spidev.SpiDev()
    try:
        spi.open(bus, device)
        spi.max_speed_hz = hz
        spi.mode = 0
    except FileNotFoundError:
        raise DriverError(
            f"{where}: there is no such port. Enable SPI (dtparam=spi=on), and check spi_bus and spi_device."
        ) from None
    except PermissionError:
        raise DriverError(f"{where}: this user may not open it. Add the service's user to the group `spi`.") from None
    except (OSError, TypeError) as error:
        raise DriverError(f"{where}: cannot be opened: {error}") from error
    return Adc(spi, where, reference_v)
