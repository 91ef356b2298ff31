"""Starts: authorisations that wait for a plug (OCPP 1.6 sections 4.8, 5.11, 9.1.6 ConnectionTimeOut).

Owns who may begin a session next, on which connectors, and until when. Refuses to know how the id was authorised.

Rules.
1. A reader has one card that waits for a plug: a second one takes its place, but not that of a card whose car is there and
   whose session is about to begin. A card waits at one reader, the last. Remote starts wait beside it, for a connector one,
   and for an id tag one among the same connectors.
2. Whoever waits longest gets the connector that is plugged next.
3. After ConnectionTimeOut seconds nobody waits any more; 0 means for ever.
4. Where WAITING_MAX wait, a further remote start is rejected.
"""

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.core.id_tags import same_id
from chargepoint.messages import ChargingProfile

WAITING_MAX = 64


class Waiting(Struct, frozen=True, kw_only=True):
    """One authorisation. connectors: where it may be used. reader: None for a remote start. profile: the TxProfile
    that comes with it.
    """

    id_tag: str
    connectors: tuple[int, ...]
    since_s: float
    until_s: float | None
    parent_id_tag: str | None = None
    listed: bool = False
    reader: int | None = None
    profile: ChargingProfile | None = None


class Starts:
    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    @property
    def empty(self) -> bool:
        return not self._waiting

    @property
    def full(self) -> bool:
        return len(self._waiting) >= WAITING_MAX

    def add(self, waiting: Waiting) -> list[Waiting]:
        """Waits from now on; returns those who had to give way."""
        rivals = [other for other in self._waiting if self._rivals(waiting, other)]
        self._waiting = [other for other in self._waiting if other not in rivals] + [waiting]
        return rivals

    def first(self, connector: int) -> Waiting | None:
        """Whoever waits longest for this connector: once it is plugged, they begin there."""
        return min((one for one in self._waiting if connector in one.connectors), key=lambda one: one.since_s, default=None)

    def besides(self, id_tag: str, reader: int | None, connector: int) -> list[Waiting]:
        """Who waits and would go on waiting beside this id at this reader (None: a remote start), the oldest first."""
        new = Waiting(id_tag=id_tag, connectors=(connector,), since_s=0.0, until_s=None, reader=reader)
        return [one for one in self._waiting if not self._rivals(new, one)]

    def waiting(self) -> list[Waiting]:
        """Everybody, the oldest first."""
        return list(self._waiting)

    def drop(self, waiting: Waiting) -> None:
        self._waiting.remove(waiting)

    def of(self, id_tag: str, reader: int | None) -> Waiting | None:
        """The same card at the same reader (None: remote), if it waits already."""
        return next((one for one in self._waiting if one.reader == reader and same_id(one.id_tag, id_tag)), None)

    def holds(self, connector: int) -> bool:
        """The connector is somebody's and nobody else's: its status is Preparing."""
        return any(one.connectors == (connector,) for one in self._waiting)

    def narrow(self, waiting: Waiting, connector: int) -> None:
        """Goes on waiting, but no longer for this connector, one of several."""
        left = tuple(number for number in waiting.connectors if number != connector)
        assert left, "somebody has this connector alone"
        self._waiting[self._waiting.index(waiting)] = replace(waiting, connectors=left)

    def keep_to(self, connector: int) -> None:
        """Whoever comes first at this connector is about to begin there, and waits for no other any more."""
        first = self.first(connector)
        if first is not None:
            self._waiting[self._waiting.index(first)] = replace(first, connectors=(connector,))

    def prolong(self, waiting: Waiting, until_s: float) -> Waiting:
        """Waits until then at least, if it is among those who wait."""
        if waiting not in self._waiting or waiting.until_s is None or waiting.until_s >= until_s:
            return waiting
        longer = replace(waiting, until_s=until_s)
        self._waiting[self._waiting.index(waiting)] = longer
        return longer

    def withdraw(self, connector: int) -> list[Waiting]:
        """The connector can no longer be used; returns those who now have none."""
        gone: list[Waiting] = []
        kept: list[Waiting] = []
        for one in self._waiting:
            left = tuple(number for number in one.connectors if number != connector)
            (kept if left else gone).append(one if left == one.connectors else replace(one, connectors=left))
        self._waiting = kept
        return gone

    def expired(self, mono_s: float) -> list[Waiting]:
        late = [one for one in self._waiting if one.until_s is not None and mono_s >= one.until_s]
        self._waiting = [one for one in self._waiting if one not in late]
        return late

    @property
    def profiles(self) -> int:
        """How many charging profiles will be installed when everybody who waits has begun."""
        return sum(1 for one in self._waiting if one.profile is not None)

    def deadline(self) -> float | None:
        return min((one.until_s for one in self._waiting if one.until_s is not None), default=None) if self._waiting else None

    @staticmethod
    def _rivals(new: Waiting, old: Waiting) -> bool:
        same = same_id(new.id_tag, old.id_tag)
        if new.reader is not None and old.reader is not None:
            return same or (new.reader == old.reader and not set(new.connectors).isdisjoint(old.connectors))
        if new.reader is not None or old.reader is not None:
            return False
        return (same and not set(new.connectors).isdisjoint(old.connectors)) or (
            len(new.connectors) == 1 and new.connectors == old.connectors
        )
