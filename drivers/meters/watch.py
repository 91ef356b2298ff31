"""Is this energy a reading? Judges a register over time: it never falls, and it rises no faster than it can.

A wrong number that slipped through everything before is told here from a meter that was replaced or reset: the same story
three times in a row is believed.
"""

import logging

from chargepoint.ports import DriverError

log = logging.getLogger(__name__)

BELIEVED_AFTER = 3
TOLERANCE_WH = 100.0


class EnergyWatch:
    """The memory of one register. `rate_max_w` bounds how fast it may rise; None: as fast as it likes. step_wh: what its last
    digit stands for.
    """

    def __init__(self, step_wh: float = 0.0) -> None:
        self._tolerance_wh = max(TOLERANCE_WH, step_wh)
        self._last_wh: float | None = None
        self._last_s = 0.0
        self._doubted_wh: float | None = None
        self._doubted_s = 0.0
        self._doubts = 0

    def check(self, energy_wh: float, now_s: float, rate_max_w: float | None, name: str) -> None:
        """Returns where the value may be believed; raises DriverError naming both values where not (yet). now_s: monotonic."""
        last_wh = self._last_wh
        if last_wh is None or self._follows(energy_wh, now_s, last_wh, self._last_s, rate_max_w):
            self._believe(energy_wh, now_s)
            return
        same_story = self._doubted_wh is not None and self._follows(
            energy_wh, now_s, self._doubted_wh, self._doubted_s, rate_max_w
        )
        self._doubts = self._doubts + 1 if same_story else 1
        self._doubted_wh, self._doubted_s = energy_wh, now_s
        way = "fell" if energy_wh < last_wh else "jumped"
        if self._doubts >= BELIEVED_AFTER:
            log.warning(
                "%s: the energy register %s from %.0f Wh to %.0f Wh and stays there: taken for a replaced or reset meter",
                name, way, last_wh, energy_wh,
            )  # fmt: skip
            self._believe(energy_wh, now_s)
            return
        raise DriverError(
            f"{name}: the energy register {way} from {last_wh:.0f} Wh to {energy_wh:.0f} Wh, which no meter does. It is "
            f"believed after {BELIEVED_AFTER} such readings in a row ({self._doubts} so far). If the meter was neither "
            "replaced nor reset, check the bus."
        )

    def _believe(self, energy_wh: float, now_s: float) -> None:
        self._last_wh, self._last_s = energy_wh, now_s
        self._doubted_wh, self._doubts = None, 0

    def _follows(self, energy_wh: float, now_s: float, before_wh: float, before_s: float, rate_max_w: float | None) -> bool:
        if energy_wh < before_wh:
            return False
        if rate_max_w is None:
            return True
        return energy_wh - before_wh <= rate_max_w * (now_s - before_s) / 3600 + self._tolerance_wh
