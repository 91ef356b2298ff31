"""Clock: what time the station believes it is, and how instants become dates.

Owns the offset between the monotonic clock of each machine boot and the time of day. Refuses to read any clock: time comes with
the events and with the Central System's currentTime (OCPP 1.6 sections 4.2 and 4.6).

Rules.
1. The Central System's word beats the system's clock; the system's clock counts only where it is synchronised.
2. Time that is handed out never goes back: when the truth turns out to be earlier, it runs at half speed until the truth has
   caught up.
3. Nothing is dated before the last time that was known before the boot, nor before 2024.
"""

from chargepoint.core.records import BootRecord, PutBoot, Stamp
from chargepoint.core.step import Step

EARLIEST_S = 1_704_067_200.0  # 2024-01-01: a time before it is no time but an unset clock
ADJUST_S = 1.0  # smaller differences are the network's, and not worth a write to the card


class Clock:
    """The time of day, from `boots` (this machine boot last)."""

    def __init__(self, boots: tuple[BootRecord, ...]) -> None:
        self._earlier = {boot.boot: boot for boot in boots[:-1]}
        self.boot = boots[-1]
        self._told = False
        self._last_s = self.boot.floor_s or EARLIEST_S
        self._last_mono_s = self.boot.first_mono_s
        if self.boot.offset_s is not None:
            self._last_s = max(self._last_s, self.boot.offset_s + self.boot.last_mono_s)
            self._last_mono_s = self.boot.last_mono_s

    @property
    def known(self) -> bool:
        return self.boot.offset_s is not None

    def hear_system(self, step: Step) -> None:
        """The synchronised system clock gives the time as long as the Central System has not."""
        wall_s = step.now.wall_s
        if wall_s is not None and not self._told and wall_s >= EARLIEST_S:
            self._adopt(wall_s, step)

    def hear_central_system(self, wall_s: float, step: Step) -> None:
        """currentTime of BootNotification.conf or Heartbeat.conf."""
        if wall_s < EARLIEST_S:
            step.log("warning", "The Central System's currentTime lies before 2024; it is ignored.")
            return
        self._told = True
        self._adopt(wall_s, step)

    def now_s(self, step: Step) -> float | None:
        """Seconds since 1970 UTC, None while the time is unknown. Never earlier than what was handed out before."""
        if self.boot.offset_s is None:
            return None
        true_s = self.boot.offset_s + step.mono_s
        if true_s < self._last_s:
            true_s = max(true_s, self._last_s + max(0.0, step.mono_s - self._last_mono_s) / 2)
        self._last_s = true_s
        self._last_mono_s = max(self._last_mono_s, step.mono_s)
        return true_s

    def peek_s(self, mono_s: float) -> float | None:
        """What `now_s` would say, near enough to arm a timer with it."""
        return None if self.boot.offset_s is None else self.boot.offset_s + mono_s

    def offset_s(self, step: Step) -> float | None:
        """What dates an instant of this step: date minus monotonic time; None while the time is unknown."""
        now_s = self.now_s(step)
        return None if now_s is None else now_s - step.mono_s

    def offset_of(self, stamp: Stamp) -> float | None:
        """What dates an earlier instant whose offset was not known when it was stamped. None: this boot knows no time yet.

        An instant of an earlier boot that never learned the time is counted from the last time known before that boot, or,
        where there is none either, back from the start of the first later boot that knows.
        """
        if stamp.boot == self.boot.boot:
            return self._bounded(self.boot)
        if not self.known:
            return None
        boot = self._earlier.get(stamp.boot)
        return self._assumed_end_s() - stamp.mono_s if boot is None else self._bounded(boot)

    def _bounded(self, boot: BootRecord) -> float | None:
        if boot.offset_s is not None:
            floor_s = boot.floor_s
            return boot.offset_s if floor_s is None else max(boot.offset_s, floor_s - boot.first_mono_s)
        if boot is self.boot:
            return None
        if boot.floor_s is not None:
            return boot.floor_s - boot.first_mono_s
        return self._assumed_end_s() - boot.last_mono_s

    def _assumed_end_s(self) -> float:
        """Boots without any time end, at the latest, where this boot's known time begins."""
        assert self.boot.offset_s is not None
        return self.boot.offset_s + self.boot.first_mono_s

    def _adopt(self, wall_s: float, step: Step) -> None:
        offset_s = wall_s - step.mono_s
        old = self.boot.offset_s
        if old is not None and abs(offset_s - old) < ADJUST_S:
            return
        if old is not None:
            step.log("info", f"The time of day moved by {offset_s - old:+.1f} s.")
        self.boot = BootRecord(
            boot=self.boot.boot,
            kernel_boot_id=self.boot.kernel_boot_id,
            first_mono_s=self.boot.first_mono_s,
            last_mono_s=max(self.boot.last_mono_s, step.mono_s),
            offset_s=offset_s,
            floor_s=self.boot.floor_s,
        )
        step.change(PutBoot(self.boot))
