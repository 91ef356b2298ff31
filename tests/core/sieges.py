"""Sieges: states of a station that hostile frames may meet, and the attack itself."""

from collections.abc import Callable

from chargepoint.core import events as ev
from tests.core.central_system import After, Silence
from tests.core.harness import World
from tests.core.hostility import Attack, Besieged, Frame


def accepted() -> World:
    return Besieged(2)


def unanswered_boot() -> World:
    world = Besieged(2, online=False)
    world.csms.once("BootNotification", Silence())
    world.connect()
    return world


def registration(status: str) -> Callable[[], World]:
    def build() -> World:
        world = Besieged(2, online=False)
        world.csms.once("BootNotification", {"status": status, "currentTime": world.csms.time(), "interval": 20})
        world.connect()
        return world

    return build


def charging() -> World:
    world = Besieged(2, keys={"MeterValueSampleInterval": 3, "ClockAlignedDataInterval": 5})
    world.plug(1)
    world.tap()
    return world


def unanswered(action: str) -> Callable[[], World]:
    """A driver waits for the answer."""

    def build() -> World:
        world = Besieged(2)
        world.csms.once(action, Silence())
        world.plug(1)
        world.tap()
        return world

    return build


def held() -> World:
    """A refused id: the cable of the ended session is still locked."""
    world = Besieged(2)
    world.csms.once("StartTransaction", {"idTagInfo": {"status": "Blocked"}, "transactionId": 5})
    world.plug(1)
    world.tap()
    world.advance(5)
    return world


def slow_lock() -> World:
    world = Besieged(2, lag_s=1.5)
    world.plants[1].jammed = True
    world.plug(1)
    world.tap()
    world.advance(5)
    return world


def faulted() -> World:
    world = Besieged(2)
    world.plug(1)
    world.tap()
    world.input("emergency_stop")
    return world


def behind() -> World:
    """Many messages wait, and each takes its time."""
    world = Besieged(2, keys={"AllowOfflineTxForUnknownId": True, "MeterValueSampleInterval": 1}, online=False)
    world.plug(1)
    world.tap()
    world.advance(200)
    world.csms.always("MeterValues", After(1.0, {}))
    world.connect()
    return world


def no_time() -> World:
    world = Besieged(2, keys={"AllowOfflineTxForUnknownId": True}, online=False)
    boot = {"status": "Accepted", "currentTime": "1970-01-01T00:00:00Z", "interval": 300}
    world.csms.always("BootNotification", boot)
    world.csms.always("Heartbeat", {"currentTime": "1970-01-01T00:00:00Z"})
    world.plug(1)
    world.tap()
    world.connect()
    return world


def full_disk() -> World:
    world = charging()
    world.deliver(ev.StoreTroubled("the disk is full"))
    return world


STATES = [
    accepted, unanswered_boot, registration("Pending"), registration("Rejected"), charging,
    unanswered("Authorize"), unanswered("StartTransaction"), held, slow_lock, faulted, behind, no_time, full_disk,
]  # fmt: skip


def attack(world: World, thrown: list[tuple[Frame, float]]) -> None:
    """Frames one after the other, with time between them; a station that leaves is started again."""
    fight = Attack(world)
    for frame, wait_s in thrown:
        fight.throw(frame)
        world.advance(wait_s)
        if world.exited:
            fight.settle()
            world.restart()
        elif not world.up:
            world.connect()
    fight.settle()
    if world.exited:
        world.restart()
    elif not world.up:
        world.connect()
    assert world.control("status")[1] is None
