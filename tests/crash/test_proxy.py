"""The bad network: what each way does to bytes, and to the end of a connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hil.proxy import CHUNK, Proxy, Way

SOON_S = 5.0
NEVER_S = 0.15


class Server:
    """Keeps what it hears; says it back where `echoes`."""

    def __init__(self) -> None:
        self.echoes = True
        self.heard = bytearray()
        self.connections = 0
        self.ended = 0
        self.news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while piece := await reader.read(CHUNK):
                self.heard += piece
                if self.echoes:
                    writer.write(piece)
                await self._tell()
        except ConnectionError:
            writer.transport.abort()
        self.ended += 1
        await self._tell()
        writer.close()

    async def until_heard(self, what: bytes) -> None:
        async with asyncio.timeout(SOON_S), self.news:
            await self.news.wait_for(lambda: bytes(self.heard) == what)

    async def until_ended(self, count: int) -> None:
        async with asyncio.timeout(SOON_S), self.news:
            await self.news.wait_for(lambda: self.ended == count)

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()


@asynccontextmanager
async def world() -> AsyncIterator[tuple[Server, Proxy]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with Proxy("127.0.0.1", listening.sockets[0].getsockname()[1]) as proxy:
        yield server, proxy
    listening.close()
    await listening.wait_closed()


async def dial(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def read(reader: asyncio.StreamReader, count: int) -> bytes:
    async with asyncio.timeout(SOON_S):
        return await reader.readexactly(count)


async def silent(reader: asyncio.StreamReader) -> None:
    """Nothing comes for a while, not even an end."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(NEVER_S):
            await reader.read(1)


async def is_reset(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(SOON_S):
        with pytest.raises(ConnectionError):
            await reader.read(1)


async def test_a_clear_network_passes_everything_and_both_ends() -> None:
    async with world() as (server, proxy):
        reader, writer = await dial(proxy)
        sent = bytes(range(256)) * 2_000
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(SOON_S):
            assert await reader.read(-1) == sent
        await server.until_ended(1)
        writer.close()


async def test_a_cut_resets_both_sides_and_the_next_connection_works() -> None:
    async with world() as (server, proxy):
        reader, writer = await dial(proxy)
        writer.write(b"one")
        assert await read(reader, 3) == b"one"
        assert proxy.cut() == 1
        await is_reset(reader)
        await server.until_ended(1)
        writer.close()
        reader, writer = await dial(proxy)
        writer.write(b"two")
        assert await read(reader, 3) == b"two"
        writer.close()


async def test_who_connects_is_reset_while_the_network_is_away() -> None:
    async with world() as (server, proxy):
        proxy.refuse = True
        reader, writer = await dial(proxy)
        await is_reset(reader)
        writer.close()
        assert (server.connections, proxy.refused) == (0, 1)


async def test_a_frozen_network_keeps_everything_the_end_included_for_later() -> None:
    async with world() as (server, proxy):
        reader, writer = await dial(proxy)
        writer.write(b"one")
        assert await read(reader, 3) == b"one"
        proxy.ways(up=Way(frozen=True), down=Way(frozen=True))
        writer.write(b"two")
        writer.write_eof()
        await silent(reader)
        assert (bytes(server.heard), server.ended) == (b"one", 0)
        proxy.ways()
        assert await read(reader, 3) == b"two"
        await server.until_ended(1)
        writer.close()


@pytest.mark.parametrize("lost", ["up", "down"])
async def test_a_half_open_connection_loses_one_way_and_is_reset_when_the_network_is_whole(lost: str) -> None:
    async with world() as (server, proxy):
        reader, writer = await dial(proxy)
        writer.write(b"one")
        assert await read(reader, 3) == b"one"
        ways = {lost: Way(swallow=True)}
        proxy.ways(**ways)
        writer.write(b"two")
        await silent(reader)
        await server.until_heard(b"one" if lost == "up" else b"onetwo")
        assert proxy.swallowed_bytes == 3
        proxy.ways()
        await is_reset(reader)
        await server.until_ended(1)
        writer.close()


async def test_a_way_that_lost_nothing_goes_on_where_it_was() -> None:
    async with world() as (_, proxy):
        reader, writer = await dial(proxy)
        writer.write(b"one")
        assert await read(reader, 3) == b"one"
        proxy.ways(up=Way(swallow=True))
        proxy.ways()
        writer.write(b"two")
        assert await read(reader, 3) == b"two"
        writer.close()


async def test_latency_delays_each_way_and_keeps_the_order() -> None:
    async with world() as (_, proxy):
        proxy.ways(up=Way(latency_s=0.1), down=Way(latency_s=0.1))
        reader, writer = await dial(proxy)
        began_s = time.monotonic()
        for piece in (b"a", b"b", b"c"):
            writer.write(piece)
            await writer.drain()
        assert await read(reader, 3) == b"abc"
        assert time.monotonic() - began_s >= 0.2
        writer.close()


async def test_a_slow_way_takes_its_time_for_so_many_bytes() -> None:
    async with world() as (_, proxy):
        proxy.ways(up=Way(bytes_per_s=10_000))
        reader, writer = await dial(proxy)
        began_s = time.monotonic()
        writer.write(bytes(4_000))
        await read(reader, 4_000)
        assert time.monotonic() - began_s >= 0.3
        writer.close()


async def test_a_frozen_way_holds_a_bounded_amount_and_then_the_sender_waits() -> None:
    async with world() as (server, proxy):
        proxy.ways(up=Way(frozen=True))
        _, writer = await dial(proxy)
        writer.write(bytes(64 << 20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.drain()
        assert len(server.heard) == 0
        writer.transport.abort()


async def test_a_server_that_is_not_there_resets_whoever_connects() -> None:
    async with world() as (_, proxy):
        port = proxy.port
    async with Proxy("127.0.0.1", port) as proxy:
        reader, writer = await dial(proxy)
        await is_reset(reader)
        writer.close()
        assert proxy.refused == 1
