"""The lock on GPIO: pulses, the bolt's contact, tries, and a bolt that jams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from drivers.gpio import lock as driver
from tests.gpio.conftest import Header

LOCK, UNLOCK, BOLT = 20, 21, 26
SOON_S = 2.0
MOTOR = {"lock_pin": LOCK, "unlock_pin": UNLOCK, "pulse_ms": 20, "pause_ms": 5}


async def opened(**table: Any) -> driver.GpioLock:
    return await driver.open(msgspec.convert({**MOTOR, **table}, driver.Config), {})


async def soon(states: AsyncIterator[bool]) -> bool:
    async with asyncio.timeout(SOON_S):
        return await anext(states)


async def test_a_motor_is_driven_for_a_moment_in_each_direction(header: Header) -> None:
    lock = await opened()
    states = lock.states()
    assert await soon(states) is False
    lock.set(True)
    assert await soon(states) is True
    lock.set(False)
    assert await soon(states) is False
    assert header.levels(LOCK) == [False, True, False]
    assert header.levels(UNLOCK) == [False, True, False]
    await lock.close()


async def test_a_bolt_that_follows_is_told_once_its_command_is_done(header: Header) -> None:
    lock = await opened(feedback_pin=BOLT, feedback_locked="high", feedback_pull="down", pulse_ms=200)
    states = lock.states()
    assert await soon(states) is False
    lock.set(True)
    await asyncio.sleep(0.005)
    await header.drive(BOLT, True)
    assert await soon(states) is True
    assert header.levels(LOCK).count(True) == 1
    await header.drive(BOLT, False)  # by hand, or by a broken spring
    assert await soon(states) is False
    await lock.close()


async def test_a_bolt_that_jams_is_tried_again_and_told_where_it_is(header: Header) -> None:
    lock = await opened(feedback_pin=BOLT, feedback_locked="high", feedback_pull="down", tries=3)
    states = lock.states()
    assert await soon(states) is False
    lock.set(True)
    assert await soon(states) is False
    assert header.levels(LOCK).count(True) == 3
    assert header.level(LOCK) is False
    lock.set(True)
    assert await soon(states) is False
    await lock.close()


async def test_the_same_command_again_goes_on_and_another_one_takes_over(header: Header) -> None:
    lock = await opened(pulse_ms=300)
    states = lock.states()
    await soon(states)
    lock.set(True)
    await asyncio.sleep(0.01)
    lock.set(True)
    lock.set(False)
    await asyncio.sleep(0.01)
    assert header.level(LOCK) is False
    assert header.level(UNLOCK) is True
    assert await soon(states) is False
    assert header.levels(LOCK).count(True) == 1
    await lock.close()


async def test_a_bolt_with_one_output_is_held_as_long_as_it_is_locked(header: Header) -> None:
    lock = await driver.open(msgspec.convert({"lock_pin": LOCK, "pulse_ms": 20, "active_high": False}, driver.Config), {})
    states = lock.states()
    assert await soon(states) is False
    assert header.level(LOCK) is True
    lock.set(True)
    assert await soon(states) is True
    assert header.level(LOCK) is False
    await lock.close()
    assert header.level(LOCK) is True


async def test_the_motor_rests_when_the_lock_is_closed_in_the_middle_of_a_pulse(header: Header) -> None:
    lock = await opened(pulse_ms=500)
    lock.set(True)
    await asyncio.sleep(0.01)
    assert header.level(LOCK) is True
    await lock.close()
    lock.set(True)
    await asyncio.sleep(0.01)
    assert (header.level(LOCK), header.level(UNLOCK)) == (False, False)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"unlock_pin": LOCK}, "unlock_pin: GPIO20 is given as lock_pin already"),
        ({"lock_pin": 1}, "lock_pin: GPIO1 belongs to"),
        ({"on_failure": "release", "pulse_ms": 800}, "pulse_ms: at most 500"),
    ],
)
def test_a_wrong_table_is_refused_in_words(table: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert({**MOTOR, **table}, driver.Config)


def test_claims_and_remarks_name_what_an_installer_must_know() -> None:
    config = msgspec.convert({**MOTOR, "pulse_ms": 600, "tries": 3}, driver.Config)
    assert driver.claims(config) == ("GPIO20", "GPIO21")
    jam, slow = driver.remarks(config)
    assert "jammed bolt is not noticed" in jam
    assert "take 2.0 s" in slow
