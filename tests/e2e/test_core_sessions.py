"""Charges from end to end: whoever comes first, cards that do not fit, remote control, and what is billed."""

import pytest

from hil.csms import IdTag, Settings
from hil.csms.times import from_iso
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD


@pytest.mark.section("3.6")
async def test_plug_tap_charge_tap_unplug_bills_what_the_meter_says(rigs: Rigs) -> None:
    """At a thousand times the speed, and whatever the register did shortly before."""
    rig = await rigs(speed=1000)
    await rig.boot()
    for register_wh in (12_345, 700_000, 2_000):  # the last is a meter that was replaced
        await rig.bench.do("plug", connector=1)
        await rig.status(1, "Preparing")
        await rig.bench.do("meter", connector=1, energy_wh=register_wh)
        await rig.bench.do("tap", id_tag=CARD)
        await rig.expect("StartTransaction", connectorId=1, idTag=CARD, meterStart=register_wh)
        await rig.status(1, "Charging")
        await rig.contactor("closed")
        await rig.grows(3_000)
        await rig.bench.do("tap", id_tag=CARD)
        stop = await rig.expect("StopTransaction", idTag=CARD)
        assert (stop["meterStop"], stop.payload.get("reason", "Local")) == ((await rig.connector())["energy_wh"], "Local")
        await rig.status(1, "Finishing")
        await rig.until(lambda connector: bool(connector["lock"] == "unlocked"))
        await rig.bench.do("unplug", connector=1)
        await rig.status(1, "Available")
    assert rig.statuses(1) == ["Available", *["Preparing", "Charging", "Finishing", "Available"] * 3]
    rig.clean()


@pytest.mark.section("9.1")
async def test_metering_by_transaction_begins_at_zero(rigs: Rigs) -> None:
    rig = await rigs(
        speed=1000, config={"station.metering": "transaction"}, keys={"StopTxnSampledData": "Energy.Active.Import.Register"}
    )
    await rig.boot()
    await rig.bench.do("meter", connector=1, energy_wh=500_000)
    start = await rig.charging()
    await rig.grows(2_000)
    await rig.bench.do("tap", id_tag=CARD)
    stop = await rig.expect("StopTransaction")
    used_wh = (await rig.connector())["energy_wh"] - 500_000
    assert (start["meterStart"], stop["meterStop"]) == (0, used_wh)
    first, last = stop["transactionData"][0], stop["transactionData"][-1]
    assert (first["sampledValue"][0]["value"], last["sampledValue"][0]["value"]) == ("0", str(used_wh))
    rig.clean()


@pytest.mark.section("4.1")
async def test_tap_then_plug_and_an_authorisation_that_nobody_uses(rigs: Rigs) -> None:
    rig = await rigs(keys={"ConnectionTimeOut": 1})
    await rig.boot()
    await rig.bench.do("tap", id_tag=CARD)
    asked = await rig.status(1, "Preparing")
    lapsed = await rig.status(1, "Available")
    began_s, ended_s = from_iso(asked["timestamp"]), from_iso(lapsed["timestamp"])
    assert began_s is not None
    assert ended_s is not None
    assert 0.99 < ended_s - began_s < 5.0, "the key's second, by the station's own clock"
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    assert not rig.sent("StartTransaction")
    await rig.bench.do("tap", id_tag=CARD)
    await rig.status(1, "Preparing")
    await rig.bench.do("plug", connector=1)
    await rig.expect("StartTransaction", connectorId=1)
    await rig.status(1, "Charging")
    rig.clean()


@pytest.mark.section("4.1")
async def test_refused_cards_charge_nothing_and_a_stranger_stops_nothing(rigs: Rigs) -> None:
    tags = {"blocked": IdTag("Blocked"), "old": IdTag(expiry_date="2020-01-01T00:00:00Z"), "lost": IdTag("Invalid")}
    rig = await rigs(settings=Settings(id_tags=tags))
    await rig.boot()
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    for tag in tags:
        await rig.bench.do("tap", id_tag=tag, hold_s=0.05)
        await rig.expect("Authorize", idTag=tag)
        await rig.lamp("refused")
    assert (await rig.connector())["contactor"] == "open"
    await rig.bench.do("tap", id_tag="ANNA", hold_s=0.05)
    await rig.expect("StartTransaction", idTag="ANNA")
    await rig.contactor("closed")
    for tag in ("BERT", "lost"):
        await rig.bench.do("tap", id_tag=tag, hold_s=0.05)
        await rig.lamp("refused")
    assert len(rig.sent("Authorize")) == len(tags) + 1, "of a stranger nobody is asked"
    assert (await rig.connector())["contactor"] == "closed"
    await rig.bench.do("tap", id_tag="anna", hold_s=0.05)
    await rig.expect("StopTransaction", idTag="anna")
    assert len(rig.sent("StartTransaction")) == 1
    rig.clean()


@pytest.mark.section("4.8")
async def test_one_reader_serves_who_waits_longest_and_a_group_may_stop(rigs: Rigs) -> None:
    group = {tag: IdTag(parent_id_tag="FLEET") for tag in ("fleet1", "fleet2")}
    rig = await rigs(connectors=2, settings=Settings(id_tags=group))
    await rig.boot(connectors=2)
    for number in (2, 1):
        await rig.bench.do("plug", connector=number)
        await rig.status(number, "Preparing")
    await rig.bench.do("tap", id_tag="fleet1", hold_s=0.05)
    await rig.expect("StartTransaction", connectorId=2, idTag="fleet1")
    await rig.bench.do("tap", id_tag="ANNA", hold_s=0.05)
    await rig.expect("StartTransaction", connectorId=1, idTag="ANNA")
    await rig.contactor("closed", 1)
    await rig.contactor("closed", 2)
    await rig.bench.do("tap", id_tag="fleet2", hold_s=0.05)
    await rig.expect("StopTransaction", idTag="fleet2")
    assert (await rig.connector(1))["contactor"] == "closed"
    assert (await rig.connector(2))["contactor"] == "open"
    rig.clean()


@pytest.mark.section("5.11")
async def test_remote_start_and_stop_with_and_without_a_connector(rigs: Rigs) -> None:
    rig = await rigs(connectors=2, options=("--readers", "each"))
    await rig.boot(connectors=2)
    assert await rig.call("RemoteStartTransaction", idTag="APP", connectorId=2) == {"status": "Accepted"}
    await rig.status(2, "Preparing")
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("plug", connector=2)
    await rig.expect("StartTransaction", connectorId=2, idTag="APP")
    await rig.contactor("closed", 2)
    assert await rig.call("RemoteStartTransaction", idTag="OTHER", connectorId=2) == {"status": "Rejected"}
    assert await rig.call("RemoteStartTransaction", idTag="OTHER", connectorId=3) == {"status": "Rejected"}
    assert await rig.call("RemoteStartTransaction", idTag="OTHER") == {"status": "Accepted"}
    await rig.expect("StartTransaction", connectorId=1, idTag="OTHER")
    assert not rig.sent("Authorize")
    for row in rig.rows:
        assert await rig.call("RemoteStopTransaction", transactionId=row.transaction_id) == {"status": "Accepted"}
        await rig.expect("StopTransaction", transactionId=row.transaction_id, reason="Remote")
    assert await rig.call("RemoteStopTransaction", transactionId=rig.rows[0].transaction_id) == {"status": "Rejected"}
    rig.clean()


@pytest.mark.section("4.10")
async def test_a_cable_without_a_lock_and_a_car_that_leaves(rigs: Rigs) -> None:
    rig = await rigs(options=("--tethered",))
    await rig.boot()
    await rig.charging()
    assert await rig.call("UnlockConnector", connectorId=1) == {"status": "NotSupported"}
    assert (await rig.connector())["contactor"] == "closed"
    await rig.bench.do("unplug", connector=1)
    await rig.contactor("open", timeout_s=0.5)
    await rig.expect("StopTransaction", reason="EVDisconnected")
    await rig.status(1, "Available")
    rig.clean()


@pytest.mark.section("9.1.23")
async def test_pulled_at_the_car_the_cable_is_held_for_its_owner(rigs: Rigs) -> None:
    rig = await rigs(keys={"UnlockConnectorOnEVSideDisconnect": False})
    await rig.boot()
    await rig.charging()
    await rig.bench.do("unplug", connector=1, side="ev")
    await rig.expect("StopTransaction", reason="EVDisconnected")
    await rig.status(1, "Finishing")
    await rig.bench.do("tap", id_tag="STRANGER", hold_s=0.05)
    await rig.expect("Authorize", idTag="STRANGER")
    await rig.lamp("refused")
    assert (await rig.connector())["lock"] == "locked"
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.until(lambda connector: bool(connector["lock"] == "unlocked"))
    await rig.bench.do("unplug", connector=1, side="station")
    await rig.status(1, "Available")
    rig.clean()


@pytest.mark.section("9.1.23")
async def test_a_session_that_waits_for_its_car_goes_on(rigs: Rigs) -> None:
    rig = await rigs(keys={"StopTransactionOnEVSideDisconnect": False})
    await rig.boot()
    await rig.charging()
    await rig.bench.do("ev", connector=1, ready=False)
    await rig.status(1, "SuspendedEV")
    await rig.contactor("open")
    await rig.bench.do("ev", connector=1, ready=True)
    await rig.status(1, "Charging")
    await rig.bench.do("unplug", connector=1, side="ev")
    await rig.status(1, "SuspendedEV")
    await rig.contactor("open")
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Charging")
    await rig.contactor("closed")
    assert len(rig.sent("StartTransaction")) == 1
    assert not rig.sent("StopTransaction")
    rig.clean()


@pytest.mark.section("9.1.24")
@pytest.mark.parametrize("stop", [True, False])
async def test_an_id_that_start_transaction_refuses(rigs: Rigs, stop: bool) -> None:
    rig = await rigs(speed=1000, keys={"StopTransactionOnInvalidId": stop, "MaxEnergyOnInvalidId": 0 if stop else 2_000})
    await rig.boot()
    rig.cs.rules.next("StartTransaction", merge={"idTagInfo": {"status": "Invalid"}})
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    if stop:
        await rig.expect("StopTransaction", reason="DeAuthorized")
        assert (await rig.until(lambda connector: bool(connector["contactor"] == "open")))["lock"] == "locked"
    else:
        await rig.status(1, "SuspendedEVSE")
        assert (await rig.contactor("open"))["energy_wh"] - 12_345 >= 2_000
        assert not rig.sent("StopTransaction")
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.until(lambda connector: bool(connector["lock"] == "unlocked"))
    await rig.delivered()
    rig.clean()


@pytest.mark.section("5.18")
async def test_unlock_stops_the_session_and_a_jam_is_told(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    await rig.charging()
    assert await rig.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    await rig.expect("StopTransaction", reason="UnlockCommand")
    connector = await rig.connector()
    assert (connector["lock"], connector["contactor"]) == ("unlocked", "open")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    await rig.charging()
    await rig.bench.do("fault", connector=1, kind="lock_jammed", active=True)
    assert await rig.call("UnlockConnector", connectorId=1) == {"status": "UnlockFailed"}
    await rig.status(1, "Faulted", errorCode="ConnectorLockFailure")
    await rig.bench.do("fault", connector=1, kind="lock_jammed", active=False)
    assert await rig.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    await rig.status(1, "Finishing")
    rig.clean()
