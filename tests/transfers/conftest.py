"""A job to run, its folder, and an authority for servers with TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from chargepoint.shell.transfers import runner
from chargepoint.shell.transfers.jobs import Done, Failed, Job
from chargepoint.shell.vault.folder import Places
from tests.transfers.http_server import FileServer, running

MIB = 1 << 20
IMAGE = bytes(range(256)) * 800  # 204,800 bytes that are nowhere alike


class Mover:
    """Runs attempts as the station does, into a folder of the test."""

    def __init__(self, folder: Path, ca_file: str) -> None:
        self.folder = folder
        self.path = folder / "image"
        self.ca_file: str | None = ca_file
        self.size_max = 4 * MIB
        self.free_min = 0
        self.silence_s = 5.0
        self.stall_s = 5.0
        self.attempt_s = 20.0

    def job(self, url: str, *, upload: bool = False) -> Job:
        return Job(
            do="upload" if upload else "download",
            url=url,
            path=str(self.path),
            size_max=self.size_max,
            free_min=self.free_min,
            silence_s=self.silence_s,
            certificates=Places(folder="/nonexistent", central_system_root=self.ca_file),
            known_hosts=str(self.folder / "known_hosts"),
        )

    async def fetch(self, url: str) -> Done | Failed:
        return await runner.run(self.job(url), attempt_s=self.attempt_s, stall_s=self.stall_s)

    async def send(self, url: str) -> Done | Failed:
        return await runner.run(self.job(url, upload=True), attempt_s=self.attempt_s, stall_s=self.stall_s)

    async def fails(self, url: str) -> Failed:
        ended = await self.fetch(url)
        assert isinstance(ended, Failed)
        return ended

    @property
    def part(self) -> Path:
        return self.folder / "image.part"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_pem(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Certificate and key of localhost in one file."""
    path = tmp_path_factory.mktemp("server") / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def mover(tmp_path: Path, ca_file: str) -> Mover:
    return Mover(tmp_path, ca_file)


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with running() as one:
        one.files["/image"] = IMAGE
        yield one


@pytest.fixture
async def secure(server_tls: ssl.SSLContext) -> AsyncIterator[FileServer]:
    async with running(server_tls) as one:
        one.files["/image"] = IMAGE
        yield one
