"""Traces: what every meter has shown lately, in memory, for plots of power.

Owns two rings a connector: one look a second for ten minutes, one every half minute for a day. Together they take 90 KB a
connector, whatever happens; nothing is written to the disk. Refuses to know sessions: whoever asks says how far back.
"""

import time
from array import array

from chargepoint.facts import Reading

FINE_S, FINE_MAX = 1.0, 600
COARSE_S, COARSE_MAX = 30.0, 2_880
POINTS_MAX = 600
SLACK_S = 0.2  # readings come a little early now and then


class Ring:
    """The newest looks, at least `every_s` apart: instant, power, register. Doubles, for an instant of a long uptime."""

    def __init__(self, every_s: float, length: int) -> None:
        self._every_s = every_s
        self._length = length
        self._values = array("d")
        self._next = 0
        self._last_s = float("-inf")

    def add(self, at_s: float, power_w: float, energy_wh: float) -> None:
        if at_s - self._last_s < self._every_s - SLACK_S:
            return
        self._last_s = at_s
        look = array("d", (at_s, power_w, energy_wh))
        if len(self._values) < 3 * self._length:
            self._values.extend(look)
        else:
            self._values[3 * self._next : 3 * self._next + 3] = look
            self._next = (self._next + 1) % self._length

    def looks(self) -> list[tuple[float, float, float]]:
        """The oldest first."""
        values = self._values
        order = range(len(values) // 3)
        return [(values[3 * at], values[3 * at + 1], values[3 * at + 2]) for at in (*order[self._next :], *order[: self._next])]


class Traces:
    def __init__(self) -> None:
        self._rings: dict[int, tuple[Ring, Ring]] = {}

    def add(self, connector: int, reading: Reading, at_s: float) -> None:
        """at_s: monotonic. A reading without power tells nothing that could be drawn."""
        if reading.power_w is not None:
            for ring in self._rings.setdefault(connector, (Ring(COARSE_S, COARSE_MAX), Ring(FINE_S, FINE_MAX))):
                ring.add(at_s, reading.power_w, reading.energy_import_wh)

    def newest(self, connector: int, seconds: int, points: int, now_s: float | None = None) -> list[list[float]]:
        """[age in seconds, power_w, energy_wh] of the last `seconds`, the oldest first, thinned out to `points` at most."""
        rings = self._rings.get(connector)
        if rings is None or points < 1:
            return []
        now_s = time.monotonic() if now_s is None else now_s
        coarse, fine = (ring.looks() for ring in rings)
        fine_since_s = fine[0][0] if fine else float("inf")
        looks = [look for look in coarse if look[0] < fine_since_s] + fine
        looks = [look for look in looks if now_s - look[0] <= seconds]
        step = -(-len(looks) // points) or 1
        kept = looks[::-1][::step][::-1]  # the newest is always among them
        return [[round(now_s - at_s, 1), round(power_w, 1), round(energy_wh, 1)] for at_s, power_w, energy_wh in kept]
