"""The keys of the live view, and the hands that do what they say. One table serves the view, `--help` and the hands.

What is refused (a second car at one socket) is told, and changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from hil.bench.client import BenchError
from hil.bench.outlet import Fault
from hil.demo.scene import Scene
from hil.demo.sockets import Refused, SocketError
from hil.demo.stage import Stage

CALL_S = 10.0
SPEED_LEAST, SPEED_MOST = 1.0, 3_600.0
SPEED_STEP = 2.0
FAULTS = tuple(fault for fault in Fault if fault is not Fault.LIST_WRITE)
FAULT_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Key(NamedTuple):
    """characters: what the keyboard sends. label, word: for the view. help: what it does, for `--help`."""

    characters: str
    label: str
    word: str
    help: str


KEYS = (
    Key("p", "p", "plug", "plug a car in at the chosen connector"),
    Key("t", "t", "tap", "hold the driver's card to its reader: begins a charge, and ends it"),
    Key("u", "u", "unplug", "pull the cable out"),
    Key("c", "c", "car pauses", "the car stops asking for power, or asks again"),
    Key("r", "r", "remote", "the Central System starts a charge, or stops it"),
    Key("n", "n", "network", "cut the network, or restore it"),
    Key("x", "x", "power", "cut the station's power (kill -9), or restore it"),
    Key("f", "f", "faults", "list the faults of the connector; a letter raises or clears one"),
    Key("+=-_", "+ -", "speed", "energy flows faster or slower"),
    Key("123456789", "1-9", "connector", "choose the connector (or arrow up, arrow down)"),
    Key("q", "q", "quit", "end the demo"),
)


def driver_of(connector: int) -> str:
    """The card of the driver who stands at a connector."""
    return f"04A2B3C{connector}"


def app_of(connector: int) -> str:
    """The id tag with which the Central System starts remotely."""
    return f"04D5E6F{connector}"


class Hands:
    """Do what a key says. chosen: the connector. menu: the list of faults is open. tell: where it is said what was done."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._tell = tell
        self._call: asyncio.Task[None] | None = None
        self.chosen = 1
        self.menu = False
        self.speed = stage.options.speed
        self.done = False
        self._actions: dict[str, Callable[[Scene], Awaitable[None]]] = {
            "p": self._plug,
            "t": self._tap,
            "u": self._unplug,
            "c": self._car,
            "r": self._remote,
            "n": self._network,
            "x": self._power,
        }

    async def press(self, key: str, scene: Scene) -> None:
        """Does what a key says; an unknown one does nothing."""
        if self.menu:
            await self._guarded(self._fault(key, scene))
        elif key in self._actions:
            await self._guarded(self._actions[key](scene))
        elif key in ("+", "=", "-", "_"):
            await self._guarded(self._faster(SPEED_STEP if key in "+=" else 1 / SPEED_STEP))
        elif key in ("up", "down"):
            self._choose(self.chosen + (1 if key == "down" else -1), scene)
        elif len(key) == 1 and key in "123456789":
            self._choose(int(key), scene)
        elif key == "f":
            self.menu = True
        elif key == "q":
            self.done = True

    async def rest(self) -> None:
        """Lets go of a remote command that is still under way."""
        if self._call is not None:
            self._call.cancel()
            await asyncio.wait({self._call})

    async def _guarded(self, action: Awaitable[None]) -> None:
        try:
            await action
        except (BenchError, Refused, SocketError) as error:
            self._tell(f"not done: {error}")

    def _choose(self, connector: int, scene: Scene) -> None:
        if connector in scene.numbers:
            self.chosen = connector

    async def _plug(self, _: Scene) -> None:
        await self._stage.bench.do("plug", connector=self.chosen)
        self._tell(f"you plug a car in at connector {self.chosen}")

    async def _tap(self, _: Scene) -> None:
        await self._stage.bench.do("tap", id_tag=driver_of(self.chosen), reader=self.chosen)
        self._tell(f"you hold card {driver_of(self.chosen)} to the reader of connector {self.chosen}")

    async def _unplug(self, _: Scene) -> None:
        await self._stage.bench.do("unplug", connector=self.chosen)
        self._tell(f"you pull the cable of connector {self.chosen}")

    async def _car(self, scene: Scene) -> None:
        ready = scene.outlet(self.chosen)["pilot"] not in ("C", "D")
        await self._stage.bench.do("ev", connector=self.chosen, ready=ready)
        self._tell(f"the car at connector {self.chosen} {'asks for power' if ready else 'pauses'}")

    async def _network(self, scene: Scene) -> None:
        online = bool(scene.system["online"])
        await self._stage.system.ask("offline" if online else "online")
        self._tell("you cut the network" if online else "you restore the network")

    async def _power(self, scene: Scene) -> None:
        if scene.running:
            await self._stage.service.cut()
            self._tell("you cut the station's power (kill -9)")
        else:
            await self._stage.power()
            self._tell("you restore the station's power")

    async def _remote(self, scene: Scene) -> None:
        """The answer may take a while: it is waited for aside."""
        if self._call is not None and not self._call.done():
            self._tell("not done: a remote command is still under way")
            return
        transaction = scene.running_transaction(self.chosen)
        if transaction is not None:
            call = self._remotely("RemoteStopTransaction", {"transactionId": transaction})
        else:
            start = {"idTag": app_of(self.chosen), "connectorId": self.chosen}
            call = self._remotely("RemoteStartTransaction", start)
        self._call = asyncio.create_task(self._guarded(call))

    async def _remotely(self, action: str, payload: dict[str, object]) -> None:
        request = {"action": action, "payload": payload, "timeout_s": CALL_S}
        answer = await self._stage.system.ask("call", answer_s=CALL_S + 1, **request)
        self._tell(f"the Central System sent {action}: {answer['answer'].get('status')}")

    async def _faster(self, factor: float) -> None:
        self.speed = min(SPEED_MOST, max(SPEED_LEAST, self.speed * factor))
        await self._stage.bench.do("speed", factor=self.speed)
        self._tell(f"energy flows {self.speed:g} times faster than the clock")

    async def _fault(self, key: str, scene: Scene) -> None:
        """A letter raises a fault or clears it; every other key closes the list."""
        self.menu = False
        place = FAULT_LETTERS.find(key) if len(key) == 1 else -1
        if not 0 <= place < len(FAULTS):
            return
        kind = FAULTS[place]
        active = kind not in scene.outlet(self.chosen)["faults"]
        await self._stage.bench.do("fault", connector=self.chosen, kind=kind, active=active)
        self._tell(f"connector {self.chosen}: {kind} {'raised' if active else 'cleared'}")
