"""Registration from end to end: what is said after the start, and what is not said before it is accepted."""

import asyncio

import pytest

from hil.csms import NoAnswer, Settings
from tests.e2e.conftest import Rigs
from tests.e2e.rig import IDENTITY

ALL = ("BootNotification", "StatusNotification", "StatusNotification", "StatusNotification")


@pytest.mark.section("4.2")
async def test_boot_then_the_status_of_everything_and_nothing_of_it_after_a_mere_reconnect(rigs: Rigs) -> None:
    rig = await rigs(connectors=2)
    await rig.boot(connectors=2)
    assert tuple(frame.action for frame in rig.sent()) == ALL
    assert [frame["connectorId"] for frame in rig.sent("StatusNotification")] == [0, 1, 2]
    boot = rig.station.boot
    assert boot is not None
    assert (boot["chargePointVendor"], boot["chargePointModel"], boot["firmwareVersion"]) == ("ChargeKing", "CK22", "1.0.0")
    rig.cs.cut()
    await rig.station.wait_connected(after=1)
    await rig.call("TriggerMessage", requestedMessage="Heartbeat")
    await rig.expect("Heartbeat")
    assert tuple(frame.action for frame in rig.sent()) == (*ALL, "Heartbeat")
    rig.clean()


@pytest.mark.section("4.2")
async def test_pending_reads_writes_and_triggers_and_starts_nothing(rigs: Rigs) -> None:
    rig = await rigs(settings=Settings(boot_status="Pending", interval_s=1))
    await rig.start()
    await rig.expect("BootNotification", timeout_s=20)
    await rig.bench.do("plug", connector=1)
    assert await rig.call("RemoteStartTransaction", idTag="ANNA", connectorId=1) == {"status": "Rejected"}
    assert await rig.call("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}
    assert await rig.set_key("MeterValueSampleInterval", 7) == "Accepted"
    assert await rig.key("MeterValueSampleInterval") == "7"
    await rig.metered(1)
    for wanted in ("StatusNotification", "MeterValues"):
        assert await rig.call("TriggerMessage", requestedMessage=wanted, connectorId=1) == {"status": "Accepted"}
        await rig.expect(wanted, connectorId=1)
    boots = rig.sent("BootNotification")
    rig.cs.settings.boot_status = "Accepted"
    again = await rig.expect("BootNotification")
    assert again.at - boots[-1].at >= 1.0
    await rig.status(1, "Preparing")
    rig.clean()


@pytest.mark.section("4.2")
async def test_rejected_is_silent_until_the_interval_is_over(rigs: Rigs) -> None:
    rig = await rigs(settings=Settings(boot_status="Rejected", interval_s=2))
    await rig.start()
    first = await rig.expect("BootNotification", timeout_s=20)
    await rig.bench.do("plug", connector=1)
    await rig.bench.do("tap", id_tag="ANNA")
    with pytest.raises(NoAnswer):
        await rig.station.call("GetConfiguration", {}, timeout_s=0.5)
    rig.cs.settings.boot_status = "Accepted"
    second = await rig.expect("BootNotification")
    assert second.at - first.at > 1.9
    await rig.status(1, "Preparing")
    assert [frame.action for frame in rig.sent()][:2] == ["BootNotification"] * 2
    rig.clean()


@pytest.mark.section("4.6")
async def test_the_interval_of_the_answer_is_the_heartbeats_and_a_key(rigs: Rigs) -> None:
    rig = await rigs(settings=Settings(interval_s=1))
    await rig.boot()
    beats = [(await rig.expect("Heartbeat")).at for _ in range(2)]
    assert 0.9 < beats[1] - beats[0] < 1.5
    assert await rig.key("heartbeatinterval") == "1"
    assert await rig.set_key("HeartbeatInterval", 600) == "Accepted"
    await rig.kill()
    rig.cs.settings.interval_s = 0
    await rig.boot()
    assert await rig.key("HeartbeatInterval") == "600"
    rig.clean()


@pytest.mark.section("J 3.1")
async def test_any_identity_and_base_address_find_their_central_system(rigs: Rigs) -> None:
    rig = await rigs(identity="Säule 7/b")
    text = rig.config.read_text(encoding="utf-8")
    await asyncio.to_thread(rig.config.write_text, text.replace('/ocpp"', '/ocpp/"'), encoding="utf-8")
    await rig.boot()
    assert rig.station.connected
    rig.clean()


@pytest.mark.section("J 5.3")
async def test_servers_that_refuse_or_hang_up_are_tried_again_and_told_once(rigs: Rigs) -> None:
    rig = await rigs()
    for what in ({"http": 401}, {"http": 404}, {"close": True}, {"subprotocol": False}):
        rig.cs.rules.next("connect", times=2, **what)
    await rig.boot()
    assert rig.cs.refusals == 4
    lines = [f"no link to the Central System: {told}" for told in ("HTTP 401", "HTTP 404", "subprotocol")]
    log = await rig.logged(*lines)
    assert [log.count(line) for line in lines] == [1, 1, 1]
    rig.clean()


@pytest.mark.section("J 5.3")
async def test_a_half_open_connection_is_found_by_pings(rigs: Rigs) -> None:
    rig = await rigs(keys={"WebSocketPingInterval": 1})
    await rig.boot()
    rig.station.freeze()
    await rig.station.wait_connected(after=1, timeout_s=10)
    rig.clean()


@pytest.mark.section("security 2.3")
@pytest.mark.section("tool TC_073")
async def test_a_new_authorization_key_is_used_at_once_kept_and_never_shown(rigs: Rigs) -> None:
    old, new = "00112233445566778899AABBCCDDEEFF", "FFEEDDCCBBAA99887766554433221100"
    config = {"central_system.authorization_key": old, "central_system.security_profile": 1}
    rig = await rigs(config=config, settings=Settings(password=bytes.fromhex(old)))
    await rig.boot()
    assert await rig.set_key("AuthorizationKey", new) == "Accepted"
    await rig.station.wait_connected(after=1)
    shown = await rig.call("GetConfiguration")
    assert "AuthorizationKey" not in {entry["key"] for entry in shown["configurationKey"]}
    await rig.kill()
    await rig.boot()
    assert rig.cs.refusals == 0
    await rig.kill()
    # The installer writes another one: it is newer than what the Central System gave, also for the doctor.
    latest = "0123456789ABCDEF0123456789ABCDEF"
    rig.cs.settings.passwords[IDENTITY] = bytes.fromhex(latest)
    text = await asyncio.to_thread(rig.config.read_text)
    await asyncio.to_thread(rig.config.write_text, text.replace(old, latest))
    _, found, _ = await rig.command("doctor", "--json", "--only", "central-system", "--config", str(rig.config))
    assert "password: accepted" in found
    await rig.boot()
    assert rig.cs.refusals == 0
    log = await asyncio.to_thread(rig.log.read_text)
    assert [key for key in (old, new, latest) if key in log] == []
    rig.clean()
