"""Indicator of a bench: shows a pattern per connector.

An indicator tells nothing, so nobody would notice that its connection is lost: it comes back by itself, and shows again
what it was last told.
"""

import asyncio
import contextlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.ports import Buses, DriverError
from drivers.virtual.connection import Connection, Message, place

AGAIN_MIN_S = 0.2
AGAIN_MAX_S = 5.0


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock. connector: the bench's number, 1 to 32."""

    socket: Annotated[str, Meta(min_length=1)]
    connector: Annotated[int, Meta(ge=1, le=32)]


class Indicator:
    """The lamp goes dark when the connection ends."""

    def __init__(self, config: Config, connection: Connection) -> None:
        self._config = config
        self._connection = connection
        self._said: dict[str, Message] = {}
        self._task = asyncio.create_task(self._stay(), name=connection.what)

    def show(self, pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> None:
        """While the connection is lost the pattern waits for the next one; only the last is kept."""
        why = {} if refusal is None else {"refusal": refusal.value}
        what = {} if trouble is None else {"trouble": trouble.value}
        self._say("show", {"show": pattern.value, **why, **what})

    def adjust(self, lights: Lights) -> None:
        self._say("adjust", {"adjust": msgspec.to_builtins(lights)})

    def _say(self, kind: str, message: Message) -> None:
        self._said[kind] = message
        self._connection.send(message)

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(DriverError):
                while True:
                    await self._connection.receive()
            await self._connection.close()
            self._connection = await self._again()
            for message in self._said.values():
                self._connection.send(message)

    async def _again(self) -> Connection:
        wait_s = AGAIN_MIN_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, AGAIN_MAX_S)
            with contextlib.suppress(DriverError):
                return await _connect(self._config)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._connection.close()


async def _connect(config: Config) -> Connection:
    hello = {"part": "indicator", "connector": config.connector}
    return await Connection.open(place("indicator", config.connector), config.socket, hello)


async def open(config: Config, buses: Buses) -> Indicator:
    """Takes the lamp, dark; raises DriverError within 2 s."""
    return Indicator(config, await _connect(config))
