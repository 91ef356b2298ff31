"""Input lines of a bench: faults, door, emergency stop and mains warning."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chargepoint.facts import Input, InputKind
from chargepoint.ports import Buses
from drivers.virtual.connection import Connection, quiet_when_closed


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock."""

    socket: Annotated[str, Meta(min_length=1)]


class _Line(Struct, frozen=True):
    input: InputKind
    connector: Annotated[int, Meta(ge=0, le=32)]
    active: bool


class Inputs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def changes(self) -> AsyncIterator[Input]:
        with quiet_when_closed(self._connection):
            while True:
                message = await self._connection.receive()
                try:
                    line = msgspec.convert(message, _Line)
                except msgspec.ValidationError as error:
                    raise self._connection.misunderstood(message) from error
                yield Input(connector=line.connector, kind=line.input, active=line.active)

    async def close(self) -> None:
        await self._connection.close()


async def open(config: Config, buses: Buses) -> Inputs:
    """Takes the inputs; raises DriverError within 2 s."""
    return Inputs(await Connection.open("virtual inputs", config.socket, {"part": "inputs"}))
