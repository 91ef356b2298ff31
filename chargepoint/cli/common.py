"""What the commands share: the option for the configuration, exit statuses, and text that is fit for a terminal."""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

EXIT_PROBLEM = 1
EXIT_USAGE = 2
EXIT_NOT_RUNNING = 3
EXIT_INTERRUPTED = 130

SYSTEM_CONFIG = Path("/etc/chargepoint/chargepoint.toml")
LOCAL_CONFIG = Path("chargepoint.toml")
CONFIG_HELP = f"--config FILE, else $CHARGEPOINT_CONFIG, else {SYSTEM_CONFIG}, else ./{LOCAL_CONFIG}"


class CommandError(Exception):
    """A command cannot do its work: a sentence for a person, and the exit status."""

    def __init__(self, text: str, status: int = EXIT_PROBLEM) -> None:
        super().__init__(text)
        self.status = status


class Help(argparse.RawDescriptionHelpFormatter):
    """Help as written, with room for the longest command's name beside its text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the station's configuration (default: see chargepoint --help)")


def add_socket_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--socket", metavar="PATH", help="the service's control socket (default: as the configuration says)")


def config_path(arguments: argparse.Namespace, *, missing_ok: bool = False) -> Path:
    """The configuration to use; raises CommandError (usage) where none is named and none lies in the usual places.

    missing_ok: then it is the system's, be it there or not.
    """
    if arguments.config:
        return Path(arguments.config)
    if named := os.environ.get("CHARGEPOINT_CONFIG"):
        return Path(named)
    for path in (SYSTEM_CONFIG, LOCAL_CONFIG):
        if is_there(path):
            return path
    if missing_ok:
        return SYSTEM_CONFIG
    nowhere = f"no configuration: neither {SYSTEM_CONFIG} nor ./{LOCAL_CONFIG} is there"
    raise CommandError(f"{nowhere}; make one with chargepoint setup, or name one with --config", EXIT_USAGE)


def is_there(path: Path) -> bool:
    """Whether a file is there; raises CommandError where this user may not look."""
    try:
        path.stat()
    except PermissionError as error:
        raise CommandError(
            f"{path}: this user may not look there. Use sudo, or join the group chargepoint "
            '(sudo usermod -aG chargepoint "$USER") and log in again'
        ) from error
    except OSError:
        return False
    return True


def control_socket(arguments: argparse.Namespace) -> str:
    """Where the service listens: as the option says, else as the configuration says."""
    if arguments.socket:
        return str(arguments.socket)
    from chargepoint.settings import SettingsError, control_socket_of

    try:
        return control_socket_of(config_path(arguments))
    except SettingsError as error:
        raise CommandError(str(error)) from error


def connector_number(text: str) -> int:
    """The number of a connector, for an option."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= 32):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a connector (1 to 32)")
    return int(text)


def clean(value: object, length: int = 200) -> str:
    """A value as one line of text that no terminal acts on; what a peer sent may contain anything."""
    from chargepoint.tables import printable

    return printable(str(value), length)


def columns(rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as lines of aligned columns, the first row being the heads; columns in `right` are aligned to the right."""
    table = [list(row) for row in rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    lines = []
    for row in table:
        sized = enumerate(zip(row, widths, strict=True))
        lines.append("  ".join(cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in sized).rstrip())
    return lines


def number(value: Any) -> float | None:
    """The value where it is a number that can be shown, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 else None


def kwh(value_wh: Any) -> str:
    amount = number(value_wh)
    return "-" if amount is None else f"{amount / 1000:.3f} kWh"


def duration(value_s: Any) -> str:
    """Seconds as h:mm:ss, with days where there are any."""
    amount = number(value_s)
    if amount is None or amount < 0:
        return "-"
    minutes, seconds = divmod(int(amount), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours}:{minutes:02}:{seconds:02}"
