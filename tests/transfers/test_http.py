"""Downloads and uploads over HTTP and HTTPS, against a server that can be told to misbehave (OCPP 1.6 sections 5.9, 5.19)."""

import asyncio
import ssl

import pytest

from chargepoint.shell.transfers import runner
from chargepoint.shell.transfers.jobs import REDIRECTS_MAX, Done, Failed, Progress
from tests.transfers.conftest import IMAGE, Mover
from tests.transfers.http_server import Fault, FileServer, running

pytestmark = [pytest.mark.section("5.19"), pytest.mark.timeout(60)]
HALF = len(IMAGE) // 2


async def test_a_file_is_fetched_whole(mover: Mover, server: FileServer) -> None:
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE
    assert sorted(path.name for path in mover.folder.iterdir()) == ["image"]


async def test_a_file_without_a_length_is_fetched_whole(mover: Mover, server: FileServer) -> None:
    server.faults.append(Fault(chunked=True))
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE


async def test_credentials_of_the_url_are_used(mover: Mover, server: FileServer) -> None:
    server.password = "Basic dXNlcjpww6RAcw=="
    assert isinstance(await mover.fetch(server.url("/image", "user:p%C3%A4%40s")), Done)


@pytest.mark.parametrize("tag", ['"v1"', ""])
async def test_an_attempt_that_was_cut_goes_on_where_it_ended(mover: Mover, server: FileServer, tag: str) -> None:
    server.tags["/image"] = tag
    server.faults.append(Fault(cut_after=HALF))
    cut = await mover.fails(server.url("/image"))
    assert f"after {HALF} of {len(IMAGE)} bytes" in cut.why
    assert not cut.hopeless
    assert mover.part.stat().st_size == HALF
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), HALF)
    assert mover.path.read_bytes() == IMAGE
    asked = server.requests[1].headers
    assert asked["range"] == f"bytes={HALF}-"
    assert asked.get("if-range") == (tag or None)


async def test_a_file_that_changed_meanwhile_is_fetched_anew(mover: Mover, server: FileServer) -> None:
    server.tags["/image"] = '"v1"'
    server.faults.append(Fault(cut_after=HALF))
    await mover.fails(server.url("/image"))
    server.files["/image"], server.tags["/image"] = IMAGE[::-1], '"v2"'
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE[::-1]


async def test_a_file_of_another_length_is_no_continuation(mover: Mover, server: FileServer) -> None:
    server.faults.append(Fault(cut_after=HALF))
    await mover.fails(server.url("/image"))
    server.files["/image"] = IMAGE[::-1] + b"more"
    assert isinstance(await mover.fetch(server.url("/image")), Done)
    assert mover.path.read_bytes() == IMAGE[::-1] + b"more"


@pytest.mark.parametrize("fault", [Fault(no_range=True), Fault(other_range=True)])
async def test_a_server_that_does_not_continue_is_asked_for_everything(mover: Mover, server: FileServer, fault: Fault) -> None:
    server.faults.extend([Fault(cut_after=HALF), fault])
    await mover.fails(server.url("/image"))
    assert isinstance(await mover.fetch(server.url("/image")), Done)
    assert mover.path.read_bytes() == IMAGE


async def test_a_part_of_another_address_is_thrown_away(mover: Mover, server: FileServer) -> None:
    server.files["/other"] = IMAGE[::-1]
    server.faults.append(Fault(cut_after=HALF))
    await mover.fails(server.url("/image"))
    assert await mover.fetch(server.url("/other")) == Done(len(IMAGE), len(IMAGE))
    assert mover.path.read_bytes() == IMAGE[::-1]


async def test_a_complete_part_needs_no_byte_more(mover: Mover, server: FileServer) -> None:
    """The process died between the last byte and the renaming."""
    server.faults.append(Fault(cut_after=HALF))
    await mover.fails(server.url("/image"))
    mover.part.write_bytes(IMAGE)
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), 0)
    assert mover.path.read_bytes() == IMAGE


async def test_after_a_power_cut_only_flushed_bytes_count(mover: Mover, server: FileServer) -> None:
    server.faults.append(Fault(cut_after=HALF))
    await mover.fails(server.url("/image"))
    marks = mover.folder / "image.part.json"
    marks.write_text(marks.read_text().replace('"boot":"', '"boot":"an earlier one '))
    assert await mover.fetch(server.url("/image")) == Done(len(IMAGE), len(IMAGE))


@pytest.mark.parametrize(
    ("status", "word", "refusal"),
    [
        (401, "credentials", "permission"),
        (403, "allow", "permission"),
        (404, "no such file", None),
        (400, "refuses", "bad_request"),
        (501, "GET", "unsupported"),
        (500, "trouble", None),
        (204, "empty", None),
    ],
)
async def test_a_refusal_says_what_is_wrong(
    mover: Mover, server: FileServer, status: int, word: str, refusal: str | None
) -> None:
    server.always = Fault(status=status)
    failed = await mover.fails(server.url("/image", "user:secret"))
    assert word in failed.why
    assert "secret" not in failed.why
    assert failed.refusal == refusal


async def test_a_length_that_lies_is_no_file(mover: Mover, server: FileServer) -> None:
    server.always = Fault(claim=len(IMAGE) + 1)
    assert f"after {len(IMAGE)} of {len(IMAGE) + 1} bytes" in (await mover.fails(server.url("/image"))).why
    assert not mover.path.exists()


async def test_a_file_above_the_bound_is_not_begun(mover: Mover, server: FileServer) -> None:
    mover.size_max = HALF
    failed = await mover.fails(server.url("/image"))
    assert failed.hopeless
    assert str(HALF) in failed.why
    assert mover.part.stat().st_size == 0


async def test_an_endless_body_ends_at_the_bound(mover: Mover, server: FileServer) -> None:
    server.always = Fault(endless=True)
    failed = await mover.fails(server.url("/image"))
    assert failed.hopeless
    assert "goes on beyond" in failed.why
    assert mover.part.stat().st_size == 0


async def test_a_disk_without_room_takes_nothing(mover: Mover, server: FileServer) -> None:
    mover.free_min = 1 << 60
    failed = await mover.fails(server.url("/image"))
    assert "bytes free" in failed.why
    assert not mover.path.exists()


async def test_a_compressed_answer_is_no_file(mover: Mover, server: FileServer) -> None:
    server.always = Fault(headers=(("Content-Encoding", "gzip"),))
    assert "another encoding" in (await mover.fails(server.url("/image"))).why


async def test_redirects_are_followed(mover: Mover, server: FileServer) -> None:
    server.faults.extend([Fault(location="/somewhere/else"), Fault(location="../image")])
    assert isinstance(await mover.fetch(server.url("/here")), Done)
    assert [request.path for request in server.requests] == ["/here", "/somewhere/else", "/image"]


async def test_redirects_without_end_are_not_followed(mover: Mover, server: FileServer) -> None:
    server.always = Fault(location="/image")
    assert f"more than {REDIRECTS_MAX} redirects" in (await mover.fails(server.url("/image"))).why
    assert len(server.requests) == REDIRECTS_MAX + 1


@pytest.mark.parametrize("there", ["ftp://localhost/image", "file:///etc/passwd"])
async def test_a_redirect_to_another_protocol_is_not_followed(mover: Mover, server: FileServer, there: str) -> None:
    server.always = Fault(location=there)
    failed = await mover.fails(server.url("/image"))
    assert "redirects" in failed.why or "only" in failed.why


async def test_a_password_stays_with_its_origin(mover: Mover, server: FileServer) -> None:
    async with running() as other:
        other.files["/image"] = IMAGE
        server.always = Fault(location=other.url("/image"))
        assert isinstance(await mover.fetch(server.url("/image", "user:secret")), Done)
        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


async def test_https_is_verified_against_the_given_authority(mover: Mover, secure: FileServer) -> None:
    assert isinstance(await mover.fetch(secure.url("/image")), Done)


async def test_a_certificate_that_is_not_trusted_is_refused(mover: Mover, secure: FileServer) -> None:
    mover.ca_file = None
    failed = await mover.fails(secure.url("/image"))
    assert "certificate of localhost is not trusted" in failed.why


async def test_a_certificate_for_another_name_is_refused(mover: Mover, secure: FileServer) -> None:
    failed = await mover.fails(secure.url("/image").replace("localhost", "127.0.0.1"))
    assert "certificate" in failed.why


async def test_no_redirect_leaves_https(mover: Mover, secure: FileServer, server: FileServer) -> None:
    secure.always = Fault(location=server.url("/image"))
    assert "from https to http" in (await mover.fails(secure.url("/image"))).why
    assert server.requests == []


async def test_tls_with_a_server_that_speaks_none(mover: Mover, server: FileServer) -> None:
    assert "TLS" in (await mover.fails(server.url("/image").replace("http:", "https:"))).why


async def test_a_server_that_is_not_there(mover: Mover, server: FileServer, unused_tcp_port: int) -> None:
    failed = await mover.fails(f"http://127.0.0.1:{unused_tcp_port}/image")
    assert "cannot be reached" in failed.why
    assert not failed.hopeless


async def test_a_host_without_an_address(mover: Mover) -> None:
    assert "nowhere.invalid" in (await mover.fails("http://nowhere.invalid/image")).why


async def test_a_silent_server_is_given_up(mover: Mover, server: FileServer) -> None:
    mover.silence_s = 0.3
    server.always = Fault(silent=True)
    assert "in time" in (await mover.fails(server.url("/image"))).why


async def test_a_server_that_only_keeps_the_connection_is_given_up(mover: Mover, server: FileServer) -> None:
    mover.silence_s, mover.stall_s = 10.0, 0.5
    server.always = Fault(silent=True)
    assert "moved within 0.5 s" in (await mover.fails(server.url("/image"))).why


async def test_a_server_that_trickles_is_given_up(mover: Mover, server: FileServer) -> None:
    mover.stall_s = 0.8
    server.always = Fault(trickle=100, pause_s=0.05)
    failed = await mover.fails(server.url("/image"))
    assert "moved within" in failed.why
    assert 0 < mover.part.stat().st_size < 8_192


async def test_an_attempt_has_an_end(mover: Mover, server: FileServer) -> None:
    mover.attempt_s = 0.8
    server.always = Fault(trickle=4_096, pause_s=0.05)
    assert "more than 0.8 s" in (await mover.fails(server.url("/image"))).why


async def test_what_was_cancelled_is_gone_and_its_part_stays(mover: Mover, server: FileServer) -> None:
    server.always = Fault(trickle=4_096, pause_s=0.01)
    told = asyncio.Event()

    def hear(progress: Progress) -> None:
        told.set()

    running_one = asyncio.ensure_future(runner.run(mover.job(server.url("/image")), attempt_s=20, stall_s=20, progress=hear))
    await asyncio.wait_for(told.wait(), 10)
    running_one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_one
    server.always = None
    ended = await mover.fetch(server.url("/image"))
    assert isinstance(ended, Done)
    assert ended.moved < len(IMAGE)
    assert mover.path.read_bytes() == IMAGE


async def test_a_file_is_sent_by_put(mover: Mover, server: FileServer) -> None:
    mover.path.write_bytes(IMAGE)
    assert await mover.send(server.url("/in/name.tar.gz", "user:secret")) == Done(len(IMAGE), len(IMAGE))
    assert server.uploads == {"/in/name.tar.gz": IMAGE}
    assert server.requests[0].headers["content-length"] == str(len(IMAGE))


async def test_a_redirected_put_is_sent_again_whole(mover: Mover, server: FileServer) -> None:
    mover.path.write_bytes(IMAGE)
    server.faults.append(Fault(status=307, location="/elsewhere"))
    assert isinstance(await mover.send(server.url("/name")), Done)
    assert server.uploads == {"/elsewhere": IMAGE}


@pytest.mark.parametrize(
    ("status", "word"), [(405, "by PUT"), (501, "by PUT"), (413, "too large"), (303, "refuses"), (507, "no room")]
)
async def test_a_put_that_is_refused(mover: Mover, server: FileServer, status: int, word: str) -> None:
    mover.path.write_bytes(IMAGE)
    server.always = Fault(status=status)
    failed = await mover.send(server.url("/name"))
    assert isinstance(failed, Failed)
    assert word in failed.why


async def test_a_file_that_is_not_there_cannot_be_sent(mover: Mover, server: FileServer) -> None:
    failed = await mover.send(server.url("/name"))
    assert isinstance(failed, Failed)
    assert "image: No such file" in failed.why


async def test_https_takes_files_too(mover: Mover, secure: FileServer, server_tls: ssl.SSLContext) -> None:
    mover.path.write_bytes(IMAGE)
    assert isinstance(await mover.send(secure.url("/name")), Done)
    assert secure.uploads == {"/name": IMAGE}
