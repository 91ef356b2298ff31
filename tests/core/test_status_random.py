"""Whatever happens to a station, in any order: no status follows another that may not, nothing is lost, nothing billed twice.

The steps are generated; the invariants of the harness hold at each of them. A failure prints the steps, the shortest found.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.core.events import StopAsked
from chargepoint.core.records import Delivery
from tests.core.central_system import After, Answer, Cut, Refuse, Silence, id_tag_info
from tests.core.harness import World

INPUTS = ("ground_fault", "emergency_stop", "over_temperature", "door_open", "mains_lost")
PARTS = ("meter", "contactor", "pilot", "lock", "reader", "inputs")

connector = st.sampled_from([1, 2])
flag = st.booleans()
Step = tuple[Any, ...]


def _step(name: str, *arguments: Any) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


STEPS = st.one_of(
    _step("plug", connector, flag),
    _step("pilot", connector, st.sampled_from("BCCD")),
    _step("unplug", connector, st.sampled_from(["both", "ev"])),
    _step("tap", st.sampled_from(["CARD1", "CARD2", "FRIEND"]), connector),
    _step("wait", st.sampled_from([0.1, 0.6, 1.0, 2.9, 5.0, 12.0, 61.0, 200.0])),
    _step("wait", st.sampled_from([0.1, 0.6, 1.0, 2.9, 5.0, 12.0])),
    _step("input", st.sampled_from(INPUTS), st.sampled_from([0, 1, 2]), flag),
    _step("lose", st.sampled_from(PARTS), connector),
    _step("recover", st.sampled_from(PARTS), connector),
    _step("short", connector, st.sampled_from("EF"), flag),
    _step("fail", connector, st.sampled_from(["jammed", "stuck_open", "welded", "lock_silent"]), flag),
    _step("slip", connector),
    _step("start", connector, st.sampled_from(["", "jammed", "lock_silent"])),
    _step("link"),
    _step("kill", flag),
    _step("dark"),
    _step("stop"),
    _step("reset", st.sampled_from(["Soft", "Hard"])),
    _step("remote_start", st.sampled_from([None, 1, 2]), st.sampled_from(["CARD1", "REMOTE"])),
    _step("remote_stop"),
    _step("unlock", connector),
    _step("available", st.sampled_from([0, 1, 2]), flag),
    _step("reserve", st.sampled_from([0, 1, 2]), st.sampled_from(["CARD1", "OTHER"])),
    _step("answer", st.sampled_from(["Invalid", "Blocked", "late", "silence", "refuse", "cut"])),
)

SITES = st.fixed_dictionaries(
    {
        "tethered": st.sampled_from([False, False, True]),
        "has_lock": st.sampled_from([True, True, False]),
        "each": flag,
        "free_vend": st.sampled_from([False, False, True]),
        "metering": st.sampled_from(["cumulative", "transaction"]),
        "after_power_loss": st.sampled_from(["stop", "resume"]),
        "current_a_max": st.sampled_from([64.0, 32.0, 10.0]),
        "lag_s": st.sampled_from([0.0, 0.3]),
        "keys": st.fixed_dictionaries(
            {
                "StopTransactionOnEVSideDisconnect": flag,
                "UnlockConnectorOnEVSideDisconnect": flag,
                "StopTransactionOnInvalidId": flag,
                "MaxEnergyOnInvalidId": st.sampled_from([0, 100]),
                "ConnectionTimeOut": st.sampled_from([0, 10, 60]),
                "TransactionMessageAttempts": st.sampled_from([1, 3]),
            }
        ),
    }
)

ANSWERS: dict[str, Answer] = {
    "late": After(8.0, {**id_tag_info(), "transactionId": 8}),
    "silence": Silence(),
    "refuse": Refuse(),
    "cut": Cut(),
}


def do(world: World, step: Step) -> None:
    """One step; one that makes no sense now does nothing."""
    if world.exited:
        world.restart()
    match step:
        case ("plug", int(number), bool(ready)):
            world.plug(number, ready=ready)
        case ("unplug", int(number), str(side)):
            if side == "both" and world.locked(number):
                return  # the lock holds it
            world.unplug(number, side=side)
        case ("tap", str(id_tag), int(number)):
            world.tap(id_tag, number if number in world.site.readers else 1)
        case ("wait", float(seconds)):
            world.advance(seconds)
        case ("short", int(number), str(state), bool(active)):
            world.pilot(number, state if active else "B", cable=True)
        case ("fail", int(number), str(what), bool(active)):
            fail(world, number, what, active)
        case ("start", int(number), str(what)):
            if what:
                fail(world, number, what, True)
            world.plug(number)
            world.tap(reader=number if number in world.site.readers else 1)
        case ("slip", int(number)):
            if world.plants[number].has_lock:
                world.slip_lock(number, not world.locked(number))
        case ("input", str(kind), int(number), bool(active)):
            world.input(kind, number, active=active)
        case ("lose" | "recover" as what, str(part), int(number)):
            if part == "lock" and not world.plants[number].has_lock:
                return
            readers = {"reader": 1, "inputs": 0}
            getattr(world, what)(part, readers.get(part, number))
        case ("pilot", int(number), str(state)):
            if world.plants[number].pilot.cable_at_station:
                world.pilot(number, state)
        case _:
            of_process_and_link(world, step)


def of_process_and_link(world: World, step: Step) -> None:
    match step:
        case ("link",):
            world.disconnect() if world.up else world.connect()
        case ("kill", bool(online)):
            world.restart(online=online)
        case ("dark",):
            world.cut_power()
        case ("stop",):
            world.deliver(StopAsked())
        case ("answer", str(kind)):
            misbehave(world, kind)
        case _:
            if world.up:
                of_central_system(world, step)


def misbehave(world: World, kind: str) -> None:
    """The next answers are refusals, or none."""
    bad = ANSWERS.get(kind)
    world.csms.once("Authorize", bad or id_tag_info(kind))
    world.csms.once("StartTransaction", bad or {**id_tag_info(kind), "transactionId": 7})
    world.csms.once("StopTransaction", bad or {})


def of_central_system(world: World, step: Step) -> None:
    match step:
        case ("reset", str(kind)):
            world.ask("Reset", {"type": kind})
        case ("remote_start", number, str(id_tag)):
            world.ask("RemoteStartTransaction", {"idTag": id_tag} | ({"connectorId": number} if number else {}))
        case ("remote_stop",):
            running = [one.transaction_id for one in world.store.transactions.values() if one.stop is None]
            world.ask("RemoteStopTransaction", {"transactionId": next((one for one in running if one is not None), 0)})
        case ("unlock", int(number)):
            world.ask("UnlockConnector", {"connectorId": number})
        case ("available", int(number), bool(operative)):
            kind = "Operative" if operative else "Inoperative"
            world.ask("ChangeAvailability", {"connectorId": number, "type": kind})
        case ("reserve", int(number), str(id_tag)):
            expiry = world.csms.time(world.wall_s + 90)
            fields = {"connectorId": number, "expiryDate": expiry, "idTag": id_tag, "reservationId": number}
            world.ask("ReserveNow", fields)
        case _:
            raise AssertionError(f"unknown step {step}")


def fail(world: World, number: int, what: str, active: bool) -> None:
    plant = world.plants[number]
    setattr(plant, what, active)
    if what == "welded" and not active and not plant.coil and plant.closed:
        world.let_go(number)


def heal(world: World) -> None:
    """Everything works again, and every car leaves."""
    if world.exited:
        world.restart()
    for number, plant in world.plants.items():
        for what in ("jammed", "stuck_open", "lock_silent", "welded"):
            fail(world, number, what, False)
        for part in ("contactor", "pilot", "meter", *(["lock"] if plant.has_lock else [])):
            world.recover(part, number)
            world.read_meter(number)
    for reader in world.site.readers:
        world.recover("reader", reader)
    world.recover("inputs", 0)
    for number, kind in sorted(world.inputs):
        world.input(kind, number, active=False)
    for action in ("Authorize", "StartTransaction", "StopTransaction"):
        world.csms.friendly(action)
    if not world.up:
        world.connect()


@settings(
    max_examples=150, deadline=None, derandomize=True, report_multiple_bugs=False, suppress_health_check=list(HealthCheck)
)
@given(SITES, st.lists(STEPS, min_size=5, max_size=50))
@pytest.mark.section("4.9")
def test_whatever_happens_statuses_follow_the_table_and_every_session_is_delivered(
    site: dict[str, Any], steps: list[Step]
) -> None:
    world = World(2, draws_w=7_360.0, poll_s=10.0, reconnect_s=2.0, **site)
    for step in steps:
        do(world, step)
    world.advance(20.0)
    heal(world)
    for number in world.plants:
        world.pilot(number, "A", cable=False)
    world.advance(100.0)
    if any(world.locked(number) for number in world.plants):
        for number in world.plants:
            world.ask("UnlockConnector", {"connectorId": number})
        for record in list(world.store.transactions.values()):
            if record.stop is None and record.transaction_id is not None:
                world.ask("RemoteStopTransaction", {"transactionId": record.transaction_id})
    world.advance(1_000.0)
    assert world.exited is None
    assert not any(world.contactor(number) for number in world.plants)
    assert world.store.rows == {}
    for record in world.store.transactions.values():
        if record.stop is not None:
            assert record.stop_delivery in (Delivery.CONFIRMED, Delivery.DEAD)
    nothing_is_billed_twice(world)


def nothing_is_billed_twice(world: World) -> None:
    for number, plant in world.plants.items():
        closed = [one for one in world.store.transactions.values() if one.connector == number]
        billed_wh = sum((one.meter_stop_wh or one.meter_start_wh) - one.meter_start_wh for one in closed)
        flown_wh = plant.energy_wh - 1000.0 * number
        assert billed_wh <= flown_wh + 1, f"connector {number}: {billed_wh} Wh billed, {flown_wh} Wh flown"
