"""The reflex: facts after which a contactor opens before anybody thinks.

Owns the list of such facts and what the newest of them say. The core decides with the same facts, but it may be waiting for the
disk: an SD card can take hundreds of milliseconds for a flush. So every fact passes here the moment it comes in, and a
contactor that may not stay closed is opened at once; when the core handles the queued fact it confirms with an OpenContactor
of its own. The other way round, a CloseContactor that was decided before such a fact came is not carried out.
Refuses to close anything, ever. IEC 61851-1 section 6.3.1.4: energy only in pilot state C or, with ventilation, D. An
installer's trial is the other way round: it is opened by whatever is not pilot state A, so no car ever has part in one.
"""

from collections.abc import Iterable

from chargepoint.core.events import Event, InputSeen, LockSeen, PartBack, PartLost, PilotSeen, StopAsked
from chargepoint.facts import InputKind, PilotState

TRIPS = frozenset(InputKind) - {InputKind.LIST_WRITE, InputKind.STOP_BUTTON, InputKind.WARM}


class Reflex:
    """The newest safety facts of every connector. ventilated: where vehicles that ask for ventilation (D) may charge. locked:
    where the cable must be locked. inputs: there are lines, and no energy before they are known.
    """

    def __init__(
        self,
        connectors: Iterable[int],
        ventilated: Iterable[int] = (),
        locked: Iterable[int] = (),
        *,
        inputs: bool = False,
    ) -> None:
        self._ready = dict.fromkeys(connectors, False)
        self._ventilated = frozenset(ventilated)
        self._locked = dict.fromkeys(locked, False)
        self._inputs_known = not inputs
        self._tripped: set[tuple[int, InputKind]] = set()
        self._stopping = False
        self._closed: set[int] = set()
        self._empty = dict.fromkeys(self._ready, False)  # pilot state A
        self._trials: set[int] = set()  # those of the closed ones that an installer tests

    def see(self, event: Event) -> tuple[int, ...]:
        """Takes note of a fact; the connectors whose contactors are closed and must open now."""
        match event:
            case PilotSeen(connector=number, pilot=pilot) if number in self._ready:
                energy = pilot.state is PilotState.C or (pilot.state is PilotState.D and number in self._ventilated)
                self._ready[number] = energy and pilot.diode_ok
                self._empty[number] = pilot.state is PilotState.A
            case PartLost(part="pilot", number=number) if number in self._ready:
                self._ready[number] = self._empty[number] = False
            case LockSeen(connector=number, locked=locked) if number in self._locked:
                self._locked[number] = locked
            case PartLost(part="lock", number=number) if number in self._locked:
                self._locked[number] = False
            case InputSeen(input=line) if line.kind in TRIPS:
                (self._tripped.add if line.active else self._tripped.discard)((line.connector, line.kind))
            case PartLost(part="inputs"):
                self._inputs_known = False
            case PartBack(part="inputs"):
                self._inputs_known = True
                self._tripped.clear()  # every line that is still active is told again
            case StopAsked():
                self._stopping = True
            case _:
                return ()
        must_open = tuple(number for number in sorted(self._closed) if not self._may_stay(number))
        self._closed.difference_update(must_open)
        return must_open

    def may_close(self, connector: int, *, trial: bool = False) -> bool:
        """Whether the newest facts allow energy, or a trial without a car; what is not known does not."""
        tripped = any(number in (0, connector) for number, _ in self._tripped)
        allowed = self._empty.get(connector, False) if trial else self._charges(connector)
        return allowed and self._inputs_known and not tripped and not self._stopping

    def any_closed(self) -> bool:
        """Asked from any thread."""
        return bool(self._closed)

    def closed(self, connector: int, *, trial: bool = False) -> None:
        """The contactor was commanded closed."""
        self._closed.add(connector)
        (self._trials.add if trial else self._trials.discard)(connector)

    def opened(self, connector: int) -> None:
        self._closed.discard(connector)

    def _may_stay(self, connector: int) -> bool:
        return self.may_close(connector, trial=connector in self._trials)

    def _charges(self, connector: int) -> bool:
        """The car asks, through a cable that cannot be pulled."""
        return self._ready.get(connector, False) and self._locked.get(connector, True)
