"""Whatever strangers do in whatever order, a holder finds a connector, and nobody charges on what is kept for another."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.core.records import Charging, Idle
from tests.core.harness import World
from tests.core.reserving import cancel, reserve

CONNECTORS = (1, 2, 3)
STRANGERS = ("A", "B", "C", "D")
HOLDERS = ("H1", "H2")

connectors = st.sampled_from(CONNECTORS)
strangers = st.sampled_from(STRANGERS)
steps = st.one_of(
    st.tuples(st.just("plug"), connectors),
    st.tuples(st.just("unplug"), connectors),
    st.tuples(st.just("tap"), st.one_of(strangers, st.sampled_from(HOLDERS))),
    st.tuples(st.just("remote"), st.one_of(st.none(), connectors), strangers),
    st.tuples(st.just("reserve"), st.sampled_from((0, *CONNECTORS)), st.sampled_from(HOLDERS), st.sampled_from((1, 2, 3))),
    st.tuples(st.just("cancel"), st.sampled_from((1, 2, 3))),
    st.tuples(st.just("wait"), st.sampled_from((1.0, 61.0, 4_000.0))),
    st.tuples(st.just("cut_power")),
)
troubles = st.one_of(
    steps,
    st.tuples(st.just("fault"), st.sampled_from((0, *CONNECTORS)), st.booleans()),
    st.tuples(st.just("operative"), st.sampled_from((0, *CONNECTORS)), st.booleans()),
    st.tuples(st.just("link")),
    st.tuples(st.just("jam"), connectors, st.booleans()),
    st.tuples(st.just("wait"), st.just(4.0)),
)


def act(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("plug", number):
            if world.plants[number].pilot.state == "A":
                world.plug(number)
        case ("unplug", number):
            world.unplug(number)
        case ("tap", id_tag):
            world.tap(id_tag)
        case ("remote", number, id_tag):
            world.call("RemoteStartTransaction", {"idTag": id_tag, **({} if number is None else {"connectorId": number})})
        case ("reserve", connector, id_tag, number):
            reserve(world, connector, id_tag, number=number)
        case ("cancel", number):
            cancel(world, number)
        case ("wait", seconds):
            world.advance(seconds)
        case ("cut_power",):
            world.cut_power(10)
        case ("fault", number, active):
            world.input("ground_fault", number, active=active)
        case ("operative", number, operative):
            world.call("ChangeAvailability", connectorId=number, type="Operative" if operative else "Inoperative")
        case ("jam", number, active):
            world.plants[number].jammed = active
        case ("link",):
            world.disconnect()
            world.advance(5)
            world.connect()


def charging(world: World) -> set[str]:
    """The id tags whose sessions run."""
    sessions = (world.store.session(number) for number in CONNECTORS)
    return {world.store.transactions[one.transaction].id_tag for one in sessions if isinstance(one, Charging)}


def check(world: World) -> None:
    """As many connectors without a session are left as reservations of connector 0 wait for one."""
    kept = {record.connector for record in world.store.reservations.values()}
    idle = [number for number in CONNECTORS if isinstance(world.store.session(number), Idle) and number not in kept]
    owed = sum(record.connector == 0 for record in world.store.reservations.values())
    assert len(idle) >= owed, f"{owed} reservations of connector 0, and only {idle} are left"
    for number in CONNECTORS:
        if number in kept:
            assert isinstance(world.store.session(number), Idle), f"a session runs on connector {number}, which is reserved"


@pytest.mark.section("5.13")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=25))
def test_one_connector_is_always_kept_for_each_holder(happenings: list[tuple[Any, ...]]) -> None:
    world = World(3, keys={"ConnectionTimeOut": 60})
    for step in happenings:
        act(world, step)
        check(world)
    # Whoever holds a reservation may still use it: nothing that strangers began stands in his way.
    for record in list(world.store.reservations.values()):
        world.advance(61)  # who waits for a plug has waited long enough
        left = [other.reservation_id for other in world.store.reservations.values() if other.id_tag == record.id_tag]
        if left != [record.reservation_id] or record.id_tag in charging(world):
            continue  # it expired, or another one is as good; or the card would end the session that he has elsewhere
        free = [n for n in CONNECTORS if world.plants[n].pilot.state == "A" and isinstance(world.store.session(n), Idle)]
        if record.connector in free:
            world.tap(record.id_tag)
            world.plug(record.connector)
            assert world.contactor(record.connector), f"{record.id_tag} was promised connector {record.connector}"
            assert world.calls("StartTransaction")[-1]["reservationId"] == record.reservation_id


@pytest.mark.section("4.9")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(troubles, max_size=25))
def test_with_faults_and_outages_statuses_follow_the_table_and_no_reservation_outlives_its_connector(
    happenings: list[tuple[Any, ...]],
) -> None:
    """That each status may follow the one before, the world itself checks at every step."""
    world = World(3, keys={"ConnectionTimeOut": 60})
    for step in happenings:
        act(world, step)
        for record in world.store.reservations.values():
            shown = {world.status(number) for number in ((record.connector,) if record.connector else CONNECTORS)}
            assert shown - {"Faulted", "Unavailable"}, f"reservation {record.reservation_id} outlived its connector"
        for number, record in ((one.connector, one) for one in world.store.reservations.values() if one.connector):
            assert world.status(number) in ("Reserved", "Preparing"), f"connector {number} is kept for {record.id_tag}"
