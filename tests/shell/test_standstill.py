"""The standstill: a contactor does not stay closed while the event loop does not turn."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from chargepoint.core.events import ContactorSeen, PartBack, PartLost
from chargepoint.shell import part
from chargepoint.shell.hardware import Hardware
from chargepoint.shell.standstill import Standstill
from tests.shell.drivers import Workshop, let_go, settings

STANDS_S, BEAT_S = 0.05, 0.01


class Told:
    def __init__(self, closed: bool) -> None:
        self.closed = closed
        self.opened_by: list[int] = []
        self.over: list[float] = []

    def open(self) -> None:
        self.opened_by.append(threading.get_ident())

    async def stands(self, for_s: float) -> None:
        """The loop is blocked for so long, and turns again."""
        watch = Standstill(lambda: self.closed, self.open, self.over.append, stands_s=STANDS_S, beat_s=BEAT_S)
        task = asyncio.create_task(watch.watch())
        await asyncio.sleep(2 * BEAT_S)
        if for_s:
            time.sleep(for_s)  # noqa: ASYNC251 - the mistake that this is about
        await asyncio.sleep(5 * BEAT_S)
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.section("IEC 61851-1 6.3.1.5")
async def test_a_closed_contactor_is_opened_by_another_thread_and_told_when_the_loop_turns() -> None:
    told = Told(closed=True)
    await told.stands(0.3)
    assert len(told.opened_by) == 1
    assert told.opened_by[0] != threading.get_ident()
    assert len(told.over) == 1
    assert told.over[0] >= 0.25


async def test_where_nothing_is_closed_nothing_is_opened() -> None:
    told = Told(closed=False)
    await told.stands(0.3)
    assert (told.opened_by, told.over) == ([], [])


async def test_a_loop_that_turns_is_left_alone() -> None:
    told = Told(closed=True)
    await told.stands(0.0)
    assert (told.opened_by, told.over) == ([], [])


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    yield Workshop()
    let_go()


async def test_contactors_that_were_opened_so_are_lost_and_come_back_open(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "BACKOFF_MIN_S", 0.005)
    hardware = Hardware(settings(2), workshop.report, workshop.opener)
    hardware.start()
    for number in (1, 2):
        await workshop.told(ContactorSeen(number, False))
    first = workshop.newest("connectors.1.contactor")
    hardware.set_contactor(1, True)
    workshop.newest("connectors.2.contactor").fails = OSError("the chip is gone")
    await asyncio.to_thread(hardware.open_contactors)
    assert first.commands == [False, True, False]
    hardware.lose_contactors("it stood still")
    await workshop.told(PartLost("contactor", 1, "it stood still"))
    await workshop.told(PartBack("contactor", 1), 2)
    assert workshop.newest("connectors.1.contactor").commands == [False]
    await hardware.stop()
