"""Downloads and uploads over FTP and FTPS, against a server of another make (RFC 959, 3659, 4217)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargepoint.shell.transfers import over_ftp
from chargepoint.shell.transfers.address import parse
from chargepoint.shell.transfers.jobs import Done, Failed
from tests.transfers import ftp_server
from tests.transfers.conftest import IMAGE, Mover

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(60)]
HALF = len(IMAGE) // 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "image").write_bytes(IMAGE)
    (folder / "in").mkdir()
    return folder


@pytest.fixture
def plain(root: Path) -> Iterator[ftp_server.Server]:
    with ftp_server.running(root) as server:
        yield server


@pytest.fixture
def secure(root: Path, server_pem: str) -> Iterator[ftp_server.Server]:
    with ftp_server.running(root, server_pem) as server:
        yield server


async def test_a_file_is_fetched_whole(mover: Mover, plain: ftp_server.Server) -> None:
    assert await mover.fetch(plain.url("image")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE


async def test_an_attempt_that_was_cut_goes_on_where_it_ended(mover: Mover, plain: ftp_server.Server) -> None:
    plain.faults.cut_after = 4_096
    await mover.fails(plain.url("image"))
    there = mover.part.stat().st_size
    assert 0 < there < len(IMAGE)
    assert await mover.fetch(plain.url("image")) == Done(len(IMAGE), len(IMAGE) - there)
    assert mover.path.read_bytes() == IMAGE
    assert f"REST {there}" in plain.faults.commands


async def test_a_file_that_changed_meanwhile_is_fetched_anew(mover: Mover, plain: ftp_server.Server) -> None:
    plain.faults.cut_after = 4_096
    await mover.fails(plain.url("image"))
    (plain.root / "image").write_bytes(IMAGE[::-1] + b"more")
    assert isinstance(await mover.fetch(plain.url("image")), Done)
    assert mover.path.read_bytes() == IMAGE[::-1] + b"more"


async def test_a_complete_part_needs_no_byte_more(mover: Mover, plain: ftp_server.Server) -> None:
    plain.faults.cut_after = 4_096
    await mover.fails(plain.url("image"))
    mover.part.write_bytes(IMAGE)
    assert await mover.fetch(plain.url("image")) == Done(len(IMAGE), 0)


async def test_a_server_without_rest_sends_everything_anew(mover: Mover, root: Path) -> None:
    with ftp_server.running(root, without=("REST",)) as server:
        server.faults.cut_after = 4_096
        await mover.fails(server.url("image"))
        assert await mover.fetch(server.url("image")) == Done(len(IMAGE), len(IMAGE))
        assert mover.path.read_bytes() == IMAGE


async def test_a_server_that_tells_neither_size_nor_date(mover: Mover, root: Path) -> None:
    with ftp_server.running(root, without=("SIZE", "MDTM")) as server:
        assert await mover.fetch(server.url("image")) == Done(len(IMAGE), len(IMAGE))
        server.faults.cut_after = 4_096
        mover.path.unlink()
        await mover.fails(server.url("image"))
        assert await mover.fetch(server.url("image")) == Done(len(IMAGE), len(IMAGE))


async def test_an_absolute_path_begins_with_two_slashes(mover: Mover, plain: ftp_server.Server) -> None:
    assert isinstance(await mover.fetch(plain.url("/image")), Done)
    assert "RETR /image" in plain.faults.commands


@pytest.mark.parametrize(
    ("path", "credentials", "word"),
    [
        ("nothing", "station:p%40ss%2Fword", "550"),
        ("image", "station:wrong", "refuses the login"),
        ("image", "", "refuses the login"),
        ("", "station:p%40ss%2Fword", "names no file"),
        ("a%0D%0ADELE%20image", "station:p%40ss%2Fword", "line break"),
    ],
)
async def test_a_refusal_says_what_is_wrong(
    mover: Mover, plain: ftp_server.Server, path: str, credentials: str, word: str
) -> None:
    failed = await mover.fails(plain.url(path, credentials))
    assert word in failed.why
    assert "wrong" not in failed.why
    assert failed.refusal == ("permission" if "login" in word else None)
    assert (plain.root / "image").exists()


async def test_a_file_above_the_bound_is_not_begun(mover: Mover, plain: ftp_server.Server) -> None:
    mover.size_max = HALF
    assert (await mover.fails(plain.url("image"))).hopeless


async def test_a_server_that_is_not_there(mover: Mover, unused_tcp_port: int) -> None:
    assert "refused" in (await mover.fails(f"ftp://127.0.0.1:{unused_tcp_port}/image")).why


async def test_a_file_is_sent(mover: Mover, plain: ftp_server.Server) -> None:
    mover.path.write_bytes(IMAGE)
    assert await mover.send(plain.url("in/name.tar.gz")) == Done(len(IMAGE), len(IMAGE))
    assert (plain.root / "in" / "name.tar.gz").read_bytes() == IMAGE


async def test_a_directory_that_is_not_there(mover: Mover, plain: ftp_server.Server) -> None:
    mover.path.write_bytes(IMAGE)
    failed = await mover.send(plain.url("out/name.tar.gz"))
    assert isinstance(failed, Failed)
    assert "550" in failed.why


async def test_ftps_protects_control_and_data(mover: Mover, secure: ftp_server.Server) -> None:
    assert isinstance(await mover.fetch(secure.url("image")), Done)
    assert mover.path.read_bytes() == IMAGE
    assert isinstance(await mover.send(secure.url("in/back")), Done)
    assert (secure.root / "in" / "back").read_bytes() == IMAGE
    assert {"AUTH TLS", "PROT P"} <= set(secure.faults.commands)


async def test_ftps_from_the_first_byte(mover: Mover, root: Path, server_pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ftp_server.running(root, server_pem, implicit=True) as server:
        monkeypatch.setattr(over_ftp, "IMPLICIT_PORT", server.port)
        job = mover.job(server.url("image"))
        partial = await asyncio.to_thread(over_ftp.download, job, parse(job.url), lambda size, total: None)
        assert (partial.size, mover.path.read_bytes()) == (len(IMAGE), IMAGE)
        assert "AUTH TLS" not in server.faults.commands


async def test_ftps_is_verified(mover: Mover, secure: ftp_server.Server) -> None:
    mover.ca_file = None
    assert "certificate of localhost is not trusted" in (await mover.fails(secure.url("image"))).why
    assert not any(command.startswith("PASS") for command in secure.faults.commands)


async def test_ftps_with_a_server_that_has_no_tls(mover: Mover, plain: ftp_server.Server) -> None:
    failed = await mover.fails(plain.url("image").replace("ftp:", "ftps:"))
    assert "500" in failed.why or "502" in failed.why
    assert not any(command.startswith("PASS") for command in plain.faults.commands)
