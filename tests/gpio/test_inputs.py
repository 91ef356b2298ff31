"""Inputs on GPIO: told at once when active, smoothed when not, and fail-safe."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chargepoint.facts import Input, InputKind
from chargepoint.ports import DriverError
from drivers.gpio import bare, wires
from drivers.gpio import inputs as driver
from drivers.gpio.stream import WAITING_MAX
from tests.gpio.conftest import Header

STOP, DOOR = 5, 6
SOON_S = 2.0
EMERGENCY = {"kind": "emergency_stop", "pin": STOP, "spike_ms": 0, "debounce_ms": 20, "pull": "none"}


async def opened(**lines: dict[str, Any]) -> driver.GpioInputs:
    return await driver.open(msgspec.convert({"lines": lines}, driver.Config), {})


async def soon(changes: AsyncIterator[Input]) -> tuple[str, int, bool]:
    async with asyncio.timeout(SOON_S):
        change = await anext(changes)
    return change.kind.value, change.connector, change.active


async def silent(changes: AsyncIterator[Input], for_s: float) -> bool:
    try:
        async with asyncio.timeout(for_s):
            await anext(changes)
    except TimeoutError:
        return True
    return False


async def test_lines_that_are_active_are_told_first_and_then_every_change(header: Header) -> None:
    await header.drive(STOP, True)
    door = {"kind": "door_open", "pin": DOOR, "connector": 2, "active": "low", "spike_ms": 0, "debounce_ms": 1, "pull": "none"}
    inputs = await opened(mushroom=EMERGENCY, door=door)
    changes = inputs.changes()
    assert await soon(changes) == ("emergency_stop", 0, True)
    assert await soon(changes) == ("door_open", 2, True)
    await header.drive(DOOR, True)
    assert await soon(changes) == ("door_open", 2, False)
    await header.drive(STOP, False)
    assert await soon(changes) == ("emergency_stop", 0, False)
    await inputs.close()
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


async def test_a_broken_wire_of_the_default_wiring_is_active(header: Header) -> None:
    inputs = await opened(mushroom={"kind": "emergency_stop", "pin": STOP})
    assert header.level(STOP) is True  # pulled up, and nothing holds it down
    assert await soon(inputs.changes()) == ("emergency_stop", 0, True)
    await inputs.close()


async def test_a_bouncing_contact_is_active_at_once_and_inactive_when_it_is_quiet(header: Header) -> None:
    inputs = await opened(mushroom={**EMERGENCY, "debounce_ms": 300})
    changes = inputs.changes()
    await header.drive(STOP, True)
    assert await soon(changes) == ("emergency_stop", 0, True)
    for level in (False, True, False, True):
        await header.drive(STOP, level)
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.35)
    assert not waiting.done(), "it came to rest active"
    await header.drive(STOP, False)
    async with asyncio.timeout(SOON_S):
        assert not (await waiting).active
    assert await silent(changes, 0.05)
    await inputs.close()


@pytest.mark.section("IEC 61851-1 6.3.1.5")
async def test_of_two_emergency_stops_both_must_be_released(header: Header) -> None:
    inputs = await opened(door_post=EMERGENCY, back={**EMERGENCY, "pin": DOOR}, other={**EMERGENCY, "pin": 7, "connector": 1})
    changes = inputs.changes()
    await header.drive(STOP, True)
    assert await soon(changes) == ("emergency_stop", 0, True)
    await header.drive(DOOR, True)
    await header.drive(7, True)
    assert await soon(changes) == ("emergency_stop", 1, True)
    await header.drive(STOP, False)
    await header.drive(7, False)
    assert await soon(changes) == ("emergency_stop", 1, False), "the station's own still holds"
    await header.drive(DOOR, False)
    assert await soon(changes) == ("emergency_stop", 0, False)
    await inputs.close()


async def test_a_spike_that_is_shorter_than_asked_for_is_not_told(header: Header) -> None:
    line = msgspec.structs.replace(msgspec.convert(EMERGENCY, driver.Line), spike_ms=300)  # a busy machine's spikes are long
    inputs = await driver.open(driver.Config(lines={"mushroom": line}), {})
    changes = inputs.changes()
    waiting = asyncio.ensure_future(anext(changes))
    await header.drive(STOP, True)
    await header.drive(STOP, False)
    await asyncio.sleep(0.35)
    assert not waiting.done()
    await header.drive(STOP, True)
    async with asyncio.timeout(SOON_S):
        assert (await waiting).active
    await inputs.close()


async def test_an_edge_that_is_lost_on_its_way_is_made_up_for(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "RELOOK_S", 0.02)
    inputs = await opened(mushroom=EMERGENCY)
    changes = inputs.changes()
    header.factory.pin(f"GPIO{STOP}")._change_state(True)  # calls nobody back
    assert await soon(changes) == ("emergency_stop", 0, True)
    await inputs.close()


async def test_a_line_that_cannot_be_read_any_more_fails_the_part(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "RELOOK_S", 0.02)
    inputs = await opened(mushroom=EMERGENCY)

    def gone() -> bool:
        raise OSError("the chip is gone")

    monkeypatch.setattr(header.factory.pin(f"GPIO{STOP}"), "_get_state", gone)
    with pytest.raises(DriverError, match="GPIO5: the chip is gone"):
        await soon(inputs.changes())
    await inputs.close()


async def test_a_line_whose_edges_end_fails_the_part_at_once_and_can_be_taken_anew(header: Header) -> None:
    inputs = await opened(mushroom=EMERGENCY)
    wires.Wire._open[STOP]._line.end()  # type: ignore[attr-defined]
    with pytest.raises(DriverError, match="GPIO5: it says no more"):
        await soon(inputs.changes())
    await inputs.close()
    again = await opened(mushroom=EMERGENCY)
    await header.drive(STOP, True)
    assert await soon(again.changes()) == ("emergency_stop", 0, True)
    await again.close()


async def test_a_line_that_cannot_be_read_from_the_start_keeps_no_pin(header: Header) -> None:
    inputs = await opened(mushroom=EMERGENCY)
    wires.Wire._open[STOP]._line.end()  # type: ignore[attr-defined]
    with pytest.raises(DriverError):
        await soon(inputs.changes())
    second = await opened(mushroom=EMERGENCY, door={"kind": "door_open", "pin": DOOR})
    with pytest.raises(DriverError, match="GPIO5: it says no more"):
        await soon(second.changes())
    await second.close()
    await inputs.close()
    assert not wires.Wire._open


async def test_a_line_that_flutters_is_looked_at_a_hundred_times_a_second_at_most(
    header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = await opened(mushroom={**EMERGENCY, "debounce_ms": 0})
    line, looks = wires.Wire._open[STOP]._line, [0]
    seen = line.level

    def level() -> bool:
        looks[0] += 1
        return seen()

    monkeypatch.setattr(line, "level", level)
    monkeypatch.setattr(line, "edges", lambda: bare.EVENTS_MAX)  # and there are always more
    began_s = time.monotonic()
    line._changed(0, 0)  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    assert 2 <= looks[0] <= 100 * (time.monotonic() - began_s) + 15
    await inputs.close()


async def test_a_line_that_flutters_while_nobody_listens_is_bounded(header: Header) -> None:
    inputs = await opened(mushroom={**EMERGENCY, "debounce_ms": 0})
    for number in range(WAITING_MAX + 2):
        await header.drive(STOP, number % 2 == 0)
        await asyncio.sleep(0)
    with pytest.raises(DriverError, match="flutters"):
        await soon(inputs.changes())
    await inputs.close()


async def test_one_pin_with_two_pulls_is_refused_and_the_first_goes_on(header: Header) -> None:
    rcd = {"kind": "ground_fault", "pin": 24, "pull": "down", "spike_ms": 0}
    first = await opened(rcd=rcd)
    with pytest.raises(DriverError, match="GPIO24 is asked for with pull up and with pull down"):
        await opened(rcd={**rcd, "pull": "up"})
    second = await opened(rcd=rcd)
    await second.close()
    await header.drive(24, True)
    assert await soon(first.changes()) == ("ground_fault", 0, True)
    await first.close()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({}, "length >= 1"),
        ({"a": {**EMERGENCY, "pin": 1}}, "lines.a.pin: GPIO1 belongs to the ID EEPROM"),
        ({"a": EMERGENCY, "b": {**EMERGENCY, "kind": "door_open"}}, "lines.b.pin: GPIO5 is given as lines.a.pin already"),
        ({"a": {**EMERGENCY, "kind": "list_write"}}, "test rigs"),
        ({"a": {**EMERGENCY, "spike_ms": 11}}, "<= 10"),
    ],
)
def test_a_wrong_table_is_refused_in_words(lines: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert({"lines": lines}, driver.Config)


def test_claims_and_remarks_name_what_an_installer_must_know() -> None:
    lines = {
        "rcd": {"kind": "ground_fault", "pin": 24},
        "button": {"kind": "stop_button", "pin": 14, "active": "low"},
        "door": {"kind": "door_open", "pin": 25, "active": "low"},
    }
    config = msgspec.convert({"lines": lines}, driver.Config)
    assert driver.claims(config) == ("GPIO24 (shared)", "GPIO14", "GPIO25")
    console, wire = driver.remarks(config)
    assert "GPIO14 is the serial console" in console
    assert "door (door_open)" in wire
    assert config.lines["button"].kind is InputKind.STOP_BUTTON
