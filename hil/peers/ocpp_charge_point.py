"""The charge point that a Python user would otherwise write: the package `ocpp` on `websockets`, as their pages show it.

    python -m hil.peers.ocpp_charge_point --url ws://127.0.0.1:9000/ocpp --identity CP_1

Small and honest: BootNotification, Heartbeat, GetConfiguration, TriggerMessage, and a session by Authorize, StartTransaction,
MeterValues and StopTransaction. A line on stdin is a card that is tapped: it starts a session, the same card ends it. It has
no hardware, no database and no outbox, and starts no session while the Central System is away: what it lacks makes it fast.
"""

import argparse
import asyncio
import contextlib
import sys
from datetime import UTC, datetime

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.datatypes import KeyValue, MeterValue, SampledValue
from ocpp.v16.enums import Action, AuthorizationStatus, MessageTrigger, RegistrationStatus, TriggerMessageStatus
from websockets.asyncio.client import connect

POWER_W = 11_000.0


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Peer(ChargePoint):  # type: ignore[misc]  # the package has no types
    """One connector."""

    def __init__(self, identity: str, connection: object) -> None:
        super().__init__(identity, connection)
        self.interval_s = 300
        self.keys = {
            "HeartbeatInterval": "300",
            "MeterValueSampleInterval": "60",
            "ConnectionTimeOut": "60",
            "NumberOfConnectors": "1",
            "SupportedFeatureProfiles": "Core,RemoteTrigger",
        }
        self.id_tag: str | None = None
        self.transaction_id = 0
        self.energy_wh = 1_000.0

    async def boot(self) -> None:
        """BootNotification until it is accepted, then the status."""
        while True:
            request = call.BootNotification(charge_point_vendor="Peer", charge_point_model="Python")
            answer = await self.call(request)
            if answer is not None:
                self.interval_s = answer.interval or self.interval_s
                if answer.status == RegistrationStatus.accepted:
                    break
            await asyncio.sleep(self.interval_s)
        await self.tell("Available")

    async def tell(self, status: str) -> None:
        await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status=status))

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(self.interval_s)
            await self.call(call.Heartbeat())

    async def tap(self, id_tag: str) -> None:
        """The card begins a session, or ends its own."""
        if self.id_tag is None:
            answer = await self.call(call.Authorize(id_tag=id_tag))
            if answer is not None and answer.id_tag_info["status"] == AuthorizationStatus.accepted:
                await self.begin(id_tag)
        elif self.id_tag == id_tag:
            await self.end()

    async def begin(self, id_tag: str) -> None:
        answer = await self.call(
            call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=int(self.energy_wh), timestamp=now())
        )
        if answer is not None:
            self.id_tag, self.transaction_id = id_tag, answer.transaction_id
            await self.tell("Charging")

    async def end(self) -> None:
        self.id_tag = None
        await self.call(
            call.StopTransaction(
                transaction_id=self.transaction_id, meter_stop=int(self.energy_wh), timestamp=now(), reason="Local"
            )
        )
        await self.tell("Available")

    async def measure(self) -> None:
        """A sample of the session that runs, every MeterValueSampleInterval."""
        while True:
            interval_s = float(self.keys["MeterValueSampleInterval"])
            await asyncio.sleep(interval_s)
            if self.id_tag is not None:
                self.energy_wh += POWER_W * interval_s / 3600
                await self.send_meter_values()

    async def send_meter_values(self) -> None:
        value = SampledValue(value=str(int(self.energy_wh)), measurand="Energy.Active.Import.Register", unit="Wh")
        await self.call(
            call.MeterValues(
                connector_id=1,
                meter_value=[MeterValue(timestamp=now(), sampled_value=[value])],
                transaction_id=self.transaction_id if self.id_tag is not None else None,
            )
        )

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str] | None = None) -> call_result.GetConfiguration:
        asked = key if key else list(self.keys)
        return call_result.GetConfiguration(
            configuration_key=[
                KeyValue(key=name, readonly=False, value=self.keys[name]) for name in asked if name in self.keys
            ],
            unknown_key=[name for name in asked if name not in self.keys],
        )

    @on(Action.trigger_message)  # type: ignore[untyped-decorator]
    def on_trigger_message(self, requested_message: str, connector_id: int | None = None) -> call_result.TriggerMessage:
        known = requested_message in (MessageTrigger.heartbeat, MessageTrigger.meter_values)
        return call_result.TriggerMessage(TriggerMessageStatus.accepted if known else TriggerMessageStatus.not_implemented)

    @after(Action.trigger_message)  # type: ignore[untyped-decorator]
    async def after_trigger_message(self, requested_message: str, connector_id: int | None = None) -> None:
        if requested_message == MessageTrigger.heartbeat:
            await self.call(call.Heartbeat())
        elif requested_message == MessageTrigger.meter_values:
            await self.send_meter_values()


async def taps(peer: Peer) -> None:
    """Cards from stdin, one a line, to its end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await peer.tap(line.decode().strip())


async def run(url: str, identity: str) -> None:
    """Until the connection ends."""
    async with connect(f"{url}/{identity}", subprotocols=["ocpp1.6"], proxy=None) as connection:  # type: ignore[list-item]
        peer = Peer(identity, connection)
        works = [asyncio.create_task(work) for work in (peer.boot(), peer.beat(), peer.measure(), taps(peer))]
        try:
            await peer.start()
        finally:
            for work in works:
                work.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="of the Central System, without the identity")
    parser.add_argument("--identity", default="PEER_0001", help="default PEER_0001")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments.url, arguments.identity))
    return 0


if __name__ == "__main__":
    sys.exit(main())
