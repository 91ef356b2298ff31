"""A station that only knows whether something is plugged."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chargepoint.facts import Pilot, PilotState
from chargepoint.ports import DriverError
from chargepoint.registry import config_of
from drivers.gpio import plug_contacts as driver
from tests.gpio.conftest import Header

PIN = 22
SOON_S = 2.0
EMPTY = Pilot(state=PilotState.A, cable_at_station=False)
PLUGGED = Pilot(state=PilotState.C, cable_at_station=True, cable_a=16.0)


async def opened(**keys: Any) -> driver.PlugContacts:
    table = {"pin": PIN, "plug_ms": 20, **keys}
    return await driver.open(msgspec.convert(table, driver.Config), {})


async def soon(states: AsyncIterator[Pilot]) -> Pilot:
    async with asyncio.timeout(SOON_S):
        return await anext(states)


@pytest.mark.parametrize(("plugged", "pull"), [("low", "up"), ("high", "down")])
async def test_a_plug_is_a_car_that_asks(header: Header, plugged: str, pull: str) -> None:
    high = plugged == "high"
    sensor = await opened(plugged=plugged, pull=pull)
    states = sensor.states()
    assert await soon(states) == EMPTY, "nothing is plugged, and nothing holds the pulled line"
    await header.drive(PIN, high)
    assert await soon(states) == PLUGGED
    sensor.offer(16.0)
    sensor.offer(None)
    await header.drive(PIN, not high)
    assert await soon(states) == EMPTY
    await sensor.close()
    with pytest.raises(StopAsyncIteration):
        await anext(states)


async def test_a_plug_that_is_there_at_the_start_is_told_first(header: Header) -> None:
    await header.drive(PIN, False)
    sensor = await opened(pull="none", cable_a=32.0)
    assert await soon(sensor.states()) == msgspec.structs.replace(PLUGGED, cable_a=32.0)
    await sensor.close()


async def test_a_contact_that_bounces_is_told_once(header: Header) -> None:
    sensor = await opened(plug_ms=50)
    states = sensor.states()
    assert await soon(states) == EMPTY
    for level in (False, True, False, True, False):
        await header.drive(PIN, level)
    assert await soon(states) == PLUGGED
    await header.drive(PIN, True)
    assert await soon(states) == EMPTY
    await sensor.close()


async def test_a_pin_that_another_part_has_is_told(header: Header) -> None:
    sensor = await opened()
    with pytest.raises(DriverError, match=f"GPIO{PIN}"):
        await opened(pull="down")
    await sensor.close()


def test_the_registry_knows_it_and_an_installer_hears_what_it_cannot_do() -> None:
    config = config_of("pilot", {"driver": "plug_contacts", "pin": PIN}).config
    assert isinstance(config, driver.Config)
    assert driver.claims(config) == ("GPIO22",)
    (told,) = driver.remarks(config)
    assert "no car is told how much it may take" in told
    broken = msgspec.structs.replace(config, pull="down", pin=14)
    console, wire, _ = driver.remarks(broken)
    assert "GPIO14 is the serial console" in console
    assert "A broken wire" in wire
