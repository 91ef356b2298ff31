"""Metering: when meter values are due (OCPP 1.6 sections 3.16, 9.1: MeterValueSampleInterval, ClockAlignedDataInterval).

Owns the two rhythms: samples counted from each transaction's start, and samples on the grid of the day from midnight UTC.
Refuses to know what is measured and where a sample goes. Intervals are read when they are needed: a change takes effect at
once. An interval of 0 means never.
"""

from collections.abc import Callable

from chargepoint.core.configuration_view import KeyReader

DAY_S = 86_400
LATE_S = 10.0  # a busy moment; what is later than that is no sample on the grid


class Metering:
    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys
        self._sampled_s: dict[int, float] = {}
        self._slot: tuple[int, int, int] | None = None

    def begin(self, connector: int, mono_s: float) -> None:
        """A transaction begins: its first sample is due one interval later."""
        self._sampled_s[connector] = mono_s

    def end(self, connector: int) -> None:
        self._sampled_s.pop(connector, None)

    def sampled_due(self, mono_s: float) -> list[int]:
        """Connectors whose periodic sample is due. Samples that were missed (a busy minute) are not made up for."""
        interval_s = self._keys.whole("MeterValueSampleInterval")
        if interval_s == 0:
            return []
        due = [connector for connector, last_s in self._sampled_s.items() if mono_s >= last_s + interval_s]
        for connector in due:
            passed = max(1.0, (mono_s - self._sampled_s[connector]) // interval_s)
            self._sampled_s[connector] += passed * interval_s
        return due

    def aligned_due(self, now_s: float | None) -> bool:
        """Whether a new slot of the day has begun since the last time this was asked, which is at every step; never while the
        time is unknown, nor at a change of the interval, nor long after (the time of day was set forward).
        """
        interval_s = self._keys.whole("ClockAlignedDataInterval")
        if now_s is None or interval_s == 0:
            self._slot = None
            return False
        slot = (interval_s, int(now_s // DAY_S), int(now_s % DAY_S // interval_s))
        before, self._slot = self._slot, slot
        on_time = now_s % DAY_S % interval_s <= LATE_S
        return before is not None and before[0] == interval_s and slot > before and on_time

    def deadline(self, now_s: float | None, when: Callable[[float], float | None]) -> float | None:
        """when: tells when a date will have come, in monotonic seconds."""
        times: list[float | None] = []
        interval_s = self._keys.whole("MeterValueSampleInterval")
        if interval_s and self._sampled_s:
            times.append(min(self._sampled_s.values()) + interval_s)
        interval_s = self._keys.whole("ClockAlignedDataInterval")
        if interval_s and now_s is not None:
            into_day_s = now_s % DAY_S
            next_s = min((into_day_s // interval_s + 1) * interval_s, DAY_S)
            times.append(when(now_s - into_day_s + next_s))
        return min((time for time in times if time is not None), default=None)
