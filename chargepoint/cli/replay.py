"""`chargepoint replay`: a recording once more through the core, up to the first difference."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import CommandError, Help, clean

if TYPE_CHECKING:
    from chargepoint.journal.recording import About, Line
    from chargepoint.journal.replay import Difference, Replayed

EXIT_DIFFERENT = 1
EXIT_UNREADABLE = 65  # EX_DATAERR of sysexits(3)
SHOWN_MAX = 500
SHOWN_BEFORE = 120
SHORT_MAX = 160

DESCRIPTION = """\
Runs a recording (see chargepoint journal) through this program's core: every event at its time, and what the core answers held
against what was recorded. Shows the first difference. Nothing is opened but the file: no hardware, no database, no network.
"""
EPILOG = f"""\
Exit status: 0 the same, {EXIT_DIFFERENT} there is a difference, {EXIT_UNREADABLE} the file cannot be replayed.

examples:
  chargepoint replay journal-0001.jsonl.gz
  chargepoint replay --json journal-0001.jsonl.gz
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "replay",
        help="run a recording through the core",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    parser.add_argument("file", metavar="FILE", help="a recording")
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.journal import program
    from chargepoint.journal.recording import BadRecording, read
    from chargepoint.journal.replay import replay

    try:
        about, lines = read(Path(arguments.file))
        same_program = about.program == program.digest()
        if not arguments.json:
            print("\n".join(_head(about, same_program)))
        replayed = replay(lines)
    except BadRecording as error:
        raise CommandError(clean(error, 600), EXIT_UNREADABLE) from error
    if arguments.json:
        print(json.dumps(as_json(replayed, about, same_program)))
    else:
        print("\n".join(as_lines(replayed)))
    return EXIT_DIFFERENT if replayed.difference else 0


def as_lines(replayed: "Replayed") -> Iterator[str]:
    """The outcome as text."""
    if replayed.forgotten:
        yield f"It begins after event {replayed.forgotten}, with the state that the station had then."
    for gap in replayed.gaps[:10]:
        yield f"There is a gap in it: {clean(gap, 300)}"
    difference = replayed.difference
    if difference is None:
        yield f"the same: {replayed.events} events had the effects that were recorded"
        return
    yield f"{replayed.events - 1} events were the same."
    yield ""
    for number, line in difference.before:
        yield f"  {_event(number, line)}"
    yield f"> {_event(difference.number, difference.line)}"
    yield ""
    place, expected, got = _difference(difference)
    yield f"effect {place} differs"
    yield f"  recorded: {expected}"
    yield f"  now:      {got}"


def as_json(replayed: "Replayed", about: "About", same_program: bool) -> dict[str, Any]:
    """The outcome for programs."""
    body: dict[str, Any] = {
        "station": about.station,
        "version": about.version,
        "same_program": same_program,
        "events": replayed.events,
        "forgotten": replayed.forgotten,
        "gaps": list(replayed.gaps),
        "difference": None,
    }
    if replayed.difference is not None:
        difference = replayed.difference
        place, expected, got = _difference(difference)
        body["difference"] = {
            "event": difference.number,
            "mono_s": difference.line.mono_s,
            "wall_s": difference.line.wall_s,
            "what": _what(difference.line),
            "effect": place,
            "recorded": expected,
            "now": got,
        }
    return body


def _head(about: "About", same_program: bool) -> Iterator[str]:
    written = f", written {clean(about.written, 40)}" if about.written else ""
    why = f" ({clean(about.why, 60)})" if about.why else ""
    yield f"recording of {clean(about.station, 60)}, version {clean(about.version, 40)}{written}{why}"
    if not same_program:
        yield "It was recorded by another program than this one: a difference may be what was changed since."


def _difference(difference: "Difference") -> tuple[int, str, str]:
    """The place, and both effects from a little before the letter in which they part."""
    from chargepoint.journal.replay import first_difference

    place, expected, got = first_difference(difference.expected, difference.got)
    apart = next((at for at, (one, other) in enumerate(zip(expected, got, strict=False)) if one != other), 0)
    start = max(0, apart - SHOWN_BEFORE) if max(len(expected), len(got)) > SHOWN_MAX else 0
    mark = "... " if start else ""
    return place, mark + clean(expected[start:], SHOWN_MAX), mark + clean(got[start:], SHOWN_MAX)


def _event(number: int, line: "Line") -> str:
    """One line: when, and what."""
    at = f"{line.mono_s:.3f} s"
    if line.wall_s is not None and 0 <= line.wall_s < 1e11:
        at += f" ({datetime.fromtimestamp(line.wall_s, UTC).isoformat(timespec='milliseconds')})"
    return f"event {number} at {at}: {clean(_what(line), SHORT_MAX)}"


def _what(line: "Line") -> str:
    import msgspec

    return msgspec.json.encode(line.event).decode()
