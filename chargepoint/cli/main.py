"""The command line: finds the command, runs it, and turns what went wrong into one sentence and an exit status."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from chargepoint.cli.common import CONFIG_HELP, EXIT_INTERRUPTED, EXIT_PROBLEM, CommandError, Help

COMMANDS = (
    "run",
    "check-config",
    "setup",
    "doctor",
    "support",
    "status",
    "panel",
    "clear-faults",
    "log",
    "ledger",
    "dead-letters",
    "security-log",
    "journal",
    "replay",
    "backup",
    "restore",
    "safe-state",
    "commission",
)

DESCRIPTION = "An OCPP 1.6J charge-point controller for charging stations."
EPILOG = f"""\
configuration:
  {CONFIG_HELP}

examples:
  sudo chargepoint setup                            ask what a station needs, and write its file
  chargepoint check-config --config station.toml    is this file right, and what would it do?
  chargepoint doctor                                what is wrong with this station, and what to do
  chargepoint support --preview                     what an archive for support would hold, without secrets
  chargepoint run --config station.toml             be the station, until SIGTERM
  chargepoint status                                what the running station does, and what it waits for
  chargepoint panel                                 the same in a browser, and more
  chargepoint clear-faults 1                        connector 1 was mended and may charge again
  chargepoint log --connector 1 --since 2h          what the station has written
  sudo chargepoint backup /media/usb/station.tar.gz a copy of everything the station keeps
  chargepoint ledger --since 2026-11-01 --csv       the sessions of this month, for a spreadsheet
  chargepoint dead-letters list                     billing messages that the Central System never took
  chargepoint security-log                          who tampered, what was refused, what was changed
  chargepoint journal fault.jsonl.gz                the newest events, for a search for a fault
  chargepoint replay fault.jsonl.gz                 and these events through the core once more
  chargepoint safe-state --config station.toml      open every contactor after the station's process is gone
  chargepoint commission                            take over the configuration that lies on the card

`chargepoint COMMAND --help` tells more of each. Exit status: 0 well, 1 not well, 2 wrong usage, 3 no service running.
"""


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line; every command's module adds its own part. commands: those that are wanted; each costs an import."""
    top = argparse.ArgumentParser(prog="chargepoint", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help)
    top.add_argument("--version", action=_Version, nargs=0, help="tell the version and end")
    known = top.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands", prog="chargepoint")
    for command in commands:
        import_module(f"chargepoint.cli.{command.replace('-', '_')}").add_to(known)
    return top


class _Version(argparse.Action):
    """Tells the version; reading it costs an import, so it happens only when asked."""

    def __call__(self, asked: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            told = version("chargepoint")
        except PackageNotFoundError:
            told = "(run from its source, not installed)"
        print(f"chargepoint {told}, Python {sys.version.split()[0]}")
        asked.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows ? for what it has not
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parser(arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS).parse_args(arguments)
    try:
        code: int = chosen.do(chosen)
        sys.stdout.flush()
    except CommandError as error:
        print(f"chargepoint {chosen.command}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a file, a disk or a socket, not the program: whoever typed this can do something about it
        if chosen.command == "run":
            raise
        named = f"{error.filename}: " if error.filename else ""
        hint = "; use sudo" if isinstance(error, PermissionError) else ""
        print(f"chargepoint {chosen.command}: {named}{error.strerror or error}{hint}", file=sys.stderr)
        return EXIT_PROBLEM
    return code
