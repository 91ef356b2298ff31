"""Recorder: the newest events and the effects that the core answered, in memory, ready to be written down.

Owns the bound: all of it together has at most `bytes_max` bytes, compressed; then the oldest segment goes. A segment begins
with the whole state of the core, so each can be replayed without those before it. Nothing is written to a disk here, and
nothing that goes wrong here ever reaches the station: what cannot be recorded leaves a gap, which is recorded.

Lines of JSON. A segment's first line is an object: {"segment": 3, "before": events before it, "site": ..., "state": ...}.
Every event is a list: [monotonic s, date s or null, event, effects]; effects is {"raised": "..."} where the core failed.
A long SendLocalList is written down as a shorter one (`shortened`), and then a fifth item says so.
{"gap": why} stands where something is missing. docs/reliability.md tells how to read a recording.

A segment's beginning costs up to 0.1 s of processor time, and a contactor may have to open meanwhile. So after a gap it waits
until no session runs, for `WAIT_S` at most, and it never begins in a step that moves a contactor.
"""

import logging
import os
import zlib
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from chargepoint.core.effects import CloseContactor, Effect, OpenContactor
from chargepoint.core.events import Event, FrameReceived
from chargepoint.core.site import Site
from chargepoint.core.step import Now
from chargepoint.journal import state
from chargepoint.journal.secrets import Blanker
from chargepoint.journal.shortened import LONG, shortened

log = logging.getLogger(__name__)

BYTES_MAX = 512 << 10
SEGMENT_BYTES = 384 << 10  # of lines, before they are compressed; then the next moment without a session begins a new one
SEGMENT_BYTES_MAX = 768 << 10  # and here any moment, but while a session runs once in WAIT_S, where memory allows
LINE_MAX = 256 << 10
STATE_MAX = 2 << 20
BATCH_BYTES = 16 << 10
WAIT_S = 60.0  # for the sessions to end
PAUSE_S = 10.0  # from one beginning after a gap to the next, while no session runs
FORMAT = 1


class BinaryFrame(msgspec.Struct, frozen=True, tag=True):
    """A FrameReceived whose text was bytes, as it stands in a recording (JSON knows no bytes)."""

    text: bytes


class _TooLong(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes; at most {LINE_MAX} are recorded")


class StationLike(Protocol):
    def idle(self) -> bool: ...


class _Segment:
    """Some lines, blanked and compressed a batch at a time. head: the first one, which holds no secret.

    lines_bytes: of those that follow it, before they are compressed. head_bytes: of the head, compressed.
    """

    def __init__(self, blanker: Blanker, head: bytes) -> None:
        self.events = 0
        self.lines_bytes = 0
        self._blanker = blanker
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._packed = bytearray()
        # A member of a gzip file by itself. Lines repeat the ones just before them: a window of 4 KB packs them as well as one
        # of 32 KB, and takes 32 KB of memory instead of 256.
        self._packer = zlib.compressobj(level=1, wbits=16 + 12, memLevel=5)
        self._packed += self._packer.compress(head + b"\n")
        self.head_bytes = len(self._packed)

    def add(self, line: bytes) -> bool:
        """True where a batch was compressed."""
        self._batch.append(line)
        self._batch_bytes += len(line)
        if self._batch_bytes < BATCH_BYTES:
            return False
        self._packed += self._packer.compress(self._blanker.lines(self._batch))
        self.lines_bytes += self._batch_bytes
        self._batch.clear()
        self._batch_bytes = 0
        return True

    @property
    def size(self) -> int:
        return len(self._packed) + self._batch_bytes

    def packed(self) -> bytes:
        """All of it so far, as a member of a gzip file."""
        packer = self._packer.copy()
        rest = packer.compress(self._blanker.lines(self._batch)) if self._batch else b""
        return bytes(self._packed) + rest + packer.flush()


class Recorder:
    """salt: see `Blanker`; only recordings that must come out alike give one."""

    def __init__(self, bytes_max: int = BYTES_MAX, salt: bytes | None = None) -> None:
        self._bytes_max = bytes_max
        self._blanker = Blanker(os.urandom(16) if salt is None else salt)
        self._encoder = msgspec.json.Encoder()
        self._station: StationLike | None = None
        self._site: Site | None = None
        self._done: deque[tuple[bytes, int]] = deque()  # packed segments, and how many events each has
        self._done_bytes = 0
        self._segment: _Segment | None = None
        self._number = 0
        self._before = 0  # events in all segments that are done, also those that are gone
        self._full = False  # a batch was compressed: it may be time for a new segment
        self._gap_s: float | None = None  # since when a segment waits for its beginning
        self._mended_s: float | None = None  # when one began after a gap
        self._begun_s: float | None = None  # when the newest began; None: with the core
        self._complained = False

    def begin(self, station: StationLike, site: Site) -> None:
        """A core that was made just now, before its first event."""
        self._station, self._site = station, site
        self._gap_s = self._mended_s = self._begun_s = None
        self._guarded(self._begin_segment)

    def record(self, event: Event, now: Now, effects: Sequence[Effect]) -> None:
        """One step, after the core took it and before the next one. Costs a few microseconds; never raises."""
        if self._segment is not None:
            try:
                self._add(self._line(event, now, effects))
            except Exception as error:  # whatever is wrong with a recording, the station goes on
                self._gap(f"{type(event).__name__}: {type(error).__name__}: {error}", now)
        if self._station is not None and (self._gap_s is not None or self._full) and not _moves(effects):
            self._guarded(lambda: self._turn_over(now))

    def _line(self, event: Event, now: Now, effects: Sequence[Effect]) -> bytes:
        if not isinstance(event, FrameReceived):
            return self._encoder.encode((now.mono_s, now.wall_s, event, effects))
        if len(event.text) > LONG and (short := shortened(event, effects)) is not None:
            return self._encoder.encode((now.mono_s, now.wall_s, *short))
        if len(event.text) > LINE_MAX:  # not even encoded
            raise _TooLong(len(event.text))
        frame = BinaryFrame(event.text) if isinstance(event.text, bytes) else event
        return self._encoder.encode((now.mono_s, now.wall_s, frame, effects))

    def failed(self, event: Event, now: Now, error: BaseException) -> None:
        """The core raised: its state is not to be trusted from here on, so nothing follows until `begin`."""
        raised = {"raised": f"{type(error).__name__}: {error}"[:2_000]}
        self.record(event, now, raised)  # type: ignore[arg-type]
        self._guarded(self._end_segment)
        self._station = None
        self._full = False

    @property
    def events(self) -> int:
        """How many events are kept."""
        return sum(events for _, events in self._done) + (self._segment.events if self._segment else 0)

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._done_bytes + (self._segment.size if self._segment else 0)

    def recording(self, about: dict[str, Any]) -> bytes:
        """Everything that is kept, as the content of a .jsonl.gz file. about: what its first line tells of the station."""
        first = msgspec.json.encode({"journal": FORMAT, **about}) + b"\n"
        packer = zlib.compressobj(level=1, wbits=31)
        parts = [packer.compress(first) + packer.flush(), *(packed for packed, _ in self._done)]
        if self._segment is not None:
            parts.append(self._segment.packed())
        return b"".join(parts)

    def _add(self, line: bytes) -> None:
        segment = self._segment
        assert segment is not None
        if len(line) > LINE_MAX:
            raise _TooLong(len(line))
        segment.events += 1
        if segment.add(line):
            self._full = True

    def _turn_over(self, now: Now) -> None:
        """Begins a new segment where it is time, and forgets old ones where there is no room."""
        assert self._station is not None
        segment, self._full = self._segment, False
        if segment is None:
            self._mend(now.mono_s)
        else:
            room = max(self._bytes_max // 4, min(2 * segment.head_bytes, self._bytes_max // 2))
            due = segment.lines_bytes > SEGMENT_BYTES_MAX or segment.size > room
            if self._station.idle():
                due = due or segment.lines_bytes > SEGMENT_BYTES
            elif self._begun_s is not None and now.mono_s < self._begun_s + WAIT_S:
                due = segment.size > self._bytes_max // 2
            if due:
                self._begin_segment()
                self._begun_s = now.mono_s
        while self._done and self.size > self._bytes_max:
            packed, _ = self._done.popleft()
            self._done_bytes -= len(packed)

    def _mend(self, mono_s: float) -> None:
        """After a gap: begins with the state of now, at a moment that nobody minds."""
        assert self._station is not None
        assert self._gap_s is not None
        rested = self._mended_s is None or mono_s >= self._mended_s + PAUSE_S
        if mono_s >= self._gap_s + WAIT_S or (rested and self._station.idle()):
            self._begin_segment()
            self._gap_s, self._mended_s, self._begun_s = None, mono_s, mono_s

    def _begin_segment(self) -> None:
        assert self._station is not None
        self._end_segment()
        self._number += 1
        site = self._blanker.value(msgspec.to_builtins(self._site))
        whole = state.export(self._station, self._blanker)
        line = self._encoder.encode({"segment": self._number, "before": self._before, "site": site, "state": whole})
        if len(line) > STATE_MAX:
            raise state.NotPlain(f"the core's state has {len(line)} bytes; at most {STATE_MAX} are recorded")
        self._segment = _Segment(self._blanker, line)

    def _end_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            packed = segment.packed()
            self._before += segment.events
            self._done.append((packed, segment.events))
            self._done_bytes += len(packed)

    def _gap(self, why: str, now: Now) -> None:
        """What follows begins with a state after what is missing."""

        def mark() -> None:
            if self._segment is not None:
                self._segment.add(self._encoder.encode({"gap": why[:300]}))
                self._end_segment()
                self._gap_s = now.mono_s

        self._guarded(mark)

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except Exception as error:  # whatever is wrong with a recording, the station goes on
            self._segment = None
            self._station = None
            self._full = False
            if not self._complained:
                self._complained = True
                log.warning("the journal records nothing more until the next start: %s: %s", type(error).__name__, error)


def _moves(effects: Sequence[Effect]) -> bool:
    """The contactor waits until the step is recorded."""
    return any(isinstance(effect, OpenContactor | CloseContactor) for effect in effects)
