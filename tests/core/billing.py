"""Sessions and the billing messages that come of them."""

from typing import Any

from tests.core.clocks import seconds_of
from tests.core.harness import BEGIN_WALL_S, World
from tests.core.looking import Sent

BILLING = ("StartTransaction", "MeterValues", "StopTransaction")
OFFLINE = {"AllowOfflineTxForUnknownId": True}


def session(world: World, connector: int = 1, id_tag: str = "CARD1", *, hours: float = 0.0) -> None:
    """A whole session, from tap to unplugging."""
    world.plug(connector)
    world.tap(id_tag, reader=connector if len(world.site.readers) > 1 else 1)
    world.advance(hours * 3_600 or 5)
    world.unplug(connector)
    world.advance(5)


def billed(world: World) -> list[Sent]:
    return [sent for sent in world.sent if sent.action in BILLING]


def actions(world: World) -> list[str]:
    return [sent.action for sent in billed(world)]


def attempts_at(world: World, action: str) -> list[float]:
    return [sent.at_s for sent in world.sent if sent.action == action]


def dead_letters(world: World) -> list[int]:
    return sorted(world.store.dead)


def charging(world: World, connector: int = 1, id_tag: str = "CARD1") -> None:
    world.plug(connector)
    world.tap(id_tag, reader=connector if len(world.site.readers) > 1 else 1)
    assert world.contactor(connector)


def times(world: World, **fields: Any) -> list[float]:
    """Seconds since the story began of all meter values with these fields, to a tenth."""
    return [
        round(seconds_of(value["timestamp"]) - BEGIN_WALL_S, 1)
        for call in world.calls("MeterValues", **fields)
        for value in call["meterValue"]
    ]


def values(world: World, **fields: Any) -> list[dict[str, Any]]:
    """Every sampled value that was sent."""
    return [
        one for call in world.calls("MeterValues", **fields) for value in call["meterValue"] for one in value["sampledValue"]
    ]
