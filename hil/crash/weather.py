"""The weather on the network: fair and foul spells of chance, or one that is held for a while.

Owns what each kind of weather does to the proxy. Seeded; how long a spell lasts is drawn with its kind.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from hil.crash.actor import Actor
from hil.proxy import Proxy, Way

SLOW_BYTES_PER_S = (4_000, 40_000)  # a StopTransaction with its data passes within the station's patience
LATENCY_S = (0.02, 0.3)
FLAKY_S = (0.1, 0.8)


@dataclass(frozen=True)
class Kind:
    """weight: how often. lasts_s: the shortest and the longest spell."""

    weight: int
    lasts_s: tuple[float, float]
    begin: Callable[[Proxy, random.Random], None]


def _fair(proxy: Proxy, rng: random.Random) -> None:
    proxy.ways()


def _far(proxy: Proxy, rng: random.Random) -> None:
    way = Way(latency_s=rng.uniform(*LATENCY_S))
    proxy.ways(up=way, down=way)


def _thin(proxy: Proxy, rng: random.Random) -> None:
    way = Way(bytes_per_s=rng.uniform(*SLOW_BYTES_PER_S))
    proxy.ways(up=way, down=way)


def _away(proxy: Proxy, rng: random.Random) -> None:
    proxy.refuse = True
    proxy.cut()


def _flaky(proxy: Proxy, rng: random.Random) -> None:
    proxy.cut()


def _frozen(proxy: Proxy, rng: random.Random) -> None:
    proxy.ways(up=Way(frozen=True), down=Way(frozen=True))


def _deaf(proxy: Proxy, rng: random.Random) -> None:
    """What the station says is lost."""
    proxy.ways(up=Way(swallow=True))


def _mute(proxy: Proxy, rng: random.Random) -> None:
    """What the Central System answers is lost."""
    proxy.ways(down=Way(swallow=True))


KINDS: dict[str, Kind] = {
    "fair": Kind(9, (0.5, 5.0), _fair),
    "far": Kind(2, (1.0, 4.0), _far),
    "thin": Kind(3, (1.0, 4.0), _thin),
    "flaky": Kind(2, (1.0, 3.0), _flaky),
    "away": Kind(2, (1.0, 8.0), _away),
    "frozen": Kind(2, (1.0, 4.0), _frozen),
    "deaf": Kind(1, (1.0, 4.0), _deaf),
    "mute": Kind(3, (1.0, 4.0), _mute),
}


class Weather(Actor):
    """Runs until it leaves. `now` is the kind; `seen` counts the spells of each."""

    def __init__(self, proxy: Proxy, rng: random.Random) -> None:
        super().__init__()
        self.now = "fair"
        self.seen: dict[str, int] = {}
        self._proxy = proxy
        self._rng = rng
        self._held = False

    async def leave(self) -> None:
        """Fair weather from now on."""
        await super().leave()
        self._become("fair")

    def hold(self, kind: str) -> None:
        """This weather and no other until `release`."""
        self._held = True
        self._become(kind)

    def release(self) -> None:
        self._held = False

    async def act(self) -> None:
        """One spell."""
        names = list(KINDS)
        kind = self._rng.choices(names, [KINDS[name].weight for name in names])[0]
        lasts_s = self._rng.uniform(*KINDS[kind].lasts_s)
        if not self._held:
            self._become(kind)
        await self._last(lasts_s)

    async def _last(self, lasts_s: float) -> None:
        clock = asyncio.get_running_loop().time
        until_s = clock() + lasts_s
        while (left_s := until_s - clock()) > 0:
            await asyncio.sleep(min(left_s, self._rng.uniform(*FLAKY_S)))
            if self.now == "flaky":
                self._proxy.cut()

    def _become(self, kind: str) -> None:
        self.now = kind
        self.seen[kind] = self.seen.get(kind, 0) + 1
        self._proxy.refuse = False
        self._proxy.ways()
        KINDS[kind].begin(self._proxy, self._rng)
