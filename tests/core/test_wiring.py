"""What a meter shows against how the station says it is wired: remarks that come, stay and go."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from chargepoint.core import events as ev
from chargepoint.core.wiring import JUDGED, Wiring
from chargepoint.facts import NO_PHASES, Phases, Reading
from tests.core.harness import World

GOOD = Reading(
    energy_import_wh=1_000.0,
    energy_export_wh=0.0,
    power_w=11_040.0,
    power_w_phases=(3_680.0, 3_680.0, 3_680.0),
    current_a=(16.0, 16.0, 16.0),
    voltage_v=(230.0, 230.0, 230.0),
    phase_sequence=1,
)
REST = replace(GOOD, power_w=0.0, power_w_phases=(0.0, 0.0, 0.0), current_a=(0.0, 0.0, 0.0))


@dataclass
class Meter:
    """A connector with its contacts closed, and what was said of it."""

    phases: int = 3
    rotation: str = "RST"
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wiring = Wiring(self.phases, self.rotation)

    def reads(self, reading: Reading = GOOD, times: int = JUDGED, closed: bool = True, **other: Any) -> list[str]:
        """What is told while it reads so."""
        before = len(self.told)
        for _ in range(times):
            self.told += self.wiring.judge(replace(reading, **other), closed=closed)
        return self.told[before:]


ONE_TURNED: dict[str, Any] = {"power_w": 3_680.0, "power_w_phases": (3_680.0, -3_680.0, 3_680.0)}
ALL_TURNED: dict[str, Any] = {"power_w": -11_040.0, "power_w_phases": (-3_680.0, -3_680.0, -3_680.0)}


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (ONE_TURNED, ["L2 counts backwards at the meter (-3680 W)", "turn its current transformer"]),
        (ALL_TURNED, ["sits the other way round", "reversed = true"]),
        ({**ALL_TURNED, "power_w_phases": NO_PHASES}, ["sits the other way round"]),
        ({**ALL_TURNED, "energy_export_wh": None}, ["sits the other way round; turn it"]),
        ({"voltage_v": (230.0, 230.0, 3.0)}, ["L3 shows 3 V while others are live"]),
        ({"voltage_v": (230.0, None, None)}, ["tells 1 of 3 phases"]),
        ({"voltage_v": (398.0, 400.0, 400.0)}, ["400 V between a phase and neutral"]),
        ({"phase_sequence": -1}, ["in the order L1, L3, L2 at the meter, phase_rotation = RST says otherwise"]),
        ({"power_w": 22_080.0}, ["power (22080 W) does not fit its voltages and currents (11040 VA)"]),
        ({"power_w": 4_000.0}, ["does not fit"]),
    ],
)
def test_what_is_wired_wrong_is_told_once_and_taken_back(reading: dict[str, Any], words: list[str]) -> None:
    meter = Meter()
    assert meter.reads() == []
    assert meter.reads(times=JUDGED - 1, **reading) == [], "one odd reading is no wiring"
    (text,) = meter.reads(times=1, **reading)
    assert all(word in text for word in words), text
    assert list(meter.wiring.remarks.values()) == [text]
    assert meter.reads(times=100, **reading) == []
    assert meter.reads() == [f"No longer so: {text}"]
    assert meter.wiring.remarks == {}


@pytest.mark.parametrize("reading", [ONE_TURNED, ALL_TURNED, {"voltage_v": (230.0, 0.0, 0.0)}, {"power_w": 30_000.0}])
def test_a_meter_behind_an_open_contactor_is_not_judged(reading: dict[str, Any]) -> None:
    meter = Meter()
    assert meter.reads(times=20, closed=False, **reading) == []
    assert meter.reads(times=JUDGED, **reading) != []


def test_a_rest_neither_tells_nor_takes_back() -> None:
    meter = Meter()
    meter.reads(times=2, **ALL_TURNED)
    assert meter.reads(REST, times=50) == []
    (text,) = meter.reads(times=1, **ALL_TURNED)
    assert meter.reads(REST, times=50) == meter.reads(REST, times=50, closed=False) == []
    assert text in meter.wiring.remarks.values()


def test_a_connector_for_one_phase_has_no_current_on_others() -> None:
    meter = Meter(phases=1)
    assert meter.reads(power_w=3_680.0, current_a=(16.0, None, None), voltage_v=(230.0, None, None)) == []
    one = replace(GOOD, power_w=3_680.0, power_w_phases=NO_PHASES)
    (text,) = meter.reads(one, current_a=(0.0, 16.0, 0.0))
    assert "Current flows on L2 at the meter, and phases = 1" in text
    assert meter.reads(one, current_a=(16.0, 0.0, 0.0)) == [f"No longer so: {text}"]


@pytest.mark.parametrize(
    ("rotation", "found", "wrong"),
    [("RST", 1, False), ("STR", 1, False), ("RTS", -1, False), ("RTS", 1, True), ("TSR", 1, True), ("Unknown", -1, False)],
)
def test_the_order_of_the_phases_is_held_against_phase_rotation(rotation: str, found: int, wrong: bool) -> None:
    assert bool(Meter(rotation=rotation).reads(REST, closed=False, phase_sequence=found)) is wrong


def test_a_meter_without_power_is_judged_by_its_registers() -> None:
    meter = Meter()
    bare = Reading(energy_import_wh=5_000.0, energy_export_wh=100.0)
    assert meter.reads(bare) == []
    assert meter.reads(bare, energy_export_wh=110.0) == [], "too little was counted"
    (text,) = meter.reads(bare, energy_export_wh=130.0)
    assert "sits the other way round" in text
    assert meter.reads(bare, times=1, closed=False) == []
    assert meter.reads(bare, energy_import_wh=5_000.0) == []
    assert meter.reads(bare, energy_import_wh=5_030.0) == [f"No longer so: {text}"]


def test_totals_only_say_nothing_of_phases() -> None:
    assert Meter().reads(Reading(energy_import_wh=1.0, power_w=11_040.0), times=10) == []


def test_a_small_load_may_have_an_odd_power_factor() -> None:
    assert Meter().reads(power_w=100.0, current_a=(1.2, 1.2, 1.2), power_w_phases=(33.0, 33.0, 34.0), times=10) == []


def test_an_installer_reads_it_in_the_log_and_in_the_status(world: World) -> None:
    world.plug()
    world.tap()
    world.advance(4.0)
    assert world.contactor()
    reading = replace(GOOD, power_w=-3_000.0, power_w_phases=NO_PHASES, current_a=NO_PHASES)
    for _ in range(JUDGED):
        world.deliver(ev.MeterRead(1, reading, world.mono_s))
    (log,) = [log for log in world.logs if "sits the other way round" in log.text]
    assert (log.level, log.connector) == ("warning", 1)
    body, error = world.control("status")
    assert error is None
    assert body["connectors"]["1"]["wiring"] == [log.text]


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_the_glance_at_a_reading_overlooks_nothing(phases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(phases)
    quick, thorough = Wiring(phases, "RST"), Wiring(phases, "RST")
    monkeypatch.setattr(thorough, "_right", lambda reading, closed: False)
    told = 0
    for _ in range(1_500):
        reading = replace(
            GOOD,
            power_w=rng.choice([None, 0.0, 300.0, 3_680.0, 11_040.0, 22_080.0, -500.0]),
            power_w_phases=_any_of(rng, [None, 0.0, 3_680.0, 3_680.0, -3_680.0]),
            current_a=_any_of(rng, [None, 0.0, 16.0, 16.0, 2.0]),
            voltage_v=_any_of(rng, [None, 230.0, 230.0, 230.0, 231.5, 3.0, 70.0, 400.0]),
            phase_sequence=rng.choice([None, 1, 1, -1]),
            energy_export_wh=rng.choice([None, 0.0, 500.0]),
        )
        closed = rng.random() < 0.8
        for _ in range(rng.choice([1, 1, 2, JUDGED, JUDGED + 1])):
            said = quick.judge(reading, closed=closed)
            assert said == thorough.judge(reading, closed=closed), reading
            told += len(said)
    assert quick.remarks == thorough.remarks
    assert told > 20


def _any_of(rng: random.Random, values: list[float | None]) -> Phases:
    return rng.choice(values), rng.choice(values), rng.choice(values)
