"""`chargepoint run`: the station itself, in the foreground, for a service manager or a terminal."""

import argparse
import contextlib
import gc
import sys
from pathlib import Path
from typing import Any

from chargepoint.cli.common import EXIT_CONFIG, Help, add_config_option, config_path

DESCRIPTION = (
    "Runs the station until SIGTERM or an OCPP Reset. Checks the whole configuration first; a wrong one starts nothing."
)
EPILOG = f"""\
Exit status: {EXIT_CONFIG} where the configuration is wrong (starting again does not help), else what the service says; a
Reset by the Central System has its own, on which a service manager starts the station again.

example:
  chargepoint run --config station.toml
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="be the station",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    gc.disable()  # what a start loads stays: looking through it again and again for garbage is a twelfth of its time
    try:
        return _run(config_path(arguments))
    finally:
        gc.enable()


def _run(path: Path) -> int:
    from chargepoint.registry import check_file

    checked = check_file(path, starting=True)
    if checked.settings is None:
        for problem in checked.problems:
            print(problem, file=sys.stderr)
        print(f"chargepoint run: not started, the configuration has {len(checked.problems)} problem(s)", file=sys.stderr)
        return EXIT_CONFIG

    from chargepoint.shell.service import main

    return int(main(checked.settings, _collect_again, path))


def _collect_again() -> None:
    """From now on garbage is looked for; what a start left of it goes back to the system, and the rest is none."""
    import ctypes

    gc.collect()
    gc.freeze()
    gc.enable()
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)
