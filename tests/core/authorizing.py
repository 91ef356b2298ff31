"""What a station may know of an id tag before a story of authorisation begins."""

from chargepoint.core.records import IdTagRecord
from chargepoint.messages import AuthorizationStatus
from tests.core.harness import BEGIN_WALL_S, World


def entry(what: str, id_tag: str = "CARD1", parent: str | None = None) -> IdTagRecord | None:
    """An entry as it is kept: none, valid, lapsed, lasting (with an expiry to come), or a status."""
    if what == "none":
        return None
    expiry_s = {"lapsed": BEGIN_WALL_S - 1.0, "lasting": BEGIN_WALL_S + 86_400.0}.get(what)
    status = AuthorizationStatus(what) if what in AuthorizationStatus.__members__ else AuthorizationStatus.Accepted
    return IdTagRecord(id_tag=id_tag, status=status, expiry_s=expiry_s, parent_id_tag=parent)


def know(world: World, *, listed: str = "none", cached: str = "none", id_tag: str = "CARD1", parent: str | None = None) -> None:
    """Puts the id on the list, in the cache, or both."""
    for what, place in ((listed, world.store.listed), (cached, world.store.cache)):
        record = entry(what, id_tag, parent)
        if record is not None:
            place[id_tag.casefold()] = record


def station(*, online: bool, keys: dict[str, object] | None = None, **more: object) -> World:
    """A station with a car, that knows the time; offline it has been online before."""
    world = World(keys=keys, **more)  # type: ignore[arg-type]
    world.plug()
    if not online:
        world.disconnect()
    world.forget()
    return world
