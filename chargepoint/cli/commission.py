"""`chargepoint commission`: takes over the configuration that was laid on the card, and tells there what came of it."""

import argparse
from pathlib import Path
from typing import Any

from chargepoint.cli.common import SYSTEM_CONFIG, CommandError, Help

CARDS = (Path("/boot/firmware"), Path("/boot"))
NAME = "chargepoint.toml"
DESCRIPTION = f"""\
Looks for {NAME} on the card's FAT partition, where any laptop can lay it. One that is new or changed is
checked as check-config does it, and taken over. What is wrong with it stands in chargepoint-error.txt beside it, and
the station goes on with the configuration that it has. Secrets leave the card: it can be read by whoever has it. The
service does this at every start of the machine."""
EPILOG = """\
Exit status: 0 taken over, or nothing to do, 1 the file is wrong or cannot be taken over, 2 wrong usage.

examples, as root:
  chargepoint commission                       take over what lies on the card
  chargepoint commission --status              only write chargepoint-status.txt anew
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "commission",
        help="take over the configuration on the card's FAT partition",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    parser.add_argument("--card", metavar="FOLDER", help="the FAT partition (default: /boot/firmware, else /boot)")
    parser.add_argument("--config", metavar="FILE", help=f"what it is taken over into (default: {SYSTEM_CONFIG})")
    parser.add_argument("--light", action="store_true", help="show a wrong file at the connectors' lights, as the service does")
    parser.add_argument(
        "--status", action="store_true", help="take nothing over, write chargepoint-status.txt: address, identity, state"
    )
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    card = Path(arguments.card) if arguments.card else next((path for path in CARDS if path.is_dir()), CARDS[0])
    config = Path(arguments.config) if arguments.config else SYSTEM_CONFIG
    if config.name != NAME:
        raise CommandError(f"{config}: must be called {NAME}", 2)
    if not card.is_dir():
        raise CommandError(f"{card}: there is no such folder; name the card's with --card")
    from chargepoint.cli import card as work

    if arguments.status:
        return work.write_status(card, config)
    try:
        return work.commission(card, config, light=arguments.light)
    finally:
        if arguments.light:
            from chargepoint.shell.notify import ServiceManager

            ServiceManager().ready()
