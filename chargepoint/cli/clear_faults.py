"""`chargepoint clear-faults`: an installer has mended what a connector was taken out of use for."""

import argparse
import getpass
import os
from typing import Any

from chargepoint.cli.common import Help, add_config_option, add_socket_option, clean, connector_number, control_socket

DESCRIPTION = """\
A welded or stuck contactor and a failed self test of the RCD keep a connector Faulted, over restarts and power cuts, until
somebody has looked at it and says so here. Mend the cause first: what can still be seen is not cleared. Who cleared what, and
when, is in the log."""
EPILOG = """\
examples:
  chargepoint status                       which connectors are Faulted, and why
  chargepoint clear-faults 1               connector 1 was mended and may charge again

docs/faults.md says of every fault what it means and what to do.
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "clear-faults",
        help="a connector was mended and may charge again",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("connector", type=connector_number, metavar="CONNECTOR", help="its number")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.cli.control_client import ControlClient

    with ControlClient(control_socket(arguments)) as client:
        answer = client.request("clear_faults", connector=arguments.connector, by=_user())
    cleared = answer.get("cleared")
    names = ", ".join(clean(name, 40) for name in cleared) if isinstance(cleared, list) else "all"
    print(f"connector {arguments.connector}: cleared {names}")
    return 0


def _user() -> str:
    """Who asks; behind sudo, who did."""
    if name := os.environ.get("SUDO_USER"):
        return name[:30]
    try:
        return getpass.getuser()[:30]
    except (KeyError, OSError):  # a user without a name
        return f"user {os.getuid()}"
