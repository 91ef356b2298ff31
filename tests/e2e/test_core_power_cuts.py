"""The process dies in every phase, is told to end, or is reset: one start, one stop, and the register that is true."""

import asyncio

import pytest

from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, Rig

TO_THE_DARK_S = 0.3  # nobody holds the coil


async def back(rig: Rig) -> None:
    """The dark, a contactor that falls open at once, and light again."""
    await rig.kill()
    await rig.contactor("open", timeout_s=TO_THE_DARK_S)
    rig.cs.rules.clear()
    await rig.cs.go_online()
    await rig.boot()


async def plug_and_tap(rig: Rig) -> None:
    await rig.bench.do("plug", connector=1)
    await rig.status(1, "Preparing")
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)


@pytest.mark.section("3.6")
async def test_killed_before_anything_was_begun(rigs: Rigs) -> None:
    """While a card is checked, and while an authorisation waits for a plug."""
    rig = await rigs()
    await rig.boot()
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.status(1, "Preparing")
    await back(rig)
    rig.cs.rules.next("Authorize", drop=True)
    await plug_and_tap(rig)
    await rig.expect("Authorize", idTag=CARD)
    await back(rig)
    assert rig.statuses(1)[-1] == "Preparing"
    assert rig.rows == []
    rig.clean()


@pytest.mark.section("3.6")
@pytest.mark.parametrize("booked", [True, False])
async def test_killed_before_start_transaction_was_answered(rigs: Rigs, booked: bool) -> None:
    rig = await rigs(speed=1000)
    await rig.boot()
    rig.cs.rules.next("StartTransaction", drop=True, book=booked)
    await plug_and_tap(rig)
    await rig.contactor("closed")
    await rig.grows(1_000)
    await back(rig)
    (row,) = await rig.delivered()
    assert (row.reason, row.meter_stop_wh) == ("PowerLoss", (await rig.connector())["energy_wh"])
    rig.clean()


@pytest.mark.section("3.6")
@pytest.mark.parametrize("online", [True, False])
async def test_killed_in_mid_charge(rigs: Rigs, online: bool) -> None:
    rig = await rigs(speed=1000, keys={"MeterValueSampleInterval": 1})
    await rig.boot()
    await rig.charging()
    if not online:
        await rig.cs.go_offline()
    await rig.grows(2_000)
    await back(rig)
    (row,) = await rig.delivered()
    assert (row.reason, row.meter_stop_wh) == ("PowerLoss", (await rig.connector())["energy_wh"])
    assert rig.statuses(1)[-1] == "Finishing"
    await rig.bench.do("unplug", connector=1)
    await rig.status(1, "Available")
    rig.clean()


@pytest.mark.section("3.6")
async def test_killed_at_the_end_of_a_session(rigs: Rigs) -> None:
    """As the contacts open, before the answer to StopTransaction, and after it."""
    rig = await rigs(speed=1000)
    await rig.boot()
    for number, until in enumerate(("contacts", "answer", "told"), start=1):
        await rig.charging()
        await rig.grows(1_000)
        if until == "answer":
            rig.cs.rules.next("StopTransaction", drop=True)
        await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
        await rig.contactor("open")
        if until != "contacts":
            await rig.expect("StopTransaction")
        if until == "told":
            await rig.status(1, "Finishing")
        await back(rig)
        rows = await rig.delivered(number)
        assert rows[-1].meter_stop_wh == (await rig.connector())["energy_wh"], until
        await rig.bench.do("unplug", connector=1)
        await rig.status(1, "Available")
    assert {row.reason for row in rig.rows} <= {"Local", "PowerLoss"}
    rig.clean()


@pytest.mark.section("3.6")
async def test_a_session_may_go_on_after_the_dark(rigs: Rigs) -> None:
    rig = await rigs(speed=1000, config={"station.after_power_loss": "resume"})
    await rig.boot()
    await rig.charging()
    await rig.grows(1_000)
    await back(rig)
    await rig.contactor("closed")
    await rig.grows(1_000)
    await rig.bench.do("tap", id_tag=CARD)
    (row,) = await rig.delivered()
    assert (row.reason, row.meter_stop_wh) == ("Local", (await rig.connector())["energy_wh"])
    rig.clean()


@pytest.mark.section("6.49")
async def test_the_power_fail_warning_is_used_before_the_dark(rigs: Rigs) -> None:
    rig = await rigs(speed=1000)
    await rig.boot()
    await rig.charging()
    await rig.bench.do("mains", on=False)
    register_wh = (await rig.contactor("open", timeout_s=0.5))["energy_wh"]
    await rig.expect("StopTransaction", reason="PowerLoss", meterStop=register_wh)
    await rig.bench.do("mains", on=True)
    await back(rig)
    assert len(await rig.delivered()) == 1
    rig.clean()


@pytest.mark.parametrize("hindrance", ["none", "frozen link", "silent meter"])
async def test_sigterm_opens_at_once_and_ends_within_5_s(rigs: Rigs, hindrance: str) -> None:
    rig = await rigs(speed=1000)
    await rig.boot()
    await rig.charging()
    await rig.grows(1_000)
    if hindrance == "frozen link":
        rig.station.freeze()
    if hindrance == "silent meter":
        await rig.bench.do("meter", connector=1, online=False)
    assert rig.process is not None
    ended = asyncio.create_task(rig.process.terminate())
    await rig.contactor("open", timeout_s=0.5)
    status, took_s = await ended
    assert (status, took_s < 5.0) == (0, True)
    await rig.bench.do("meter", connector=1, online=True)
    await rig.boot()
    (row,) = await rig.delivered()
    if hindrance != "silent meter":
        assert row.meter_stop_wh == (await rig.connector())["energy_wh"]
    rig.clean()


@pytest.mark.section("5.14")
@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_ends_the_process_for_its_manager(rigs: Rigs, kind: str) -> None:
    rig = await rigs(speed=1000, connectors=2)
    await rig.boot(connectors=2)
    await rig.charging()
    assert await rig.call("ChangeAvailability", connectorId=2, type="Inoperative") == {"status": "Accepted"}
    await rig.status(2, "Unavailable")
    await rig.grows(1_000)
    assert await rig.call("Reset", type=kind) == {"status": "Accepted"}
    await rig.contactor("open", timeout_s=0.5)
    assert rig.process is not None
    assert await rig.process.exited(within_s=10) == 75
    if kind == "Soft":
        assert len(rig.sent("StopTransaction")) == 1, "delivered before it went"
    rig.station.forget()
    await rig.boot(connectors=2)
    (row,) = await rig.delivered()
    assert (row.reason, row.meter_stop_wh) == (f"{kind}Reset", (await rig.connector())["energy_wh"])
    assert rig.statuses(2)[-1] == "Unavailable"
    rig.clean()


@pytest.mark.section("5.2")
async def test_a_change_of_availability_waits_for_the_session_and_survives(rigs: Rigs) -> None:
    rig = await rigs(connectors=2)
    await rig.boot(connectors=2)
    await rig.charging(2)
    assert await rig.call("ChangeAvailability", connectorId=0, type="Inoperative") == {"status": "Scheduled"}
    await rig.status(1, "Unavailable")
    assert (await rig.connector(2))["contactor"] == "closed"
    await rig.bench.do("tap", id_tag=CARD, hold_s=0.05)
    await rig.expect("StopTransaction")
    await rig.status(2, "Unavailable")
    await rig.kill()
    rig.station.forget()
    await rig.boot(connectors=2)
    assert [rig.statuses(number)[-1] for number in range(3)] == ["Unavailable"] * 3
    assert await rig.call("ChangeAvailability", connectorId=0, type="Operative") == {"status": "Accepted"}
    await rig.status(1, "Available")
    rig.clean()
