"""`chargepoint run`: the station itself, in the foreground, for a service manager or a terminal."""

import argparse
from typing import Any

from chargepoint.cli.common import Help, add_config_option, config_path
from chargepoint.cli.station import EXIT_CONFIG, be

DESCRIPTION = """\
Runs the station until SIGTERM or an OCPP Reset. Checks the whole configuration first; a wrong one starts nothing, but a part
whose own settings are wrong is only left out: its connector is Faulted and says why."""
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
    return be(config_path(arguments))
