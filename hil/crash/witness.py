"""The witness: hears every frame and sees every contact, and writes down what the judge needs.

Owns the record of billing messages in the order in which the Central System heard them, of complaints with the message that
each is about, and of energy drawn. Refuses to judge.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hil.bench.client import BenchClient
from hil.csms import CentralSystem, Frame, Note

BILLING = ("StartTransaction", "MeterValues", "StopTransaction")

Payload = dict[str, Any]


@dataclass(frozen=True)
class Complaint:
    """What the books have against the message with this number."""

    note: Note
    message: int


@dataclass(frozen=True)
class Draw:
    """Energy that flowed while a contactor was closed, Wh on the bench's own meter."""

    connector: int
    from_wh: int
    to_wh: int


class Frames:
    """Every frame, for whoever waits for one; billing messages and complaints are kept."""

    def __init__(self, cs: CentralSystem) -> None:
        self.messages: list[Frame] = []
        self.complaints: list[Complaint] = []
        self._waiting: list[tuple[Callable[[Frame], bool], asyncio.Future[Frame]]] = []
        cs.office.listeners.append(self._heard)
        cs.books.on_complaint = self._complained

    async def next(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame that is wanted."""
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            self._waiting.remove(entry)

    def _heard(self, frame: Frame) -> None:
        if frame.direction == "in" and frame.kind == "call" and frame.action in BILLING:
            self.messages.append(frame)
        for wanted, future in self._waiting:
            if not future.done() and wanted(frame):
                future.set_result(frame)

    def _complained(self, note: Note) -> None:
        """The books complain while they take in a message: the newest."""
        self.complaints.append(Complaint(note, len(self.messages) - 1))


class Meters:
    """The bench's meters, read past the station. Energy flows only while a contactor is closed."""

    def __init__(self, bench: BenchClient) -> None:
        self.draws: list[Draw] = []
        self.closings = 0
        self._bench = bench
        self._rest_wh: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> dict[int, int]:
        """Follows the contactors from now on, when all are open; the registers."""
        state = await self._bench.state()
        for name, connector in state["connectors"].items():
            assert connector["contactor"] == "open"
            self._rest_wh[int(name)] = connector["energy_wh"]
        registers = dict(self._rest_wh)
        self._task = asyncio.create_task(self._follow())
        return registers

    async def stop(self) -> None:
        """With every contactor open: what is not noted yet is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for connector in self._rest_wh:
            await self._opened(connector)

    def broken(self) -> str | None:
        """Why nothing is followed any more, if so."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return str(self._task.exception())

    async def _follow(self) -> None:
        async for change in await self._bench.watch():
            if change.get("contactor") == "open":
                await self._opened(change["connector"])
            elif change.get("contactor") == "closed":
                self.closings += 1

    async def _opened(self, connector: int) -> None:
        """Closed again meanwhile: the next opening tells of both."""
        state = (await self._bench.state())["connectors"][str(connector)]
        if state["contactor"] != "open":
            return
        before_wh, now_wh = self._rest_wh[connector], state["energy_wh"]
        if now_wh > before_wh:
            self.draws.append(Draw(connector, before_wh, now_wh))
            self._rest_wh[connector] = now_wh
