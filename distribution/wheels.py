"""Wheels: which ones are bundled, held by their hashes, fetched once and unpacked.

Owns `wheels/TARGET.txt`, requirement files of pip with one hash each, so that a package is the same whoever builds it and
whenever; and a cache of what was fetched. Wheels are unpacked here, not by pip: without scripts, byte code and the records of
an installation, which would differ from one build to the next.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from distribution.targets import Target

ROOT = Path(__file__).parents[1]
LOCKS = Path(__file__).with_name("wheels")
CACHE = ROOT / "build" / "wheels"
EXTRAS = ("panel", "pi", "security", "sftp")
FROM_DEBIAN = ("spidev", "tzdata")  # no wheel; a file of data that Debian keeps current
NOT_USED = ("pip", "setuptools")  # wanted for a command of sqlite-utils that is not used, and by colorzero's set-up
READER = "mfrc522"
FETCH_S = 600.0
LINE = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)==(?P<version>[^\s;]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})$")


class Wheel(NamedTuple):
    name: str
    version: str
    sha256: str


class CannotFetch(Exception):
    """Wheels cannot be had; the text says what pip said."""


def locked(name: str) -> list[Wheel]:
    """The wheels of a lock file, in its order."""
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    found = [LINE.match(line) for line in lines if line and not line.startswith("#")]
    assert all(found), f"{name}.txt holds a line that is no NAME==VERSION --hash=sha256:..."
    return [Wheel(**match.groupdict()) for match in found if match]


def fetch(name: str, target: Target | None) -> dict[Wheel, Path]:
    """Where each wheel of a lock file lies; fetches what the cache lacks. Raises CannotFetch."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = locked(name)
    if any(_cached(wheel) is None for wheel in wanted):
        _pip_download(["--require-hashes", "-r", str(LOCKS / f"{name}.txt")], target, CACHE)
    there = {wheel: path for wheel in wanted if (path := _cached(wheel)) is not None}
    assert len(there) == len(wanted), "pip fetched something else than it was asked for"
    return there


def unpack(path: Path, into: Path) -> None:
    """A wheel's modules; what it would put elsewhere (commands, headers) is left out."""
    with zipfile.ZipFile(path) as wheel:
        for entry in wheel.infolist():
            if entry.is_dir() or ".data/" in entry.filename:
                continue
            place = into / entry.filename
            assert place.resolve().is_relative_to(into.resolve()), f"{path.name} leaves its folder"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(wheel.read(entry))


def lock(target: Target) -> Path:
    """Writes a target's lock file anew: the newest wheels that pyproject.toml allows."""
    with tempfile.TemporaryDirectory() as folder:
        _pip_download(required(target), target, Path(folder), whole=True)
        wheels = sorted(_read(path) for path in Path(folder).glob("*.whl"))
    left_out = (*FROM_DEBIAN, *NOT_USED)
    return _write(LOCKS / f"{target.name}.txt", (wheel for wheel in wheels if wheel.name not in left_out))


def lock_reader() -> Path:
    """The same for the one wheel of the package with the reader's chip."""
    with tempfile.TemporaryDirectory() as folder:
        _pip_download(["mfrc522>=0.0.7,<0.1"], None, Path(folder))
        return _write(LOCKS / f"{READER}.txt", (_read(path) for path in Path(folder).glob("*.whl")))


def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def required(target: Target) -> list[str]:
    """What the project needs at run time, less what comes from Debian."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [*table["dependencies"], *(line for extra in EXTRAS for line in table["optional-dependencies"][extra])]
    lines = [line.partition(";")[0].strip() for line in every]
    unwanted = (*FROM_DEBIAN, *(() if target.has_lgpio_wheel else ("lgpio",)))
    return [line for line in lines if re.split(r"[\[<>=~!]", line)[0] not in unwanted]


def _pip_download(what: list[str], target: Target | None, into: Path, *, whole: bool = False) -> None:
    """whole: with everything that these need."""
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--only-binary=:all:"]
    command += ["--dest", str(into)] + ([] if whole else ["--no-deps"])
    if target is not None:
        command += ["--python-version", target.python, "--implementation", "cp"]
        command += [word for platform in target.platforms for word in ("--platform", platform)]
    try:
        subprocess.run([*command, *what], check=True, capture_output=True, text=True, timeout=FETCH_S, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise CannotFetch(f"pip could not fetch the wheels: {error.stderr.strip()[-800:]}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotFetch(f"pip took more than {FETCH_S:g} s") from error


def _cached(wheel: Wheel) -> Path | None:
    stem = wheel.name.replace("-", "_")
    for path in sorted(CACHE.glob(f"{stem}-{wheel.version}-*.whl")):
        if _sha256(path) == wheel.sha256:
            return path
    return None


def _read(path: Path) -> Wheel:
    name, version, *_ = path.name.split("-")
    return Wheel(name.replace("_", "-").lower(), version, _sha256(path))


def _write(path: Path, wheels: Iterator[Wheel]) -> Path:
    lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in wheels]
    path.write_text("# Written by script/deb --lock: the wheels that this package bundles.\n" + "\n".join(lines) + "\n")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
