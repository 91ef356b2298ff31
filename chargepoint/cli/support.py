"""`chargepoint support`: one archive for whoever helps from afar, without secrets, shown before it is written."""

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import (
    EXIT_USAGE,
    CommandError,
    Help,
    add_config_option,
    clean,
    columns,
    config_path,
)

if TYPE_CHECKING:
    from chargepoint.shell.diagnostics import Member

BYTES_MAX = 16 << 20
MEMBER_MAX = 60
DESCRIPTION = """\
Writes one archive for whoever helps with this station from afar: settings, status, what the doctor finds, log, security log,
sessions, versions. Passwords, keys and all but the end of card numbers are blanked. It works while the service is stopped, too;
what cannot be had then is told, in the archive as well. Look at it first: --preview, --show."""
EPILOG = """\
Exit status: 0 written or shown, 1 not written, 2 wrong usage. The doctor's part takes up to 20 s (--no-doctor leaves it out).

examples:
  chargepoint support --preview                 what would go into it, and how large; nothing is written
  chargepoint support --show log.txt | less     one of its files, as it would be sent
  chargepoint support                           support-IDENTITY-DATE.tar.gz, here
  chargepoint support --recording fault.tar.gz  with the newest events for a replay: card numbers are in that one
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "support",
        help="one archive for whoever helps, without secrets",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="where to write it, never over a file that is there; - is standard output"
    )
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--preview", action="store_true", help="list what would go into it and write nothing")
    look.add_argument("--show", metavar="NAME", help="print one of its files and write nothing")
    parser.add_argument("--json", action="store_true", help="the list as one JSON object")
    parser.add_argument("--no-doctor", action="store_true", help="do not examine the station")
    parser.add_argument("--recording", action="store_true", help="the newest events too, with card numbers")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    import asyncio

    looks = arguments.preview or arguments.show
    if arguments.file and looks:
        raise CommandError("--preview and --show write nothing: leave FILE out", EXIT_USAGE)
    if arguments.file not in (None, "-") and os.path.lexists(arguments.file):
        raise CommandError(f"{arguments.file} is there already; name another file")
    path = config_path(arguments)
    station, found = asyncio.run(_members(arguments, path))
    if arguments.show:
        return _show(found, arguments.show)
    manifest = json.loads(found[-1].data)
    target = None
    if not looks:
        name = f"support-{re.sub(r'[^A-Za-z0-9_.-]', '_', station)}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        target = arguments.file or f"{name}.tar.gz"
        _write(target, name, found)
    if target != "-":
        print(json.dumps({"file": target, **manifest}, indent=2) if arguments.json else "\n".join(as_lines(manifest, target)))
    return 0


async def _members(arguments: argparse.Namespace, path: Path) -> "tuple[str, list[Member]]":
    import asyncio

    from chargepoint.cli.doctor import asker
    from chargepoint.cli.supporting import gathered, recording
    from chargepoint.doctor.subject import subject_of
    from chargepoint.shell.diagnostics import members

    ask = await asker(path)
    subject = await subject_of(path, ask)
    known = await gathered(subject, ask, doctor=not arguments.no_doctor)
    recorded = await recording(subject, ask) if arguments.recording else b""
    return known.station, await asyncio.to_thread(members, known, BYTES_MAX, recorded)


def as_lines(manifest: dict[str, Any], target: str | None) -> list[str]:
    """The list of an archive, what is missing in it, and where it is."""
    rows = [(one["name"], _size(one["bytes"]), one["holds"]) for one in manifest["members"]]
    lines = columns([("FILE", "SIZE", "WHAT IT HOLDS"), *rows], frozenset({1}))
    lines += ["", *(f"left out: {clean(remark, 300)}" for remark in manifest["remarks"])]
    total = _size(sum(one["bytes"] for one in manifest["members"]))
    if target is None:
        return [*lines, f"{total}; nothing was written (chargepoint support --show FILE shows one of them)"]
    return [*lines, f"written: {target}, {_size(os.stat(target).st_size)} ({total} unpacked), without passwords and keys"]


def _size(count: int) -> str:
    return f"{count} B" if count < 1_024 else f"{count / 1_024:.1f} KiB"


def _show(found: "list[Member]", name: str) -> int:
    for member in found:
        if member.name == name:
            if name.endswith(".gz") and sys.stdout.isatty():
                raise CommandError(f"{name} is packed, and no terminal can show it")
            sys.stdout.flush()
            sys.stdout.buffer.write(member.data)
            return 0
    raise CommandError(
        f"there is no {clean(name, MEMBER_MAX)} in it; there are {', '.join(one.name for one in found)}", EXIT_USAGE
    )


def _write(target: str, folder: str, found: "list[Member]") -> None:
    """Whole or not at all, readable by its owner only."""
    from chargepoint.shell.diagnostics import pack

    if target == "-":
        if sys.stdout.isatty():
            raise CommandError("an archive is nothing for a terminal; name a file", EXIT_USAGE)
        pack(sys.stdout.buffer, folder, found)
        return
    path = Path(target)
    try:
        # No file beside that is renamed: a rename would take somebody else's file, and a stick knows no links.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                pack(file, folder, found)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}; name another place") from error
