"""Parts that are not there when the station starts: it stays up, says what is missing and why, and what can charge charges."""

import asyncio
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.bench import config
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, Rig

pytestmark = [
    pytest.mark.section("4.9"),
    pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has GPIO lines, and they are not ours to move"),
]

Part = dict[str, Any]
GONE = "/dev/serial/by-id/is-not-there"
MISSING: dict[int, tuple[str, Part, str]] = {
    1: ("contactor", {"driver": "gpio", "pin": 17}, "InternalError"),
    2: (
        "pilot",
        {
            "driver": "iec61851",
            "spi_bus": 9,
            "pilot_channel": 0,
            "proximity_channel": 1,
            "scale": -10.0,
            "offset_v": 16.5,
            "pwm_chip": "/sys/class/pwm/pwmchip9",
        },
        "InternalError",
    ),
    3: ("lock", {"driver": "gpio", "lock_pin": 5, "unlock_pin": 6}, "InternalError"),
    4: ("meter", {"driver": "modbus_meter", "bus": "gone", "map": "sdm630", "unit_id": 1}, "PowerMeterFailure"),
    6: ("contactor", {"driver": "gpio", "pin": 26}, "InternalError"),
    7: ("contactor", {"driver": "gpio", "pin": 26}, "InternalError"),
    8: ("contactor", {"driver": "gpio", "pin": 99}, "InternalError"),
}
READERS: dict[str, Part] = {
    "2": {"driver": "mfrc522", "device": "/dev/spidev9.1", "connectors": [1]},
    "3": {"driver": "pn532", "port": f"{GONE}-either", "connectors": [2]},
    "4": {"driver": "keyboard", "device": "/dev/input/by-id/is-not-there", "connectors": [5]},
}
LAMPS: Part = {"driver": "lights", "rgb": {"red": 20, "green": 21, "blue": 22}}
SAYS = 15  # characters that tell more than a name


async def rewrite(rig: Rig, change: Callable[[Part], object]) -> None:
    """Changes the station's file before its start."""
    document = tomllib.loads(await asyncio.to_thread(rig.config.read_text))
    change(document)
    await asyncio.to_thread(config.write, rig.config, document)


async def status(rig: Rig) -> Part:
    code, out, error = await rig.command("status", "--json", "--config", str(rig.config))
    assert code == 0, error
    answer: Part = json.loads(out)
    return answer


def take_away(document: Part) -> None:
    for number, (kind, part, _) in MISSING.items():
        document["connectors"][str(number)][kind] = part
    document["connectors"]["5"]["indicator"] = LAMPS
    document["buses"]["gone"] = {"driver": "modbus_rtu", "port": GONE, "baud": 9600}
    document["readers"] = READERS


async def test_what_needs_a_missing_part_is_faulted_with_words_and_the_rest_charges(rigs: Rigs) -> None:
    rig = await rigs(connectors=8)
    await rewrite(rig, take_away)
    await rig.start()
    for number, (_, _, code) in MISSING.items():
        await rig.status(number, "Faulted", errorCode=code, timeout_s=20.0)
    told = await status(rig)
    for number, (kind, _, _) in MISSING.items():
        assert len(told["connectors"][str(number)]["lost"][kind]) > SAYS
    for number, other in ((6, 7), (7, 6)):
        lost = told["connectors"][str(number)]["lost"]
        assert f"GPIO26 is claimed by [connectors.{other}.contactor] too" in lost["contactor"]
    assert {"reader 2", "reader 3", "reader 4", "indicator 5"} <= told["lost"].keys()
    assert all(len(why) > SAYS for why in told["lost"].values())
    fifth = await rig.status(5, "Available", errorCode="ReaderFailure")
    assert fifth["info"] == "Card reader does not answer"
    await rig.bench.do("plug", connector=5)
    await rig.status(5, "Preparing")
    assert (await rig.call("RemoteStartTransaction", connectorId=5, idTag=CARD))["status"] == "Accepted"
    await rig.contactor("closed", 5)
    assert (await rig.call("RemoteStartTransaction", connectorId=1, idTag=CARD))["status"] == "Rejected"
    rig.clean()


async def test_without_its_safety_inputs_the_whole_station_is_faulted_and_says_so(rigs: Rigs) -> None:
    line = {"kind": "emergency_stop", "pin": 23}
    rig = await rigs()
    await rewrite(rig, lambda document: document.update(inputs={"driver": "gpio", "lines": {"button": line}}))
    await rig.start()
    for number in (0, 1):
        await rig.status(number, "Faulted", errorCode="InternalError", timeout_s=20.0)
    assert len((await status(rig))["lost"]["inputs"]) > SAYS
    rig.clean()
