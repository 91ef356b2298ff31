"""Recording: a file that somebody sent, read with distrust.

Owns its bounds and what is wrong with it, in words. A file is gzip or plain text, lines of JSON as `recorder` writes them. What
was cut off in the middle gives what came before, and an error at its end.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, get_args

import msgspec

from chargepoint.core.events import Event, FrameReceived
from chargepoint.core.site import Site
from chargepoint.journal.recorder import FORMAT, STATE_MAX, BinaryFrame
from chargepoint.tables import printable

LINES_BYTES_MAX = 1 << 30
LINE_BYTES_MAX = STATE_MAX + 1024


class BadRecording(Exception):
    """It cannot be replayed; the text says why, and in which line."""


class TextFrame(msgspec.Struct, frozen=True, tag="FrameReceived"):
    """FrameReceived as a recording has it: JSON cannot tell text from bytes."""

    text: str


class About(msgspec.Struct, frozen=True):
    """The first line. journal: the format's number."""

    journal: int
    station: str = "(unnamed)"
    version: str = "(unknown)"
    program: str = ""
    written: str | None = None
    why: str = ""


class Head(msgspec.Struct, frozen=True):
    """The first line of a segment. before: how many events the station had recorded before it."""

    segment: int
    before: int
    site: Site
    state: Any


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One event. effects: as they were encoded. shortened: what was left out of both, None: nothing."""

    mono_s: float
    wall_s: float | None
    event: Any
    effects: msgspec.Raw
    shortened: str | None = None

    def what(self) -> Event:
        """The event as the core takes it."""
        if isinstance(self.event, TextFrame | BinaryFrame):
            return FrameReceived(self.event.text)
        return self.event  # type: ignore[no-any-return]


class Gap(msgspec.Struct, frozen=True):
    """Something is missing here."""

    gap: str


_EVENTS = [kind for kind in get_args(Event) if kind is not FrameReceived]
_RECORDED: Any = reduce(or_, [*_EVENTS, TextFrame, BinaryFrame])


class _TypedLine(Line, frozen=True, array_like=True):
    event: _RECORDED


_LINES = msgspec.json.Decoder(_TypedLine)
_HEADS = msgspec.json.Decoder(Head)
_GAPS = msgspec.json.Decoder(Gap)


def read(path: Path) -> tuple[About, Iterator[Head | Line | Gap]]:
    """What the file says of itself, and its lines, read as they are asked for. Raises BadRecording, the lines do so too."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror}") from error
    lines = _lines(content, path.name)
    try:
        about = msgspec.json.decode(next(lines, b""), type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecording(f"{path.name} is no recording of a station ({error})") from error
    if about.journal != FORMAT:
        raise BadRecording(
            f"{path.name} has format {about.journal}, and this program reads {FORMAT}: use the program that fits"
        )
    return about, _parsed(lines, path.name)


def _lines(content: bytes, name: str) -> Iterator[bytes]:
    """Lines without their ends. A packed file may claim to be very long: it is unpacked piece by piece, up to a bound."""
    file: Any = io.BytesIO(content)
    if content[:2] == b"\x1f\x8b":
        file = gzip.GzipFile(fileobj=file)
    number = total = 0
    while True:
        number += 1
        try:
            line = file.readline(LINE_BYTES_MAX + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise BadRecording(f"{name} ends in line {number}: it is cut off or damaged ({error})") from error
        if not line:
            return
        total += len(line)
        if len(line) > LINE_BYTES_MAX or total > LINES_BYTES_MAX:
            raise BadRecording(f"{name}, line {number}: it is longer than any recording of a station")
        if not line.endswith(b"\n"):
            raise BadRecording(f"{name} ends in the middle of line {number}")
        yield line


def _parsed(lines: Iterator[bytes], name: str) -> Iterator[Head | Line | Gap]:
    for number, line in enumerate(lines, start=2):
        try:
            if line.startswith(b"["):
                yield _LINES.decode(line)
            elif line.startswith(b'{"gap"'):
                yield _GAPS.decode(line)
            else:
                yield _HEADS.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRecording(f"{name}, line {number} cannot be understood: {printable(str(error), 300)}") from error
