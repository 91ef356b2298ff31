"""The write-ahead log, read by its published format and without SQLite: a second opinion on what a cut log still holds.

A log is a header of 32 bytes and frames: 24 bytes and a page. A frame counts if it carries the header's two salts and the
checksum over everything before it; a frame with a size in it ends a commit. Whatever follows the last whole commit never
happened. Format: "WAL-mode File Format" in SQLite's documentation.
"""

import sqlite3
import struct
from dataclasses import dataclass

HEADER = 32
FRAME_HEADER = 24
MAGIC_LITTLE = 0x377F0682  # checksums over little-endian words; one more: big-endian ones
MASK = 0xFFFFFFFF
VERSION_BYTES = slice(18, 20)  # of the database: 2 is "uses a log", which a database in memory cannot
USER_VERSION = slice(60, 64)
LEGACY = b"\x01\x01"

Tables = dict[str, tuple[tuple[str, ...], list[tuple[object, ...]]]]
"""Table → names of its columns and all its rows."""


@dataclass(frozen=True)
class Log:
    """The frames that count. pages: the page of each. commits: for each commit how many frames there are up to its end, and
    the database's size then, in pages.
    """

    page_bytes: int = 4_096
    pages: tuple[int, ...] = ()
    commits: tuple[tuple[int, int], ...] = ()

    def offset(self, frames: int) -> int:
        """Where frame number `frames` (from 0) begins in the file."""
        return HEADER + frames * (FRAME_HEADER + self.page_bytes)

    @property
    def size(self) -> int:
        """Bytes of the file up to the end of the last whole commit."""
        return self.offset(self.commits[-1][0]) if self.commits else 0

    @property
    def torn(self) -> bool:
        """Whole frames follow the last commit: a commit was under way."""
        return bool(self.pages) and (not self.commits or len(self.pages) > self.commits[-1][0])


def read(raw: bytes) -> Log:
    """The log in these bytes, up to where it no longer holds together."""
    if len(raw) < HEADER:
        return Log()
    magic, _, page_bytes, _, *salts_and_sums = struct.unpack(">8I", raw[:HEADER])
    if magic not in (MAGIC_LITTLE, MAGIC_LITTLE + 1) or not 512 <= page_bytes <= 65_536:
        return Log()
    order = "<" if magic == MAGIC_LITTLE else ">"
    sums = _checksum(order, raw[: HEADER - 8], (0, 0))
    if sums != tuple(salts_and_sums[2:]):
        return Log(page_bytes)
    pages: list[int] = []
    commits: list[tuple[int, int]] = []
    step = FRAME_HEADER + page_bytes
    for start in range(HEADER, len(raw) - step + 1, step):
        page, size, *rest = struct.unpack(">6I", raw[start : start + FRAME_HEADER])
        if rest[:2] != salts_and_sums[:2]:
            break
        sums = _checksum(order, raw[start : start + 8], sums)
        sums = _checksum(order, raw[start + FRAME_HEADER : start + step], sums)
        if sums != tuple(rest[2:]):
            break
        pages.append(page)
        if size:
            commits.append((len(pages), size))
    return Log(page_bytes, tuple(pages), tuple(commits))


def whole_commits(log: Log, length: int) -> int:
    """How many commits a log that is cut to `length` bytes still holds."""
    return sum(1 for frames, _ in log.commits if log.offset(frames) <= length)


def commits_to_keep(base: bytes, raw: bytes, log: Log) -> int:
    """How many commits a checkpoint has begun to merge into the database: no power cut loses them and keeps what came later.

    A checkpoint writes the newest version of each page in the order of their numbers. So one of the first n commits has begun
    if the lowest of their pages is in the database as the last of them left it.
    """
    keep = frames = 0
    newest: dict[int, int] = {}
    for count, (end, _) in enumerate(log.commits, start=1):
        newest.update({page: number for number, page in enumerate(log.pages[frames:end], start=frames)})
        frames = end
        page = min(newest)
        start = log.offset(newest[page]) + FRAME_HEADER
        if base[(page - 1) * log.page_bytes : page * log.page_bytes] == raw[start : start + log.page_bytes]:
            keep = count
    return keep


def image(base: bytes, raw: bytes, log: Log, commits: int) -> bytes:
    """The database as it is after the first `commits` commits of its log."""
    if commits == 0:
        return base
    frames, size = log.commits[commits - 1]
    pages = bytearray(base[: size * log.page_bytes].ljust(size * log.page_bytes, b"\0"))
    for number, page in enumerate(log.pages[:frames]):
        if page <= size:
            start = log.offset(number) + FRAME_HEADER
            pages[(page - 1) * log.page_bytes : page * log.page_bytes] = raw[start : start + log.page_bytes]
    return bytes(pages)


def user_version(whole: bytes) -> int:
    """The number that the database's program keeps in its header; 0 in an empty one."""
    return int.from_bytes(whole[USER_VERSION], "big")


def tables(whole: bytes) -> Tables:
    """Everything in a database. Raises sqlite3.Error where it cannot be read."""
    if not whole:
        return {}
    plain = bytearray(whole)
    plain[VERSION_BYTES] = LEGACY
    db = sqlite3.connect(":memory:")
    try:
        db.deserialize(bytes(plain))
        return contents(db)
    finally:
        db.close()


def contents(db: sqlite3.Connection) -> Tables:
    """Everything that a connection sees."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    found: Tables = {}
    for name in names:
        cursor = db.execute(f'SELECT * FROM "{name}"')
        columns = tuple(column[0] for column in cursor.description)
        found[name] = (columns, sorted(cursor.fetchall(), key=repr))
    return found


def records(found: Tables, table: str) -> list[dict[str, object]]:
    """The rows of a table as dictionaries; none where there is no such table."""
    columns, rows = found.get(table, ((), []))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & MASK
        second = (second + odd + first) & MASK
    return first, second
