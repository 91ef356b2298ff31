"""Security, as the certification tool plays it, as far as the core can show it: profiles, certificates, log, firmware."""

import pytest

from chargepoint.core import events as ev
from tests.certification import tool
from tests.core.harness import World
from tests.core.securing import CONTENTS


def connected_with(profile: int) -> World:
    """A station whose link has this profile, with all that a higher one needs."""
    world = World(security_profile=profile, key_mark="settings", wall=True, reconnect_s=1.0)
    world.deliver(ev.VaultSeen(CONTENTS))
    world.advance(5)
    world.forget()
    return world


@pytest.mark.section("tool TC_083")
@pytest.mark.parametrize("profile", [1, 2])
def test_a_higher_profile_is_used_after_the_reset(profile: int) -> None:
    world = connected_with(profile)
    world.configure("SecurityProfile", profile + 1)
    assert world.call("Reset", type="Hard") == {"status": "Accepted"}
    world.advance(5)
    assert (world.exited, world.profile) == ("hard_reset", profile), "the tool's answer came over the connection that it knew"
    world.forget()
    world.restart()
    assert world.profile == profile + 1
    tool.expect(world, "BootNotification")
    tool.expect_both(world, tool.status("Available", 0), tool.status("Available", 1))
    world.reconnect_s = None
    world.disconnect()
    for _ in range(100):  # the server speaks the lower profile alone, for as long as it likes
        world.deliver(ev.LinkDown("TLS: no secure connection", world.profile))
    assert world.profile == profile + 1


@pytest.mark.section("tool TC_084")
@pytest.mark.parametrize("profile", [2, 3])
def test_a_lower_profile_is_refused(profile: int) -> None:
    world = connected_with(profile)
    assert world.call("ChangeConfiguration", key="SecurityProfile", value=str(profile - 1)) == {"status": "Rejected"}
    assert (world.up, world.profile) == (True, profile)
