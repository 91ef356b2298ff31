"""What a story may do to the time of day: a Central System whose clock is wrong, stands still or is set."""

from datetime import UTC, datetime

from tests.core.harness import World


def text_of(wall_s: float) -> str:
    """The moment as OCPP writes it."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat().replace("+00:00", "Z")


def seconds_of(timestamp: str) -> float:
    """Seconds since 1970 of a timestamp that the station sent; it must be UTC with Z."""
    assert timestamp.endswith("Z"), timestamp
    return datetime.fromisoformat(timestamp).timestamp()


def shift(world: World, by_s: float) -> None:
    """From now on the Central System's clock goes wrong by so many seconds."""

    def time() -> str:
        return text_of(world.wall_s + by_s)

    world.csms.always(
        "BootNotification", lambda _: {"status": "Accepted", "currentTime": time(), "interval": world.csms.heartbeat_s}
    )
    world.csms.always("Heartbeat", lambda _: {"currentTime": time()})


def tell_time(world: World, by_s: float) -> None:
    """The same, and the station hears of it at once, if no CALL of its own is open."""
    shift(world, by_s)
    world.call("TriggerMessage", requestedMessage="Heartbeat")


def station_time(world: World) -> float | None:
    """What time the station believes it is, in seconds since 1970."""
    body, _ = world.control("status")
    return None if body["clock"]["time"] is None else datetime.fromisoformat(body["clock"]["time"]).timestamp()
