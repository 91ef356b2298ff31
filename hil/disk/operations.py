"""What a program may ask of a disk, as values. Files have numbers, since a name may change or go while a file is open."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """The file ends at `size`: cut there, or longer and zero from its old end on."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Flush:
    """fsync: what was written to the file before this survives a power cut, if the card is honest."""

    file: int


@dataclass(frozen=True, slots=True)
class FlushFailed:
    """fsync said no. The system forgets what it could not write, while the program still sees it: nothing brings it back."""

    file: int


@dataclass(frozen=True, slots=True)
class Make:
    """A new name, and an empty file behind it."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Remove:
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class FlushNames:
    """fsync of the directory: names made, changed and removed before this survive."""


@dataclass(frozen=True, slots=True)
class Began:
    """The store was asked to keep state number `state`. From here on a crash may leave it or the one before."""

    state: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The store said that state number `state` is kept."""

    state: int


Change = Write | Resize | Make | Remove | Rename
Operation = Change | Flush | FlushFailed | FlushNames | Began | Kept
