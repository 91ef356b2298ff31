"""Contactless cards of ISO/IEC 14443-3 type A, and the field of a reader in which they lie.

Owns what cards answer, bit by bit, and what becomes of answers that come at once. Refuses to know readers. Frames are lists of
bits, least significant first; parity is only known as broken or not.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

Bits = list[int]

REQA, WUPA = 0x26, 0x52
CASCADE = (0x93, 0x95, 0x97)
HLTA = (0x50, 0x00)
CASCADE_TAG = 0x88
ATQA = {4: b"\x04\x00", 7: b"\x44\x00", 10: b"\x84\x00"}


def bits_of(data: Iterable[int]) -> Bits:
    return [byte >> place & 1 for byte in data for place in range(8)]


def bytes_of(bits: Bits) -> bytes:
    """Whole bytes; the last one is filled with zeros."""
    return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def crc(data: Iterable[int]) -> bytes:
    """CRC_A bit by bit, as the shift register of annex B does it."""
    register = 0x6363
    for bit in bits_of(data):
        out = (register ^ bit) & 1
        register >>= 1
        if out:
            register ^= 0x8408
    return bytes((register & 0xFF, register >> 8))


class State(Enum):
    OFF = "off"
    IDLE = "idle"
    HALT = "halt"
    READY = "ready"
    ACTIVE = "active"


class Card:
    """A card with a UID of 4, 7 or 10 bytes. sak: of the complete UID.

    fading: what happens to each answer in turn (True: it arrives, False: it is lost, None: it arrives broken); all arrive after
    its end. leaves_after: frames that it still hears before it is pulled out of the field.
    """

    def __init__(
        self, uid: bytes, sak: int = 0x08, fading: Iterable[bool | None] = (), leaves_after: int | None = None
    ) -> None:
        if len(uid) not in ATQA:
            raise ValueError(f"a UID has 4, 7 or 10 bytes, not {len(uid)}")
        self.uid = uid
        self._sak = sak
        self._fading: Iterator[bool | None] = iter(fading)
        self.leaves_after = leaves_after
        self._state = State.OFF
        self._asleep = False  # where it falls back to: HALT, not IDLE
        self._level = 0

    def power(self, on: bool) -> None:
        """The field comes or goes; a card forgets everything without it."""
        self._state = State.IDLE if on else State.OFF
        self._asleep = False

    def hear(self, frame: Bits) -> Bits | None:
        """The answer to a frame, or silence."""
        if self._state is State.OFF:
            return None
        if len(frame) == 7:
            return self._wake(bytes_of(frame)[0])
        if self._state is State.READY:
            answer = self._cascade(frame)
            if answer is None:
                self._fall_back()
            return answer
        if self._state is State.ACTIVE:
            self._asleep = self._asleep or bytes_of(frame) == bytes(HLTA) + crc(HLTA)
            self._fall_back()
        return None

    def arrives(self) -> bool | None:
        """What becomes of the next answer, see `fading`."""
        return next(self._fading, True)

    def _wake(self, command: int) -> Bits | None:
        if self._state in (State.READY, State.ACTIVE):
            self._fall_back()
            return None
        if command != WUPA and (command != REQA or self._state is State.HALT):
            return None
        self._asleep = self._state is State.HALT
        self._state, self._level = State.READY, 0
        return bits_of(ATQA[len(self.uid)])

    def _fall_back(self) -> None:
        self._state = State.HALT if self._asleep else State.IDLE

    def _part(self) -> bytes:
        """The four bytes of this cascade level, and their check byte."""
        last = self._level == (len(self.uid) - 4) // 3
        begin = 3 * self._level
        part = self.uid[begin : begin + 4] if last else bytes([CASCADE_TAG]) + self.uid[begin : begin + 3]
        return part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]])

    def _cascade(self, frame: Bits) -> Bits | None:
        if len(frame) < 16 or bytes_of(frame[:8])[0] != CASCADE[self._level]:
            return None
        nvb, part = bytes_of(frame[8:16])[0], self._part()
        if nvb == 0x70:
            return self._select(bytes_of(frame), part)
        known = 8 * (nvb >> 4) + (nvb & 7) - 16
        if not 0 <= known < 32 or len(frame) != 16 + known or bits_of(part)[:known] != frame[16:]:
            return None
        return bits_of(part)[known:]

    def _select(self, frame: bytes, part: bytes) -> Bits | None:
        if frame[2:7] != part or frame[7:] != crc(frame[:7]):
            return None
        if self._level < (len(self.uid) - 4) // 3:
            self._level += 1
            sak = 0x04
        else:
            self._state = State.ACTIVE
            sak = self._sak
        return bits_of(bytes([sak]) + crc([sak]))


class Telephone(Card):
    """A phone, or a card with privacy: a random UID of four bytes that begins with 08, another one whenever the field comes."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        super().__init__(b"\x08" + random_bytes(3), sak=0x20)

    def power(self, on: bool) -> None:
        if on:
            self.uid = b"\x08" + self._random_bytes(3)
        super().power(on)


@dataclass(frozen=True)
class Reply:
    """What a reader's antenna receives. collision: the first bit where answers differ. broken: parity does not fit."""

    bits: Bits
    collision: int | None = None
    broken: bool = False


class Field:
    """A reader's field. Cards are laid and taken from any thread."""

    def __init__(self) -> None:
        self._cards: list[Card] = []
        self._lock = threading.RLock()
        self.on = False
        self.frames = 0

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(self._cards)

    def lay(self, card: Card) -> Card:
        with self._lock:
            self._cards.append(card)
            card.power(self.on)
        return card

    def take(self, card: Card) -> None:
        with self._lock:
            self._cards.remove(card)
            card.power(False)

    def clear(self) -> None:
        with self._lock:
            for card in self.cards:
                self.take(card)

    def power(self, on: bool) -> None:
        with self._lock:
            if on != self.on:
                self.on = on
                for card in self._cards:
                    card.power(on)

    def send(self, frame: Bits) -> Reply | None:
        """One frame to every card, and what comes back; None: silence."""
        with self._lock:
            self.frames += 1
            if not self.on:
                return None
            answers, broken = [], False
            for card in self.cards:
                answer = card.hear(frame)
                if card.leaves_after is not None:
                    card.leaves_after -= 1
                    if card.leaves_after < 0:
                        self.take(card)
                        continue
                arrives = answer is not None and card.arrives()
                if answer is not None and arrives is not False:
                    answers.append(answer)
                    broken = broken or arrives is None
            return _mixed(answers, broken) if answers else None


def _mixed(answers: list[Bits], broken: bool) -> Reply:
    longest = max(answers, key=len)
    for place in range(len(longest)):
        if len({answer[place] for answer in answers if place < len(answer)}) > 1:
            return Reply(longest, place, broken)
    if broken:
        return Reply([*longest[:3], 1 - longest[3], *longest[4:]], None, True)
    return Reply(longest)
