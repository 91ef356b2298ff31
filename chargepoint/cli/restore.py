"""`chargepoint restore`: a backup takes the place of what a stopped station keeps, and nothing is told twice because of it."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import CommandError, Help, add_config_option, clean, config_path, is_there

if TYPE_CHECKING:
    from chargepoint.cli.archive import Archive

DESCRIPTION = """\
Puts the database of a backup in the place of the station's. The service must be stopped. What is there is kept beside it.

What waited for the Central System when the backup was made may have been delivered since, so none of it is sent by itself: it
becomes dead letters, and a session that ran then is closed at its last register and becomes one too. Compare them with the
Central System's books, and replay what it does not have: chargepoint dead-letters list."""
EPILOG = """\
Exit status: 0 restored, 1 not, 2 wrong usage.

examples:
  chargepoint restore --config station.toml station.tar.gz
  sudo systemctl stop chargepoint
  sudo chargepoint restore /media/usb/station.tar.gz
  chargepoint dead-letters list
  sudo systemctl start chargepoint
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "restore", help="what a backup holds, in the place of what is there", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=Help,
    )  # fmt: skip
    add_config_option(parser)
    parser.add_argument("--certificates", action="store_true", help="the backup's certificates and keys too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("file", metavar="FILE", help="a backup of `chargepoint backup`")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.cli.archive import CONFIGURATION, Archive
    from chargepoint.cli.kept import state_dir
    from chargepoint.store import StoreError

    with Archive(Path(arguments.file)) as archive:
        path = config_path(arguments, missing_ok=True)
        with _configuration(archive, path) as brought:
            arguments.config = str(path)
            directory = state_dir(arguments)
            _check_identity(archive, path)
            if not _agreed(arguments, archive, directory):
                raise CommandError("nothing was changed")
            try:
                words = _restored(archive, directory, certificates=arguments.certificates)
            except StoreError as error:
                raise CommandError(f"nothing was changed: {error}") from error
            except OSError as error:
                raise CommandError(f"{error.filename or directory}: {error.strerror or error}; run it with sudo") from error
        if brought:
            words.append(f"written: {path}, from the backup")
        elif CONFIGURATION in archive.names:
            words.append(f"the configuration stays as it is; that of the backup: tar -xzOf {arguments.file} {CONFIGURATION}")
    print("\n".join(words))
    return 0


@contextmanager
def _configuration(archive: "Archive", path: Path) -> Iterator[bool]:
    """Brings the backup's configuration where there is none, as on a new card, and takes it away again where the rest fails."""
    from chargepoint.cli.archive import CONFIGURATION

    if is_there(path):
        yield False
        return
    if not path.parent.is_dir():
        raise CommandError(f"{path.parent} is not there; install the package first, or name a place with --config")
    archive.extract(CONFIGURATION, path)
    try:
        if path.parent == Path("/etc/chargepoint"):
            shutil.chown(path, group="chargepoint")
            path.chmod(0o640)
        yield True
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _check_identity(archive: "Archive", path: Path) -> None:
    from chargepoint.settings import SettingsError, read_document

    try:
        here = str(read_document(path).get("station", {}).get("identity", ""))
    except SettingsError as error:
        raise CommandError(str(error)) from error
    there = str(archive.manifest.get("identity", ""))
    if here != there:
        told = f"{archive.path} is of the station {clean(there)}, and this one is {clean(here)}"
        raise CommandError(f"{told}; correct [station] identity first if that is meant")


def _agreed(arguments: argparse.Namespace, archive: "Archive", directory: Path) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise CommandError("it asks before it replaces anything, and there is no terminal to ask in; --yes answers it", 2)
    made = clean(archive.manifest.get("made", "an unknown time"))
    answer = input(f"Replace what {directory} holds by the backup of {made}? The old database is kept. [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _restored(archive: "Archive", directory: Path, *, certificates: bool) -> list[str]:
    """What was done, in sentences. Raises StoreError before anything has changed, OSError."""
    from chargepoint.cli.archive import CERTIFICATES, DATABASE
    from chargepoint.shell.clock import kernel_boot_id
    from chargepoint.store import copying, opening
    from chargepoint.store.disarming import disarm

    opening.make_directory(directory)
    lock = opening.lock(directory)
    try:
        with tempfile.TemporaryDirectory(prefix="restore-", dir=directory) as name:
            folder = Path(name)
            archive.extract(DATABASE, folder / DATABASE)
            _settle(archive, folder / DATABASE)
            made = clean(archive.manifest.get("made", "an unknown time"), 40)
            disarmed = disarm(folder, kernel_boot_id(), time.monotonic(), made)
            copying.settle(folder / DATABASE)
            for one in archive.certificates if certificates else ():
                archive.extract(CERTIFICATES + one, folder / f"certificate-{one}")
            aside = copying.place(directory, folder / DATABASE)
            if certificates:
                _place_certificates(directory / "certificates", folder)
        _give_to_owner(directory)
    finally:
        os.close(lock)
    words = [f"restored: the backup of {made}" + (f"; the old database is kept as {aside}" if aside else "")]
    if disarmed.messages:
        letters = f"{disarmed.messages} message{'' if disarmed.messages == 1 else 's'}"
        words.append(
            f"{letters} may have been delivered since: chargepoint dead-letters list; replay what the operator does not have"
        )
    if disarmed.sessions:
        words.append(f"{disarmed.sessions} session(s) ran when it was made: closed at the last register that it knows")
    words.append("next: sudo systemctl start chargepoint, then chargepoint doctor")
    return words


def _settle(archive: "Archive", database: Path) -> None:
    """Raises CommandError where the backup's database is damaged: its file is not one that the next start mends."""
    from chargepoint.store import StoreError, copying

    try:
        copying.settle(database)
    except StoreError as error:
        seen = str(error).removeprefix(f"{database}: ").partition("): ")[0]
        raise CommandError(
            f"nothing was changed: the database in {archive.path} is damaged ({seen}); take another backup"
        ) from error


def _place_certificates(target: Path, folder: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for file in folder.glob("certificate-*"):
        file.replace(target / file.name.removeprefix("certificate-"))


def _give_to_owner(directory: Path) -> None:
    """Whatever root has made belongs to whom the folder belongs: the service must be able to open it."""
    owner = directory.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in (*directory.glob("station.*"), directory / "certificates", *directory.glob("certificates/*")):
        if path.exists():
            os.chown(path, owner.st_uid, owner.st_gid)
