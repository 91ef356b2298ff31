"""`chargepoint journal`: a recording of the newest events of the running station, for `chargepoint replay`."""

import argparse
import base64
import binascii
import os
from pathlib import Path
from typing import Any

from chargepoint.cli.common import CommandError, Help, add_config_option, add_socket_option, clean, control_socket

DESCRIPTION = """\
Asks the running service for a recording of its newest events and of what it did on each. It holds id tags, registers and
frames; keys and passwords are blanked. Without FILE the service writes it into its state directory, and the path is told.
"""
EPILOG = """\
A service that comes to an impossible state (exit status 70) writes such a file by itself: journal-NNNN.jsonl.gz in its state
directory, five at most.

Exit status: 0 written, 1 not written, 3 the service is not running.

examples:
  chargepoint journal                           a file in the state directory
  chargepoint journal fault.jsonl.gz            a file here
  chargepoint replay fault.jsonl.gz             the same events through the core once more
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "journal",
        help="record the newest events in a file",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to write it; never over a file that is there")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.cli.control_client import ControlClient

    if arguments.file and os.path.lexists(arguments.file):
        raise CommandError(f"{arguments.file} is there already; name another file")
    with ControlClient(control_socket(arguments)) as client:
        answer = client.request("journal", **({"content": True} if arguments.file else {}))
    path = clean(answer.get("file"), 500)
    if arguments.file:
        path = arguments.file
        _write(Path(path), answer.get("content"))
    print(f"{path}: {clean(answer.get('events'))} events, {clean(answer.get('bytes'))} bytes")
    return 0


def _write(path: Path, content: object) -> None:
    try:
        data = base64.b64decode(content if isinstance(content, str) else "", validate=True)
        if not data:
            raise CommandError("the service's answer holds no recording; is it the same version as this command?")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
    except binascii.Error as error:
        raise CommandError(
            f"the service's answer holds no recording ({error}); is it the same version as this command?"
        ) from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; nothing of use was written") from error
