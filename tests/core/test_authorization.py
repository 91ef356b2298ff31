"""Stories of who may charge, and who says so: list, cache, Central System, and the rules for being offline."""

import itertools

import pytest

from chargepoint.facts import Refusal
from chargepoint.messages import AuthorizationStatus
from tests.core.authorizing import know, station
from tests.core.central_system import After, Cut, Refuse, Silence, id_tag_info
from tests.core.harness import World

pytestmark = pytest.mark.section("3.5")

ASK_S = 15.0
OFFLINE_ALL = {"AllowOfflineTxForUnknownId": True}


VALID = ("valid", "lasting")
MATRIX = list(
    itertools.product(
        ("none", "valid", "lasting", "Blocked"),
        ("none", "valid", "lapsed", "Blocked"),
        (True, False),
    )
)


@pytest.mark.parametrize(("listed", "cached", "online"), MATRIX)
def test_the_whole_matrix(listed: str, cached: str, online: bool) -> None:
    """Local list, then cache, then the Central System, then the rules for being offline."""
    for pre, local, unknown, says in itertools.product((True, False), (True, False), (True, False), ("Accepted", "Invalid")):
        keys = {"LocalPreAuthorize": pre, "LocalAuthorizeOffline": local, "AllowOfflineTxForUnknownId": unknown}
        world = station(online=online, keys=keys)  # type: ignore[arg-type]
        know(world, listed=listed, cached=cached)
        world.csms.always("Authorize", id_tag_info(says))
        world.tap()
        known = listed if listed != "none" else cached
        if online:
            asks = not (pre and known in VALID)
            starts = not asks or says == "Accepted"
        else:
            asks = False
            starts = unknown if known == "none" else local and known in VALID
        assert bool(world.calls("Authorize")) == asks, keys
        assert world.contactor() == starts, keys


class TestOnline:
    def test_the_central_system_is_asked_with_the_id_as_it_was_read(self, world: World) -> None:
        world.plug()
        world.tap("04a2B3c4")
        assert world.expect_call("Authorize") == {"idTag": "04a2B3c4"}
        assert world.expect_call("StartTransaction")["idTag"] == "04a2B3c4"

    @pytest.mark.parametrize(
        ("status", "refusal"),
        [
            ("Blocked", Refusal.BLOCKED),
            ("Expired", Refusal.EXPIRED),
            ("Invalid", Refusal.UNKNOWN),
            ("ConcurrentTx", Refusal.CONCURRENT),
        ],
    )
    def test_a_refusal_says_why(self, world: World, status: str, refusal: Refusal) -> None:
        world.csms.always("Authorize", id_tag_info(status))
        world.plug()
        world.tap()
        assert world.refusal() is refusal
        assert not world.contactor()
        assert not world.calls("StartTransaction")

    def test_what_is_known_as_bad_is_asked_again(self) -> None:
        """Its state may have changed since."""
        world = station(online=True, keys={"LocalPreAuthorize": True})
        know(world, listed="Blocked", cached="Blocked")
        world.tap()
        assert world.contactor()

    def test_ids_compare_without_regard_to_case(self) -> None:
        world = station(online=True, keys={"LocalPreAuthorize": True})
        know(world, cached="valid", id_tag="card1")
        world.tap("CARD1")
        world.expect_no_call("Authorize")
        assert world.contactor()
        world.tap("cArD1")
        world.advance(5)
        assert world.expect_call("StopTransaction")["reason"] == "Local"

    def test_two_cards_are_asked_one_after_the_other(self) -> None:
        world = World(2, each=True)
        world.csms.always("Authorize", After(3.0, id_tag_info()))
        world.plug(1)
        world.plug(2)
        world.tap("A", reader=1)
        world.tap("B", reader=2)
        world.advance(7)
        assert [call["idTag"] for call in world.calls("Authorize")] == ["A", "B"]
        assert world.contactor(1)
        assert world.contactor(2)

    def test_the_same_card_twice_is_asked_once(self, world: World) -> None:
        world.csms.always("Authorize", After(3.0, id_tag_info()))
        world.plug()
        world.tap()
        world.tap()
        world.tap("card1")
        world.advance(10)
        assert len(world.calls("Authorize")) == 1
        assert world.contactor()


class TestNoAnswer:
    def test_a_driver_does_not_wait_longer_than_the_rules_for_being_offline_need(self) -> None:
        world = station(online=True, keys={"LocalAuthorizeOffline": True})
        know(world, cached="valid")
        world.csms.always("Authorize", Silence())
        world.tap()
        world.advance(ASK_S - 0.1)
        assert not world.contactor()
        world.advance(0.2)
        assert world.contactor()

    def test_an_unknown_id_without_an_answer_is_refused(self) -> None:
        world = station(online=True)
        world.csms.always("Authorize", Silence())
        world.tap()
        world.advance(ASK_S + 1)
        assert world.refusal() is Refusal.UNKNOWN_OFFLINE
        assert not world.contactor()

    def test_an_answer_that_comes_after_all_still_teaches_the_cache(self) -> None:
        world = station(online=True)
        world.csms.always("Authorize", After(20.0, id_tag_info("Accepted", parent="GROUP")))
        world.tap()
        world.advance(25)
        assert world.store.cache["card1"].parent_id_tag == "GROUP"
        assert not world.contactor()

    @pytest.mark.parametrize("answer", [Refuse("InternalError"), Refuse("NotImplemented"), {}, {"idTagInfo": {}}])
    def test_an_answer_that_is_none_counts_as_being_offline(self, answer: object) -> None:
        world = station(online=True)
        know(world, cached="valid")
        world.csms.always("Authorize", answer)  # type: ignore[arg-type]
        world.tap()
        assert world.contactor()

    def test_a_status_that_nobody_knows_is_a_refusal(self) -> None:
        world = station(online=True)
        know(world, cached="valid")
        world.csms.always("Authorize", {"idTagInfo": {"status": "Maybe"}})
        world.tap()
        assert not world.contactor()
        assert world.store.cache["card1"].status is AuthorizationStatus.Invalid

    def test_a_link_that_goes_while_asking(self) -> None:
        world = station(online=True, keys=OFFLINE_ALL)  # type: ignore[arg-type]
        world.csms.always("Authorize", Cut())
        world.tap()
        assert not world.up
        assert world.contactor()

    def test_a_link_that_goes_before_the_question_went_out(self) -> None:
        world = station(online=True, keys=OFFLINE_ALL)  # type: ignore[arg-type]
        world.csms.once("Heartbeat", Silence())
        world.advance(301)
        world.tap()
        assert not world.calls("Authorize")
        world.disconnect()
        assert world.contactor()

    def test_nothing_is_asked_twice_after_the_link_is_back(self) -> None:
        world = station(online=True)
        world.csms.once("Authorize", Cut())
        world.tap()
        world.connect()
        world.advance(60)
        assert len(world.calls("Authorize")) == 1


@pytest.mark.section("3.4")
class TestOffline:
    def test_before_the_first_acceptance_too(self) -> None:
        world = World(online=False, keys=OFFLINE_ALL)
        world.plug()
        world.tap()
        assert world.contactor()

    @pytest.mark.parametrize(("what", "starts"), [("valid", True), ("lasting", False), ("lapsed", False)])
    def test_an_expiry_cannot_be_checked_without_the_time(self, what: str, starts: bool) -> None:
        world = World(online=False)
        know(world, cached=what)
        world.plug()
        world.tap()
        assert world.contactor() == starts

    def test_an_entry_that_lapses_is_refused_from_then_on(self) -> None:
        world = station(online=False)
        know(world, cached="lasting")
        world.advance(86_399)
        world.tap()
        assert world.contactor()
        world.unplug()
        world.advance(10)
        world.plug()
        world.tap()
        assert not world.contactor()
        assert world.refusal() is Refusal.EXPIRED

    @pytest.mark.parametrize(("status", "refusal"), [("Blocked", Refusal.BLOCKED), ("Expired", Refusal.EXPIRED)])
    def test_a_bad_entry_is_refused_even_where_unknown_ids_are_taken(self, status: str, refusal: Refusal) -> None:
        world = station(online=False, keys=OFFLINE_ALL)  # type: ignore[arg-type]
        know(world, cached=status)
        world.tap()
        assert not world.contactor()
        assert world.refusal() is refusal

    def test_the_list_goes_before_the_cache(self) -> None:
        world = station(online=False, keys=OFFLINE_ALL)  # type: ignore[arg-type]
        know(world, listed="Blocked", cached="valid")
        world.tap()
        assert not world.contactor()

    def test_a_list_that_is_disabled_says_nothing(self) -> None:
        world = station(online=False, keys={"LocalAuthListEnabled": False})
        know(world, listed="valid")
        world.tap()
        assert not world.contactor()

    def test_a_list_of_a_profile_that_is_switched_off_says_nothing(self) -> None:
        world = station(online=False, keys={"SupportedFeatureProfiles": "Core"})
        know(world, listed="valid")
        world.tap()
        assert not world.contactor()

    def test_a_cache_that_is_disabled_says_nothing(self) -> None:
        world = station(online=False, keys={"AuthorizationCacheEnabled": False})
        know(world, cached="valid")
        world.tap()
        assert not world.contactor()

    @pytest.mark.parametrize(
        ("behaviour", "unknown", "cached", "listed"),
        [
            ("out_of_service", False, False, False),
            ("accept_all", True, True, True),
            ("cache", False, True, True),
            ("local_list", False, False, True),
        ],
    )
    def test_the_four_behaviours_that_an_operator_chooses_between(
        self, behaviour: str, unknown: bool, cached: bool, listed: bool
    ) -> None:
        for what, starts in (("unknown", unknown), ("cached", cached), ("listed", listed)):
            world = station(online=False, offline_behaviour=behaviour)
            know(world, cached="valid" if what == "cached" else "none", listed="valid" if what == "listed" else "none")
            world.tap()
            assert world.contactor() == starts, what

    def test_an_invalid_id_turns_out_when_the_link_is_back(self) -> None:
        world = station(online=False, keys=OFFLINE_ALL)  # type: ignore[arg-type]
        world.tap()
        assert world.contactor()
        world.csms.always("StartTransaction", {**id_tag_info("Blocked"), "transactionId": 9})
        world.connect()
        world.advance(5)
        assert not world.contactor()
        assert world.expect_call("StopTransaction")["reason"] == "DeAuthorized"


def test_too_many_cards_at_once_are_refused() -> None:
    world = World(1)
    world.csms.always("Authorize", Silence())
    for number in range(70):
        world.tap(f"C{number}")
    assert world.refusal() is Refusal.OCCUPIED
    assert len(world.station._blocks.authorization._checks) == 64
    world.advance(ASK_S + 1)
    assert len(world.station._blocks.authorization._checks) == 0
