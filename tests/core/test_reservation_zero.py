"""Stories of reservations of connector 0: no connector in particular, but always one for the holder."""

import pytest

from chargepoint.facts import Pattern, Refusal
from tests.core.central_system import id_tag_info
from tests.core.harness import World
from tests.core.reserving import cancel, reserve, reserved

pytestmark = [pytest.mark.section("5.13"), pytest.mark.section("9.3")]

AVAILABLE, RESERVED, PREPARING = "Available", "Reserved", "Preparing"


def take(world: World, connector: int, id_tag: str) -> bool:
    """Somebody plugs and shows his card: whether he charges."""
    world.plug(connector)
    world.tap(id_tag, reader=1)
    return world.contactor(connector)


def statuses(world: World) -> list[str]:
    return [world.status(number) for number in world.plants]


class TestAnswers:
    def test_where_the_key_says_no_it_is_rejected(self) -> None:
        world = World(2, keys={"ReserveConnectorZeroSupported": False})
        assert reserve(world, 0) == "Rejected"
        assert statuses(world) == [AVAILABLE, AVAILABLE]
        assert reserve(world, 1) == "Accepted"

    def test_the_key_cannot_be_written(self) -> None:
        world = World(keys={"ReserveConnectorZeroSupported": False})
        change = world.call("ChangeConfiguration", key="ReserveConnectorZeroSupported", value="true")
        assert change == {"status": "Rejected"}

    def test_with_several_free_connectors_none_in_particular_is_reserved(self) -> None:
        world = reserved(0, connectors=3)
        assert statuses(world) == [AVAILABLE] * 3
        assert world.statuses(0) == [AVAILABLE], "connector 0 knows Available, Unavailable and Faulted only"

    def test_with_only_one_it_says_that_it_is_reserved(self) -> None:
        """As the certification has it: the others are Unavailable, and the last one is told to be Reserved."""
        world = World(2)
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        assert reserve(world, 0) == "Accepted"
        assert statuses(world) == [RESERVED, "Unavailable"]
        assert world.shown(1) is Pattern.RESERVED

    def test_where_everything_is_faulted_it_is_faulted(self) -> None:
        world = World(2)
        world.input("ground_fault", 1)
        assert reserve(world, 0, number=8) == "Accepted"
        world.input("ground_fault", 2)
        assert reserve(world, 0) == "Faulted"

    def test_where_everything_is_inoperative_it_is_unavailable(self) -> None:
        world = World(2)
        world.call("ChangeAvailability", connectorId=0, type="Inoperative")
        assert reserve(world, 0) == "Unavailable"

    def test_where_nothing_works_for_different_reasons_it_is_unavailable(self) -> None:
        world = World(2)
        world.input("ground_fault", 1)
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        assert reserve(world, 0) == "Unavailable"

    def test_where_everything_is_in_use_it_is_occupied(self) -> None:
        world = World(2)
        assert take(world, 1, "A")
        world.plug(2, ready=False)
        assert reserve(world, 0) == "Occupied"

    def test_where_what_is_free_is_reserved_already_it_is_occupied(self) -> None:
        world = World(2)
        assert [reserve(world, 0, number=number) for number in (1, 2, 3)] == ["Accepted", "Accepted", "Occupied"]
        assert statuses(world) == [RESERVED, RESERVED]

    def test_a_reservation_of_a_connector_may_not_take_the_last_one(self) -> None:
        world = reserved(0, connectors=2)
        assert reserve(world, 1, "SECOND", number=8) == "Accepted"
        assert reserve(world, 2, "THIRD", number=9) == "Occupied"
        assert statuses(world) == [RESERVED, RESERVED]

    def test_a_reservation_of_a_connector_counts_as_taken(self) -> None:
        world = reserved(1, connectors=2)
        assert [reserve(world, 0, number=8), reserve(world, 0, number=9)] == ["Accepted", "Occupied"]

    def test_who_waits_for_a_plug_counts_as_one_in_use(self) -> None:
        world = World(2)
        world.tap("FIRST")
        assert reserve(world, 0) == "Accepted"
        world = World(2)
        world.tap("FIRST")
        world.call("RemoteStartTransaction", idTag="SECOND")
        assert reserve(world, 0) == "Occupied"

    def test_the_same_number_replaces_it(self) -> None:
        world = reserved(0, connectors=1, for_s=60)
        assert reserve(world, 0, "SECOND", for_s=600) == "Accepted"
        world.advance(100)
        assert world.status() == RESERVED
        world.plug()
        world.tap("SECOND")
        assert world.expect_call("StartTransaction")["reservationId"] == 7


class TestOneIsKept:
    def test_strangers_may_use_all_but_one(self) -> None:
        world = reserved(0, connectors=3)
        assert take(world, 1, "A")
        assert statuses(world) == ["Charging", AVAILABLE, AVAILABLE]
        assert take(world, 3, "B")
        assert statuses(world) == ["Charging", RESERVED, "Charging"]
        assert not take(world, 2, "C")
        assert world.refusal(2) is Refusal.RESERVED
        world.advance(4)
        world.tap("HOLDER")
        start = world.calls("StartTransaction")[-1]
        assert (start["connectorId"], start["idTag"], start["reservationId"]) == (2, "HOLDER", 7)

    def test_any_connector_will_do_for_the_holder(self) -> None:
        world = reserved(0, connectors=2)
        world.tap("HOLDER")
        world.plug(2)
        start = world.expect_call("StartTransaction")
        assert (start["connectorId"], start["reservationId"]) == (2, 7)
        assert take(world, 1, "A"), "the reservation is used up"

    def test_the_last_one_is_free_again_when_another_session_ends(self) -> None:
        world = reserved(0, connectors=2)
        assert take(world, 1, "A")
        assert world.status(2) == RESERVED
        world.tap("A")
        world.advance(5)
        world.unplug(1)
        assert statuses(world) == [AVAILABLE, AVAILABLE]

    def test_a_second_card_that_waits_for_a_plug_is_refused_where_one_must_be_kept(self) -> None:
        world = reserved(0, connectors=2)
        world.call("RemoteStartTransaction", idTag="FIRST")
        world.tap("SECOND")
        assert world.refusal(1) is Refusal.RESERVED
        world.advance(61)
        world.tap("SECOND")
        assert world.shown(1) is Pattern.ACCEPTED

    def test_a_card_may_take_the_place_of_another_one_at_its_reader(self) -> None:
        world = reserved(0, connectors=2)
        world.tap("FIRST")
        world.tap("SECOND")
        world.plug(1)
        assert world.expect_call("StartTransaction")["idTag"] == "SECOND"

    @pytest.mark.section("5.11")
    def test_a_remote_start_does_not_take_the_last_one(self) -> None:
        world = reserved(0, connectors=2)
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="A") == {"status": "Accepted"}
        assert world.call("RemoteStartTransaction", connectorId=2, idTag="B") == {"status": "Rejected"}
        assert world.call("RemoteStartTransaction", connectorId=2, idTag="HOLDER") == {"status": "Accepted"}
        world.plug(2)
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_free_vend_does_not_take_the_last_one(self) -> None:
        world = reserved(0, connectors=2, free_vend=True)
        world.plug(1)
        world.plug(2)
        assert (world.contactor(1), world.contactor(2)) == (True, False)
        assert world.status(2) == RESERVED
        assert cancel(world) == "Accepted"
        assert world.contactor(2)

    def test_a_finished_cable_may_be_used_again_while_another_one_is_kept(self) -> None:
        world = reserved(0, connectors=2)
        assert take(world, 1, "A")
        world.tap("A")
        world.advance(5)
        assert world.status(1) == "Finishing"
        world.tap("A")
        assert world.contactor(1)
        assert world.status(2) == RESERVED

    def test_a_connector_that_fails_takes_the_place_of_who_came_last(self) -> None:
        """Two free connectors, a reservation and a stranger who waits: one of the connectors fails."""
        world = reserved(0, connectors=2)
        world.tap("A")
        world.input("ground_fault", 2)
        assert statuses(world) == [RESERVED, "Faulted"]
        world.plug(1)
        assert not world.contactor(1)
        world.tap("HOLDER")
        assert world.contactor(1)

    def test_a_connector_of_somebody_elses_reservation_is_not_the_one_that_is_kept(self) -> None:
        world = reserved(0, connectors=2)
        assert reserve(world, 2, "SECOND", number=8) == "Accepted"
        world.plug(2)
        world.tap("HOLDER")
        assert not world.contactor(2)
        world.plug(1)
        assert world.expect_call("StartTransaction")["connectorId"] == 1

    def test_two_holders_have_one_each(self) -> None:
        world = reserved(0, connectors=2)
        assert reserve(world, 0, "SECOND", number=8) == "Accepted"
        assert not take(world, 1, "STRANGER")
        world.advance(4)
        world.tap("SECOND")
        assert world.calls("StartTransaction")[-1]["reservationId"] == 8
        world.plug(2)
        world.tap("HOLDER")
        assert world.calls("StartTransaction")[-1]["reservationId"] == 7

    def test_his_own_connector_goes_before_any(self) -> None:
        """He holds one reservation of connector 0 and one of connector 2."""
        world = reserved(0, connectors=3)
        assert reserve(world, 2, number=8) == "Accepted"
        world.tap("HOLDER")
        assert statuses(world) == [AVAILABLE, PREPARING, AVAILABLE]

    @pytest.mark.section("3.10")
    def test_a_group_may_hold_it(self) -> None:
        world = reserved(0, connectors=1, parent="GROUP")
        world.csms.always("Authorize", id_tag_info(parent="GROUP"))
        world.tap("COLLEAGUE")
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_a_stranger_to_the_last_one_is_refused_without_being_asked_for(self) -> None:
        world = reserved(0)
        world.forget()
        world.tap("STRANGER")
        assert world.refusal() is Refusal.RESERVED
        world.expect_no_call("Authorize")


class TestItsEnd:
    def test_it_expires(self) -> None:
        world = reserved(0, for_s=60)
        assert world.status() == RESERVED
        world.advance(61)
        assert world.statuses() == [AVAILABLE, RESERVED, AVAILABLE]

    @pytest.mark.section("5.1")
    def test_it_can_be_cancelled(self) -> None:
        world = reserved(0)
        assert cancel(world) == "Accepted"
        assert world.status() == AVAILABLE

    def test_it_ends_when_the_last_connector_fails_or_is_taken_out_of_service(self) -> None:
        world = reserved(0, connectors=2)
        world.input("ground_fault", 1)
        assert world.store.reservations
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        assert not world.store.reservations
        world.input("ground_fault", 1, active=False)
        assert statuses(world) == [AVAILABLE, "Unavailable"]

    @pytest.mark.section("5.2")
    def test_a_station_out_of_service_ends_it(self) -> None:
        world = reserved(0, connectors=2)
        world.call("ChangeAvailability", connectorId=0, type="Inoperative")
        world.call("ChangeAvailability", connectorId=0, type="Operative")
        assert not world.store.reservations
        assert statuses(world) == [AVAILABLE, AVAILABLE]

    def test_it_survives_a_power_cut(self) -> None:
        world = reserved(0, connectors=2)
        world.cut_power(60)
        assert take(world, 1, "A")
        assert not take(world, 2, "B")

    @pytest.mark.section("4.9")
    def test_the_last_connector_falls_to_the_holder_from_whatever_it_was(self) -> None:
        """Finishing or Unavailable, and then Reserved: nobody else may use it from the first moment on."""
        world = reserved(0, connectors=2)
        assert take(world, 1, "A")
        world.input("ground_fault", 2)
        world.tap("A")
        world.advance(5)
        world.unplug(1)
        assert world.statuses(1)[-2:] == ["Finishing", RESERVED]
        world = reserved(0, connectors=3)
        assert take(world, 1, "A")
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        assert world.status(3) == RESERVED
        world.input("ground_fault", 3)
        world.call("ChangeAvailability", connectorId=2, type="Operative")
        assert world.statuses(2)[-2:] == ["Unavailable", RESERVED]
