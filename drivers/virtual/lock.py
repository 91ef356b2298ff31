"""Lock of a bench's socket: drives the motor, tells where the bolt is after every command."""

from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.ports import Buses
from drivers.virtual.connection import Connection, place, quiet_when_closed


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock. connector: the bench's number, 1 to 32."""

    socket: Annotated[str, Meta(min_length=1)]
    connector: Annotated[int, Meta(ge=1, le=32)]


class Lock:
    """The bolt stays where it is when the connection ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._locked: bool | None = None

    def set(self, locked: bool) -> None:
        """The outcome comes from states(). Lost: nothing happens, states() tells that too."""
        self._connection.send({"set": "locked" if locked else "unlocked"})

    async def states(self) -> AsyncIterator[bool]:
        if self._locked is not None:
            yield self._locked
        with quiet_when_closed(self._connection):
            while True:
                message = await self._connection.receive()
                match message.get("lock"):
                    case "locked":
                        self._locked = True
                    case "unlocked":
                        self._locked = False
                    case _:
                        raise self._connection.misunderstood(message)
                yield self._locked

    async def close(self) -> None:
        await self._connection.close()


async def open(config: Config, buses: Buses) -> Lock:
    """Takes the lock as it is; raises DriverError within 2 s, also where the bench's cable is fixed."""
    hello = {"part": "lock", "connector": config.connector}
    return Lock(await Connection.open(place("lock", config.connector), config.socket, hello))
