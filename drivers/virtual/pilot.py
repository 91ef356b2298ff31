"""Control pilot and proximity of a bench (IEC 61851-1): tells the car's state, offers current by PWM."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import Buses
from drivers.virtual.connection import Connection, Message, place, quiet_when_closed


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """socket: path of the bench's hardware.sock. connector: the bench's number, 1 to 32."""

    socket: Annotated[str, Meta(min_length=1)]
    connector: Annotated[int, Meta(ge=1, le=32)]


class _Line(Struct, frozen=True):
    pilot: PilotState
    cable_at_station: bool
    cable_a: float | None
    diode_ok: bool


class PilotSensor:
    """The bench withdraws the offer when this connection ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: Pilot | None = None

    def offer(self, current_a: float | None) -> None:
        """6 to 80 A, or None for a steady pilot. Lost: nothing happens, states() tells."""
        self._connection.send({"offer_a": current_a})

    async def states(self) -> AsyncIterator[Pilot]:
        if self._last is not None:
            yield self._last
        with quiet_when_closed(self._connection):
            while True:
                self._last = self._pilot(await self._connection.receive())
                yield self._last

    def _pilot(self, message: Message) -> Pilot:
        try:
            line = msgspec.convert(message, _Line)
        except msgspec.ValidationError as error:
            raise self._connection.misunderstood(message) from error
        return Pilot(state=line.pilot, cable_at_station=line.cable_at_station, cable_a=line.cable_a, diode_ok=line.diode_ok)

    async def close(self) -> None:
        self.offer(None)
        await self._connection.close()


async def open(config: Config, buses: Buses) -> PilotSensor:
    """Takes the pilot, with nothing offered; raises DriverError within 2 s."""
    hello = {"part": "pilot", "connector": config.connector}
    return PilotSensor(await Connection.open(place("pilot", config.connector), config.socket, hello))
