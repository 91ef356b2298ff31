"""The bench's world: connectors, card readers, mains and time. Pure: no sockets, no clock, no tasks.

Time is brought by `advance`; everything else happens at the time that was last brought. Energy is integrated exactly between
events, and what is still to come (a car that wakes, a card that is taken away) is a deadline kept as plain data.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chargepoint.facts import Input, InputKind
from hil.bench.outlet import Car, Fault, Outlet, Side

START_WH = 12_345.0
MAX_CONNECTORS = 32
MAX_CARDS_WAITING = 16
BETWEEN_CARDS_S = 0.1

# Lines of `inputs`; every other fault acts on a part.
INPUT_FAULTS = {
    Fault.GROUND_FAULT: InputKind.GROUND_FAULT,
    Fault.EMERGENCY_STOP: InputKind.EMERGENCY_STOP,
    Fault.OVER_TEMPERATURE: InputKind.OVER_TEMPERATURE,
    Fault.OVER_CURRENT: InputKind.OVER_CURRENT,
    Fault.DOOR_OPEN: InputKind.DOOR_OPEN,
    Fault.LIST_WRITE: InputKind.LIST_WRITE,
}
STATION_FAULTS = frozenset(INPUT_FAULTS) | {Fault.READER_LOST}

# (connector, field, reader or None) -> value: what a watcher is told about.
View = dict[tuple[int, str, int | None], Any]


class Refused(Exception):
    """The world does not do that; the text says why and what it does."""


@dataclass(kw_only=True)
class Reader:
    """A card reader. `card` lies on it until `away_s`; cards that were held out meanwhile wait, one is laid on at `next_s`."""

    card: str | None = None
    away_s: float | None = None
    next_s: float | None = None
    waiting: deque[tuple[str, float]] = field(default_factory=deque)

    @property
    def deadline(self) -> float | None:
        return self.away_s if self.away_s is not None else self.next_s

    def lay(self, id_tag: str, until_s: float) -> None:
        self.card, self.away_s, self.next_s = id_tag, until_s, None


def _numbers(count: int) -> str:
    if count == 1:
        return "there is only 1"
    return "there are 1 and 2" if count == 2 else f"there are 1 to {count}"


class World:
    """Everything outside the station. Numbers of connectors and readers start at 1; connector 0 is the station."""

    def __init__(self, connectors: int, *, tethered: bool = False, reader_each: bool = False, now: float = 0.0) -> None:
        if not 1 <= connectors <= MAX_CONNECTORS:
            raise Refused(f"connectors must be 1 to {MAX_CONNECTORS}, not {connectors}")
        self.now = now
        self.tethered = tethered
        self.reader_each = reader_each
        self.outlets = {n: Outlet(number=n, tethered=tethered, energy_wh=START_WH * n) for n in range(1, connectors + 1)}
        self.readers = {n: Reader() for n in range(1, connectors + 1 if reader_each else 2)}
        self.faults: set[Fault] = set()
        self.mains = True
        self.speed = 1.0
        self.station_connected = False

    # Time

    def next_deadline(self) -> float | None:
        """When something happens by itself, or None."""
        wakes = [outlet.wakes_s for outlet in self.outlets.values()]
        cards = [reader.deadline for reader in self.readers.values()]
        return min((due for due in (*wakes, *cards) if due is not None), default=None)

    def advance(self, now: float) -> bool:
        """Moves to the next deadline up to `now` and lets it happen: True, call again. None left: moves to `now`, False."""
        due = self.next_deadline()
        if due is None or due > now:
            self._pass(now)
            return False
        self._pass(due)
        self._happen(due)
        return True

    def _pass(self, until: float) -> None:
        elapsed_s = until - self.now
        if elapsed_s <= 0:
            return
        hours = elapsed_s * self.speed / 3600
        for outlet in self.outlets.values():
            outlet.count(hours)
        self.now = until

    def _happen(self, due: float) -> None:
        for outlet in self.outlets.values():
            if outlet.wakes_s is not None and outlet.wakes_s <= due:
                outlet.wakes_s = None
                if outlet.car is not None:
                    outlet.car.ready = True
                return
        for reader in self.readers.values():
            if reader.deadline is None or reader.deadline > due:
                continue
            if reader.away_s is not None:
                reader.card, reader.away_s = None, None
                reader.next_s = due + BETWEEN_CARDS_S if reader.waiting else None
            else:
                id_tag, hold_s = reader.waiting.popleft()
                reader.lay(id_tag, due + hold_s)
            return

    # What people, cars and faults do

    def outlet(self, connector: int) -> Outlet:
        if connector not in self.outlets:
            raise Refused(f"no connector {connector}; {_numbers(len(self.outlets))}")
        return self.outlets[connector]

    def _car(self, connector: int) -> Car:
        car = self.outlet(connector).car
        if car is None:
            raise Refused(f"no car is plugged at connector {connector}; plug one first")
        return car

    def plug(self, connector: int, *, ready: bool, delay_s: float, max_current_a: float, phases: int) -> None:
        outlet = self.outlet(connector)
        if outlet.car is not None:
            raise Refused(f"a car is already plugged at connector {connector}; unplug it first")
        outlet.car = Car(ready=False, max_current_a=max_current_a, phases=phases)
        outlet.cable_in_socket = not self.tethered
        outlet.wakes_s = self.now + delay_s if ready else None

    def unplug(self, connector: int, *, side: Side) -> None:
        """Pulls with a strength that no lock withstands; what is already out stays out."""
        outlet = self.outlet(connector)
        if side is Side.STATION and self.tethered:
            raise Refused(f'connector {connector} has a fixed cable, which has only its car side; say side "ev" or "both"')
        outlet.car, outlet.wakes_s = None, None
        if side is not Side.EV:
            outlet.cable_in_socket = False

    def ev(self, connector: int, *, ready: bool | None, max_current_a: float | None, ventilation: bool | None) -> None:
        car = self._car(connector)
        if ready is not None:
            car.ready = ready
            self.outlets[connector].wakes_s = None
        if max_current_a is not None:
            car.max_current_a = max_current_a
        if ventilation is not None:
            car.ventilation = ventilation

    def tap(self, id_tag: str, *, reader: int, hold_s: float) -> None:
        """Holds a card to a reader; while another lies there it waits for its turn."""
        if reader not in self.readers:
            raise Refused(f"no reader {reader}; {_numbers(len(self.readers))}")
        box = self.readers[reader]
        if box.deadline is None:
            box.lay(id_tag, self.now + hold_s)
        elif len(box.waiting) < MAX_CARDS_WAITING:
            box.waiting.append((id_tag, hold_s))
        else:
            raise Refused(f"{MAX_CARDS_WAITING} cards already wait at reader {reader}; tap again when they are through")

    def meter(self, connector: int, *, energy_wh: float | None, voltage_v: float | None, online: bool | None) -> None:
        outlet = self.outlet(connector)
        if energy_wh is not None:
            outlet.energy_wh = energy_wh
        if voltage_v is not None:
            outlet.voltage_v = voltage_v
        if online is not None:
            outlet.meter_online = online

    def fault(self, connector: int, kind: Fault, active: bool) -> None:
        if connector == 0:
            if kind not in STATION_FAULTS:
                raise Refused(f"{kind} belongs to a connector, not to the station (0); {_numbers(len(self.outlets))}")
            faults = self.faults
        else:
            faults = self.outlet(connector).faults
            if kind is Fault.LOCK_JAMMED and self.tethered:
                raise Refused(f"connector {connector} has a fixed cable and no lock that could jam")
        if active:
            faults.add(kind)
        else:
            faults.discard(kind)
        if connector != 0:
            self.outlets[connector].move_contacts()

    # What the station's parts do

    def command_contactor(self, connector: int, closed: bool) -> None:
        outlet = self.outlet(connector)
        outlet.coil = closed
        outlet.move_contacts()

    def reader_works(self, reader: int) -> bool:
        """False while a fault has taken the reader from the station; a shared reader is lost with any connector's."""
        served = [self.outlets[reader]] if self.reader_each else list(self.outlets.values())
        return Fault.READER_LOST not in self.faults and all(Fault.READER_LOST not in outlet.faults for outlet in served)

    def active_inputs(self) -> list[Input]:
        """Every input line that is active, the station's first."""
        lines = [] if self.mains else [Input(connector=0, kind=InputKind.MAINS_LOST, active=True)]
        for connector, faults in [(0, self.faults)] + [(n, outlet.faults) for n, outlet in self.outlets.items()]:
            lines += [
                Input(connector=connector, kind=INPUT_FAULTS[kind], active=True)
                for kind in sorted(faults & INPUT_FAULTS.keys())
            ]
        return lines

    # What can be seen

    def state(self) -> dict[str, Any]:
        """Everything at once, in the shape of the bench's `state` answer."""
        return {
            "station": "connected" if self.station_connected else "disconnected",
            "mains": self.mains,
            "speed": self.speed,
            "power_w": sum(outlet.power_w for outlet in self.outlets.values()),
            "faults": sorted(self.faults),
            "cards": {str(n): reader.card for n, reader in self.readers.items()},
            "connectors": {
                str(n): {
                    **_visible(outlet),
                    "phases": outlet.phases,
                    "energy_wh": outlet.register_wh,
                    "power_w": outlet.power_w,
                    "meter_online": outlet.meter_answers,
                }
                for n, outlet in self.outlets.items()
            },
        }

    def view(self) -> View:
        """What watchers are told about, flat, so that two views can be compared."""
        view: View = {
            (0, "station", None): "connected" if self.station_connected else "disconnected",
            (0, "mains", None): self.mains,
            (0, "faults", None): sorted(self.faults),
        }
        for n, reader in self.readers.items():
            view[(0, "card", n)] = reader.card
        for n, outlet in self.outlets.items():
            for name, value in _visible(outlet).items():
                view[(n, name, None)] = value
        return view


def _visible(outlet: Outlet) -> dict[str, Any]:
    lock = None if outlet.locked is None else "locked" if outlet.locked else "unlocked"
    return {
        "pilot": outlet.pilot_state.value,
        "plugged": outlet.car is not None,
        "cable_at_station": outlet.cable_at_station,
        "offered_current_a": outlet.offer_a or 0.0,
        "drawn_current_a": outlet.drawn_current_a,
        "contactor": "closed" if outlet.contacts else "open",
        "lock": lock,
        "indicator": outlet.lamp,
        "indicator_reason": outlet.lamp_reason,
        "lights": msgspec.to_builtins(outlet.lights),
        "faults": sorted(outlet.faults),
    }


def changes(before: View, after: View, at: float) -> list[dict[str, Any]]:
    """One line for every field that differs, as a watcher gets it; `at` is in seconds of the monotonic clock."""
    lines = []
    for key, value in after.items():
        if before[key] != value:
            connector, name, reader = key
            where = {"connector": connector} if reader is None else {"connector": connector, "reader": reader}
            lines.append({"at": at, **where, name: value})
    return lines
