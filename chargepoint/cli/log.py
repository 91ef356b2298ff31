"""`chargepoint log`: what the station has written, readable: from the journal where it is, else from the running service."""

import argparse
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chargepoint.cli.common import (
    CommandError,
    Help,
    add_config_option,
    add_socket_option,
    clean,
    connector_number,
    control_socket,
)

UNIT = "chargepoint"
LINES = 100
LEVELS = ("debug", "info", "warning", "error", "critical")
PRIORITIES = {0: "critical", 1: "critical", 2: "critical", 3: "error", 4: "warning", 5: "info", 6: "info", 7: "debug"}
LINE = re.compile(r"(\S+) (DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(.*)", re.DOTALL)
AGO = re.compile(r"(\d{1,6})(s|m|h|d)\Z")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DESCRIPTION = """\
Shows what the station has written, the newest last. Takes the journal of systemd where this user may read it, which goes back
over restarts; otherwise asks the running service for its newest lines."""
EPILOG = """\
examples:
  chargepoint log                                    the newest lines
  chargepoint log --connector 1 --since 2h           connector 1, the last two hours
  chargepoint log --level warning --since 2026-11-01
  chargepoint log --follow

Security events have a log of their own: chargepoint security-log. What the messages mean: docs/faults.md.
"""

Entry = tuple[str, str, str, str]
"""When, level, connector ("" for none), text."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "log", help="what the station has written", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--connector", type=connector_number, metavar="N", help="only lines about this connector")
    parser.add_argument("--since", type=instant, metavar="TIME", help="from then on: 30m, 2h, 3d, or 2026-11-01[T08:00] (UTC)")
    parser.add_argument("--level", choices=LEVELS, default="info", help="this level and worse (default: info)")
    parser.add_argument("--lines", type=_lines, default=LINES, metavar="N", help=f"at most so many (default: {LINES})")
    parser.add_argument("--follow", "-f", action="store_true", help="and what is written from now on, until Ctrl-C")
    parser.add_argument("--service", action="store_true", help="ask the service, though there is a journal")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    wanted = _wanted(arguments)
    if not arguments.service and _has_journal():
        entries: Iterable[Entry] = _journal(arguments)
    else:
        entries = _service(arguments)
    shown = 0
    for entry in entries:
        if wanted(entry):
            print(as_line(entry), flush=arguments.follow)
            shown += 1
    if not shown and not arguments.follow:
        print("nothing was written that fits")
    return 0


def as_line(entry: Entry) -> str:
    when, level, _, text = entry
    lines = [clean(line, 4_000) for line in text.split("\n")]
    return f"{clean(when, 40)}  {level.ljust(8)}  " + "\n    ".join(lines)


def _wanted(arguments: argparse.Namespace) -> Callable[[Entry], bool]:
    least = LEVELS.index(arguments.level)
    connector = None if arguments.connector is None else str(arguments.connector)

    def fits(entry: Entry) -> bool:
        return LEVELS.index(entry[1]) >= least and (connector is None or entry[2] == connector)

    return fits


def entry_of(when: str, level: str, text: str, connector: str = "") -> Entry:
    """The connector is the one that the text begins with, where no field names it."""
    found = re.match(r"connector (\d+)\b", text) or re.search(r"\b(?:contactor|meter|pilot|lock|indicator) (\d+)\b", text)
    return when, level, connector or (found[1] if found else ""), text


# The journal


def _has_journal() -> bool:
    if shutil.which("journalctl") is None:
        return False
    command = ["journalctl", "--unit", UNIT, "--lines", "1", "--output", "cat", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)  # noqa: S603 - our own words
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _journal(arguments: argparse.Namespace) -> Iterator[Entry]:
    command = ["journalctl", "--unit", UNIT, "--output", "json", "--quiet"]
    # Which of them fit is seen here: the newest N of the journal need not be about this connector.
    command += ["--since", f"@{arguments.since:.0f}"] if arguments.since is not None else ["--lines", str(arguments.lines * 20)]
    found = [entry for line in _lines_of(command) if (entry := journal_entry(line)) is not None]
    yield from [entry for entry in found if _wanted(arguments)(entry)][-arguments.lines :]
    if arguments.follow:
        for line in _lines_of([*command[:-2], "--follow", "--lines", "0"]):
            entry = journal_entry(line)
            if entry is not None:
                yield entry


def _lines_of(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield from process.stdout
        finally:
            process.terminate()


def journal_entry(line: str) -> Entry | None:
    """A line of `journalctl --output json`; None where it is none."""
    try:
        fields = json.loads(line)
        at_s = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
        text = fields["MESSAGE"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if isinstance(text, list):  # bytes that are no text
        text = bytes(byte for byte in text if isinstance(byte, int) and 0 <= byte < 256).decode("utf-8", "replace")
    priority = str(fields.get("PRIORITY", "6"))
    level = PRIORITIES.get(int(priority) if priority.isdecimal() else 6, "info")
    return entry_of(_date(at_s), level, str(text), str(fields.get("CONNECTOR", "")))


# The service


def _service(arguments: argparse.Namespace) -> Iterator[Entry]:
    from chargepoint.cli.control_client import ControlClient, ControlError

    with ControlClient(control_socket(arguments)) as client:
        answer = client.request("log", since_s=arguments.since, limit=5_000)
        lines = answer.get("lines")
        if not isinstance(lines, list):
            raise CommandError("the service's answer has no lines; is it the same version as this command?")
        found = [service_entry(str(line)) for line in lines]
        yield from [entry for entry in found if _wanted(arguments)(entry)][-arguments.lines :]
        if not arguments.follow:
            return
        try:
            for event in client.events():
                if event.get("event") == "log":
                    level = str(event.get("level"))
                    now = _date(datetime.now(UTC).timestamp())
                    yield entry_of(now, level if level in LEVELS else "info", str(event.get("text")))
        except ControlError as error:
            raise CommandError(str(error)) from error


def service_entry(line: str) -> Entry:
    match = LINE.match(line)
    return entry_of(match[1], match[2].lower(), match[3]) if match else entry_of("", "info", line)


def _date(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def instant(text: str) -> float:
    """30m, 2h, 3d ago, or a date; seconds since 1970."""
    ago = AGO.match(text)
    try:
        if ago is not None:
            found = datetime.now(UTC) - timedelta(seconds=int(ago[1]) * SECONDS[ago[2]])
        else:
            found = datetime.fromisoformat(text)
        return max(0.0, (found.replace(tzinfo=UTC) if found.tzinfo is None else found).timestamp())
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30m, 2h, 3d or 2026-11-01T08:00") from error


def _lines(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:8]) <= 100_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100000")
    return int(text)
