"""Pauses: how often a charge may be interrupted for want of current (IEC 61851-1: no car charges below 6 A).

Owns the hysteresis. Refuses to know limits and contactors.

A charge is suspended at once, for a limit holds at once. It goes on at once, too: a limit of exactly 6 A must charge. But where
it was suspended FLAPS_MAX times within FLAPS_S, the limit flaps about 6 A, and the charge goes on only when it has rested for
REST_S: contactors and cars are not made to be switched every second.
"""

from collections import deque

FLAPS_MAX = 3
FLAPS_S = 120.0
REST_S = 60.0


class Pauses:
    def __init__(self) -> None:
        self._suspended_s: dict[int, deque[float]] = {}

    def suspended(self, connector: int, mono_s: float) -> None:
        """A charge was interrupted."""
        self._suspended_s.setdefault(connector, deque(maxlen=FLAPS_MAX)).append(mono_s)

    def forget(self, connector: int) -> None:
        """No session runs here any more."""
        self._suspended_s.pop(connector, None)

    def rests(self, connector: int, mono_s: float) -> bool:
        """Whether a suspended charge must not go on yet."""
        until_s = self._until_s(connector)
        return until_s is not None and mono_s < until_s

    def deadline(self, mono_s: float) -> float | None:
        """When the next rest ends."""
        times = [until_s for number in self._suspended_s if (until_s := self._until_s(number)) is not None]
        return min((until_s for until_s in times if until_s > mono_s), default=None)

    def _until_s(self, connector: int) -> float | None:
        times = self._suspended_s.get(connector)
        if times is None or len(times) < FLAPS_MAX or times[-1] - times[0] > FLAPS_S:
            return None
        return times[-1] + REST_S
