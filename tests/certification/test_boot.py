"""The start of a station, and its resets, as the certification tool plays them."""

from itertools import pairwise

import pytest

from tests.certification import tool
from tests.core.central_system import Payload
from tests.core.harness import World
from tests.core.looking import Sent

INTERVAL_S = 60
RETRY_S = 20


@pytest.fixture
def world() -> World:
    world = World(2, each=True)
    world.csms.heartbeat_s = INTERVAL_S
    world.forget()
    return world


def not_yet(world: World, status: str) -> None:
    """The station is switched off and on, and not accepted at first."""
    answer: Payload = {"status": status, "currentTime": world.csms.time(), "interval": RETRY_S}
    world.csms.once("BootNotification", answer)
    world.cut_power()
    tool.expect(world, "BootNotification")


def accepted_later(world: World) -> None:
    """Nothing comes before the interval has passed; then the station registers, and tells of every connector."""
    before_s = sent(world, "BootNotification")[-1].at_s
    world.advance(RETRY_S - 2.0)
    tool.expect_nothing(world)
    world.advance(3.0)
    tool.expect(world, "BootNotification")
    assert sent(world, "BootNotification")[-1].at_s == pytest.approx(before_s + RETRY_S, abs=1.0)
    all_told(world)


def all_told(world: World, *connector_1: str) -> None:
    """A status of every connector and of the station; all Available, or the first connector something else."""
    others = [tool.status("Available", number) for number in (0, 2)]
    (first,) = connector_1 or ("Available",)
    tool.expect_both(world, *others, tool.status(first, 1))


def sent(world: World, action: str) -> list[Sent]:
    return [one for one in world.sent if one.action == action]


def beats(world: World) -> None:
    """A Heartbeat at every interval of the answer."""
    before = len(sent(world, "Heartbeat"))
    world.advance(4.5 * INTERVAL_S)
    times = [one.at_s for one in sent(world, "Heartbeat")[before:]]
    assert len(times) == 4
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([INTERVAL_S] * 3, abs=1.0)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_001")
def test_a_start_that_is_rejected_at_first(world: World) -> None:
    not_yet(world, "Rejected")
    accepted_later(world)
    beats(world)


@pytest.mark.section("tool TC_002")
def test_a_start_that_is_pending_at_first(world: World) -> None:
    not_yet(world, "Pending")
    tool.asked(world, "MeterValueSampleInterval")
    world.configure("MeterValueSampleInterval", 30)
    assert tool.asked(world, "MeterValueSampleInterval") == "30"
    accepted_later(world)
    beats(world)


@pytest.mark.section("tool TC_013")
@pytest.mark.section("tool TC_014")
@pytest.mark.parametrize("kind", ["Hard", "Soft"])
def test_a_reset_of_a_station_at_rest_keeps_what_is_out_of_service(world: World, kind: str) -> None:
    assert world.call("ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Accepted"}
    tool.expect_status(world, "Unavailable", 1)
    assert world.call("Reset", type=kind) == {"status": "Accepted"}
    assert world.exited == f"{kind.lower()}_reset"
    tool.expect_nothing(world)
    world.restart()
    tool.expect(world, "BootNotification")
    all_told(world, "Unavailable")
    assert world.call("ChangeAvailability", connectorId=1, type="Operative") == {"status": "Accepted"}
    tool.expect_status(world, "Available", 1)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_015")
@pytest.mark.parametrize("lag_s", [0.0, 0.3])
def test_a_hard_reset_in_a_transaction_bills_it_after_the_start(lag_s: float) -> None:
    world = World(2, each=True, lag_s=lag_s)
    transaction = in_transaction(world)
    assert world.call("Reset", type="Hard") == {"status": "Accepted"}
    world.advance(2.5)
    assert world.exited == "hard_reset"
    tool.expect_nothing(world)
    world.restart()
    tool.expect(world, "BootNotification")
    stop = ("StopTransaction", {"transactionId": transaction, "reason": "HardReset"})
    statuses = [tool.status("Available", 0), tool.status("Finishing", 1), tool.status("Available", 2)]
    tool.expect_both(world, stop, *statuses)
    tool.expect_nothing(world)


@pytest.mark.section("tool TC_016")
@pytest.mark.parametrize("lag_s", [0.0, 0.3])
def test_a_soft_reset_in_a_transaction_bills_it_before_the_end(lag_s: float) -> None:
    world = World(2, each=True, lag_s=lag_s)
    transaction = in_transaction(world)
    assert world.call("Reset", type="Soft") == {"status": "Accepted"}
    world.advance(3.0)
    assert world.exited == "soft_reset"
    tool.expect(world, "StopTransaction", transactionId=transaction, reason="SoftReset")
    tool.expect_status(world, "Finishing", 1)
    tool.expect_nothing(world)
    world.restart()
    tool.expect(world, "BootNotification")
    all_told(world, "Finishing")
    tool.expect_nothing(world)


def in_transaction(world: World) -> int:
    """A car charges at the first connector. Returns the transactionId."""
    world.plug(1)
    world.tap(tool.VALID)
    world.advance(3.0)
    assert world.contactor()
    world.forget()
    return world.csms.next_transaction_id - 1
