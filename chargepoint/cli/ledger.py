"""`chargepoint ledger`: the sessions that this station has had, newest first, as table, CSV or JSON."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from chargepoint.cli.common import Help, add_config_option, add_socket_option, clean, columns, kwh
from chargepoint.cli.kept import Row, ask, rows_of

DESCRIPTION = """\
Lists the sessions of this station, newest first: when, what was counted, and whether the Central System has it. Asks the
running service; while it is stopped, reads its database."""
EPILOG = """\
SENT says how far StartTransaction and StopTransaction have come: confirmed, queued, or dead (see chargepoint dead-letters).

examples:
  chargepoint ledger                                  the newest 50 sessions
  chargepoint ledger --since 2026-11-01 --csv > november.csv
  chargepoint ledger --limit 1 --json
"""
LIMIT = 50
PAGE = 500
LIMIT_MAX = 1_000_000
HEADS = ("NO", "CONNECTOR", "CARD", "BEGAN", "ENDED", "ENERGY", "REASON", "TRANSACTION", "SENT")
NUMBERS = frozenset({0, 5})
UNDATED = "not dated yet"
COLUMNS = (
    "key", "connector", "id_tag", "started", "stopped", "energy_wh", "meter_start_wh", "meter_stop_wh", "reason",
    "transaction_id", "start_delivery", "stop_delivery",
)  # fmt: skip


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

    def taken(page: Callable[[int], list[Row]]) -> list[Row]:
        return list(islice(_since(_paged(page), arguments.since), limit))

    sessions = ask(
        arguments,
        lambda client: taken(lambda offset: rows_of(client.request("ledger", limit=PAGE, offset=offset), "sessions")),
        lambda state_dir: taken(lambda offset: _stopped(state_dir, offset)),
    )
    if arguments.json:
        print(json.dumps(sessions, indent=2))
    elif arguments.csv:
        write_csv(sessions)
    else:
        print("\n".join(as_lines(sessions)))
    return 0


def as_lines(sessions: list[Row]) -> list[str]:
    """The sessions as a table, and their sum."""
    if not sessions:
        return ["no sessions"]
    energy_wh = sum(row["energy_wh"] for row in sessions if isinstance(row.get("energy_wh"), int | float))
    lines = columns([HEADS, *(_cells(row) for row in sessions)], NUMBERS)
    return [*lines, "", f"{len(sessions)} session{'' if len(sessions) == 1 else 's'}, {kwh(energy_wh)}"]


def write_csv(sessions: list[Row]) -> None:
    """Every column on standard output, their names also where there is no session. Text that a spreadsheet would take for a
    formula is led by an apostrophe.
    """
    names = list(dict.fromkeys((*COLUMNS, *(name for row in sessions for name in row))))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_cell(row.get(name)) for name in names] for row in sessions)


def _csv_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _cells(row: Row) -> list[str]:
    ended = _said(row.get("stopped")) if row.get("stopped") else ("runs" if row.get("reason") is None else UNDATED)
    return [
        _said(row.get("key")),
        _said(row.get("connector")),
        _said(row.get("id_tag")),
        _said(row.get("started") or UNDATED),
        ended,
        kwh(row.get("energy_wh")),
        _said(row.get("reason")),
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


def _since(sessions: Iterable[Row], since: datetime | None) -> Iterator[Row]:
    """The rows begun at or after an instant; one whose time is not known yet is new, and stays."""
    for row in sessions:
        began = row.get("started")
        if since is None or not isinstance(began, str) or _utc(datetime.fromisoformat(began)) >= since:
            yield row


def _paged(page: Callable[[int], list[Row]]) -> Iterator[Row]:
    offset = 0
    while True:
        found = page(offset)
        yield from found
        if len(found) < PAGE:
            return
        offset += len(found)


def _stopped(state_dir: Path, offset: int) -> list[Row]:
    from chargepoint.store import reading

    return reading.ledger(state_dir, PAGE, offset)


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if not 1 <= number <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LIMIT_MAX}")
    return number


def _instant(text: str) -> datetime:
    try:
        return _utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-11-01 or 2026-11-01T08:00") from error


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
