"""The local list on real parts: who charges by it, how long 10,000 entries take, and what they hold up meanwhile."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from hil.csms import Settings
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, Rig

MESSAGE_MAX = 10_000
TAKEN_S = 2.0  # what 10,000 entries in one message may take
PROMPT_S = 1.0  # for a contactor to move, whatever else is done; 0.1 s where the machine has nothing else to do

Entry = dict[str, Any]


def entry(id_tag: str, status: str = "Accepted", **info: str) -> Entry:
    return {"idTag": id_tag, "idTagInfo": {"status": status, **info}}


def thousands(first: int, count: int = MESSAGE_MAX) -> list[Entry]:
    """Entries as long as they come: id tags of 20 characters, each with its group and its end."""
    end = "2037-12-31T23:59:59.000Z"
    return [entry(f"TAG{n:017}", parentIdTag=f"GROUP{n % 100:015}", expiryDate=end) for n in range(first, first + count)]


async def send(rig: Rig, version: int, entries: list[Entry], kind: str = "Full") -> tuple[str, float]:
    """SendLocalList; the status of its answer and how long that took."""
    payload = {"listVersion": version, "updateType": kind, "localAuthorizationList": entries}
    began = time.monotonic()
    answer = await rig.station.call("SendLocalList", payload, timeout_s=10.0, check_it=len(entries) < 100)
    return answer["status"], time.monotonic() - began


async def version(rig: Rig) -> int:
    return int((await rig.call("GetLocalListVersion"))["listVersion"])


def resident_bytes(pid: int) -> int:
    """What the process holds of memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.section("3.5.2")
@pytest.mark.section("3.5.4")
async def test_the_list_decides_while_the_central_system_is_away_and_after_a_kill(rigs: Rigs) -> None:
    rig = await rigs(keys={"LocalPreAuthorize": True, "AuthorizationCacheEnabled": False})
    await rig.boot()
    assert await version(rig) == 0
    assert (await send(rig, 1, [entry(CARD), entry("BLOCKED", "Blocked"), entry("GOES")]))[0] == "Accepted"
    changes = [entry("COMES"), {"idTag": "GOES"}]
    assert (await send(rig, 2, changes, "Differential"))[0] == "Accepted"
    assert (await send(rig, 2, changes, "Differential"))[0] == "VersionMismatch"
    await rig.kill()
    await rig.boot()
    assert await version(rig) == 2

    await rig.charging()
    assert not rig.sent("Authorize"), "who is on the list is let in at once"
    await rig.bench.do("tap", id_tag=CARD)
    await rig.expect("StopTransaction")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")

    await rig.cs.go_offline()
    await rig.station.wait_disconnected()
    await rig.bench.do("plug", connector=1)
    for refused in ("BLOCKED", "GOES"):
        await rig.bench.do("tap", id_tag=refused, hold_s=0.05)
        await rig.until(lambda connector: connector["indicator"] == "refused")
    await rig.bench.do("tap", id_tag="COMES")
    await rig.contactor("closed")
    await rig.cs.go_online()
    assert (await rig.expect("StartTransaction"))["idTag"] == "COMES"
    rig.clean()


@pytest.mark.section("5.15")
async def test_ten_thousand_entries_are_taken_in_time_and_hold_up_neither_contactor_nor_heartbeat(rigs: Rigs) -> None:
    rig = await rigs(
        connectors=2, keys={"LocalPreAuthorize": True}, settings=Settings(interval_s=1), options=["--readers", "each"]
    )
    await rig.boot(connectors=2)
    await rig.charging(1)
    assert rig.process is not None
    before = resident_bytes(rig.process.pid)
    took: list[float] = []
    done = asyncio.Event()

    async def updates() -> None:
        """One long list after another, until the rest of the story is over."""
        number = 1
        while not (done.is_set() and len(took) > 2):
            status, seconds = await send(rig, number, thousands(number))
            assert status == "Accepted"
            took.append(seconds)
            number += 1

    sending = asyncio.create_task(updates())
    began = time.monotonic()
    await rig.bench.do("fault", connector=1, kind="emergency_stop", active=True)
    await rig.contactor("open", 1)
    stopped_s = time.monotonic() - began

    await rig.bench.do("plug", connector=2, delay_s=0)
    await rig.status(2, "Preparing")
    began = time.monotonic()
    await rig.bench.do("tap", id_tag=CARD, reader=2)
    await rig.contactor("closed", 2)
    begun_s = time.monotonic() - began

    await rig.station.until(lambda: True if len(rig.sent("Heartbeat")) > 3 else None, 10.0)
    done.set()
    await sending
    beats = [frame.at for frame in rig.sent("Heartbeat")]
    every_s = (beats[-1] - beats[0]) / (len(beats) - 1)  # one by one they are heard late where this loop makes a long list
    grown = resident_bytes(rig.process.pid) - before
    figures = f"updates {[round(one, 2) for one in took]} s, stop {stopped_s:.3f} s, start {begun_s:.3f} s, +{grown >> 20} MiB"
    print(figures)
    assert max(took) < TAKEN_S, figures
    assert stopped_s < PROMPT_S, figures
    assert begun_s < 2 * PROMPT_S, f"it asks the Central System, locks the cable and begins a session; {figures}"
    assert every_s < 1.5, f"heartbeats are due every second, and came at {beats}"
    assert grown < 96 << 20, figures

    assert await version(rig) == len(took)
    rig.clean()


@pytest.mark.section("9.2")
async def test_there_is_room_for_a_hundred_thousand_entries_and_a_card_is_found_at_once(rigs: Rigs) -> None:
    rig = await rigs(keys={"LocalPreAuthorize": True})
    await rig.boot()
    assert rig.process is not None
    before = resident_bytes(rig.process.pid)
    for part in range(10):
        status, seconds = await send(rig, part + 1, thousands(part * MESSAGE_MAX), "Differential")
        assert (status, seconds < TAKEN_S) == ("Accepted", True), f"part {part} took {seconds:.2f} s"
    assert (await send(rig, 11, [entry("ONE_TOO_MANY")], "Differential"))[0] == "Failed"
    assert (await send(rig, 11, thousands(0, MESSAGE_MAX + 1), "Differential"))[0] == "Failed"
    assert (await send(rig, 11, [{"idTag": "TAG00000000000000000"}, entry("FITS")], "Differential"))[0] == "Accepted"
    assert resident_bytes(rig.process.pid) - before < 96 << 20
    await rig.kill()
    await rig.boot()
    assert await version(rig) == 11
    await rig.bench.do("plug", connector=1, delay_s=0)
    await rig.status(1, "Preparing")
    began = time.monotonic()
    await rig.bench.do("tap", id_tag="TAG00000000000099999")
    await rig.contactor("closed")
    assert time.monotonic() - began < PROMPT_S
    assert not rig.sent("Authorize")
    rig.clean()


@pytest.mark.section("5.15")
async def test_a_kill_in_the_middle_of_an_update_leaves_one_list_or_the_other(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    assert (await send(rig, 1, [entry("OLD")]))[0] == "Accepted"
    sending = asyncio.create_task(send(rig, 2, thousands(0)))
    await rig.station.until(lambda: True if rig.station.messages[-1].action == "SendLocalList" else None, 5.0)
    await asyncio.sleep(0.05)
    await rig.kill()
    await asyncio.gather(sending, return_exceptions=True)
    await rig.boot()
    assert await version(rig) in (1, 2)
    assert (await send(rig, 3, [entry("NEW")]))[0] == "Accepted"
    assert await version(rig) == 3


@pytest.mark.section("5.15")
async def test_a_list_that_cannot_be_written_fails_and_the_old_one_stays(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    assert (await send(rig, 1, [entry(CARD)]))[0] == "Accepted"
    await rig.bench.do("fault", connector=0, kind="list_write", active=True)
    last = await until_answered(rig, "Failed", 2)
    assert await version(rig) == last - 1, "the last one before it"
    await rig.bench.do("fault", connector=0, kind="list_write", active=False)
    last = await until_answered(rig, "Accepted", last)
    assert await version(rig) == last
    rig.clean()


async def until_answered(rig: Rig, status: str, first: int) -> int:
    """Sends short lists until one is answered so: the input takes its way through the station. Its version."""
    for number in range(first, first + 200):
        if (await send(rig, number, [entry(f"NEW{number}")]))[0] == status:
            return number
    raise AssertionError(f"no list was answered with {status}")
