"""The bench's physics, without sockets: time is a number that the test brings."""

from typing import Any

import pytest

from chargepoint.facts import Input, InputKind, PilotState
from hil.bench.outlet import CABLE_A, Fault, Side
from hil.bench.world import MAX_CARDS_WAITING, START_WH, Refused, World, changes


def charging(world: World, connector: int = 1, offer_a: float = 16.0, **car: Any) -> World:
    world.plug(connector, **{"ready": True, "delay_s": 0.0, "max_current_a": 32.0, "phases": 3, **car})
    run(world, world.now)
    world.command_contactor(connector, True)
    world.outlet(connector).offer_a = offer_a
    return world


def plug(world: World, connector: int = 1, **car: Any) -> None:
    world.plug(connector, **{"ready": True, "delay_s": 0.1, "max_current_a": 32.0, "phases": 3, **car})


def run(world: World, until: float) -> None:
    while world.advance(until):
        pass


def drawn(world: World, connector: int = 1) -> float:
    return world.outlet(connector).drawn_current_a


def pilot(world: World, connector: int = 1) -> PilotState:
    return world.outlet(connector).pilot_state


def test_a_plugged_car_is_b_and_asks_for_power_after_its_delay() -> None:
    world = World(1)
    assert pilot(world) is PilotState.A
    plug(world, delay_s=2.0)
    assert pilot(world) is PilotState.B
    assert world.next_deadline() == 2.0
    run(world, 1.99)
    assert pilot(world) is PilotState.B
    run(world, 2.0)
    assert pilot(world) is PilotState.C
    assert world.next_deadline() is None


def test_a_car_that_is_not_ready_stays_b_until_it_changes_its_mind() -> None:
    world = World(1)
    plug(world, ready=False)
    run(world, 3600.0)
    assert pilot(world) is PilotState.B
    world.ev(1, ready=True, max_current_a=None, ventilation=None)
    assert pilot(world) is PilotState.C
    world.ev(1, ready=None, max_current_a=None, ventilation=True)
    assert pilot(world) is PilotState.D
    world.ev(1, ready=False, max_current_a=None, ventilation=None)
    assert pilot(world) is PilotState.B


def test_a_car_that_changes_its_mind_before_it_wakes_does_not_wake() -> None:
    world = World(1)
    plug(world, delay_s=1.0)
    world.ev(1, ready=False, max_current_a=None, ventilation=None)
    run(world, 10.0)
    assert pilot(world) is PilotState.B


@pytest.mark.parametrize(
    ("offer_a", "car_a", "expected_a"),
    [
        (16.0, 32.0, 16.0),
        (32.0, 20.0, 20.0),
        (63.0, 63.0, CABLE_A),
        (6.0, 32.0, 6.0),
        (5.9, 32.0, 0.0),
        (16.0, 2.5, 2.5),
        (16.0, 0.0, 0.0),
    ],
)
def test_the_smallest_of_offer_car_and_cable_flows(offer_a: float, car_a: float, expected_a: float) -> None:
    assert drawn(charging(World(1), offer_a=offer_a, max_current_a=car_a)) == expected_a


def test_a_fixed_cable_carries_what_it_is_built_for() -> None:
    assert drawn(charging(World(1, tethered=True), offer_a=63.0, max_current_a=63.0)) == 63.0


def test_nothing_flows_without_contact_offer_or_ready_car() -> None:
    world = charging(World(1))
    assert drawn(world) == 16.0
    world.command_contactor(1, False)
    assert drawn(world) == 0.0
    world.command_contactor(1, True)
    world.outlet(1).offer_a = None
    assert drawn(world) == 0.0
    world.outlet(1).offer_a = 16.0
    world.ev(1, ready=False, max_current_a=None, ventilation=None)
    assert drawn(world) == 0.0


def test_energy_is_exact_over_every_change_of_power() -> None:
    world = charging(World(1))
    run(world, 3600.0)
    world.outlet(1).offer_a = 10.0
    run(world, 5400.0)
    world.meter(1, energy_wh=None, voltage_v=240.0, online=None)
    run(world, 7200.0)
    expected_wh = START_WH + 3 * 16 * 230 + 3 * 10 * 230 / 2 + 3 * 10 * 240 / 2
    assert world.outlet(1).energy_wh == pytest.approx(expected_wh, abs=1e-6)


def test_a_deadline_inside_an_interval_divides_its_energy() -> None:
    world = World(1)
    plug(world, delay_s=1800.0)
    world.command_contactor(1, True)
    world.outlet(1).offer_a = 16.0
    run(world, 3600.0)
    assert world.outlet(1).energy_wh == pytest.approx(START_WH + 11_040 / 2)


def test_speed_makes_energy_flow_faster_and_leaves_power_and_deadlines_alone() -> None:
    world = charging(World(2))
    world.speed = 60.0
    plug(world, 2, delay_s=50.0)
    run(world, 49.0)
    assert pilot(world, 2) is PilotState.B
    run(world, 60.0)
    assert world.outlet(1).energy_wh == pytest.approx(START_WH + 11_040)
    assert world.outlet(1).power_w == 11_040.0


def test_one_phase_takes_a_third() -> None:
    assert charging(World(1), phases=1).outlet(1).power_w == 230.0 * 16


def test_time_that_goes_back_takes_no_energy_back() -> None:
    world = charging(World(1, now=100.0))
    run(world, 200.0)
    before = world.outlet(1).energy_wh
    run(world, 150.0)
    assert (world.outlet(1).energy_wh, world.now) == (before, 200.0)


def test_registers_start_apart_from_zero_and_from_each_other() -> None:
    assert [outlet.register_wh for outlet in World(3).outlets.values()] == [12_345, 24_690, 37_035]


def test_unplug_pulls_both_ends_even_of_a_locked_cable() -> None:
    world = charging(World(1))
    outlet = world.outlet(1)
    outlet.command_lock(True)
    world.unplug(1, side=Side.BOTH)
    assert (pilot(world), outlet.cable_at_station, drawn(world), outlet.locked) == (PilotState.A, False, 0.0, True)


def test_unplug_at_the_car_leaves_a_detachable_cable_in_the_socket() -> None:
    world = charging(World(1))
    world.unplug(1, side=Side.EV)
    outlet = world.outlet(1)
    assert (pilot(world), outlet.car, outlet.cable_at_station, outlet.pilot.cable_a) == (PilotState.A, None, True, CABLE_A)
    world.unplug(1, side=Side.STATION)
    assert (outlet.cable_at_station, outlet.pilot.cable_a) == (False, None)


def test_a_cable_pulled_at_the_station_leaves_the_car_unplugged_too() -> None:
    world = charging(World(1))
    world.unplug(1, side=Side.STATION)
    assert (pilot(world), world.outlet(1).cable_at_station) == (PilotState.A, False)


def test_a_car_comes_back_to_a_cable_that_was_left_in_the_socket() -> None:
    world = charging(World(1))
    world.unplug(1, side=Side.EV)
    plug(world)
    assert pilot(world) is PilotState.B


def test_unplugging_stops_a_car_from_waking() -> None:
    world = World(1)
    plug(world, delay_s=1.0)
    world.unplug(1, side=Side.BOTH)
    assert world.next_deadline() is None
    world.unplug(1, side=Side.BOTH)
    assert pilot(world) is PilotState.A


def test_a_fixed_cable_is_always_there_and_has_no_lock() -> None:
    world = World(1, tethered=True)
    outlet = world.outlet(1)
    assert (outlet.cable_at_station, outlet.pilot.cable_a, outlet.locked) == (True, None, None)
    plug(world)
    world.unplug(1, side=Side.EV)
    assert (outlet.cable_at_station, pilot(world)) == (True, PilotState.A)
    with pytest.raises(Refused, match='say side "ev" or "both"'):
        world.unplug(1, side=Side.STATION)
    with pytest.raises(Refused, match="connector 1 has a fixed cable and no lock"):
        world.fault(1, Fault.LOCK_JAMMED, True)


def test_welded_contacts_stay_closed_after_opening_until_the_fault_is_cleared() -> None:
    world = charging(World(1))
    world.fault(1, Fault.CONTACTOR_WELDED, True)
    world.command_contactor(1, False)
    assert world.outlet(1).contacts
    assert drawn(world) == 16.0
    world.fault(1, Fault.CONTACTOR_WELDED, False)
    assert not world.outlet(1).contacts


def test_an_open_contactor_welds_when_it_closes() -> None:
    world = World(1)
    world.fault(1, Fault.CONTACTOR_WELDED, True)
    assert not world.outlet(1).contacts
    world.command_contactor(1, True)
    world.command_contactor(1, False)
    assert world.outlet(1).contacts


def test_a_contactor_stuck_open_never_closes() -> None:
    world = World(1)
    world.fault(1, Fault.CONTACTOR_STUCK_OPEN, True)
    world.command_contactor(1, True)
    assert not world.outlet(1).contacts
    world.fault(1, Fault.CONTACTOR_STUCK_OPEN, False)
    assert world.outlet(1).contacts


def test_a_jammed_lock_moves_neither_way() -> None:
    world = World(1)
    outlet = world.outlet(1)
    world.fault(1, Fault.LOCK_JAMMED, True)
    outlet.command_lock(True)
    assert outlet.locked is False
    world.fault(1, Fault.LOCK_JAMMED, False)
    outlet.command_lock(True)
    world.fault(1, Fault.LOCK_JAMMED, True)
    outlet.command_lock(False)
    assert outlet.locked is True


def test_a_shorted_pilot_is_e_and_nothing_flows() -> None:
    world = charging(World(1))
    world.fault(1, Fault.PILOT_SHORT, True)
    assert (pilot(world), drawn(world), world.outlet(1).car is not None) == (PilotState.E, 0.0, True)
    world.fault(1, Fault.PILOT_SHORT, False)
    assert (pilot(world), drawn(world)) == (PilotState.C, 16.0)


def test_a_missing_diode_shows_beside_the_state() -> None:
    world = charging(World(1))
    world.fault(1, Fault.PILOT_DIODE, True)
    assert (world.outlet(1).pilot.state, world.outlet(1).pilot.diode_ok) == (PilotState.C, False)


def test_over_current_is_a_line_and_a_car_that_takes_a_quarter_more_than_offered() -> None:
    world = charging(World(1), max_current_a=10.0)
    world.fault(1, Fault.OVER_CURRENT, True)
    assert drawn(world) == 20.0
    assert world.active_inputs() == [Input(connector=1, kind=InputKind.OVER_CURRENT, active=True)]
    world.command_contactor(1, False)
    assert drawn(world) == 0.0


def test_input_lines_of_station_and_connectors() -> None:
    world = World(2)
    world.fault(2, Fault.GROUND_FAULT, True)
    world.fault(0, Fault.EMERGENCY_STOP, True)
    world.fault(0, Fault.LIST_WRITE, True)
    world.fault(1, Fault.METER_LOST, True)
    world.mains = False
    assert [(line.connector, line.kind.value) for line in world.active_inputs()] == [
        (0, "mains_lost"),
        (0, "emergency_stop"),
        (0, "list_write"),
        (2, "ground_fault"),
    ]


@pytest.mark.parametrize(
    "kind", ["contactor_welded", "contactor_stuck_open", "lock_jammed", "pilot_short", "pilot_diode", "meter_lost"]
)
def test_a_fault_of_a_connector_is_none_of_the_station(kind: str) -> None:
    with pytest.raises(Refused, match=f"{kind} belongs to a connector, not to the station \\(0\\); there are 1 and 2"):
        World(2).fault(0, Fault(kind), True)


def test_a_shared_reader_is_lost_with_any_connector_and_an_own_one_with_its_connector() -> None:
    shared, each = World(2), World(2, reader_each=True)
    for world in (shared, each):
        world.fault(2, Fault.READER_LOST, True)
    assert [shared.reader_works(1), each.reader_works(1), each.reader_works(2)] == [False, True, False]
    each.fault(0, Fault.READER_LOST, True)
    assert not each.reader_works(1)


def test_a_card_lies_for_its_time_and_the_next_waits_for_it() -> None:
    world = World(1)
    world.tap("AA", reader=1, hold_s=1.0)
    world.tap("BB", reader=1, hold_s=0.5)
    seen = []
    for at in (0.9, 1.0, 1.1, 1.5, 1.7):
        run(world, at)
        seen.append(world.readers[1].card)
    assert seen == ["AA", None, "BB", "BB", None]
    assert world.next_deadline() is None


def test_every_card_of_an_interval_is_a_step_of_its_own() -> None:
    world = World(1)
    seen: list[str | None] = []
    world.tap("AA", reader=1, hold_s=0.3)
    world.tap("AA", reader=1, hold_s=0.3)
    while world.advance(10.0):
        seen.append(world.readers[1].card)
    assert seen == [None, "AA", None]


def test_waiting_cards_are_bounded() -> None:
    world = World(1)
    for _ in range(MAX_CARDS_WAITING + 1):
        world.tap("AA", reader=1, hold_s=1.0)
    with pytest.raises(Refused, match="16 cards already wait at reader 1"):
        world.tap("AA", reader=1, hold_s=1.0)


@pytest.mark.parametrize(
    ("connectors", "text"),
    [(1, "no connector 9; there is only 1"), (2, "no connector 9; there are 1 and 2"), (8, "there are 1 to 8")],
)
def test_a_connector_that_is_not_there(connectors: int, text: str) -> None:
    with pytest.raises(Refused, match=text):
        plug(World(connectors), 9)


def test_what_the_world_refuses() -> None:
    world = World(1)
    with pytest.raises(Refused, match="no car is plugged at connector 1; plug one first"):
        world.ev(1, ready=True, max_current_a=None, ventilation=None)
    plug(world)
    with pytest.raises(Refused, match="a car is already plugged at connector 1; unplug it first"):
        plug(world)
    with pytest.raises(Refused, match="no reader 2; there is only 1"):
        world.tap("AA", reader=2, hold_s=1.0)
    with pytest.raises(Refused, match="connectors must be 1 to 32, not 33"):
        World(33)


def test_changes_name_one_field_a_line() -> None:
    world = World(1)
    before = world.view()
    plug(world)
    world.mains = False
    world.tap("AA", reader=1, hold_s=1.0)
    assert changes(before, world.view(), 5.0) == [
        {"at": 5.0, "connector": 0, "mains": False},
        {"at": 5.0, "connector": 0, "reader": 1, "card": "AA"},
        {"at": 5.0, "connector": 1, "pilot": "B"},
        {"at": 5.0, "connector": 1, "plugged": True},
        {"at": 5.0, "connector": 1, "cable_at_station": True},
    ]
