"""ISO/IEC 14443-3 type A: from a card in the field to its whole UID of 4, 7 or 10 bytes.

Owns the cascade and its checks. Refuses to know the chip: it is given `exchange`, which sends one frame and brings what came
back. The CRCs are made here and not in a reader's chip, so that they also guard the wires between chip and computer: a UID is
believed when the card has answered to all of it, with a SAK whose CRC fits.
"""

from collections.abc import Callable
from enum import StrEnum

WUPA = 0x52
ANTICOLLISION, SELECT = 0x20, 0x70  # NVB: how many bits of the UID follow
CASCADE_TAG = 0x88
UID_NOT_COMPLETE = 0x04  # of the SAK
CASCADE = (0x93, 0x95, 0x97)
SHORT_FRAME = 7
RANDOM_UID0 = 0x08


class Trouble(StrEnum):
    """Something answers that cannot be read."""

    COLLISION = "collision"
    GARBLED = "garbled"


Seen = bytes | Trouble | None
"""Whole bytes, or why there are none, or None: silence."""

Exchange = Callable[[bytes, int], Seen]
"""exchange(frame, bits): sends a frame, of whose last byte only so many bits (0: all of them), and brings the answer."""


def crc_a(data: bytes) -> bytes:
    """CRC_A, ISO/IEC 14443-3 annex B, low byte first as it is sent."""
    crc = 0x6363
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def bcc(uid_part: bytes) -> int:
    """The check byte of one cascade level: the exclusive or of its four bytes."""
    check = 0
    for byte in uid_part:
        check ^= byte
    return check


def is_random(uid: bytes) -> bool:
    """Whether the number is a random one, made anew at each tap (single size UIDs that begin with 08)."""
    return len(uid) == 4 and uid[0] == RANDOM_UID0


def identify(exchange: Exchange) -> Seen:
    """Wakes whatever lies in the field and brings its UID. The card is left selected: `halt` sends it to sleep."""
    woken = exchange(bytes([WUPA]), SHORT_FRAME)
    if not isinstance(woken, bytes):
        return woken
    if len(woken) != 2:
        return Trouble.GARBLED
    uid = b""
    for select in CASCADE:
        part = _level(exchange, select)
        if not isinstance(part, bytes):
            return part
        uid += part
        if len(part) == 4:
            return uid
    return Trouble.GARBLED


def _level(exchange: Exchange, select: int) -> bytes | Trouble:
    """One cascade level: the last four bytes of a UID, or three where more follow."""
    answer = exchange(bytes([select, ANTICOLLISION]), 0)
    if not isinstance(answer, bytes):
        return answer or Trouble.GARBLED
    if len(answer) != 5 or bcc(answer[:4]) != answer[4]:
        return Trouble.GARBLED
    request = bytes([select, SELECT]) + answer
    sak = exchange(request + crc_a(request), 0)
    if not isinstance(sak, bytes):
        return sak or Trouble.GARBLED
    if len(sak) != 3 or crc_a(sak[:1]) != sak[1:]:
        return Trouble.GARBLED
    tagged = answer[0] == CASCADE_TAG
    if sak[0] & UID_NOT_COMPLETE:
        return answer[1:4] if tagged and select != CASCADE[-1] else Trouble.GARBLED
    # The tag is no first byte of a single size UID, section 6.5.4.
    return Trouble.GARBLED if tagged and select == CASCADE[0] else answer[:4]


def halt(exchange: Exchange) -> None:
    """Sends the selected card to sleep, so that the next wake-up finds it as a new one does. Silence is its consent."""
    request = b"\x50\x00"
    exchange(request + crc_a(request), 0)
