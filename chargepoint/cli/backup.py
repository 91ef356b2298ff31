"""`chargepoint backup`: database, configuration and, if wanted, certificates and keys, while the service runs or not."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chargepoint.cli.common import CommandError, Help, add_config_option, add_socket_option, config_path, control_socket

DESCRIPTION = """\
Writes a backup of the station: its database (sessions, what waits for the Central System, lists, keys) and its configuration.
The service goes on meanwhile, billing too; the copy is one consistent moment of it, and is checked before it is written.

A backup holds secrets: it is readable by its owner only. Reading the station's state needs sudo."""
EPILOG = """\
Exit status: 0 written, 1 not written, 2 wrong usage.

examples:
  chargepoint backup --config station.toml station.tar.gz
  sudo chargepoint backup /media/usb/station.tar.gz
  sudo chargepoint backup --certificates /media/usb/station.tar.gz     with the station's certificates and keys
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "backup", help="a copy of everything the station keeps", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--certificates", action="store_true", help="certificates and private keys too")
    parser.add_argument("file", metavar="FILE", help="the archive to write (.tar.gz); one that is there is replaced")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.cli import archive
    from chargepoint.cli.control_client import ControlClient, NotRunning
    from chargepoint.cli.kept import state_dir
    from chargepoint.settings import SettingsError, read_document
    from chargepoint.store import StoreError, copying, reading

    path, directory, target = config_path(arguments), state_dir(arguments), Path(arguments.file)
    try:
        identity = str(read_document(path).get("station", {}).get("identity", ""))
    except SettingsError as error:
        raise CommandError(str(error)) from error
    if not os.path.isdir(target.parent):
        raise CommandError(f"{target.parent} is no folder; name another place")
    if os.path.lexists(target) and not os.path.isfile(target):
        raise CommandError(f"{target} is no file that may be replaced; name a new one: {target / 'station.tar.gz'}")
    with _beside(target) as name:
        copied = Path(name) / archive.DATABASE
        try:
            with ControlClient(control_socket(arguments)) as client:
                version = copying.copy(directory, copied, _merges(client))
            how = "while the service ran"
        except NotRunning:
            version, how = _stopped(directory, copied), "with the service stopped"
        except StoreError as error:
            raise CommandError(str(error)) from error
        made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        manifest = {"format": archive.FORMAT, "identity": identity, "made": made, "database_version": version}
        archive.write(target, manifest, copied, _files(arguments, path, directory))
        sessions = reading.sessions_in(copied)
    print(f"written: {target} ({target.stat().st_size // 1024} KiB, {sessions} session{'' if sessions == 1 else 's'}), {how}")
    print("keep it safe: it holds what the station is known by")
    return 0


@contextmanager
def _beside(target: Path) -> Iterator[str]:
    """A folder for the copy, on the disk that the archive goes to. Raises CommandError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent)
    except OSError as error:
        hint = "use sudo, or name another place" if isinstance(error, PermissionError) else "name another place"
        raise CommandError(f"{target} cannot be written: {error.strerror or error}; {hint}") from error
    with folder as name:
        yield name


def _merges(client: Any) -> Callable[[], object]:
    def ask() -> object:
        answer = client.request("merges")
        return answer.get("merges"), answer.get("process")

    return ask


def _stopped(directory: Path, copied: Path) -> int:
    from chargepoint.store import StoreError, copying, reading

    try:
        with reading.held(directory):
            return copying.copy(directory, copied, lambda: 0)
    except StoreError as error:
        raise CommandError(str(error)) from error


def _files(arguments: argparse.Namespace, path: Path, directory: Path) -> dict[str, Path]:
    from chargepoint.cli import archive

    files = {archive.CONFIGURATION: path}
    if arguments.certificates:
        folder = directory / "certificates"
        found = sorted(file for file in folder.glob("*") if file.is_file()) if folder.is_dir() else []
        files |= {archive.CERTIFICATES + file.name: file for file in found[: archive.MEMBERS_MAX - 3]}
    return files
