"""What a story may do with its hands: cards, cables, meters, faults."""

from abc import ABC, abstractmethod

from chargepoint.core import events as ev
from chargepoint.facts import Card, Input, InputKind, Pilot, PilotState
from tests.core import invariants
from tests.core.looking import Looking
from tests.core.plant import Plant


class Hands(Looking, ABC):
    """Everything that can be done to the hardware. hazards: what forbids energy, by connector; 0 is the station."""

    def __init__(self, plants: dict[int, Plant]) -> None:
        super().__init__(plants)
        self.mono_s = 20.0
        self.hazards: dict[int, set[str]] = {number: set() for number in (0, *plants)}
        self.inputs: set[tuple[int, str]] = set()

    @abstractmethod
    def deliver(self, event: ev.Event) -> None:
        """An event and all that follows from it at once."""

    def tap(self, id_tag: str = "CARD1", reader: int = 1) -> None:
        self.deliver(ev.CardSeen(reader, Card(id_tag=id_tag)))

    def plug(self, connector: int = 1, *, ready: bool = True, cable_a: float | None = 32.0) -> None:
        """A car is plugged (pilot B) and, if ready, asks for power (C)."""
        self.pilot(connector, "B", cable_a=cable_a)
        if ready:
            self.pilot(connector, "C", cable_a=cable_a)

    def ev_ready(self, connector: int = 1) -> None:
        """The car asks for power (pilot C)."""
        self.pilot(connector, "C")

    def unplug(self, connector: int = 1, *, side: str = "both") -> None:
        """side: both; ev (the cable stays in the socket); station (what was left in the socket)."""
        self.pilot(connector, "A", cable=side == "ev")

    def pilot(
        self,
        connector: int,
        state: str,
        *,
        cable: bool | None = None,
        cable_a: float | None = None,
        diode_ok: bool = True,
    ) -> None:
        """The pilot changes. cable: one is in the socket; left out, it is if there is a car, or was before E and F."""
        plant = self.plants[connector]
        if cable is None:
            cable = state in "BCD" or (state in "EF" and plant.pilot.cable_at_station)
        kept_a = cable_a if cable_a is not None else plant.pilot.cable_a
        there = cable or plant.tethered
        plant.pilot = Pilot(
            state=PilotState(state),
            cable_at_station=there,
            cable_a=kept_a if there and not plant.tethered else None,
            diode_ok=diode_ok,
        )
        self.deliver(ev.PilotSeen(connector, plant.pilot))

    def meter(self, connector: int, energy_wh: float) -> None:
        """The register is set, and read at once."""
        self.plants[connector].energy_wh = energy_wh
        self.read_meter(connector)

    def open_meter(self, connector: int) -> None:
        """The meter's driver opens it and tells what it gives."""
        plant = self.plants[connector]
        if not plant.meter_deaf:
            self.deliver(ev.MeterOpened(connector, plant.quantities))
            self.read_meter(connector)

    def read_meter(self, connector: int, *, began_s: float | None = None) -> None:
        """One reading of the meter, unless it is deaf."""
        plant = self.plants[connector]
        if not plant.meter_deaf:
            began = self.mono_s if began_s is None else began_s
            self.deliver(ev.MeterRead(connector, plant.reading(), began))

    def input(self, kind: str, connector: int = 0, *, active: bool = True) -> None:
        known = InputKind(kind)
        hazards = self.hazards[connector]
        (hazards.add if active else hazards.discard)(kind)
        (self.inputs.add if active else self.inputs.discard)((connector, kind))
        self.deliver(ev.InputSeen(Input(connector=connector, kind=known, active=active)))

    def input_line(self, kind: str, connector: int = 0, *, active: bool = True) -> None:
        """A line that forbids no energy: a stop button, a warning."""
        self.deliver(ev.InputSeen(Input(connector=connector, kind=InputKind(kind), active=active)))

    def lose(self, part: str, number: int = 1, why: str = "no answer") -> None:
        """A driver fails. A contactor that is lost falls open, a lost pilot offers nothing."""
        self._safe(part, number)
        if part == "meter":
            self.plants[number].meter_deaf = True
        if part in invariants.BLOCKING_PARTS:
            self.hazards[0 if part == "inputs" else number].add(part)
        self.deliver(ev.PartLost(part, number, why))

    def recover(self, part: str, number: int = 1) -> None:
        """The driver works again, and tells how its part is."""
        self.hazards[0 if part == "inputs" else number].discard(part)
        self._safe(part, number)
        plant = self.plants.get(number)
        if part == "meter" and plant:
            plant.meter_deaf = False
        self.deliver(ev.PartBack(part, number))
        if part == "contactor" and plant:
            self.deliver(ev.ContactorSeen(number, plant.closed))
        elif part == "pilot" and plant:
            self.deliver(ev.PilotSeen(number, plant.pilot))
        elif part == "lock" and plant:
            self.deliver(ev.LockSeen(number, plant.locked))
        elif part == "inputs":
            for connector, kind in sorted(self.inputs):
                self.input(kind, connector)

    def slip_lock(self, connector: int, locked: bool) -> None:
        """The lock moves by itself."""
        self.plants[connector].locked = locked
        self.deliver(ev.LockSeen(connector, locked))

    def let_go(self, connector: int) -> None:
        """Welded contacts come apart."""
        plant = self.plants[connector]
        plant.welded = False
        if plant.drive(plant.coil):
            self.deliver(ev.ContactorSeen(connector, plant.closed))

    def _safe(self, part: str, number: int) -> None:
        plant = self.plants.get(number)
        if part == "contactor" and plant:
            plant.drive(False)
        elif part == "pilot" and plant:
            plant.offered_a = None
