"""Bad input from every side: the answer is clear, the station runs on, and what is there stays there."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.csms import CallError
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, Rig

HOSTILE = [
    ("", None),
    ("no JSON", None),
    ("{}", None),
    ('[2,"a","ClearCache"]', "FormationViolation"),
    ('[2,"b","ClearCache",[]]', "FormationViolation"),
    ('[2,"c","Fly",{}]', "NotImplemented"),
    ('[2,"d","Reset",{}]', "OccurenceConstraintViolation"),
    ('[2,"e","Reset",{"type":"Soon"}]', "PropertyConstraintViolation"),
    ('[2,"f","Reset",{"type":1}]', "TypeConstraintViolation"),
    ('[2,"g","RemoteStartTransaction",{"idTag":"123456789012345678901"}]', "PropertyConstraintViolation"),
    ('[7,"h",{}]', "ProtocolError"),
    ('[3,"nobody",{}]', None),
    ('[4,"nobody","GenericError","",{}]', None),
    ('[2,"i","ClearCache",{"x":' + "[" * 2_000 + "]" * 2_000 + "}]", "FormationViolation"),
]


def answers(rig: Rig) -> dict[str, str]:
    """CALLERROR codes that came, by message id."""
    return {frame.message_id: frame.code for frame in rig.station.messages if frame.kind == "error" and frame.direction == "in"}


@pytest.mark.section("J 4.2")
async def test_hostile_frames_get_their_callerror_and_the_link_stays(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    for text, _ in HOSTILE:
        await rig.station.send_raw(text)
    await rig.station.send_raw('[2,"big","DataTransfer",{"vendorId":"x","data":"' + "d" * 900_000 + '"}]')
    assert await rig.call("ClearCache") == {"status": "Accepted"}
    assert answers(rig) == {text.split('"')[1]: code for text, code in HOSTILE if code}
    assert rig.station.connections == 1
    for action in ("Authorize", "StartTransaction", "SignCertificate"):
        with pytest.raises(CallError, match=r"Not(Supported|Implemented)"):
            await rig.station.call(action, {}, check_it=False)
    await rig.charging()
    assert not rig.cs.complaints


async def test_wrong_files_start_nothing_and_name_every_mistake(rigs: Rigs) -> None:
    rig = await rigs()
    wrong = rig.directory / "wrong.toml"
    text = await asyncio.to_thread(rig.config.read_text)
    spoilt = text.replace("vendor =", "vendro =").replace('cable = "socket"', 'cable = "sokcet"')
    await asyncio.to_thread(wrong.write_text, f"{spoilt}\nHartbeatInterval = 5\nNumberOfConnectors = 7\n")
    told = [
        f"{wrong}: [station] vendro: unknown key; did you mean vendor?",
        f'{wrong}: [connectors.1] cable: found "sokcet", must be one of "socket", "tethered"',
        f"{wrong}: [configuration] HartbeatInterval: is no known OCPP key; did you mean HeartbeatInterval?",
    ]
    status, out, _ = await rig.command("check-config", "--config", str(wrong))
    assert (status, [line for line in told if line not in out.splitlines()]) == (1, [])
    status, out, err = await rig.command("run", "--config", str(wrong))
    assert (status, out, [line for line in told if line not in err.splitlines()]) == (78, "", [])
    assert "not started" in err
    assert not rig.station.connected
    status, out, _ = await rig.command("check-config", "--config", str(rig.config))
    assert (status, out.splitlines()[-1].startswith(f"{rig.config}: fine")) == (0, True)


async def test_the_control_socket_answers_every_line(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    assert rig.control_socket.stat().st_mode & 0o777 == 0o660
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"do": "statsu"}, "unknown request 'statsu'"),
        ({"do": "present_card", "id_tag": CARD, "reader": 9}, "no reader 9"),
        ({"do": "stop_session", "connector": 1}, "no session runs"),
        ({"do": "set_setting", "name": "HeartbeatInterval", "value": "-1"}, "must lie between"),
        ({"do": "set_setting", "name": "NumberOfConnectors", "value": "2"}, "read-only"),
    ]
    for request, told in wrong:
        answer = await rig.ask(request.pop("do"), **request)
        assert answer["ok"] is False
        assert told in answer["error"]
    assert (await rig.ask("set_setting", name="MinimumStatusDuration", value="0"))["ok"]
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    assert (await rig.ask("present_card", id_tag=CARD))["ok"]
    await rig.status(1, "Charging")
    assert (await rig.ask("status"))["connectors"]["1"]["status"] == "Charging"
    assert (await rig.ask("stop_session", connector=1))["ok"]
    await rig.expect("StopTransaction")
    rig.clean()


async def test_an_unreadable_database_is_moved_aside(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    await rig.charging()
    await rig.bench.do("unplug", connector=1)
    await rig.delivered()
    assert rig.process is not None
    await rig.process.terminate()
    database = rig.directory / "state" / "station.db"
    content = database.read_bytes()[: database.stat().st_size // 2]
    database.write_bytes(content)
    rig.station.forget()
    await rig.boot()
    aside = rig.directory / "state" / "station.db.unreadable-1"
    assert aside.read_bytes() == content
    await rig.logged(f"{database} could not be read", str(aside))
    await rig.charging()
    rig.clean()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk needs root and mount: run the tests as root once")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "chargepoint-test", str(tmp_path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(disk: Path) -> Path:
    """Takes all that is free."""
    filler = disk / "filler"
    space = os.statvfs(disk)
    descriptor = os.open(filler, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, space.f_bavail * space.f_frsize)
    os.close(descriptor)
    return filler


async def test_a_full_disk_ends_sessions_in_order_and_room_brings_the_station_back(rigs: Rigs, disk: Path) -> None:
    rig = await rigs(speed=1000, config={"station.state_dir": disk / "state", "station.control_socket": disk / "c.sock"})
    await rig.boot()
    await rig.charging()
    filler = fill(disk)
    await rig.status(1, "Faulted", errorCode="InternalError", timeout_s=20)
    assert (await rig.connector())["contactor"] == "open"
    (row,) = await rig.delivered()
    assert row.meter_stop_wh == (await rig.connector())["energy_wh"]
    await rig.logged(f"{disk}/state has")
    await rig.bench.do("tap", id_tag=CARD)
    filler.unlink()
    await rig.status(1, "Finishing", errorCode="NoError", timeout_s=20)
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    await rig.charging()
    assert len(rig.rows) == 2
    rig.clean()


async def test_a_state_directory_that_cannot_be_is_a_fault_that_is_told(rigs: Rigs) -> None:
    rig = await rigs()
    state = rig.directory / "state"
    state.rmdir()
    state.write_text("in the way")
    await rig.start()
    await rig.status(0, "Faulted", errorCode="InternalError", timeout_s=20)
    await rig.status(1, "Faulted", errorCode="InternalError")
    await rig.logged(f"{state}: making the directory failed")
    await rig.bench.do("plug", connector=1)
    await rig.bench.do("tap", id_tag=CARD)
    await rig.call("TriggerMessage", requestedMessage="Heartbeat")
    await rig.expect("Heartbeat")
    assert not rig.sent("StartTransaction")
    rig.clean()
