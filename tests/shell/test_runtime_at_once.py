"""A frame that comes while the runtime waits for an event: its step is taken in the very turn of the loop in which it came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.events import FrameReceived, LinkAlive, LookedUp, StopAsked
from chargepoint.shell.link import AT_ONCE_MAX, SOON_SIZE_MAX
from chargepoint.shell.runtime import IMPOSSIBLE_EXIT_STATUS
from tests.shell.fakes import COMMIT, Rig, until
from tests.shell.peers import address, linked, peer

STOP = [fx.Exit("stop")]
ASKED = FrameReceived("asked")


@asynccontextmanager
async def waiting(rig: Rig) -> AsyncIterator[asyncio.Task[int]]:
    """It runs and waits for an event; at the end it is stopped, where it has not ended by itself."""
    running = asyncio.create_task(rig.runtime.run())
    await asyncio.sleep(0)
    try:
        yield running
    finally:
        rig.runtime.end(0)
        await asyncio.wait({running}, timeout=5)


async def test_its_effects_are_there_before_anything_else_had_a_turn() -> None:
    rig = Rig(FrameReceived=[fx.SendFrame("answer")])
    async with waiting(rig):
        assert rig.inbox.put_frame_now(ASKED, at_once=True)
        assert rig.diary.lines == [("received", "asked"), ("sent", "answer"), ("send", "answer")]
        assert rig.audience.changes == 1
        assert len(rig.inbox) == 0


async def test_what_the_store_must_do_first_is_waited_for_and_what_came_meanwhile_follows() -> None:
    rig = Rig(FrameReceived=[COMMIT, fx.LookUp(5, "CARD"), fx.SendFrame("answer")], StopAsked=STOP)
    rig.store.gate.clear()
    async with waiting(rig) as running:
        assert rig.inbox.put_frame_now(ASKED, at_once=True)
        assert rig.inbox.put_frame_now(FrameReceived("next"), at_once=True)
        rig.inbox.put(StopAsked())
        await until(lambda: rig.store.committing)
        assert rig.diary.lines == [("received", "asked")]
        rig.store.gate.set()
        assert await running == 0
    assert rig.station.events == [
        ASKED,
        LookedUp(5, None, None),
        FrameReceived("next"),
        LookedUp(5, None, None),
        StopAsked(),
    ]
    assert rig.diary.lines[1:4] == ["commit", ("look up", "CARD"), ("sent", "answer")]


async def test_a_frame_waits_behind_what_waits_already_and_behind_a_deadline() -> None:
    rig = Rig(StopAsked=STOP)
    async with waiting(rig) as running:
        rig.station.deadline_s = rig.clock.at_s
        assert rig.inbox.put_frame_now(ASKED, at_once=True)
        rig.station.deadline_s = None
        rig.inbox.put(LinkAlive())
        assert rig.inbox.put_frame_now(FrameReceived("later"), at_once=True)
        assert rig.station.events == []
        rig.inbox.put(StopAsked())
        assert await running == 0
    assert rig.station.events == [ASKED, LinkAlive(), FrameReceived("later"), StopAsked()]


async def test_a_deadline_that_such_a_step_brings_is_kept() -> None:
    rig = Rig(Tick=STOP)

    def answered(event: object) -> list[fx.Effect]:
        rig.station.deadline_s = rig.clock.at_s + 0.01
        return []

    rig.station.script["FrameReceived"] = answered
    async with waiting(rig) as running:
        rig.inbox.put_frame_now(ASKED, at_once=True)
        await asyncio.sleep(0)
        rig.clock.at_s += 0.02
        assert await asyncio.wait_for(running, 2) == 0
    assert rig.station.seen() == ["FrameReceived", "Tick"]


async def test_an_impossible_state_ends_the_run_as_it_does_in_any_other_step() -> None:
    def impossible(event: object) -> list[fx.Effect]:
        raise AssertionError("two sessions on one connector")

    rig = Rig(FrameReceived=impossible)
    async with waiting(rig) as running:
        assert rig.inbox.put_frame_now(ASKED, at_once=True)
        assert rig.diary.lines[-1] == "safe"
        assert rig.inbox.put_frame_now(FrameReceived("next"), at_once=True)
        assert await running == IMPOSSIBLE_EXIT_STATUS
    assert rig.station.events == [ASKED]


async def test_an_effect_that_breaks_ends_the_run_and_not_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(direction: str, text: str | bytes) -> None:
        raise RuntimeError("nobody there")

    rig = Rig(FrameReceived=[])
    monkeypatch.setattr(rig.audience, "frame", breaks)
    async with waiting(rig) as running:
        assert rig.inbox.put_frame_now(ASKED, at_once=True)
        with pytest.raises(RuntimeError, match="nobody there"):
            await running
    assert rig.diary.lines == ["safe"]


@pytest.mark.parametrize(
    ("burst", "queued"),
    [([str(number) for number in range(AT_ONCE_MAX + 3)], 3), (["[" + SOON_SIZE_MAX * " " + "]", "1"], 2)],
    ids=["many", "long"],
)
async def test_many_frames_of_one_packet_and_long_ones_are_queued(burst: list[str], queued: int) -> None:
    async with peer() as there, linked(address(there.port)) as link:
        await link.up()
        offered: list[str | bytes] = []

        def offer(frame: FrameReceived) -> bool:
            offered.append(frame.text)
            return True

        link.inbox.on_frame = offer
        (connection,) = there.connections
        connection.transport.write(b"".join(map(frame_of, burst)))
        heard = await link.frames(queued)
        assert heard == [text for text in burst if text not in offered]
        assert len(offered) == len(burst) - queued
        assert len(offered) <= AT_ONCE_MAX


def frame_of(text: str) -> bytes:
    """What a Central System writes for it."""
    size = bytes([len(text)]) if len(text) < 126 else bytes([126, *len(text).to_bytes(2, "big")])
    return b"\x81" + size + text.encode()
