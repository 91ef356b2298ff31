"""Replay: a recording once more through the core, up to the first difference.

Owns the comparison: effects are compared as they were written down, so a difference is one that the world would have seen. The
core has no clock and no chance in it, so with the same program there is none; with a mended program the first difference is
the mending, or what it broke.
"""

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import msgspec

from chargepoint.core.records import BootRecord, Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.journal import state
from chargepoint.journal.recording import BadRecording, Gap, Head, Line

EVENT_S = 10.0  # a recording may hold anything: no event may take longer
CONTEXT = 5

_ENCODER = msgspec.json.Encoder()


class Difference(msgspec.Struct, frozen=True):
    """The first event whose effects were others. number: counted from the station's first. expected, got: effects as JSON.

    before: some lines that were the same, the newest last.
    """

    number: int
    line: Line
    expected: bytes
    got: bytes
    before: tuple[tuple[int, Line], ...]


class Replayed(msgspec.Struct, frozen=True):
    """events: how many were replayed. forgotten: how many are older than the recording. difference: None: all were the same."""

    events: int
    segments: int
    forgotten: int
    gaps: tuple[str, ...]
    difference: Difference | None = None


class TooSlow(BaseException):
    """An event kept the core busy for longer than any may. No Exception: nothing in the core may catch it."""


def replay(lines: Iterable[Head | Line | Gap]) -> Replayed:
    """Runs a recording through the core. Raises BadRecording where it cannot go on."""
    station: Station | None = None
    number = events = segments = forgotten = 0
    gaps: list[str] = []
    before: deque[tuple[int, Line]] = deque(maxlen=CONTEXT)
    for line in lines:
        match line:
            case Head():
                segments += 1
                number = line.before
                forgotten = number if segments == 1 else forgotten
                station = station_of(line.site, line.state)
            case Gap(gap=why):
                gaps.append(why)
                station = None
            case Line():
                number += 1
                events += 1
                if station is None:
                    raise BadRecording(f"event {number} has no segment's beginning before it")
                got = _handled(station, line)
                expected = bytes(line.effects)
                if got != expected:
                    difference = Difference(number, line, expected, got, tuple(before))
                    return Replayed(events, segments, forgotten, tuple(gaps), difference)
                before.append((number, line))
    return Replayed(events, segments, forgotten, tuple(gaps))


def station_of(site: Site, exported: state.Node) -> Station:
    """A core in a state that was written down. Raises BadRecording."""
    empty = Snapshot(
        run=0, boots=(BootRecord(boot=1, kernel_boot_id="", first_mono_s=0, last_mono_s=0),), keys={}, stop_samples={}
    )
    try:
        station = Station(empty, site)
        state.restore(station, exported)
    except state.NotState as error:
        raise BadRecording(f"the state in it does not fit this program ({error})") from error
    except Exception as error:  # a site that no settings file could have described
        raise BadRecording(f"the station in it cannot be ({type(error).__name__}: {error})") from error
    return station


def first_difference(expected: bytes, got: bytes) -> tuple[int, str, str]:
    """The place (counted from 1) of the first effect that differs, and the two, as JSON; "nothing" where there is none."""
    ours, theirs = _effects(got), _effects(expected)
    for place in range(max(len(ours), len(theirs))):
        one, other = (effects[place] if place < len(effects) else "nothing" for effects in (theirs, ours))
        if one != other:
            return place + 1, one, other
    return 0, "", ""


def _effects(encoded: bytes) -> list[str]:
    """Each for itself; what a harmed recording has in their place as it is."""
    try:
        value = msgspec.json.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [encoded.decode("utf-8", "replace")]
    return [msgspec.json.encode(effect).decode() for effect in (value if isinstance(value, list) else [value])]


def _handled(station: Station, line: Line) -> bytes:
    """The effects as the recorder would have written them down."""
    try:
        with _in_time():
            return _ENCODER.encode(station.handle(line.what(), Now(line.mono_s, line.wall_s)))
    except TooSlow:
        raise BadRecording(f"the core is busy with one event for more than {EVENT_S:g} s: {line.event}"[:500]) from None
    except Exception as error:
        return _ENCODER.encode({"raised": f"{type(error).__name__}: {error}"[:2_000]})


@contextmanager
def _in_time() -> Iterator[None]:
    """Raises TooSlow after EVENT_S, in the main thread of a program; elsewhere it takes what it takes."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    try:
        before = signal.signal(signal.SIGALRM, ring)
    except ValueError:  # not in the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, EVENT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
