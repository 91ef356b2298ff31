"""What is tried: the package as script/deb builds it, the next version of it, and the reader's package; and where it can be."""

import os
from pathlib import Path
from typing import NamedTuple

from distribution import package, wheels
from distribution.targets import Target
from hil.machine import Machine, Unavailable, root

BINFMT = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}
SEEN_AT = "/srv/packages"


class Debs(NamedTuple):
    """Files of one folder, which machines see at `SEEN_AT`. version, next_version: as the packages have them."""

    target: Target
    first: Path
    following: Path
    reader: Path
    version: str
    next_version: str

    def seen(self, path: Path) -> str:
        return f"{SEEN_AT}/{path.name}"


def built(target: Target, into: Path, epoch_s: int) -> Debs:
    """The first is packed as for a release; the next one, which nobody ships, is not compressed."""
    version = str(wheels.project()["version"])
    following = f"{version}.1"
    return Debs(
        target,
        package.build(target, into, version, epoch_s),
        package.build(target, into, following, epoch_s, "none"),
        package.build_reader(into, epoch_s),
        target.version(version),
        target.version(following),
    )


def native(target: Target) -> bool:
    return NATIVE.get(os.uname().machine) == target.architecture


def machine(target: Target, debs: Path, *, init: bool) -> Machine:
    """Not started yet. Raises Unavailable where this host can have none for the target, with what to do."""
    if not native(target) and not _runs_foreign_programs():
        raise Unavailable(
            f"programs for {target.architecture} do not run here: apt-get install qemu-user-static binfmt-support "
            "(Debian 13: qemu-user-binfmt); where nothing registers it: mount -t binfmt_misc none /proc/sys/fs/binfmt_misc "
            "&& /usr/lib/systemd/systemd-binfmt qemu-aarch64.conf"
        )
    architecture = None if native(target) else target.architecture
    return Machine(root(target.suite, architecture=architecture), {SEEN_AT: debs}, init=init and native(target))


def _runs_foreign_programs() -> bool:
    """F: the interpreter is found in another root too."""
    try:
        lines = BINFMT.read_text().splitlines()
    except OSError:
        return False
    return "enabled" in lines and any(line.startswith("flags:") and "F" in line.partition(":")[2] for line in lines)
