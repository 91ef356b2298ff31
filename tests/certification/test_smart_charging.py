"""Charging profiles, as the certification tool plays them."""

from typing import Any

import pytest

from tests.certification import tool
from tests.core.harness import World
from tests.core.making_profiles import composite, profile, set_profile

STEPS = ((0, 6.0), (60, 10.0), (120, 8.0))
DURATION_S = 300
OWN_A = 32.0  # what the station allows where no profile says anything


def station() -> World:
    world = World()
    world.forget()
    return world


@pytest.mark.section("tool TC_056")
@pytest.mark.parametrize("unit", ["A", "W"])
def test_a_default_profile_holds_in_the_next_transaction(unit: str) -> None:
    world = station()
    factor = 1_000.0 if unit == "W" else 1.0
    steps = [(begin, limit * factor) for begin, limit in STEPS]
    until_s = world.wall_s + DURATION_S
    assert set_profile(world, 1, *steps, unit=unit, duration=DURATION_S, valid=(world.wall_s, until_s)) == "Accepted"
    tool.charging(world)
    world.advance(20.0)
    rest = [(max(0, begin - 20), limit) for begin, limit in steps]
    own = OWN_A if unit == "A" else OWN_A * 230 * 3
    assert composite(world, 1, DURATION_S, unit) == [*rest, (DURATION_S - 20, own)]


@pytest.mark.section("tool TC_057")
def test_a_profile_of_a_running_transaction_is_followed() -> None:
    world = station()
    transaction = tool.charging(world)
    more: dict[str, Any] = {"purpose": "TxProfile", "transaction": transaction, "duration": DURATION_S}
    assert set_profile(world, 1, *STEPS, **more) == "Accepted"
    assert composite(world, 1, DURATION_S) == list(STEPS)
    assert world.offer() == 6.0
    world.advance(61.0)
    assert world.offer() == 10.0


@pytest.mark.section("tool TC_058_1")
def test_a_transactions_profile_without_a_transaction() -> None:
    world = station()
    assert set_profile(world, 1, *STEPS, purpose="TxProfile", transaction=1) == "Rejected"


@pytest.mark.section("tool TC_058_2")
def test_a_profile_of_another_transaction() -> None:
    world = station()
    transaction = tool.charging(world)
    assert set_profile(world, 1, *STEPS, purpose="TxProfile", transaction=transaction + 1) == "Rejected"
    assert world.offer() == OWN_A


@pytest.mark.section("tool TC_059")
@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_a_remote_start_brings_its_profile(kind: str) -> None:
    world = station()
    start = {"start": world.wall_s} if kind == "Absolute" else {}
    brought = profile(5, *STEPS, purpose="TxProfile", kind=kind, duration=DURATION_S, **start)  # type: ignore[arg-type]
    answer = world.call("RemoteStartTransaction", connectorId=1, idTag=tool.VALID, chargingProfile=brought)
    assert answer == {"status": "Accepted"}
    tool.expect_status(world, "Preparing")
    tool.plugged(world)
    assert composite(world, 1, DURATION_S) == list(STEPS)
    assert world.offer() == 6.0


@pytest.mark.section("tool TC_060")
@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "ChargePointMaxProfile"])
def test_a_remote_start_brings_no_profile_of_another_purpose(purpose: str) -> None:
    world = station()
    brought = profile(5, *STEPS, purpose=purpose, start=world.wall_s)
    answer = world.call("RemoteStartTransaction", connectorId=1, idTag=tool.VALID, chargingProfile=brought)
    assert answer == {"status": "Rejected"}
    world.plug()
    tool.expect_status(world, "Preparing")
    tool.expect_nothing(world)
