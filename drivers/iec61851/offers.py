"""When the duty of a running pilot may change, IEC 61851-1 annex A: a car has 5 s to follow before it is told something else.

Owns that one rule. What asks for less is told at once, whenever it comes: a limit holds at once. What asks for more waits until
SPACING_S after the last change. Refuses to know how long the car has to obey, and what follows if it does not: that is the
core's.
"""

SPACING_S = 5.0


class Offers:
    """What is on the pilot and what is wanted there, in amperes; None is a steady pilot. Times are monotonic seconds."""

    def __init__(self, spacing_s: float = SPACING_S) -> None:
        self._spacing_s = spacing_s
        self._changed_s: float | None = None
        self.wanted_a: float | None = None
        self.shown_a: float | None = None

    def want(self, current_a: float | None, now_s: float) -> float | None:
        """Takes a new wish; what is to be on the pilot now."""
        self.wanted_a = current_a
        return self.at(now_s)

    def at(self, now_s: float) -> float | None:
        """What is to be on the pilot at this moment."""
        if self.wanted_a == self.shown_a:
            return self.shown_a
        due_s = self.due_s()
        if due_s is None or now_s >= due_s:
            # The first duty after a steady pilot is the start of the clock, not a change of something that runs.
            self._changed_s = None if self.wanted_a is None else now_s
            self.shown_a = self.wanted_a
        return self.shown_a

    def due_s(self) -> float | None:
        """When a wish that waits comes true; None where nothing waits."""
        if self.wanted_a is None or self.shown_a is None or self._changed_s is None or self.wanted_a <= self.shown_a:
            return None
        return self._changed_s + self._spacing_s
