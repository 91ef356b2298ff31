"""`chargepoint security-log`: what happened at this station that concerns security, newest first, as table or JSON."""

import argparse
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from chargepoint.cli.common import Help, add_config_option, add_socket_option, clean, columns
from chargepoint.cli.kept import Row, ask, rows_of

DESCRIPTION = """\
Lists the security log of this station, newest first: what happened, and whether the Central System was told. Asks the running
service; while it is stopped, reads its database."""
EPILOG = """\
TOLD: yes, no (the event stays here), or waits (for the Central System). The newest 250 of each kind are kept.

examples:
  chargepoint security-log                            the newest 50 events
  chargepoint security-log --limit 1000 --json
"""
LIMIT = 50
PAGE = 500
LIMIT_MAX = 100_000
HEADS = ("NO", "TIME (UTC)", "EVENT", "TOLD", "WHAT")


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "security-log",
        help="what happened here that concerns security",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--json", action="store_true", help="a JSON list, every field")
    parser.add_argument("--limit", type=_limit, default=LIMIT, metavar="N", help=f"at most N events (default: {LIMIT})")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    def taken(page: Callable[[int], list[Row]]) -> list[Row]:
        rows: list[Row] = []
        while len(rows) < arguments.limit:
            found = page(len(rows))
            rows += found
            if len(found) < PAGE:
                break
        return list(islice(rows, arguments.limit))

    events = ask(
        arguments,
        lambda client: taken(lambda offset: rows_of(client.request("security_log", limit=PAGE, offset=offset), "events")),
        lambda state_dir: taken(lambda offset: _stopped(state_dir, offset)),
    )
    print(json.dumps(events, indent=2) if arguments.json else "\n".join(as_lines(events)))
    return 0


def as_lines(events: list[Row]) -> list[str]:
    """The events as a table."""
    if not events:
        return ["no events"]
    return columns([HEADS, *(_cells(row) for row in events)], frozenset({0}))


def _cells(row: Row) -> list[str]:
    told = "waits" if row.get("owed") else "yes" if row.get("told") else "no"
    return [
        clean(row.get("seq"), 20),
        clean(row.get("time") or "not dated yet", 20),
        clean(row.get("event"), 40),
        told,
        clean(row.get("info") or "", 100),
    ]


def _stopped(state_dir: Path, offset: int) -> list[Row]:
    from chargepoint.store import reading

    return reading.security_log(state_dir, PAGE, offset)


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if not 1 <= number <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LIMIT_MAX}")
    return number
