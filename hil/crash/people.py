"""People and cars at one connector: they plug, tap, wait, change their minds and leave, whatever the station does.

Owns the habits, as chances in each situation. Seeded; what is done follows from what is seen at the bench.
"""

import asyncio
import random
from contextlib import suppress

from hil.bench.client import BenchClient, BenchError
from hil.crash.actor import Actor
from hil.csms import CallError, CentralSystem, NoAnswer, NotConnected

CARDS = tuple(f"04A2B3C{number:X}" for number in range(12))
REFUSED_CARD = "04DEADBEEF"  # the Central System does not know it
PAUSE_S = (0.05, 0.6)
CALL_S = 1.5

# Situation → (what, chance)
HABITS: dict[str, tuple[tuple[str, int], ...]] = {
    "empty": (("plug", 12), ("tap", 3), ("remote_start", 2), ("wait", 3)),
    "plugged": (("tap", 10), ("remote_start", 3), ("unplug", 4), ("ready", 2), ("wait", 3)),
    "charging": (("wait", 12), ("tap_again", 4), ("unplug", 3), ("remote_stop", 3), ("pause", 2)),
}


class People(Actor):
    """At connector `number`, whose reader has the same number."""

    def __init__(self, number: int, bench: BenchClient, cs: CentralSystem, identity: str, rng: random.Random) -> None:
        super().__init__()
        self.number = number
        self.acts: dict[str, int] = {}
        self._bench = bench
        self._cs = cs
        self._identity = identity
        self._rng = rng
        self._card = CARDS[0]

    async def leave(self) -> None:
        """No more cards; the car leaves."""
        await super().leave()
        await self._unplug()

    async def act(self) -> None:
        state = (await self._bench.state())["connectors"][str(self.number)]
        situation = "empty" if not state["plugged"] else "charging" if state["contactor"] == "closed" else "plugged"
        habits = HABITS[situation]
        act = self._rng.choices([what for what, _ in habits], [chance for _, chance in habits])[0]
        self.acts[act] = self.acts.get(act, 0) + 1
        await self._do(act)
        await asyncio.sleep(self._rng.uniform(*PAUSE_S))

    async def _do(self, act: str) -> None:
        """What cannot be done (the situation changed meanwhile) is not done."""
        with suppress(BenchError, CallError, NoAnswer, NotConnected):
            match act:
                case "plug":
                    await self._plug()
                case "unplug":
                    await self._unplug()
                case "tap":
                    self._card = REFUSED_CARD if self._rng.random() < 0.05 else self._rng.choice(CARDS)
                    await self._tap()
                case "tap_again":
                    await self._tap()
                case "ready":
                    await self._bench.do("ev", connector=self.number, ready=True)
                case "pause":
                    await self._bench.do("ev", connector=self.number, ready=False)
                case "remote_start":
                    card = self._rng.choice(CARDS)
                    await self._call("RemoteStartTransaction", {"idTag": card, "connectorId": self.number})
                    self._card = card
                case "remote_stop":
                    await self._remote_stop()

    async def _plug(self) -> None:
        rng = self._rng
        delay_s, phases = rng.uniform(0.0, 0.3), rng.choice((1, 3))
        current_a = rng.choice((10.0, 16.0, 32.0))
        await self._bench.do("plug", connector=self.number, delay_s=delay_s, phases=phases, max_current_a=current_a)

    async def _unplug(self) -> None:
        await self._bench.do("unplug", connector=self.number)

    async def _tap(self) -> None:
        await self._bench.do("tap", id_tag=self._card, reader=self.number, hold_s=self._rng.uniform(0.1, 0.4))

    async def _remote_stop(self) -> None:
        rows = [row for row in self._cs.books.open_rows(self._identity) if row.connector_id == self.number]
        if rows:
            await self._call("RemoteStopTransaction", {"transactionId": rows[-1].transaction_id})

    async def _call(self, action: str, payload: dict[str, object]) -> None:
        await self._cs.known(self._identity).call(action, payload, timeout_s=CALL_S)
