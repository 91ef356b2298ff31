"""Card reader of a bench."""

from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from chargepoint.facts import Card
from chargepoint.ports import Buses
from drivers.virtual.connection import Connection, quiet_when_closed


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock. reader: the bench's number, 1 to 32."""

    socket: Annotated[str, Meta(min_length=1)]
    reader: Annotated[int, Meta(ge=1, le=32)]


class CardReader:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def cards(self) -> AsyncIterator[Card]:
        with quiet_when_closed(self._connection):
            while True:
                message = await self._connection.receive()
                card = message.get("card", 0)
                if isinstance(card, str) and card:
                    yield Card(id_tag=card)
                elif card is not None:
                    raise self._connection.misunderstood(message)

    async def close(self) -> None:
        await self._connection.close()


async def open(config: Config, buses: Buses) -> CardReader:
    """Takes the reader; raises DriverError within 2 s, also while the bench has taken it away (reader_lost)."""
    hello = {"part": "reader", "reader": config.reader}
    return CardReader(await Connection.open(f"virtual reader {config.reader}", config.socket, hello))
