"""Lamps: what the driver of a car is shown at each connector (OCPP 1.6 sections 9.1.4, 9.1.11).

Owns the pattern per connector: the one that follows from its facts, and the short ones that answer a tap; and what holds for
all lamps, LightIntensity and BlinkRepeat. Refuses to know colours and sounds: they are the indicator driver's table.

Rules.
1. A fault goes before everything. Where it ended a session it stays shown until the car leaves or charges again.
2. An answer is shown for MOMENT_S, then what the facts say.
3. A Central System that is offline changes no lamp, unless nobody may charge without it: then the connector is out of service.
"""

from msgspec import Struct

from chargepoint.core.effects import AdjustLights, Show
from chargepoint.core.step import Step
from chargepoint.facts import Lights, Pattern, Refusal, Trouble
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
BEFORE_A_SESSION = (ChargePointStatus.Available, ChargePointStatus.Preparing)

Shown = tuple[Pattern, Refusal | None, Trouble | None]


class View(Struct, frozen=True, kw_only=True):
    """What a lamp follows from.

    known: the pilot has told how it is. trouble: what is wrong, while Faulted. cut_short: a fault ended the session whose
    cable is still there. waits_for_plug: a card was accepted, the car is missing. session_runs: no card is wanted any more.
    free_vend: none ever is; let_go: but no session begins by itself with this cable. updating: firmware is to be installed.
    setting_up: the Central System has not taken the station yet. shut: nobody may begin to charge, for the Central System is
    away.
    """

    status: ChargePointStatus
    known: bool = True
    trouble: Trouble | None = None
    cut_short: bool = False
    waits_for_plug: bool = False
    session_runs: bool = False
    free_vend: bool = False
    let_go: bool = False
    updating: bool = False
    setting_up: bool = False
    shut: bool = False


def steady_of(view: View) -> Pattern:
    """The pattern that follows from the facts alone."""
    status = view.status
    if status is ChargePointStatus.Faulted:
        return Pattern.FAULTED
    if not view.known:
        return Pattern.STARTING
    if status is ChargePointStatus.Unavailable and view.updating:
        return Pattern.UPDATING
    if status in BEFORE_A_SESSION and not view.session_runs:
        return _before_a_session(view)
    if status is ChargePointStatus.Preparing:
        return Pattern.SUSPENDED_EV  # it is the car's turn
    return STEADY[status]


def _before_a_session(view: View) -> Pattern:
    if view.waits_for_plug:
        return Pattern.PLUG_WANTED
    if view.setting_up:
        return Pattern.SETTING_UP
    if view.shut:
        return Pattern.UNAVAILABLE
    if view.free_vend and view.status is ChargePointStatus.Preparing:
        return Pattern.FINISHING if view.let_go else Pattern.SUSPENDED_EV
    return STEADY[view.status]


class Lamp:
    def __init__(self) -> None:
        self.moment: tuple[Pattern, Refusal | None] | None = None
        self.until_s: float | None = None
        self.again = False  # a second answer, equal to the first, is a new one
        self.shown: Shown | None = None
        self.trouble: Trouble | None = None  # the last one
        self.last_refusal: tuple[Refusal, float] | None = None  # and when; until a card is accepted


class Lamps:
    def __init__(self, connectors: list[int]) -> None:
        self._lamps = {number: Lamp() for number in connectors}
        self._lights: Lights | None = None

    def asking(self, connectors: list[int]) -> None:
        """A card was read; until accepted or refused is shown."""
        for number in connectors:
            lamp = self._lamps[number]
            lamp.moment, lamp.until_s = (Pattern.ASKING, None), None

    def accepted(self, connectors: list[int], step: Step) -> None:
        self._moment(connectors, Pattern.ACCEPTED, None, step)
        for number in connectors:
            self._lamps[number].last_refusal = None

    def refused(self, connectors: list[int], why: Refusal, step: Step) -> None:
        self._moment(connectors, Pattern.REFUSED, why, step)
        for number in connectors:
            self._lamps[number].last_refusal = (why, step.mono_s)

    def demonstrate(self, number: int, pattern: Pattern, step: Step) -> None:
        """Any pattern for a moment, for an installer who looks at the lamp."""
        self._moment([number], pattern, None, step)

    def quiet(self, connectors: list[int]) -> None:
        """No answer to show any more."""
        for number in connectors:
            self._lamps[number].moment = None

    def _moment(self, connectors: list[int], pattern: Pattern, why: Refusal | None, step: Step) -> None:
        for number in connectors:
            lamp = self._lamps[number]
            lamp.moment, lamp.until_s, lamp.again = (pattern, why), step.mono_s + MOMENT_S, True

    def pattern(self, number: int) -> Pattern | None:
        """What is shown now; None before anything was."""
        shown = self._lamps[number].shown
        return None if shown is None else shown[0]

    def last_refusal(self, number: int) -> tuple[Refusal, float] | None:
        """Why nobody charges here although somebody tried, and the instant of it; None once a card was accepted."""
        return self._lamps[number].last_refusal

    def adjust(self, lights: Lights, step: Step) -> None:
        """What holds for all lamps; told where it changed."""
        if lights != self._lights:
            self._lights = lights
            step.then(AdjustLights(lights))

    def update(self, number: int, view: View, step: Step) -> None:
        """Shows what follows from the facts, unless an answer to a tap is being shown."""
        lamp = self._lamps[number]
        if lamp.until_s is not None and step.mono_s >= lamp.until_s:
            lamp.moment, lamp.until_s = None, None
        wanted = self._wanted(lamp, view)
        if wanted != lamp.shown or (lamp.again and lamp.moment is not None and wanted[:2] == lamp.moment):
            lamp.shown = wanted
            step.then(Show(number, *wanted))
        lamp.again = False

    @staticmethod
    def _wanted(lamp: Lamp, view: View) -> Shown:
        pattern = steady_of(view)
        if pattern is Pattern.FAULTED:
            lamp.trouble = view.trouble
            return pattern, None, view.trouble
        if not view.cut_short:
            lamp.trouble = None
        if lamp.moment is not None:
            return *lamp.moment, None
        return (pattern, None, None) if lamp.trouble is None else (Pattern.FAULTED, None, lamp.trouble)

    def deadline(self) -> float | None:
        return min((lamp.until_s for lamp in self._lamps.values() if lamp.until_s is not None), default=None)
