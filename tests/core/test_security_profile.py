"""Stories of the security profile: it rises where everything that it needs is there, falls back while it has never connected,
and never goes lower once it has.
"""

from typing import Any

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.security import AGAIN_S, GRACE_S, TRIES, Security
from chargepoint.core.security_records import PutSecurity, SecurityRecord
from chargepoint.core.step import Now, Step
from chargepoint.core.vault_records import VaultContents
from tests.core.central_system import Silence
from tests.core.harness import World
from tests.core.test_configuration import change, value_of

pytestmark = [pytest.mark.section("security A05"), pytest.mark.section("security A00")]

KEY = "00112233445566778899AABBCCDDEEFF"
ALL = VaultContents(central_system_roots=1, client_since_s=1.0, client_until_s=4e9)


def world_with(contents: VaultContents = ALL, **more: Any) -> World:
    world = World(key_mark="settings", **more)
    world.deliver(ev.VaultSeen(contents))
    return world


def rise(world: World, profile: int) -> None:
    """The Central System raises the profile, sends no Reset, and the station connects again by itself."""
    world.configure("SecurityProfile", profile)
    world.advance(GRACE_S)


def fail(world: World, times: int) -> None:
    """So many attempts to connect with the profile in use come to nothing."""
    for _ in range(times):
        world.deliver(ev.LinkDown("TLS: no secure connection", world.profile))


def logged(world: World, words: str) -> list[str]:
    return [log.text for log in world.logs if words in log.text]


class TestWhatAProfileNeeds:
    @pytest.mark.parametrize(
        ("profile", "contents", "key", "missing"),
        [
            (1, VaultContents(), False, "needs an AuthorizationKey"),
            (2, ALL, False, "needs an AuthorizationKey"),
            (2, VaultContents(), True, "needs a Central System root"),
            (3, VaultContents(client_since_s=1.0, client_until_s=4e9), False, "needs a Central System root"),
            (3, VaultContents(central_system_roots=1), True, "needs a certificate of the station"),
            (
                3,
                VaultContents(central_system_roots=1, client_since_s=1.0, client_until_s=2.0, client_problem="it has expired"),
                True,
                "it has expired",
            ),
        ],
    )
    def test_without_it_the_change_is_rejected(self, profile: int, contents: VaultContents, key: bool, missing: str) -> None:
        world = World(key_mark="settings" if key else "")
        world.deliver(ev.VaultSeen(contents))
        assert change(world, "SecurityProfile", str(profile)) == "Rejected"
        assert logged(world, missing)
        assert (world.profile, value_of(world, "SecurityProfile")) == (0, "0")

    @pytest.mark.parametrize("profile", [1, 2, 3])
    def test_with_it_the_change_is_accepted_and_stored_and_the_connection_stays_for_a_reset(self, profile: int) -> None:
        world = world_with(reconnect_s=1.0)
        assert change(world, "SecurityProfile", str(profile)) == "Accepted"
        assert (world.up, world.profile, value_of(world, "SecurityProfile")) == (True, 0, str(profile))
        world.advance(GRACE_S - 0.1)
        assert (world.up, world.profile) == (True, 0)
        world.advance(0.1)
        assert (world.up, world.profile) == (False, profile)
        world.advance(1)
        assert (world.up, value_of(world, "SecurityProfile")) == (True, str(profile))
        assert logged(world, f"reached with security profile {profile}")

    @pytest.mark.parametrize("kind", ["Hard", "Soft"])
    def test_a_reset_in_time_is_answered_over_the_connection_that_there_is(self, kind: str) -> None:
        world = world_with()
        world.csms.always("SecurityEventNotification", Silence())
        world.configure("SecurityProfile", 2)
        assert world.call("Reset", type=kind) == {"status": "Accepted"}
        world.advance(2 * GRACE_S)
        assert world.exited == f"{kind.lower()}_reset"
        assert (world.up, world.profile) == (True, 0), "the last messages still had a connection"
        world.restart()
        assert (world.profile, value_of(world, "SecurityProfile")) == (2, "2")
        assert logged(world, "reached with security profile 2")

    @pytest.mark.parametrize("how", ["disconnect", "restart", "cut_power"])
    def test_whatever_ends_the_connection_the_next_one_has_it(self, how: str) -> None:
        world = world_with()
        world.configure("SecurityProfile", 2)
        getattr(world, how)()
        assert world.profile == 2

    def test_without_a_connection_it_is_used_at_once(self) -> None:
        world = world_with(online=False)
        world.control("set_setting", name="SecurityProfile", value="2")
        assert world.profile == 2

    def test_a_key_that_the_central_system_gave_will_do(self) -> None:
        world = World(reconnect_s=1.0)
        assert change(world, "SecurityProfile", "1") == "Rejected"
        world.configure("AuthorizationKey", KEY)
        if not world.up:
            world.connect()
        assert change(world, "SecurityProfile", "1") == "Accepted"

    @pytest.mark.parametrize("value", ["-1", "4", "", "two", "2.0", "3 "])
    def test_what_is_no_profile(self, value: str) -> None:
        expected = "Accepted" if value.strip() == "3" else "Rejected"
        assert change(world_with(), "SecurityProfile", value) == expected

    def test_the_same_profile_again_is_rejected_and_changes_nothing(self) -> None:
        world = world_with()
        commits = len(world.store.commits)
        assert change(world, "SecurityProfile", "0") == "Rejected"
        assert (world.up, len(world.store.commits)) == (True, commits)

    def test_the_control_socket_is_held_to_the_same_rule(self) -> None:
        world = World()
        _, error = world.control("set_setting", name="SecurityProfile", value="2")
        assert error is not None
        assert world.profile == 0


class TestNeverLower:
    @pytest.fixture
    def risen(self) -> World:
        world = world_with(reconnect_s=1.0)
        rise(world, 2)
        world.advance(2)
        assert logged(world, "reached with security profile 2")
        return world

    def test_no_command_lowers_it(self, risen: World) -> None:
        for lower in ("0", "1"):
            assert change(risen, "SecurityProfile", lower) == "Rejected"
        _, error = risen.control("set_setting", name="SecurityProfile", value="0")
        assert error is not None
        assert "can only rise" in error
        assert risen.profile == 2

    def test_no_outage_lowers_it(self, risen: World) -> None:
        risen.reconnect_s = None
        risen.disconnect()
        fail(risen, 5 * TRIES)
        assert risen.profile == 2

    @pytest.mark.parametrize("how", ["restart", "power cut"])
    def test_no_restart_lowers_it_and_no_settings_file_either(self, risen: World, how: str) -> None:
        (risen.restart if how == "restart" else risen.cut_power)()
        assert (risen.profile, value_of(risen, "SecurityProfile")) == (2, "2")
        assert logged(risen, "security_profile = 0 of the settings is ignored")

    @pytest.mark.parametrize("how", ["restart", "cut_power"])
    def test_a_settings_file_that_asks_for_less_than_it_did_lowers_nothing(self, how: str) -> None:
        world = world_with(security_profile=2, reconnect_s=1.0)
        world.advance(2)
        world.site = _with_profile(world.site, 0)
        getattr(world, how)()
        assert (world.profile, value_of(world, "SecurityProfile")) == (2, "2")
        assert change(world, "SecurityProfile", "1") == "Rejected"

    def test_it_can_still_rise(self, risen: World) -> None:
        rise(risen, 3)
        risen.advance(2)
        risen.restart()
        assert risen.profile == 3


class TestFallingBack:
    def test_a_profile_that_never_connects_is_given_up_for_the_one_that_worked(self) -> None:
        world = world_with()
        rise(world, 2)
        assert (world.up, world.profile) == (False, 2)
        fail(world, TRIES - 1)
        assert world.profile == 2
        fail(world, 1)
        assert (world.profile, value_of_offline(world)) == (0, "0")
        assert logged(world, f"Security profile 2 did not reach the Central System in {TRIES} attempts")
        world.connect()
        assert change(world, "SecurityProfile", "2") == "Accepted", "it can be tried again"

    def test_a_power_cut_in_the_trial_goes_on_with_it(self) -> None:
        world = world_with()
        rise(world, 2)
        fail(world, TRIES - 1)
        world.cut_power(online=False)
        assert world.profile == 2
        fail(world, TRIES)
        assert world.profile == 0
        world.cut_power(online=False)
        assert world.profile == 0, "what was given up by command is not tried again by itself"

    def test_a_server_that_opens_the_connection_and_never_says_a_word_has_not_been_reached(self) -> None:
        world = world_with()
        rise(world, 2)
        world.csms.always("Heartbeat", Silence())
        for _ in range(TRIES):
            world.connect()
            world.disconnect("closed at once")
        assert world.profile == 0

    def test_a_heartbeat_asks_for_the_proof(self) -> None:
        world = world_with(keys={"HeartbeatInterval": 86_400})
        rise(world, 2)
        at = len(world.effects)
        world.connect()
        assert any(isinstance(effect, fx.SendFrame) and "Heartbeat" in effect.text for effect in world.effects[at:])
        assert logged(world, "reached with security profile 2")

    def test_a_connection_that_still_has_the_old_profile_proves_nothing(self) -> None:
        """It was opened while the command to rise was on its way."""
        world = world_with(online=False)
        _, error = world.control("set_setting", name="SecurityProfile", value="2")
        assert error is None
        world.profile = 0
        world.connect()
        world.disconnect("another profile")
        world.profile = 2
        assert not logged(world, "reached with security profile 2")
        fail(world, TRIES)
        assert world.profile == 0

    def test_two_steps_at_once_fall_back_to_the_one_that_worked(self) -> None:
        world = world_with()
        rise(world, 1)
        _, error = world.control("set_setting", name="SecurityProfile", value="2")
        assert error is None
        fail(world, TRIES)
        assert world.profile == 0

    def test_what_the_settings_ask_for_is_used_at_once_and_alone_where_nothing_ever_worked(self) -> None:
        world = World(online=False, security_profile=2)
        assert world.profile == 2
        fail(world, 5 * TRIES)
        assert world.profile == 2, "there is nothing to fall back to"

    def test_what_the_settings_ask_for_falls_back_to_what_was_proven_and_is_tried_again_after_a_restart(self) -> None:
        world = world_with(reconnect_s=1.0)
        rise(world, 1)
        world.advance(2)
        world.reconnect_s = None
        world.site = _with_profile(world.site, 2)
        world.restart(online=False)
        assert world.profile == 2
        fail(world, TRIES)
        assert (world.profile, value_of_offline(world)) == (1, "1")
        world.restart(online=False)
        assert world.profile == 2


def _with_profile(site: Any, profile: int) -> Any:
    from msgspec.structs import replace

    return replace(site, security_profile=profile)


def value_of_offline(world: World) -> str:
    body, _ = world.control("get_settings", names=["SecurityProfile"])
    (found,) = body["keys"]
    return str(found["value"])


def test_the_first_value_of_the_key_is_the_settings_own_and_cannot_be_given_twice() -> None:
    from chargepoint.core.configuration import check_initial

    assert check_initial("SecurityProfile", "2") == "belongs into [central_system], as security_profile"
    assert check_initial("authorizationkey", KEY) == "belongs into [central_system], as authorization_key"
    assert value_of(World(security_profile=1), "SecurityProfile") == "1"


@pytest.mark.section("security A03")
class TestRenewal:
    """When a new certificate is wanted. Days as dates; monotonic seconds are those since the first of them."""

    DAY = 86_400.0

    def security(self, since: float, until: float) -> Security:
        security = Security(SecurityRecord(), 3, 30 * self.DAY)
        security.contents = VaultContents(client_since_s=since * self.DAY, client_until_s=until * self.DAY)
        return security

    @pytest.mark.parametrize(("since", "until", "due"), [(0, 365, 335), (0, 90, 60), (0, 30, 20), (0, 3, 2)])
    def test_some_days_before_its_end_but_not_before_two_thirds_of_its_life(self, since: int, until: int, due: int) -> None:
        security = self.security(since, until)
        assert security.renewal_deadline(lambda date_s: date_s) == due * self.DAY
        assert not security.renewal_due(due * self.DAY - 1, 0.0)
        assert security.renewal_due(due * self.DAY, 0.0)
        assert security.renewal_due(2 * until * self.DAY, 0.0), "and after its end"

    def test_once_a_day_while_nothing_comes_of_it(self) -> None:
        security = self.security(0, 365)
        now_s = 340 * self.DAY
        security.renewal_asked(now_s)
        assert not security.renewal_due(now_s + AGAIN_S - 1, now_s + AGAIN_S - 1)
        assert security.renewal_due(now_s + AGAIN_S, now_s + AGAIN_S)
        assert security.renewal_deadline(lambda date_s: date_s) == now_s + AGAIN_S

    def test_never_without_a_certificate_or_a_time(self) -> None:
        assert not Security(SecurityRecord(), 3, self.DAY).renewal_due(1e9, 0.0)
        assert Security(SecurityRecord(), 3, self.DAY).renewal_deadline(lambda date_s: date_s) is None
        assert not self.security(0, 10).renewal_due(None, 1e9)
        assert self.security(0, 10).renewal_deadline(lambda date_s: None) is None


def test_a_record_says_the_same_after_every_step() -> None:
    """The rule in itself: what is stored is all that a restart needs."""
    security = Security(SecurityRecord(), 0, 0.0)
    security.contents = ALL
    step = Step(Now(1.0), 1)
    security.raise_to(2, step)
    commit = next(effect for effect in step.effects() if isinstance(effect, fx.Commit))
    (put,) = commit.changes
    assert isinstance(put, PutSecurity)
    again = Security(put.record, 0, 0.0)
    assert (again.profile, again.proven, again.on_trial) == (2, 0, True)


@pytest.mark.section("security A00")
def test_the_link_hears_whether_wildcards_count_before_its_first_connection_and_after_every_change() -> None:
    def told(world: World) -> list[bool]:
        return [effect.allowed for effect in world.effects if isinstance(effect, fx.AllowWildcards)]

    world = World(keys={"AllowCentralSystemTLSWildcards": True})
    assert told(world) == [True]
    first = [effect for effect in world.effects if isinstance(effect, fx.AllowWildcards | fx.SetSecurityProfile)]
    assert isinstance(first[0], fx.AllowWildcards)
    world.configure("AllowCentralSystemTLSWildcards", False)
    assert told(world) == [True, False]
    world.restart()
    assert told(world) == [True, False, False]
