"""Driver `mfrc522`: a card reader on SPI with the chip MFRC522 (the module RC522).

Owns opening, the rhythm of looking, and the way back after a fault: the chip is reset, and where that does not help or has to
be done again and again the reader is given up with DriverError, to be opened anew. All that blocks runs in the reader's thread.
"""

import errno
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from chargepoint.facts import Card
from chargepoint.ports import Buses, CardReader, DriverError
from drivers.cards.desk import Absence, Desk, RandomUid, Rules, UidOrder
from drivers.cards.iso14443 import Seen, halt, identify
from drivers.cards.lookout import Lookout
from drivers.gpio import pins
from drivers.gpio.pins import Pin
from drivers.gpio.wires import Output
from drivers.mfrc522.chip import Chip, ChipTrouble
from drivers.mfrc522.package import Spi, registers

log = logging.getLogger(__name__)

GAINS = {18: 0x00, 23: 0x10, 33: 0x40, 38: 0x50, 43: 0x60, 48: 0x70}
CHECK_S = 1.0
RETRIES = 3
RESETS_MAX = 3
RESETS_WITHIN_S = 60.0
RESET_PULSE_S = 0.001
START_UP_S = 0.05


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """docs/readers.md has the wiring, and what every key is for.

    device: /dev/spidevB.C, bus and chip select. reset_gpio: the pin (BCM number) that the chip's RST is wired to; None: RST is
    tied to 3.3 V. poll_s: seconds between two looks. absence_s: how long a card must be away until it counts anew.
    """

    device: Annotated[
        str,
        Meta(
            pattern=r"^/dev/spidev[0-9]{1,3}\.[0-9]{1,2}\Z",
            description="must be /dev/spidev with bus and chip select",
            examples=['device = "/dev/spidev0.0"'],
        ),
    ] = "/dev/spidev0.0"
    speed_hz: Annotated[int, Meta(ge=10_000, le=10_000_000)] = 1_000_000
    reset_gpio: Pin | None = None
    gain_db: Literal[18, 23, 33, 38, 43, 48] = 38
    self_test: Literal["off", "warn", "require"] = "warn"
    poll_s: Annotated[float, Meta(ge=0.02, le=0.1)] = 0.08
    absence_s: Absence = 0.8
    uid_order: UidOrder = "as_read"
    random_uid: RandomUid = "refuse"

    def __post_init__(self) -> None:
        if self.reset_gpio is not None:
            pins.check([("reset_gpio", self.reset_gpio)])


def claims(config: Config) -> tuple[str, ...]:
    """What this part wants for itself alone."""
    pins = () if config.reset_gpio is None else (f"GPIO{config.reset_gpio}",)
    return (f"SPI{config.device.removeprefix('/dev/spidev')}", *pins)


async def open(config: Config, buses: Buses) -> CardReader:
    """Opens the reader within a second or two; raises DriverError where port or chip cannot be had."""
    return await Lookout.open(_what(config), lambda: _open_watch(config))


def _what(config: Config) -> str:
    return f"card reader mfrc522 on {config.device}"


class ResetLine(Protocol):
    """What is used of `wires.Output`: True holds the chip in reset, False lets it run."""

    def set(self, on: bool) -> None: ...

    def close(self) -> None: ...


class Watch:
    """The chip, looked at again and again."""

    def __init__(
        self,
        config: Config,
        spi: Spi,
        line: ResetLine | None,
        chip: Chip,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._clock = clock
        self._pause = pause
        self._spi = spi
        self._line = line
        self._chip = chip
        self._what = _what(config)
        rules = Rules(uid_order=config.uid_order, random_uid=config.random_uid, absence_s=config.absence_s)
        self._desk = Desk(self._what, rules)
        self._check_at = 0.0
        self._resets: deque[float] = deque(maxlen=RESETS_MAX)

    def start(self) -> None:
        """Brings the chip up; raises DriverError."""
        try:
            self._bring_up()
            if self._config.self_test != "off":
                self._test()
        except (ChipTrouble, OSError) as error:
            raise DriverError(f"{self._what}: {error}") from error
        log.info("%s: %s", self._what, self._chip.name())

    def look(self) -> Card | None:
        now = self._clock()
        try:
            if now >= self._check_at:
                self._chip.check()
                self._check_at = now + CHECK_S
            seen = self._identify()
        except (ChipTrouble, OSError) as error:
            self._recover(error, now)
            return None
        return self._desk.look(seen, now)

    def pause_s(self) -> float:
        """While a card lies there each look takes ten times as many transfers, and nothing is in a hurry."""
        return self._config.poll_s * (2 if self._desk.occupied(self._clock()) else 1)

    def close(self) -> None:
        try:
            self._chip.antenna_off()
        except OSError as error:
            log.debug("%s: the antenna could not be switched off: %s", self._what, error)
        self._spi.close()
        if self._line is not None:
            self._line.close()

    def _identify(self) -> Seen:
        """One look, and some more where something answers that cannot be read, or where a card was a moment ago: one that was
        disturbed on its way to being selected does not hear the next wake-up.
        """
        seen = identify(self._chip.exchange)
        for _ in range(RETRIES):
            if isinstance(seen, bytes) or (seen is None and not self._desk.occupied(self._clock())):
                break
            seen = identify(self._chip.exchange) or seen
        if isinstance(seen, bytes):
            halt(self._chip.exchange)
        return seen

    def _bring_up(self) -> None:
        if self._line is not None:
            self._line.set(True)
            self._pause(RESET_PULSE_S)
            self._line.set(False)
            self._pause(START_UP_S)
        self._chip.set_up()

    def _test(self) -> None:
        passed = self._chip.self_test()
        self._chip.set_up()
        if passed is None:
            log.warning("%s: %s; its self test is not known, it is used as it is", self._what, self._chip.name())
        elif not passed and self._config.self_test == "require":
            raise ChipTrouble(
                f"the self test of the chip ({self._chip.name()}) gives wrong bytes: it is damaged or a clone. "
                'self_test = "warn" uses it nevertheless'
            )
        elif not passed:
            log.warning("%s: the self test of the chip (%s) gives wrong bytes", self._what, self._chip.name())

    def _recover(self, error: Exception, now: float) -> None:
        """Resets the chip; raises DriverError where that fails, or was needed too often of late."""
        if len(self._resets) == RESETS_MAX and now - self._resets[0] < RESETS_WITHIN_S:
            raise DriverError(f"{self._what}: {error} (for the {RESETS_MAX + 1}th time within a minute)") from error
        self._resets.append(now)
        log.warning("%s: %s; the chip is reset", self._what, error)
        try:
            self._bring_up()
        except (ChipTrouble, OSError) as worse:
            raise DriverError(f"{self._what}: {worse}") from worse


def _open_watch(config: Config) -> Watch:
    spi = _open_spi(config)
    line: ResetLine | None = None
    try:
        line = None if config.reset_gpio is None else _open_line(_what(config), config.reset_gpio)
        watch = Watch(config, spi, line, Chip(registers(spi), GAINS[config.gain_db]))
        watch.start()
    except BaseException:
        spi.close()
        if line is not None:
            line.close()
        raise
    return watch


def _open_spi(config: Config) -> Spi:
    try:
        import spidev
    except ImportError as error:
        raise DriverError(f"{_what(config)}: the Python package spidev is missing ({error}); pip install spidev") from error
    bus, chip_select = config.device.removeprefix("/dev/spidev").split(".")
    spi: Any = spidev.SpiDev()
    try:
        spi.open(int(bus), int(chip_select))
        spi.mode = 0
        spi.max_speed_hz = config.speed_hz
    except OSError as error:
        spi.close()
        raise DriverError(f"{_what(config)}: {_why_no_port(config.device, error)}") from error
    opened: Spi = spi
    return opened


def _why_no_port(device: str, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        others = sorted(str(path) for path in Path("/dev").glob("spidev*"))
        if others:
            return f"there is no such port; there is {', '.join(others)}. Name one of them as `device`"
        return (
            "there is no SPI port at all. Switch it on: the line dtparam=spi=on in /boot/firmware/config.txt, "
            "or raspi-config, then restart the computer"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user may not open it. Add the service's user to the group `spi`"
    return f"the port cannot be opened ({error.strerror or error})"


def _open_line(what: str, pin: int) -> ResetLine:
    try:
        return Output(pin, active_high=False)
    except DriverError as error:
        raise DriverError(f"{what}: its reset pin cannot be had: {error}") from error
