"""Step: one event's consequences, collected in the order in which the shell must perform them.

Owns the step rule: de-energise, then commit, then energise, send and show. Refuses to know what the effects are for. A step
that changes nothing that must survive carries no commit. Owns the words for how much an event touched, too.
"""

from enum import IntEnum

from msgspec import Struct

from chargepoint.core.effects import Commit, Effect, Log, LogEvent, OpenContactor
from chargepoint.core.records import Change, Stamp


class Now(Struct, frozen=True):
    """The time of an event. mono_s: monotonic clock of this boot. wall_s: the system's clock, where it is synchronised."""

    mono_s: float
    wall_s: float | None = None


class Touched(IntEnum):
    """How much an event changed of what something follows from; the greater word holds the smaller ones."""

    NOTHING = 0
    """Nothing at all, but for what a later sample will tell."""
    CALLS = 1
    """What is to be sent to the Central System, or whether a CALL is under way."""
    FACTS = 2
    """Anything else: sessions, outputs and statuses may follow."""


class Step:
    """Collects what one event leads to."""

    __slots__ = ("_after", "_changes", "_last", "_urgent", "boot", "mono_s", "now")

    def __init__(self, now: Now, boot: int) -> None:
        self.now = now
        self.mono_s = now.mono_s
        self.boot = boot
        self._urgent: list[Effect] = []
        self._changes: list[Change] = []
        self._after: list[Effect] = []
        self._last: list[Effect] = []

    @property
    def stamp(self) -> Stamp:
        """This instant, on a clock that restarts do not turn back."""
        return Stamp(self.boot, self.mono_s)

    @property
    def commits(self) -> bool:
        """Something of this step must survive."""
        return bool(self._changes)

    def change(self, *changes: Change) -> None:
        """Something that must survive a power cut."""
        self._changes.extend(changes)

    def then(self, *effects: Effect) -> None:
        """What may happen only after the commit."""
        self._after.extend(effects)

    def last(self, *effects: Effect) -> None:
        """What ends the connection or the process: after everything that this step sends."""
        self._last.extend(effects)

    def open_contactor(self, connector: int) -> None:
        """Before everything else: opening waits for nothing."""
        self._urgent.append(OpenContactor(connector))

    def log(
        self,
        level: str,
        text: str,
        *,
        connector: int | None = None,
        transaction: int | None = None,
        event: LogEvent | None = None,
    ) -> None:
        assert level in ("debug", "info", "warning", "error")
        self._after.append(Log(level, text, connector, transaction, event))  # type: ignore[arg-type]

    def effects(self) -> list[Effect]:
        if not self._changes:
            return [*self._urgent, *self._after, *self._last]
        return [*self._urgent, Commit(tuple(self._changes), self.stamp), *self._after, *self._last]
