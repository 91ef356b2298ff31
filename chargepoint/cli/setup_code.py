"""`chargepoint setup --show-code`: makes a blank station's code and shows it to whoever stands before it, until it is set up.

Three places, each of which needs the station in one's hands: the console (a screen on HDMI), the card's chargepoint-status.txt,
and the board's own LED, which blinks the digits: as many flashes as the digit says, ten for 0, a pause between digits, a long
one before the code begins again.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from chargepoint import blank
from chargepoint.cli.card import addresses, write_status
from chargepoint.cli.commission import CARDS
from chargepoint.cli.common import CommandError

ISSUE = Path("run/issue.d/chargepoint.issue")
AGETTY = Path("run/agetty.reload")  # a touch: consoles that nobody has logged in at show their text anew
LEDS = ("sys/class/leds/ACT", "sys/class/leds/led0", "sys/class/leds/PWR")
PORT = blank.EVERYWHERE.rpartition(":")[2]
FLASH_S, DARK_S, DIGIT_S, AGAIN_S = 0.25, 0.25, 1.2, 4.0
LOOK_S = 3.0


def show(config: Path, root: Path = Path("/"), card: Path | None = None, stop: threading.Event | None = None) -> int:
    """Returns when the station is set up, or on SIGTERM. Raises CommandError where no code can be made."""
    ended = stop or threading.Event()
    if stop is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
    if not blank.is_blank(config):
        _forget(config.absolute().parent)
        return 0
    try:
        code = blank.make_code(config.absolute().parent)
    except OSError as error:
        raise CommandError(f"the code cannot be written: {error.filename}: {error.strerror}; run it as root") from error
    where = card or next((path for path in CARDS if path.is_dir()), None)
    led = Led(root)
    blinking = threading.Thread(target=led.blink, args=(code, ended), daemon=True, name="led")
    blinking.start()
    told: list[str] = []
    try:
        while blank.is_blank(config) and not ended.is_set():
            lines = sentences(code)
            if lines != told:
                told = lines
                _tell(root, where, config, lines)
            ended.wait(LOOK_S)
    finally:
        ended.set()
        blinking.join()
        led.restore()
        _untell(root, where, config)
    return 0


def sentences(code: str) -> list[str]:
    """What somebody at the console reads."""
    places = [f"http://{f'[{one}]' if ':' in one else one}:{PORT}" for one in addresses()]
    where = "  or  ".join(places) if places else "plug in the network, and the address stands here"
    return [f"Charging station, not set up yet. From a phone: {where}", f"Code: {blank.shown(code)}"]


def _tell(root: Path, card: Path | None, config: Path, lines: list[str]) -> None:
    issue = root / ISSUE
    try:
        issue.parent.mkdir(parents=True, exist_ok=True)
        issue.write_text("".join(f"{line}\n" for line in ["", *lines, ""]))
        _refresh(root)
    except OSError as error:
        print(f"{issue}: {error.strerror}", file=sys.stderr)
    _status(card, config)


def _untell(root: Path, card: Path | None, config: Path) -> None:
    with contextlib.suppress(OSError):
        (root / ISSUE).unlink(missing_ok=True)
        _refresh(root)
    if not blank.is_blank(config):
        _status(card, config)
        _forget(config.absolute().parent)


def _refresh(root: Path) -> None:
    reload = root / AGETTY
    reload.touch()
    os.utime(reload)


def _forget(folder: Path) -> None:
    with contextlib.suppress(OSError):
        blank.forget_code(folder)


def _status(card: Path | None, config: Path) -> None:
    if card is None:
        return
    try:
        write_status(card, config)
    except CommandError as error:
        print(error, file=sys.stderr)


class Led:
    """The board's own LED, where there is one and it may be had."""

    def __init__(self, root: Path) -> None:
        self._place = next((root / name for name in LEDS if (root / name / "brightness").exists()), None)
        self._before = self._trigger()

    def _trigger(self) -> str:
        """What it shows when nobody takes it: the name in brackets."""
        with contextlib.suppress(OSError):
            if self._place is not None:
                return (self._place / "trigger").read_text().partition("[")[2].partition("]")[0] or "none"
        return "none"

    def blink(self, code: str, stop: threading.Event) -> None:
        if self._place is None:
            return
        try:
            (self._place / "trigger").write_text("none")
            while not stop.is_set():
                for lit, lasts_s in flashes(code):
                    (self._place / "brightness").write_text("1" if lit else "0")
                    if stop.wait(lasts_s):
                        break
        except OSError as error:
            print(f"{self._place}: {error.strerror}", file=sys.stderr)

    def restore(self) -> None:
        with contextlib.suppress(OSError):
            if self._place is not None:
                (self._place / "trigger").write_text(self._before)


def flashes(code: str) -> Iterator[tuple[bool, float]]:
    """Lit or dark, and for how long: one time through the code."""
    yield False, AGAIN_S
    for digit in code:
        for _ in range(int(digit) or 10):
            yield True, FLASH_S
            yield False, DARK_S
        yield False, DIGIT_S
