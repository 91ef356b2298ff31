"""The inbox: order, and what happens at each bound."""

import asyncio

import pytest

from chargepoint.core.events import CardSeen, Event, FrameReceived, LinkDown, MeterRead, PilotSeen, StopAsked
from chargepoint.facts import Card, Reading
from chargepoint.shell.inbox import FACTS_MAX, FRAMES_MAX, FRAMES_SIZE_MAX, Inbox
from tests.shell.fakes import pilot, until


def read(connector: int, energy_wh: float) -> MeterRead:
    return MeterRead(connector, Reading(energy_import_wh=energy_wh), began_s=energy_wh)


async def test_events_come_out_in_their_order() -> None:
    inbox = Inbox()
    events: list[Event] = [LinkDown("a"), StopAsked(), LinkDown("b")]
    for event in events:
        inbox.put(event)
    assert [await inbox.take(0) for _ in events] == events
    assert await inbox.take(0) is None


async def test_an_empty_inbox_gives_nothing_within_the_time() -> None:
    assert await Inbox().take(0.01) is None


async def test_a_waiting_taker_gets_what_is_put_meanwhile() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take(None))
    await asyncio.sleep(0)
    inbox.put(StopAsked())
    assert await taking == StopAsked()


async def test_of_two_readings_of_one_meter_the_newer_one_stays_at_its_own_place() -> None:
    inbox = Inbox()
    for event in (read(1, 10), read(2, 20), LinkDown("x"), read(1, 11)):
        await inbox.put_fact(event)
    assert [await inbox.take(0) for _ in range(len(inbox))] == [read(2, 20), LinkDown("x"), read(1, 11)]
    await inbox.put_fact(read(1, 12))
    assert await inbox.take(0) == read(1, 12)


async def test_ten_thousand_readings_while_nobody_takes_are_one() -> None:
    inbox = Inbox()
    for number in range(10_000):
        inbox.put(read(1, number))
    assert len(inbox) == 1
    assert await inbox.take(0) == read(1, 9_999)


async def test_long_frames_wait_at_the_bound_of_their_size_but_one_is_always_taken() -> None:
    inbox = Inbox()
    half, whole = "x" * (FRAMES_SIZE_MAX // 2), "x" * (FRAMES_SIZE_MAX + 1)
    await inbox.put_frame(FrameReceived(half))
    await inbox.put_frame(FrameReceived(half))
    late = asyncio.create_task(inbox.put_frame(FrameReceived(whole)))
    await asyncio.sleep(0.01)
    assert len(inbox) == 2
    assert await inbox.take(0) == FrameReceived(half)
    await asyncio.sleep(0.01)
    assert not late.done()
    assert await inbox.take(0) == FrameReceived(half)
    await asyncio.wait_for(late, 1)
    assert await inbox.take(0) == FrameReceived(whole)


async def test_frames_wait_at_their_bound_and_go_on_when_one_was_taken() -> None:
    inbox = Inbox()
    for number in range(FRAMES_MAX):
        await inbox.put_frame(FrameReceived(str(number)))
    late = asyncio.create_task(inbox.put_frame(FrameReceived("late")))
    await asyncio.sleep(0.01)
    assert not late.done()
    inbox.put(StopAsked())  # other events are not held up by frames
    assert await inbox.take(0) == FrameReceived("0")
    await asyncio.wait_for(late, 1)
    rest = [await inbox.take(0) for _ in range(len(inbox))]
    assert rest[-2:] == [StopAsked(), FrameReceived("late")]


async def test_facts_at_their_bound_wait_but_are_never_lost_and_the_reflex_sees_them_first() -> None:
    seen: list[Event] = []
    inbox = Inbox(seen.append)
    for _ in range(FACTS_MAX):
        await inbox.put_fact(CardSeen(1, Card(id_tag="AA")))
    away = PilotSeen(1, pilot("A"))
    late = asyncio.create_task(inbox.put_fact(away))
    await until(lambda: away in seen, "the reflex sees a fact that has to wait")
    assert not late.done()
    taken: list[Event | None] = []
    while len(taken) <= FACTS_MAX:
        taken.append(await inbox.take(1))
    assert taken[-1] == away
    assert late.done()


async def test_one_who_gives_up_waiting_leaves_nothing_behind() -> None:
    inbox = Inbox()
    for number in range(FRAMES_MAX):
        await inbox.put_frame(FrameReceived(str(number)))
    late = asyncio.create_task(inbox.put_frame(FrameReceived("late")))
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert [await inbox.take(0) for _ in range(FRAMES_MAX)][-1] == FrameReceived(str(FRAMES_MAX - 1))
    assert await inbox.take(0) is None
