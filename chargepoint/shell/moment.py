"""Moment: the best time that the station knows, to judge certificates by. Most Pis have no battery behind the clock.

Rules.
1. A synchronised system clock is the truth, and nothing else is asked.
2. Otherwise it is at least the latest of: the system clock, the last time that the station knew (stored, over power cuts), and
   the date of this release. Nothing that had expired by then is accepted.
3. While nobody has told the time in this boot, the truth may be later by as long as the station lay in a box: a certificate
   that begins up to AHEAD_S after what is known is accepted. Once the time was told, by at most SLACK_S.
4. What the Central System told in this boot beats a system clock that is not synchronised.
"""

import time
from collections.abc import Callable

from msgspec import Struct

from chargepoint.core.step import Now

RELEASED_S = 1_793_491_200.0  # 2026-11-01; to be brought up to date with every release, never ahead of it
AHEAD_S = 5 * 365 * 86_400.0
SLACK_S = 15 * 3_600.0  # more than a Central System is off that tells its local time; tomorrow's certificate is not for today
LATEST_S = 4_102_444_800.0  # 2100-01-01: a system clock beyond it is no clock


class Moment(Struct, frozen=True, kw_only=True):
    """at_s: seconds since 1970 UTC. floor_s: it is certainly as late as that. sure: the system clock is synchronised.
    told: somebody told the time in this boot.
    """

    at_s: float
    floor_s: float
    sure: bool
    told: bool

    @property
    def latest_begin_s(self) -> float:
        """What begins later is not valid yet."""
        return self.at_s + (SLACK_S if self.told else AHEAD_S)


def moment(now: Now, known_s: float | None, told: bool, system: Callable[[], float] = time.time) -> Moment:
    """known_s: the last time that the station knew, run on from there. told: it is known in this boot."""
    if now.wall_s is not None:
        return Moment(at_s=now.wall_s, floor_s=now.wall_s, sure=True, told=True)
    floor_s = max(known_s or 0.0, RELEASED_S)
    if told:
        return Moment(at_s=floor_s, floor_s=floor_s, sure=False, told=True)
    system_s = system()
    return Moment(at_s=max(floor_s, system_s if system_s < LATEST_S else 0.0), floor_s=floor_s, sure=False, told=False)
