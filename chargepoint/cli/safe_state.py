"""`chargepoint safe-state`: every contactor open, whatever became of the station's process."""

import argparse
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import EXIT_PROBLEM, CommandError, Help, add_config_option, config_path

if TYPE_CHECKING:
    from chargepoint.failsafe import Outcome

LIMIT_S = 3.0  # for what hangs outside of the parts; a slow card is not cut off in its imports
DESCRIPTION = """\
Opens every contactor that the configuration names, withdraws the pilot's offer, and releases or keeps locked plugs as each
lock's on_failure says. It asks no running station and needs neither database nor network: it is for the moment after the
station's process is gone, when a Raspberry Pi's kernel keeps every output as it was. The unit runs it as ExecStopPost.

A part that fails does not keep the others. Of a file with mistakes it uses whatever it can read. While the station runs, its
lines are held by it: stop the service first."""
EPILOG = """\
Exit status: 0 everything that the file names is safe, 1 something is not: cut the power, 2 wrong usage.

example:
  chargepoint safe-state --config station.toml
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "safe-state",
        help="open every contactor, the station being gone",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    path = config_path(arguments)
    limit = threading.Timer(LIMIT_S, _late)
    limit.daemon = True
    limit.start()
    try:
        outcomes, doubtful = _made_safe(path)
    finally:
        limit.cancel()
    status = _verdict(outcomes, doubtful)
    if any(outcome.hung for outcome in outcomes):
        _leave(status)  # the interpreter would wait for the thread that hangs
    return status


def _made_safe(path: Path) -> "tuple[list[Outcome], bool]":
    """What became of every part; whether there may be more that could not be read."""
    from chargepoint.failsafe import read

    try:
        readable = read(path)
    except OSError as error:
        raise CommandError(f"NOT SAFE: {path} cannot be read ({error.strerror or error}); cut the power") from error
    if readable.trouble:
        print(readable.trouble, flush=True)
    return _outcomes(readable.document), bool(readable.trouble)


def _outcomes(document: dict[str, Any]) -> "list[Outcome]":
    import asyncio

    from chargepoint.failsafe import make_safe

    def tell(outcome: "Outcome") -> None:
        print(f"{outcome.section}: {outcome.words}", flush=True)

    loop = asyncio.new_event_loop()  # closed without waiting for threads: asyncio.run would
    try:
        return loop.run_until_complete(make_safe(document, tell))
    finally:
        loop.close()


def _verdict(outcomes: "list[Outcome]", doubtful: bool) -> int:
    unsafe = [outcome.section for outcome in outcomes if not outcome.safe]
    contactors = sum(outcome.section.endswith(".contactor") for outcome in outcomes)
    if unsafe:
        print(f"NOT SAFE: {', '.join(unsafe)}. Cut the power.")
    elif not contactors or doubtful:
        named = f"{contactors} contactor{'' if contactors == 1 else 's'}"
        print(f"NOT SAFE: only {named} could be read of the configuration; there may be more. Cut the power.")
        return EXIT_PROBLEM
    else:
        print(f"safe: {contactors} contactor{'' if contactors == 1 else 's'} open")
    return EXIT_PROBLEM if unsafe else 0


def _late() -> None:
    print(f"NOT SAFE: a driver holds this up for more than {LIMIT_S:g} s. Cut the power.", flush=True)
    _leave(EXIT_PROBLEM)


def _leave(status: int) -> None:
    os._exit(status)
