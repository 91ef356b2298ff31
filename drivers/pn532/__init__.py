"""Driver `pn532`: a card reader with the chip PN532 on a serial port (HSU).

The chip does the cascade and the anticollision by itself; what is asked of it is whether one card or more lie in its field, and
the UID. After each card the field is switched off for a moment, so that a card that lies there is found again; and once a
second where none is seen, for a card that was found while the answer got lost sleeps until then.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.facts import Card
from chargepoint.ports import Buses, DriverError
from drivers.cards.desk import Absence, Desk, RandomUid, Rules, UidOrder
from drivers.cards.iso14443 import CASCADE_TAG, Seen, Trouble
from drivers.pn532.line import Line

GET_FIRMWARE_VERSION = 0x02
SET_PARAMETERS = 0x12
SAM_CONFIGURATION = 0x14
RF_CONFIGURATION = 0x32
IN_LIST_PASSIVE_TARGET = 0x4A

IC_PN532 = 0x32
NORMAL_MODE = b"\x01\x14\x00"  # no security module, its time limit, no interrupt line
NO_AUTOMATICS = b"\x00"  # above all no RATS: the UID is all that is wanted
FIELD_OFF = b"\x01\x00"
FEW_RETRIES = b"\x05\xff\x01\x02"
TWO_OF_TYPE_A = b"\x02\x00"
FRESH_FIELD_S = 1.0
TARGET_HEAD = 5  # number, SENS_RES (2), SEL_RES, length of the UID


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """docs/readers.md has the wiring, and what every key is for.

    port: the device's path, better one of /dev/serial/by-id. poll_s: seconds between two looks. absence_s: how long a card must
    be away until it counts anew.
    """

    port: Annotated[str, Meta(min_length=1, examples=['port = "/dev/serial0"'])]
    baud: Annotated[int, Meta(ge=9_600, le=460_800)] = 115_200
    poll_s: Annotated[float, Meta(ge=0.02, le=0.1)] = 0.08
    absence_s: Absence = 0.8
    uid_order: UidOrder = "as_read"
    random_uid: RandomUid = "refuse"


def claims(config: Config) -> tuple[str, ...]:
    """What this part wants for itself alone."""
    return (config.port,)


class Reader:
    """A card reader (`chargepoint.ports.CardReader`)."""

    def __init__(self, config: Config, what: str, line: Line) -> None:
        self._config = config
        self._what = what
        self._line = line
        rules = Rules(uid_order=config.uid_order, random_uid=config.random_uid, absence_s=config.absence_s)
        self._desk = Desk(what, rules)
        self._fresh_at = 0.0

    async def start(self) -> None:
        """Wakes the chip and sets it up; raises DriverError."""
        version = await self._line.ask(GET_FIRMWARE_VERSION)
        if len(version) != 4 or version[0] != IC_PN532:
            raise DriverError(f"{self._what}: something answers that is no PN532 (version {version.hex() or 'empty'})")
        await self._line.ask(SAM_CONFIGURATION, NORMAL_MODE)
        await self._line.ask(SET_PARAMETERS, NO_AUTOMATICS)
        await self._line.ask(RF_CONFIGURATION, FEW_RETRIES)

    async def cards(self) -> AsyncIterator[Card]:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._config.poll_s)
            try:
                seen = await self._look(loop.time())
            except DriverError:
                if self._line.closed:
                    return
                raise
            card = self._desk.look(seen, loop.time())
            if card is not None:
                yield card

    async def close(self) -> None:
        self._line.close()

    async def _look(self, now_s: float) -> Seen:
        seen = targets(await self._line.ask(IN_LIST_PASSIVE_TARGET, TWO_OF_TYPE_A))
        if seen is not None or now_s >= self._fresh_at:
            await self._line.ask(RF_CONFIGURATION, FIELD_OFF)
            self._fresh_at = now_s + FRESH_FIELD_S
        return seen


def targets(answer: bytes) -> Seen:
    """What InListPassiveTarget for type A has found (UM0701-02 section 7.3.5): one card, several, or none."""
    if answer[:1] == b"\x00":
        return None
    if answer[:1] != b"\x01":
        return Trouble.COLLISION if answer else Trouble.GARBLED
    uid = answer[1 + TARGET_HEAD :]
    if len(answer) < 1 + TARGET_HEAD or len(uid) != answer[TARGET_HEAD]:
        return Trouble.GARBLED
    return _whole(uid)


def _whole(uid: bytes) -> Seen:
    """Some firmware leaves the cascade tags in the UID."""
    if len(uid) in (8, 12) and all(byte == CASCADE_TAG for byte in uid[: len(uid) - 4 : 4]):
        uid = b"".join(uid[at + 1 : at + 4] for at in range(0, len(uid) - 4, 4)) + uid[-4:]
    return uid if len(uid) in (4, 7, 10) else Trouble.GARBLED


async def open(config: Config, buses: Buses) -> Reader:
    """Opens the reader within some seconds; raises DriverError where port or chip cannot be had."""
    what = f"card reader pn532 on {config.port}"
    line = Line.open(what, config.port, config.baud)
    try:
        reader = Reader(config, what, line)
        await reader.start()
    except BaseException:
        line.close()
        raise
    return reader
