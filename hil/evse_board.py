"""EVSE controller boards as they behave: a pilot, a car, a relay that follows both, and registers that show and set it.

Owns what a board does by itself and where it shows it, by the makers' and other projects' tables. Refuses to know the station.
`read` and `write` are for `hil.modbus_slave`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hil.chips.pilot_circuit import PilotCar

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2


class BoardFault(StrEnum):
    SHORT = "short"
    NO_DIODE = "no_diode"
    WELDED = "welded"  # the relay stays closed
    DEAF = "deaf"  # writes are granted and do nothing
    SILENT = "silent"  # nothing is answered


@dataclass(kw_only=True)
class EvseBoard:
    """offered_a: by the pilot, None is a steady one. closings: how often the relay closed."""

    unit: int = 1
    car: PilotCar | None = None
    cable_a: int = 32
    offered_a: float | None = None
    faults: set[BoardFault] = field(default_factory=set)
    closings: int = 0
    relay: bool = False

    @property
    def state(self) -> str:
        """The letter of IEC 61851-1."""
        if BoardFault.SHORT in self.faults:
            return "E"
        if self.car is None:
            return "A"
        if not self.car.ready:
            return "B"
        return "D" if self.car.ventilation else "C"

    def settle(self) -> None:
        """The board does what it does by itself: after every change in the world, and after every write."""
        wants = self.offered_a is not None and self.state in "CD" and BoardFault.NO_DIODE not in self.faults
        closed = wants or (self.relay and BoardFault.WELDED in self.faults)
        self.closings += closed and not self.relay
        self.relay = closed

    def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | int | None:
        if unit != self.unit or BoardFault.SILENT in self.faults:
            return None
        self.settle()
        shown = self.shown().get(function)
        if shown is None:
            return ILLEGAL_FUNCTION
        wanted = range(address, address + count)
        return [shown[one] for one in wanted] if all(one in shown for one in wanted) else ILLEGAL_ADDRESS

    def write(self, unit: int, function: int, address: int, values: Sequence[int]) -> bool | int | None:
        if unit != self.unit or BoardFault.SILENT in self.faults:
            return None
        if BoardFault.DEAF in self.faults:
            return True
        for offset, value in enumerate(values):
            if not self.set(function, address + offset, value):
                return ILLEGAL_ADDRESS
        self.settle()
        return True

    def shown(self) -> dict[int, dict[int, int]]:
        """Function -> address -> what stands there now."""
        raise NotImplementedError

    def set(self, function: int, address: int, value: int) -> bool:
        raise NotImplementedError


@dataclass(kw_only=True)
class EvseDin(EvseBoard):
    """SimpleEVSE and its siblings: registers from 1000. fine: bit 7 of register 2005, steps of 0.01 A."""

    configured: int = 16
    fine: bool = False
    disabled: bool = False

    def __post_init__(self) -> None:
        self._follow()

    def _follow(self) -> None:
        amperes = self.configured / (100 if self.fine else 1)
        self.offered_a = amperes if amperes >= 6 and not self.disabled else None

    def shown(self) -> dict[int, dict[int, int]]:
        number = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5}[self.state]
        plugged = self.car is not None
        flags = int(self.relay) | (BoardFault.NO_DIODE in self.faults and plugged) << 1
        pwm = 3 if self.disabled else 2 if self.offered_a is not None and plugged else 1
        actual = self.configured if pwm == 2 else 0
        runtime = [self.configured, actual, number, self.cable_a, 0, 18, pwm, flags]
        setup = [16, self.unit, 5, 0, 0, self.fine << 7 | self.disabled << 14]
        registers = {1_000 + place: value for place, value in enumerate(runtime)}
        return {3: registers | {2_000 + place: value for place, value in enumerate(setup)}}

    def set(self, function: int, address: int, value: int) -> bool:
        if function != 16 or address != 1_000:
            return False
        self.configured = value
        self._follow()
        return True


@dataclass(kw_only=True)
class Phoenix(EvseBoard):
    """Phoenix Contact's controllers: a coil that allows, a current, a letter. step_a: of the current."""

    state_at: int = 100
    current_at: int = 528
    coil_at: int = 400
    high_byte: bool = False
    step_a: float = 1.0
    steps: int = 16
    enabled: bool = True

    def __post_init__(self) -> None:
        self._follow()

    def _follow(self) -> None:
        self.offered_a = self.steps * self.step_a if self.enabled and self.steps else None

    def shown(self) -> dict[int, dict[int, int]]:
        letter = ord(self.state) << (8 if self.high_byte else 0)
        return {1: {self.coil_at: int(self.enabled)}, 3: {self.current_at: self.steps}, 4: {self.state_at: letter}}

    def set(self, function: int, address: int, value: int) -> bool:
        if (function, address) == (5, self.coil_at):
            self.enabled = bool(value)
        elif (function, address) == (6, self.current_at):
            self.steps = value
        else:
            return False
        self._follow()
        return True


def ev_cc_eth(**changes: float) -> Phoenix:
    return Phoenix(unit=255, **changes)  # type: ignore[arg-type]


def em_cp_pp_eth() -> Phoenix:
    return Phoenix(unit=180, current_at=300)


def ev_cc_ser() -> Phoenix:
    return Phoenix(unit=1, state_at=24_000, current_at=22_000, coil_at=20_000, high_byte=True)
