"""What a board that closes its relay by itself is to offer, so that it closes only where the station wants it closed. Pure.

Such a board closes as soon as a car asks for energy while a current is offered; there is no separate order to close. The
station orders both apart: an offer brings the car to ask, and only then does it close. Hence the rules.

1. Without an offer, none is given.
2. With an offer and the order to close, the offer is given.
3. With an offer and no such order, it is given as long as the car does not ask: it must be able to. Once it asks, the order is
   waited for, ANSWER_S long. Whoever asked before there was an offer gets none before the order.
4. An order that does not come, or an order to open while the car asks, withdraws the offer. After one that did not come it
   stays withdrawn until the order, another offer or the end of the visit: a relay must not clatter.
"""

from msgspec import Struct

from chargepoint.facts import PilotState

ENERGY = frozenset({PilotState.C, PilotState.D})
ANSWER_S = 0.5


class Look(Struct, frozen=True):
    """What was read of a board. given_a: the current that it offers now, None where it offers nothing."""

    state: PilotState
    closed: bool
    given_a: float | None
    diode_ok: bool = True
    cable_a: float | None = None


class Logic:
    """Times are monotonic seconds. has_contactor: without one, the board follows the offer alone."""

    def __init__(self) -> None:
        self.has_contactor = False
        self._offered_a: float | None = None
        self._commanded = False
        self._state: PilotState | None = None
        self._asks_since_s: float | None = None
        self._refused = False

    def offer(self, current_a: float | None) -> None:
        if current_a != self._offered_a:
            self._refused = False
        self._offered_a = current_a

    def command(self, closed: bool) -> None:
        self._commanded = closed
        if closed:
            self._refused = False
        self._asks_since_s = None  # whoever is told to open has had the order that was waited for

    def see(self, state: PilotState, now_s: float) -> None:
        asked, asks = self._state in ENERGY, state in ENERGY
        invited = self.wanted_a(now_s) is not None
        self._state = state
        if state is PilotState.A:
            self._refused = False
        if not asks:
            self._asks_since_s = None
        elif not asked and invited:
            self._asks_since_s = now_s

    def wanted_a(self, now_s: float) -> float | None:
        """What the board is to offer now, in amperes; None is nothing, and an open relay."""
        if self._offered_a is None or self._refused:
            return None
        if self._commanded or not self.has_contactor or self._state not in ENERGY:
            return self._offered_a
        if self._asks_since_s is None:
            return None
        if now_s - self._asks_since_s <= ANSWER_S:
            return self._offered_a
        self._refused = True
        return None
