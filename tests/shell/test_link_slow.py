"""The link over lines that are slow, stuck or broken in one direction."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request
from websockets.server import ServerProtocol

from chargepoint.core.events import LinkAlive, LinkDown
from tests.shell.fakes import until
from tests.shell.peers import OCPP16, address, linked, peer, raw_peer


@contextlib.contextmanager
def nobody_takes_it(port: int) -> Iterator[None]:
    """127.0.0.2 with the port answers to nothing, as an address does whose way through the network is broken."""
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.2", port))
        hole.listen(0)
        with contextlib.ExitStack() as callers:
            for _ in range(4):  # who is not accepted fills the queue, and the kernel answers to no other
                caller = callers.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex(("127.0.0.2", port))
            yield


@pytest.mark.parametrize("dead_first", [True, False])
async def test_a_name_with_an_address_that_does_not_answer_is_reached_by_the_other(
    monkeypatch: pytest.MonkeyPatch, dead_first: bool
) -> None:
    """IPv6 that a modem announces and does not forward is the common one."""
    async with peer() as there:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, there.port))
            for host in ("127.0.0.2", "127.0.0.1")
        ]

        async def resolve(*_: object, **__: object) -> list[Any]:
            return found if dead_first else found[::-1]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        to = address(there.port, url=f"ws://example.org:{there.port}", connect_timeout_s=3.0)
        with nobody_takes_it(there.port):
            async with linked(to) as link:
                await link.up()


async def test_a_peer_that_takes_nothing_is_given_up_and_the_caller_never_waits() -> None:
    async def stall(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with peer(stall) as there, linked(address(there.port), pong_timeout_s=0.1) as link:
        await link.up()
        big = "x" * 1_000_000
        began_s = time.monotonic()
        for _ in range(40):
            link.link.send(big)
        assert time.monotonic() - began_s < 5.0, "who waits for this peer waits for ever"
        assert "takes nothing" in await link.down()
        await link.up(2)


@pytest.mark.parametrize("interval_s", [0, 1])
async def test_a_peer_behind_a_slow_line_is_not_given_up_while_it_takes_bytes(interval_s: int) -> None:
    """A StopTransaction with all its meter values needs minutes over an old modem, and would begin anew for ever."""
    took: list[int] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol(subprotocols=OCPP16)
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        writer.write(b"".join(protocol.data_to_send()))
        while data := await reader.read(4_096):
            took.append(len(data))
            await asyncio.sleep(0.01)

    async with raw_peer(slow, buffer_bytes=4_096) as port, linked(address(port), pong_timeout_s=0.3) as link:
        await link.up()
        link.link.send("x" * 600_000)
        link.link.set_ping_interval(interval_s)
        link.link.probe()
        await until(lambda: sum(took) > 600_000 or link.of(LinkDown), "the message")
        assert not link.of(LinkDown)
        assert len(took) * 0.01 > 0.6, "longer than a pong may take"
        assert link.of(LinkAlive), "who takes bytes is alive, though its pong must wait"
