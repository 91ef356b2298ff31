"""Lines of the header for lamps and buzzers, and the SPI bus of a strip. Opening them blocks: see `board.in_thread`."""

from typing import Any

from chargepoint.ports import DriverError
from drivers.gpio import board


class LampLine:
    """One line, dark from the first moment. pwm_hz None: it is on or off. See outputs.ToneLine."""

    def __init__(self, pin: int, low: bool, pwm_hz: int | None) -> None:
        factory = board.factory()
        self._what, self._number, self._pwm_hz = f"lights: GPIO{pin}", pin, pwm_hz
        with board.in_words(self._what, pin):
            from gpiozero import OutputDevice, PWMOutputDevice

            settings: dict[str, Any] = {"active_high": not low, "initial_value": 0, "pin_factory": factory}
            if pwm_hz is None:
                self._device = OutputDevice(f"GPIO{pin}", **settings)
            else:
                self._device = PWMOutputDevice(f"GPIO{pin}", frequency=pwm_hz, **settings)

    @property
    def value(self) -> float:
        return float(self._device.value)

    @value.setter
    def value(self, value: float) -> None:
        """Pulses cost a little all the time: a line that is dark or full has none."""
        with board.in_words(self._what, self._number):
            if self._pwm_hz is not None:
                pulses = 0 < value < 1
                if pulses != (self._device.frequency is not None):
                    self._device.frequency = self._pwm_hz if pulses else None
            self._device.value = value

    @property
    def frequency(self) -> int:
        return self._pwm_hz or 0

    @frequency.setter
    def frequency(self, hertz: int) -> None:
        """Of the pulses from now on."""
        self._pwm_hz = hertz
        with board.in_words(self._what, self._number):
            if self._device.frequency is not None:
                self._device.frequency = hertz

    def close(self) -> None:
        """Dark, and left so: a pulsed line that is only let go of keeps the level at which its pulses ended."""
        if self._device.closed:
            return
        try:
            self.value = 0
        finally:
            self._device.close()


def spi_device(name: str, hertz: int) -> Any:
    """The bus and select "0.0", opened; raises DriverError."""
    device = f"/dev/spidev{name}"
    try:
        import spidev
    except ImportError as error:
        raise DriverError(f"lights: the Python package spidev is missing ({error}); pip install spidev") from error
    spi = spidev.SpiDev()
    try:
        spi.open(int(name[0]), int(name[2]))
        spi.mode = 0
        spi.max_speed_hz = hertz
    except OSError as error:
        spi.close()
        raise DriverError(
            f"lights: {device} cannot be opened ({error.strerror or error}). Switch SPI on (dtparam=spi=on in "
            "/boot/firmware/config.txt), and put the service's user into the group spi."
        ) from error
    return spi
