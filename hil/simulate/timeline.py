"""Timeline: virtual time, and what happens when. The only order in the simulator; ties go to what was planned first."""

import heapq
from collections.abc import Callable

DAY_S = 86_400.0
BEGIN_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC, the true time of day at the simulation's start

Action = Callable[[], None]


class Timeline:
    """now_s: true seconds since 1970 UTC."""

    def __init__(self) -> None:
        self.now_s = BEGIN_S
        self._planned: list[tuple[float, int, Action]] = []
        self._count = 0

    def after(self, delay_s: float, action: Action) -> None:
        self._count += 1
        heapq.heappush(self._planned, (self.now_s + max(0.0, delay_s), self._count, action))

    def next_s(self) -> float | None:
        return self._planned[0][0] if self._planned else None

    def take(self) -> None:
        """Goes to the next planned action and does it."""
        at_s, _, action = heapq.heappop(self._planned)
        self.now_s = max(self.now_s, at_s)
        action()
