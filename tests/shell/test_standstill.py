"""The standstill: a contactor does not stay closed while the event loop does not turn."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from chargepoint.core.events import ContactorSeen, PartBack, PartLost
from chargepoint.shell import part, standstill
from chargepoint.shell.hardware import Hardware
from chargepoint.shell.standstill import STANDS_S, Standstill
from tests.shell.drivers import Workshop, let_go, settings
from tests.shell.fakes import until

BEAT_S = 0.01


class Told:
    """What a standstill asks and does, in a time that only the story moves: a busy machine stops loops of its own accord."""

    def __init__(self, closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed = closed
        self.opened_by: list[int] = []
        self.over: list[float] = []
        self.at_s = 100.0
        self.looked = threading.Event()
        monkeypatch.setattr(standstill, "time", SimpleNamespace(monotonic=lambda: self.at_s))

    def asked(self) -> bool:
        """It is asked for only where the loop stands."""
        self.looked.set()
        return self.closed

    def open(self) -> None:
        self.opened_by.append(threading.get_ident())

    async def stands(self, *for_s: float) -> None:
        """The loop is blocked for so long each time, until the thread has seen it, and turns again."""
        watch = Standstill(self.asked, self.open, self.over.append, stands_s=STANDS_S, beat_s=BEAT_S)
        task = asyncio.create_task(watch.watch())
        for one_s in (0.0, *for_s):
            self.at_s += one_s
            if one_s > STANDS_S:
                assert self.looked.wait(10)
                time.sleep(5 * BEAT_S)  # noqa: ASYNC251 - the mistake that this is about
            await until(lambda: watch._turned_s == self.at_s)
        await asyncio.sleep(5 * BEAT_S)
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.section("IEC 61851-1 6.3.1.5")
async def test_a_closed_contactor_is_opened_by_another_thread_and_told_when_the_loop_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told(True, monkeypatch)
    await told.stands(2.3)
    assert len(told.opened_by) == 1
    assert told.opened_by[0] != threading.get_ident()
    assert told.over == [pytest.approx(2.3)]


async def test_where_nothing_is_closed_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(False, monkeypatch)
    await told.stands(2.3)
    assert (told.opened_by, told.over) == ([], [])


async def test_a_loop_that_turns_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(True, monkeypatch)
    await told.stands(*[0.9 * STANDS_S] * 20)
    assert (told.opened_by, told.over) == ([], [])
    assert not told.looked.is_set()


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
