"""How long each turn may take (IEC 61851-1 annex A): from authorised and asking to energy, and what a silent part costs."""

import pytest

from chargepoint.core.effects import CloseContactor, OpenContactor
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from tests.core.central_system import After
from tests.core.harness import World

pytestmark = pytest.mark.section("IEC 61851-1 A")


def authorised(world: World) -> None:
    """A car asks for power, and its driver is accepted."""
    world.plug()
    world.tap()


@pytest.mark.parametrize("lag_s", [0.0, 0.3, 0.9])
def test_energy_flows_within_three_seconds_of_asking(lag_s: float) -> None:
    world = World(lag_s=lag_s)
    authorised(world)
    world.advance(3.0)
    assert world.contactor()
    assert world.status() == Status.Charging


def test_a_meter_that_gives_no_first_reading_is_not_waited_for() -> None:
    world = World(lag_s=0.3)
    world.plants[1].meter_deaf = True
    authorised(world)
    world.advance(3.0)
    assert world.contactor()
    world.expect_call("StartTransaction", meterStart=1000)


def test_a_central_system_that_does_not_answer_the_start_is_not_waited_for() -> None:
    world = World()
    world.csms.once("StartTransaction", After(25.0, {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}))
    authorised(world)
    world.advance(0.1)
    assert world.contactor()


def test_a_lock_that_says_nothing_is_a_fault_by_then() -> None:
    world = World()
    world.plants[1].lock_silent = True
    authorised(world)
    world.advance(2.9)
    assert world.status() == Status.Preparing
    world.advance(0.2)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.ConnectorLockFailure)
    assert world.effects.count(CloseContactor(1)) == 0


def test_contacts_that_say_nothing_are_a_fault_by_then() -> None:
    world = World()
    world.plants[1].stuck_open = True
    authorised(world)
    world.advance(3.0)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.PowerSwitchFailure)


@pytest.mark.parametrize("state", ["A", "B", "E", "F"])
def test_a_car_that_leaves_c_has_its_contactor_opened_in_the_same_step(world: World, state: str) -> None:
    authorised(world)
    assert world.contactor()
    began, begun_s = len(world.effects), world.mono_s
    world.pilot(1, state)
    assert world.effects[began] == OpenContactor(1)
    assert world.mono_s == begun_s


def test_a_car_that_asks_again_is_served_again_within_three_seconds() -> None:
    world = World(lag_s=0.3)
    authorised(world)
    world.advance(10.0)
    for _ in range(3):
        world.pilot(1, "B")
        world.advance(5.0)
        assert not world.contactor()
        world.pilot(1, "C")
        world.advance(3.0)
        assert world.contactor()
