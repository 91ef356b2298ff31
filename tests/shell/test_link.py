"""The link against real servers: what it says to them, what it makes of what they do."""

import asyncio
import base64
import logging
import socket
import time
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.server import ServerProtocol

from chargepoint.core.events import LinkAlive, LinkUp
from chargepoint.shell import link as links
from chargepoint.shell.inbox import FRAMES_MAX
from chargepoint.shell.websocket import FRAME_SIZE_MAX, WebSocket
from tests.shell.fakes import until
from tests.shell.peers import OCPP16, address, echo, linked, peer, raw_peer


@pytest.mark.section("J 3.1")
@pytest.mark.section("tool TC_085")
async def test_it_asks_for_the_right_path_with_the_right_credentials_and_subprotocol() -> None:
    async with peer() as there, linked(address(there.port, url=f"ws://127.0.0.1:{there.port}/ocpp/"), "00ff10AA") as link:
        await link.up()
        request = there.requests[0]
        assert request.path == "/ocpp/CP%201%2F%C3%BC"
        assert request.headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
        assert "Sec-WebSocket-Extensions" not in request.headers
        secret = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
        assert secret == "CP 1/ü:".encode() + bytes([0x00, 0xFF, 0x10, 0xAA])
        assert link.of(LinkUp)[0].url == f"ws://127.0.0.1:{there.port}/ocpp/CP%201%2F%C3%BC"


@pytest.mark.section("security 2.3")
async def test_without_a_key_it_sends_no_credentials() -> None:
    async with peer() as there, linked(address(there.port)) as link:
        await link.up()
        assert "Authorization" not in there.requests[0].headers


@pytest.mark.section("security 2.3")
async def test_a_new_key_in_the_very_turn_in_which_a_connection_opened_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer() as there, linked(address(there.port), "00") as link:
        connect = link.link._connect

        async def connect_once() -> WebSocket:
            websocket = await connect()
            monkeypatch.undo()
            asyncio.get_running_loop().call_soon(link.link.set_key, "ff")
            return websocket

        monkeypatch.setattr(link.link, "_connect", connect_once)  # before the task of the link has begun
        await link.up()
        sent = [base64.b64decode(one.headers["Authorization"].removeprefix("Basic "))[-1] for one in there.requests]
        assert sent == [0x00, 0xFF]


async def test_text_and_binary_frames_go_both_ways_in_order() -> None:
    async with peer(echo) as there, linked(address(there.port)) as link:
        await link.up()
        for number in range(5):
            link.link.send(f"[{number}]")
        assert await link.frames(5) == [f"[{number}]" for number in range(5)]
        await there.connections[0].send(b"\x00\xff")
        assert (await link.frames(6))[-1] == b"\x00\xff"


async def test_it_has_been_tried_once_a_frame_has_left_or_nobody_was_there() -> None:
    async with peer(echo) as there, linked(address(there.port)) as link:
        await link.up()
        assert not link.link.tried.is_set()
        link.link.send("[1]")
        await link.frames(1)
        assert link.link.tried.is_set()
    async with linked(address(there.port)) as link:
        await until(lambda: link.link.tried.is_set())
        assert link.of(LinkUp) == []


async def test_what_is_sent_before_the_core_knows_of_the_connection_is_dropped() -> None:
    got: list[Any] = []

    async def keep(connection: ServerConnection) -> None:
        async for message in connection:
            got.append(message)

    async with peer(keep) as there, linked(address(there.port)) as link:
        link.admits = False
        await link.up()
        link.link.send("meant for the connection before")
        link.link.close("meant for the connection before")
        link.link.admit()
        link.link.send("hello")
        await until(lambda: got)
        assert got == ["hello"]


async def test_a_frame_sent_between_two_connections_is_dropped_and_raises_nothing() -> None:
    async with peer() as there, linked(address(there.port, reconnect_min_s=5, reconnect_max_s=5)) as link:
        link.link.send("before the first")
        await link.up()
        there.connections[0].transport.abort()
        await link.down()
        link.link.send("after the last")
        link.link.probe()
        link.link.close("nothing to close")
        assert link.link.view()["state"] == "waiting"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (HTTPStatus.UNAUTHORIZED, "HTTP 401 from 127.0.0.1"),
        (HTTPStatus.NOT_FOUND, "HTTP 404 from 127.0.0.1"),
        (HTTPStatus.TOO_MANY_REQUESTS, "HTTP 429 from 127.0.0.1"),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "HTTP 500 from 127.0.0.1"),
    ],
)
async def test_a_refusal_is_tried_again_until_it_is_lifted(status: HTTPStatus, words: str) -> None:
    async with peer() as there:
        there.status = status
        async with linked(address(there.port), "AA") as link:
            assert words in await link.down(3)
            there.status = None
            await link.up()
            assert link.link.view()["state"] == "connected"


async def test_a_reason_is_logged_once_and_the_key_never(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with peer() as there:
        there.status = HTTPStatus.UNAUTHORIZED
        async with linked(address(there.port), "5EC2E75EC2E7") as link:
            await link.down(5)
            told = [record for record in caplog.records if record.name == "chargepoint.shell.link"]
            assert sum("401" in record.getMessage() for record in told if record.levelno >= logging.INFO) == 1
            there.status = None
            await link.up()
    secret = base64.b64encode("CP 1/ü:".encode() + bytes.fromhex("5EC2E75EC2E7")).decode()
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    assert ours
    assert not any(secret in line or "5EC2E75EC2E7" in line for line in ours)


@pytest.mark.section("J 3.2")
async def test_a_server_that_chooses_no_subprotocol_is_a_fault_with_words_for_the_installer() -> None:
    async with peer(subprotocols=None) as there, linked(address(there.port)) as link:
        reason = await link.down(2)
        assert reason.startswith("subprotocol:")
        assert "ocpp1.6" in reason
        assert link.of(LinkUp) == []


@pytest.mark.section("J 5.4")
async def test_a_server_that_accepts_and_closes_does_not_begin_the_backoff_anew() -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(1008, "not today")

    async with (
        peer(close) as there,
        linked(address(there.port, reconnect_min_s=0.02, reconnect_max_s=10), rand=lambda: 1.0) as link,
    ):
        began_s = time.monotonic()
        reason = await link.down(5)
        spent_s = time.monotonic() - began_s
        assert "code 1008 (not today)" in reason
        # Four pauses of 0.04, 0.08, 0.16 and 0.32 s lie before the fifth end.
        assert spent_s >= 0.6
        assert there.connects <= 6


@pytest.mark.section("J 5.4")
async def test_only_an_accepted_station_begins_the_backoff_anew() -> None:
    async with peer() as there, linked(address(there.port, reconnect_min_s=0.02, reconnect_max_s=10), rand=lambda: 1.0) as link:
        for number in range(1, 8):  # without `proven` the seventh pause alone would be 2.5 s
            await link.up(number)
            link.link.proven()
            there.connections[-1].transport.abort()
            await link.down(number)


@pytest.mark.section("J 5.4")
async def test_a_minute_of_life_begins_the_backoff_anew_and_one_of_trying_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "LIFE_PROVES_S", 0.05)

    async def live_a_while(connection: ServerConnection) -> None:
        await asyncio.sleep(0.08)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(live_a_while) as there, linked(address(there.port)) as link:
        await link.down(4)
        assert link.link._failures <= 1
    async with raw_peer(silence) as port, linked(address(port, connect_timeout_s=0.08)) as link:
        await link.down(4)
        assert link.link._failures >= 3


@pytest.mark.section("J 5.4")
@pytest.mark.parametrize(("rand", "least_s", "most_s"), [(0.0, 0.05, 0.05), (1.0, 0.1, 0.1)])
async def test_pauses_have_jitter_between_half_and_all(rand: float, least_s: float, most_s: float) -> None:
    async with peer() as there:
        there.status = HTTPStatus.NOT_FOUND
        limits = {"reconnect_min_s": 0.05, "reconnect_max_s": 10}
        async with linked(address(there.port, **limits), rand=lambda: rand) as link:
            await until(lambda: there.connects >= 2)
            first_s, second_s = there.asked_s[:2]
            assert least_s * 0.9 <= second_s - first_s < most_s + 0.5
            await link.down(2)


@pytest.mark.section("J 5.4")
async def test_the_pause_never_exceeds_its_bound() -> None:
    async with peer() as there:
        there.status = HTTPStatus.NOT_FOUND
        async with linked(address(there.port, reconnect_min_s=0.005, reconnect_max_s=0.02)) as link:
            await link.down(30)


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with linked(address(unused.getsockname()[1])) as link:
            assert (await link.down(2)).startswith("TCP: 127.0.0.1:")


async def test_a_name_that_nobody_knows() -> None:
    async with linked(address(1, url="ws://no-such-host.invalid/ocpp")) as link:
        reason = await link.down()
        assert reason.startswith("DNS: the name no-such-host.invalid")


async def test_a_server_that_does_not_answer_at_all() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_peer(silence) as port, linked(address(port, connect_timeout_s=0.05)) as link:
        assert "no answer from 127.0.0.1" in await link.down(2)


@pytest.mark.parametrize("answer", [b"220 mail.example.org ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b""])
async def test_a_server_that_speaks_something_else(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with raw_peer(speak) as port, linked(address(port)) as link:
        reason = await link.down(2)
        assert reason.startswith(("HTTP:", "TCP:"))
        assert "wrong port" in reason


@pytest.mark.section("J 5.3")
@pytest.mark.section("9.1.34")
async def test_pings_go_out_at_their_interval_and_each_pong_is_told() -> None:
    async with peer() as there, linked(address(there.port)) as link:
        await link.up()
        link.link.set_ping_interval(1)
        link.link._ping_interval_s = 0.02  # type: ignore[assignment]
        link.link._ping_news.set()
        await until(lambda: len(link.of(LinkAlive)) >= 3)
        link.link.set_ping_interval(0)
        await asyncio.sleep(0.05)
        count = len(link.of(LinkAlive))
        await asyncio.sleep(0.1)
        assert len(link.of(LinkAlive)) == count, "0 means no pings"
        link.link.probe()
        await until(lambda: len(link.of(LinkAlive)) == count + 1)


@pytest.mark.section("J 5.3")
async def test_a_half_open_peer_is_noticed_by_the_missing_pong() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol(subprotocols=OCPP16)
        protocol.receive_data(await reader.read(4096))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        for data in protocol.data_to_send():
            writer.write(data)
        while await reader.read(4096):
            pass  # and never an answer

    async with raw_peer(deaf) as port, linked(address(port), pong_timeout_s=0.05) as link:
        await link.up()
        link.link.probe()
        assert "no pong within 0.05 s" in await link.down()
        await link.up(2)


async def test_the_longest_frame_comes_through_and_a_longer_one_ends_only_the_connection() -> None:
    async def shout(connection: ServerConnection) -> None:
        await connection.send("y" * FRAME_SIZE_MAX)
        await connection.send("z" * (FRAME_SIZE_MAX + 1))
        await connection.wait_closed()

    async with peer(shout) as there, linked(address(there.port)) as link:
        assert await link.frames(1) == ["y" * FRAME_SIZE_MAX]
        assert "more than 4 MiB" in await link.down()
        await link.up(2)


async def test_a_text_frame_that_is_no_utf8_ends_only_the_connection() -> None:
    async def garble(connection: ServerConnection) -> None:
        await connection.send(b"\xff\xfe", text=True)
        await connection.wait_closed()

    async with peer(garble) as there, linked(address(there.port)) as link:
        assert "1007" in await link.down()
        await link.up(2)


async def test_a_flood_of_frames_stops_the_reading_not_the_station() -> None:
    sent = 0

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        try:
            while True:
                await connection.send("f" * 10_000)
                sent += 1
        except ConnectionClosed:
            return

    async with peer(flood) as there:
        async with linked(address(there.port)) as link:
            link.stops_after = LinkUp
            await link.up()
            before = -1
            while before != sent:  # until TCP holds the server up
                before = sent
                await asyncio.sleep(0.1)
            assert len(link.inbox) <= FRAMES_MAX + 2
        assert sent < 5_000
