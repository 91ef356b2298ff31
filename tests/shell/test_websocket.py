"""The WebSocket between socket and link: messages in pieces, goodbyes of all kinds, and what may come with the handshake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request
from websockets.server import ServerProtocol

from chargepoint.shell import websocket as websockets
from chargepoint.shell.websocket import WebSocket, dial
from tests.shell.peers import OCPP16, address, linked, peer, raw_peer

pytestmark = pytest.mark.section("J 3.1")


class Raw:
    """The Central System's end, frame by frame."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.protocol = ServerProtocol(subprotocols=OCPP16)
        self._writer = writer

    def write(self) -> None:
        self._writer.write(b"".join(self.protocol.data_to_send()))


@asynccontextmanager
async def raw(say: Callable[[Raw], object]) -> AsyncIterator[int]:
    """A Central System that says its piece in the packet which accepts the handshake, and reads on without an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = Raw(writer)
        here.protocol.receive_data(await reader.read(4096))
        (request,) = here.protocol.events_received()
        assert isinstance(request, Request)
        here.protocol.send_response(here.protocol.accept(request))
        say(here)
        here.write()
        while await reader.read(4096):
            pass

    async with raw_peer(serve) as port:
        yield port


async def heard(websocket: WebSocket, count: int) -> list[str | bytes]:
    """The first messages."""
    queue: asyncio.Queue[str | bytes] = asyncio.Queue()
    websocket.listen(queue.put_nowait)
    async with asyncio.timeout(5):
        return [await queue.get() for _ in range(count)]


async def test_messages_in_pieces_come_whole_with_a_ping_between_them() -> None:
    def say(here: Raw) -> None:
        word = "ü€".encode()
        here.protocol.send_text(word[:1], fin=False)
        here.protocol.send_ping(b"between")
        for _ in range(1_000):
            here.protocol.send_continuation(b"", fin=False)
        here.protocol.send_continuation(word[1:4], fin=False)
        here.protocol.send_continuation(word[4:], fin=True)
        here.protocol.send_binary(b"\x00", fin=False)
        here.protocol.send_continuation(b"\xff", fin=True)

    async with raw(say) as port:
        websocket = await dial(address(port), "", None, 2)
        assert await heard(websocket, 2) == ["ü€", b"\x00\xff"]
        websocket.abort()


async def test_nothing_is_lost_of_what_comes_with_the_handshake_and_a_goodbye_at_once() -> None:
    def say(here: Raw) -> None:
        here.protocol.send_text(b"[1]")
        here.protocol.send_text(b"[2]")
        here.protocol.send_close(1001, "later")

    async with raw(say) as port:
        websocket = await dial(address(port), "", None, 2)
        assert websocket.subprotocol == "ocpp1.6"
        assert await heard(websocket, 2) == ["[1]", "[2]"]
        await asyncio.wait_for(asyncio.shield(websocket.closed), 5)
        rcvd = websocket.closed.result().rcvd
        assert rcvd is not None
        assert (rcvd.code, rcvd.reason) == (1001, "later")
        websocket.send("nobody hears it, and nothing is raised")
        assert not websocket.ping().done()
        await websocket.close()


@pytest.mark.parametrize("fragmented", [False, True])
async def test_text_that_is_no_utf8_ends_the_connection_and_what_follows_is_not_heard(fragmented: bool) -> None:
    def say(here: Raw) -> None:
        here.protocol.send_text(b"[1]")
        here.protocol.send_text(b"\xc3", fin=not fragmented)
        if fragmented:
            here.protocol.send_continuation(b"\x28", fin=True)
        here.protocol.send_text(b"[2]")

    got: list[str | bytes] = []
    async with raw(say) as port:
        websocket = await dial(address(port), "", None, 2)
        websocket.listen(got.append)
        await asyncio.wait_for(asyncio.shield(websocket.closed), 5)
        sent = websocket.closed.result().sent
        assert sent is not None
        assert (sent.code, got) == (1007, ["[1]"])


async def test_a_peer_that_says_goodbye_and_never_hangs_up_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "CLOSE_S", 0.05)
    async with raw(lambda here: here.protocol.send_close(1000)) as port, linked(address(port)) as link:
        assert "code 1000" in await link.down(2)


async def test_a_peer_that_does_not_answer_the_goodbye_is_left_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "CLOSE_S", 0.05)
    async with raw(lambda here: None) as port:
        websocket = await dial(address(port), "", None, 2)
        await asyncio.wait_for(websocket.close(), 5)
        assert websocket.closed.done()


async def test_what_was_read_while_the_inbox_was_full_comes_before_the_end() -> None:
    async def pour(connection: ServerConnection) -> None:
        for number in range(100):
            await connection.send(str(number))

    async with peer(pour) as there, linked(address(there.port, reconnect_min_s=30, reconnect_max_s=30)) as link:
        await link.down()
        assert await link.frames(100) == [str(number) for number in range(100)]


async def test_a_redirect_is_not_followed_and_the_address_is_told() -> None:
    async with peer() as other, peer() as there:
        there.moved_to = f"ws://user:secret@127.0.0.1:{other.port}/elsewhere"
        async with linked(address(there.port)) as link:
            reason = await link.down(2)
        assert f"HTTP {HTTPStatus.FOUND.value}" in reason
        assert f"127.0.0.1:{other.port}/elsewhere; if that is right, write it into [central_system] url" in reason
        assert "secret" not in reason
        assert other.connects == 0
