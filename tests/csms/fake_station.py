"""A station of a page: it sends what it is told to, right or wrong, and answers CALLs from a table."""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from hil.csms.times import to_iso

Payload = dict[str, Any]
IDENTITY = "CK_XXX_0001"
BOOT = {"chargePointVendor": "ChargeKing", "chargePointModel": "CK22"}


def stamp(offset_s: float = 0.0) -> str:
    """Now, or so many seconds later, as OCPP writes it."""
    return to_iso(time.time() + offset_s)


def start_of(id_tag: str = "04A2B3C4", connector: int = 1, meter_wh: int = 1000, at: str | None = None) -> Payload:
    return {"connectorId": connector, "idTag": id_tag, "meterStart": meter_wh, "timestamp": at or stamp()}


def stop_of(transaction: int, meter_wh: int = 4000, at: str | None = None, **more: Any) -> Payload:
    return {"transactionId": transaction, "meterStop": meter_wh, "timestamp": at or stamp(), **more}


def values_of(transaction: int | None, energy_wh: str, at: str | None = None, connector: int = 1) -> Payload:
    payload: Payload = {
        "connectorId": connector,
        "meterValue": [{"timestamp": at or stamp(), "sampledValue": [{"value": energy_wh, "unit": "Wh"}]}],
    }
    return payload if transaction is None else {**payload, "transactionId": transaction}


class FakeStation:
    """Frames in and out; `frames` is what came and is no CALL."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.answers: dict[str, Any] = {}  # action → payload, or ["code", "description"] for a CALLERROR, or None for silence
        self.calls: list[tuple[str, Payload]] = []
        self.frames: asyncio.Queue[list[Any] | None] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosedError):
            async for text in self.socket:
                await self._take(json.loads(text))
        await self.frames.put(None)

    async def _take(self, frame: Any) -> None:
        if not isinstance(frame, list) or frame[0] != 2:
            await self.frames.put(frame)
            return
        self.calls.append((frame[2], frame[3]))
        answer = self.answers.get(frame[2], {"status": "Accepted"})
        if isinstance(answer, list):
            await self.socket.send(json.dumps([4, frame[1], *answer, {}]))
        elif answer is not None:
            await self.socket.send(json.dumps([3, frame[1], answer]))

    async def post(self, action: str, payload: Payload | None = None, message_id: str | None = None) -> str:
        """Sends a CALL, does not wait."""
        message_id = message_id or f"m{next(self._ids)}"
        await self.socket.send(json.dumps([2, message_id, action, payload or {}]))
        return message_id

    async def next(self, timeout_s: float = 3.0) -> list[Any] | None:
        """The next answer; None: the connection has ended."""
        async with asyncio.timeout(timeout_s):
            return await self.frames.get()

    async def ask(self, action: str, payload: Payload | None = None) -> Any:
        """Sends a CALL and gives the payload of its CALLRESULT."""
        message_id = await self.post(action, payload)
        frame = await self.next()
        assert frame is not None, f"the connection ended before the answer to {action}"
        assert frame[:2] == [3, message_id], frame
        return frame[2]


@asynccontextmanager
async def fake_station(
    url: str, identity: str = IDENTITY, password: bytes | None = None, **options: Any
) -> AsyncIterator[FakeStation]:
    """A station that is connected."""
    headers = {}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()
    options.setdefault("subprotocols", ["ocpp1.6"])
    async with connect(
        f"{url}/{identity}",
        additional_headers=headers,
        compression=None,
        proxy=None,
        close_timeout=0.2,
        ping_interval=None,
        **options,
    ) as socket:
        station = FakeStation(socket)
        try:
            yield station
        finally:
            await socket.close()
            await asyncio.wait_for(asyncio.gather(station._reader, return_exceptions=True), 2)
