"""Clock: what time the station believes it is, and how instants become dates.

Owns the offset between the monotonic clock of each machine boot and the time of day. Refuses to read any clock: time comes with
the events and with the Central System's currentTime (OCPP 1.6 sections 4.2 and 4.6).

Rules.
1. The Central System's word beats the system's clock; the system's clock counts only where it is synchronised. A word that was
   waited for may be as old as that: where this explains a difference, it is none.
2. Time never goes back: when the truth turns out to be earlier, it runs at half speed until the truth has caught up. All that
   this needs is in the record of the boot, so it holds over restarts. Of more than LEAP_S that would be for ever: a leap from
   what the Central System told since the start counts when it has said so twice, and then what was believed was a mistake.
3. Nothing is dated before the last time that was known before the boot. A time before 2024 or after 2100 is no time.
4. What was stamped before the time was known is dated by the first time that became known, whatever was learned later: so
   the order of dates is the order of things.
"""

from msgspec.structs import replace

from chargepoint.core.records import BootRecord, PutBoot, Stamp, said_s
from chargepoint.core.step import Step

EARLIEST_S = 1_704_067_200.0  # 2024-01-01: a time before it is no time but an unset clock
LATEST_S = 4_102_444_800.0  # 2100-01-01: one after it is a mistake, and dates cannot go on for ever (year 9999)
ADJUST_S = 1.0  # smaller differences are the network's, and not worth a write to the card
LEAP_S = 3 * 86_400.0
AGAIN_S = 60.0  # the same time, told twice by a clock that nobody has set between
GRAIN_S = 2e-6  # dates are floats of 0.24 µs; whoever waits for a date waits a little longer


class Clock:
    """The time of day, from `boots` (this machine boot last)."""

    def __init__(self, boots: tuple[BootRecord, ...]) -> None:
        self._earlier = {boot.boot: boot for boot in boots[:-1]}
        self.boot = boots[-1]
        self._told = False
        self._heard_s: float | None = None  # the offset of the Central System's last word
        self._begun_mono_s = self.boot.first_mono_s
        self._undated_offset_s = _bounded(self.boot) if self.known else None
        self.moved_s = 0.0  # by how much the time moved since somebody looked

    @property
    def known(self) -> bool:
        return self.boot.offset_s is not None

    def hear_system(self, step: Step) -> bool:
        """The synchronised system clock gives the time as long as the Central System has not. True where the time moved."""
        wall_s = step.now.wall_s
        if wall_s is None or self._told or not EARLIEST_S <= wall_s <= LATEST_S:
            return False
        return self._adopt(wall_s, step)

    def hear_central_system(self, wall_s: float, step: Step, waited_s: float = 0.0) -> bool:
        """currentTime of BootNotification.conf or Heartbeat.conf, waited_s after its request. True where the time moved."""
        if not EARLIEST_S <= wall_s <= LATEST_S:
            side = "before 2024" if wall_s < EARLIEST_S else "after 2100"
            step.log("warning", f"The Central System's currentTime lies {side}; it is ignored.")
            return False
        if self.boot.offset_s is not None:
            wall_s = min(max(wall_s, self.boot.offset_s + step.mono_s), wall_s + waited_s)
        heard_s, self._heard_s = self._heard_s, wall_s - step.mono_s
        again = heard_s is not None and abs(self._heard_s - heard_s) < AGAIN_S
        if self._told and not again and self._leaps(self._heard_s):
            step.log("warning", "The Central System's currentTime lies days from what it was; it counts when it is said again.")
            return False
        self._told = True
        moved = self._adopt(wall_s, step)
        return (again and self._disown(step)) or moved

    def now_s(self, step: Step) -> float | None:
        """Seconds since 1970 UTC, None while the time is unknown."""
        return self.peek_s(step.mono_s)

    def peek_s(self, mono_s: float) -> float | None:
        """What the time is at an instant of this boot, as far as is known now."""
        return said_s(self.boot, mono_s) if self.known else None

    def when(self, date_s: float) -> float | None:
        """When, in monotonic seconds, `now_s` will be at least this date; None while the time is unknown."""
        boot = self.boot
        if boot.offset_s is None:
            return None
        true_s = date_s - boot.offset_s
        return GRAIN_S + (true_s if boot.floor_s is None else min(true_s, boot.first_mono_s + 2 * (date_s - boot.floor_s)))

    def offset_s(self, step: Step) -> float | None:
        """What dates an instant of this step: date minus monotonic time; None while the time is unknown."""
        now_s = self.now_s(step)
        return None if now_s is None else now_s - step.mono_s

    def offset_of(self, stamp: Stamp) -> float | None:
        """What dates an earlier instant whose offset was not known when it was stamped. None: this boot knows no time yet.

        An instant of an earlier boot that never learned the time is counted from the last time known before that boot, or,
        where there is none either, back from the start of the first later boot that knows.
        """
        if self._undated_offset_s is None or stamp.boot == self.boot.boot:
            return self._undated_offset_s
        boot = self._earlier.get(stamp.boot)
        known_s = None if boot is None else _bounded(boot)
        if known_s is not None:
            return known_s
        end_mono_s = stamp.mono_s if boot is None else boot.last_mono_s
        return self._undated_offset_s + self._begun_mono_s - end_mono_s

    def _adopt(self, wall_s: float, step: Step) -> bool:
        offset_s = wall_s - step.mono_s
        old = self.boot.offset_s
        if old is not None and abs(offset_s - old) < ADJUST_S:
            return False
        if old is not None:
            step.log("info", f"The time of day moved by {offset_s - old:+.1f} s.")
            self.moved_s += offset_s - old
        before_s = said_s(self.boot, step.mono_s)
        self.boot = replace(self.boot, offset_s=offset_s, last_mono_s=max(self.boot.last_mono_s, step.mono_s))
        if before_s is not None and before_s > wall_s:
            self.boot = replace(self.boot, floor_s=before_s, first_mono_s=step.mono_s)
        if self._undated_offset_s is None:
            self._undated_offset_s = _bounded(self.boot)
        step.change(PutBoot(self.boot))
        return True

    def _leaps(self, offset_s: float) -> bool:
        return self.boot.offset_s is not None and abs(offset_s - self.boot.offset_s) > LEAP_S

    def _disown(self, step: Step) -> bool:
        """What was said lies so far ahead of what is true that nothing could ever make up for it: it is taken back."""
        said = said_s(self.boot, step.mono_s)
        assert said is not None, "the time is known"
        assert self.boot.offset_s is not None
        if said - (self.boot.offset_s + step.mono_s) <= LEAP_S:
            return False
        step.log("warning", "The time of day was wrong by days; it is put back.")
        self.boot = replace(self.boot, floor_s=None)
        self._undated_offset_s = self.boot.offset_s
        step.change(PutBoot(self.boot))
        return True


def _bounded(boot: BootRecord) -> float | None:
    """What dates an instant of a boot that was stamped while its time was not known; None where nothing is known at all."""
    floor_offset_s = None if boot.floor_s is None else boot.floor_s - boot.first_mono_s
    offsets = [offset_s for offset_s in (boot.offset_s, floor_offset_s) if offset_s is not None]
    return max(offsets, default=None)
