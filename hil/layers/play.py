"""What a story may do and wait for: the same words on every layer.

Owns patience: whatever is waited for comes within WAIT_S, or the story has failed with words. Refuses to know which layer it
is.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from hil.csms import Frame
from hil.layers.stage import Stage

READY_S = 20.0
WAIT_S = 10.0
LOOK_S = 0.02
SEEN_S = 0.5
ANSWER_S = 3.3  # 3 s, and some of what comes after it

Body = dict[str, Any]


class StoryFailed(Exception):
    """What should have come did not; the text says what."""


class Play:
    """One story on one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.system = stage.system

    # People, cars and faults

    async def plug(self, *, ready: bool = True, current_a: float = 16.0) -> None:
        """A car with a detachable cable of 32 A, on three phases."""
        await self._do("plug", connector=1, ready=ready, max_current_a=current_a)

    async def unplug(self) -> None:
        await self._do("unplug", connector=1)

    async def ready(self, ready: bool) -> None:
        """The car asks for power (pilot C), or does not (B)."""
        await self._do("ev", connector=1, ready=ready)

    async def tap(self, uid: str) -> None:
        """A card with this UID, 4, 7 or 10 bytes in hexadecimal."""
        if len(bytes.fromhex(uid)) not in (4, 7, 10):
            raise ValueError(f"a card's UID has 4, 7 or 10 bytes, not {uid}")
        await self._do("tap", id_tag=uid)

    async def fault(self, kind: str, active: bool, *, connector: int = 1) -> None:
        """A fault of the bench's; connector 0 is the station."""
        await self._do("fault", connector=connector, kind=kind, active=active)

    async def speed(self, factor: float) -> None:
        """Energy flows so many times faster than the clock."""
        await self._do("speed", factor=factor)

    async def _do(self, do: str, **arguments: Any) -> None:
        await self._stage.client.do(do, **arguments)

    # The station's process

    async def boot(self) -> None:
        """Starts the station and waits until it is accepted and has told the status of what it has."""
        await self._stage.start()
        await self.hears("BootNotification", timeout_s=READY_S)
        for number in (0, 1):
            await self.hears("StatusNotification", connectorId=number)
        await self.world(lambda one: self._stage.bench.world.station_connected, "the station has its parts")

    async def kill(self) -> None:
        """SIGKILL in mid-charge. The emulated kernel then keeps the coil on, as Raspberry Pi OS does: this is checked."""
        await self._stage.end(signal.SIGKILL)
        if (harness := self._stage.harness) is not None:
            coil = harness.kernel.wait_held(harness.coil, False)
            if not coil.kept or coil.level is not harness.active_high:
                raise StoryFailed("the kernel did not keep the coil on, so that safe-state has nothing to show")

    async def stop(self) -> None:
        """SIGTERM, as a service manager does."""
        self.note(f"the station ended with status {await self._stage.end(signal.SIGTERM)}")

    async def safe_state(self) -> None:
        """What a service manager runs after the process."""
        status, took_s = await self._stage.safe_state()
        self.note(f"safe-state ended with status {status}{', late' if took_s > 3.0 else ''}")

    # The Central System

    async def hears(self, action: str, *, timeout_s: float = WAIT_S, **fields: Any) -> Frame:
        """The station's next CALL of this action with these fields."""
        try:
            return await self._stage.station.expect(action, timeout_s=timeout_s, **fields)
        except AssertionError as error:
            raise StoryFailed(str(error)) from None

    async def status(self, status: str, **fields: Any) -> None:
        await self.hears("StatusNotification", connectorId=1, status=status, **fields)

    async def asks(self, action: str, **payload: Any) -> Body:
        """A CALL of the Central System; the answer."""
        return await self._stage.station.call(action, payload, timeout_s=WAIT_S)

    # The world

    async def world(self, holds: Callable[[Body], object], what: str) -> Body:
        """The first state of the connector in which the condition holds."""
        state: Body = await self._stage.client.state()
        try:
            async with asyncio.timeout(WAIT_S):
                while not holds(state["connectors"]["1"]):
                    await asyncio.sleep(LOOK_S)
                    state = await self._stage.client.state()
        except TimeoutError:
            raise StoryFailed(f"not within {WAIT_S:g} s: {what}; the world is {state['connectors']['1']}") from None
        connector: Body = state["connectors"]["1"]
        return connector

    async def contactor(self, position: str) -> Body:
        return await self.world(lambda one: one["contactor"] == position, f"the contactor is {position}")

    async def lock(self, position: str) -> Body:
        return await self.world(lambda one: one["lock"] == position, f"the plug is {position}")

    async def drawn(self, current_a: float) -> Body:
        """Until the car takes this much on each phase."""
        return await self.world(lambda one: abs(one["drawn_current_a"] - current_a) < 0.05, f"{current_a:g} A are drawn")

    async def grows(self, energy_wh: float) -> Body:
        """Until the meter has counted so much more."""
        goal_wh = (await self._stage.client.state())["connectors"]["1"]["energy_wh"] + energy_wh
        return await self.world(lambda one: one["energy_wh"] >= goal_wh, f"the register has risen by {energy_wh:g} Wh")

    async def light(self, colour: str, for_s: float = SEEN_S) -> None:
        """Until the lamps have shown a colour, and no other, for so long that an eye has seen what it means."""
        await self.world(lambda one: self._stage.shows_s(colour) >= for_s, f"the lamps are {colour} for {for_s:g} s")

    async def light_of_charging(self) -> None:
        """Until the answer to the card, which is green too, is over."""
        await self.light("green", ANSWER_S)

    # What the story finds

    def note(self, text: str) -> None:
        """For the comparison: the same text on every layer."""
        self._stage.account.noted.append(text)

    def billed(self, stop: Frame, register_wh: int) -> None:
        """Holds a bill against the meter."""
        if stop["meterStop"] != register_wh:
            raise StoryFailed(f"billed up to {stop['meterStop']} Wh, the meter says {register_wh} Wh")

    def flashes(self) -> list[int]:
        """How many red flashes each group had, each reason counted once."""
        return self._stage.red_flashes()
