"""The harness: wires from a bench's world to an emulated kernel, as a station's file names its pins, chips and selects.

Owns what stands at which line, and the car's side of the pilot: resistors, and the current that its duty allows. The physics
stay the world's. Lives on the bench's event loop; what the kernel's thread sees is handed over to it. Serves connector 1,
reader 1 and the input lines that the file has; a fault that no line of it can show is not seen, as in a real station.
"""

import asyncio
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, NamedTuple

from chargepoint.facts import InputKind
from hil.bench.bench import Bench
from hil.bench.outlet import Fault, Outlet
from hil.chips.cards import Card
from hil.chips.mcp3008 import Mcp3008
from hil.chips.mfrc522 import Mfrc522
from hil.chips.pilot_circuit import CABLE_OHM, FrontEnd, PilotCar, PilotCircuit, PilotFault, PwmFolder, current_read
from hil.kernel import Change, Kernel

LOOK_S = 0.02  # how often the car looks at the duty
LAMPS = ("red", "green", "blue", "white", "amber", "yellow")
SILENT = 0xFF  # what a line without a chip reads

Document = dict[str, Any]


class Fact(NamedTuple):
    """Something that the world did to a wire. at_s: CLOCK_MONOTONIC."""

    at_s: float
    what: str


class Harness:
    """parts: the file's document, whose tables name the pins. facts: changes of the pilot, and cards, the newest last."""

    def __init__(self, bench: Bench, kernel: Kernel, parts: Document, pwm: PwmFolder) -> None:
        self.kernel, self.world, self.rig = kernel, bench.world, bench.rig
        connector = parts["connectors"]["1"]
        self._contactor, self._lock, self._lines = connector["contactor"], connector["lock"], parts["inputs"]["lines"]
        self.coil: int = self._contactor["pin"]
        self.active_high: bool = self._contactor.get("active_high", True)
        self.lamps = {colour: pin for colour, pin in connector["indicator"]["lamps"].items() if colour in LAMPS}
        self.buzzer: int = connector["indicator"]["buzzer"]["pin"]
        self.reader = Mfrc522()
        self.facts: list[Fact] = []
        self._pwm = pwm
        self.circuit = PilotCircuit(high_share=lambda: pwm.high_share)
        self.front_end = _front_end(self.circuit, connector["pilot"])
        self._testing = False
        self._driven_to: dict[int, bool] = {}
        self._card: Card | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._attach(connector["pilot"], parts["readers"]["1"])

    @property
    def _outlet(self) -> Outlet:
        return self.world.outlets[1]

    def start(self) -> None:
        """The car begins to look at the duty."""
        self.rig.on_change(self.refresh)
        self.refresh()
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def refresh(self) -> None:
        """Brings every wire to where the world has it."""
        outlet, test = self._outlet, self._contactor.get("self_test")
        self._show_pilot(outlet)
        self._drive(self._contactor["feedback_pin"], _closed_high(self._contactor) is outlet.contacts)
        self._drive(self._lock["feedback_pin"], not outlet.locked)
        active = {(line.connector, line.kind) for line in self.world.active_inputs()}
        for line in self._lines.values():
            on = (line.get("connector", 0), InputKind(line["kind"])) in active
            if test is not None and line["pin"] == test["trip_pin"]:
                on = on or self._testing
            self._drive(line["pin"], on == (line.get("active", "high") == "high"))
        self._lay_card()

    def _attach(self, pilot: Document, reader: Document) -> None:
        kernel = self.kernel
        adc = Mcp3008(self.front_end.volts, self.front_end.reference_v)
        kernel.spi(pilot.get("spi_bus", 0), pilot.get("spi_device", 0), adc)
        bus, select = reader["device"].removeprefix("/dev/spidev").split(".")
        kernel.spi(int(bus), int(select), self.reader)
        if (reset := reader.get("reset_gpio")) is not None:
            kernel.watch(reset, lambda change: None if change.level else self.reader.brown_out())
        kernel.resistor(self.coil, not self.active_high)
        if (test := self._contactor.get("self_test")) is not None:
            self._watch(test["output_pin"], self._tested)
        self._watch(self.coil, self._pulled)
        for name, locked in (("lock_pin", True), ("unlock_pin", False)):
            self._watch(self._lock[name], partial(self._driven, locked))

    def _watch(self, pin: int, act: Any) -> None:
        """Calls act(level) on the loop; the kernel's thread must not wait for it."""

        def changed(change: Change) -> None:
            self._loop.call_soon_threadsafe(self._acted, act, change.level)

        self.kernel.watch(pin, changed)

    def _acted(self, act: Any, level: bool) -> None:
        self.rig.catch_up()
        act(level)
        self.rig.publish()

    def _pulled(self, level: bool) -> None:
        self.world.command_contactor(1, level is self.active_high)

    def _driven(self, locked: bool, level: bool) -> None:
        if level:
            self._outlet.command_lock(locked)

    def _tested(self, level: bool) -> None:
        self._testing = level
        self.refresh()

    def _show_pilot(self, outlet: Outlet) -> None:
        car, known = outlet.car, self.circuit.car
        wrong = {Fault.PILOT_SHORT: PilotFault.SHORT, Fault.PILOT_DIODE: PilotFault.NO_DIODE}
        faults = {pilot for fault, pilot in wrong.items() if fault in outlet.faults}
        wanted = None if car is None else PilotCar(ready=car.ready, ventilation=car.ventilation)
        # Each at once and as a whole: the converter looks from the kernel's thread.
        if wanted != known or faults != self.circuit.faults:
            self.facts.append(Fact(self._loop.time(), f"pilot {outlet.pilot_state.value}"))
            self.circuit.car, self.circuit.faults = wanted, faults
        self.front_end.proximity_ohm = CABLE_OHM.get(outlet.pilot.cable_a or 0.0, inf)

    def _lay_card(self) -> None:
        """What lies on the reader: an id tag that is no UID has no card."""
        self.reader.absent = None if self.world.reader_works(1) else SILENT
        text = self.world.readers[1].card
        if text == (self._card.uid.hex().upper() if self._card is not None else None):
            return
        if self._card is not None:
            self.reader.field.take(self._card)
            self._card = None
        if text is not None:
            with suppress(ValueError):
                self._card = self.reader.field.lay(Card(bytes.fromhex(text)))
                self.facts.append(Fact(self._loop.time(), f"card {text}"))

    def _drive(self, pin: int, level: bool) -> None:
        if self._driven_to.get(pin) is not level:
            self._driven_to[pin] = level
            self.kernel.drive(pin, level)

    def _look(self) -> None:
        """What the car reads from the duty, and whether a process holds the coil."""
        self._timer = self._loop.call_later(LOOK_S, self._look)
        offer_a = current_read(self._pwm.high_share)
        offer_a = None if offer_a is None else round(offer_a, 1)
        held = self.kernel.line(self.coil).holder is not None
        if offer_a != self._outlet.offer_a or held != self.world.station_connected:
            self.rig.catch_up()
            self._outlet.offer_a, self.world.station_connected = offer_a, held
            self.rig.publish()


def _front_end(circuit: PilotCircuit, pilot: Document) -> FrontEnd:
    return FrontEnd(
        circuit=circuit,
        scale=pilot["scale"],
        offset_v=pilot["offset_v"],
        reference_v=pilot.get("reference_v", 3.3),
        pull_up_ohm=pilot.get("proximity_pull_up_ohm", 1_000.0),
    )


def _closed_high(contactor: Document) -> bool:
    """The level of the feedback pin while the main contacts are closed."""
    return bool((contactor.get("feedback_made", "low") == "high") == (contactor.get("feedback", "mirror") == "auxiliary"))
