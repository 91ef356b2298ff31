"""How the link leaves a connection: on command, with a new key, at the end of the process."""

import asyncio
import base64
import time
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from chargepoint.core.events import FrameReceived, LinkDown, LinkUp
from chargepoint.shell import link as links
from tests.shell.fakes import until
from tests.shell.peers import address, linked, peer, raw_peer


async def test_close_lets_what_is_buffered_leave_first_and_connects_again() -> None:
    got: list[Any] = []

    async def keep(connection: ServerConnection) -> None:
        async for message in connection:
            got.append(message)

    async with peer(keep) as there, linked(address(there.port)) as link:
        await link.up()
        for number in range(100):
            link.link.send(str(number))
        link.link.close("no answer to three calls")
        assert await link.down() == "no answer to three calls"
        assert got == [str(number) for number in range(100)]
        await link.up(2)


async def test_a_new_key_connects_at_once_after_the_answer_has_left() -> None:
    got: list[Any] = []

    async def keep(connection: ServerConnection) -> None:
        async for message in connection:
            got.append(message)

    limits = {"reconnect_min_s": 30, "reconnect_max_s": 60}
    async with peer(keep) as there, linked(address(there.port, **limits), "AA") as link:
        await link.up()
        link.link.send("[3,answer]")
        link.link.set_key("BB")
        await link.up(2)
        assert got == ["[3,answer]"]
        keys = [base64.b64decode(request.headers["Authorization"][6:])[-1] for request in there.requests]
        assert keys == [0xAA, 0xBB]


async def test_a_new_key_ends_a_pause_and_an_attempt_under_way() -> None:
    limits = {"reconnect_min_s": 30, "reconnect_max_s": 60}
    async with peer() as there:
        there.status = HTTPStatus.UNAUTHORIZED
        async with linked(address(there.port, **limits), "AA") as link:
            await link.down()
            there.status = None
            link.link.set_key("BB")
            await link.up()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(writer)
        await reader.read()

    attempts: list[Any] = []
    async with raw_peer(silence) as port, linked(address(port, connect_timeout_s=30), "AA") as link:
        await until(lambda: len(attempts) == 1)
        link.link.set_key("BB")
        await until(lambda: len(attempts) == 2)
        assert [event.reason for event in link.of(LinkDown)] == ["the attempt was given up for a new one"]


async def test_a_key_that_is_not_hexadecimal_is_named_without_being_shown() -> None:
    async with peer() as there, linked(address(there.port), "geheim") as link:
        reason = await link.down(2)
        assert "AuthorizationKey is not hexadecimal" in reason
        assert "geheim" not in reason
        assert there.connects == 0


async def test_stopping_flushes_says_goodbye_and_ends_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "FLUSH_S", 60.0)
    got: list[Any] = []

    async def keep(connection: ServerConnection) -> None:
        async for message in connection:
            got.append(message)

    async with peer(keep) as there:
        async with linked(address(there.port)) as link:
            await link.up()
            link.link.send("[3,reset accepted]")
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 30, "as soon as it is out"
        assert got == ["[3,reset accepted]"]
        assert there.connections[0].close_code == 1000


async def test_stopping_in_a_pause_or_an_attempt_does_not_wait_for_it() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    began_s = time.monotonic()
    async with raw_peer(silence) as port, linked(address(port, connect_timeout_s=60)):
        await asyncio.sleep(0.02)
    async with peer() as there:
        there.status = HTTPStatus.NOT_FOUND
        async with linked(address(there.port, reconnect_min_s=60, reconnect_max_s=60)) as link:
            await link.down()
    assert time.monotonic() - began_s < 30


async def test_events_of_one_connection_lie_between_its_up_and_its_down() -> None:
    async def greet_and_go(connection: ServerConnection) -> None:
        await connection.send("hello")

    async with peer(greet_and_go) as there, linked(address(there.port)) as link:
        await link.down(3)
        kinds = [type(event) for event in link.events[:9]]
        assert kinds == [LinkUp, FrameReceived, LinkDown] * 3
