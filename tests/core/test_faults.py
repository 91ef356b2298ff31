"""Every fault in every state of a session: what is told, what ends, what goes on (OCPP 1.6 sections 4.9, 7.6)."""

from collections.abc import Callable

import pytest

from chargepoint.core.events import StoreHealed, StoreTroubled
from chargepoint.core.faults import RULES, Fault
from chargepoint.core.records import Charging, Finishing
from chargepoint.core.reports import MAINS_TOLD_S
from chargepoint.facts import Pattern
from chargepoint.messages import ChargePointErrorCode as Code
from chargepoint.messages import ChargePointStatus as Status
from chargepoint.messages import Reason
from tests.core.harness import World

pytestmark = pytest.mark.section("7.6")

Act = Callable[[World], None]


def _input(kind: str, connector: int = 1) -> tuple[Act, Act]:
    return (lambda world: world.input(kind, connector), lambda world: world.input(kind, connector, active=False))


def _mains() -> tuple[Act, Act]:
    """Lost for so long that it is told."""

    def trouble(world: World) -> None:
        world.input("mains_lost", 0)
        world.advance(MAINS_TOLD_S)

    return trouble, lambda world: world.input("mains_lost", 0, active=False)


def _part(part: str) -> tuple[Act, Act]:
    return (lambda world: world.lose(part, 0 if part == "inputs" else 1), lambda world: world.recover(part, part != "inputs"))


def _pilot(state: str, *, diode_ok: bool = True) -> tuple[Act, Act]:
    return (
        lambda world: world.pilot(1, state, cable=world.plants[1].pilot.cable_at_station, diode_ok=diode_ok),
        lambda world: world.pilot(1, "C" if world.plants[1].pilot.cable_at_station else "A"),
    )


def _store() -> tuple[Act, Act]:
    def trouble(world: World) -> None:
        world.hazards[0].add("store")
        world.deliver(StoreTroubled("the disk is full"))

    def heal(world: World) -> None:
        world.hazards[0].discard("store")
        world.deliver(StoreHealed())

    return trouble, heal


CASES: dict[str, tuple[tuple[Act, Act], Code, Reason | None]] = {
    "ground fault": (_input("ground_fault"), Code.GroundFailure, Reason.Other),
    "ground fault of the station": (_input("ground_fault", 0), Code.GroundFailure, Reason.Other),
    "emergency stop": (_input("emergency_stop", 0), Code.OtherError, Reason.EmergencyStop),
    "too hot": (_input("over_temperature"), Code.HighTemperature, Reason.Other),
    "over current": (_input("over_current"), Code.OverCurrentFailure, Reason.Other),
    "door open": (_input("door_open", 0), Code.OtherError, Reason.Other),
    "mains lost": (_mains(), Code.UnderVoltage, Reason.PowerLoss),
    "meter lost": (_part("meter"), Code.PowerMeterFailure, None),
    "contactor lost": (_part("contactor"), Code.InternalError, Reason.Other),
    "pilot lost": (_part("pilot"), Code.InternalError, Reason.Other),
    "lock lost": (_part("lock"), Code.InternalError, Reason.Other),
    "inputs lost": (_part("inputs"), Code.InternalError, Reason.Other),
    "pilot out": (_pilot("F"), Code.OtherError, Reason.Other),
    "pilot shorted": (_pilot("E"), Code.OtherError, Reason.Other),
    "no diode": (_pilot("C", diode_ok=False), Code.OtherError, Reason.Other),
    "disk full": (_store(), Code.InternalError, Reason.Other),
}
kinds = pytest.mark.parametrize("kind", CASES)


@kinds
@pytest.mark.section("4.9")
def test_without_a_session_the_connector_is_faulted_until_it_recovers(world: World, kind: str) -> None:
    (trouble, heal), code, _ = CASES[kind]
    trouble(world)
    assert world.status() == Status.Faulted
    assert world.last_told().error_code == code
    assert world.shown() is Pattern.FAULTED
    if kind == "no diode":
        world.unplug()
    else:
        heal(world)
    assert world.status() == Status.Available
    assert world.last_told().error_code == Code.NoError


@kinds
@pytest.mark.section("4.9")
def test_a_plugged_car_waits_for_its_card_again_when_the_fault_is_gone(world: World, kind: str) -> None:
    (trouble, heal), code, _ = CASES[kind]
    world.plug()
    trouble(world)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, code)
    world.tap()
    world.advance(5.0)
    assert world.calls("StartTransaction") == []
    heal(world)
    world.advance(1.0)
    assert world.status() == Status.Preparing
    world.tap()
    assert world.contactor()


@kinds
@pytest.mark.section("4.10")
def test_a_running_session_ends_or_is_interrupted(world: World, kind: str) -> None:
    (trouble, heal), code, reason = CASES[kind]
    world.plug()
    world.tap()
    assert world.contactor()
    trouble(world)
    assert not world.contactor()
    world.advance(11.0)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, code)
    assert world.stop_reason() is reason
    heal(world)
    if reason is None:
        assert world.status() == Status.Charging
        assert world.contactor()
        world.tap()
        world.expect_call("StopTransaction", reason="Local")
    else:
        world.expect_call("StopTransaction", reason=reason.value)
        assert world.status() == Status.Finishing
        assert isinstance(world.store.session(1), Finishing)
        world.unplug()
        assert world.status() == Status.Available


@kinds
@pytest.mark.section("4.10")
def test_a_finished_session_is_finished_still_when_the_fault_is_gone(world: World, kind: str) -> None:
    (trouble, heal), code, _ = CASES[kind]
    world.plug()
    world.tap()
    world.tap()
    trouble(world)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, code)
    heal(world)
    assert world.status() == Status.Finishing
    assert len(world.calls("StopTransaction")) == 1


@kinds
@pytest.mark.section("5.2")
def test_an_unavailable_connector_is_unavailable_again_afterwards(world: World, kind: str) -> None:
    if kind == "no diode":
        world.plug()
    (trouble, heal), code, _ = CASES[kind]
    world.call("ChangeAvailability", connectorId=1, type="Inoperative")
    trouble(world)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, code)
    heal(world)
    assert world.status() == Status.Unavailable


@pytest.mark.section("4.9")
def test_a_fault_of_the_station_is_told_of_connector_0_and_of_all(world: World) -> None:
    two = World(connectors=2)
    two.input("emergency_stop", 0)
    assert [two.status(number) for number in (0, 1, 2)] == [Status.Faulted] * 3
    two.input("emergency_stop", 0, active=False)
    assert [two.status(number) for number in (0, 1, 2)] == [Status.Available] * 3


@pytest.mark.section("4.9")
def test_a_fault_of_one_connector_leaves_the_others_alone() -> None:
    two = World(connectors=2)
    for number in (1, 2):
        two.plug(number)
        two.tap(f"CARD{number}")
    two.input("ground_fault", 1)
    assert two.status(0) == Status.Available
    assert (two.status(1), two.status(2)) == (Status.Faulted, Status.Charging)
    assert (two.contactor(1), two.contactor(2)) == (False, True)


@pytest.mark.section("4.9")
def test_a_lost_card_reader_is_a_warning(world: World) -> None:
    world.lose("reader")
    assert (world.status(), world.last_told().error_code) == (Status.Available, Code.ReaderFailure)
    world.plug()
    world.call("RemoteStartTransaction", idTag="APP", connectorId=1)
    assert world.contactor()
    world.recover("reader")
    assert (world.status(), world.last_told().error_code) == (Status.Charging, Code.NoError)


@pytest.mark.section("4.9")
def test_a_lost_reader_of_several_connectors_is_the_stations_warning() -> None:
    world = World(connectors=2)
    world.lose("reader")
    assert (world.status(0), world.last_told(0).error_code) == (Status.Available, Code.ReaderFailure)
    assert world.last_told(1).error_code == Code.NoError


@pytest.mark.section("4.9")
def test_a_lost_indicator_is_nobodys_fault(world: World) -> None:
    told = len(world.told)
    world.lose("indicator")
    world.recover("indicator")
    assert len(world.told) == told


@pytest.mark.section("7.6")
def test_of_several_faults_the_first_of_the_table_is_told_and_the_next_when_it_is_gone(world: World) -> None:
    world.input("door_open", 1)
    world.input("ground_fault", 1)
    assert world.last_told().error_code == Code.GroundFailure
    world.input("ground_fault", 1, active=False)
    assert (world.status(), world.last_told().error_code) == (Status.Faulted, Code.OtherError)
    world.input("door_open", 1, active=False)
    assert world.status() == Status.Available


@pytest.mark.section("6.47")
def test_a_fault_is_told_with_words_and_the_makers_own_code(world: World) -> None:
    world.input("emergency_stop")
    told = world.expect_call("StatusNotification", connectorId=1, status="Faulted")
    assert told["info"] == "Emergency stop pressed"
    assert (told["vendorId"], told["vendorErrorCode"]) == ("ACME", "emergency_stop")


@pytest.mark.section("4.9")
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_can_be_told_as_the_specification_wants(fault: Fault) -> None:
    rule = RULES[fault]
    assert 0 < len(rule.text) <= 50
    assert rule.code is not Code.NoError
    assert not (rule.blocks and rule.code is Code.EVCommunicationError), "only beside states that are not Faulted"
    assert rule.ends is None or rule.blocks


@pytest.mark.section("4.9")
def test_two_lost_parts_are_gone_only_when_both_are_back(world: World) -> None:
    world.lose("pilot")
    world.lose("lock")
    world.recover("pilot")
    assert world.status() == Status.Faulted
    world.recover("lock")
    assert world.status() == Status.Available


@pytest.mark.section("4.9")
def test_a_fault_that_is_there_at_the_start_is_told_with_the_first_statuses() -> None:
    world = World(online=False)
    world.input("door_open")
    world.connect()
    assert world.statuses(0) == [Status.Faulted]
    assert world.statuses(1) == [Status.Faulted]


@pytest.mark.section("4.10")
def test_a_broken_store_at_the_start_keeps_the_station_out_of_use() -> None:
    world = World(started=False)
    world.start(store_fault="the database cannot be read: /var/lib/x")
    world.hazards[0].add("store")
    world.connect()
    world.plug()
    world.tap()
    assert world.status() == Status.Faulted
    assert world.calls("StartTransaction") == []
    assert [log.level for log in world.logs if "/var/lib/x" in log.text] == ["error"]


@pytest.mark.section("4.10")
def test_an_interrupted_session_can_be_ended_by_its_card(world: World) -> None:
    world.plug()
    world.tap()
    world.lose("meter")
    assert isinstance(world.store.session(1), Charging)
    world.tap()
    world.advance(11.0)
    world.expect_call("StopTransaction", reason="Local")
