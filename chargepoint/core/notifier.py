"""Notifier: which StatusNotifications are owed (OCPP 1.6 sections 4.9, 6.47, 9.1.20).

Owns what the Central System was told of each connector and what it is to be told next. Refuses to know how a status arises.

Rules.
1. While the link is up every change is told in order; a change while it is down leaves only the newest status to tell.
2. A status that lasts less than MinimumStatusDuration is not told, except Faulted.
3. A notification that met no answer is told again as the status is then, not as it was; AGAIN_S later, and each time in a
   row twice as late up to AGAIN_MAX_S, so that a Central System that never answers it gets everything else.
4. What a transaction makes of a connector is told once its StartTransaction is on its way, and what its end makes of it after
   its StopTransaction, if that is about to go: the Central System hears of the cause first. `next` asks what has to wait. Where
   Faulted waits behind it, nothing does.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from chargepoint.messages import ChargePointErrorCode, ChargePointStatus

PENDING_MAX = 16
AGAIN_S = 5.0
AGAIN_MAX_S = 60.0

OF_TRANSACTION = frozenset(
    {
        ChargePointStatus.Charging,
        ChargePointStatus.SuspendedEV,
        ChargePointStatus.SuspendedEVSE,
        ChargePointStatus.Finishing,
    }
)
AFTER_TRANSACTION = frozenset(
    {
        ChargePointStatus.Finishing,
        ChargePointStatus.Available,
        ChargePointStatus.Reserved,
        ChargePointStatus.Unavailable,
    }
)


class Report(Struct, frozen=True, kw_only=True):
    """What can be told of a connector. info and vendor_error_code: at most 50 characters."""

    status: ChargePointStatus
    error_code: ChargePointErrorCode = ChargePointErrorCode.NoError
    info: str | None = None
    vendor_error_code: str | None = None


class Pending(Struct, frozen=True):
    report: Report
    mono_s: float


class Line:
    """One connector's line to the Central System."""

    def __init__(self) -> None:
        self.current: Pending | None = None
        self.settled = False
        self.told: Report | None = None
        self.queue: deque[Pending] = deque(maxlen=PENDING_MAX)
        self.triggered = False

    def newest(self) -> Report | None:
        """What the Central System knows once the queue is told."""
        return self.queue[-1].report if self.queue else self.told


class Notifier:
    def __init__(self, connectors: list[int]) -> None:
        self._lines = {number: Line() for number in connectors}
        self.in_flight: tuple[int, Pending] | None = None
        self._again_s: float | None = None
        self._wait_s = AGAIN_S

    def current(self, number: int) -> Report | None:
        pending = self._lines[number].current
        return pending.report if pending else None

    def update(self, number: int, report: Report, mono_s: float, hold_s: int) -> bool:
        """The status as it is now; True where it changed. It settles when it has lasted hold_s seconds."""
        line = self._lines[number]
        changed = line.current is None or line.current.report != report
        if changed:
            line.current = Pending(report, mono_s)
            line.settled = False
        self._settle(line, mono_s, hold_s)
        return changed

    @property
    def pending(self) -> bool:
        """A status is on its way, or will be as soon as there is room."""
        return self.in_flight is not None or (self._again_s is None and any(line.queue for line in self._lines.values()))

    def deadline(self, hold_s: int) -> float | None:
        """When a status will have lasted long enough to be told."""
        times = [line.current.mono_s + hold_s for line in self._lines.values() if line.current and not line.settled]
        return min(times) if times else None

    def send_deadline(self) -> float | None:
        """When one that met no answer may be told again."""
        return self._again_s

    def tick(self, mono_s: float, hold_s: int) -> None:
        if self._again_s is not None and mono_s >= self._again_s:
            self._again_s = None
        for line in self._lines.values():
            self._settle(line, mono_s, hold_s)

    def trigger(self, number: int) -> None:
        """TriggerMessage: tell the status even if nothing changed."""
        self._lines[number].triggered = True

    def next_triggered(self) -> tuple[int, Pending] | None:
        for number, line in self._lines.items():
            if line.triggered and line.current:
                return number, line.current
        return None

    def told(self, number: int) -> bool:
        """The Central System was told a status of the connector, since the station started or it was told all."""
        return self._lines[number].told is not None

    def next(self, waits: Callable[[int, ChargePointStatus], bool]) -> tuple[int, Pending] | None:
        """The oldest status that is owed; none for a while after one met no answer. waits: another message goes before this
        status of a connector.
        """
        if self._again_s is not None:
            return None
        owed = [(number, line.queue[0]) for number, line in self._lines.items() if line.queue]
        owed = [(number, one) for number, one in owed if self._urgent(number) or not waits(number, one.report.status)]
        return min(owed, key=lambda item: (item[1].mono_s, item[0])) if owed else None

    def _urgent(self, number: int) -> bool:
        return any(one.report.status is ChargePointStatus.Faulted for one in self._lines[number].queue)

    def sent(self, number: int, pending: Pending) -> None:
        line = self._lines[number]
        line.triggered = False
        if line.queue and line.queue[0] == pending:
            line.queue.popleft()
        self.in_flight = (number, pending)

    def confirmed(self) -> None:
        number, pending = self._take()
        self._lines[number].told = pending.report
        self._wait_s = AGAIN_S

    def failed(self, mono_s: float) -> None:
        """No answer: what is true then is told again after a while."""
        number, _ = self._take()
        self._again_s = mono_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, AGAIN_MAX_S)
        line = self._lines[number]
        line.told = None
        self._newest_only(line)

    def link_down(self) -> None:
        """History is not told after a reconnect."""
        self._again_s = None
        if self.in_flight is not None:
            number, _ = self._take()
            self._lines[number].told = None
        for line in self._lines.values():
            line.triggered = False
            self._newest_only(line)

    def link_up(self) -> None:
        """What changed while the link was down is told as it is now."""
        for line in self._lines.values():
            self._newest_only(line)

    def tell_all(self) -> None:
        """After BootNotification.conf: every connector is told."""
        for line in self._lines.values():
            line.told = None
            self._newest_only(line)

    @staticmethod
    def _newest_only(line: Line) -> None:
        line.queue.clear()
        if line.current and line.settled and line.current.report != line.told:
            line.queue.append(line.current)

    def _take(self) -> tuple[int, Pending]:
        assert self.in_flight is not None
        taken, self.in_flight = self.in_flight, None
        return taken

    def _settle(self, line: Line, mono_s: float, hold_s: int) -> None:
        pending = line.current
        if pending is None or line.settled:
            return
        if pending.report.status is ChargePointStatus.Faulted or mono_s >= pending.mono_s + hold_s:
            line.settled = True
            under_way = self.in_flight[1].report if self.in_flight and self._lines[self.in_flight[0]] is line else None
            if pending.report != (line.newest() if line.queue else under_way or line.told):
                line.queue.append(pending)
