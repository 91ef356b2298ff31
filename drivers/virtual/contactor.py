"""Contactor of a bench: commands the coil, gives the feedback contact."""

from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses
from drivers.virtual.connection import Connection, place, quiet_when_closed


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock. connector: the bench's number, 1 to 32."""

    socket: Annotated[str, Meta(min_length=1)]
    connector: Annotated[int, Meta(ge=1, le=32)]


class Contactor:
    """The bench holds the coil only while this connection lives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed: bool | None = None

    def set(self, closed: bool) -> None:
        """The line is with the kernel, or in front of all others, when this returns. Lost: nothing, feedback() tells."""
        self._connection.send({"set": "closed" if closed else "open"})

    async def feedback(self) -> AsyncIterator[bool]:
        if self._closed is not None:
            yield self._closed
        with quiet_when_closed(self._connection):
            while True:
                message = await self._connection.receive()
                match message.get("contactor"):
                    case "closed":
                        self._closed = True
                    case "open":
                        self._closed = False
                    case _:
                        raise self._connection.misunderstood(message)
                yield self._closed

    async def close(self) -> None:
        self.set(False)
        await self._connection.close()


async def make_safe(config: Config, buses: Buses) -> str:
    """Nothing to be done: the coil went with the connection of the station that is gone."""
    return "its bench lets go of the coil when the station's connection ends"


async def open(config: Config, buses: Buses) -> Contactor:
    """Takes the contactor, open; raises DriverError within 2 s."""
    hello = {"part": "contactor", "connector": config.connector}
    return Contactor(await Connection.open(place("contactor", config.connector), config.socket, hello))
