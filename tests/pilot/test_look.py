"""A pilot and its cable, looked at in virtual time through every layer but SPI and PWM: what is told, and how soon."""

import math

import pytest

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import DriverError
from drivers.iec61851.config import Config
from drivers.iec61851.look import Look
from hil.chips.pilot_circuit import PilotCar, PilotFault
from tests.pilot.rig import Bench, config

pytestmark = pytest.mark.section("IEC 61851-1 A")

A, B, C, D, E, F = PilotState
LEAVE_S = 0.06  # of the 100 ms that leaving C or D may take, the rest is the contactor's
TETHERED = config()
SOCKET = config(proximity_channel=1)


def until(bench: Bench, look: Look, state: PilotState, within_s: float = 2.0) -> tuple[Pilot, float]:
    """Looks until the state is told; what was told, and after how long."""
    began_ns = bench.now_ns
    while bench.now_ns - began_ns < within_s * 1e9:
        bench.sleep(look.pause_s)
        told = look.once(lambda: bench.pulse)
        if told is not None and told.state is state:
            return told, (bench.now_ns - began_ns) / 1e9
    raise AssertionError(f"{state} is not told within {within_s} s")


def run(bench: Bench, look: Look, seconds: float) -> list[Pilot]:
    """What is told meanwhile, each change once."""
    end_ns = bench.now_ns + seconds * 1e9
    said: list[Pilot] = []
    while bench.now_ns < end_ns:
        bench.sleep(look.pause_s)
        told = look.once(lambda: bench.pulse)
        if told is not None and said[-1:] != [told]:
            said.append(told)
    return said


def charging(config: Config = TETHERED, current_a: float = 16.0, **bench_keys: int) -> tuple[Bench, Look]:
    """A car that is offered a current and asks for it."""
    bench = Bench(**bench_keys)
    look = bench.look(config)
    bench.circuit.car = PilotCar()
    until(bench, look, B)
    bench.offer(current_a)
    run(bench, look, 0.3)
    bench.circuit.car.ready = True
    until(bench, look, C)
    return bench, look


def test_a_charge_from_plug_to_plug() -> None:
    bench = Bench()
    look = bench.look(TETHERED)
    said = run(bench, look, 0.5)
    bench.circuit.car = PilotCar()
    said += run(bench, look, 0.5)
    bench.offer(32.0)
    said += run(bench, look, 0.5)
    bench.circuit.car.ready = True
    said += run(bench, look, 0.5)
    bench.circuit.car.ventilation = True
    said += run(bench, look, 0.5)
    bench.circuit.car.ready = False
    said += run(bench, look, 0.5)
    bench.circuit.car = None
    said += run(bench, look, 0.5)
    changes = [pilot for place, pilot in enumerate(said) if not place or said[place - 1] != pilot]
    assert [pilot.state for pilot in changes] == [A, B, C, D, B, A]
    assert all(pilot.diode_ok and pilot.cable_at_station and pilot.cable_a is None for pilot in changes)


@pytest.mark.parametrize("current_a", [6.0, 7.3, 16.0, 32.0, 63.0, 80.0])
@pytest.mark.parametrize("transfer_us", [50, 100])
@pytest.mark.parametrize("how", ["stops", "unplugged", "shorted", "source broken"])
def test_the_end_of_energy_is_told_in_time(how: str, transfer_us: int, current_a: float) -> None:
    for offset_us in range(0, 25_000, 3_700):
        bench, look = charging(current_a=current_a, transfer_ns=transfer_us * 1_000)
        bench.sleep(offset_us / 1e6 % look.pause_s)  # somewhere in the pause between two looks
        match how:
            case "stops":
                bench.circuit.car = PilotCar()
            case "unplugged":
                bench.circuit.car = None
            case "shorted":
                bench.circuit.faults.add(PilotFault.SHORT)
            case _:
                bench.circuit.faults.add(PilotFault.BROKEN_SOURCE)
        state = {"stops": B, "unplugged": A, "shorted": E}.get(how, F)
        _, after_s = until(bench, look, state)
        assert after_s <= LEAVE_S, f"at {current_a} A, {transfer_us} us a transfer"


def test_a_car_that_comes_is_told_within_a_third_of_a_second() -> None:
    bench = Bench()
    look = bench.look(TETHERED)
    run(bench, look, 0.5)
    bench.circuit.car = PilotCar()
    _, after_s = until(bench, look, B)
    assert after_s <= 0.3


def test_a_car_that_asks_at_once_waits_for_the_offer_and_its_diode() -> None:
    bench = Bench()
    look = bench.look(TETHERED)
    bench.circuit.car = PilotCar(ready=True)
    assert [pilot.state for pilot in run(bench, look, 1.0)] == [B]
    bench.offer(16.0)
    _, after_s = until(bench, look, C)
    assert after_s <= 0.2


def test_a_resistor_without_a_diode_is_no_car() -> None:
    bench = Bench()
    look = bench.look(TETHERED)
    bench.circuit.car = PilotCar(ready=True)
    bench.circuit.faults.add(PilotFault.NO_DIODE)
    run(bench, look, 0.5)
    bench.offer(16.0)
    said = run(bench, look, 0.5)
    assert said[-1] == Pilot(state=C, cable_at_station=True, diode_ok=False)
    assert not any(pilot.state is C and pilot.diode_ok for pilot in said)


def test_a_diode_that_fails_while_energy_flows_is_told() -> None:
    bench, look = charging()
    bench.circuit.faults.add(PilotFault.NO_DIODE)
    said = run(bench, look, 0.5)
    assert said[-1] == Pilot(state=C, cable_at_station=True, diode_ok=False)


def test_an_offer_that_is_withdrawn_leaves_what_the_car_does_to_be_seen() -> None:
    """C1: the core waits for a car that stays in C, so it must be told."""
    bench, look = charging()
    bench.offer(None)
    assert [pilot.state for pilot in run(bench, look, 1.0)] == [C]
    assert bench.circuit.car is not None
    bench.circuit.car.ready = False
    until(bench, look, B)


@pytest.mark.parametrize("noise_v", [0.1, 0.3])
def test_noise_ends_no_charge(noise_v: float) -> None:
    bench, look = charging()
    bench.circuit.noise_v = noise_v
    bench.circuit.spike_share = 0.002
    assert [pilot.state for pilot in run(bench, look, 20.0)] == [C]


def test_duties_that_change_are_followed() -> None:
    bench, look = charging(current_a=32.0)
    for current_a in (6.0, 80.0, 13.0, 63.0):
        bench.offer(current_a)
        assert [pilot.state for pilot in run(bench, look, 0.4)] == [C]


def test_a_burst_that_a_change_fell_into_counts_for_nothing() -> None:
    bench, look = charging(current_a=6.0)
    before = bench.pulse
    looks = iter([before])

    def changes_under_way() -> object:
        bench.offer(80.0)
        return next(looks, bench.pulse)

    bench.circuit.car = None
    told = look.once(changes_under_way)  # type: ignore[arg-type]
    assert told is not None
    assert told.state is C
    told = look.once(changes_under_way)  # type: ignore[arg-type]
    assert told is not None
    assert told.state is C


def test_a_processor_that_never_comes_to_measure_is_a_pilot_that_is_lost() -> None:
    bench, look = charging()
    bench.transfer_ns = 700_000
    with pytest.raises(DriverError, match=r"no burst of samples showed a whole pulse.*Raise spi_hz"):
        run(bench, look, 2.0)


@pytest.mark.parametrize(("volts", "shown"), [(0.0, "-15.2 V"), (3.3, r"14\.9 V")])
def test_a_front_end_that_is_not_there_is_told_and_energy_ends(volts: float, shown: str) -> None:
    bench, look = charging()
    bench.chip._volts = lambda channel: volts
    with pytest.raises(DriverError, match=rf"/dev/spidev0\.0, input 0: the pilot shows {shown}, which no pilot can"):
        run(bench, look, 0.2)


@pytest.mark.section("IEC 61851-1 B")
@pytest.mark.parametrize(("ohms", "current_a"), [(1_500, 13), (680, 20), (220, 32), (100, 63)])
@pytest.mark.parametrize("pull_up_ohm", [330.0, 1_000.0])
def test_a_cable_is_told_with_its_rating(ohms: float, current_a: float, pull_up_ohm: float) -> None:
    bench = Bench()
    bench.front_end.pull_up_ohm = pull_up_ohm
    look = bench.look(config(proximity_channel=1, proximity_pull_up_ohm=pull_up_ohm))
    assert run(bench, look, 1.0) == [Pilot(state=A, cable_at_station=False)]
    for tolerance in (0.97, 1.03):
        bench.front_end.proximity_ohm = tolerance * ohms
        assert run(bench, look, 1.0)[-1] == Pilot(state=A, cable_at_station=True, cable_a=current_a)
    bench.front_end.proximity_ohm = math.inf
    assert run(bench, look, 1.0)[-1] == Pilot(state=A, cable_at_station=False)


@pytest.mark.parametrize("ohms", [30, 150, 3_000])
def test_a_cable_without_a_rating_carries_nothing_and_the_log_says_why(ohms: float, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    look = bench.look(SOCKET)
    bench.front_end.proximity_ohm = ohms
    assert run(bench, look, 3.0) == [Pilot(state=A, cable_at_station=True, cable_a=0.0)]
    complaints = [record.getMessage() for record in caplog.records if "no cable of IEC 61851-1" in record.getMessage()]
    assert len(complaints) == 1


def test_an_idle_pilot_costs_few_conversions() -> None:
    bench = Bench()
    look = bench.look(SOCKET)
    run(bench, look, 1.0)
    before = bench.chip.conversions
    run(bench, look, 10.0)
    assert (bench.chip.conversions - before) / 10 <= 50
