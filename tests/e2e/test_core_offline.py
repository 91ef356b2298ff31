"""Without the Central System, or with one that misbehaves: everything is delivered, once, in order, at the meter's value."""

import pytest

from hil.csms import IdTag, Settings
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD


@pytest.mark.section("4.7")
async def test_a_session_offline_from_the_first_boot_is_delivered_with_its_own_dates(rigs: Rigs) -> None:
    """The station learns the time only afterwards, and from a Central System whose clock is an hour ahead of ours."""
    rig = await rigs(speed=1000, config={"station.offline_behaviour": "accept_all"})
    rig.cs.clock.set_offset(3600)
    await rig.cs.go_offline()
    await rig.start()
    await rig.awake()
    await rig.bench.do("plug", connector=1)
    await rig.knows(1, "Preparing")
    await rig.bench.do("tap", id_tag="UNKNOWN", hold_s=0.05)
    await rig.contactor("closed")
    await rig.grows(2_000)
    await rig.bench.do("tap", id_tag="UNKNOWN", hold_s=0.05)
    register_wh = (await rig.contactor("open"))["energy_wh"]
    await rig.bench.do("unplug", connector=1)
    await rig.cs.go_online()
    (row,) = await rig.delivered()
    assert (row.meter_start_wh, row.meter_stop_wh, row.id_tag) == (12_345, register_wh, "UNKNOWN")
    assert rig.sent()[0].action == "BootNotification"
    rig.clean()


@pytest.mark.section("4.7")
async def test_cut_in_mid_session_and_sessions_after_it_keep_their_order(rigs: Rigs) -> None:
    rig = await rigs(speed=1000, keys={"MeterValueSampleInterval": 1, "StopTxnSampledData": "Energy.Active.Import.Register"})
    await rig.boot()
    await rig.charging()
    await rig.expect("MeterValues")
    await rig.cs.go_offline()
    await rig.grows(3_000)
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    first_wh = (await rig.contactor("open"))["energy_wh"]
    await rig.bench.do("unplug", connector=1)
    await rig.knows(1, "Available")
    await rig.bench.do("plug", connector=1)
    await rig.knows(1, "Preparing")
    await rig.bench.do("tap", id_tag="STRANGER", hold_s=0.05)
    await rig.lamp("refused")
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.contactor("closed")
    await rig.grows(1_000)
    rig.station.forget()
    await rig.cs.go_online()
    await rig.expect("StopTransaction", meterStop=first_wh)
    await rig.expect("StartTransaction", meterStart=first_wh)
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    rows = await rig.delivered(2)
    assert [(row.meter_start_wh, row.meter_stop_wh) for row in rows] == [
        (12_345, first_wh),
        (first_wh, (await rig.connector())["energy_wh"]),
    ]
    rig.clean()


@pytest.mark.section("4.7")
async def test_an_offline_session_of_a_blocked_card_ends_when_the_answer_comes(rigs: Rigs) -> None:
    tags = {"blocked": IdTag("Blocked")}
    rig = await rigs(speed=100, config={"station.offline_behaviour": "accept_all"}, settings=Settings(id_tags=tags))
    await rig.boot()
    await rig.cs.go_offline()
    await rig.bench.do("plug", connector=1)
    await rig.knows(1, "Preparing")
    await rig.bench.do("tap", id_tag="blocked")
    await rig.contactor("closed")
    await rig.cs.go_online()
    await rig.expect("StopTransaction", reason="DeAuthorized")
    assert (await rig.contactor("open"))["lock"] == "locked"
    rig.clean()


@pytest.mark.section("9.1.12")
@pytest.mark.parametrize(
    ("behaviour", "known", "unknown"),
    [("out_of_service", "refused", "refused"), ("cache", "charges", "refused")],
)
async def test_offline_behaviours(rigs: Rigs, behaviour: str, known: str, unknown: str) -> None:
    rig = await rigs(config={"station.offline_behaviour": behaviour})
    await rig.boot()
    await rig.charging(id_tag="KNOWN")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    await rig.cs.go_offline()
    for tag, expected in (("KNOWN", known), ("UNKNOWN", unknown)):
        await rig.knows(1, "Available")
        await rig.bench.do("plug", connector=1)
        await rig.knows(1, "Preparing")
        await rig.bench.do("tap", id_tag=tag, hold_s=0.05)
        if expected == "charges":
            await rig.contactor("closed")
        else:
            await rig.lamp("refused")
            assert (await rig.connector())["contactor"] == "open"
        await rig.bench.do("unplug", connector=1)
    await rig.cs.go_online()
    rows = await rig.delivered(1 + [known, unknown].count("charges"))
    assert {row.id_tag for row in rows} <= {"KNOWN", "UNKNOWN"}
    rig.clean()


@pytest.mark.section("4.8")
async def test_lost_answers_and_cut_connections_double_nothing(rigs: Rigs) -> None:
    """Booked and then: the link goes, no answer comes, the answer comes twice."""
    patient = Settings(patience_s=0.1)  # a frame that was read late looks as if the next one had come early
    config = {"central_system.call_timeout_s": 0.5}
    rig = await rigs(speed=1000, config=config, keys={"WebSocketPingInterval": 1}, settings=patient)
    await rig.boot()
    for action in ("StartTransaction", "StopTransaction"):
        rig.cs.rules.next(action, close=True, times=4)
        rig.cs.rules.next(action, drop=True)
        rig.cs.rules.next(action, twice=True)
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.contactor("closed")
    await rig.grows(2_000)
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    (row,) = await rig.delivered()
    await rig.station.until(lambda: True if len(row.stop_received) == 6 else None, 8)
    assert (len(row.start_received), row.meter_stop_wh) == (6, (await rig.connector())["energy_wh"])
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    rig.clean()


@pytest.mark.section("4.8")
async def test_transaction_id_zero_is_an_id(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    rig.cs.rules.next("StartTransaction", merge={"transactionId": 0})
    await rig.charging()
    assert await rig.call("RemoteStopTransaction", transactionId=0) == {"status": "Accepted"}
    await rig.expect("StopTransaction", transactionId=0, reason="Remote")
    rig.clean()


@pytest.mark.section("9.1.31")
async def test_a_start_that_spent_its_attempts_can_be_replayed_and_holds_nobody_up(rigs: Rigs) -> None:
    rig = await rigs(keys={"TransactionMessageAttempts": 2})
    await rig.boot()
    rig.cs.rules.next("StartTransaction", error="InternalError", times=2)
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("tap", id_tag="FIRST", hold_s=0.05)
    for _ in range(2):
        await rig.expect("StartTransaction", idTag="FIRST")
    await rig.bench.do("tap", id_tag="FIRST", hold_s=0.05)
    await rig.expect("StopTransaction", idTag="FIRST")
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    await rig.charging(id_tag="SECOND")
    config = ("--config", str(rig.config))
    status, out, _ = await rig.command("dead-letters", *config)
    assert (status, "StartTransaction" in out, "InternalError" in out) == (0, True, True)
    status, out, _ = await rig.command("ledger", *config)
    assert (status, "start dead, stop confirmed" in out) == (0, True)
    status, out, _ = await rig.command("dead-letters", "replay", "--all", *config)
    assert (status, out.startswith("back in the queue")) == (0, True)
    await rig.expect("StartTransaction", idTag="FIRST")
    assert str(rig.cs.complaints[0]) == f"{rig.identity}: StopTransaction of transaction -1, which was never started"
    assert not rig.cs.violations
