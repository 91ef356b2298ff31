"""The power goes between any two effects of an evening: nothing is lost, and what is billed is what flowed (the step rule)."""

from functools import cache

import pytest

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Charging, Delivery
from chargepoint.messages import ChargePointStatus as Status
from tests.core.harness import World

CONFIRMED = (Delivery.CONFIRMED, Delivery.CONFIRMED)


class Dark(Exception):
    """The power is gone."""


class Fragile(World):
    """A station whose power goes when so many more effects have been performed; below 0: never."""

    def __init__(self, after_power_loss: str) -> None:
        self.left = -1
        super().__init__(2, draws_w=7_200.0, after_power_loss=after_power_loss, keys={"MeterValueSampleInterval": 20})

    def _perform(self, effect: fx.Effect, at_once: list[ev.Event]) -> None:
        if self.left == 0:
            raise Dark
        self.left -= 1
        super()._perform(effect, at_once)


def evening(world: World) -> None:
    """A session from card to card, a remote one that its car ends, an offline one."""
    world.tap("ANNA")
    world.plug(1)
    world.advance(50.0)
    world.plug(2)
    world.call("RemoteStartTransaction", idTag="APP", connectorId=2)
    world.advance(30.0)
    world.tap("ANNA")
    world.unplug(1)
    world.advance(30.0)
    world.disconnect()
    world.unplug(2, side="ev")
    world.unplug(2, side="station")
    world.plug(1)
    world.tap("ANNA")  # known from the cache
    world.advance(30.0)
    world.connect()
    world.tap("ANNA")
    world.unplug(1)
    world.advance(5.0)


def after(left: int, after_power_loss: str, how: str) -> Fragile:
    """The evening up to its dark moment, and an hour with power after it."""
    world = Fragile(after_power_loss)
    try:
        world.left = left
        evening(world)
        world.left = -1
    except Dark:
        world.left = -1
        world.abandon()
        world.cut_power() if how == "power cut" else world.restart()
    for number in world.plants:
        if world.locked(number) and isinstance(world.store.session(number), Charging):
            world.tap(world.store.newest().id_tag)
        world.unplug(number)
    world.advance(200.0)
    return world


@cache
def effects_of_the_evening() -> int:
    world = Fragile("stop")
    before = len(world.effects)
    evening(world)
    return len(world.effects) - before


def test_the_evening_itself() -> None:
    world = after(-1, "stop", "none")
    assert [sent["reason"] for sent in world.calls("StopTransaction")] == ["Local", "EVDisconnected", "Local"]
    assert effects_of_the_evening() > 100


@pytest.mark.section("4.10")
@pytest.mark.parametrize(("after_power_loss", "how"), [("stop", "power cut"), ("resume", "kill")])
@pytest.mark.parametrize("part", range(4))
def test_a_cut_at_any_effect_loses_nothing(part: int, after_power_loss: str, how: str) -> None:
    for left in range(part, effects_of_the_evening(), 4):
        world = after(left, after_power_loss, how)
        where = f"cut after {left} effects"
        assert not any(world.contactor(number) or world.locked(number) for number in world.plants), where
        assert {world.status(number) for number in (0, 1, 2)} == {Status.Available}, where
        assert world.store.rows == {}, where
        assert world.store.dead == {}, where
        records = list(world.store.transactions.values())
        assert all((record.start_delivery, record.stop_delivery) == CONFIRMED for record in records), where
        started = {sent["meterStart"] for sent in world.calls("StartTransaction", connectorId=1)}
        assert len(started) == len([record for record in records if record.connector == 1]), where
        everything_that_flowed_is_billed(world, where)


def everything_that_flowed_is_billed(world: World, where: str) -> None:
    for number, plant in world.plants.items():
        records = [record for record in world.store.transactions.values() if record.connector == number]
        billed_wh = sum((record.meter_stop_wh or 0) - record.meter_start_wh for record in records)
        flown_wh = plant.energy_wh - 1000.0 * number
        assert abs(billed_wh - flown_wh) <= len(records), f"{where}: connector {number} billed {billed_wh} of {flown_wh} Wh"
