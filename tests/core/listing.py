"""What stories of the local list share: a SendLocalList in one line."""

from typing import Any

from tests.core.central_system import Payload
from tests.core.harness import World
from tests.core.reserving import time_of


def entry(
    id_tag: str, status: str | None = "Accepted", *, parent: str | None = None, until_s: float | None = None
) -> dict[str, Any]:
    """One entry; status None: without idTagInfo, which deletes. until_s: seconds since 1970."""
    if status is None:
        return {"idTag": id_tag}
    info = {"status": status}
    if parent is not None:
        info["parentIdTag"] = parent
    if until_s is not None:
        info["expiryDate"] = time_of(until_s)
    return {"idTag": id_tag, "idTagInfo": info}


def request(version: int, *entries: dict[str, Any], full: bool = True) -> Payload:
    kind = "Full" if full else "Differential"
    return {"listVersion": version, "updateType": kind, "localAuthorizationList": list(entries)}


def send(world: World, version: int, *entries: dict[str, Any], full: bool = True) -> str:
    """SendLocalList; the status of its answer."""
    return str(world.call("SendLocalList", request(version, *entries, full=full))["status"])


def version(world: World) -> int:
    return int(world.call("GetLocalListVersion")["listVersion"])


def with_list(*entries: dict[str, Any], online: bool = True, **more: Any) -> World:
    """A station with version 1 of a list of these entries."""
    world = World(**more)
    assert send(world, 1, *entries) == "Accepted"
    world.forget()
    if not online:
        world.disconnect()
    return world
