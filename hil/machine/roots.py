"""Roots: Debian file systems to start machines on, made once by mmdebstrap and kept.

Owns where they are kept and when one is made anew: its name tells suite, architecture and packages. The newest few stay.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

KEPT_MAX = 6
MAKING_S = 600.0
# One root for all tests: systemd, what the package depends on, and what its guide's commands use.
PACKAGES = ("systemd-sysv", "dbus", "python3", "python3-spidev", "ca-certificates", "tzdata", "sudo")


class Unavailable(Exception):
    """This machine cannot have one; the text says what to install or to do."""


def root(suite: str = "bookworm", packages: Sequence[str] = (), architecture: str | None = None) -> Path:
    """The folder of a root with `PACKAGES` and `packages`. The first time takes a minute and the network."""
    if os.geteuid() != 0:
        raise Unavailable("a machine of namespaces needs root")
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("mmdebstrap is missing: apt-get install mmdebstrap")
    wanted = sorted({*PACKAGES, *packages})
    text = " ".join([suite, architecture or "native", *wanted])
    home = _home()
    place = home / f"{suite}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    with _locked(home / f"{place.name}.lock"):
        if not place.is_dir():
            _forget_oldest(home)
            _make(place, suite, wanted, architecture)
        os.utime(place)
    return place


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(cache) / "chargepoint" / "roots"
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Test processes that run at the same time make one root, not one each; another root waits for nobody."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(place: Path, suite: str, packages: list[str], architecture: str | None) -> None:
    """mmdebstrap refuses to unpack over what it does not know: it writes a tar file, which is unpacked beside the place."""
    tar, new = place.with_suffix(".tar"), place.with_suffix(".new")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    command += [f"--architectures={architecture}"] if architecture else []
    shutil.rmtree(new, ignore_errors=True)
    try:
        _run([*command, suite, str(tar)])
        new.mkdir()
        _run(["tar", "-C", str(new), "-xpf", str(tar), "--exclude=./dev/*"])
        new.rename(place)
    finally:
        tar.unlink(missing_ok=True)
        shutil.rmtree(new, ignore_errors=True)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=MAKING_S, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[0]} failed: {error.stderr.strip()[-400:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took longer than {MAKING_S:g} s") from error


def _forget_oldest(home: Path) -> None:
    there = sorted(
        (path for path in home.iterdir() if path.is_dir() and path.suffix != ".new"), key=lambda path: path.stat().st_mtime
    )
    for path in there[: max(0, len(there) - KEPT_MAX + 1)]:
        shutil.rmtree(path, ignore_errors=True)
