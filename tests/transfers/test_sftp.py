"""Downloads and uploads over SFTP, and whose keys are trusted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from chargepoint.shell.transfers.jobs import Done, Failed
from tests.transfers.conftest import IMAGE, Mover

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(60)]


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("station", "p@ss")


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], server: "Server") -> None:
        super().__init__(channel, chroot=bytes(server.root))
        self._server = server

    def read(self, file_obj: object, offset: int, size: int) -> Any:
        if self._server.cut_at is not None and offset >= self._server.cut_at:
            raise asyncssh.SFTPFailure("cut")
        return super().read(file_obj, offset, size)


class Server:
    """An SFTP server that can be started again with another key. cut_at: reading fails from this byte on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cut_at: int | None = None
        self.port = 0
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def start(self) -> None:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=_Login,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            sftp_factory=lambda channel: _Files(channel, self),
            allow_scp=False,
        )
        self.port = self._acceptor.get_port()

    async def stop(self) -> None:
        assert self._acceptor is not None
        self._acceptor.close()
        await self._acceptor.wait_closed()

    def url(self, path: str, credentials: str = "station:p%40ss") -> str:
        return f"sftp://{credentials}@localhost:{self.port}/{path}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    root = tmp_path / "served"
    root.mkdir()
    (root / "image").write_bytes(IMAGE)
    one = Server(root)
    await one.start()
    yield one
    await one.stop()


async def test_a_file_is_fetched_and_sent(mover: Mover, server: Server) -> None:
    assert await mover.fetch(server.url("image")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE
    assert await mover.send(server.url("back")) == Done(len(IMAGE), len(IMAGE))
    assert (server.root / "back").read_bytes() == IMAGE


async def test_an_attempt_that_was_cut_goes_on_where_it_ended(mover: Mover, server: Server) -> None:
    server.cut_at = 100_000
    assert "cut" in (await mover.fails(server.url("image"))).why
    there = mover.part.stat().st_size
    assert 0 < there < len(IMAGE)
    server.cut_at = None
    assert await mover.fetch(server.url("image")) == Done(len(IMAGE), len(IMAGE) - there)
    assert mover.path.read_bytes() == IMAGE


async def test_another_key_than_before_is_refused(mover: Mover, server: Server) -> None:
    assert isinstance(await mover.fetch(server.url("image")), Done)
    known = mover.folder / "known_hosts"
    assert known.read_text().startswith(f"[localhost]:{server.port} ssh-ed25519 ")
    assert known.stat().st_mode & 0o777 == 0o600
    await server.stop()
    await server.start()
    failed = await mover.fails(server.url("image"))
    assert "another key than before" in failed.why
    assert str(known) in failed.why


@pytest.mark.parametrize(
    ("path", "credentials", "word"),
    [("nothing", "station:p%40ss", "No such file"), ("image", "station:wrong", "refuses the login")],
)
async def test_a_refusal_says_what_is_wrong(mover: Mover, server: Server, path: str, credentials: str, word: str) -> None:
    failed = await mover.fails(server.url(path, credentials))
    assert word in failed.why
    assert "wrong" not in failed.why
    assert failed.refusal == ("permission" if "login" in word else None)


async def test_a_directory_that_is_not_there(mover: Mover, server: Server) -> None:
    mover.path.write_bytes(IMAGE)
    failed = await mover.send(server.url("in/name"))
    assert isinstance(failed, Failed)
    assert "No such file" in failed.why
