"""A contactor that welds, sticks or fails its self test takes its connector out of use until an installer clears it
(IEC 61851-1 section 6.3.1; OCPP 1.6 section 7.6)."""

from collections.abc import Callable

import pytest

from chargepoint.core import events as ev
from chargepoint.core.effects import CloseContactor, ReadMeter
from chargepoint.core.faults import RULES, Fault
from chargepoint.core.records import Charging, Finishing
from chargepoint.facts import Reading
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

pytestmark = [pytest.mark.section("7.6"), pytest.mark.section("IEC 61851-1 6.3.1.4")]

LATCHED = {fault for fault, rule in RULES.items() if rule.latches}


def charging(world: World) -> None:
    world.plug()
    world.tap()
    assert world.contactor()


def weld(world: World) -> None:
    charging(world)
    world.plants[1].welded = True
    world.tap()
    world.advance(5.0)


def stick(world: World) -> None:
    world.plants[1].stuck_open = True
    world.plug()
    world.tap()
    world.advance(5.0)


def fail_self_test(world: World) -> None:
    charging(world)
    world.plants[1].drive(False)
    world.deliver(ev.PartLost("contactor", 1, "the RCD did not trip", self_test=True))
    world.advance(5.0)
    world.recover("contactor")


def leak(world: World) -> None:
    world.deliver(ev.ContactorSeen(1, False))
    flows(world, 1, 6.0)
    world.advance(8.0)


def flows(world: World, connector: int, current_a: float) -> None:
    """From now on the meter shows this on L1, whatever the contactor does; None else."""
    plant = world.plants[connector]

    def reading() -> Reading:
        return Reading(energy_import_wh=plant.energy_wh, current_a=(current_a, 0.0, 0.0))

    plant.reading = reading  # type: ignore[method-assign]
    world.advance(1.0)
    world.read_meter(connector)


BREAKS = {
    Fault.CONTACTOR_WELDED: (weld, lambda world: world.let_go(1), Code.PowerSwitchFailure),
    Fault.CONTACTOR_STUCK_OPEN: (stick, lambda world: setattr(world.plants[1], "stuck_open", False), Code.PowerSwitchFailure),
    Fault.CURRENT_WHILE_OPEN: (leak, lambda world: flows(world, 1, 0.2), Code.PowerSwitchFailure),
    Fault.SELF_TEST_FAILED: (fail_self_test, lambda world: None, Code.GroundFailure),
}
breaks = pytest.mark.parametrize("fault", BREAKS)
Act = Callable[[World], None]


def broken(world: World, fault: Fault) -> Act:
    """What breaks has broken. Returns what mends it."""
    trouble, mend, _ = BREAKS[fault]
    trouble(world)
    return mend


def is_out_of_use(world: World, fault: Fault) -> None:
    """Faulted, told with words, and nothing that a driver can do closes the contactor."""
    assert world.status() == Status.Faulted
    told = world.last_told()
    assert (told.error_code, told.info) == (BREAKS[fault][2], RULES[fault].text)
    closed = world.effects.count(CloseContactor(1))
    world.unplug()
    world.plug()
    world.tap()
    world.call("RemoteStartTransaction", idTag="APP", connectorId=1)
    world.advance(60.0)
    assert world.effects.count(CloseContactor(1)) == closed
    assert not isinstance(world.store.session(1), Charging)
    world.unplug()
    assert world.status() == Status.Faulted


@breaks
def test_the_connector_stays_out_of_use_when_its_cause_is_gone(world: World, fault: Fault) -> None:
    mend = broken(world, fault)
    is_out_of_use(world, fault)
    mend(world)
    is_out_of_use(world, fault)


@breaks
@pytest.mark.parametrize("cut", ["restart", "cut_power"])
def test_it_stays_so_over_restarts_and_power_cuts(world: World, fault: Fault, cut: str) -> None:
    broken(world, fault)(world)
    for _ in range(2):
        getattr(world, cut)()
        world.expect_call("StatusNotification", connectorId=1, status="Faulted", vendorErrorCode=fault.value)
        is_out_of_use(world, fault)


@breaks
def test_an_installer_clears_it_and_it_is_written_who_did(world: World, fault: Fault) -> None:
    mend = broken(world, fault)
    mend(world)
    world.unplug()
    assert world.control("clear_faults", connector=1, by="anna") == ({"cleared": [fault.value]}, None)
    assert world.status() == Status.Available
    assert f"Faults cleared by anna: {fault.value}." in [log.text for log in world.logs]
    world.cut_power()
    assert world.status() == Status.Available
    charging(world)


@breaks
def test_its_own_connector_alone_is_out_of_use(fault: Fault) -> None:
    world = World(connectors=2)
    broken(world, fault)
    assert world.status(0) == Status.Available
    world.plug(2)
    world.tap("OTHER")
    assert world.contactor(2)


def test_the_session_that_ran_is_closed_and_billed(world: World) -> None:
    world.plants[1].stuck_open = True
    world.plug()
    world.tap()
    world.advance(10.0)
    world.expect_call("StopTransaction", reason="Other", meterStop=1000)
    assert isinstance(world.store.session(1), Finishing)


def test_what_can_still_be_seen_is_not_cleared(world: World) -> None:
    weld(world)
    _, error = world.control("clear_faults", connector=1)
    assert error is not None
    assert "still closed although the coil is off" in error
    world.let_go(1)
    world.lose("contactor", why="the expander at 0x20 is silent")
    _, error = world.control("clear_faults", connector=1)
    assert error is not None
    assert "the expander at 0x20 is silent" in error
    assert world.status() == Status.Faulted


def test_current_that_still_flows_is_not_cleared(world: World) -> None:
    leak(world)
    _, error = world.control("clear_faults", connector=1)
    assert error is not None
    assert "still shows 6.0 A although the coil is off" in error


@pytest.mark.parametrize("amps", [-6.0, 6.0])
def test_current_with_the_coil_off_is_found_whichever_way_the_transformer_lies(world: World, amps: float) -> None:
    flows(world, 1, amps)
    world.advance(4.9)
    assert world.status() == Status.Available, "it may be a meter that averages"
    world.advance(0.2)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.PowerSwitchFailure)


def test_without_feedback_such_current_means_welded_contacts() -> None:
    world = World()
    world.plants[1].silent_feedback = True
    world.restart()
    flows(world, 1, 6.0)
    world.advance(6.0)
    assert world.store.connectors[1].latched == (Fault.CONTACTOR_WELDED,)


@pytest.mark.parametrize("story", ["one reading", "own consumption", "before the opening", "a meter that is lost"])
def test_what_proves_no_current_through_an_open_contactor(story: str) -> None:
    world = World()
    if story == "own consumption":
        flows(world, 1, 0.9)
        world.advance(60.0)
        world.read_meter(1)
    elif story == "one reading":
        flows(world, 1, 6.0)
        flows(world, 1, 0.0)
        flows(world, 1, 6.0)
        world.advance(4.0)
        flows(world, 1, 0.0)
    elif story == "a meter that is lost":
        flows(world, 1, 6.0)
        world.lose("meter")
        world.advance(60.0)
        flows(world, 1, 0.0)
        world.recover("meter")
    else:
        charging(world)
        world.tap()
        flows(world, 1, 16.0)
        world.read_meter(1, began_s=world.mono_s - 20.0)
        flows(world, 1, 0.0)
    world.advance(60.0)
    assert world.status() != Status.Faulted
    assert world.store.connectors.get(1) is None or world.store.connectors[1].latched == ()


def test_what_is_suspected_is_looked_at_every_second_and_no_longer_than_it_is(world: World) -> None:
    def looks() -> int:
        return sum(isinstance(effect, ReadMeter) for effect in world.effects)

    flows(world, 1, 6.0)
    before = looks()
    world.advance(3.5)
    assert looks() == before + 3
    flows(world, 1, 0.0)
    before = looks()
    world.advance(3_600.0)
    assert looks() == before


def test_there_must_be_something_to_clear(world: World) -> None:
    for arguments, said in (({"connector": 1}, "no fault"), ({"connector": 2}, "there are 1"), ({}, "there are 1")):
        _, error = world.control("clear_faults", **arguments)
        assert error is not None
        assert said in error
    world.input("ground_fault", 1)
    _, error = world.control("clear_faults", connector=1)
    assert error == "connector 1 has no fault that an installer must clear", "it goes with its cause"


def test_a_cleared_fault_that_is_still_there_comes_again(world: World) -> None:
    stick(world)
    world.unplug()
    world.control("clear_faults", connector=1)
    assert world.status() == Status.Available
    stick(world)
    assert world.status() == Status.Faulted
    assert world.store.connectors[1].latched == (Fault.CONTACTOR_STUCK_OPEN,)


def test_two_faults_are_cleared_together(world: World) -> None:
    stick(world)
    world.deliver(ev.PartLost("contactor", 1, "the RCD did not trip", self_test=True))
    world.recover("contactor")
    assert world.control("status")[0]["connectors"]["1"]["latched"] == ["contactor_stuck_open", "self_test_failed"]
    body, _ = world.control("clear_faults", connector=1)
    assert body == {"cleared": ["contactor_stuck_open", "self_test_failed"]}


def test_a_fault_is_stored_once_however_long_it_lasts(world: World) -> None:
    weld(world)
    commits = len(world.store.commits)
    world.advance(86_400.0)
    assert len(world.store.commits) == commits


def test_every_fault_that_latches_has_its_story_here() -> None:
    assert set(BREAKS) == LATCHED


def test_cycles_are_counted_and_stored_with_what_is_stored_anyway(world: World) -> None:
    charging(world)
    assert world.store.connectors[1].cycles == 1
    commits = len(world.store.commits)
    for _ in range(3):
        world.pilot(1, "B")
        world.pilot(1, "C")
    assert len(world.store.commits) == commits, "no write for the count alone"
    assert world.control("status")[0]["connectors"]["1"]["cycles"] == 4
    world.tap()
    assert world.store.connectors[1].cycles == 4
    world.cut_power()
    assert world.control("status")[0]["connectors"]["1"]["cycles"] == 4


def test_the_status_says_which_part_does_not_work_and_why(world: World) -> None:
    world.lose("pilot", why="/dev/spidev0.0: permission denied; add the user to the group spi")
    lost = world.control("status")[0]["connectors"]["1"]["lost"]
    assert lost == {"pilot": "/dev/spidev0.0: permission denied; add the user to the group spi"}
    world.recover("pilot")
    assert world.control("status")[0]["connectors"]["1"]["lost"] == {}


def test_the_status_says_it_of_parts_that_belong_to_no_connector_too(world: World) -> None:
    for part, number in (("reader", 1), ("inputs", 0), ("indicator", 1)):
        world.lose(part, number, f"no {part}")
    assert world.control("status")[0]["lost"] == {
        "indicator 1": "no indicator",
        "inputs": "no inputs",
        "reader 1": "no reader",
    }
    for part, number in (("reader", 1), ("inputs", 0), ("indicator", 1)):
        world.recover(part, number)
    assert world.control("status")[0]["lost"] == {}
