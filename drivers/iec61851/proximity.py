"""What the proximity resistor of a cable says, IEC 61851-1 table B.2. Pure: ohms in, cable out.

A resistance in none of the bands is no rating: such a cable carries nothing (0 A), and is a cable all the same.
"""

from collections.abc import Sequence

from msgspec import Struct

OPEN_OHM = 4_500.0  # more than that: nothing is plugged


class Band(Struct, frozen=True):
    """The resistances that an EVSE takes for one rating."""

    low_ohm: float
    high_ohm: float
    current_a: float


BANDS = (
    Band(1_100.0, 2_460.0, 13.0),  # 1500 ohm
    Band(400.0, 936.0, 20.0),  # 680 ohm
    Band(164.0, 308.0, 32.0),  # 220 ohm
    Band(80.0, 140.0, 63.0),  # 100 ohm
)
SINGLE_PHASE_A = 70.0  # 100 ohm, where the outlet has one phase


class Cable(Struct, frozen=True):
    """What is in the socket. current_a: 0 where the resistor has no rating, None where nothing is plugged."""

    present: bool
    current_a: float | None


NO_CABLE = Cable(False, None)


def resistance(volts: float, supply_v: float, pull_up_ohm: float) -> float:
    """Ohms from proximity to earth, seen through a pull-up; infinite where nothing pulls down."""
    if volts >= supply_v:
        return float("inf")
    return pull_up_ohm * max(volts, 0.0) / (supply_v - volts)


def cable_of(ohms: float, *, single_phase: bool = False) -> Cable:
    if ohms > OPEN_OHM:
        return NO_CABLE
    for band in BANDS:
        if band.low_ohm <= ohms <= band.high_ohm:
            highest = band is BANDS[-1]
            return Cable(True, SINGLE_PHASE_A if highest and single_phase else band.current_a)
    return Cable(True, 0.0)


def words(cable: Cable, ohms: float) -> str:
    """A cable, or none, for the log."""
    return "no cable" if cable.current_a is None else f"a cable for {cable.current_a:.0f} A ({ohms:.0f} ohm)"


def complaint(ohms: float) -> str:
    """A resistance without a rating, in words."""
    ratings: Sequence[str] = [f"{band.low_ohm:.0f} to {band.high_ohm:.0f} ohm {band.current_a:.0f} A" for band in BANDS]
    return (
        f"the proximity contact shows {ohms:.0f} ohm, which is no cable of IEC 61851-1 ({', '.join(ratings)}, above "
        f"{OPEN_OHM:.0f} ohm none): nothing is offered through it. Try another cable; if that is the same, check the socket's "
        "proximity wire and proximity_pull_up_ohm."
    )


class Watch:
    """Debounces: a cable is believed after `confirm` equal looks."""

    def __init__(self, confirm: int) -> None:
        self._confirm = confirm
        self._candidate: Cable | None = None
        self._same = 0
        self.cable: Cable | None = None

    def see(self, cable: Cable) -> bool:
        """Takes one look; True where what is believed has changed."""
        if cable == self.cable:
            self._candidate, self._same = None, 0
            return False
        self._same = self._same + 1 if cable == self._candidate else 1
        self._candidate = cable
        if self._same < self._confirm:
            return False
        self.cable, self._candidate, self._same = cable, None, 0
        return True
