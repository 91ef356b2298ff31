"""`chargepoint ledger`: the sessions that this station has had, newest first, as table, CSV or JSON."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chargepoint.cli.common import CommandError, Help, add_config_option, add_socket_option, clean, columns, kwh
from chargepoint.cli.kept import Row, pages

DESCRIPTION = """\
Lists the sessions of this station, newest first: what was counted, and whether the Central System has it. Asks the running
service; while it is stopped, reads its database."""
EPILOG = """\
SENT says how far StartTransaction and StopTransaction have come: confirmed, queued, or dead (see chargepoint dead-letters).

examples:
  chargepoint ledger                                  the newest 50 sessions
  chargepoint ledger --since 2026-11-01 --csv > november.csv
  chargepoint ledger --limit 1 --json
"""
LIMIT = 50
LIMIT_MAX = 1_000_000
HEADS = ("NO", "CONNECTOR", "CARD", "BEGAN", "ENDED", "ENERGY", "REASON", "TRANSACTION", "SENT")
NUMBERS = frozenset({0, 5})


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "ledger",
        help="the sessions of this station",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated, every column, for a spreadsheet")
    form.add_argument("--json", action="store_true", help="a JSON list, every field")
    parser.add_argument("--limit", type=_limit, metavar="N", help=f"at most N sessions (default: {LIMIT}; with --since, all)")
    parser.add_argument(
        "--since", type=_instant, metavar="DATE", help="only sessions begun then or later, UTC: 2026-11-01[T08:00]"
    )
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    limit = arguments.limit or (LIMIT if arguments.since is None else LIMIT_MAX)
    rows = list(islice(_since(pages(arguments, "ledger", "sessions", _stopped), arguments.since), limit))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif arguments.csv:
        write_csv(rows)
    else:
        print("\n".join(as_lines(rows)))
    return 0


def as_lines(rows: list[Row]) -> list[str]:
    """The sessions as a table, and their sum."""
    if not rows:
        return ["no sessions"]
    energy_wh = sum(row["energy_wh"] for row in rows if isinstance(row.get("energy_wh"), int | float))
    lines = columns([HEADS, *(_cells(row) for row in rows)], NUMBERS)
    return [*lines, "", f"{len(rows)} session{'' if len(rows) == 1 else 's'}, {kwh(energy_wh)}"]


def write_csv(rows: list[Row]) -> None:
    """Every column on standard output. Text that a spreadsheet would take for a formula is led by an apostrophe."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_cell(row.get(name)) for name in names] for row in rows)


def _csv_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _cells(row: Row) -> list[str]:
    ended = _said(row.get("ended")) if row.get("ended") else ("runs" if row.get("stop_reason") is None else "-")
    return [
        _said(row.get("key")),
        _said(row.get("connector")),
        _said(row.get("id_tag")),
        _said(row.get("began") or "before the time was known"),
        ended,
        kwh(row.get("energy_wh")),
        _said(row.get("stop_reason")),
        _said(row.get("transaction_id")),
        _sent(row),
    ]


def _sent(row: Row) -> str:
    start, stop = row.get("start_delivery"), row.get("stop_delivery")
    if stop is None or start == stop:
        return _said(start)
    return f"start {_said(start)}, stop {_said(stop)}"


def _said(value: Any) -> str:
    return "-" if value is None or value == "" else clean(value, 40)


def _since(rows: Iterable[Row], since: datetime | None) -> Iterator[Row]:
    """The rows begun at or after an instant; one whose time is not known yet is new, and stays."""
    for row in rows:
        began = row.get("began")
        if since is None or not isinstance(began, str) or _utc(datetime.fromisoformat(began)) >= since:
            yield row


def _stopped(database: Any, limit: int, offset: int) -> list[Row]:
    from chargepoint.store import reading

    try:
        return reading.ledger(database, limit, offset)
    except reading.Unreadable as error:
        raise CommandError(str(error)) from error


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if not 1 <= number <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LIMIT_MAX}")
    return number


def _instant(text: str) -> datetime:
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-11-01 or 2026-11-01T08:00") from error


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
