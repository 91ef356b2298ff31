"""Files that the service may not read: whoever lays one down as root finds it fine, and the station does not start.

Owns how that is seen without being the service's user, and the commands that mend it.
"""

import grp
import pwd
from collections.abc import Iterable, Iterator
from pathlib import Path

from chargepoint.settings import Settings
from chargepoint.settings_rules import FILES
from chargepoint.tables import Problem, printable

SERVICE = "chargepoint"
FOLDER = Path("/etc/chargepoint")


def withheld(config: Path, settings: Settings | None, *, folder: Path = FOLDER, user: str = SERVICE) -> Iterator[Problem]:
    """The service's settings file and those that it names, as far as its user may not read them. config: another one than that
    in `folder` is nobody's matter.
    """
    if config.absolute().parent != folder:
        return
    for path in (config, *_named(settings)):
        if not _may_read(path, user):
            name = printable(str(path), 300)
            hint = f"sudo chgrp {user} {name}; sudo chmod 640 {name}"
            yield Problem(file=name, allowed=f"the service's user, {user}, may not read it", hint=hint)


def _named(settings: Settings | None) -> Iterable[Path]:
    if settings is None:
        return []
    names = [getattr(settings.security, name) for name in FILES]
    return [Path(name) for name in (settings.central_system.authorization_key_file, *names) if name]


def _may_read(path: Path, user: str) -> bool:
    """By owner, group and mode; True where there is no such user or file, which others tell."""
    try:
        service, info = pwd.getpwnam(user), path.stat()
    except (KeyError, OSError):
        return True
    if info.st_uid == service.pw_uid:
        return bool(info.st_mode & 0o400)
    groups = {service.pw_gid, *(group.gr_gid for group in grp.getgrall() if user in group.gr_mem)}
    return bool(info.st_mode & (0o040 if info.st_gid in groups else 0o004))
