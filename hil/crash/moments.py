"""Moments: when the station is killed. Each waits for what it is named after, bounded, and then a little longer by chance.

Owns the moments and how likely each is. Refuses to kill.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from hil.bench.client import BenchClient
from hil.crash.station import StationProcess
from hil.crash.weather import Weather
from hil.crash.witness import BILLING, Frames
from hil.crash.writes import kill_at_write
from hil.csms import CallError, CentralSystem, NoAnswer, NotConnected

PATIENCE_S = 3.0  # then it is killed all the same, and counted as "any"
RESET_S = 1.0
BOOT_S = 0.9  # from the start of the process until it serves, on a slow machine
COMMIT_S = 1.5


class _Missed(Exception):
    """The moment did not come."""


@dataclass(frozen=True)
class Scene:
    """What a moment looks at. wal: the station's log file."""

    station: StationProcess
    frames: Frames
    bench: BenchClient
    cs: CentralSystem
    identity: str
    weather: Weather
    wal: Path
    rng: random.Random


async def wait(name: str, scene: Scene) -> str:
    """Returns at the moment of this name; "any" where it did not come in time."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await MOMENTS[name][1](scene)
    except (TimeoutError, _Missed):
        return "any"
    return name


async def _boot(scene: Scene) -> None:
    await asyncio.sleep(scene.rng.uniform(0.0, BOOT_S))


async def _any(scene: Scene) -> None:
    await asyncio.sleep(scene.rng.uniform(0.2, 2.5))


async def _authorising(scene: Scene) -> None:
    await scene.frames.next(lambda frame: frame.action == "Authorize")
    await asyncio.sleep(scene.rng.uniform(0.0, 0.06))


async def _starting(scene: Scene) -> None:
    """Around StartTransaction: on its way, answered, about to be answered."""
    await scene.frames.next(lambda frame: frame.action == "StartTransaction")
    await asyncio.sleep(scene.rng.uniform(0.0, 0.06))


async def _stopping(scene: Scene) -> None:
    """Between the contacts' opening and StopTransaction.conf."""
    await _until_contactor(scene, "closed")
    await _until_contactor(scene, "open")
    await asyncio.sleep(scene.rng.uniform(0.0, 0.25))


async def _charging(scene: Scene) -> None:
    await _until_contactor(scene, "closed")
    await asyncio.sleep(scene.rng.uniform(0.05, 1.2))


async def _commit(scene: Scene) -> None:
    """Between two writes of the log. Here it is killed at once; nobody has to do it any more."""
    await asyncio.sleep(scene.rng.uniform(0.3, 1.2))
    writes = scene.rng.randint(1, 20)
    pid = await scene.station.expose()
    if pid is None or not await asyncio.to_thread(kill_at_write, scene.wal, pid, writes, COMMIT_S):
        raise _Missed


async def _backlog(scene: Scene) -> None:
    """In the delivery of what waited while the network was away."""
    scene.weather.hold("away")
    await asyncio.sleep(scene.rng.uniform(0.8, 1.8))
    scene.weather.hold("fair")
    for _ in range(scene.rng.randint(1, 6)):
        await scene.frames.next(lambda frame: frame.kind == "call" and frame.action in BILLING)
    await asyncio.sleep(scene.rng.uniform(0.0, 0.02))


async def _leaving(scene: Scene) -> None:
    """After a Reset, or when the service manager stops it."""
    await _until_contactor(scene, "closed")
    how = scene.rng.choice(("Soft", "Hard", "SIGTERM"))
    if how == "SIGTERM":
        pid = await scene.station.expose()
        if pid is None:
            raise _Missed
        os.kill(pid, signal.SIGTERM)
    else:
        try:
            await scene.cs.known(scene.identity).call("Reset", {"type": how}, timeout_s=RESET_S)
        except (CallError, NoAnswer, NotConnected):
            raise _Missed from None
    await asyncio.sleep(scene.rng.uniform(0.0, 0.3))


MOMENTS: dict[str, tuple[int, Callable[[Scene], Awaitable[None]]]] = {
    "boot": (4, _boot),
    "authorising": (2, _authorising),
    "starting": (4, _starting),
    "charging": (4, _charging),
    "stopping": (4, _stopping),
    "commit": (7, _commit),
    "backlog": (3, _backlog),
    "leaving": (2, _leaving),
    "any": (3, _any),
}
NEED_NETWORK = frozenset({"authorising", "starting", "leaving"})


async def _until_contactor(scene: Scene, position: str) -> None:
    def holds(state: dict[str, object]) -> bool:
        connectors = state["connectors"]
        assert isinstance(connectors, dict)
        return any(connector["contactor"] == position for connector in connectors.values())

    await scene.bench.wait_for(holds, PATIENCE_S * 2)
