"""Hardware with drivers that fail, hang and come back: what is told, and that nothing else suffers."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from chargepoint.core.events import (
    CardSeen,
    ContactorSeen,
    InputSeen,
    LockSeen,
    MeterOpened,
    MeterRead,
    PartBack,
    PartLost,
    PilotSeen,
)
from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.ports import DriverError, SelfTestFailed
from chargepoint.shell import meter_part, part
from chargepoint.shell.hardware import Hardware
from tests.shell.drivers import A_CARD, A_PILOT, FakePart, Workshop, an_input, let_go, settings
from tests.shell.fakes import pilot, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules, a hundred times faster."""
    monkeypatch.setattr(part, "BACKOFF_MIN_S", 0.005)
    monkeypatch.setattr(part, "BACKOFF_MAX_S", 0.02)
    monkeypatch.setattr(part, "OPEN_S", 0.1)
    monkeypatch.setattr(part, "CLOSE_S", 0.1)
    monkeypatch.setattr(meter_part, "RETRY_S", 0.01)


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    yield Workshop()
    let_go()


@pytest.fixture
async def hardware(workshop: Workshop) -> AsyncIterator[Hardware]:
    all_of_it = Hardware(settings(2), workshop.report, workshop.opener)
    all_of_it.start()
    yield all_of_it
    await all_of_it.stop()


async def test_every_part_is_opened_and_its_facts_are_told(workshop: Workshop, hardware: Hardware) -> None:
    for event in (ContactorSeen(2, False), PilotSeen(1, pilot("A")), LockSeen(2, False)):
        await workshop.told(event)
    await until(lambda: workshop.of(MeterRead))
    (await workshop.opened("connectors.1.pilot")).stream.put(A_PILOT)
    (await workshop.opened("readers.1")).stream.put(A_CARD)
    (await workshop.opened("inputs")).stream.put(an_input(True))
    for later in (PilotSeen(1, A_PILOT), CardSeen(1, A_CARD), InputSeen(an_input(True))):
        await workshop.told(later)
    opened = next(event for event in workshop.of(MeterOpened) if event.connector == 1)
    assert opened.quantities == FakePart.quantities
    assert workshop.of(PartLost) == []


async def test_contactors_and_inputs_are_told_when_they_work_for_the_first_time_and_before_their_facts(
    workshop: Workshop, hardware: Hardware
) -> None:
    (await workshop.opened("inputs")).stream.put(an_input(True))
    await workshop.told(InputSeen(an_input(True)))
    for number in (1, 2):
        await workshop.told(ContactorSeen(number, False))
    assert workshop.of(PartBack).count(PartBack("inputs", 0)) == 1
    assert len(workshop.of(PartBack)) == 3, "and nobody else is"
    assert workshop.events.index(PartBack("inputs", 0)) < workshop.events.index(InputSeen(an_input(True)))
    assert workshop.events.index(PartBack("contactor", 2)) < workshop.events.index(ContactorSeen(2, False))


async def test_a_bolt_that_its_driver_lets_go_is_closed_after_every_contactor(workshop: Workshop) -> None:
    hardware = Hardware(settings(2), workshop.report, workshop.opener)
    hardware.start()
    for number in (1, 2):
        await workshop.told(LockSeen(number, False))
        await workshop.told(ContactorSeen(number, False))
    slow = workshop.newest("connectors.2.contactor")
    locks = [workshop.newest(f"connectors.{number}.lock") for number in (1, 2)]
    slow.hangs_in_close = True
    stopping = asyncio.create_task(hardware.stop())
    await until(lambda: slow.closes == 1)
    assert [lock.closes for lock in locks] == [0, 0]
    await stopping
    assert [lock.closes for lock in locks] == [1, 1]


async def test_a_failed_self_test_is_told_as_such_and_anew_where_the_contactor_was_lost_already(
    workshop: Workshop, hardware: Hardware
) -> None:
    workshop.trouble["connectors.1.contactor"] = DriverError("no chip")
    (await workshop.opened("connectors.1.contactor")).stream.put(DriverError("the wire broke"))
    await workshop.told(PartLost("contactor", 1, "the wire broke"))
    workshop.trouble["connectors.1.contactor"] = SelfTestFailed("the RCD did not trip")
    await workshop.told(PartLost("contactor", 1, "the RCD did not trip", self_test=True))
    tries = workshop.tries["connectors.1.contactor"]
    await until(lambda: workshop.tries["connectors.1.contactor"] > tries + 2)
    assert len(workshop.of(PartLost)) == 2, "each is told once"


async def test_from_the_start_contactors_are_open_and_nothing_is_offered(workshop: Workshop, hardware: Hardware) -> None:
    for number in (1, 2):
        for event in (ContactorSeen(number, False), PilotSeen(number, pilot("A")), LockSeen(number, False)):
            await workshop.told(event)
        assert workshop.newest(f"connectors.{number}.contactor").commands == [False]
        assert workshop.newest(f"connectors.{number}.pilot").commands == [None]
        assert workshop.newest(f"connectors.{number}.lock").commands == []


async def test_meters_that_are_held_open_when_they_may_and_nothing_else_waits_for_them(workshop: Workshop) -> None:
    hardware = Hardware(settings(2), workshop.report, workshop.opener)
    hardware.start(hold_meters=True)
    for event in (ContactorSeen(1, False), ContactorSeen(2, False), PilotSeen(2, pilot("A")), LockSeen(1, False)):
        await workshop.told(event)
    await workshop.opened("readers.1")
    assert not [name for name in workshop.parts if name.endswith(".meter")]
    hardware.open_meters()
    await until(lambda: {event.connector for event in workshop.of(MeterRead)} == {1, 2})
    assert workshop.of(PartLost) == []
    await hardware.stop()


async def test_commands_reach_their_part_at_once(workshop: Workshop, hardware: Hardware) -> None:
    dim = Lights(intensity_percent=20)
    hardware.show(2, Pattern.AVAILABLE)  # what is commanded before a part is open is told when it is
    await until(lambda: "connectors.2.indicator" in workshop.parts and workshop.newest("connectors.2.indicator").commands)
    for event in (ContactorSeen(2, False), PilotSeen(2, pilot("A")), LockSeen(2, False)):
        await workshop.told(event)
    hardware.set_contactor(2, True)
    hardware.offer(2, 16.0)
    hardware.move_lock(2, True)
    hardware.show(2, Pattern.REFUSED, Refusal.BLOCKED)
    hardware.show(2, Pattern.FAULTED, None, Trouble.VEHICLE)
    hardware.adjust_lights(dim)
    assert workshop.newest("connectors.2.contactor").commands == [False, True]
    assert workshop.newest("connectors.2.pilot").commands == [None, 16.0]
    assert workshop.newest("connectors.2.lock").commands == [True]
    assert workshop.newest("connectors.2.indicator").commands[2:] == [
        (Pattern.REFUSED, Refusal.BLOCKED, None),
        (Pattern.FAULTED, None, Trouble.VEHICLE),
        dim,
    ]


async def test_make_safe_and_stop_open_everything_and_close_every_part(workshop: Workshop) -> None:
    hardware = Hardware(settings(2), workshop.report, workshop.opener)
    hardware.start()
    await workshop.told(ContactorSeen(2, False))
    await workshop.told(PilotSeen(2, pilot("A")))
    hardware.set_contactor(2, True)
    hardware.offer(2, 32.0)
    hardware.make_safe()
    assert workshop.newest("connectors.2.contactor").commands[-1] is False
    assert workshop.newest("connectors.2.pilot").commands[-1] is None
    await hardware.stop()
    assert all(made.closes == 1 for parts in workshop.parts.values() for made in parts)
    assert workshop.of(PartLost) == []
    assert all(task.done() for task in hardware.tasks())


async def test_a_part_that_fails_is_lost_once_and_back_once(workshop: Workshop, hardware: Hardware) -> None:
    pilot_1 = await workshop.opened("connectors.1.pilot")
    workshop.trouble["connectors.1.pilot"] = DriverError("pilot 1: no 12 V on the line; check the fuse")
    pilot_1.stream.put(DriverError("pilot 1: the wire is cut"))
    await until(lambda: workshop.tries["connectors.1.pilot"] >= 4)
    assert workshop.of(PartLost) == [PartLost("pilot", 1, "pilot 1: the wire is cut")]
    assert PartBack("pilot", 1) not in workshop.events
    del workshop.trouble["connectors.1.pilot"]
    await workshop.told(PartBack("pilot", 1))
    await workshop.told(PilotSeen(1, pilot("A")), 2)
    assert len(workshop.of(PartLost)) == 1
    back, seen = workshop.events.index(PartBack("pilot", 1)), len(workshop.events)
    assert PilotSeen(1, pilot("A")) in workshop.events[back:seen], "the news comes after the way back"
    assert pilot_1.closes == 1


async def test_a_contactor_comes_back_open_while_offer_lock_and_lamp_are_told_again(
    workshop: Workshop, hardware: Hardware
) -> None:
    dim = Lights(intensity_percent=20)
    await workshop.told(LockSeen(1, False))
    await workshop.told(PilotSeen(1, pilot("A")))
    await workshop.told(ContactorSeen(1, False))
    await workshop.opened("connectors.1.indicator")
    hardware.set_contactor(1, True)
    hardware.offer(1, 13.0)
    hardware.move_lock(1, True)
    hardware.show(1, Pattern.CHARGING)
    hardware.adjust_lights(dim)
    for kind in ("contactor", "pilot", "lock"):
        workshop.newest(f"connectors.1.{kind}").stream.put(DriverError("gone"))
    workshop.newest("connectors.1.indicator").fails = DriverError("gone")
    hardware.show(1, Pattern.SUSPENDED_EV)
    assert (await workshop.opened("connectors.1.contactor", 2)).commands == [False]
    assert (await workshop.opened("connectors.1.pilot", 2)).commands == [13.0]
    assert (await workshop.opened("connectors.1.lock", 2)).commands == [True]
    assert (await workshop.opened("connectors.1.indicator", 2)).commands == [dim, (Pattern.SUSPENDED_EV, None, None)]


async def test_a_plain_call_that_raises_is_a_lost_part_and_nothing_more(workshop: Workshop, hardware: Hardware) -> None:
    await workshop.told(ContactorSeen(1, False))
    workshop.newest("connectors.1.contactor").fails = RuntimeError("coil driver 7")
    hardware.set_contactor(1, True)
    hardware.set_contactor(2, True)
    await until(lambda: workshop.of(PartLost))
    lost = workshop.of(PartLost)[0]
    assert (lost.part, lost.number) == ("contactor", 1)
    assert "coil driver 7" in lost.why
    assert workshop.newest("connectors.2.contactor").commands[-1] is True
    await workshop.told(PartBack("contactor", 1))


async def test_a_lost_part_is_told_before_its_driver_has_closed(
    workshop: Workshop, hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pilot whose bus hangs takes its time to close, and its contactor has 100 ms to open."""
    monkeypatch.setattr(part, "CLOSE_S", 60.0)
    port = await workshop.opened("connectors.1.pilot")
    port.hangs_in_close = True
    port.stream.put(DriverError("pilot 1: no voltage"))
    await workshop.told(PartLost("pilot", 1, "pilot 1: no voltage"))
    await until(lambda: port.closes)
    hardware.offer(1, 6.0)
    assert port.commands == [None], "what is closing is told nothing more"
    assert len(workshop.parts["connectors.1.pilot"]) == 1
    let_go()
    await workshop.opened("connectors.1.pilot", 2)


async def test_a_part_closes_while_its_loss_waits_for_room(workshop: Workshop) -> None:
    room = asyncio.Event()

    async def report(event: object) -> None:
        if isinstance(event, PartLost):
            await room.wait()
        await workshop.report(event)  # type: ignore[arg-type]

    hardware = Hardware(settings(1), report, workshop.opener)
    hardware.start()
    port = await workshop.opened("connectors.1.contactor")
    port.stream.put(DriverError("gone"))
    await until(lambda: port.closes)
    assert workshop.of(PartLost) == []
    room.set()
    await workshop.told(PartLost("contactor", 1, "gone"))
    await hardware.stop()


async def test_a_driver_that_stops_reporting_without_a_word_is_lost(workshop: Workshop, hardware: Hardware) -> None:
    (await workshop.opened("inputs")).stream.put(StopAsyncIteration())
    await until(lambda: workshop.of(PartLost))
    assert workshop.of(PartLost) == [PartLost("inputs", 0, "inputs: the driver has stopped reporting")]
    await workshop.told(PartBack("inputs", 0))


async def test_a_driver_that_hangs_while_opening_holds_nobody_else_up(workshop: Workshop) -> None:
    workshop.hanging.add("connectors.1.lock")
    hardware = Hardware(settings(1), workshop.report, workshop.opener)
    hardware.start()
    await workshop.told(PilotSeen(1, pilot("A")))
    await until(lambda: workshop.of(PartLost))
    assert workshop.of(PartLost) == [PartLost("lock", 1, "lock 1: the driver does not open it within 0.1 s")]
    workshop.hanging.clear()
    await workshop.told(PartBack("lock", 1))
    await hardware.stop()


async def test_a_part_that_cannot_be_opened_at_the_start_is_lost_and_tried_again(workshop: Workshop) -> None:
    workshop.trouble["readers.1"] = DriverError("reader: no chip answers on SPI 0.0")
    hardware = Hardware(settings(1), workshop.report, workshop.opener)
    hardware.start()
    await workshop.told(PartLost("reader", 1, "reader: no chip answers on SPI 0.0"))
    del workshop.trouble["readers.1"]
    await workshop.told(PartBack("reader", 1))
    await hardware.stop()


async def test_a_driver_that_never_closes_does_not_keep_the_station_from_stopping(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * part.CLOSE_S < 4.5, "locks after the others"
    monkeypatch.setattr(part, "CLOSE_S", 0.1)
    hardware = Hardware(settings(1), workshop.report, workshop.opener)
    hardware.start()
    (await workshop.opened("connectors.1.lock")).hangs_in_close = True
    (await workshop.opened("connectors.1.meter")).hangs_in_read = True
    await until(lambda: workshop.newest("connectors.1.meter").reads >= 1)
    async with asyncio.timeout(4.5):
        await hardware.stop()


async def test_one_failed_reading_is_not_a_lost_meter(workshop: Workshop, hardware: Hardware) -> None:
    meter = await workshop.opened("connectors.1.meter")
    await until(lambda: meter.reads >= 1)
    meter.read_error = DriverError("no answer")
    reads = meter.reads
    hardware.read_meter(1)
    await until(lambda: meter.reads == reads + 1)
    meter.read_error = None
    good = len(workshop.of(MeterRead))
    await until(lambda: len(workshop.of(MeterRead)) > good + 2)
    assert workshop.of(PartLost) == []
    assert len(workshop.parts["connectors.1.meter"]) == 1


async def test_three_failed_readings_are_a_lost_meter_until_one_succeeds(workshop: Workshop, hardware: Hardware) -> None:
    meter = await workshop.opened("connectors.1.meter")
    await until(lambda: meter.reads >= 1)
    workshop.trouble["connectors.1.meter"] = DriverError("still silent")
    meter.read_error = DriverError("meter 1: no answer; check power and wiring")
    hardware.read_meter(1)
    await workshop.told(PartLost("meter", 1, "meter 1: no answer; check power and wiring"))
    assert meter.closes == 1
    del workshop.trouble["connectors.1.meter"]
    await workshop.told(PartBack("meter", 1))
    back = workshop.events.index(PartBack("meter", 1))
    await until(lambda: any(isinstance(event, MeterRead) and event.connector == 1 for event in workshop.events[back:]))
    assert [event for event in workshop.of(PartLost) if event.number == 1] == [workshop.of(PartLost)[0]]


async def test_a_meter_that_hangs_is_given_up_and_opened_anew(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_part, "HANG_S", 0.05)
    hardware = Hardware(settings(1), workshop.report, workshop.opener)
    hardware.start()
    meter = await workshop.opened("connectors.1.meter")
    await until(lambda: meter.reads >= 1)
    meter.hangs_in_read = True
    await until(lambda: workshop.of(PartLost))
    assert workshop.of(PartLost) == [PartLost("meter", 1, "meter 1: no reading within 0.05 s")]
    await workshop.told(PartBack("meter", 1))
    await hardware.stop()


async def test_a_meter_that_is_late_at_the_start_is_waited_for(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.trouble["connectors.1.meter"] = DriverError("the meter still boots")
    hardware = Hardware(settings(1), workshop.report, workshop.opener)
    hardware.start()
    await until(lambda: workshop.tries.get("connectors.1.meter", 0) >= 4)
    assert workshop.of(PartLost) == []
    del workshop.trouble["connectors.1.meter"]
    await until(lambda: workshop.of(MeterRead))
    assert not workshop.of(PartLost)
    assert PartBack("meter", 1) not in workshop.events
    await hardware.stop()


async def test_a_reading_that_is_asked_for_begins_after_the_asking(workshop: Workshop) -> None:
    hardware = Hardware(settings(1, meter_poll_s=60.0), workshop.report, workshop.opener)
    hardware.start()
    await until(lambda: workshop.of(MeterRead))
    asked_s = time.monotonic()
    hardware.read_meter(1)
    await until(lambda: len(workshop.of(MeterRead)) == 2)  # long before it is due
    assert workshop.of(MeterRead)[1].began_s >= asked_s
    await hardware.stop()


async def test_a_meter_is_polled_again_and_again(workshop: Workshop, hardware: Hardware) -> None:
    await until(lambda: len([event for event in workshop.of(MeterRead) if event.connector == 2]) >= 3)
    begins = [event.began_s for event in workshop.of(MeterRead) if event.connector == 2]
    assert all(later - earlier >= 0.09 for earlier, later in pairwise(begins))


async def test_the_meters_of_a_bus_wait_for_it_and_share_it(workshop: Workshop) -> None:
    workshop.trouble["buses.meters"] = DriverError("port /dev/ttyAMA0: there is no such port")
    hardware = Hardware(settings(2, bus=True), workshop.report, workshop.opener)
    hardware.start()
    await until(lambda: workshop.tries.get("buses.meters", 0) >= 2)
    assert "connectors.1.meter" not in workshop.parts
    del workshop.trouble["buses.meters"]
    await workshop.opened("connectors.1.meter")
    await workshop.opened("connectors.2.meter")
    assert len(workshop.parts["buses.meters"]) == 1
    await hardware.stop()
    assert workshop.newest("buses.meters").closes == 1


async def test_a_report_that_waits_for_room_holds_only_its_own_part(workshop: Workshop) -> None:
    room = asyncio.Event()

    async def report(event: object) -> None:
        if isinstance(event, MeterRead) and event.connector == 1:
            await room.wait()
        await workshop.report(event)  # type: ignore[arg-type]

    hardware = Hardware(settings(2), report, workshop.opener)
    hardware.start()
    await until(lambda: len([event for event in workshop.of(MeterRead) if event.connector == 2]) >= 2)
    assert [event for event in workshop.of(MeterRead) if event.connector == 1] == []
    room.set()
    await until(lambda: [event for event in workshop.of(MeterRead) if event.connector == 1])
    await hardware.stop()
