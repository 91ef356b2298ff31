"""A channel of the kernel's hardware PWM, through its folder in sysfs (Documentation/ABI/testing/sysfs-class-pwm).

Owns the order of writes: while a pilot may be looked at, the output never falls to low for longer than a pulse asks for. The
channel stays exported and steady when it is closed: an unexported one may fall to -12 V. Refuses to know amperes.
"""

import time
from pathlib import Path

from chargepoint.ports import DriverError

EXPORT_S = 1.0  # udev gives the new files their group a moment after the export


class Pwm:
    """`folder` is /sys/class/pwm/pwmchipN, `channel` the M of pwmM. Pulses in ns; a pulse of a whole period is steady high."""

    def __init__(self, folder: str, channel: int, period_ns: int, *, inverted: bool) -> None:
        self._chip = Path(folder)
        self._channel = channel
        self._folder = self._chip / f"pwm{channel}"
        self._period_ns = period_ns
        self._polarity = "inversed" if inverted else "normal"
        self.where = str(self._folder)

    def open(self) -> None:
        """Takes the channel, steady high; blocks for up to EXPORT_S. Raises DriverError."""
        if not self._chip.is_dir():
            raise DriverError(
                f"{self._chip}: there is no such PWM chip. {self._chips()} Enable it (dtoverlay=pwm or pwm-2chan), and check "
                "pwm_chip."
            )
        try:
            if not self._folder.is_dir():
                (self._chip / "export").write_text(str(self._channel))
            self._wait_for_files()
            self._set_up()
        except OSError as error:
            raise self._failed(error) from error

    def pulse(self, pulse_ns: int) -> None:
        """High for so long in every period from now on (0 to the period); raises DriverError. Takes some 50 us."""
        try:
            self._write("duty_cycle", pulse_ns)
        except OSError as error:
            raise self._failed(error) from error

    def steady(self) -> None:
        """High without end: nothing is offered."""
        self.pulse(self._period_ns)

    def _set_up(self) -> None:
        running = self._read("enable") == "1"
        if self._read("polarity") != self._polarity:
            # The kernel refuses to turn a running output.
            if running:
                self._write("enable", 0)
            self._write("polarity", self._polarity)
            running = False
        if self._read("period") != str(self._period_ns):
            if int(self._read("duty_cycle")) > self._period_ns:
                self._write("duty_cycle", 0)
            self._write("period", self._period_ns)
        self._write("duty_cycle", self._period_ns)
        if not running:
            self._write("enable", 1)

    def _wait_for_files(self) -> None:
        give_up_s = time.monotonic() + EXPORT_S
        while True:
            try:
                (self._folder / "duty_cycle").open("r+").close()
                return
            except OSError:
                if time.monotonic() > give_up_s:
                    raise
            time.sleep(0.01)

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text().strip()

    def _write(self, name: str, value: int | str) -> None:
        (self._folder / name).write_text(str(value))

    def _chips(self) -> str:
        names = sorted(path.name for path in self._chip.parent.glob("pwmchip*"))
        return f"There are: {', '.join(names)}." if names else "There is none at all."

    def _failed(self, error: OSError) -> DriverError:
        if isinstance(error, PermissionError):
            advice = "Give the service's user the right to write there (a udev rule, or its group)."
        elif isinstance(error, FileNotFoundError):
            advice = "The chip has no such channel: check pwm_channel."
        else:
            advice = "Another program may hold the channel, or the chip cannot do 1 kHz."
        return DriverError(f"{self.where}: {error.strerror or error}. {advice}")
