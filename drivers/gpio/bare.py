"""Lines held through the kernel's own interface: outputs for the safe state, when the station's process is gone, and inputs.

Owns the finding of the header's chip, a line claimed with its level or its edges in one call, and the edges as they come. Needs
no library, no thread and no folder that can be written, so that it works where nothing else does: a full disk, a broken
environment. Edges come on a descriptor that the event loop waits on (lgpio would look at the line 2,000 times a second).
linux/gpio.h, ABI version 2.
"""

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Self

from chargepoint.ports import DriverError
from drivers.gpio.pins import Pull

CHIP_INFO = 0x8044B401
LINE_INFO = 0xC100B405
LINE_REQUEST = 0xC250B407
GET_VALUES = 0xC010B40E
SET_VALUES = 0xC010B40F
INPUT, OUTPUT, RISING, FALLING = 1 << 2, 1 << 3, 1 << 4, 1 << 5
PULLS: dict[Pull, int] = {"up": 1 << 8, "down": 1 << 9, "none": 1 << 10}
OUTPUT_VALUES = 2
EVENT_SIZE = 48
EVENTS_MAX = 16  # as many as the kernel keeps of one line
CHIPS_MAX = 16
LABELS = ("pinctrl-bcm", "pinctrl-rp1")
CONSUMER = b"chargepoint"


class Line:
    """An output line, held until `close`; what becomes of it then is the kernel's business (docs/wiring.md)."""

    def __init__(self, pin: int, level: bool) -> None:
        """Takes the line and drives it to this level at once; raises DriverError."""
        self.pin = pin
        self._fd = _claim(pin, OUTPUT, level)
        self.check(level)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set(self, level: bool) -> None:
        self._ioctl(SET_VALUES, level)
        self.check(level)

    def check(self, level: bool) -> None:
        """Raises DriverError where the wire does not have the level that it is driven to."""
        if self._ioctl(GET_VALUES, False) != level:
            raise DriverError(f"GPIO{self.pin} is driven {named(level)} and does not go there: look for a short circuit")

    def close(self) -> None:
        os.close(self._fd)

    def _ioctl(self, request: int, level: bool) -> bool:
        return _value(self._fd, self.pin, request, level)


class InputLine:
    """An input line whose edges are waited for on the descriptor `fd`."""

    def __init__(self, pin: int, pull: Pull) -> None:
        """Takes the line; raises DriverError."""
        self.pin = pin
        self.fd = _claim(pin, INPUT | RISING | FALLING | PULLS[pull])
        fcntl.fcntl(self.fd, fcntl.F_SETFL, fcntl.fcntl(self.fd, fcntl.F_GETFL) | os.O_NONBLOCK)

    def level(self) -> bool:
        """As it is now; raises DriverError."""
        return _value(self.fd, self.pin, GET_VALUES)

    def edges(self) -> int:
        """How many edges there were since the last call, counted to EVENTS_MAX: what is left then comes with the next call.

        Raises DriverError where no more will come.
        """
        seen = 0
        while seen < EVENTS_MAX:
            try:
                events = os.read(self.fd, EVENTS_MAX * EVENT_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                raise DriverError(f"GPIO{self.pin}: the kernel tells nothing of it any more ({error.strerror})") from error
            if not events:
                raise DriverError(f"GPIO{self.pin}: the kernel tells nothing of it any more")
            seen += len(events) // EVENT_SIZE
        return seen

    def close(self) -> None:
        os.close(self.fd)


def _claim(pin: int, flags: int, level: bool | None = None) -> int:
    """The descriptor of a line; raises DriverError. level: what an output is driven to at once."""
    path = f"/dev/gpiochip{header_chip()}"
    with open(path, "rb+", buffering=0) as chip:
        request = bytearray(592)
        struct.pack_into("=I", request, 0, pin)
        struct.pack_into("=32s", request, 256, CONSUMER)
        struct.pack_into("=QI20x", request, 288, flags, 0 if level is None else 1)
        if level is not None:
            struct.pack_into("=I4xQQ", request, 320, OUTPUT_VALUES, int(level), 1)
        struct.pack_into("=I", request, 560, 1)
        try:
            fcntl.ioctl(chip, LINE_REQUEST, request)
        except OSError as error:
            raise DriverError(_why_not(chip.fileno(), path, pin, error)) from error
    fd: int = struct.unpack_from("=i", request, 588)[0]
    return fd


def _value(fd: int, pin: int, request: int, level: bool = False) -> bool:
    values = bytearray(struct.pack("=QQ", int(level), 1))
    try:
        fcntl.ioctl(fd, request, values)
    except OSError as error:
        raise DriverError(f"GPIO{pin}: the kernel refuses it ({error.strerror})") from error
    return bool(values[0] & 1)


def header_chip() -> int:
    """The number of the chip behind the 40-pin header (4 on some kernels of the Pi 5); raises DriverError."""
    seen: list[str] = []
    for number in range(CHIPS_MAX):
        path = f"/dev/gpiochip{number}"
        try:
            with open(path, "rb+", buffering=0) as chip:
                info = bytearray(68)
                fcntl.ioctl(chip, CHIP_INFO, info)
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise DriverError(
                f"this user may not open {path}: add it to the group gpio (usermod -aG gpio USER) and start it again"
            ) from error
        except OSError as error:
            raise DriverError(f"{path} cannot be asked what it is ({error.strerror})") from error
        label = bytes(info[32:64]).split(b"\0", 1)[0].decode(errors="replace")
        if label.startswith(LABELS):
            return number
        seen.append(f"{path} ({label})")
    if seen:
        raise DriverError(f"no chip here is a Raspberry Pi's header; there are: {', '.join(seen)}")
    raise DriverError("there is no /dev/gpiochip0: this is no Raspberry Pi, or its kernel has no GPIO")


def holder(pin: int) -> str | None:
    """Who says that they hold a line; None where nobody does. Raises DriverError."""
    with open(f"/dev/gpiochip{header_chip()}", "rb+", buffering=0) as chip:
        return _holder(chip.fileno(), pin)


def named(level: bool) -> str:
    return "high" if level else "low"


def _holder(fd: int, pin: int) -> str | None:
    info = bytearray(256)
    struct.pack_into("=I", info, 64, pin)
    fcntl.ioctl(fd, LINE_INFO, info)
    (flags,) = struct.unpack_from("=Q", info, 72)
    return (bytes(info[32:64]).split(b"\0", 1)[0].decode(errors="replace") or "a driver of the kernel") if flags & 1 else None


def _why_not(fd: int, path: str, pin: int, error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return f'GPIO{pin} is held by "{_holder(fd, pin)}": end that program, or the overlay in config.txt that takes the pin'
    if error.errno == errno.EINVAL:
        return f"{Path(path).name} has no line {pin}"
    return f"GPIO{pin} cannot be taken ({error.strerror})"
