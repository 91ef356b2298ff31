"""Stories of the authorisation cache: what it learns, what empties it; and of remote starts, which may ask nobody."""

import pytest

from chargepoint.core import effects as fx
from chargepoint.messages import AuthorizationStatus
from tests.core.authorizing import know, station
from tests.core.central_system import After, Silence, id_tag_info
from tests.core.harness import BEGIN_WALL_S, World

pytestmark = pytest.mark.section("3.5")

OFFLINE_ALL = {"AllowOfflineTxForUnknownId": True}


class TestCache:
    def test_it_learns_from_authorize(self, world: World) -> None:
        world.csms.always("Authorize", id_tag_info("Accepted", parent="GROUP", expiry="2026-02-01T00:00:00Z"))
        world.tap("Card1")
        learned = world.store.cache["card1"]
        assert learned.status is AuthorizationStatus.Accepted
        assert learned.parent_id_tag == "GROUP"
        assert learned.expiry_s == BEGIN_WALL_S + 26.5 * 86_400

    def test_it_learns_refusals_too(self, world: World) -> None:
        world.csms.always("Authorize", id_tag_info("Blocked"))
        world.tap()
        assert world.store.cache["card1"].status is AuthorizationStatus.Blocked
        world.disconnect()
        world.plug()
        world.tap()
        assert not world.contactor()

    def test_it_learns_from_starttransaction(self, world: World) -> None:
        world.csms.always("StartTransaction", {**id_tag_info("ConcurrentTx"), "transactionId": 3})
        world.plug()
        world.tap()
        assert world.store.cache["card1"].status is AuthorizationStatus.ConcurrentTx

    def test_it_learns_from_stoptransaction_about_the_id_that_stopped(self, world: World) -> None:
        world.csms.always("Authorize", id_tag_info("Accepted", parent="GROUP"))
        world.csms.always("StartTransaction", {**id_tag_info("Accepted", parent="GROUP"), "transactionId": 3})
        world.csms.always("StopTransaction", id_tag_info("Expired"))
        world.plug()
        world.tap()
        world.tap("OTHER")
        world.advance(5)
        assert world.expect_call("StopTransaction")["idTag"] == "OTHER"
        assert world.store.cache["other"].status is AuthorizationStatus.Expired
        assert world.store.cache["card1"].status is AuthorizationStatus.Accepted

    def test_a_stop_without_an_id_teaches_nothing(self, world: World) -> None:
        world.csms.always("StopTransaction", id_tag_info("Blocked"))
        world.plug()
        world.tap()
        world.unplug()
        world.advance(5)
        assert world.store.cache["card1"].status is AuthorizationStatus.Accepted

    @pytest.mark.parametrize("slow", [False, True])
    def test_an_id_on_the_local_list_does_not_enter_it(self, world: World, slow: bool) -> None:
        entries = [{"idTag": "card1", "idTagInfo": {"status": "Accepted"}}]
        world.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
        if slow:
            world.csms.once("Authorize", After(20.0, id_tag_info()))
        world.plug()
        world.tap()
        world.advance(30)
        world.unplug()
        world.advance(10)
        assert "card1" not in world.store.cache

    def test_it_learns_nothing_while_it_is_disabled(self) -> None:
        world = station(online=True, keys={"AuthorizationCacheEnabled": False})
        world.tap()
        assert world.contactor()
        assert world.store.cache == {}

    def test_it_outlives_a_power_cut(self, world: World) -> None:
        world.tap()
        world.cut_power(online=False)
        world.plug()
        world.tap()
        assert world.contactor()


@pytest.mark.section("5.4")
class TestClearCache:
    def test_it_empties_the_cache_and_nothing_else(self) -> None:
        world = World(keys=OFFLINE_ALL, online=False)
        know(world, listed="valid", id_tag="LISTED")
        know(world, cached="valid")
        world.plug()
        world.tap()
        rows, keys, pages = dict(world.store.rows), dict(world.store.keys), dict(world.store.transactions)
        world.csms.always("StartTransaction", Silence())
        world.connect()
        at = len(world.effects)
        assert world.call("ClearCache") == {"status": "Accepted"}
        assert world.store.cache == {}
        assert list(world.store.listed) == ["listed"]
        assert world.store.rows.keys() == rows.keys()
        assert world.store.keys.items() >= keys.items()
        assert world.store.transactions.keys() == pages.keys()
        assert world.contactor()
        changes = [change for effect in world.effects[at:] if isinstance(effect, fx.Commit) for change in effect.changes]
        assert [type(change).__name__ for change in changes] == ["ClearIdCache"]

    def test_afterwards_the_id_is_unknown(self, world: World) -> None:
        world.tap()
        world.call("ClearCache")
        world.disconnect()
        world.plug()
        world.tap()
        assert not world.contactor()

    def test_a_disabled_cache_rejects(self) -> None:
        world = World(keys={"AuthorizationCacheEnabled": False})
        assert world.call("ClearCache") == {"status": "Rejected"}


@pytest.mark.section("5.11")
class TestRemoteStart:
    def start(self, world: World, id_tag: str = "REMOTE") -> str:
        status: str = world.call("RemoteStartTransaction", idTag=id_tag, connectorId=1)["status"]
        return status

    def test_nobody_is_asked_unless_the_key_says_so(self, world: World) -> None:
        world.plug()
        assert self.start(world) == "Accepted"
        world.expect_no_call("Authorize")
        assert world.contactor()

    @pytest.mark.parametrize(("says", "starts"), [("Accepted", True), ("Blocked", False)])
    def test_with_authorizeremotetxrequests_it_is(self, says: str, starts: bool) -> None:
        world = station(online=True, keys={"AuthorizeRemoteTxRequests": True})
        world.csms.always("Authorize", id_tag_info(says))
        assert self.start(world) == "Accepted"
        assert world.calls("Authorize") == [{"idTag": "REMOTE"}]
        assert world.contactor() == starts

    def test_the_answer_goes_before_the_question(self) -> None:
        world = station(online=True, keys={"AuthorizeRemoteTxRequests": True})
        at = len(world.effects)
        self.start(world)
        frames = [effect.text for effect in world.effects[at:] if isinstance(effect, fx.SendFrame)]
        assert '"Accepted"' in frames[0]
        assert "Authorize" in frames[1]

    def test_a_listed_id_need_not_be_asked(self) -> None:
        world = station(online=True, keys={"AuthorizeRemoteTxRequests": True, "LocalPreAuthorize": True})
        know(world, listed="valid", id_tag="REMOTE")
        self.start(world)
        world.expect_no_call("Authorize")
        assert world.contactor()

    def test_an_empty_id_is_rejected(self, world: World) -> None:
        world.plug()
        assert self.start(world, "") == "Rejected"
