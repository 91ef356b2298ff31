"""The contactor on GPIO: coil, feedback, pause and self-test."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chargepoint.ports import DriverError, SelfTestFailed
from drivers.gpio import contactor as driver
from drivers.gpio import inputs
from tests.gpio.conftest import Header

COIL, FEEDBACK, TEST, TRIP = 17, 27, 23, 24
SOON_S = 2.0


async def opened(**table: Any) -> driver.GpioContactor:
    config = msgspec.convert({"pin": COIL, "min_pause_s": 0.0, "closing_ms": 5, "opening_ms": 5, **table}, driver.Config)
    return await driver.open(config, {})


async def soon(states: AsyncIterator[bool]) -> bool:
    async with asyncio.timeout(SOON_S):
        return await anext(states)


async def until(header: Header, pin: int, level: bool) -> None:
    async with asyncio.timeout(SOON_S):
        while header.level(pin) != level:  # noqa: ASYNC110 - a mocked pin tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("active_high", [True, False])
async def test_a_contactor_is_open_from_its_first_moment_and_after_its_end(header: Header, active_high: bool) -> None:
    await header.drive(COIL, not active_high)  # where a board without a station rests
    contactor = await opened(active_high=active_high)
    assert header.is_output(COIL)
    assert header.levels(COIL)[-1] is not active_high
    contactor.set(True)
    await until(header, COIL, active_high)
    await contactor.close()
    await contactor.close()
    assert header.level(COIL) is not active_high


async def test_without_feedback_the_contacts_follow_after_their_times(header: Header) -> None:
    contactor = await opened()
    states = contactor.feedback()
    assert await soon(states) is False
    contactor.set(True)
    assert await soon(states) is True
    contactor.set(False)
    assert header.level(COIL) is False
    assert await soon(states) is False
    await contactor.close()


@pytest.mark.parametrize(
    ("kind", "made", "closed_level"),
    [("mirror", "low", True), ("mirror", "high", False), ("auxiliary", "low", False), ("auxiliary", "high", True)],
)
async def test_feedback_is_told_as_the_contact_and_its_wiring_say(
    header: Header, kind: str, made: str, closed_level: bool
) -> None:
    contactor = await opened(feedback_pin=FEEDBACK, feedback=kind, feedback_made=made, feedback_pull="none")
    states = contactor.feedback()
    first = await soon(states)
    assert first is (closed_level is False)  # a mocked pin rests low
    await header.drive(FEEDBACK, True)
    assert await soon(states) is not first
    await contactor.close()


async def test_a_contact_that_bounces_is_told_once(header: Header) -> None:
    contactor = await opened(feedback_pin=FEEDBACK, feedback="auxiliary", feedback_made="low")
    states = contactor.feedback()
    assert await soon(states) is False
    for level in (False, True, False, True, False):
        await header.drive(FEEDBACK, level)
    assert await soon(states) is True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(states)
    await contactor.close()


async def test_closing_waits_for_the_pause_and_opening_for_nothing(header: Header) -> None:
    began_s = time.monotonic()
    contactor = await opened(min_pause_s=0.05)
    contactor.set(True)
    await until(header, COIL, True)
    assert time.monotonic() - began_s >= 0.05
    contactor.set(False)
    assert header.level(COIL) is False
    contactor.set(True)
    contactor.set(False)  # before the pause is over: the coil never moves
    await asyncio.sleep(0.08)
    assert header.levels(COIL)[-2:] == [True, False]
    await contactor.close()


async def test_another_thread_may_open_at_any_moment(header: Header) -> None:
    contactor = await opened()
    states = contactor.feedback()
    await soon(states)
    contactor.set(True)
    assert await soon(states) is True
    await asyncio.to_thread(contactor.set, False)
    assert header.level(COIL) is False
    assert await soon(states) is False
    await contactor.close()


def rcd(header: Header, *, trips: bool = True, clears: bool = True) -> None:
    """A residual-current device that follows its test output on another thread."""
    line, test = header.factory.pin(f"GPIO{TRIP}"), header.factory.pin(f"GPIO{TEST}")
    changed = test._change_state

    def follow(level: bool) -> bool:
        moved = bool(changed(level))
        if moved and (trips if level else clears):
            asyncio.get_running_loop().run_in_executor(None, line.drive_high if level else line.drive_low)
        return moved

    test._change_state = follow


SELF_TEST = {"output_pin": TEST, "trip_pin": TRIP, "trip_pull": "down", "trip_within_ms": 200, "clear_within_ms": 200}


async def test_a_device_that_trips_and_clears_lets_the_contactor_close(header: Header) -> None:
    rcd(header)
    contactor = await opened(self_test=SELF_TEST)
    contactor.set(True)
    await until(header, COIL, True)
    assert header.levels(TEST) == [False, True, False]
    await contactor.close()


@pytest.mark.parametrize(
    ("device", "words"),
    [({"trips": False}, "did not trip within"), ({"clears": False}, "stayed tripped")],
)
async def test_a_device_that_fails_its_test_keeps_the_contactor_open(
    header: Header, device: dict[str, bool], words: str
) -> None:
    rcd(header, **device)
    contactor = await opened(self_test={**SELF_TEST, "trip_within_ms": 30, "clear_within_ms": 30})
    states = contactor.feedback()
    assert await soon(states) is False
    contactor.set(True)
    with pytest.raises(SelfTestFailed, match=words):
        await soon(states)
    assert True not in header.levels(COIL)
    assert header.level(TEST) is False
    await contactor.close()


async def test_a_device_that_has_tripped_already_is_not_tested(header: Header) -> None:
    await header.drive(TRIP, True)
    contactor = await opened(self_test={**SELF_TEST, "trip_pull": "none"})
    states = contactor.feedback()
    assert await soon(states) is False
    contactor.set(True)
    with pytest.raises(SelfTestFailed, match="has tripped"):
        await soon(states)
    assert True not in header.levels(TEST)
    await contactor.close()


async def test_opening_stops_a_test_that_runs(header: Header) -> None:
    contactor = await opened(self_test={**SELF_TEST, "trip_within_ms": 1_000})
    states = contactor.feedback()
    assert await soon(states) is False
    contactor.set(True)
    await until(header, TEST, True)
    contactor.set(False)
    await until(header, TEST, False)
    with pytest.raises(TimeoutError):  # it was stopped; one that gives up fails the contactor
        async with asyncio.timeout(0.05):
            await anext(states)
    assert True not in header.levels(COIL)
    await contactor.close()


async def test_a_test_that_was_stopped_is_no_ground_fault_and_the_next_one_waits_for_it(header: Header) -> None:
    loop, cleared = asyncio.get_running_loop(), asyncio.Event()
    line, test = header.factory.pin(f"GPIO{TRIP}"), header.factory.pin(f"GPIO{TEST}")
    changed = test._change_state

    def clears() -> None:
        line.drive_low()
        cleared.set()

    def trips_and_clears_late(level: bool) -> bool:
        moved = bool(changed(level))
        if moved:
            loop.call_later(*((0.02, line.drive_high) if level else (0.06, clears)))
        return moved

    test._change_state = trips_and_clears_late
    rcd_line = {"kind": "ground_fault", "pin": TRIP, "pull": "down", "spike_ms": 0}
    station = await inputs.open(msgspec.convert({"lines": {"rcd": rcd_line}}, inputs.Config), {})
    changes = asyncio.ensure_future(anext(station.changes()))
    contactor = await opened(self_test=SELF_TEST)
    contactor.set(True)
    await until(header, TEST, True)
    contactor.set(False)
    await until(header, TRIP, True)
    await asyncio.sleep(0.01)  # for the edge to come through
    contactor.set(True)
    await cleared.wait()
    await until(header, COIL, True)
    assert not changes.done()
    await contactor.close()
    await station.close()
    changes.cancel()


async def test_the_trip_of_a_test_is_no_ground_fault_of_the_station_but_one_after_it_is(header: Header) -> None:
    rcd(header)
    line = {"kind": "ground_fault", "pin": TRIP, "pull": "down", "spike_ms": 0}
    station = await inputs.open(msgspec.convert({"lines": {"rcd": line}}, inputs.Config), {})
    contactor = await opened(self_test=SELF_TEST)
    contactor.set(True)
    await until(header, COIL, True)
    changes = station.changes()
    await header.drive(TRIP, True)
    async with asyncio.timeout(SOON_S):
        assert (await anext(changes)).active  # the first that is told at all
    await contactor.close()
    await station.close()


async def test_a_coil_that_does_not_follow_is_a_part_that_fails(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    contactor = await opened()
    states = contactor.feedback()
    await soon(states)
    monkeypatch.setattr(header.factory.pin(f"GPIO{COIL}"), "_change_state", lambda level: False)
    contactor.set(True)
    with pytest.raises(DriverError, match="GPIO17 is driven high and does not go there"):
        await soon(states)
    await contactor.close()


async def test_two_parts_on_one_pin_fail_in_words_and_free_what_they_took(header: Header) -> None:
    first = await opened()
    with pytest.raises(DriverError, match="GPIO17 serves another part"):
        await opened()
    with pytest.raises(DriverError, match="GPIO17 serves another part"):
        await opened(pin=5, feedback_pin=COIL)
    await first.close()
    again = await opened(pin=5)
    await again.close()


async def test_a_part_that_is_given_up_while_it_opens_keeps_no_pin(header: Header) -> None:
    opening = asyncio.create_task(opened())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                contactor = await opened()
            except DriverError:
                await asyncio.sleep(0.005)
            else:
                break
    await contactor.close()
    assert header.level(COIL) is False


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"pin": 0}, "GPIO0 belongs to the ID EEPROM"),
        ({"pin": 28}, "<= 27"),
        ({"feedback_pin": COIL}, "feedback_pin: GPIO17 is given as pin already"),
        ({"self_test": {**SELF_TEST, "trip_pin": COIL}}, "self_test: GPIO17 is given as pin already"),
        ({"feedback": "sometimes"}, "Invalid enum value"),
    ],
)
def test_a_wrong_table_is_refused_in_words(table: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert({"pin": COIL, **table}, driver.Config)


def test_claims_and_remarks_name_what_an_installer_must_know() -> None:
    config = msgspec.convert({"pin": 5, "self_test": SELF_TEST}, driver.Config)
    assert driver.claims(config) == ("GPIO5", "GPIO23", "GPIO24 (shared)", "the test of GPIO24")
    said = " ".join(driver.remarks(config))
    assert "pulls GPIO5 up at power-on" in said
    assert "welded" in said
    quiet = msgspec.convert({"pin": COIL, "feedback_pin": FEEDBACK}, driver.Config)
    assert driver.remarks(quiet) == []
