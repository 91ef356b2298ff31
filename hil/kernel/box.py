"""A station of real drivers on the emulated kernel: its process, and everything that hangs on its lines, chips and buses.

    async with box() as station:
        station.plug(ready=True)
        station.kernel.wait_level(COIL, True)

Owns the wiring: contactor with a mirror contact, emergency stop, residual-current device with its self-test, lock motor, pilot
and proximity behind an ADC, PWM, a card reader and a meter on Modbus TCP. The physics are the bench's (`Outlet`) and the pilot
circuit's. Refuses to know a Central System: one is given by its URL.
"""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from hil.bench import toml
from hil.bench.meter import register_words
from hil.bench.outlet import Car, Fault, Outlet
from hil.chips.mcp3008 import Mcp3008
from hil.chips.mfrc522 import Mfrc522
from hil.chips.pilot_circuit import CABLE_OHM, FrontEnd, PilotCar, PilotCircuit, PwmFolder, current_read
from hil.kernel.broker import Kernel
from hil.kernel.child import Child
from hil.kernel.lines import Change
from hil.modbus_slave import TcpSlave

COIL, FEEDBACK, EMERGENCY, TRIP, TEST, LOCK, UNLOCK, BOLT = 17, 27, 5, 24, 23, 20, 21, 26
SCALE, OFFSET_V, REFERENCE_V = 9.145, -15.23, 3.3
CABLE_A = 32.0
NOBODY = "ws://127.0.0.1:9/ocpp"  # the discard port: no Central System answers there


class Box:
    """Made by `box`. outlet: what a station cannot see of itself. active_high: the coil's polarity."""

    def __init__(self, directory: Path, kernel: Kernel, active_high: bool) -> None:
        self.directory, self.kernel, self.active_high = directory, kernel, active_high
        self.config = directory / "station.toml"
        self.outlet = Outlet(number=1, tethered=False, energy_wh=1_000_000.0)
        self.pwm = PwmFolder(directory / "pwmchip0")
        self.circuit = PilotCircuit(high_share=lambda: self.pwm.high_share)
        self.front_end = FrontEnd(
            circuit=self.circuit, scale=SCALE, offset_v=OFFSET_V, reference_v=REFERENCE_V, pull_up_ohm=330.0
        )
        self.reader = Mfrc522()
        self.rcd_works = True
        self._counted_s = monotonic()
        self._wire()

    # The driver of a car, and what may go wrong

    def plug(self, *, ready: bool) -> None:
        self.outlet.cable_in_socket = True
        self.outlet.car = Car(ready=ready, max_current_a=16.0, phases=3)
        self.front_end.proximity_ohm, self.circuit.car = CABLE_OHM[CABLE_A], PilotCar(ready=ready)

    def ready(self, ready: bool) -> None:
        assert self.outlet.car is not None
        assert self.circuit.car is not None
        self.outlet.car.ready = self.circuit.car.ready = ready

    def unplug(self) -> None:
        self.outlet.cable_in_socket, self.outlet.car = False, None
        self.front_end.proximity_ohm, self.circuit.car = inf, None

    def emergency(self, pressed: bool) -> float:
        """The chain opens: its line goes high. CLOCK_MONOTONIC just before."""
        return self.kernel.drive(EMERGENCY, pressed)

    def trip(self, tripped: bool) -> float:
        """The residual-current device. CLOCK_MONOTONIC just before."""
        return self.kernel.drive(TRIP, tripped)

    def jam(self) -> None:
        """The bolt stays where it is from now on."""
        self.outlet.faults.add(Fault.LOCK_JAMMED)

    def closed(self, timeout_s: float = 10.0) -> float:
        """When the coil was pulled, once it is."""
        return self.kernel.wait_level(COIL, self.active_high, timeout_s)

    def opened(self, timeout_s: float = 10.0) -> float:
        """When the coil was let go, once it is."""
        return self.kernel.wait_level(COIL, not self.active_high, timeout_s)

    # The station

    def start(self) -> Child:
        return Child(self.kernel, ["-m", "chargepoint", "run", "--config", str(self.config)])

    def safe_state(self) -> Child:
        return Child(self.kernel, ["-m", "chargepoint", "safe-state", "--config", str(self.config)])

    def registers(self, unit: int, function: int, address: int, count: int) -> Sequence[int] | int | None:
        """The meter, for the Modbus slave."""
        now_s = monotonic()
        self.outlet.offer_a = current_read(self.pwm.high_share)
        self.outlet.count((now_s - self._counted_s) / 3_600)
        self._counted_s = now_s
        return register_words(self.outlet, function, address, count) if unit == 1 else None

    def write_config(self, meter_port: int, url: str, more: Mapping[str, Mapping[str, Any]]) -> None:
        document = _document(self, meter_port, url)
        for section, table in more.items():
            place = document
            for name in section.split("."):
                place = place.setdefault(name, {})
            place.update(table)
        self.config.write_text(toml.document(document))

    def _wire(self) -> None:
        kernel = self.kernel
        kernel.spi(0, 0, Mcp3008(self.front_end.volts, REFERENCE_V))
        kernel.spi(0, 1, self.reader)
        kernel.resistor(COIL, not self.active_high)
        kernel.drive(EMERGENCY, False)
        kernel.drive(TRIP, False)
        kernel.drive(FEEDBACK, False)
        kernel.drive(BOLT, True)
        kernel.watch(COIL, self._coil)
        kernel.watch(TEST, self._test)
        kernel.watch(LOCK, self._bolt)
        kernel.watch(UNLOCK, self._bolt)

    def _coil(self, change: Change) -> None:
        self.outlet.coil = change.level is self.active_high
        self.outlet.move_contacts()
        self.kernel.drive(FEEDBACK, self.outlet.contacts)  # a mirror contact to ground: made while the main ones are open

    def _test(self, change: Change) -> None:
        if self.rcd_works:
            self.kernel.drive(TRIP, change.level)

    def _bolt(self, change: Change) -> None:
        if change.level and Fault.LOCK_JAMMED not in self.outlet.faults:
            self.outlet.locked = change.line == LOCK
            self.kernel.drive(BOLT, not self.outlet.locked)


@asynccontextmanager
async def box(
    *,
    keeps_outputs: bool = True,
    active_high: bool = True,
    url: str = NOBODY,
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[Box]:
    """A station that does not run yet, and the world around it. more: tables of its file that differ, by their dotted names.

    Without a Central System plugging in is enough to charge (free_vend).
    """
    with (
        tempfile.TemporaryDirectory(prefix="box-", dir="/tmp", ignore_cleanup_errors=True) as name,
        Kernel(keeps_outputs=keeps_outputs) as kernel,
    ):
        made = Box(Path(name), kernel, active_high)
        async with TcpSlave(made.registers) as slave:
            made.write_config(slave.port, url, more or {})
            yield made


def _document(made: Box, meter_port: int, url: str) -> dict[str, Any]:
    pilot = {
        "driver": "iec61851", "pilot_channel": 0, "proximity_channel": 1, "proximity_pull_up_ohm": 330.0,
        "reference_v": REFERENCE_V, "scale": SCALE, "offset_v": OFFSET_V, "pwm_chip": str(made.pwm.chip),
    }  # fmt: skip
    contactor = {
        "driver": "gpio", "pin": COIL, "active_high": made.active_high, "feedback_pin": FEEDBACK, "min_pause_s": 0.1,
        "self_test": {"output_pin": TEST, "trip_pin": TRIP, "trip_pull": "down"},
    }  # fmt: skip
    lock = {"driver": "gpio", "lock_pin": LOCK, "unlock_pin": UNLOCK, "pulse_ms": 50, "feedback_pin": BOLT}
    return {
        "station": {
            "identity": "CK_XXX_0001", "vendor": "ChargeKing", "model": "CK22", "serial_number": "BOX-0001",
            "state_dir": str(made.directory / "state"), "current_a_max": 32.0, "free_vend": True,
            "offline_behaviour": "accept_all",
        },
        "central_system": {"url": url, "reconnect_min_s": 0.1, "reconnect_max_s": 1.0},
        "buses": {"meters": {"driver": "modbus_tcp", "host": "127.0.0.1", "port": meter_port}},
        "connectors": {
            "1": {
                "cable": "socket", "current_a_max": 32.0, "phases": 3, "meter_poll_s": 0.5,
                "meter": {"driver": "modbus_meter", "bus": "meters", "map": "sdm630", "unit_id": 1},
                "contactor": contactor, "pilot": pilot, "lock": lock,
            }
        },
        "readers": {"1": {"driver": "mfrc522", "device": "/dev/spidev0.1"}},
        "inputs": {
            "driver": "gpio",
            "lines": {
                "mushroom": {"kind": "emergency_stop", "pin": EMERGENCY},
                "rcd": {"kind": "ground_fault", "pin": TRIP, "pull": "down"},
            },
        },
    }  # fmt: skip
