"""Card: what a memory card holds after a power cut, for everything that was asked of it before.

Owns the state of a disk, operation by operation: what has been flushed, what waits. Owns the models of what becomes of that
which waits. A file's content and its name are kept separately, as a file system does.
"""

import random
from enum import StrEnum

from hil.disk.operations import Change, Flush, FlushFailed, FlushNames, Make, Operation, Remove, Rename, Resize, Write

SECTOR = 512
BLOCK = 4_096

Image = dict[str, bytes]
"""The files of a folder by their names."""


class Fate(StrEnum):
    """What becomes of that which was not flushed when the power went.

    WHOLE: all of it is there. NOTHING: none of it. SECTORS: any sectors of it, the rest as it was (zeros or old data where the
    file had grown). TORN: all of it, but the last write ends at some byte. SHUFFLED: any of the writes, in any order.
    BLOCK: like TORN, and the whole 4 KiB blocks under the last write are destroyed, with what had been flushed into them.
    """

    WHOLE = "whole"
    NOTHING = "nothing"
    SECTORS = "sectors"
    TORN = "torn"
    SHUFFLED = "shuffled"
    BLOCK = "block"


class _File:
    """kept: as it was flushed last. now: as the program sees it. waiting: what lies between."""

    def __init__(self, content: bytes = b"") -> None:
        self.kept = content
        self.now = bytearray(content)
        self.waiting: list[Write | Resize] = []

    def change(self, operation: Write | Resize) -> None:
        _apply(self.now, operation)
        self.waiting.append(operation)

    def flush(self) -> None:
        if self.waiting:
            kept = bytearray(self.kept)
            for operation in self.waiting:
                _apply(kept, operation)
            self.kept = bytes(kept)
            self.waiting.clear()


class Disk:
    """A folder and its files. flushes=False: a card that only says that it flushes."""

    def __init__(self, image: Image) -> None:
        self.flushes = True
        self._files = {number: _File(content) for number, (_, content) in enumerate(sorted(image.items()))}
        self._names = {name: number for number, name in enumerate(sorted(image))}
        self._kept_names = dict(self._names)
        self._waiting_names: list[Make | Remove | Rename] = []
        self._last: Write | None = None

    def do(self, operation: Operation) -> None:
        self._last = None
        match operation:
            case Write(file=file) | Resize(file=file):
                self._files[file].change(operation)
                self._last = operation if isinstance(operation, Write) else None
            case Flush(file=file):
                if self.flushes:
                    self._files[file].flush()
            case FlushFailed(file=file):
                self._files[file].waiting.clear()
            case FlushNames():
                if self.flushes:
                    self._kept_names = dict(self._names)
                    self._waiting_names.clear()
            case Make() | Remove() | Rename():
                if isinstance(operation, Make):
                    self._files[operation.file] = _File()
                _rename(self._names, operation)
                self._waiting_names.append(operation)
            case _:
                pass  # what the store was told, or said: nothing for a card

    @property
    def changed(self) -> bool:
        """Something waits to be flushed."""
        return bool(self._waiting_names) or any(file.waiting for file in self._files.values())

    def after(self, fate: Fate, rng: random.Random) -> Image:
        """The files after a power cut at this moment."""
        names = dict(self._kept_names)
        few = {Fate.WHOLE: len(self._waiting_names), Fate.TORN: len(self._waiting_names), Fate.NOTHING: 0}
        # A file system keeps the order of its names: whichever are there, none is missing before them.
        for operation in self._waiting_names[: few.get(fate, rng.randint(0, len(self._waiting_names)))]:
            _rename(names, operation)
        return {name: self._content(number, fate, rng) for name, number in names.items()}

    def _content(self, number: int, fate: Fate, rng: random.Random) -> bytes:
        file = self._files[number]
        last = self._last if self._last is not None and self._last.file == number else None
        match fate:
            case Fate.WHOLE:
                return bytes(file.now)
            case Fate.NOTHING:
                return file.kept
            case Fate.SECTORS:
                return _some_sectors(file, rng)
            case Fate.SHUFFLED:
                content = bytearray(file.kept)
                for operation in rng.sample(file.waiting, rng.randint(0, len(file.waiting))):
                    _apply(content, operation)
                return bytes(content)
            case Fate.TORN | Fate.BLOCK:
                if last is None:
                    return bytes(file.now) if fate is Fate.TORN else file.kept
                content = bytearray(file.kept)
                for operation in file.waiting[:-1]:
                    _apply(content, operation)
                _apply(content, Write(number, last.offset, last.data[: rng.randrange(len(last.data))]))
                if fate is Fate.BLOCK:
                    begin = last.offset // BLOCK * BLOCK
                    end = min(-(-(last.offset + len(last.data)) // BLOCK) * BLOCK, len(content))
                    content[begin:end] = rng.randbytes(max(0, end - begin))
                return bytes(content)


def _some_sectors(file: _File, rng: random.Random) -> bytes:
    """Each sector as of any moment between the flush and now; the length as of any such moment that leaves them room."""
    share = rng.choice((0.1, 0.5, 0.9))
    content = bytearray(file.kept)
    filler = rng.choice((bytes(SECTOR), rng.randbytes(SECTOR)))
    for operation in file.waiting:
        if isinstance(operation, Resize):
            if rng.random() < share:
                _apply(content, operation)
            continue
        end = operation.offset + len(operation.data)
        at = operation.offset
        while at < end:
            stop = min(end, at // SECTOR * SECTOR + SECTOR)
            if rng.random() < share:
                if len(content) < at:
                    content += (filler * (1 + (at - len(content)) // SECTOR))[: at - len(content)]
                content[at:stop] = operation.data[at - operation.offset : stop - operation.offset]
            at = stop
    return bytes(content)


def _apply(content: bytearray, operation: Write | Resize) -> None:
    size = operation.size if isinstance(operation, Resize) else operation.offset
    if len(content) < size:
        content.extend(bytes(size - len(content)))
    if isinstance(operation, Resize):
        del content[operation.size :]
    else:
        content[operation.offset : operation.offset + len(operation.data)] = operation.data


def _rename(names: dict[str, int], operation: Make | Remove | Rename) -> None:
    match operation:
        case Make(name=name, file=file):
            names[name] = file
        case Remove(name=name):
            names.pop(name, None)
        case Rename(old=old, new=new):
            if old in names:
                names[new] = names.pop(old)


def touches(operation: Operation) -> bool:
    """It changes what a card holds."""
    return isinstance(operation, Change)
