"""The thread between a port that blocks and the event loop."""

import asyncio
import threading

import pytest

from chargepoint.facts import Card
from chargepoint.ports import DriverError
from drivers.cards.lookout import WAITING_MAX, Lookout

BOUND_S = 5.0


class Watch:
    """Gives what it was told, then nothing, or raises."""

    def __init__(self, *seen: Card | Exception) -> None:
        self._seen = list(seen)
        self.closed = threading.Event()
        self.looked = threading.Event()

    def look(self) -> Card | None:
        if not self._seen:
            self.looked.set()
            return None
        seen = self._seen.pop(0)
        if isinstance(seen, Exception):
            raise seen
        return seen

    def pause_s(self) -> float:
        return 0.001

    def close(self) -> None:
        self.closed.set()


def card(number: int) -> Card:
    return Card(id_tag=f"{number:08X}")


async def test_cards_come_in_order_and_the_error_after_them() -> None:
    watch = Watch(card(1), card(2), DriverError("gone"))
    lookout = await Lookout.open("reader", lambda: watch)
    cards = lookout.cards()
    assert [await anext(cards), await anext(cards)] == [card(1), card(2)]
    with pytest.raises(DriverError, match="gone"):
        await anext(cards)
    assert watch.closed.wait(BOUND_S)
    await lookout.close()


async def test_closing_ends_thread_watch_and_cards() -> None:
    watch = Watch()
    lookout = await Lookout.open("reader", lambda: watch)

    async def follow() -> list[Card]:
        return [one async for one in lookout.cards()]

    following = asyncio.create_task(follow())
    await lookout.close()
    await lookout.close()
    assert watch.closed.is_set()
    assert await asyncio.wait_for(following, BOUND_S) == []


async def test_a_failure_to_open_is_the_openers() -> None:
    def fail() -> Watch:
        raise DriverError("no such port")

    with pytest.raises(DriverError, match="no such port"):
        await Lookout.open("reader", fail)


async def test_an_opening_that_nobody_waits_for_any_more_is_closed_again() -> None:
    watch, goes_on = Watch(), threading.Event()

    def slow() -> Watch:
        goes_on.wait(BOUND_S)
        return watch

    opening = asyncio.create_task(Lookout.open("reader", slow))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    goes_on.set()
    assert await asyncio.to_thread(watch.closed.wait, BOUND_S)


async def test_where_nobody_fetches_cards_the_oldest_are_dropped() -> None:
    watch = Watch(*(card(number) for number in range(WAITING_MAX + 5)))
    lookout = await Lookout.open("reader", lambda: watch)
    assert await asyncio.to_thread(watch.looked.wait, BOUND_S)
    cards = lookout.cards()
    assert await asyncio.wait_for(anext(cards), BOUND_S) == card(5)
    await lookout.close()
