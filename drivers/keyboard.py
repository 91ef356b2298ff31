"""Driver `keyboard`: a USB card reader that types numbers as a keyboard does.

Reads the kernel's input events itself, and takes the device for itself alone, so that no number is typed into a login prompt.
Such a reader says when a card comes and never that it lies there: what is typed again within the absence is the same tap.
"""

import asyncio
import errno
import fcntl
import logging
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chargepoint.facts import Card
from chargepoint.ports import Buses, DriverError
from drivers.cards.desk import Absence, Presence, UidOrder
from drivers.cards.keystrokes import Format, Misread, Spoilt, Typist, tag_of

log = logging.getLogger(__name__)

# struct input_event, linux/input.h: seconds and microseconds as the machine's long, type, code, value.
EVENT = struct.Struct("@llHHi")
READ_MAX = 64 * EVENT.size
EVIOCGRAB = 0x40044590
CARDS_MAX = 16


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """docs/readers.md says how to find out what a reader types.

    device: better a name that stays, from /dev/input/by-id. format: what it types. uid_bytes: for decimal numbers, how long the
    UID is. absence_s: how long a number must not have come until it counts anew. grab: False shares the keystrokes with others.
    """

    device: Annotated[str, Meta(min_length=1, examples=['device = "/dev/input/by-id/usb-Reader-event-kbd"'])]
    format: Format = "hex"
    uid_order: UidOrder = "as_read"
    uid_bytes: Literal[4, 7, 10] = 4
    absence_s: Absence = 0.8
    grab: bool = True


def claims(config: Config) -> tuple[str, ...]:
    """What this part wants for itself alone."""
    return (config.device,)


def remarks(config: Config) -> list[str]:
    """What is worth a look although it is valid."""
    told = []
    if "/event" in config.device and "by-" not in config.device:
        told.append(f"{config.device} may be another device after the next start; take its name from /dev/input/by-id")
    if not config.grab:
        told.append(
            "with grab = false the numbers of cards are also typed into whatever has the keyboard, a login prompt as a rule"
        )
    return told


class Reader:
    """A card reader (`chargepoint.ports.CardReader`) on an open descriptor, which is its own."""

    def __init__(self, config: Config, what: str, descriptor: int) -> None:
        self._config = config
        self._what = what
        self._descriptor = descriptor
        self._typist = Typist()
        self._presence = Presence(config.absence_s)
        self._rest = b""
        self._came: asyncio.Queue[Card | DriverError | None] = asyncio.Queue(CARDS_MAX)
        asyncio.get_running_loop().add_reader(descriptor, self._readable)

    async def cards(self) -> AsyncIterator[Card]:
        while True:
            came = await self._came.get()
            if came is None:
                return
            if isinstance(came, DriverError):
                raise came
            yield came

    async def close(self) -> None:
        if self._descriptor >= 0:
            self._leave()
            self._put(None)

    def _leave(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, READ_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            data = b""
            log.debug("%s: %s", self._what, error)
        if not data:
            self._leave()
            self._put(DriverError(f"{self._what}: the reader is gone; is it still plugged in?"))
            return
        whole = self._rest + data
        end = len(whole) - len(whole) % EVENT.size
        self._rest = whole[end:]
        for seconds, micros, kind, code, value in EVENT.iter_unpack(whole[:end]):
            typed = self._typist.event(kind, code, value, seconds + micros / 1e6)
            if typed is not None:
                self._typed(typed, asyncio.get_running_loop().time())

    def _typed(self, typed: str | Spoilt, now_s: float) -> None:
        if isinstance(typed, Spoilt):
            log.warning("%s: %s; the card must be laid on again", self._what, typed)
            return
        try:
            tag = tag_of(typed, self._config.format, self._config.uid_order, self._config.uid_bytes)
        except Misread as error:
            log.warning("%s: %s", self._what, error)
            return
        if self._presence.seen(tag.encode(), now_s):
            self._put(Card(id_tag=tag))

    def _put(self, one: Card | DriverError | None) -> None:
        if self._came.full():
            self._came.get_nowait()  # nobody fetches: a tap of long ago must not start anything
        self._came.put_nowait(one)


async def open(config: Config, buses: Buses) -> Reader:
    """Opens the reader at once; raises DriverError where it cannot be had."""
    what = f"card reader keyboard on {config.device}"
    try:
        descriptor = os.open(config.device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DriverError(f"{what}: {_why_not(error)}") from error
    if config.grab:
        try:
            fcntl.ioctl(descriptor, EVIOCGRAB, 1)
        except OSError as error:
            os.close(descriptor)
            raise DriverError(f"{what}: {_why_no_grab(error)}") from error
    return Reader(config, what, descriptor)


def _why_not(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        keyboards = sorted(str(path) for path in Path("/dev/input/by-id").glob("*-event-kbd"))
        there = f"there is {', '.join(keyboards)}" if keyboards else "no USB keyboard or reader is plugged in"
        return f"there is no such device; {there}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user may not open it. Add the service's user to the group `input`"
    return f"it cannot be opened ({error.strerror or error})"


def _why_no_grab(error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return "another program has taken it for itself; look for a second service"
    why = error.strerror or error
    return f"this is no input device ({why}); readers are found in /dev/input/by-id, their names end in -event-kbd"
