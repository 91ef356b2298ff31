"""Stories of the local list: versions, updates, limits, and what happens while the store is at work."""

import pytest

from chargepoint.core.effects import StoreList
from tests.core.central_system import Silence
from tests.core.harness import World
from tests.core.listing import entry, request, send, version, with_list

pytestmark = pytest.mark.section("5.15")

A, B, C = entry("A"), entry("B"), entry("C")
KEYS = {"SendLocalListMaxLength": 3, "LocalAuthListMaxLength": 4}


def ids(world: World) -> list[str]:
    """The id tags on the list, as they were sent."""
    return sorted(record.id_tag for record in world.store.listed.values())


class TestVersions:
    pytestmark = pytest.mark.section("5.10")

    def test_a_new_station_has_an_empty_list_of_version_0(self, world: World) -> None:
        assert version(world) == 0

    def test_a_list_has_the_version_that_it_was_sent_with_also_after_a_power_cut(self, world: World) -> None:
        assert send(world, 234, A) == "Accepted"
        assert version(world) == 234
        world.cut_power()
        assert version(world) == 234

    @pytest.mark.parametrize("empty", [{}, {"localAuthorizationList": []}])
    def test_an_emptied_list_has_version_0_whatever_was_sent(self, empty: dict[str, list[str]]) -> None:
        """As the certification has it: Full, version 1, no list."""
        world = with_list(A)
        assert world.call("SendLocalList", {"listVersion": 1, "updateType": "Full", **empty}) == {"status": "Accepted"}
        assert version(world) == 0
        assert world.store.listed == {}

    def test_a_list_may_be_emptied_with_version_0(self) -> None:
        """Some Central Systems say it so, and an earlier certification tool did."""
        world = with_list(A)
        assert send(world, 0) == "Accepted"
        assert version(world) == 0
        assert world.store.listed == {}

    def test_a_list_with_entries_cannot_have_the_version_of_an_empty_one(self) -> None:
        world = with_list(A)
        for number in (0, -1):
            assert send(world, number, B) == "Failed"
        assert (version(world), ids(world)) == (1, ["A"])

    def test_a_list_whose_last_entry_was_deleted_is_empty(self) -> None:
        world = with_list(A)
        assert send(world, 5, entry("A", None), full=False) == "Accepted"
        assert version(world) == 0

    def test_after_that_any_version_above_0_is_newer(self) -> None:
        world = with_list(A)
        send(world, 5, entry("A", None), full=False)
        assert send(world, 1, B, full=False) == "Accepted"
        assert version(world) == 1


class TestFull:
    def test_it_replaces_everything(self) -> None:
        world = with_list(A, B)
        assert send(world, 2, C) == "Accepted"
        assert ids(world) == ["C"]

    @pytest.mark.parametrize("number", [1, 7])
    def test_its_version_may_be_any(self, number: int) -> None:
        """Only a Differential update is held against the current version."""
        world = with_list(A)
        send(world, 7, A)
        assert send(world, number, B) == "Accepted"
        assert version(world) == number

    def test_an_entry_without_id_tag_info_has_no_place_in_it(self) -> None:
        world = with_list(A)
        assert send(world, 2, B, entry("C", None)) == "Failed"
        assert (version(world), ids(world)) == (1, ["A"])


class TestDifferential:
    def test_it_adds_changes_and_deletes(self) -> None:
        world = with_list(A, B)
        assert send(world, 2, entry("A", "Blocked"), entry("B", None), C, full=False) == "Accepted"
        assert {record.id_tag: record.status for record in world.store.listed.values()} == {"A": "Blocked", "C": "Accepted"}
        assert version(world) == 2

    @pytest.mark.parametrize("number", [5, 4, 1, 0, -1])
    def test_a_version_that_is_not_above_the_current_one_changes_nothing(self, number: int) -> None:
        world = with_list(A)
        send(world, 5, B, full=False)
        assert send(world, number, C, full=False) == "VersionMismatch"
        assert (version(world), ids(world)) == (5, ["A", "B"])

    def test_on_an_empty_list_it_may_come_first(self, world: World) -> None:
        assert send(world, 1, A, full=False) == "Accepted"
        assert (version(world), ids(world)) == (1, ["A"])

    def test_versions_may_be_left_out(self) -> None:
        world = with_list(A)
        assert send(world, 400, B, full=False) == "Accepted"
        assert version(world) == 400

    @pytest.mark.parametrize("empty", [{}, {"localAuthorizationList": []}])
    def test_without_a_list_it_changes_no_entry(self, empty: dict[str, list[str]]) -> None:
        world = with_list(A)
        assert world.call("SendLocalList", {"listVersion": 2, "updateType": "Differential", **empty}) == {"status": "Accepted"}
        assert (version(world), ids(world)) == (2, ["A"])

    def test_who_is_not_there_may_be_deleted(self) -> None:
        world = with_list(A)
        assert send(world, 2, entry("NOBODY", None), full=False) == "Accepted"
        assert ids(world) == ["A"]

    def test_ids_are_the_same_in_any_case_of_letters(self) -> None:
        world = with_list(A)
        assert send(world, 2, entry("a", "Blocked"), full=False) == "Accepted"
        assert [record.status for record in world.store.listed.values()] == ["Blocked"]
        assert send(world, 3, entry("A", None), full=False) == "Accepted"
        assert world.store.listed == {}


class TestDuplicates:
    @pytest.mark.parametrize("full", [True, False])
    @pytest.mark.parametrize(
        "update",
        [(entry("B"), entry("B")), (entry("B"), entry("b", "Blocked")), (entry("C"), entry("B"), entry("C", "Invalid"))],
    )
    def test_an_id_that_stands_twice_in_one_update_fails_it(self, full: bool, update: tuple[dict[str, object], ...]) -> None:
        """Section 5.15: every id must be unique. Taking either of the two would be a guess."""
        world = with_list(A)
        assert send(world, 2, *update, full=full) == "Failed"
        assert (version(world), ids(world)) == (1, ["A"])

    def test_deleting_and_adding_the_same_id_is_one_of_them(self) -> None:
        world = with_list(A)
        assert send(world, 2, entry("A", None), entry("A"), full=False) == "Failed"

    def test_the_log_names_it(self) -> None:
        world = with_list(A)
        send(world, 2, entry("B"), entry("b"))
        assert any("'b' stands twice" in log.text for log in world.logs)


@pytest.mark.section("9.2")
class TestLimits:
    def test_they_have_the_first_values_of_the_settings_and_cannot_be_written(self) -> None:
        world = World(keys=KEYS)
        shown = world.call("GetConfiguration", key=list(KEYS))["configurationKey"]
        assert {one["key"]: (one["value"], one["readonly"]) for one in shown} == {
            "SendLocalListMaxLength": ("3", True),
            "LocalAuthListMaxLength": ("4", True),
        }
        for key in KEYS:
            assert world.call("ChangeConfiguration", key=key, value="9") == {"status": "Rejected"}

    @pytest.mark.parametrize("full", [True, False])
    def test_a_message_of_more_than_send_local_list_max_length_fails(self, full: bool) -> None:
        world = with_list(entry("OLD"), keys=KEYS)
        assert send(world, 2, A, B, C, entry("D"), full=full) == "Failed"
        assert (version(world), ids(world)) == (1, ["OLD"])
        assert send(world, 2, A, B, C, full=full) == "Accepted"

    def test_a_list_of_more_than_local_auth_list_max_length_fails(self) -> None:
        world = with_list(A, B, C, keys=KEYS)
        assert send(world, 2, entry("D"), entry("E"), full=False) == "Failed"
        assert (version(world), ids(world)) == (1, ["A", "B", "C"])
        assert send(world, 2, entry("D"), entry("a"), full=False) == "Accepted", "what it has already does not count twice"
        assert send(world, 3, entry("E"), entry("A", None), full=False) == "Accepted", "what goes makes room"
        assert ids(world) == ["B", "C", "D", "E"]

    def test_a_full_update_is_bound_by_both(self) -> None:
        world = with_list(A, keys={"SendLocalListMaxLength": 9, "LocalAuthListMaxLength": 2})
        assert send(world, 2, A, B, C) == "Failed"
        assert (version(world), ids(world)) == (1, ["A"])

    def test_a_message_of_exactly_the_limit_is_taken(self) -> None:
        world = World()
        entries = [entry(f"{number:05}") for number in range(10_000)]
        assert send(world, 1, *entries) == "Accepted"
        assert send(world, 2, *entries, entry("X")) == "Failed"
        assert len(world.store.listed) == 10_000


@pytest.mark.section("9.2")
class TestSwitchedOff:
    def test_disabled_it_has_version_minus_1_and_takes_nothing(self, world: World) -> None:
        world.configure("LocalAuthListEnabled", False)
        assert version(world) == -1
        assert send(world, 1, A) == "NotSupported"
        assert send(world, 1, A, full=False) == "NotSupported"
        assert world.store.listed == {}

    def test_enabled_again_the_list_is_what_it_was(self) -> None:
        world = with_list(A)
        world.configure("LocalAuthListEnabled", False)
        assert version(world) == -1
        world.cut_power()
        assert version(world) == -1
        world.configure("LocalAuthListEnabled", True)
        assert (version(world), ids(world)) == (1, ["A"])

    def test_without_the_profile_neither_actions_nor_keys_are_there(self) -> None:
        world = World(keys={"SupportedFeatureProfiles": "Core,Reservation"})
        assert world.refused("GetLocalListVersion") == "NotSupported"
        assert world.refused("SendLocalList", request(1, A)) == "NotSupported"
        keys = ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"]
        assert world.call("GetConfiguration", key=keys)["unknownKey"] == keys
        assert world.call("ChangeConfiguration", key=keys[0], value="true") == {"status": "NotSupported"}
        names = {one["key"] for one in world.call("GetConfiguration")["configurationKey"]}
        assert not names & set(keys)


class TestForm:
    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            ({"updateType": "Full"}, "OccurenceConstraintViolation"),
            ({"listVersion": 1}, "OccurenceConstraintViolation"),
            ({"listVersion": "1", "updateType": "Full"}, "TypeConstraintViolation"),
            ({"listVersion": 1, "updateType": "Partial"}, "PropertyConstraintViolation"),
            ({"listVersion": 1, "updateType": "Full", "localAuthorizationList": {}}, "TypeConstraintViolation"),
            (request(1, entry("X" * 21)), "PropertyConstraintViolation"),
            (request(1, {"idTagInfo": {"status": "Accepted"}}), "OccurenceConstraintViolation"),
            (request(1, entry("X", "Fine")), "PropertyConstraintViolation"),
            (request(1, entry("X", parent="P" * 21)), "PropertyConstraintViolation"),
        ],
    )
    def test_what_is_no_list_gets_a_callerror_and_changes_nothing(self, payload: dict[str, object], code: str) -> None:
        world = with_list(A)
        assert world.refused("SendLocalList", payload) == code
        assert (version(world), ids(world)) == (1, ["A"])

    @pytest.mark.section("3.15")
    def test_an_expiry_in_any_notation_is_understood(self, world: World) -> None:
        for number, notation in enumerate(
            ("2026-01-05T13:00:00Z", "2026-01-05T15:00:00.25+02:00", "2026-01-05T13:00:00-00:00"), 1
        ):
            listed = {"idTag": "A", "idTagInfo": {"status": "Accepted", "expiryDate": notation}}
            assert send(world, number, listed) == "Accepted"
            assert world.store.listed["a"].expiry_s == pytest.approx(1_767_618_000, abs=0.3)


class TestStoring:
    """The store takes its time: everything else goes on."""

    @pytest.fixture
    def busy(self) -> World:
        world = with_list(A)
        world.slow_store = True
        self.asked = world.ask("SendLocalList", request(2, B))
        return world

    def test_the_answer_waits_for_the_store(self, busy: World) -> None:
        assert self.asked not in busy.answers
        assert (version(busy), ids(busy)) == (1, ["A"])
        busy.store_lists()
        assert busy.answers[self.asked] == {"status": "Accepted"}
        assert (version(busy), ids(busy)) == (2, ["B"])

    def test_meanwhile_the_old_list_counts(self, busy: World) -> None:
        busy.configure("LocalPreAuthorize", True)
        busy.forget()
        busy.plug()
        busy.tap("A")
        busy.expect_no_call("Authorize")
        assert busy.contactor()

    def test_meanwhile_everything_else_is_answered_and_told(self, busy: World) -> None:
        busy.forget()
        busy.plug()
        busy.expect_call("StatusNotification", status="Preparing")
        assert busy.call("TriggerMessage", requestedMessage="Heartbeat") == {"status": "Accepted"}
        busy.expect_call("Heartbeat")

    def test_a_second_update_at_the_same_time_fails(self, busy: World) -> None:
        assert send(busy, 3, C) == "Failed"
        assert send(busy, 3, C, full=False) == "Failed"
        busy.store_lists()
        assert (busy.answers[self.asked], ids(busy)) == ({"status": "Accepted"}, ["B"])
        busy.slow_store = False
        assert send(busy, 3, C, full=False) == "Accepted"

    def test_what_the_store_cannot_take_fails_and_the_old_list_stays(self, busy: World) -> None:
        busy.store_lists("the disk is full")
        assert busy.answers[self.asked] == {"status": "Failed"}
        assert (version(busy), ids(busy)) == (1, ["A"])
        busy.slow_store = False
        assert send(busy, 2, B, full=False) == "Accepted"

    def test_a_link_that_is_lost_meanwhile_is_owed_no_answer(self, busy: World) -> None:
        busy.disconnect()
        busy.connect()
        busy.store_lists()
        assert self.asked not in busy.answers
        assert (version(busy), ids(busy)) == (2, ["B"]), "the update itself went on"

    def test_a_link_that_is_lost_and_stays_so(self, busy: World) -> None:
        busy.disconnect()
        busy.store_lists()
        busy.connect()
        assert version(busy) == 2

    def test_a_link_that_is_given_up_meanwhile(self, busy: World) -> None:
        busy.csms.always("Heartbeat", Silence())
        busy.call("TriggerMessage", requestedMessage="Heartbeat")
        busy.advance(30 + 10 + 1)
        assert not busy.up, "no sign of life"
        busy.store_lists()
        assert self.asked not in busy.answers

    def test_a_power_cut_meanwhile_leaves_the_old_list(self, busy: World) -> None:
        busy.cut_power()
        assert (version(busy), ids(busy)) == (1, ["A"])
        busy.slow_store = False
        assert send(busy, 2, B) == "Accepted"

    def test_disabled_meanwhile_it_is_taken_but_not_in_use(self, busy: World) -> None:
        busy.configure("LocalAuthListEnabled", False)
        busy.store_lists()
        assert busy.answers[self.asked] == {"status": "Accepted"}
        assert version(busy) == -1
        busy.configure("LocalAuthListEnabled", True)
        assert version(busy) == 2

    def test_a_refused_update_never_reaches_the_store(self) -> None:
        world = with_list(A)
        before = len([one for one in world.effects if isinstance(one, StoreList)])
        send(world, 1, B, full=False)
        send(world, 2, entry("B", None))
        assert len([one for one in world.effects if isinstance(one, StoreList)]) == before


class TestWriteFault:
    """The installer's test input list_write: storing a list fails."""

    @pytest.mark.parametrize("full", [True, False])
    def test_an_update_fails_and_the_old_list_stays(self, full: bool) -> None:
        world = with_list(A)
        world.input("list_write")
        assert send(world, 2, B, full=full) == "Failed"
        assert (version(world), ids(world)) == (1, ["A"])
        assert world.status() == "Available", "it is no fault of a connector"
        world.input("list_write", active=False)
        assert send(world, 2, B, full=full) == "Accepted"

    def test_a_version_mismatch_is_told_all_the_same(self) -> None:
        world = with_list(A)
        world.input("list_write")
        assert send(world, 1, B, full=False) == "VersionMismatch"
