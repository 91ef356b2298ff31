"""Routine: what happens in every charge, whichever act it belongs to."""

from hil.demo.play import Play
from hil.demo.scene import Scene

ENERGY_WH = 2_000
CHARGE_S, CHARGE_W = 6.0, 22_080.0  # a charge takes no longer than this, however slow the meters run
START_S = 30.0


async def charges(play: Play, number: int, *, online: bool = True, energy_wh: int = ENERGY_WH) -> None:
    """Waits until current flows and the meter has counted what makes a difference."""
    counted_wh = min(energy_wh, int(CHARGE_S * CHARGE_W * play.stage.options.speed / 3600))
    wanted_wh = play.sessions[-1].before_wh + counted_wh
    await play.until(f"the contactor of connector {number} is closed and current flows", lambda now: now.flows(number))
    if online:
        await play.until("the Central System knows it as Charging", lambda now: now.reported.get(number) == "Charging")
        await play.until("the transaction is in its books", lambda now: _open_row(now, number))
    await play.until(
        f"the meter of connector {number} has counted {counted_wh} Wh", lambda now: now.register_wh(number) >= wanted_wh, 30.0
    )


async def tap_to_stop(play: Play, number: int, id_tag: str) -> None:
    play.page.step("The driver holds the card to the reader again.")
    await play.stage.bench.do("tap", id_tag=id_tag, reader=number)
    await play.until(f"the contactor of connector {number} is open", lambda now: not now.closed(number))


async def booked(play: Play) -> None:
    """Waits until everything that was played is booked and nothing is left to send."""
    count = len(play.sessions)
    reason = play.sessions[-1].reason
    await play.until(
        f"StopTransaction ({reason}) is booked and nothing is left to send",
        lambda now: len(now.rows) == count and all(row["stopped"] for row in now.rows) and now.queued == 0,
    )


async def leave(play: Play, number: int, *, online: bool = True) -> None:
    play.page.step("The cable is pulled.")
    await play.stage.bench.do("unplug", connector=number)
    await play.until(f"connector {number} is Available again", lambda now: now.status(number) == "Available")
    if online:
        await play.until("the Central System knows it", lambda now: now.reported.get(number) == "Available")


def all_available(now: Scene) -> bool:
    return all(now.reported.get(number) == "Available" for number in (0, *now.numbers))


def _open_row(now: Scene, number: int) -> bool:
    return any(row["connector_id"] == number and row["stopped"] is None for row in now.rows)
