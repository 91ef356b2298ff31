"""Styled text: a line is a tuple of spans, a span a style and its text; nothing here knows what is said.

Colours are left out where NO_COLOR is set or nobody would see them. Characters that the output's encoding lacks get a plain
one of the same width.
"""

import codecs
import io
import os
import unicodedata
from typing import TextIO

from chargepoint.tables import printable

Span = tuple[str, str]
Line = tuple[Span, ...]

CODES = {
    "": "",
    "bold": "1",
    "dim": "2",
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "sent": "36",
    "received": "35",
    "head": "1;34",
    "chosen": "7",
}
PLAIN = {"→": ">", "←": "<", "·": "-", "•": "*", "─": "-", "▸": ">", "✓": "+", "✗": "!", "…": "~"}
TEXT_MAX = 2_000


def plain(text: str, style: str = "") -> Line:
    """A line of one span; what a peer sent may contain anything, so no terminal gets to act on it."""
    return ((style, printable(text, TEXT_MAX)),)


def text_of(line: Line) -> str:
    """The line without its styles."""
    return "".join(text for _, text in line)


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_cells(character) for character in text)


def clip(line: Line, width: int) -> Line:
    """The line cut to a number of columns; the last one tells that something is missing."""
    if cells(text_of(line)) <= width:
        return line
    room = max(0, width - 1)
    kept: list[Span] = []
    for style, text in line:
        end = 0
        while end < len(text) and _cells(text[end]) <= room:
            room -= _cells(text[end])
            end += 1
        kept.append((style, text[:end]))
        if end < len(text):
            break
    return (*kept, ("dim", "…")) if width > 0 else ()


def painted(line: Line, *, colour: bool) -> str:
    """The line for a terminal, or for a file."""
    if not colour:
        return text_of(line)
    return "".join(f"\x1b[{CODES[style]}m{text}\x1b[0m" if CODES[style] and text else text for style, text in line)


def wants_colour(stream: TextIO) -> bool:
    """NO_COLOR (no-color.org), TERM and the stream itself decide."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def make_tolerant(stream: TextIO) -> None:
    """Never an error for a character that the stream's encoding has not."""
    codecs.register_error("demo.plain", _replace)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="demo.plain")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in missing), error.end


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
