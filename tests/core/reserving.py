"""What stories of reservations share: a ReserveNow in one line."""

from datetime import UTC, datetime

from tests.core.central_system import Payload
from tests.core.harness import World

HOUR_S = 3_600.0


def time_of(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request(
    world: World,
    connector: int = 1,
    id_tag: str = "HOLDER",
    *,
    number: int = 7,
    parent: str | None = None,
    for_s: float = HOUR_S,
) -> Payload:
    """A ReserveNow.req that ends so many seconds from now."""
    expiry = time_of(world.wall_s + for_s)
    payload: Payload = {"connectorId": connector, "expiryDate": expiry, "idTag": id_tag, "reservationId": number}
    return payload if parent is None else {**payload, "parentIdTag": parent}


def reserve(world: World, connector: int = 1, id_tag: str = "HOLDER", **more: object) -> str:
    """ReserveNow; the status of its answer."""
    return str(world.call("ReserveNow", request(world, connector, id_tag, **more))["status"])  # type: ignore[arg-type]


def cancel(world: World, number: int = 7) -> str:
    """CancelReservation; the status of its answer."""
    return str(world.call("CancelReservation", reservationId=number)["status"])


def reserved(connector: int = 1, *, connectors: int = 1, **more: object) -> World:
    """A station with one reservation, number 7, for HOLDER."""
    keys = more.pop("keys", None)
    reservation = {name: more.pop(name) for name in ("parent", "for_s") if name in more}
    world = World(connectors, keys=keys, **more)  # type: ignore[arg-type]
    assert reserve(world, connector, "HOLDER", **reservation) == "Accepted"
    return world
