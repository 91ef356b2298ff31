"""The packages, built once for every process of the tests, and machines to install them in."""

import asyncio
import contextlib
import fcntl
import hashlib
import secrets
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from distribution import package, wheels
from distribution.targets import Target
from hil.machine import Machine, Unavailable, root
from tests.e2e.conftest import FAILED, pytest_runtest_makereport, rigs

__all__ = ["pytest_runtest_makereport", "rigs"]

BUILD = wheels.ROOT / "build" / "test-deb"
SOURCES = ("chargepoint", "drivers", "distribution", "systemd", "config", "docs", "CHANGELOG.md", "README.md")
VERSIONS = ("0.9.0", "0.9.1")
EPOCH_S = 1_795_348_800
TARGET = Target("bookworm", "amd64")  # what the machine of the tests is

Machines = Callable[[Mapping[str, Path]], Machine]


class Packages:
    """folder: VERSION/chargepoint_..._amd64.deb for both versions, the reader's package beside each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deb(self, version: str) -> Path:
        return self.folder / version / f"chargepoint_{TARGET.version(version)}_{TARGET.architecture}.deb"


@pytest.fixture(scope="session")
def packages() -> Packages:
    """Built anew where a source is newer."""
    if (
        shutil.which("dpkg-deb") is None
        or subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip() != "amd64"
    ):
        pytest.skip("packages are built and tried on Debian for amd64 only")
    key = hashlib.sha256()
    for name in SOURCES:
        place = wheels.ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                key.update(f"{path} {path.stat().st_mtime_ns}".encode())
    made = Packages(BUILD / key.hexdigest()[:16])
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.folder.is_dir():
            for old in BUILD.iterdir():
                shutil.rmtree(old, ignore_errors=True)
            _build(made.folder)
    return made


def _build(folder: Path) -> None:
    beside = folder.with_suffix(".new")
    try:
        for version in VERSIONS:
            package.build(TARGET, beside / version, version, EPOCH_S, "none")
        package.build_reader(beside / VERSIONS[0], EPOCH_S, "none")
    except wheels.CannotFetch as error:
        pytest.skip(f"no package can be built here: {error}")
    beside.rename(folder)


@pytest.fixture
def machines(request: pytest.FixtureRequest) -> Iterator[Machines]:
    """Starts machines that see folders of this host; they are gone after the test."""
    made: list[Machine] = []

    def start(binds: Mapping[str, Path]) -> Machine:
        try:
            one = Machine(root(), binds)
            made.append(one)
            one.start()
        except Unavailable as error:
            pytest.skip(f"layer D, a machine under systemd: {error}")
        return one

    yield start
    for one in made:
        if request.node.stash.get(FAILED, False):
            print(one.run("journalctl", "--no-pager", "--unit=chargepoint*", "--lines=200", check=False).stdout)
        one.stop()


def free_port(host: str = "127.0.0.1") -> int:
    """Machines share their host's network. Minutes go by before one listens here, so it is none that a client elsewhere is
    given meanwhile: those begin at 32768.
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.create_server((host, port)):
            return port


def opened(folder: Path) -> None:
    """Lets the machine's users reach sockets in a folder of this host."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() or path.is_socket() else 0o644)


async def sh(machine: Machine, command: str, *, user: str = "root", check: bool = True, timeout_s: float = 60.0) -> str:
    """What a command line says; in a thread, for bench and Central System live in this one's loop."""
    words = (
        ["sh", "-c", f"exec 2>&1; {command}"]
        if user == "root"
        else ["runuser", "-u", user, "--", "sh", "-c", f"exec 2>&1; {command}"]
    )
    done = await asyncio.to_thread(machine.run, *words, check=check, timeout_s=timeout_s)
    return done.stdout


async def until(machine: Machine, command: str, what: str, within_s: float = 15.0) -> None:
    """Until a command ends well."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + within_s
    while (await asyncio.to_thread(machine.run, "sh", "-c", command, check=False)).returncode != 0:
        assert loop.time() < ends_s, f"{what}: not within {within_s:g} s\n" + await sh(machine, "journalctl --no-pager -n 60")
        await asyncio.sleep(0.05)


def config_document(station_toml: Path, bench: Path, seen_at: str) -> dict[str, Any]:
    """The bench's own configuration as an installed station has it: the service's folders, no installer of the bench's."""
    document = tomllib.loads(station_toml.read_text().replace(str(bench), seen_at))
    del document["station"]["state_dir"], document["installer"]
    return document
