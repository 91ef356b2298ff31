"""Stories of who is let in by the local list, and of what the Central System says of those who are on it."""

import pytest

from chargepoint.core.records import IdTagRecord
from chargepoint.facts import Refusal
from chargepoint.messages import AuthorizationStatus
from tests.core.central_system import After, Silence, id_tag_info
from tests.core.harness import BEGIN_WALL_S, World
from tests.core.listing import entry, send, version, with_list

pytestmark = pytest.mark.section("3.5.2")

PRE = {"LocalPreAuthorize": True}
PAST, FUTURE = BEGIN_WALL_S - 60, BEGIN_WALL_S + 3_600


def charges(world: World, id_tag: str = "A") -> bool:
    """Somebody plugs and shows a card: whether he charges."""
    world.plug()
    world.tap(id_tag)
    return world.contactor()


def cached(world: World) -> list[str]:
    return sorted(world.store.cache)


class TestOnline:
    def test_who_is_on_it_begins_without_being_asked_for(self) -> None:
        world = with_list(entry("A"), keys=PRE)
        assert charges(world)
        world.expect_no_call("Authorize")
        assert world.expect_call("StartTransaction")["idTag"] == "A"

    def test_in_any_case_of_letters_and_is_told_as_the_card_has_it(self) -> None:
        world = with_list(entry("abc"), keys=PRE)
        assert charges(world, "ABC")
        assert world.expect_call("StartTransaction")["idTag"] == "ABC"

    def test_without_local_pre_authorize_everybody_is_asked_for(self) -> None:
        world = with_list(entry("A"))
        assert charges(world)
        world.expect_call("Authorize", idTag="A")

    @pytest.mark.parametrize(
        "listed",
        [
            entry("A", "Blocked"),
            entry("A", "Expired"),
            entry("A", "Invalid"),
            entry("A", until_s=PAST),
        ],
    )
    def test_one_who_is_not_valid_there_is_asked_for(self, listed: dict[str, object]) -> None:
        """His state may have changed; the Central System has the last word while it is there."""
        world = with_list(listed, keys=PRE)
        world.csms.always("Authorize", id_tag_info("Blocked"))
        assert not charges(world)
        world.expect_call("Authorize", idTag="A")
        assert world.refusal() is Refusal.BLOCKED

    def test_one_whose_time_runs_out_is_asked_for_from_then_on(self) -> None:
        world = with_list(entry("A", until_s=FUTURE), keys=PRE)
        assert charges(world)
        world.expect_no_call("Authorize")
        world.tap("A")
        world.advance(3_601)
        world.tap("A")
        world.expect_call("Authorize", idTag="A")

    def test_concurrent_tx_counts_as_valid_on_a_list(self) -> None:
        """Section 3.5.2: Accepted and ConcurrentTx both mark a valid id."""
        world = with_list(entry("A", "ConcurrentTx"), keys=PRE)
        assert charges(world)
        world.expect_no_call("Authorize")

    def test_who_is_not_on_it_is_asked_for(self) -> None:
        world = with_list(entry("A"), keys=PRE)
        assert charges(world, "B")
        world.expect_call("Authorize", idTag="B")

    def test_an_update_counts_from_its_answer_on(self) -> None:
        world = with_list(entry("A"), keys=PRE)
        world.csms.always("Authorize", id_tag_info("Invalid"))
        assert send(world, 2, entry("A", None), entry("B"), full=False) == "Accepted"
        assert not charges(world, "A")
        world.tap("B")
        assert world.contactor()


@pytest.mark.section("3.5.4")
class TestOffline:
    def test_who_is_on_it_begins(self) -> None:
        world = with_list(entry("A"), online=False)
        assert charges(world)
        world.connect()
        assert world.expect_call("StartTransaction")["idTag"] == "A"

    @pytest.mark.parametrize(
        ("listed", "why"),
        [
            (entry("A", "Blocked"), Refusal.BLOCKED),
            (entry("A", "Expired"), Refusal.EXPIRED),
            (entry("A", "Invalid"), Refusal.UNKNOWN),
            (entry("A", until_s=PAST), Refusal.EXPIRED),
        ],
    )
    @pytest.mark.parametrize("unknown_ok", [False, True])
    def test_one_who_is_not_valid_there_is_refused_even_where_the_unknown_are_let_in(
        self, listed: dict[str, object], why: Refusal, unknown_ok: bool
    ) -> None:
        world = with_list(listed, online=False, keys={"AllowOfflineTxForUnknownId": unknown_ok})
        assert not charges(world)
        assert world.refusal() is why

    def test_who_is_not_on_it_is_unknown(self) -> None:
        world = with_list(entry("A"), online=False)
        assert not charges(world, "B")
        assert world.refusal() is Refusal.UNKNOWN_OFFLINE
        world = with_list(entry("A"), online=False, keys={"AllowOfflineTxForUnknownId": True})
        assert charges(world, "B")

    def test_without_local_authorize_offline_nobody_is_let_in_by_it(self) -> None:
        assert not charges(with_list(entry("A"), online=False, keys={"LocalAuthorizeOffline": False}))

    def test_it_is_there_after_a_power_cut_without_a_connection(self) -> None:
        world = with_list(entry("A"))
        world.cut_power(online=False)
        assert charges(world)

    def test_one_with_an_expiry_is_refused_while_the_time_is_unknown(self) -> None:
        world = with_list(entry("A", until_s=FUTURE), entry("B"))
        world.cut_power(online=False)
        assert not charges(world, "A"), "nobody can say that his time is not over"
        world.tap("B")
        assert world.contactor()

    def test_a_central_system_that_does_not_answer_leaves_it_to_the_list(self) -> None:
        world = with_list(entry("A"), entry("B", "Blocked"))
        world.csms.always("Authorize", Silence())
        world.plug()
        world.tap("B")
        world.advance(16)
        assert world.refusal() is Refusal.BLOCKED
        world.advance(40)
        world.tap("A")
        world.advance(16)
        assert world.contactor()

    def test_an_operator_may_have_only_the_list_let_in(self) -> None:
        """offline_behaviour = "local_list": whoever charged before is of no account."""
        world = World(offline_behaviour="local_list")
        charges(world, "GUEST")
        world.tap("GUEST")
        world.advance(5)
        world.unplug()
        assert send(world, 1, entry("A")) == "Accepted"
        world.disconnect()
        assert not charges(world, "GUEST")
        world.tap("A")
        assert world.contactor()


@pytest.mark.section("3.10")
class TestGroups:
    def test_a_card_of_the_group_ends_the_session_by_the_list(self) -> None:
        world = with_list(entry("MOTHER", parent="FAMILY"), entry("SON", parent="family"), online=False)
        assert charges(world, "MOTHER")
        world.tap("SON")
        world.advance(5)
        assert not world.contactor()
        assert world.store.newest().stop_id_tag == "SON"

    def test_one_of_another_group_does_not(self) -> None:
        world = with_list(entry("MOTHER", parent="FAMILY"), entry("SON", parent="OTHERS"), entry("ALONE"), online=False)
        assert charges(world, "MOTHER")
        for id_tag in ("SON", "ALONE", "FAMILY"):
            world.tap(id_tag)
            world.advance(5)
            assert world.contactor(), id_tag


@pytest.mark.section("3.5.3")
class TestBesideTheCache:
    def test_the_list_goes_before_the_cache(self) -> None:
        world = with_list(entry("A", "Blocked"), online=False)
        world.store.cache["a"] = IdTagRecord(id_tag="A", status=AuthorizationStatus.Accepted)
        assert not charges(world)

    def test_an_accepted_entry_goes_before_a_refusal_in_the_cache(self) -> None:
        world = with_list(entry("A"), keys=PRE)
        world.store.cache["a"] = IdTagRecord(id_tag="A", status=AuthorizationStatus.Blocked)
        assert charges(world)
        world.expect_no_call("Authorize")

    def test_the_cache_knows_those_who_are_not_on_the_list(self) -> None:
        world = with_list(entry("A"), online=False)
        world.store.cache["b"] = IdTagRecord(id_tag="B", status=AuthorizationStatus.Accepted)
        assert charges(world, "B")

    def test_who_is_on_it_does_not_enter_the_cache(self) -> None:
        """By Authorize.conf, StartTransaction.conf and StopTransaction.conf."""
        world = with_list(entry("A"))
        world.csms.always("StopTransaction", id_tag_info())
        assert charges(world)
        world.tap("A")
        world.advance(5)
        world.expect_call("Authorize")
        world.expect_call("StopTransaction")
        assert cached(world) == []

    def test_others_do(self) -> None:
        world = with_list(entry("A"))
        world.csms.always("StopTransaction", id_tag_info("Expired"))
        assert charges(world, "B")
        assert cached(world) == ["b"]
        world.tap("B")
        world.advance(5)
        assert world.store.cache["b"].status == "Expired"

    @pytest.mark.section("5.11")
    def test_nor_by_a_remote_start_that_is_not_checked(self) -> None:
        world = with_list(entry("A"))
        world.call("RemoteStartTransaction", idTag="A")
        world.plug()
        world.expect_call("StartTransaction")
        assert cached(world) == []

    def test_nor_by_an_answer_that_nobody_waits_for_any_more(self) -> None:
        world = with_list(entry("A"))
        world.csms.once("Authorize", After(20, id_tag_info()))
        world.csms.once("StartTransaction", Silence())
        world.plug()
        world.tap("A")
        world.advance(16)
        assert world.contactor(), "the rules for being offline let him in"
        world.advance(5)
        assert cached(world) == []

    def test_what_counts_is_the_list_when_the_answer_comes(self) -> None:
        world = with_list(entry("A"), online=False)
        assert charges(world)
        world.connect()  # StartTransaction.conf
        assert cached(world) == []
        send(world, 2, entry("B"))
        world.csms.once("StopTransaction", id_tag_info())
        world.tap("A")
        world.advance(5)
        assert cached(world) == ["a"]

    def test_disabled_the_list_neither_lets_in_nor_keeps_out_of_the_cache(self) -> None:
        world = with_list(entry("A", "Blocked"), entry("B"))
        world.configure("LocalAuthListEnabled", False)
        assert charges(world, "A")
        assert cached(world) == ["a"]
        world.tap("A")
        world.advance(5)
        world.disconnect()
        world.unplug()
        assert not charges(world, "B")
        world.connect()
        world.configure("LocalAuthListEnabled", True)
        world.disconnect()
        world.tap("B")
        assert world.contactor()

    def test_a_list_whose_profile_was_switched_off_lets_nobody_in(self) -> None:
        world = with_list(entry("A"))
        world.site = World(keys={"SupportedFeatureProfiles": "Core"}, started=False).site
        world.restart()
        world.disconnect()
        assert not charges(world)

    @pytest.mark.section("5.4")
    def test_clear_cache_leaves_the_list(self) -> None:
        world = with_list(entry("A"))
        assert world.call("ClearCache") == {"status": "Accepted"}
        assert version(world) == 1
        world.disconnect()
        assert charges(world)


@pytest.mark.section("7.6")
class TestConflict:
    """The Central System says otherwise of somebody's validity than its list: it is told (section 3.5.2)."""

    def conflicts(self, world: World) -> list[tuple[str, str]]:
        told = [one for one in world.told if one.connector == 0]
        return [(one.status, one.error_code) for one in told]

    CALM = ("Available", "NoError")
    CONFLICT = ("Available", "LocalListConflict")

    def test_a_start_that_is_refused_though_the_list_lets_in(self) -> None:
        world = with_list(entry("A"), keys=PRE)
        world.csms.always("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 1})
        world.plug()
        world.tap("A")
        world.advance(5)
        assert self.conflicts(world) == [self.CALM, self.CONFLICT]
        assert world.stop_reason() == "DeAuthorized"
        assert world.store.listed["a"].status == "Accepted", "only SendLocalList changes the list"

    def test_an_authorize_that_is_accepted_though_the_list_bars(self) -> None:
        world = with_list(entry("A", "Blocked"))
        assert charges(world)
        assert self.conflicts(world) == [self.CALM, self.CONFLICT]

    def test_a_stop_that_is_answered_otherwise(self) -> None:
        world = with_list(entry("A"))
        world.csms.always("StopTransaction", id_tag_info("Invalid"))
        assert charges(world)
        world.tap("A")
        world.advance(5)
        assert self.conflicts(world)[-1] == self.CONFLICT

    @pytest.mark.parametrize(
        ("listed", "said"),
        [
            (entry("A"), id_tag_info()),
            (entry("A"), id_tag_info(parent="GROUP")),
            (entry("A"), id_tag_info("ConcurrentTx")),
            (entry("A", "ConcurrentTx"), id_tag_info()),
            (entry("A", "Blocked"), id_tag_info("Invalid")),
            (entry("A", until_s=PAST), id_tag_info("Expired")),
            (entry("B"), id_tag_info("Blocked")),
        ],
    )
    def test_where_they_agree_on_validity_there_is_none(self, listed: dict[str, object], said: dict[str, object]) -> None:
        world = with_list(listed)
        world.csms.always("Authorize", said)
        charges(world)
        world.expect_call("Authorize")
        assert self.conflicts(world) == [self.CALM]

    def test_an_entry_that_lapsed_and_an_id_that_is_accepted_differ(self) -> None:
        world = with_list(entry("A", until_s=PAST))
        assert charges(world)
        assert self.conflicts(world)[-1] == self.CONFLICT

    def test_it_is_told_once_and_ends_with_the_next_list(self) -> None:
        world = with_list(entry("A", "Blocked"), entry("B", "Blocked"))
        for id_tag in ("A", "A", "B", "B"):
            world.tap(id_tag)
        assert self.conflicts(world) == [self.CALM, self.CONFLICT]
        assert send(world, 1, entry("A"), full=False) == "VersionMismatch"
        assert self.conflicts(world)[-1] == self.CONFLICT
        assert send(world, 2, entry("A")) == "Accepted"
        assert self.conflicts(world)[-1] == self.CALM

    def test_it_ends_with_the_use_of_the_list(self) -> None:
        world = with_list(entry("A", "Blocked"))
        world.tap("A")
        world.configure("LocalAuthListEnabled", False)
        assert self.conflicts(world) == [self.CALM, self.CONFLICT, self.CALM]
        world.tap("A")
        world.tap("A")
        assert self.conflicts(world)[-1] == self.CALM

    def test_it_hinders_nobody(self) -> None:
        world = with_list(entry("A", "Blocked"))
        assert charges(world)
        assert world.status() == "Charging"
        world.tap("A")
        world.advance(5)
        world.unplug()
        assert charges(world, "B")
