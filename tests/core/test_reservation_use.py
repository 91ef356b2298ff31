"""Stories of who may use a reserved connector: holders, their groups, strangers, remote starts and free vend."""

import pytest

from chargepoint.facts import Pattern, Refusal
from tests.core.central_system import Payload, Refuse, id_tag_info
from tests.core.harness import World
from tests.core.reserving import cancel, request, reserve, reserved

pytestmark = pytest.mark.section("5.13")

AVAILABLE, RESERVED, PREPARING = "Available", "Reserved", "Preparing"


class TestHolder:
    @pytest.mark.section("4.8")
    def test_card_then_plug(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        assert world.status() == PREPARING
        assert world.shown() is Pattern.ACCEPTED
        world.plug()
        start = world.expect_call("StartTransaction")
        assert (start["idTag"], start["reservationId"]) == ("HOLDER", 7)
        assert world.statuses() == [AVAILABLE, RESERVED, PREPARING, "Charging"]
        assert world.store.reservations == {}

    def test_plug_then_card(self) -> None:
        world = reserved()
        world.plug()
        assert world.status() == RESERVED
        world.tap("HOLDER")
        assert world.expect_call("StartTransaction")["reservationId"] == 7
        assert world.contactor()

    def test_the_id_is_his_in_any_case_of_letters(self) -> None:
        world = reserved()
        world.tap("holder")
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_after_his_session_the_connector_is_anybodys(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        world.plug()
        world.tap("HOLDER")
        world.advance(5)
        world.unplug()
        assert world.status() == AVAILABLE
        world.tap("ANYBODY")
        world.plug()
        assert "reservationId" not in world.calls("StartTransaction")[1]

    def test_he_who_does_not_plug_in_time_keeps_his_reservation(self) -> None:
        world = reserved(keys={"ConnectionTimeOut": 30})
        world.tap("HOLDER")
        world.advance(31)
        assert world.status() == RESERVED
        world.tap("HOLDER")
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_he_who_shows_his_card_twice_keeps_his_reservation(self) -> None:
        world = reserved()
        world.tap("HOLDER")
        world.tap("HOLDER")
        assert world.status() == RESERVED

    def test_he_who_was_let_in_may_plug_after_its_end(self) -> None:
        world = reserved(for_s=60)
        world.advance(50)
        world.tap("HOLDER")
        world.advance(20)
        assert world.status() == PREPARING
        world.plug()
        assert "reservationId" not in world.expect_call("StartTransaction")

    def test_one_whom_the_central_system_refuses_has_nothing_of_his_reservation(self) -> None:
        world = reserved()
        world.csms.always("Authorize", id_tag_info("Blocked"))
        world.tap("HOLDER")
        assert world.refusal() is Refusal.BLOCKED
        assert world.status() == RESERVED

    def test_at_a_shared_reader_he_goes_to_his_connector(self) -> None:
        world = reserved(2, connectors=2)
        world.tap("HOLDER")
        assert (world.status(1), world.status(2)) == (AVAILABLE, PREPARING)
        world.plug(1)
        assert not world.contactor(1), "this is not the connector that he was promised"
        world.plug(2)
        assert world.expect_call("StartTransaction")["connectorId"] == 2

    def test_his_connector_goes_before_one_that_waits_longer(self) -> None:
        world = reserved(2, connectors=2)
        world.plug(1)
        world.advance(10)
        world.plug(2)
        world.tap("HOLDER")
        assert world.expect_call("StartTransaction")["connectorId"] == 2

    def test_with_a_reader_of_its_own_the_other_connector_is_another_matter(self) -> None:
        world = reserved(2, connectors=2, each=True)
        world.tap("HOLDER", reader=1)
        world.plug(1)
        start = world.expect_call("StartTransaction")
        assert (start["connectorId"], "reservationId" in start) == (1, False)
        assert world.status(2) == RESERVED

    def test_a_session_of_his_elsewhere_does_not_use_it_up(self) -> None:
        world = World(2, each=True)
        world.plug(1)
        world.tap("HOLDER", reader=1)
        assert reserve(world, 2) == "Accepted"
        world.tap("HOLDER", reader=1)
        world.advance(5)
        assert world.status(2) == RESERVED

    def test_offline_he_is_let_in_by_the_rules_for_being_offline(self) -> None:
        world = reserved(keys={"AllowOfflineTxForUnknownId": True})
        world.disconnect()
        world.tap("STRANGER")
        assert world.refusal() is Refusal.RESERVED
        world.advance(4)
        world.tap("HOLDER")
        world.plug()
        assert world.contactor()
        world.connect()
        assert world.expect_call("StartTransaction")["reservationId"] == 7
        assert world.status() == "Charging"

    def test_the_number_goes_with_a_start_that_must_be_sent_again(self) -> None:
        world = reserved(keys={"TransactionMessageRetryInterval": 1})
        world.csms.once("StartTransaction", Refuse())
        world.tap("HOLDER")
        world.plug()
        world.advance(5)
        assert [start["reservationId"] for start in world.calls("StartTransaction")] == [7, 7]


class TestStranger:
    def test_his_card_is_refused_and_nobody_is_asked(self) -> None:
        """No parentIdTag could help him: an Authorize.req would be for nothing."""
        world = reserved()
        world.forget()
        world.tap("STRANGER")
        assert (world.shown(), world.refusal()) == (Pattern.REFUSED, Refusal.RESERVED)
        world.expect_no_call("Authorize")
        world.expect_no_call("StatusNotification")
        world.advance(4)
        assert world.shown() is Pattern.RESERVED

    def test_other_connectors_that_are_of_no_use_do_not_help_him(self) -> None:
        world = World(3)
        world.call("ChangeAvailability", connectorId=2, type="Inoperative")
        world.input("ground_fault", 3)
        reserve(world, 1)
        world.forget()
        world.tap("STRANGER")
        assert world.refusal(1) is Refusal.RESERVED
        world.expect_no_call("Authorize")

    def test_his_plug_leaves_it_reserved(self) -> None:
        world = reserved()
        world.plug()
        assert world.status() == RESERVED
        world.tap("STRANGER")
        assert not world.contactor()
        world.unplug()
        assert world.statuses() == [AVAILABLE, RESERVED]

    def test_his_plug_waits_for_the_end_of_the_reservation(self) -> None:
        world = reserved(for_s=60)
        world.plug()
        world.advance(61)
        assert world.status() == PREPARING
        world.tap("STRANGER")
        assert world.contactor()

    def test_he_may_use_another_connector(self) -> None:
        world = reserved(1, connectors=2)
        world.plug(1)
        world.plug(2)
        world.tap("STRANGER")
        start = world.expect_call("StartTransaction")
        assert (start["connectorId"], "reservationId" in start) == (2, False)
        assert world.status(1) == RESERVED

    def test_he_who_waits_for_any_connector_waits_for_the_others_from_then_on(self) -> None:
        world = World(2)
        world.tap("STRANGER")
        assert reserve(world, 1) == "Accepted"
        assert (world.status(1), world.status(2)) == (RESERVED, PREPARING)
        world.plug(1)
        assert not world.contactor(1)
        world.plug(2)
        assert world.contactor(2)

    def test_the_holder_who_waits_for_any_connector_goes_on_waiting(self) -> None:
        world = World(2)
        world.tap("HOLDER")
        assert reserve(world, 1) == "Accepted"
        world.plug(1)
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_as_many_as_wait_for_a_plug_keep_a_connector_each(self) -> None:
        world = World(2)
        world.tap("FIRST")
        world.call("RemoteStartTransaction", idTag="SECOND")
        assert reserve(world, 1) == "Occupied"

    def test_he_still_stops_his_own_session_elsewhere(self) -> None:
        world = World(2)
        world.plug(2)
        world.tap("STRANGER")
        assert reserve(world, 1) == "Accepted"
        world.tap("STRANGER")
        world.advance(5)
        assert world.status(2) == "Finishing"

    def test_he_may_ask_where_his_group_charges(self) -> None:
        """The only free connector is reserved, but his group's session runs: he must be checked."""
        world = World(2)
        world.csms.always("Authorize", id_tag_info(parent="FAMILY"))
        world.plug(2)
        world.tap("MOTHER")
        assert reserve(world, 1) == "Accepted"
        world.tap("SON")
        world.advance(5)
        assert world.status(2) == "Finishing"
        assert world.status(1) == RESERVED


@pytest.mark.section("3.10")
class TestGroup:
    def test_another_card_of_the_group_uses_it_once_its_parent_is_known(self) -> None:
        world = reserved(parent="GROUP")
        world.csms.always("Authorize", id_tag_info(parent="GROUP"))
        world.tap("COLLEAGUE")
        assert world.status() == PREPARING
        world.plug()
        start = world.expect_call("StartTransaction")
        assert (start["idTag"], start["reservationId"]) == ("COLLEAGUE", 7)

    @pytest.mark.parametrize("info", [id_tag_info(), id_tag_info(parent="OTHERS"), id_tag_info("Blocked", parent="GROUP")])
    def test_a_card_of_another_group_or_of_none_is_refused_after_it_was_asked_for(self, info: dict[str, object]) -> None:
        world = reserved(parent="GROUP")
        world.csms.always("Authorize", info)
        world.forget()
        world.tap("STRANGER")
        world.expect_call("Authorize")
        assert world.shown() is Pattern.REFUSED
        assert world.refusal() in (Refusal.RESERVED, Refusal.BLOCKED)
        world.plug()
        assert not world.contactor()

    def test_the_parent_is_no_card(self) -> None:
        """A parentIdTag is not to be compared with an id that was presented (section 3.10)."""
        world = reserved(parent="GROUP")
        world.tap("GROUP")
        assert world.refusal() is Refusal.RESERVED

    def test_a_card_without_a_group_does_not_match_a_reservation_without_one(self) -> None:
        world = reserved()
        world.csms.always("Authorize", id_tag_info())
        world.tap("STRANGER")
        assert world.refusal() is Refusal.RESERVED

    def test_the_parent_may_come_from_the_cache_while_offline(self) -> None:
        world = World()
        world.csms.always("Authorize", id_tag_info(parent="GROUP"))
        world.tap("COLLEAGUE")
        world.tap("COLLEAGUE")
        assert reserve(world, parent="GROUP") == "Accepted"
        world.disconnect()
        world.tap("COLLEAGUE")
        world.plug()
        assert world.contactor()
        world.connect()
        assert world.expect_call("StartTransaction")["reservationId"] == 7


@pytest.mark.section("5.11")
class TestRemoteStart:
    def test_for_the_holder_on_his_connector(self) -> None:
        world = reserved()
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="HOLDER") == {"status": "Accepted"}
        assert world.status() == PREPARING
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_for_the_holder_without_a_connector_means_his(self) -> None:
        world = reserved(2, connectors=2)
        world.plug(1)
        assert world.call("RemoteStartTransaction", idTag="HOLDER") == {"status": "Accepted"}
        assert not world.contactor(1)
        world.plug(2)
        start = world.expect_call("StartTransaction")
        assert (start["connectorId"], start["reservationId"]) == (2, 7)

    def test_for_the_holder_on_another_connector_that_is_free(self) -> None:
        world = reserved(2, connectors=2)
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="HOLDER") == {"status": "Accepted"}
        world.plug(1)
        assert "reservationId" not in world.expect_call("StartTransaction")
        assert world.status(2) == RESERVED

    @pytest.mark.parametrize("connector", [{}, {"connectorId": 1}])
    def test_for_somebody_else_is_rejected(self, connector: Payload) -> None:
        world = reserved()
        assert world.call("RemoteStartTransaction", {"idTag": "STRANGER", **connector}) == {"status": "Rejected"}
        assert world.status() == RESERVED

    def test_for_somebody_else_goes_to_a_connector_that_is_not_reserved(self) -> None:
        world = reserved(connectors=2)
        assert world.call("RemoteStartTransaction", idTag="STRANGER") == {"status": "Accepted"}
        world.plug(1)
        assert not world.contactor(1)
        world.plug(2)
        assert world.contactor(2)

    def test_where_it_is_checked_first_a_card_of_the_group_is_accepted(self) -> None:
        world = reserved(parent="GROUP", keys={"AuthorizeRemoteTxRequests": True})
        world.csms.always("Authorize", id_tag_info(parent="GROUP"))
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="COLLEAGUE") == {"status": "Accepted"}
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7

    def test_where_it_is_checked_first_a_stranger_comes_to_nothing(self) -> None:
        world = reserved(parent="GROUP", keys={"AuthorizeRemoteTxRequests": True})
        world.call("RemoteStartTransaction", connectorId=1, idTag="STRANGER")
        world.expect_call("Authorize")
        world.plug()
        assert not world.contactor()
        assert world.status() == RESERVED

    @pytest.mark.parametrize(("parent", "charges"), [("GROUP", True), ("OTHERS", False), (None, False)])
    def test_the_group_is_asked_for_even_where_remote_starts_are_not_checked(self, parent: str | None, charges: bool) -> None:
        world = reserved(parent="GROUP")
        world.csms.always("Authorize", id_tag_info(parent=parent))
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="COLLEAGUE") == {"status": "Accepted"}
        world.expect_call("Authorize", idTag="COLLEAGUE")
        world.plug()
        assert world.contactor() is charges

    def test_the_holder_himself_is_not_asked_for(self) -> None:
        world = reserved(parent="GROUP")
        assert world.call("RemoteStartTransaction", connectorId=1, idTag="HOLDER") == {"status": "Accepted"}
        world.plug()
        assert world.contactor()
        assert not world.calls("Authorize")


class TestFreeVend:
    def test_it_does_not_begin_on_a_reserved_connector(self) -> None:
        world = reserved(free_vend=True)
        world.plug()
        assert not world.contactor()
        assert world.status() == RESERVED

    def test_the_holder_is_let_in_by_his_card(self) -> None:
        world = reserved(free_vend=True)
        world.plug()
        world.tap("HOLDER")
        start = world.expect_call("StartTransaction")
        assert (start["idTag"], start["reservationId"]) == ("HOLDER", 7)

    def test_a_car_that_waits_begins_when_the_reservation_ends(self) -> None:
        world = reserved(free_vend=True, for_s=60)
        world.plug()
        world.advance(61)
        assert world.contactor()
        assert world.expect_call("StartTransaction")["idTag"] == "FREEVEND"

    def test_a_car_that_waits_begins_when_it_is_cancelled(self) -> None:
        world = reserved(free_vend=True)
        world.plug()
        cancel(world)
        assert world.contactor()

    def test_the_free_vend_id_itself_may_hold_one(self) -> None:
        world = World(free_vend=True)
        assert world.call("ReserveNow", request(world, id_tag="FREEVEND")) == {"status": "Accepted"}
        world.plug()
        assert world.expect_call("StartTransaction")["reservationId"] == 7
