"""Lamps: what the driver of a car is shown at each connector.

Owns the pattern per connector: the one that follows from its status, and the short ones that answer a tap. Refuses to know
colours and sounds: they are the indicator driver's table. A Central System that is offline changes nothing here.
"""

from chargepoint.core.effects import Show
from chargepoint.core.step import Step
from chargepoint.facts import Pattern, Refusal
from chargepoint.messages import ChargePointStatus

MOMENT_S = 3.0

STEADY = {
    ChargePointStatus.Available: Pattern.AVAILABLE,
    ChargePointStatus.Preparing: Pattern.CARD_WANTED,
    ChargePointStatus.Charging: Pattern.CHARGING,
    ChargePointStatus.SuspendedEV: Pattern.SUSPENDED_EV,
    ChargePointStatus.SuspendedEVSE: Pattern.SUSPENDED_EVSE,
    ChargePointStatus.Finishing: Pattern.FINISHING,
    ChargePointStatus.Reserved: Pattern.RESERVED,
    ChargePointStatus.Unavailable: Pattern.UNAVAILABLE,
    ChargePointStatus.Faulted: Pattern.FAULTED,
}


class Lamp:
    def __init__(self) -> None:
        self.steady = Pattern.STARTING
        self.moment: tuple[Pattern, Refusal | None] | None = None
        self.until_s: float | None = None
        self.shown: tuple[Pattern, Refusal | None] | None = None


class Lamps:
    def __init__(self, connectors: list[int]) -> None:
        self._lamps = {number: Lamp() for number in connectors}

    def asking(self, connectors: list[int]) -> None:
        """A card was read; until accepted or refused is shown."""
        for number in connectors:
            lamp = self._lamps[number]
            lamp.moment, lamp.until_s = (Pattern.ASKING, None), None

    def accepted(self, connectors: list[int], step: Step) -> None:
        self._moment(connectors, Pattern.ACCEPTED, None, step)

    def refused(self, connectors: list[int], why: Refusal, step: Step) -> None:
        self._moment(connectors, Pattern.REFUSED, why, step)

    def quiet(self, connectors: list[int]) -> None:
        """No answer to show any more."""
        for number in connectors:
            self._lamps[number].moment = None

    def _moment(self, connectors: list[int], pattern: Pattern, why: Refusal | None, step: Step) -> None:
        for number in connectors:
            lamp = self._lamps[number]
            lamp.moment, lamp.until_s = (pattern, why), step.mono_s + MOMENT_S

    def update(self, number: int, status: ChargePointStatus, *, waits_for_plug: bool, session_runs: bool, step: Step) -> None:
        """Shows what follows from the status, unless an answer to a tap is being shown. A fault goes before everything."""
        lamp = self._lamps[number]
        lamp.steady = STEADY[status]
        if status is ChargePointStatus.Preparing and session_runs:
            lamp.steady = Pattern.SUSPENDED_EV  # no card is wanted any more, it is the car's turn
        elif status is ChargePointStatus.Preparing and waits_for_plug:
            lamp.steady = Pattern.PLUG_WANTED
        if lamp.until_s is not None and step.mono_s >= lamp.until_s:
            lamp.moment, lamp.until_s = None, None
        wanted = (lamp.steady, None) if lamp.moment is None or lamp.steady is Pattern.FAULTED else lamp.moment
        if wanted != lamp.shown:
            lamp.shown = wanted
            step.then(Show(number, *wanted))

    def deadline(self) -> float | None:
        return min((lamp.until_s for lamp in self._lamps.values() if lamp.until_s is not None), default=None)
